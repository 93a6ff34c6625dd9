import Bytes
import HTTP

/// Fans topics out to this loop's WebSockets.
///
/// Clients are indexed by pattern. A tick's frames of a pattern are joined once, and every client that has only this pattern and nothing waiting
/// gets them in one `send` of the shared buffer; the others queue references. So a publish costs what it delivers and no more.
public final class WebSocketHub: WebSocketHandler {
    /// Patterns one client may have.
    public static let maxTopics = 64
    /// Joined bytes of a pattern above which it is flushed before the tick ends.
    static let flushBytes = 256 * 1024
    /// Topics whose patterns are remembered.
    static let maxRoutes = 65_536

    /// The last values for new subscriptions, sent before anything that is published later.
    public var onSubscribe: ([TopicPattern]) -> [SharedFrame] = { _ in [] }
    /// May refuse a handshake by throwing.
    public var onAdmit: (Request) throws -> Void = { _ in }
    /// Whether a socket may have a pattern at all.
    public var mayFollow: (WebSocket, TopicPattern) -> Bool = { _, _ in true }
    /// What a client without a `topics` parameter gets.
    public let defaultTopics: [TopicPattern]

    private unowned let server: HTTPServer
    private var channels: [String: TopicChannel] = [:]
    /// Which channels a topic goes to; emptied when channels come and go.
    private var routes: [String: [TopicChannel]] = [:]
    private var dirty: [TopicChannel] = []
    private var published: UInt64 = 0

    public init(_ server: HTTPServer, defaultTopics: [TopicPattern] = []) {
        self.server = server
        self.defaultTopics = defaultTopics
    }

    // MARK: Publishing

    /// Sends a UTF-8 payload to everybody whose patterns match. `key` says which older frames of the topic it replaces for slow clients; nil keeps all.
    public func publish(topic: String, key: String? = nil, payload: [UInt8]) {
        if targets(of: topic).isEmpty { return }
        publish(topic: topic, SharedFrame(text: payload, key: key.map { "\(topic)\u{0}\($0)" }))
    }

    /// The same with a frame that is already encoded, for those who publish on several loops. Its key must be unique over all topics.
    public func publish(topic: String, _ frame: SharedFrame) {
        let channels = targets(of: topic)
        if channels.isEmpty { return }
        published &+= 1
        server.counters.published += 1
        for channel in channels {
            if !channel.solo.isEmpty {
                if channel.pending.isEmpty {
                    if dirty.isEmpty { server.port.atEndOfTick { [self] in flush() } }
                    dirty.append(channel)
                }
                channel.pending.append(frame)
                channel.pendingBytes += frame.bytes.count
                if channel.pendingBytes > Self.flushBytes { flush(channel) }
            }
            // A client with several matching patterns gets a frame once.
            for subscriber in channel.multi where subscriber.lastPublished != published {
                subscriber.lastPublished = published
                subscriber.socket.send(frame)
                server.counters.delivered += 1
            }
        }
    }

    /// Sends a frame to those of its subscribers only for whom `isFor` holds.
    public func publish(topic: String, _ frame: SharedFrame, isFor: (WebSocket) -> Bool) {
        let channels = targets(of: topic)
        if channels.isEmpty { return }
        published &+= 1
        server.counters.published += 1
        for channel in channels {
            // What was published before goes out before.
            flush(channel)
            for subscriber in channel.solo + channel.multi where subscriber.lastPublished != published && isFor(subscriber.socket) {
                subscriber.lastPublished = published
                subscriber.socket.send(frame)
                server.counters.delivered += 1
            }
        }
    }

    private func targets(of topic: String) -> [TopicChannel] {
        if let known = routes[topic] { return known }
        let found = channels.values.filter { $0.pattern.matches(topic) }
        if routes.count >= Self.maxRoutes { routes.removeAll() }
        routes[topic] = found
        return found
    }

    private func flush() {
        var due: [TopicChannel] = []
        swap(&due, &dirty)
        for channel in due { flush(channel) }
    }

    private func flush(_ channel: TopicChannel) {
        guard !channel.pending.isEmpty else { return }
        var frames: [SharedFrame] = []
        swap(&frames, &channel.pending)
        var joined = frames[0].bytes
        if frames.count > 1 {
            joined.reserveCapacity(channel.pendingBytes)
            for frame in frames.dropFirst() { joined.append(contentsOf: frame.bytes) }
        }
        channel.pendingBytes = 0
        for subscriber in channel.solo { subscriber.socket.send(joined: joined, frames) }
        server.counters.delivered += channel.solo.count * frames.count
    }

    // MARK: Subscriptions

    /// Subscribes a socket; what it already has is skipped. False when it would have too many patterns.
    @discardableResult
    public func subscribe(_ socket: WebSocket, _ patterns: [TopicPattern]) -> Bool {
        guard socket.isOpen else { return true }
        let subscriber = self.subscriber(of: socket)
        let new = patterns.filter { pattern in !subscriber.seats.contains { $0.channel.pattern == pattern } }
        guard subscriber.seats.count + Set(new).count <= Self.maxTopics else { return false }
        for pattern in new where !subscriber.seats.contains(where: { $0.channel.pattern == pattern }) {
            let channel = self.channel(pattern)
            // What was published before this moment is older than the snapshot, and must not come after it.
            for seat in subscriber.seats { flush(seat.channel) }
            flush(channel)
            subscriber.sit(in: channel)
        }
        for frame in onSubscribe(new) { socket.send(frame) }
        return true
    }

    public func unsubscribe(_ socket: WebSocket, _ patterns: [TopicPattern]) {
        let subscriber = self.subscriber(of: socket)
        for pattern in patterns {
            guard let seat = subscriber.seats.first(where: { $0.channel.pattern == pattern }) else { continue }
            for other in subscriber.seats { flush(other.channel) }
            subscriber.leave(seat.channel)
            drop(seat.channel)
        }
    }

    public func topics(of socket: WebSocket) -> [TopicPattern] { subscriber(of: socket).seats.map(\.channel.pattern) }

    private func subscriber(of socket: WebSocket) -> Subscriber {
        if let known = socket.attachment as? Subscriber { return known }
        let new = Subscriber(socket)
        socket.attachment = new
        return new
    }

    private func channel(_ pattern: TopicPattern) -> TopicChannel {
        if let known = channels[pattern.text] { return known }
        let new = TopicChannel(pattern)
        channels[pattern.text] = new
        routes.removeAll()
        return new
    }

    private func drop(_ channel: TopicChannel) {
        guard channel.solo.isEmpty, channel.multi.isEmpty else { return }
        channels[channel.pattern.text] = nil
        routes.removeAll()
    }

    // MARK: WebSocketHandler

    public func admit(_ request: Request) throws {
        try onAdmit(request)
        _ = try Self.patterns(request)
    }

    public func opened(_ socket: WebSocket, _ request: Request) {
        do throws(APIError) {
            let asked = try Self.patterns(request)
            guard asked.allSatisfy({ mayFollow(socket, $0) }) else { return socket.close(.policyViolation, "an access token is needed for these topics") }
            subscribe(socket, asked.isEmpty ? defaultTopics : asked)
        } catch {
            socket.close(.policyViolation, error.message)
        }
    }

    package static func patterns(_ request: Request) throws(APIError) -> [TopicPattern] {
        var patterns: [TopicPattern] = []
        for name in try request.text("topics")?.split(separator: ",") ?? [] {
            guard let pattern = TopicPattern(String(name)) else { throw .invalid("topics", "no such topic pattern: \(name.prefix(40))") }
            patterns.append(pattern)
        }
        guard patterns.count <= maxTopics else { throw .invalid("topics", "more than \(maxTopics) topics") }
        return patterns
    }

    public func received(_ socket: WebSocket, text: [UInt8]) {
        let parsed = try? JSONValue.parse(text)  // ok: what is no JSON is answered like any other nonsense
        guard let message = parsed, message.object != nil else { return complain(socket, "bad_message", "a JSON object is expected") }
        guard message["subscribe"] != nil || message["unsubscribe"] != nil else {
            return complain(socket, "unknown_message", "known are subscribe and unsubscribe, each with a list of topics")
        }
        guard let more = Self.list(message["subscribe"]), let fewer = Self.list(message["unsubscribe"]) else {
            return complain(socket, "bad_topics", "topics are a list of names, or prefixes that end in .*")
        }
        guard more.allSatisfy({ mayFollow(socket, $0) }) else { return complain(socket, "unauthorized", "an access token is needed for these topics") }
        unsubscribe(socket, fewer)
        guard subscribe(socket, more) else { return complain(socket, "too_many_topics", "at most \(Self.maxTopics) topics") }
        var w = JSONWriter()
        w.object { w in
            w.key("subscribed")
            w.array { w in for pattern in topics(of: socket) { w.value(pattern.text) } }
        }
        socket.send(text: w.bytes)
    }

    public func closed(_ socket: WebSocket) {
        guard let subscriber = socket.attachment as? Subscriber else { return }
        for seat in subscriber.seats {
            subscriber.leave(seat.channel)
            drop(seat.channel)
        }
    }

    private static func list(_ value: JSONValue?) -> [TopicPattern]? {
        guard let value else { return [] }
        guard let items = value.array, items.count <= maxTopics else { return nil }
        var patterns: [TopicPattern] = []
        for item in items {
            guard let pattern = item.string.flatMap(TopicPattern.init) else { return nil }
            patterns.append(pattern)
        }
        return patterns
    }

    private func complain(_ socket: WebSocket, _ code: String, _ message: String) {
        var w = JSONWriter()
        w.object { w in
            w.key("error")
            w.object { w in
                w.member("code", code)
                w.member("message", message)
            }
        }
        socket.send(text: w.bytes)
    }
}
