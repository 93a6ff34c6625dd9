import Protocol
import Reactor
import ZeroMQ

/// What handlers ask of their loop's bus client, as closures formed inside its isolation (see `LoopPort`).
struct BusPort {
    private let call: (Verb, String, [UInt8], Int64, @escaping (Result<BusAnswer, Refusal>) -> Void) -> Void
    /// Calls without an answer yet, whether a broker is there, events missed so far.
    let gauges: () -> (pending: Int, isUp: Bool, gaps: Int)
    /// The life of each broker that has welcomed this client; nil for those away.
    let epochs: () -> [Int64?]

    init(_ client: BusClient, on loop: isolated EventLoop) {
        call = { client.call($0, $1, $2, timeoutMs: $3, on: loop, completion: $4) }
        epochs = { (0..<client.linkCount).map { client.epoch(link: $0) } }
        gauges = { (client.pendingCount, client.isUp, client.gaps) }
    }

    /// Returns the worker's answer once it has committed the rows.
    func ingest(_ stream: String, _ rows: [UInt8], timeoutMs: Int64) async throws(Refusal) -> [UInt8] {
        try await ask(.ingest, stream, rows, timeoutMs)
    }

    /// Asks the worker that serves `name`.
    func request(_ name: String, _ payload: [UInt8], timeoutMs: Int64) async throws(Refusal) -> [UInt8] {
        try await ask(.request, name, payload, timeoutMs)
    }

    /// Peers, queues and counters of a broker as JSON.
    func inspect(timeoutMs: Int64) async throws(Refusal) -> [UInt8] { try await ask(.inspect, "", [], timeoutMs) }

    private func ask(_ verb: Verb, _ name: String, _ payload: [UInt8], _ timeoutMs: Int64) async throws(Refusal) -> [UInt8] {
        let result: Result<BusAnswer, Refusal> = await withUnsafeContinuation { waiter in
            call(verb, name, payload, timeoutMs) { waiter.resume(returning: $0) }
        }
        return try result.get().payload
    }
}
