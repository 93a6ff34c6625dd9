import Bytes

/// The timeline as `alert_state.state` keeps it: arrays of numbers.
///
/// `{"f":fingerprint,"n":count,"l":too late,"h":machine,"m":machine,"o":machine}`; a machine is
/// `[at,[phase,last] × types,[at,level, …]]`, absent when no report has been applied.
extension AlertTimeline {
    init?(_ json: JSONValue) {
        self.init()
        guard json.object != nil else { return nil }
        fingerprint = Int64(json["f"]?.int ?? 0)
        count = Int64(json["n"]?.int ?? 0)
        tooLate = Int64(json["l"]?.int ?? 0)
        for (name, path) in [("h", \AlertTimeline.head), ("m", \.middle), ("o", \.oldest)] {
            guard let value = json[name] else { continue }
            guard let machine = AlertMachine(value) else { return nil }
            self[keyPath: path] = machine
        }
    }

    var json: [UInt8] {
        var w = JSONWriter(capacity: 256)
        w.object { w in
            w.member("f", Int(fingerprint))
            w.member("n", Int(count))
            if tooLate != 0 { w.member("l", Int(tooLate)) }
            if head.isMoved {
                w.key("h")
                head.write(&w)
            }
            if middle.isMoved {
                w.key("m")
                middle.write(&w)
            }
            if oldest.isMoved {
                w.key("o")
                oldest.write(&w)
            }
        }
        return w.bytes
    }
}

extension AlertMachine {
    fileprivate var isMoved: Bool { at.microseconds != .min }

    fileprivate init?(_ json: JSONValue) {
        self.init()
        guard let items = json.array, items.count == 2 + conditions.count, let at = items[0].int, let flat = items[items.count - 1].array, flat.count % 2 == 0
        else { return nil }
        self.at = Timestamp(microseconds: Int64(at))
        for slot in conditions.indices {
            guard let phase = items[1 + slot][0]?.int.flatMap({ Phase(rawValue: Int64($0)) }) else { return nil }
            conditions[slot] = Condition(phase: phase, last: items[1 + slot][1]?.int.map { Timestamp(microseconds: Int64($0)) })
        }
        for i in stride(from: 0, to: flat.count, by: 2) {
            guard let at = flat[i].int, let level = flat[i + 1].int else { return nil }
            peaks.append(Point(at: Timestamp(microseconds: Int64(at)), level: Int64(level)))
        }
    }

    fileprivate func write(_ w: inout JSONWriter) {
        w.array { w in
            w.value(at.microseconds)
            for condition in conditions {
                w.array { w in
                    w.value(condition.phase.rawValue)
                    if let last = condition.last { w.value(last.microseconds) }
                }
            }
            w.array { w in
                for peak in peaks {
                    w.value(peak.at.microseconds)
                    w.value(peak.level)
                }
            }
        }
    }
}
