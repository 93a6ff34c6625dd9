public import Protocol

/// What the core wants sent: one frame per peer and per stream, flushed once a tick.
public struct Outbox {
    public struct Destination {
        public let identity: [UInt8]
        public var frame: FrameWriter
        var isDirty: Bool
    }

    private var destinations: [PeerID: Destination] = [:]
    private var dirty: [PeerID] = []
    private var streams: [String: FrameWriter] = [:]
    private var dirtyStreams: [String] = []

    mutating func add(_ peer: PeerID, identity: [UInt8]) {
        destinations[peer] = Destination(identity: identity, frame: FrameWriter(), isDirty: false)
    }

    mutating func remove(_ peer: PeerID) { destinations[peer] = nil }

    mutating func send(_ peer: PeerID, _ header: Header, name: some Collection<UInt8>, payload: some Collection<UInt8>) {
        guard let index = destinations.index(forKey: peer) else { return }
        destinations.values[index].frame.append(header, name: name, payload: payload)
        if !destinations.values[index].isDirty {
            destinations.values[index].isDirty = true
            dirty.append(peer)
        }
    }

    mutating func send(_ peer: PeerID, _ header: Header, name: String = "", payload: [UInt8] = []) {
        send(peer, header, name: name.utf8, payload: payload)
    }

    mutating func broadcast(_ stream: String, _ header: Header, name: some Collection<UInt8>, payload: some Collection<UInt8>) {
        let wasEmpty = streams[stream]?.isEmpty ?? true
        streams[stream, default: FrameWriter()].append(header, name: name, payload: payload)
        if wasEmpty { dirtyStreams.append(stream) }
    }

    /// Hands each gathered frame to `deliver` (identity, bytes); false from it means that the peer is gone.
    public mutating func flush(_ deliver: (PeerID, [UInt8], [UInt8]) -> Void) {
        guard !dirty.isEmpty else { return }
        let peers = dirty
        dirty.removeAll(keepingCapacity: true)
        for peer in peers {
            guard let index = destinations.index(forKey: peer) else { continue }
            deliver(peer, destinations.values[index].identity, destinations.values[index].frame.bytes)
            destinations.values[index].frame.reset()
            destinations.values[index].isDirty = false
        }
    }

    /// Hands each stream's gathered events to `deliver` (stream, bytes).
    public mutating func flushStreams(_ deliver: (String, [UInt8]) -> Void) {
        guard !dirtyStreams.isEmpty else { return }
        for stream in dirtyStreams {
            guard let frame = streams[stream] else { continue }
            deliver(stream, frame.bytes)
            streams[stream]?.reset()
        }
        dirtyStreams.removeAll(keepingCapacity: true)
    }

    public var isEmpty: Bool { dirty.isEmpty && dirtyStreams.isEmpty }
}
