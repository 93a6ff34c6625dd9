/// Topics: a stream, a dot, a key (`charging.METER_001`). Sequence numbers and subscriptions are per stream.
public enum Topic {
    public enum Stream: String, Sendable, CaseIterable {
        case vehicles, charging, alerts, radar, solar, jobs, fleet
    }

    public static func charging(_ meter: String) -> String { "charging.\(meter)" }
    public static func jobs(_ kind: String) -> String { "jobs.\(kind)" }
    /// The live state of a car, by its number.
    public static func vehicles(_ car: Int64) -> String { "vehicles.\(car)" }
    /// Alerts of a device, by its UUID.
    public static func alerts(_ device: String) -> String { "alerts.\(device)" }

    /// The part before the first dot.
    public static func stream(of topic: String) -> String {
        topic.utf8.firstIndex(of: UInt8(ascii: ".")).map { String(topic[..<$0]) } ?? topic
    }
}

/// An event as listeners get it.
public struct Event: Hashable, Sendable {
    public var topic: String
    /// A JSON document.
    public var payload: [UInt8]
    /// A state: only the newest counts.
    public var isState: Bool
    /// The broker's epoch and its number of the event within the stream.
    public var epoch: Int64
    public var sequence: UInt64

    public init(topic: String, payload: [UInt8], isState: Bool, epoch: Int64, sequence: UInt64) {
        self.topic = topic
        self.payload = payload
        self.isState = isState
        self.epoch = epoch
        self.sequence = sequence
    }
}
