import Protocol

/// What the core wants sent: one frame per peer and per stream, flushed once a tick.
public struct Outbox {
    struct Destination {
        let identity: [UInt8]
        var frame = FrameWriter()
        /// Frames that were full before the tick ended.
        var full: [[UInt8]] = []
        var isDirty = false
    }

    private var destinations: [PeerID: Destination] = [:]
    private var dirty: [PeerID] = []
    private var streams: [String: FrameWriter] = [:]
    private var dirtyStreams: [String] = []
    private var fullStreams: [(stream: String, frame: [UInt8])] = []
    /// Bytes gathered for peers since the last flush.
    private(set) var gathered = 0

    mutating func add(_ peer: PeerID, identity: [UInt8]) {
        destinations[peer] = Destination(identity: identity)
    }

    mutating func remove(_ peer: PeerID) { destinations[peer] = nil }

    mutating func send(_ peer: PeerID, _ header: Header, name: some Collection<UInt8>, payload: some Collection<UInt8>) {
        guard let index = destinations.index(forKey: peer) else { return }
        gathered += Header.size + name.count + payload.count
        if destinations.values[index].frame.isFull(before: name.count + payload.count) {
            destinations.values[index].full.append(destinations.values[index].frame.take())
        }
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
        if streams[stream] == nil { streams[stream] = FrameWriter() }
        guard let index = streams.index(forKey: stream) else { return }
        if streams.values[index].isFull(before: name.count + payload.count) { fullStreams.append((stream, streams.values[index].take())) }
        if streams.values[index].isEmpty { dirtyStreams.append(stream) }
        streams.values[index].append(header, name: name, payload: payload)
    }

    /// Hands each gathered frame to `deliver` (peer, identity, bytes); a peer may get several.
    public mutating func flush(_ deliver: (PeerID, [UInt8], [UInt8]) -> Void) {
        gathered = 0
        guard !dirty.isEmpty else { return }
        let peers = dirty
        dirty.removeAll(keepingCapacity: true)
        for peer in peers {
            guard let index = destinations.index(forKey: peer) else { continue }
            for frame in destinations.values[index].full { deliver(peer, destinations.values[index].identity, frame) }
            destinations.values[index].full = []
            deliver(peer, destinations.values[index].identity, destinations.values[index].frame.bytes)
            destinations.values[index].frame.reset()
            destinations.values[index].isDirty = false
        }
    }

    /// Hands each stream's gathered events to `deliver` (stream, bytes).
    public mutating func flushStreams(_ deliver: (String, [UInt8]) -> Void) {
        guard !dirtyStreams.isEmpty else { return }
        for (stream, frame) in fullStreams { deliver(stream, frame) }
        fullStreams.removeAll()
        for stream in dirtyStreams {
            guard let frame = streams[stream], !frame.isEmpty else { continue }
            deliver(stream, frame.bytes)
            streams[stream]?.reset()
        }
        dirtyStreams.removeAll(keepingCapacity: true)
    }

    public var isEmpty: Bool { dirty.isEmpty && dirtyStreams.isEmpty }
}
