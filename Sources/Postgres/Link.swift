import CLinux
import CPostgreSQL
import Reactor

/// What the owner of a link is told. Called on the loop.
protocol LinkOwner: AnyObject {
    /// The session is set up.
    func linkIsReady()
    /// Bytes came in and are parsed as far as they go.
    func linkHasInput()
    /// Everything that was buffered has been sent.
    func linkIsFlushed()
    /// The session is gone; another attempt is under way.
    func linkIsLost(_ error: PostgresError)
}

/// One PGconn that keeps itself connected: attempts, pauses, session settings, socket readiness. It never blocks, except that libpq
/// resolves a host name (not an address, not a socket directory) when an attempt starts.
final class Link {
    enum State { case idle, connecting, settingUp, ready, closed }

    let config: PostgresConfig
    private let port: LoopPort
    private let target: ConnectTarget
    /// Set right after init, cleared by `close()`.
    var owner: (any LinkOwner)?

    private(set) var state = State.idle
    private(set) var connection: OpaquePointer?
    /// Counts sessions: tells work begun on an earlier one.
    private(set) var session = 0
    private(set) var lastError: PostgresError?
    private var watch: EventLoop.Watch?
    private var timer: EventLoop.Timer?
    private var awaitsWrite = false
    private var pauseMs: Int
    private var setupError: PostgresError?
    /// The server's last FATAL notice: why it closed an idle session.
    private var farewell: PostgresError?

    init(_ config: PostgresConfig, on loop: isolated EventLoop) {
        self.config = config
        port = LoopPort(on: loop)
        target = ConnectTarget(config)
        pauseMs = config.reconnectMinMs
    }

    var isReady: Bool { state == .ready }

    // MARK: Connecting

    func connect() {
        guard state == .idle else { return }
        state = .connecting
        timer = port.after(config.connectTimeoutMs) { [self] in
            timer = nil
            target.rotate()
            drop(PostgresError(.connectionLost, "no answer to the connection attempt within \(config.connectTimeoutMs) ms"))
        }
        connection = target.start()
        guard let connection, PQstatus(connection) != CONNECTION_BAD else {
            return drop(.lost(connection, "libpq is out of memory"))
        }
        PQsetNoticeReceiver(connection, Self.onNotice, Unmanaged.passUnretained(self).toOpaque())
        listen(for: .write)
    }

    private func poll() {
        guard let connection else { return }
        // libpq may close this socket and open another one.
        unlisten()
        switch PQconnectPoll(connection) {
        case PGRES_POLLING_READING: listen(for: .read)
        case PGRES_POLLING_WRITING: listen(for: .write)
        case PGRES_POLLING_OK: setUp(connection)
        default: drop(.lost(connection, "the connection attempt failed"))
        }
    }

    private func setUp(_ connection: OpaquePointer) {
        state = .settingUp
        setupError = nil
        guard PQsetnonblocking(connection, 1) == 0, PQsendQuery(connection, target.sessionSettings) == 1 else {
            return drop(.lost(connection, "cannot send the session settings"))
        }
        listen(for: .read)
        flush()
    }

    private func readSetup(_ connection: OpaquePointer) {
        while PQisBusy(connection) == 0 {
            guard let result = PQgetResult(connection) else {
                if let setupError { return drop(setupError) }
                return becomeReady()
            }
            if PQresultStatus(result) == PGRES_FATAL_ERROR { setupError = PostgresError(result: result) }
            PQclear(result)
        }
    }

    private func becomeReady() {
        cancelTimer()
        state = .ready
        session += 1
        pauseMs = config.reconnectMinMs
        lastError = nil
        owner?.linkIsReady()
    }

    // MARK: Traffic

    /// Sends what is buffered; what the socket does not take follows when it can.
    func flush() {
        guard let connection, !awaitsWrite else { return }
        if PQflush(connection) == 1, let watch {
            awaitsWrite = true
            port.update(watch, [.read, .write])
        }
    }

    /// Whether bytes wait for the socket.
    var isBackedUp: Bool { awaitsWrite }

    private func onReady(_ readiness: EventLoop.Readiness) {
        guard let connection else { return }
        if state == .connecting { return poll() }
        if readiness.contains(.write), awaitsWrite, PQflush(connection) != 1 {
            awaitsWrite = false
            if let watch { port.update(watch, .read) }
            owner?.linkIsFlushed()
        }
        guard readiness.contains(.read), connection == self.connection else { return }
        let isAlive = PQconsumeInput(connection) == 1
        if state == .settingUp {
            readSetup(connection)
        } else {
            // Also when it broke: the server's last words may have come in before.
            owner?.linkHasInput()
        }
        if !isAlive, connection == self.connection { drop(farewell ?? .lost(connection, "the server closed the connection")) }
    }

    /// Gives the session up, tells the owner, and tries again after a pause.
    func drop(_ error: PostgresError) {
        guard state != .closed, state != .idle else { return }
        let wasReady = state == .ready
        var error = error
        error.kind = .connectionLost
        release()
        state = .idle
        lastError = error
        let pause = Int.random(in: (pauseMs + 1) / 2...max(1, pauseMs))
        pauseMs = min(pauseMs * 2, config.reconnectMaxMs)
        timer = port.after(pause) { [self] in
            timer = nil
            connect()
        }
        if wasReady { owner?.linkIsLost(error) }
    }

    /// Ends the session for good.
    func close() {
        guard state != .closed else { return }
        release()
        state = .closed
        owner = nil
    }

    private func release() {
        cancelTimer()
        unlisten()
        awaitsWrite = false
        farewell = nil
        if let connection { PQfinish(connection) }
        connection = nil
    }

    // MARK: Inside

    private func listen(for interest: EventLoop.Readiness) {
        guard let connection else { return }
        watch = port.watch(PQsocket(connection), interest) { [self] readiness in onReady(readiness) }
    }

    private func unlisten() {
        if let watch { port.unwatch(watch) }
        watch = nil
    }

    private func cancelTimer() {
        if let timer { port.cancel(timer) }
        timer = nil
    }

    /// Notices are not printed. A FATAL one outside a statement says why the session ends.
    private static let onNotice: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> Void = { context, result in
        guard let context, let result, let severity = PQresultErrorField(result, Int32(UInt8(ascii: "V"))),
            strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0
        else { return }
        Unmanaged<Link>.fromOpaque(context).takeUnretainedValue().farewell = PostgresError(result: result)
    }
}
