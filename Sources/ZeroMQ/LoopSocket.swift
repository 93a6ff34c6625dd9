public import Reactor

/// A socket watched by a loop: received parts are handed to `onPart`, sends gather until the end of the tick.
///
/// The edge-triggered descriptor of libzmq is hidden here: after it fired and after every burst of sends the socket is
/// read until nothing is left, at most `partsPerTick` parts at a time so that one busy peer cannot starve the loop.
public final class LoopSocket {
    static let partsPerTick = 2_000

    private let socket: ZMQSocket
    private let message = ZMQMessage()
    private var watch: EventLoop.Watch?
    private var scheduled = false
    private let onMessage: (borrowing ZMQSocket, borrowing ZMQMessage) -> Void
    private let onBurst: () -> Void

    /// - Parameters:
    ///   - onMessage: called with the first part of each message; it must receive the rest through the socket.
    ///   - onBurst: called once after a burst of messages.
    public init(
        _ socket: consuming ZMQSocket, on loop: isolated EventLoop, onMessage: @escaping (borrowing ZMQSocket, borrowing ZMQMessage) -> Void,
        onBurst: @escaping () -> Void
    ) throws(ZMQError) {
        self.socket = socket
        self.onMessage = onMessage
        self.onBurst = onBurst
        let fd = try self.socket.descriptor
        watch = loop.watch(fd, .read) { [weak self] _ in self?.pump(on: loop) }
        // Anything that happened before the descriptor was watched showed no edge.
        schedulePump(on: loop)
    }

    /// Reads now what is there; call after sending.
    public func schedulePump(on loop: isolated EventLoop) {
        guard !scheduled, watch != nil else { return }
        scheduled = true
        loop.atEndOfTick { [weak self] in
            guard let self else { return }
            scheduled = false
            pump(on: loop)
        }
    }

    public func withSocket<T, E: Error>(_ body: (borrowing ZMQSocket) throws(E) -> T) throws(E) -> T { try body(socket) }

    public func close(on loop: isolated EventLoop) {
        if let watch { loop.unwatch(watch) }
        watch = nil
    }

    private func pump(on loop: isolated EventLoop) {
        guard watch != nil else { return }
        var parts = 0
        while parts < Self.partsPerTick, watch != nil, socket.receive(into: message) {
            onMessage(socket, message)
            parts += 1
        }
        if parts > 0 {
            onBurst()
            // More may be waiting, and no new edge will tell.
            schedulePump(on: loop)
        }
    }
}
