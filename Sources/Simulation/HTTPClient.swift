import CLinux
public import Reactor

/// Why a request got no answer.
public struct HTTPClientError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        /// No connection could be made: the request was not sent.
        case connect
        /// The connection ended before the whole answer was there: the request may have had its effect.
        case closed
        case deadline
        /// What came is not HTTP, or is larger than allowed.
        case protocolViolation
        /// `close()` was called.
        case stopped
    }
    public var kind: Kind
    public var message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { "\(kind.rawValue): \(message)" }
}

/// A small keep-alive HTTP/1.1 client: one connection, one request at a time, calls wait their turn.
///
/// Lives on one loop. A kept connection that the server has closed meanwhile is replaced as long as nothing of the
/// request was sent; after that a lost connection is an error, and the caller decides whether to send again.
public final class HTTPClient {
    public typealias Answer = (status: Int, body: [UInt8])

    private final class Call {
        let bytes: [UInt8]
        let isHead: Bool
        var sent = 0
        /// A call gets one new connection for a kept one that turns out to be closed.
        var mayReconnect = true
        var timer: EventLoop.Timer?
        let completion: (Result<Answer, HTTPClientError>) -> Void

        init(_ bytes: [UInt8], isHead: Bool, _ completion: @escaping (Result<Answer, HTTPClientError>) -> Void) {
            self.bytes = bytes
            self.isHead = isHead
            self.completion = completion
        }
    }

    public let address: HTTPAddress
    /// From the call to the whole answer, waiting for its turn included, ms.
    public let deadlineMs: Int64
    /// Bytes of an answer's body.
    public let bodyLimit: Int

    private var fd: Int32 = -1
    private var watch: EventLoop.Watch?
    private var isConnecting = false
    private var waiting: [Call] = []
    private var current: Call?
    private var answer = HTTPAnswer(isHead: false, bodyLimit: 0)
    private var isStopped = false
    /// Formed in the loop's isolation, so that `async` functions without a loop parameter can use it.
    private let watchFD: (Int32, @escaping EventLoop.Handler) -> EventLoop.Watch
    private let interest: (EventLoop.Watch, EventLoop.Readiness) -> Void
    private let unwatch: (EventLoop.Watch) -> Void
    private let after: (Int64, @escaping EventLoop.Body) -> EventLoop.Timer
    private let cancel: (EventLoop.Timer) -> Void

    public init(_ address: HTTPAddress, deadlineMs: Int64 = 30_000, bodyLimit: Int = 64 << 20, on loop: isolated EventLoop) {
        self.address = address
        self.deadlineMs = deadlineMs
        self.bodyLimit = bodyLimit
        watchFD = { loop.watch($0, [.read, .write], $1) }
        interest = { loop.update($0, $1) }
        unwatch = { loop.unwatch($0) }
        after = { loop.after(ns: $0 * 1_000_000, $1) }
        cancel = { loop.cancel($0) }
    }

    deinit { if fd >= 0 { CLinux.close(fd) } }

    // MARK: Calls

    public func get(_ path: String, headers: [(String, String)] = []) async throws(HTTPClientError) -> Answer {
        try await send("GET", path, headers: headers, body: nil)
    }

    public func post(_ path: String, headers: [(String, String)] = [], body: [UInt8]) async throws(HTTPClientError) -> Answer {
        try await send("POST", path, headers: headers, body: body)
    }

    /// Any method; a body, even an empty one, gets a `Content-Length`. Neither path nor headers may hold line ends.
    public func send(_ method: String, _ path: String, headers: [(String, String)], body: [UInt8]?) async throws(HTTPClientError) -> Answer {
        let result: Result<Answer, HTTPClientError> = await withUnsafeContinuation { continuation in
            send(method, path, headers: headers, body: body) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// The callback form, for callers that keep many clients busy.
    public func send(
        _ method: String, _ path: String, headers: [(String, String)], body: [UInt8]?,
        completion: @escaping (Result<Answer, HTTPClientError>) -> Void
    ) {
        guard !isStopped else { return completion(.failure(HTTPClientError(.stopped, "the client is closed"))) }
        var head = "\(method) \(path) HTTP/1.1\r\nHost: \(address)\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if let body { head += "Content-Length: \(body.count)\r\n" }
        precondition(!head.utf8.contains(0), "NUL in a request head")
        var bytes = Array(head.utf8)
        bytes += [0x0D, 0x0A]
        if let body { bytes += body }
        let call = Call(bytes, isHead: method == "HEAD", completion)
        call.timer = after(deadlineMs) { [weak self, weak call] in
            guard let self, let call else { return }
            self.expire(call)
        }
        waiting.append(call)
        startNext()
    }

    /// Closes the connection; calls without an answer fail as `stopped`.
    public func close() {
        isStopped = true
        let error = HTTPClientError(.stopped, "the client is closed")
        let calls = waiting
        waiting = []
        disconnect()
        finish(.failure(error))
        for call in calls { complete(call, .failure(error)) }
    }

    private func expire(_ call: Call) {
        let error = HTTPClientError(.deadline, "\(address) did not answer within \(deadlineMs) ms")
        call.timer = nil
        if call === current {
            // The answer may still come: this connection can carry nothing else.
            disconnect()
            finish(.failure(error))
        } else {
            waiting.removeAll { $0 === call }
            complete(call, .failure(error))
        }
    }

    private func startNext() {
        guard current == nil, !waiting.isEmpty else { return }
        let call = waiting.removeFirst()
        current = call
        answer = HTTPAnswer(isHead: call.isHead, bodyLimit: bodyLimit)
        if fd >= 0, !isQuiet { disconnect() }
        if fd < 0 { connect() } else { write() }
    }

    private func finish(_ result: Result<Answer, HTTPClientError>) {
        guard let call = current else { return }
        current = nil
        complete(call, result)
        startNext()
    }

    private func complete(_ call: Call, _ result: Result<Answer, HTTPClientError>) {
        if let timer = call.timer { cancel(timer) }
        call.completion(result)
    }

    // MARK: The connection

    /// Whether a kept connection is still open and silent, as it must be between two requests.
    private var isQuiet: Bool {
        var byte: UInt8 = 0
        return recv(fd, &byte, 1, Int32(MSG_PEEK)) < 0 && hg_errno() == EAGAIN
    }

    private func connect() {
        let (opened, code) = address.connect()
        guard opened >= 0 else { return fail(.connect, "cannot connect to \(address): \(String(cString: strerror(code)))") }
        fd = opened
        isConnecting = true
        watch = watchFD(fd) { [weak self] ready in self?.onReady(ready) }
    }

    /// Nothing was sent on the lost connection, so a new one may carry the request.
    private func reconnect(_ call: Call, _ reason: String) {
        disconnect()
        guard call.mayReconnect else { return fail(.connect, "connection to \(address) lost: \(reason)") }
        call.mayReconnect = false
        connect()
    }

    private func disconnect() {
        if let watch { unwatch(watch) }
        watch = nil
        if fd >= 0 { CLinux.close(fd) }
        fd = -1
        isConnecting = false
    }

    private func fail(_ kind: HTTPClientError.Kind, _ message: String) {
        disconnect()
        finish(.failure(HTTPClientError(kind, message)))
    }

    private func onReady(_ ready: EventLoop.Readiness) {
        if isConnecting {
            var code: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size)
            guard code == 0 else { return fail(.connect, "cannot connect to \(address): \(String(cString: strerror(code)))") }
            guard ready.contains(.write) else { return }
            isConnecting = false
            return write()
        }
        if ready.contains(.write), let call = current, call.sent < call.bytes.count { write() }
        if ready.contains(.read), fd >= 0 { read() }
    }

    private func write() {
        guard let call = current else { return }
        while call.sent < call.bytes.count {
            let count = call.bytes.withUnsafeBytes { bytes in
                CLinux.send(fd, bytes.baseAddress! + call.sent, bytes.count - call.sent, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                call.sent += count
            } else if hg_errno() == EINTR {
                continue
            } else if hg_errno() == EAGAIN {
                if let watch { interest(watch, [.read, .write]) }
                return
            } else if call.sent == 0 {
                return reconnect(call, String(cString: strerror(hg_errno())))
            } else {
                // An early refusal may lie in the socket; read it before giving up.
                if let watch { interest(watch, .read) }
                return read()
            }
        }
        if let watch { interest(watch, .read) }
    }

    private func read() {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64 * 1024) { buffer in
            while fd >= 0 {
                let count = CLinux.recv(fd, buffer.baseAddress, buffer.count, 0)
                if count < 0 {
                    if hg_errno() == EINTR { continue }
                    if hg_errno() != EAGAIN { lost(String(cString: strerror(hg_errno()))) }
                    return
                }
                if count == 0 { return lost("closed by the server") }
                // Nobody asked: the connection's state is unknown.
                guard current != nil else { return disconnect() }
                if !take(UnsafeBufferPointer(rebasing: buffer[..<count])) || count < buffer.count { return }
            }
        }
    }

    /// False once the answer is whole or cannot be.
    private func take(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        do throws(HTTPAnswer.Fault) {
            try answer.feed(bytes)
        } catch {
            fail(.protocolViolation, "answer of \(address): \(error.reason)")
            return false
        }
        if answer.isDone { finishAnswer() }
        return current != nil && !answer.isDone
    }

    private func finishAnswer() {
        // An answer before the whole request was taken leaves the rest of it unsent.
        if !answer.keepAlive || (current.map { $0.sent < $0.bytes.count } ?? true) { disconnect() }
        finish(.success((status: answer.status, body: answer.body)))
    }

    private func lost(_ reason: String) {
        guard let call = current else { return disconnect() }
        if answer.end() {
            finishAnswer()
        } else if call.sent == 0 {
            reconnect(call, reason)
        } else {
            disconnect()
            finish(.failure(HTTPClientError(.closed, "connection to \(address) lost: \(reason)")))
        }
    }
}
