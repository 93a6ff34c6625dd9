import Bytes
public import Protocol
public import Reactor

/// What a broker or worker answered.
public struct BusAnswer: Sendable {
    public var payload: [UInt8] = []
    public var accepted: Accepted?

    init(payload: [UInt8]) { self.payload = payload }
    init(accepted: Accepted) { self.accepted = accepted }
}

extension BusClient {
    /// Enqueues a durable job: returns once it is committed, with its id or that of the job holding its unique key.
    ///
    /// `disconnected` means that the outcome is unknown: only a unique key makes sending again safe.
    public func enqueue(_ draft: JobDraft, timeoutMs: Int64 = 10_000, on loop: isolated EventLoop) async throws(Refusal) -> Accepted {
        if let fault = draft.fault { throw Refusal(.malformed, "job draft: \(fault)") }
        let answer = try await call(.enqueue, draft.kind, draft.payload, timeoutMs: timeoutMs, on: loop)
        guard let accepted = answer.accepted else { throw Refusal(.malformed, "enqueue was answered with something else") }
        return accepted
    }

    /// Hands a batch of rows to a stream: returns once its worker has committed it, with the worker's JSON answer.
    /// Rows must be idempotent by their natural key: a batch may reach a second worker when the first one dies.
    public func ingest(_ stream: String, _ rows: [UInt8], timeoutMs: Int64 = 30_000, on loop: isolated EventLoop) async throws(Refusal) -> [UInt8] {
        try await call(.ingest, stream, rows, timeoutMs: timeoutMs, on: loop).payload
    }

    /// Asks a worker and waits for its answer.
    public func request(_ name: String, _ payload: [UInt8], timeoutMs: Int64 = 10_000, on loop: isolated EventLoop) async throws(Refusal) -> [UInt8] {
        try await call(.request, name, payload, timeoutMs: timeoutMs, on: loop).payload
    }

    /// Counts, peers and queues of one broker, as JSON.
    public func inspect(timeoutMs: Int64 = 3_000, on loop: isolated EventLoop) async throws(Refusal) -> [UInt8] {
        try await call(.inspect, "", [], timeoutMs: timeoutMs, on: loop).payload
    }

    /// Publishes an event; lost when no broker is up (events follow commits: what counts is in PostgreSQL).
    public func publish(_ topic: String, _ payload: [UInt8], isState: Bool, on loop: isolated EventLoop) {
        guard topic.utf8.count <= Header.maxName, payload.count <= Header.maxPayload else {
            return Log.warning("event over its bound not published", ["topic_bytes": String(topic.utf8.count), "bytes": String(payload.count)])
        }
        guard let link = links.first(where: { $0.isUp }) else { return }
        send(Header(.publish, flags: isState ? .state : []), name: topic, payload: payload, link: link.index, on: loop)
    }

    private func call(
        _ verb: Verb, _ name: String, _ payload: [UInt8], timeoutMs: Int64, on loop: isolated EventLoop
    ) async throws(Refusal) -> BusAnswer {
        let result: Result<BusAnswer, Refusal> = await withUnsafeContinuation { continuation in
            call(verb, name, payload, timeoutMs: timeoutMs, on: loop) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// The callback form: no task, for callers that keep thousands of calls in flight.
    public func call(
        _ verb: Verb, _ name: String, _ payload: [UInt8], timeoutMs: Int64, on loop: isolated EventLoop,
        completion: @escaping (Result<BusAnswer, Refusal>) -> Void
    ) {
        guard !isClosed else { return completion(.failure(Refusal(.stopping, "the client is closed"))) }
        guard name.utf8.count <= Header.maxName, payload.count <= Header.maxPayload else {
            return completion(.failure(Refusal(.malformed, "name or payload over its bound")))
        }
        guard pending.count < limits.pendingCalls else {
            return completion(.failure(Refusal(.busy, "\(pending.count) calls wait for answers already")))
        }
        lastID += 1
        let id = lastID
        let expires = loop.nowNs + min(max(timeoutMs, 1), 86_400_000) * 1_000_000
        var call = Pending(verb: verb, name: name, payload: payload, expiresNs: expires, link: nil, completion: completion)
        if !sendNow(id, &call, on: loop) { unsent.append(id) }
        pending[id] = call
        deadlines.add(id, atNs: expires)
    }

    private func sendNow(_ id: UInt64, _ call: inout Pending, on loop: isolated EventLoop) -> Bool {
        for i in 0..<links.count {
            let link = links[(nextLink + i) % links.count]
            guard link.isUp else { continue }
            nextLink = (nextLink + i + 1) % links.count
            call.link = link.index
            let left = max(1, (call.expiresNs - loop.nowNs) / 1_000_000)
            send(Header(call.verb, requestID: id, timeoutMs: left), name: call.name, payload: call.payload, link: link.index, on: loop)
            // Only batches are ever sent a second time.
            if call.verb != .ingest { call.payload = [] }
            return true
        }
        return false
    }

    func sendWaiting(on loop: isolated EventLoop) {
        guard !unsent.isEmpty, isUp else { return }
        let ids = unsent
        unsent = []
        for id in ids {
            guard var call = pending[id] else { continue }
            if !sendNow(id, &call, on: loop) { unsent.append(id) }
            pending[id] = call
        }
    }

    func complete(_ id: UInt64, _ result: Result<BusAnswer, Refusal>) {
        guard let call = pending.removeValue(forKey: id) else { return }
        call.completion(result)
    }
}
