import Bytes
import Protocol
import Reactor
import Synchronization
import Workers
import ZeroMQ

/// From the moment a job was due to be enqueued until its handler starts, at a steady rate. An open loop: a late enqueue counts
/// from when it should have been sent, so a stall shows in every job it held up.
enum LatencyBench {
    static let warmUp = 200

    /// A steady rate, and the figures that it gives.
    private struct Rate {
        var perSecond: Int
        var seconds: Int
        var figures: [(name: String, share: Double)]
    }

    private static let rates = [
        Rate(perSecond: 1_000, seconds: 20, figures: [("queue.latency.p50", 0.5), ("queue.latency.p99", 0.99)]),
        Rate(perSecond: 10_000, seconds: 10, figures: [("queue.latency.p99_10k", 0.99)]),
    ]

    static var names: [String] { rates.flatMap { $0.figures.map(\.name) } }

    static func run(_ wanted: Set<String>, _ bench: Bench, on loop: isolated EventLoop) async throws {
        for rate in rates where rate.figures.contains(where: { wanted.contains($0.name) }) { try await measure(rate, wanted, bench, on: loop) }
    }

    /// Milliseconds per job, written on the worker's loop and read elsewhere.
    private final class Delays: Sendable {
        private let ms = Mutex<[Double]>([])

        func add(_ value: Double) { ms.withLock { $0.append(value) } }
        func clear() { ms.withLock { $0.removeAll(keepingCapacity: true) } }
        var count: Int { ms.withLock { $0.count } }
        var sorted: [Double] { ms.withLock { $0.sorted() } }
    }

    private static func measure(_ rate: Rate, _ wanted: Set<String>, _ bench: Bench, on loop: isolated EventLoop) async throws {
        let postgres = try await bench.postgres(on: loop)
        let perSecond = rate.perSecond
        try await QueueBench.statements(["TRUNCATE heliograph.job, heliograph.job_history", "VACUUM ANALYZE heliograph.job", "CHECKPOINT"], postgres, on: loop)
        let count = bench.options.scaled(perSecond * rate.seconds)
        let disk = try await DiskProbe.percentiles(bench.directory + "/probe", on: loop)
        let delays = Delays()
        let fleet = try await Fleet.start(postgres, slots: 64, prefetch: rate.perSecond / 15) { runtime, _, _, loop in
            runtime.onJob(QueueBench.kind) { context in
                _ = loop
                let now = Clock.monotonicNs
                let due = try context.json()["due"]?.int ?? 0
                delays.add(Double(now - Int64(due)) / 1e6)
            }
        }
        let producerLoop = EventLoop(name: "bench-producer")
        let endpoint = fleet.endpoint
        var failure: (any Error)?
        do {
            try await producerLoop.run { loop in
                let client = try BusClient(ZMQContext(), endpoints: [endpoint], hello: Hello(role: .api, name: "bench producer"), on: loop)
                // The first jobs pay for prepared statements and plans.
                for _ in 0..<warmUp { _ = try await client.enqueue(JobDraft(kind: QueueBench.kind, args: args(Clock.monotonicNs)), on: loop) }
                while delays.count < warmUp { await loop.sleep(ns: 1_000_000) }
                delays.clear()
                try await offer(count, perSecond, client, on: loop)
                let limit = Clock.monotonicNs + 30_000_000_000
                while delays.count < count, Clock.monotonicNs < limit { await loop.sleep(ns: 10_000_000) }
                client.close(on: loop)
            }
        } catch {
            failure = error
        }
        producerLoop.stop()
        await fleet.stop()
        if let failure { throw failure }
        let sorted = delays.sorted
        guard sorted.count == count else { throw BenchError("\(sorted.count) of \(count) jobs started") }
        let conditions =
            "\(perSecond) jobs/s offered for \(count / perSecond) s, open loop, due time to handler start; fdatasync of this disk just before: p50 \(disk.p50) ms, p99 \(disk.p99) ms"
        var reference: [Double] = []
        let p50 = await bench.reference("pgbench", [TextFile.program("pgbench")]) {
            reference = try await Wrk.pgbenchDelays(bareInsert, perSecond: perSecond, seconds: max(1, count / perSecond), postgres, bench, on: loop)
            return percentile(reference, 0.5)
        }
        for (name, share) in rate.figures where wanted.contains(name) {
            bench.record(
                Figure(
                    name, percentile(sorted, share), "ms", reference: "pgbench, one bare INSERT of the same row, 2 clients, due time to commit",
                    p50 == nil ? nil : percentile(reference, share), conditions: conditions))
        }
    }

    /// What a commit of one row costs here: no job can start sooner.
    private static let bareInsert = "INSERT INTO heliograph.job (kind, args) VALUES ('\(QueueBench.kind)', '{\"due\": 1234567890123}');"

    private static func percentile(_ sorted: [Double], _ share: Double) -> Double { sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))] }

    private static func args(_ dueNs: Int64) -> [UInt8] { Array("{\"due\":\(dueNs)}".utf8) }

    private static func offer(_ count: Int, _ perSecond: Int, _ client: BusClient, on loop: isolated EventLoop) async throws {
        let interval = 1_000_000_000 / Int64(perSecond)
        let start = Clock.monotonicNs + interval
        var refused: Refusal?
        for n in 0..<count {
            let due = start + Int64(n) * interval
            let now = Clock.monotonicNs
            if due > now { await loop.sleep(ns: due - now) }
            let draft = JobDraft(kind: QueueBench.kind, args: args(due))
            client.call(.enqueue, draft.kind, draft.payload, timeoutMs: 10_000, on: loop) { result in
                if case .failure(let refusal) = result { refused = refusal }
            }
            if let refused { throw refused }
        }
    }
}
