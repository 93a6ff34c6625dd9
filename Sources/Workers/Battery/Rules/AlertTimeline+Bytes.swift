import Bytes

/// The timeline as `battery_latest.alert_state` keeps it: written and read once for each group of a device's reports, so it is small and needs no parser.
///
/// Nothing at all for a new device, else `1 u8 · fingerprint i64 · count · too late · head · middle · oldest`. A machine is `at i64`, the earliest
/// instant when it has seen no report, else followed by `phase u8` of each type (from bit 7 on: `at - last` comes next), how many peaks, and
/// `at - peak.at · level` of each. Numbers without a type have seven bits in a byte, low ones first, the sign in bit 0; all is little-endian.
extension AlertTimeline {
    private static let version: UInt8 = 1

    /// nil when the bytes are not such a timeline.
    init?(_ bytes: [UInt8]) {
        self.init()
        if bytes.isEmpty { return }
        guard bytes[0] == Self.version else { return nil }
        var reader = StateReader(bytes, from: 1)
        guard let fingerprint = reader.fixed(), let count = reader.number(), let tooLate = reader.number(), let head = AlertMachine(&reader),
            let middle = AlertMachine(&reader), let oldest = AlertMachine(&reader), reader.isAtEnd
        else { return nil }
        self.fingerprint = fingerprint
        self.count = count
        self.tooLate = tooLate
        self.head = head
        self.middle = middle
        self.oldest = oldest
    }

    var bytes: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(256)
        out.append(Self.version)
        StateWriter.fixed(fingerprint, &out)
        StateWriter.number(count, &out)
        StateWriter.number(tooLate, &out)
        for machine in [head, middle, oldest] { machine.write(&out) }
        return out
    }
}

extension AlertMachine {
    private static let hasLast: UInt8 = 0x80

    fileprivate init?(_ reader: inout StateReader) {
        self.init()
        guard let at = reader.fixed() else { return nil }
        if at == .min { return }
        self.at = Timestamp(microseconds: at)
        for slot in conditions.indices {
            guard let first = reader.byte(), let phase = Phase(rawValue: Int64(first & ~Self.hasLast)) else { return nil }
            conditions[slot].phase = phase
            guard first & Self.hasLast != 0 else { continue }
            guard let ago = reader.number() else { return nil }
            conditions[slot].last = Timestamp(microseconds: at &- ago)
        }
        guard let count = reader.number(), (0...Int64(Self.maxPeaks)).contains(count) else { return nil }
        peaks.reserveCapacity(Int(count) + 1)
        for _ in 0..<count {
            guard let ago = reader.number(), let level = reader.number() else { return nil }
            peaks.append(Point(at: Timestamp(microseconds: at &- ago), level: level))
        }
    }

    fileprivate func write(_ out: inout [UInt8]) {
        let at = at.microseconds
        StateWriter.fixed(at, &out)
        if at == .min { return }
        for condition in conditions {
            out.append(UInt8(truncatingIfNeeded: condition.phase.rawValue) | (condition.last == nil ? 0 : Self.hasLast))
            if let last = condition.last { StateWriter.number(at &- last.microseconds, &out) }
        }
        StateWriter.number(Int64(peaks.count), &out)
        for peak in peaks {
            StateWriter.number(at &- peak.at.microseconds, &out)
            StateWriter.number(peak.level, &out)
        }
    }
}

private enum StateWriter {
    static func fixed(_ value: Int64, _ out: inout [UInt8]) { withUnsafeBytes(of: value.littleEndian) { out.append(contentsOf: $0) } }

    static func number(_ value: Int64, _ out: inout [UInt8]) {
        var rest = UInt64(bitPattern: value &<< 1 ^ value &>> 63)
        while rest >= 0x80 {
            out.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest &>>= 7
        }
        out.append(UInt8(truncatingIfNeeded: rest))
    }
}

private struct StateReader {
    private let bytes: [UInt8]
    private var position: Int

    init(_ bytes: [UInt8], from start: Int) {
        self.bytes = bytes
        position = start
    }

    var isAtEnd: Bool { position == bytes.count }

    mutating func byte() -> UInt8? {
        guard position < bytes.count else { return nil }
        position += 1
        return bytes[position - 1]
    }

    mutating func fixed() -> Int64? {
        guard bytes.count - position >= 8 else { return nil }
        let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: position, as: Int64.self) }
        position += 8
        return Int64(littleEndian: value)
    }

    mutating func number() -> Int64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while shift < 64, let next = byte() {
            value |= UInt64(next & 0x7F) &<< shift
            if next < 0x80 { return Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1) }
            shift += 7
        }
        return nil
    }
}
