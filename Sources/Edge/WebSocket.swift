public import HTTP

/// What a WebSocket route does. One handler serves all sockets of its loop.
public protocol WebSocketHandler: AnyObject {
    /// Looks at the handshake; throws to refuse it with an HTTP error.
    func admit(_ request: Request) throws
    func opened(_ socket: WebSocket, _ request: Request)
    /// A whole text message, valid UTF-8.
    func received(_ socket: WebSocket, text: [UInt8])
    func received(_ socket: WebSocket, binary: [UInt8])
    /// The socket is gone; it takes nothing more.
    func closed(_ socket: WebSocket)
}

extension WebSocketHandler {
    public func admit(_ request: Request) throws {}
    public func received(_ socket: WebSocket, binary: [UInt8]) { socket.close(.unsupportedData, "text only") }
    public func closed(_ socket: WebSocket) {}
}

/// One client's WebSocket. Its queue is bounded: a client that stays slow is conflated, then closed with 3008.
public final class WebSocket {
    private static let ping = SharedFrame(encoded: WebSocketFrame.encode(.ping, []))

    /// The handler's own state for this socket; a `WebSocketHub` keeps its subscriptions here.
    public var attachment: AnyObject?

    private unowned let connection: HTTPConnection
    private let handler: any WebSocketHandler
    private var decoder: WebSocketDecoder
    private var heardNs: Int64
    private var pingNs: Int64
    /// A close frame is sent or received: nothing more goes out, and no message comes in.
    private var isClosing = false
    private var isEnded = false

    init(_ connection: HTTPConnection, _ handler: any WebSocketHandler) {
        self.connection = connection
        self.handler = handler
        decoder = WebSocketDecoder(.server, maxMessage: connection.configuration.webSocketMaxMessage)
        heardNs = connection.nowNs
        pingNs = heardNs + connection.configuration.pingMs * 1_000_000
    }

    public var isOpen: Bool { !isClosing && !isEnded }
    /// Bytes that wait for the client.
    public var queuedBytes: Int { isEnded ? 0 : connection.out.count }

    // MARK: Sending

    /// `text` must be UTF-8.
    public func send(text: [UInt8]) { push(.text, text) }
    public func send(_ text: String) { push(.text, Array(text.utf8)) }
    public func send(binary: [UInt8]) { push(.binary, binary) }

    /// Queues a shared frame by reference.
    public func send(_ frame: SharedFrame) {
        guard isOpen else { return }
        connection.out.append(frame)
        connection.markDirty()
        checkBound()
    }

    /// Sends frames that many sockets get: `joined` is all of them in a row, sent as it is when nothing else waits.
    func send(joined: [UInt8], _ frames: [SharedFrame]) {
        guard isOpen else { return }
        var skip = 0
        if connection.isClear {
            guard let done = connection.sendDirect(joined) else { return connection.server.closeLater(connection) }
            if done == joined.count { return }
            skip = done
        }
        for frame in frames {
            if skip >= frame.bytes.count {
                skip -= frame.bytes.count
            } else if skip > 0 {
                connection.out.append(Array(frame.bytes[skip...]))
                skip = 0
            } else {
                connection.out.append(frame)
            }
        }
        connection.markDirty()
        checkBound()
    }

    private func push(_ opcode: WebSocketFrame.Opcode, _ payload: [UInt8]) {
        guard isOpen else { return }
        connection.out.write { WebSocketFrame.append(opcode, payload, to: &$0) }
        connection.markDirty()
        checkBound()
    }

    /// Past the bound: first the newest of each state is enough; a queue that stays above three quarters belongs to a client that cannot follow.
    private func checkBound() {
        let bound = connection.configuration.webSocketQueue
        guard connection.out.count > bound else { return }
        connection.server.counters.conflated += connection.out.conflate()
        guard connection.out.count > bound / 4 * 3 else { return }
        connection.server.counters.closedSlow += 1
        connection.out.dropUnsent()
        close(.slow, "too slow: connect again and resume")
    }

    /// Starts the closing handshake; the client's answer, or a time-out, ends it.
    public func close(_ code: CloseCode, _ reason: String = "") {
        guard isOpen else { return }
        isClosing = true
        connection.out.write { $0.append(contentsOf: WebSocketFrame.close(code, reason: reason)) }
        connection.setDeadline(ms: connection.configuration.lingerMs)
        connection.markDirty()
    }

    /// Cuts the connection at the end of this tick without a word, as a failing network does.
    package func cut() {
        if !isEnded { connection.server.closeLater(connection) }
    }

    // MARK: Receiving

    func take(_ bytes: UnsafeBufferPointer<UInt8>) {
        heardNs = connection.nowNs
        var position = 0
        do throws(WebSocketFault) {
            while !isEnded, let event = try decoder.next(bytes, at: &position) {
                switch event {
                case .text(let text): if !isClosing { handler.received(self, text: text) }
                case .binary(let binary): if !isClosing { handler.received(self, binary: binary) }
                case .ping(let payload): push(.pong, payload)
                case .pong: break
                case .close(let code, _):
                    if !isClosing {
                        isClosing = true
                        connection.out.write { $0.append(contentsOf: WebSocketFrame.close(code)) }
                    }
                    return connection.finish()
                }
            }
        } catch {
            if !isClosing { close(error.code, error.reason) }
            isClosing = true
            connection.finish()
        }
    }

    func sweep(_ nowNs: Int64) {
        let interval = connection.configuration.pingMs * 1_000_000
        if isClosing { return }
        if nowNs - heardNs > 2 * interval {
            close(.noPong, "no answer to pings")
        } else if nowNs >= pingNs {
            pingNs = nowNs + interval
            send(Self.ping)
        }
    }

    func ended() {
        guard !isEnded else { return }
        isEnded = true
        connection.server.counters.webSockets -= 1
        handler.closed(self)
        attachment = nil
    }
}
