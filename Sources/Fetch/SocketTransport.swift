import CCurl
import Reactor

/// A connection to a server, in the clear or by TLS, that carries whatever its owner says: libcurl makes it (names, addresses, certificates), the loop
/// tells when it can be read and written.
public final class SocketTransport {
    public enum Event {
        case opened
        /// Valid during the call.
        case bytes(UnsafeBufferPointer<UInt8>)
        /// The last event; nil: the peer has closed it.
        case ended(FetchFailure?)
    }

    /// Bytes that may wait to be sent; more end the connection.
    public static let outgoingBound = 1 << 20
    private static let chunk = 16_384
    /// Chunks read in one turn, so that a busy peer does not starve the others.
    private static let chunksPerTurn = 8

    private let curl: CurlHandle
    /// Of its own: in a shared one libcurl would take the connection for an idle one after two minutes.
    private let multi: CurlMulti
    private let port: FetchPort
    private let onEvent: (Event) -> Void
    private var watch: EventLoop.Watch?
    private var isOpen = false
    private var isEnded = false
    /// OpenSSL wants the same bytes at the same place until it has taken them: they are not touched before.
    private var sending: [UInt8] = []
    private var sent = 0
    private var queued: [UInt8] = []
    private var isWaitingToWrite = false

    /// - Parameter url: `http://host[:port]/` for a plain connection, `https://…` for TLS.
    public init(_ url: String, through fetcher: Fetcher, deadlineMs: Int = 10_000, onEvent: @escaping (Event) -> Void) throws(FetchFailure) {
        guard let curl = CurlHandle(), let multi = CurlMulti(fetcher.port, mostConnections: nil) else { throw FetchFailure(.invalid, "libcurl cannot start") }
        self.curl = curl
        self.multi = multi
        port = fetcher.port
        self.onEvent = onEvent
        curl.setUp(url, fetcher.options, fetcher.share, deadlineMs: deadlineMs)
        curl.set(CURLOPT_CONNECTTIMEOUT_MS, deadlineMs)
        curl.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        curl.set(CURLOPT_CONNECT_ONLY, 1)
        guard curl.fault == CURLE_OK else { throw curl.failure(curl.fault) }
        multi.onDone = { [weak self] _, code in self?.connected(code) }
        guard multi.add(curl.handle) else { throw FetchFailure(.invalid, "libcurl does not take the connection") }
        fetcher.countSocket()
    }

    deinit { if !isEnded { multi.forget(curl.handle) } }

    public func send(_ bytes: [UInt8]) {
        guard isOpen, !isEnded else { return }
        guard queued.count + sending.count - sent + bytes.count <= Self.outgoingBound else {
            return end(FetchFailure(.connection, "the peer reads nothing"))
        }
        queued += bytes
        if !isWaitingToWrite { write() }
    }

    /// Ends it without another event.
    public func close() {
        guard !isEnded else { return }
        isEnded = true
        if let watch { port.unwatch(watch) }
        watch = nil
        multi.remove(curl.handle)
        multi.close()
    }

    // MARK: Inside

    private func end(_ failure: FetchFailure?) {
        guard !isEnded else { return }
        close()
        onEvent(.ended(failure))
    }

    private func connected(_ code: CURLcode) {
        guard !isEnded else { return }
        guard code == CURLE_OK else { return end(curl.failure(code)) }
        var fd: curl_socket_t = CURL_SOCKET_BAD
        guard hg_curl_get_socket(curl.handle, &fd) == CURLE_OK, fd != CURL_SOCKET_BAD else { return end(FetchFailure(.connection, "no socket")) }
        watch = port.watch(fd, .read) { [weak self] ready in self?.onReady(ready) }
        isOpen = true
        onEvent(.opened)
    }

    private func onReady(_ ready: EventLoop.Readiness) {
        if isWaitingToWrite, ready.contains(.write) { write() }
        if !isEnded, ready.contains(.read) { read() }
    }

    private func read() {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.chunk) { buffer in
            for _ in 0..<Self.chunksPerTurn {
                var count = 0
                let code = curl_easy_recv(curl.handle, buffer.baseAddress, Self.chunk, &count)
                if code == CURLE_AGAIN { return }
                guard code == CURLE_OK else { return end(curl.failure(code)) }
                guard count > 0 else { return end(nil) }
                onEvent(.bytes(UnsafeBufferPointer(rebasing: buffer[..<count])))
                if isEnded { return }
            }
            // What TLS has decrypted already makes no socket readable.
            _ = port.after(0) { [weak self] in
                guard let self, !isEnded else { return }
                read()
            }
        }
    }

    private func write() {
        while true {
            if sent == sending.count {
                guard !queued.isEmpty else { break }
                sending = queued
                queued = []
                sent = 0
            }
            var count = 0
            let code = sending.withUnsafeBytes { curl_easy_send(curl.handle, $0.baseAddress! + sent, $0.count - sent, &count) }
            if code == CURLE_AGAIN { break }
            guard code == CURLE_OK else { return end(curl.failure(code)) }
            sent += count
        }
        let mustWait = sent < sending.count
        if !mustWait {
            sending = []
            sent = 0
        }
        guard mustWait != isWaitingToWrite, let watch else { return }
        isWaitingToWrite = mustWait
        port.update(watch, mustWait ? [.read, .write] : .read)
    }
}
