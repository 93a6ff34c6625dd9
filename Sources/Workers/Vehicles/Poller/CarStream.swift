import Bytes
import Fetch
import Reactor

/// Follows one car's stream for as long as it is wanted: connects, subscribes, and comes back after everything that happens to streams.
final class CarStream {
    /// Who hears of it.
    struct Listener {
        /// A frame with its text, or an event.
        let input: (VehicleInput, [UInt8]) -> Void
        /// The token is not taken; the next one comes by `use`.
        let refused: () -> Void
    }

    private let tag: String
    private let options: VehicleOptions
    private let fetcher: Fetcher
    private let now: () -> Timestamp
    private let listener: Listener
    private var tokens: TokenPair?
    private var url = ""
    private var socket: WebSocketClient?
    private var pace: StreamPace
    private var timer: EventLoop.Timer?
    private var isSubscribed = false
    private var isOver = false
    /// What the listener was told last.
    private var isConnected = false
    /// The token that the server refused.
    private var refusedToken: String?
    private(set) var connects = 0

    /// Frames of one car are short.
    private static let mostMessage = 64 << 10
    /// After `owner_api error` the server is left alone for so long, s.
    private static let ownerErrorSeconds = 300.0

    init(tag: String, options: VehicleOptions, fetcher: Fetcher, now: @escaping () -> Timestamp, on listener: Listener) {
        self.tag = tag
        self.options = options
        self.fetcher = fetcher
        self.now = now
        self.listener = listener
        pace = StreamPace(reconnectSeconds: options.streamReconnectSeconds)
    }

    func start(_ tokens: TokenPair, _ hosts: VehicleHosts, on loop: isolated EventLoop) {
        self.tokens = tokens
        url = hosts.stream
        connect(on: loop)
    }

    /// The account has these tokens now: the subscription is made again with them.
    func use(_ tokens: TokenPair, _ hosts: VehicleHosts?, on loop: isolated EventLoop) {
        guard !isOver, tokens != self.tokens else { return }
        self.tokens = tokens
        if let hosts { url = hosts.stream }
        if refusedToken != nil { connect(on: loop) } else if isSubscribed { subscribe(on: loop) }
    }

    /// The rotation that a refusal is about, where the account still has that token.
    func rotation(of account: VehicleAccount) -> Int64? { account.tokens?.access == refusedToken ? account.rotation : nil }

    /// Ends it in order.
    func stop() {
        if isSubscribed { socket?.send(text: StreamMessage.unsubscribe(tag: tag)) }
        isOver = true
        socket?.close()
        drop()
    }

    /// Ends it at once.
    func drop() {
        isOver = true
        // A timer that still comes finds that it is over.
        timer = nil
        socket?.drop()
        socket = nil
    }

    // MARK: The connection

    private func connect(on loop: isolated EventLoop) {
        disconnect(on: loop)
        guard !isOver else { return }
        refusedToken = nil
        connects += 1
        var socketOptions = WebSocketClient.Options()
        socketOptions.handshakeMs = options.deadlineMs
        socketOptions.maxMessage = Self.mostMessage
        do throws(FetchFailure) {
            socket = try WebSocketClient(url, socketOptions, through: fetcher) { [weak self] event in self?.onEvent(event, on: loop) }
        } catch {
            Log.error("vehicle stream: not even tried", ["url": url, "reason": error.reason])
            again(in: Self.ownerErrorSeconds, on: loop) { $0.connect(on: loop) }
        }
    }

    private func disconnect(on loop: isolated EventLoop) {
        if let timer { loop.cancel(timer) }
        timer = nil
        socket?.drop()
        socket = nil
        isSubscribed = false
    }

    private func again(in seconds: Double, on loop: isolated EventLoop, _ body: @escaping (CarStream) -> Void) {
        if let timer { loop.cancel(timer) }
        timer = loop.after(ns: options.ns(seconds)) { [weak self] in
            guard let self, !isOver else { return }
            timer = nil
            body(self)
        }
    }

    private func onEvent(_ event: WebSocketClient.Event, on loop: isolated EventLoop) {
        guard !isOver else { return }
        switch event {
        case .opened: subscribe(on: loop)
        // The server sends its texts in binary frames, too.
        case .text(let text), .binary(let text): onMessage(StreamMessage(text), on: loop)
        case .ended(let end):
            Log.debug("vehicle stream ended", ["tag": tag, "end": "\(end)"])
            tell(false)
            disconnect(on: loop)
            again(in: pace.lost(.random(in: 0..<1)), on: loop) { $0.connect(on: loop) }
        }
    }

    private func subscribe(on loop: isolated EventLoop) {
        guard let tokens, let socket else { return }
        socket.send(text: StreamMessage.subscribe(tokens.access, tag: tag))
        isSubscribed = true
        waitForFrames(on: loop)
    }

    private func waitForFrames(on loop: isolated EventLoop) {
        again(in: pace.patienceSeconds, on: loop) { stream in
            stream.tell(false)
            if stream.pace.silent() { stream.listener.input(.stream(.inactive), []) }
            guard !stream.isOver else { return }
            stream.connect(on: loop)
        }
    }

    private func tell(_ isConnected: Bool) {
        guard isConnected != self.isConnected else { return }
        self.isConnected = isConnected
        listener.input(.stream(isConnected ? .connected : .disconnected), [])
    }

    // MARK: What the server says

    private func onMessage(_ message: StreamMessage, on loop: isolated EventLoop) {
        switch message {
        case .update(let tag, let value):
            let receivedAt = now()
            guard tag == self.tag, isSubscribed, let frame = StreamFrame(value: value, receivedAt: receivedAt) else { return }
            pace.frame(hasShift: frame.shift != nil)
            tell(true)
            listener.input(.frame(frame), Array(value.utf8))
            if !isOver { waitForFrames(on: loop) }
        case .error(let tag, let kind, let value):
            guard tag == nil || tag == self.tag else { return }
            onError(kind, value, on: loop)
        case .hello, .other: break
        }
    }

    private func onError(_ kind: String, _ value: String, on loop: isolated EventLoop) {
        switch kind {
        case "vehicle_disconnected":
            tell(false)
            isSubscribed = false
            let next = pace.vehicleDisconnected(.random(in: 0..<1))
            again(in: next.seconds, on: loop) { stream in
                if next.isNewConnection || stream.socket == nil { stream.connect(on: loop) } else { stream.subscribe(on: loop) }
            }
        case "vehicle_error" where value.contains("offline"):
            tell(false)
            listener.input(.stream(.vehicleOffline), [])
        case "client_error" where value.contains("owner_api error"):
            tell(false)
            disconnect(on: loop)
            again(in: Self.ownerErrorSeconds, on: loop) { $0.connect(on: loop) }
        case "client_error" where value.contains("validate token"):
            tell(false)
            disconnect(on: loop)
            refusedToken = tokens?.access
            // Should no other token come, the same is tried again some time.
            again(in: Self.ownerErrorSeconds, on: loop) { $0.connect(on: loop) }
            listener.refused()
        default:
            Log.warning("vehicle stream: an error that nobody knows", ["tag": tag, "type": String(kind.prefix(60)), "value": String(value.prefix(120))])
        }
    }
}
