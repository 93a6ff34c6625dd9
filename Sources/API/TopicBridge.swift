import Bytes
import Protocol
import Reactor

/// Takes events from the bus to a loop's WebSockets, and keeps the last one of each state for those who come later.
final class TopicBridge {
    /// The streams that clients may follow.
    static let streams: [Topic.Stream] = [.charging, .alerts, .vehicles]
    /// States kept; further topics are passed on and not kept.
    static let bound = 200_000
    /// A meter's warnings travel beside its readings under a name of their own, so that the last ones of both are kept.
    private static let warningSuffix = ".warning"
    private static let warningStart = Array("{\"type\":\"warning\"".utf8)

    private let hub: WebSocketHub
    private let audience: AlertAudience
    /// By the bus's topic: what clients know it by, and the frame.
    private var last: [String: (topic: String, frame: SharedFrame)] = [:]
    private(set) var unreadable = 0

    var count: Int { last.count }

    init(_ hub: WebSocketHub, _ audience: AlertAudience) {
        self.hub = hub
        self.audience = audience
        hub.onSubscribe = { [unowned self] patterns in lastValues(patterns) }
    }

    func take(_ event: Event) {
        guard event.payload.count > 2, event.payload.first == UInt8(ascii: "{") else {
            unreadable += 1
            return Log.warning("an event is no JSON object", ["topic": event.topic])
        }
        if Topic.stream(of: event.topic) == Topic.Stream.alerts.rawValue {
            // Nothing is kept of them: who comes later asks the API.
            return audience.take(event.topic, SharedFrame(text: Self.named(event.topic, event.payload)))
        }
        let isWarning = event.topic.hasSuffix(Self.warningSuffix) && event.payload.starts(with: Self.warningStart)
        let topic = isWarning ? String(event.topic.dropLast(Self.warningSuffix.count)) : event.topic
        let frame = SharedFrame(text: Self.named(topic, event.payload), key: event.isState ? event.topic : nil)
        if event.isState, last.count < Self.bound || last[event.topic] != nil { last[event.topic] = (topic, frame) }
        hub.publish(topic: topic, frame)
    }

    /// `{"topic":"…",` in front of the members that the payload has.
    static func named(_ topic: String, _ payload: [UInt8]) -> [UInt8] {
        var w = JSONWriter(capacity: payload.count + topic.utf8.count + 16)
        w.beginObject()
        w.member("topic", topic)
        w.bytes.append(UInt8(ascii: ","))
        w.bytes.append(contentsOf: payload.dropFirst())
        return w.bytes
    }

    private func lastValues(_ patterns: [TopicPattern]) -> [SharedFrame] {
        if patterns.contains(where: \.isPrefix) {
            return last.values.filter { known in patterns.contains { $0.matches(known.topic) } }.map(\.frame)
        }
        var frames: [SharedFrame] = []
        for pattern in patterns {
            for name in [pattern.text, pattern.text + Self.warningSuffix] {
                if let known = last[name], known.topic == pattern.text { frames.append(known.frame) }
            }
        }
        return frames
    }
}
