import Bytes
import Protocol

/// Sequence numbers per stream and last values per topic.
struct TopicTable {
    private struct StreamState {
        var sequence: UInt64 = 0
        var values: [String: (sequence: UInt64, payload: [UInt8])] = [:]
    }

    private var streams: [String: StreamState] = [:]
    private(set) var kept = 0
    private let limit: Int
    let epoch: Int64

    init(epoch: Int64, limit: Int) {
        self.epoch = epoch
        self.limit = limit
    }

    /// Numbers an event and, where it is a state, keeps it. Returns nil for the number when the last value had no room.
    mutating func publish(_ view: MessageView, to outbox: inout Outbox) -> Bool {
        publish(topic: view.name, payload: view.payload, isState: view.header.flags.contains(.state), to: &outbox)
    }

    /// Numbers an event of the broker's own.
    mutating func publish(topic: [UInt8], payload: [UInt8], to outbox: inout Outbox) {
        _ = publish(topic: topic, payload: payload, isState: false, to: &outbox)
    }

    private mutating func publish(
        topic name: some Collection<UInt8>, payload: some Collection<UInt8>, isState: Bool, to outbox: inout Outbox
    ) -> Bool {
        let topic = String(decoding: name, as: UTF8.self)
        let stream = Topic.stream(of: topic)
        var hadRoom = true
        if streams[stream] == nil { streams[stream] = StreamState() }
        guard let index = streams.index(forKey: stream) else { return false }
        streams.values[index].sequence += 1
        let sequence = streams.values[index].sequence
        if isState {
            if streams.values[index].values[topic] == nil {
                if kept >= limit { hadRoom = false } else { kept += 1 }
            }
            if hadRoom { streams.values[index].values[topic] = (sequence, Array(payload)) }
        }
        outbox.broadcast(stream, Header(.event, flags: isState ? .state : [], requestID: sequence, aux2: epoch), name: name, payload: payload)
        return hadRoom
    }

    func snapshot(_ stream: String, for peer: PeerID, requestID: UInt64, to outbox: inout Outbox) {
        let state = streams[stream]
        for (topic, value) in state?.values ?? [:] {
            outbox.send(
                peer, Header(.event, flags: [.state, .snapshot], requestID: value.sequence, aux2: epoch), name: topic.utf8, payload: value.payload)
        }
        outbox.send(
            peer, Header(.snapshotEnd, requestID: requestID, aux2: epoch), name: stream.utf8, payload: Array(String(state?.sequence ?? 0).utf8))
    }

    /// Tells every subscriber the last number of each stream, so that a silently dropped event shows within a second.
    func beat(to outbox: inout Outbox) {
        for stream in Topic.Stream.allCases {
            let header = Header(.position, requestID: streams[stream.rawValue]?.sequence ?? 0, aux2: epoch)
            outbox.broadcast(stream.rawValue, header, name: stream.rawValue.utf8, payload: [])
        }
    }

    func write(to w: inout JSONWriter) {
        w.object { w in
            for (name, state) in streams {
                w.key(name)
                w.object { w in
                    w.member("sequence", Int(state.sequence))
                    w.member("last_values", state.values.count)
                }
            }
        }
    }
}
