import Bytes
import Protocol
import Reactor

/// Single reports that arrive in the same tick of a loop go over the bus as one batch: many devices cost one message each way.
/// Each waits for the commit of its batch and is told whether it was new itself.
final class ReportGather {
    /// Reports of one batch. The worker names those it knew in batches up to this size.
    static let bound = BatteryNames.namedRows

    private typealias Waiter = UnsafeContinuation<Result<Bool?, Refusal>, Never>

    private let bus: BusPort
    private let port: LoopPort
    private let timeoutMs: Int64
    private var rows: [UInt8] = []
    private var waiters: [Waiter] = []

    init(_ bus: BusPort, timeoutMs: Int64, on loop: isolated EventLoop) {
        self.bus = bus
        self.timeoutMs = timeoutMs
        port = LoopPort(on: loop)
    }

    /// Returns once the report is committed: whether it was not there before, nil when the worker did not say.
    func hand(_ row: [UInt8]) async throws(Refusal) -> Bool? {
        let result: Result<Bool?, Refusal> = await withUnsafeContinuation { waiter in
            if waiters.isEmpty { port.atEndOfTick { [self] in send() } }
            rows += row
            waiters.append(waiter)
            if waiters.count == Self.bound { send() }
        }
        return try result.get()
    }

    private func send() {
        guard !waiters.isEmpty else { return }
        let (rows, waiters) = (self.rows, self.waiters)
        self.rows = []
        self.waiters = []
        _ = port.spawn { [self] in await send(rows, waiters) }
    }

    private func send(_ rows: [UInt8], _ waiters: [Waiter]) async {
        do throws(Refusal) {
            let answer = try await bus.ingest(BatteryNames.reports, rows, timeoutMs: timeoutMs)
            for (waiter, isNew) in zip(waiters, Self.isNew(answer, count: waiters.count)) { waiter.resume(returning: .success(isNew)) }
        } catch {
            for waiter in waiters { waiter.resume(returning: .failure(error)) }
        }
    }

    /// Which of the batch's reports were new, by the worker's `{"inserted":k,"known":[row, …]}`.
    static func isNew(_ answer: [UInt8], count: Int) -> [Bool?] {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue.parse(answer)
        } catch {
            // The rows are committed whatever the worker's answer looks like.
            return Array(repeating: nil, count: count)
        }
        guard let inserted = value["inserted"]?.int else { return Array(repeating: nil, count: count) }
        if inserted == count || inserted == 0 { return Array(repeating: inserted > 0, count: count) }
        guard let known = value["known"]?.array else { return Array(repeating: nil, count: count) }
        var isNew = [Bool?](repeating: true, count: count)
        for row in known.compactMap(\.int) where isNew.indices.contains(row) { isNew[row] = false }
        return isNew
    }
}
