import CLinux
import HTTP
import Reactor

/// One client's connection. It owns buffers only while data is on its way, so that an idle one costs some hundred bytes.
final class HTTPConnection {
    enum Phase: UInt8 {
        /// Between or inside requests.
        case reading
        /// A handler or a stream is at work; what else arrives waits in the socket.
        case responding
        /// A WebSocket.
        case upgraded
        /// The last answer is on its way out.
        case closing
        /// Our end is closed; the client's rest is read and dropped, so that it does not reset what it has not read yet.
        case lingering
        case closed
    }

    /// Which time-out applies while reading.
    private enum Stage: UInt8 { case idle, head, body }

    /// Bytes of a refused request that are read and dropped while lingering.
    private static let lingerBytes = 1024 * 1024

    let server: HTTPServer
    let fd: Int32
    let peer: PeerAddress
    /// Place in the server's list.
    var index = 0
    var phase = Phase.reading
    var out = OutputQueue()
    var socket: WebSocket?
    /// Body bytes of the current answer, for the log.
    var bodySent = 0

    var request: Request?
    var keepAlive = true
    var task: Task<Void, Never>?
    private var watch: EventLoop.Watch?
    private var interest: EventLoop.Readiness = .read
    private var stage = Stage.head
    private var isDirty = false
    private var isProcessing = false
    private var parser = RequestParser()
    private var inbound: [UInt8] = []
    private var dropped = 0
    private var deadlineNs: Int64
    private var bodyDeadlineNs = Int64.max
    private var writeDeadlineNs = Int64.max
    private var drainWaiter: UnsafeContinuation<Void, Never>?

    init(_ server: HTTPServer, fd: Int32, peer: PeerAddress) {
        self.server = server
        self.fd = fd
        self.peer = peer
        deadlineNs = server.port.nowNs() + server.configuration.headTimeoutMs * 1_000_000
    }

    var configuration: ServerConfiguration { server.configuration }
    var nowNs: Int64 { server.port.nowNs() }
    var isOverHighWater: Bool { out.count >= server.configuration.outputHighWater }

    func start() {
        watch = server.port.watch(fd, .read) { [unowned self] in ready($0) }
    }

    // MARK: Reading

    private var mayRead: Bool { phase == .reading && !isOverHighWater && !out.hasFile }

    private func ready(_ readiness: EventLoop.Readiness) {
        // Nothing is watched for and yet something came: the connection is broken.
        if interest.isEmpty { return close() }
        if readiness.contains(.write), interest.contains(.write) { flush() }
        guard phase != .closed, readiness.contains(.read), interest.contains(.read) else { return }
        guard mayRead || phase == .upgraded || phase == .lingering else { return setInterest(interest.subtracting(.read)) }
        let count = recv(fd, server.received.baseAddress!, server.received.count, 0)
        if count > 0 {
            server.counters.bytesIn += count
            let bytes = UnsafeRawBufferPointer(rebasing: server.received[0..<count]).assumingMemoryBound(to: UInt8.self)
            take(bytes)
        } else if count == 0 || (hg_errno() != EAGAIN && hg_errno() != EINTR) {
            close()
        }
    }

    private func take(_ bytes: UnsafeBufferPointer<UInt8>) {
        switch phase {
        case .lingering:
            dropped += bytes.count
            if dropped > Self.lingerBytes { close() }
        case .upgraded: socket?.take(bytes)
        default:
            if inbound.isEmpty {
                let used = process(bytes)
                if phase == .reading || phase == .responding, used < bytes.count { inbound = Array(bytes[used...]) }
            } else {
                inbound.append(contentsOf: bytes)
                processInbound()
            }
        }
    }

    private func processInbound() {
        let held = inbound
        inbound = []
        let used = held.withUnsafeBufferPointer { process($0) }
        guard phase == .reading || phase == .responding, used < held.count else { return }
        inbound = used == 0 ? held : Array(held[used...])
    }

    /// Reads requests until there is no whole one or one is being answered; returns how many bytes are used up.
    private func process(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        isProcessing = true
        defer { isProcessing = false }
        var position = 0
        do throws(HTTPFault) {
            while mayRead, let event = try parser.next(bytes, at: &position, limits: server.configuration.limits) {
                switch event {
                case .head(let head): begin(head, bodyHasCome: position < bytes.count)
                case .body(let range): try append(UnsafeBufferPointer(rebasing: bytes[range]))
                case .end: dispatch()
                }
            }
        } catch {
            server.counters.malformedRequests += 1
            fail(error)
        }
        if phase == .upgraded, position < bytes.count {
            socket?.take(UnsafeBufferPointer(rebasing: bytes[position...]))
            return bytes.count
        }
        if phase == .reading { setReadingDeadline(isIdle: position == bytes.count) }
        return position
    }

    private func setReadingDeadline(isIdle: Bool) {
        if parser.isBetweenRequests && isIdle {
            stage = .idle
            deadlineNs = nowNs + configuration.keepAliveIdleMs * 1_000_000
        } else if parser.isReadingHead {
            if stage != .head { deadlineNs = nowNs + configuration.headTimeoutMs * 1_000_000 }
            stage = .head
        } else {
            if stage != .body { bodyDeadlineNs = nowNs + configuration.bodyTotalMs * 1_000_000 }
            stage = .body
            deadlineNs = min(bodyDeadlineNs, nowNs + configuration.bodyIdleMs * 1_000_000)
        }
    }

    private func begin(_ head: RequestHead, bodyHasCome: Bool) {
        let request = makeRequest(head)
        self.request = request
        guard head.expectsContinue, head.body != .none, !bodyHasCome else { return }
        if case .found = request.match {
            out.write { $0.append(contentsOf: "HTTP/1.1 100 Continue\r\n\r\n".utf8) }
            markDirty()
        } else {
            // The client waits: it gets its answer without having sent the body, and the connection's further bytes have no meaning.
            keepAlive = false
            dispatch()
        }
    }

    private func append(_ bytes: UnsafeBufferPointer<UInt8>) throws(HTTPFault) {
        guard let request else { return }
        guard server.counters.bodyBytesInFlight + bytes.count <= configuration.bodyBytesInFlight else {
            throw HTTPFault(503, "too many request bodies at once")
        }
        server.counters.bodyBytesInFlight += bytes.count
        request.body.append(contentsOf: bytes)
    }

    // MARK: Writing

    func markDirty() {
        if isDirty || phase == .closed { return }
        isDirty = true
        server.flushLater(self)
    }

    /// Sends what waits, then goes on with what had to wait for that.
    func flush() {
        isDirty = false
        guard phase != .closed else { return }
        var sent = 0
        let outcome = out.flush(to: fd, through: server.gathering, sent: &sent)
        server.counters.bytesOut += sent
        var wanted = interest
        switch outcome {
        case .failed: return close()
        case .blocked:
            wanted.insert(.write)
            if sent > 0 || writeDeadlineNs == .max { writeDeadlineNs = nowNs + configuration.writeStallMs * 1_000_000 }
        case .drained:
            wanted.remove(.write)
            writeDeadlineNs = .max
            if phase == .closing { return linger() }
        }
        if !isOverHighWater, let waiter = drainWaiter {
            drainWaiter = nil
            waiter.resume()
        }
        if mayRead {
            if !inbound.isEmpty { processInbound() }
            guard phase != .closed else { return }
            if mayRead { wanted.insert(.read) }
        }
        if phase == .upgraded { wanted.insert(.read) }
        setInterest(wanted)
    }

    /// Waits until less than the high-water mark is queued.
    func drained() async {
        // It may drain or close while the task is queued on its way in here.
        await withUnsafeContinuation { continuation in
            if isOverHighWater, phase != .closed { drainWaiter = continuation } else { continuation.resume() }
        }
    }

    /// Whether nothing else waits, so that a shared buffer may be sent as it is.
    var isClear: Bool { out.isEmpty && phase == .upgraded }

    /// Sends shared bytes without queueing them; returns how many went out, or nil when the connection is broken.
    func sendDirect(_ bytes: [UInt8]) -> Int? {
        let done = bytes.withUnsafeBytes { send(fd, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL)) }
        if done >= 0 {
            server.counters.bytesOut += done
            return done
        }
        return hg_errno() == EAGAIN || hg_errno() == EINTR ? 0 : nil
    }

    private func setInterest(_ wanted: EventLoop.Readiness) {
        guard wanted != interest, let watch else { return }
        interest = wanted
        server.port.update(watch, wanted)
    }

    // MARK: The end

    /// Closes after what is queued has gone out.
    func finish() {
        guard phase != .closed, phase != .lingering else { return }
        phase = .closing
        inbound = []
        deadlineNs = .max
        markDirty()
    }

    private func linger() {
        phase = .lingering
        shutdown(fd, Int32(SHUT_WR))
        deadlineNs = nowNs + configuration.lingerMs * 1_000_000
        setInterest(.read)
    }

    func beginStop() {
        switch phase {
        case .reading:
            keepAlive = false
            if stage == .idle || parser.isBetweenRequests && inbound.isEmpty { finish() }
        case .responding: keepAlive = false
        case .upgraded: socket?.close(.goingAway, "the server stops")
        default: break
        }
    }

    func setDeadline(ms: Int64) { deadlineNs = nowNs + ms * 1_000_000 }

    func sweep(_ nowNs: Int64) {
        if let socket, phase == .upgraded { socket.sweep(nowNs) }
        if nowNs >= writeDeadlineNs {
            server.counters.timedOut += 1
            return close()
        }
        guard nowNs >= deadlineNs else { return }
        switch phase {
        case .reading where stage == .idle: close()
        case .reading:
            server.counters.timedOut += 1
            fail(HTTPFault(408, stage == .head ? "the request's head took too long" : "the request's body took too long"))
        case .responding: break
        default: close()
        }
    }

    func close() {
        guard phase != .closed else { return }
        phase = .closed
        releaseBody()
        task?.cancel()
        task = nil
        request = nil
        if let watch { server.port.unwatch(watch) }
        watch = nil
        out = OutputQueue()
        inbound = []
        _ = CLinux.close(fd)
        let ended = socket
        socket = nil
        ended?.ended()
        drainWaiter?.resume()
        drainWaiter = nil
        server.forget(self)
    }

    func releaseBody() {
        if let request { server.counters.bodyBytesInFlight -= request.body.count }
    }

    /// Called when an answer is complete: on to the next request, or to the end.
    func concluded() {
        releaseBody()
        request = nil
        task = nil
        if !keepAlive || server.isStopping { return finish() }
        phase = .reading
        stage = .idle
        deadlineNs = nowNs + configuration.keepAliveIdleMs * 1_000_000
        markDirty()
    }

    func pauseDeadline() { deadlineNs = .max }
}
