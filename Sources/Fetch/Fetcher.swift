import CCurl
public import Reactor

/// HTTP and HTTPS requests by libcurl on one loop, thousands at once: nothing waits on the loop's thread. HTTP/2 and TLS 1.3 where the server has
/// them, at least TLS 1.2; names are looked up by libcurl's own threads; connections are used again.
public final class Fetcher {
    public let options: FetchOptions
    public private(set) var counters = FetchCounters()
    let loop: EventLoop
    let port: FetchPort
    let share: CurlShare
    private let multi: CurlMulti
    private var transfers: [UnsafeMutableRawPointer: Transfer] = [:]
    /// Handles for the next transfers.
    private var idle: [CurlHandle] = []
    private var isClosed = false

    private static let mostIdle = 64

    /// Errors: `FetchFailure` when libcurl cannot start.
    public init(_ options: FetchOptions = FetchOptions(), on loop: isolated EventLoop) throws(FetchFailure) {
        let port = FetchPort(on: loop)
        guard let share = CurlShare(), let multi = CurlMulti(port, mostConnections: options.mostConnections) else {
            throw FetchFailure(.invalid, "libcurl cannot start")
        }
        self.options = options
        self.loop = loop
        self.port = port
        self.share = share
        self.multi = multi
        multi.onDone = { [weak self] handle, code in self?.done(handle, code) }
    }

    deinit { for transfer in transfers.values { multi.forget(transfer.curl.handle) } }

    /// Requests on their way.
    public var inFlight: Int { transfers.count }

    /// Sends a request and gets its answer, whatever the status. A cancelled task's request ends at once.
    public func send(_ request: FetchRequest, on loop: isolated EventLoop) async -> Result<FetchAnswer, FetchFailure> {
        counters.requests += 1
        if Task.isCancelled { return .failure(FetchFailure(.cancelled, "the task was cancelled")) }
        switch begin(request) {
        case .failure(let failure):
            counters.failures += 1
            return .failure(failure)
        case .success(let transfer):
            let mine = LoopBound((self, transfer), on: loop)
            // Only a closure that captures the isolated parameter stays on the loop.
            return await withTaskCancellationHandler {
                _ = loop
                return await transfer.wait()
            } onCancel: {
                mine.loop.execute { loop in
                    let (fetcher, transfer) = mine.value(on: loop)
                    fetcher.cancel(transfer)
                }
            }
        }
    }

    /// Ends every request; no more are sent.
    public func close() {
        isClosed = true
        for transfer in Array(transfers.values) { end(transfer) { $0.finish(FetchFailure(.cancelled, "the fetcher is closed")) } }
        idle = []
        multi.close()
    }

    func countSocket() { counters.sockets += 1 }

    // MARK: Inside

    private func begin(_ request: FetchRequest) -> Result<Transfer, FetchFailure> {
        if let fault = Transfer.fault(request) { return .failure(fault) }
        guard !isClosed, let curl = idle.popLast() ?? CurlHandle() else { return .failure(FetchFailure(.cancelled, "the fetcher is closed")) }
        let transfer = Transfer(curl, request)
        transfer.setUp(options, share)
        guard curl.fault == CURLE_OK else { return .failure(curl.failure(curl.fault)) }
        transfers[curl.handle] = transfer
        guard multi.add(curl.handle) else {
            transfers[curl.handle] = nil
            return .failure(FetchFailure(.invalid, "libcurl does not take the request"))
        }
        return .success(transfer)
    }

    private func done(_ handle: UnsafeMutableRawPointer, _ code: CURLcode) {
        guard let transfer = transfers[handle] else { return }
        counters.connections += transfer.curl.get(CURLINFO_NUM_CONNECTS)
        counters.bytes += transfer.body.count
        if code != CURLE_OK { counters.failures += 1 }
        if code == CURLE_OPERATION_TIMEDOUT { counters.timeouts += 1 }
        end(transfer) { $0.finish(code) }
    }

    private func cancel(_ transfer: Transfer) {
        guard !transfer.isDone else { return }
        counters.cancelled += 1
        end(transfer) { $0.finish(FetchFailure(.cancelled, "the task was cancelled")) }
    }

    private func end(_ transfer: Transfer, _ finish: (Transfer) -> Void) {
        guard transfers.removeValue(forKey: transfer.curl.handle) != nil else { return }
        finish(transfer)
        multi.remove(transfer.curl.handle)
        transfer.curl.reset()
        if !isClosed, idle.count < Self.mostIdle { idle.append(transfer.curl) }
    }
}
