import Bytes
import CLinux
import HTTP
public import Reactor

/// The HTTP and WebSocket edge of one loop: its own listeners, its own connections, no locks.
///
/// Make one per loop, on that loop, each with a router whose handlers belong to the same loop.
public final class HTTPServer {
    public let router: Router
    public let configuration: ServerConfiguration
    public internal(set) var counters = ServerCounters()
    /// Ports that `listen` got, in order.
    public private(set) var ports: [UInt16] = []

    let port: LoopPort
    /// Bytes read in one call. Shared by all connections: none has a read buffer of its own.
    let received = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
    /// Where small pieces are gathered for one send.
    let gathering = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
    var connections: [HTTPConnection] = []
    var listeners: [Listener] = []
    var isStopping = false
    let log: AccessLog?
    private(set) lazy var gzip = Gzip()
    private(set) var date: [UInt8] = []

    private var dirty: [HTTPConnection] = []
    private var doomed: [HTTPConnection] = []
    private var lastRequest: UInt64
    private var stopWaiters: [UnsafeContinuation<Void, Never>] = []
    /// A descriptor kept for the moment when there is no other (see `Listener`).
    var reserve: Int32

    public init(_ router: Router, _ configuration: ServerConfiguration = ServerConfiguration(), on loop: isolated EventLoop) {
        self.router = router
        self.configuration = configuration
        port = LoopPort(on: loop)
        log = configuration.accessLog.map(AccessLog.init)
        reserve = hg_openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC)
        // Request ids of different loops and starts must not meet.
        lastRequest = UInt64.random(in: 0...UInt64.max)
        renewDate()
        port.every(configuration.sweepMs * 1_000_000) { [weak self] in self?.sweep() ?? false }
    }

    deinit {
        received.deallocate()
        gathering.deallocate()
        if reserve >= 0 { close(reserve) }
    }

    // MARK: Life

    /// Listens on all addresses. Returns the bound ports: give them to the other loops when 0 was asked for.
    /// Throws when one cannot be had; then none is listened on.
    @discardableResult
    public func listen(_ addresses: [ListenAddress]) throws(ListenError) -> [UInt16] {
        var opened: [(fd: Int32, port: UInt16)] = []
        do throws(ListenError) {
            for address in addresses { opened.append(try ListenSocket.open(address, backlog: configuration.backlog)) }
        } catch {
            for (fd, _) in opened { close(fd) }
            throw error
        }
        for (fd, bound) in opened {
            let listener = Listener(fd: fd, server: self)
            listeners.append(listener)
            ports.append(bound)
            listener.start()
        }
        return opened.map(\.port)
    }

    /// Stops accepting, lets running requests finish, closes idle connections, sends WebSockets 1001; cuts what is left after `withinMs`.
    public func stop(withinMs: Int64 = 10_000) async {
        isStopping = true
        for listener in listeners { listener.stop() }
        listeners = []
        for connection in connections { connection.beginStop() }
        if connections.isEmpty { return }
        port.after(withinMs * 1_000_000) { [weak self] in
            guard let self else { return }
            for connection in self.connections { connection.close() }
        }
        await withUnsafeContinuation { continuation in
            if connections.isEmpty { continuation.resume() } else { stopWaiters.append(continuation) }
        }
    }

    // MARK: Connections

    func adopt(_ fd: Int32, _ peer: PeerAddress) {
        counters.accepted += 1
        counters.connections += 1
        let connection = HTTPConnection(self, fd: fd, peer: peer)
        connection.index = connections.count
        connections.append(connection)
        connection.start()
    }

    func forget(_ connection: HTTPConnection) {
        counters.connections -= 1
        let last = connections.removeLast()
        if last !== connection {
            connections[connection.index] = last
            last.index = connection.index
        }
        if connections.isEmpty {
            for waiter in stopWaiters { waiter.resume() }
            stopWaiters = []
        }
    }

    /// Has a connection flushed at the end of this tick: all its answers in one call.
    func flushLater(_ connection: HTTPConnection) {
        if dirty.isEmpty && doomed.isEmpty { port.atEndOfTick { [self] in endTick() } }
        dirty.append(connection)
    }

    /// Has a connection closed at the end of this tick, for callers that are walking over connections.
    func closeLater(_ connection: HTTPConnection) {
        if dirty.isEmpty && doomed.isEmpty { port.atEndOfTick { [self] in endTick() } }
        doomed.append(connection)
    }

    private func endTick() {
        var flushing: [HTTPConnection] = []
        var closing: [HTTPConnection] = []
        swap(&flushing, &dirty)
        swap(&closing, &doomed)
        for connection in closing { connection.close() }
        for connection in flushing { connection.flush() }
        if let log, log.isLarge { log.flush() }
    }

    private func sweep() -> Bool {
        renewDate()
        let nowNs = port.nowNs()
        var queued = 0
        // From the end, since a sweep may close and so remove the connection it looks at.
        var i = connections.count - 1
        while i >= 0 {
            if i < connections.count {
                let connection = connections[i]
                connection.sweep(nowNs)
                queued += connection.out.count
            }
            i -= 1
        }
        counters.queuedBytes = queued
        if let log {
            log.flush()
            counters.logLinesDropped = log.dropped
        }
        return !(isStopping && connections.isEmpty)
    }

    private func renewDate() {
        date.removeAll(keepingCapacity: true)
        HTTPDate.append(Timestamp(microseconds: hg_wall_us()), to: &date)
    }

    // MARK: Requests

    func nextRequestNumber() -> UInt64 {
        lastRequest &+= 1
        return lastRequest
    }

    /// An error as the reply its dialect makes of it.
    func render(_ error: any Error, _ dialect: any Dialect, _ context: DialectContext) -> Reply {
        let known = error as? APIError ?? router.translate?(error) ?? .internalError
        var reply = dialect.render(known, context)
        reply.headers.append(contentsOf: known.headers)
        return reply
    }
}
