public import HTTP
import Reactor

/// A WebSocket to a server: handshake, messages, pings, closing, all bounded.
public final class WebSocketClient {
    public struct Options: Sendable {
        /// From the beginning to the server's answer, ms.
        public var handshakeMs = 10_000
        /// Of a message that comes in.
        public var maxMessage = 1 << 20
        /// A ping after so long, and the end when nothing at all has come until the next one, ms; 0: never.
        public var pingMs = 30_000
        /// Fields of the handshake beside its own.
        public var fields: [(String, String)] = []
        public init() {}
    }

    public enum Event {
        case opened
        case text([UInt8])
        case binary([UInt8])
        /// The last event.
        case ended(End)
    }

    public enum End: Sendable {
        /// The server's close frame; nil where it gave no code.
        case closed(CloseCode?, reason: String)
        /// The connection: it did not come about, broke, or what came is no WebSocket.
        case failed(FetchFailure)
    }

    private static let headBound = 16_384
    /// How long a server may take to answer a close frame, ms.
    private static let closeMs = 2_000

    private let address: WebSocketAddress
    private let options: Options
    private let port: FetchPort
    private let onEvent: (Event) -> Void
    private let nonce = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
    private var transport: SocketTransport?
    private var decoder: WebSocketDecoder
    private var head: [UInt8] = []
    private var isOpen = false
    private var isClosing = false
    private var isEnded = false
    private var isSilent = false
    private var timer: EventLoop.Timer?

    /// Begins to connect; everything else is told by events.
    ///
    /// - Parameter url: `ws://` or `wss://`. Errors: `FetchFailure` of kind `invalid`.
    public init(_ url: String, _ options: Options = Options(), through fetcher: Fetcher, onEvent: @escaping (Event) -> Void) throws(FetchFailure) {
        guard let address = WebSocketAddress(url) else { throw FetchFailure(.invalid, "the URL is neither ws nor wss") }
        self.address = address
        self.options = options
        port = fetcher.port
        self.onEvent = onEvent
        decoder = WebSocketDecoder(.client, maxMessage: options.maxMessage)
        transport = try SocketTransport(address.connectURL, through: fetcher, deadlineMs: options.handshakeMs) { [weak self] event in self?.on(event) }
        timer = port.after(options.handshakeMs) { [weak self] in self?.end(.failed(FetchFailure(.timeout, "no handshake in time"))) }
    }

    deinit { if let timer { port.cancel(timer) } }

    public func send(text: [UInt8]) { write(.text, text) }

    /// Says goodbye and waits for the answer a little; the end is told by an event.
    public func close(_ code: CloseCode = .normal) {
        guard !isEnded else { return }
        guard isOpen, !isClosing else {
            if !isClosing { end(.closed(code, reason: "")) }
            return
        }
        isClosing = true
        transport?.send(WebSocketFrame.close(code, mask: Self.mask))
        setTimer(Self.closeMs) { $0.end(.closed(code, reason: "")) }
    }

    /// Ends it at once, without another event.
    public func drop() {
        isEnded = true
        stop()
    }

    // MARK: Inside

    private static var mask: UInt32 { UInt32.random(in: .min ... .max) }

    private func write(_ opcode: WebSocketFrame.Opcode, _ payload: [UInt8]) {
        guard isOpen, !isClosing, !isEnded else { return }
        transport?.send(WebSocketFrame.encode(opcode, payload, mask: Self.mask))
    }

    private func setTimer(_ ms: Int, _ body: @escaping (WebSocketClient) -> Void) {
        if let timer { port.cancel(timer) }
        timer = port.after(ms) { [weak self] in
            guard let self, !isEnded else { return }
            body(self)
        }
    }

    private func stop() {
        if let timer { port.cancel(timer) }
        timer = nil
        transport?.close()
        transport = nil
    }

    private func end(_ how: End) {
        guard !isEnded else { return }
        isEnded = true
        stop()
        onEvent(.ended(how))
    }

    private func on(_ event: SocketTransport.Event) {
        guard !isEnded else { return }
        switch event {
        case .opened:
            transport?.send(WebSocketHandshake.request(host: address.host, target: address.target, nonce: nonce, fields: options.fields))
        case .bytes(let bytes):
            isSilent = false
            if isOpen { read(bytes) } else { readHead(bytes) }
        case .ended(let failure):
            end(.failed(failure ?? FetchFailure(.connection, "the server has closed the connection")))
        }
    }

    private func readHead(_ bytes: UnsafeBufferPointer<UInt8>) {
        head += bytes
        guard let end = (0..<max(0, head.count - 3)).first(where: { head[$0] == 13 && head[$0 + 1] == 10 && head[$0 + 2] == 13 && head[$0 + 3] == 10 }) else {
            if head.count > Self.headBound { self.end(.failed(FetchFailure(.connection, "the handshake's answer is too long"))) }
            return
        }
        if let refusal = WebSocketHandshake.refusal(head[..<end], nonce: nonce) {
            return self.end(.failed(FetchFailure(.connection, "the handshake failed: \(refusal)")))
        }
        isOpen = true
        let rest = Array(head[(end + 4)...])
        head = []
        if options.pingMs > 0 { ping() } else if let timer { port.cancel(timer) }
        onEvent(.opened)
        rest.withUnsafeBufferPointer { if !isEnded { read($0) } }
    }

    private func ping() {
        setTimer(options.pingMs) { client in
            guard !client.isSilent else { return client.end(.failed(FetchFailure(.timeout, "no answer to a ping"))) }
            client.isSilent = true
            client.write(.ping, [])
            client.ping()
        }
    }

    private func read(_ bytes: UnsafeBufferPointer<UInt8>) {
        var position = 0
        do throws(WebSocketFault) {
            while !isEnded, let event = try decoder.next(bytes, at: &position) { take(event) }
        } catch {
            transport?.send(WebSocketFrame.close(error.code, reason: error.reason, mask: Self.mask))
            end(.failed(FetchFailure(.connection, "the server broke the protocol: \(error.reason)")))
        }
    }

    private func take(_ event: WebSocketDecoder.Event) {
        switch event {
        case .text(let text): if !isClosing { onEvent(.text(text)) }
        case .binary(let bytes): if !isClosing { onEvent(.binary(bytes)) }
        case .ping(let payload): write(.pong, payload)
        case .pong: break
        case .close(let code, let reason):
            if !isClosing { transport?.send(WebSocketFrame.close(code, mask: Self.mask)) }
            end(.closed(code, reason: reason))
        }
    }
}
