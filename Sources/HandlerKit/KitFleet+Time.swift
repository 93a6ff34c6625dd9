import Broker
import Bytes
import Protocol
public import Reactor
import Workers

/// Letting the queue run, and moving its time.
extension KitFleet {
    /// How long a test waits for handlers unless told otherwise, real time.
    public static var usualLimit: Duration { .seconds(10) }
    /// The longest wait between two looks at the queue, ns.
    private static let lookNs: Int64 = 50_000_000

    /// Returns when nothing can run any more until time passes or an operator acts: every job has finished, is not due, waits for its ordering
    /// key, or is held by a pause, a limit of nought or the lack of a handler. Events of all that have arrived.
    /// - Throws: after `limit` of real time, with what still runs and what should.
    public func drain(limit: Duration = usualLimit, on loop: isolated EventLoop) async throws(KitFailure) {
        try await drain(untilNs: loop.nowNs + limit.nanoseconds, limit, on: loop)
    }

    /// Moves the clock and lets what becomes due on the way run, each at its time: the retries of a month pass one after the other.
    ///
    /// Ends as `drain` does.
    /// - Throws: after `limit` of real time, with what still runs.
    public func advance(by time: Duration, limit: Duration = usualLimit, on loop: isolated EventLoop) async throws(KitFailure) {
        precondition(time >= .zero, "time goes on")
        let target = now.adding(time)
        let untilNs = loop.nowNs + limit.nanoseconds
        try await runAll(untilNs: untilNs, limit, on: loop)
        while let due = store.nextDue, due <= target {
            guard loop.nowNs < untilNs else {
                let heading = "advance(by: \(time)) has come to the jobs due at \(RFC3339.string(due)) in \(limit); it still has these to run:"
                throw KitFailure(heading, store.due(by: target))
            }
            clock.set(max(due, now))
            try await runAll(untilNs: untilNs, limit, on: loop)
        }
        clock.set(target)
        try await drain(untilNs: untilNs, limit, on: loop)
    }

    private func drain(untilNs: Int64, _ limit: Duration, on loop: isolated EventLoop) async throws(KitFailure) {
        repeat {
            try await runAll(untilNs: untilNs, limit, on: loop)
            try await catchUp(on: loop)
        } while store.hasPending(kinds: runtime.jobKinds)
    }

    private func runAll(untilNs: Int64, _ limit: Duration, on loop: isolated EventLoop) async throws(KitFailure) {
        while true {
            if !store.promote().isEmpty { store.tell(.wokenAll) }
            let kinds = runtime.jobKinds
            if !store.hasPending(kinds: kinds) { return }
            let left = untilNs - loop.nowNs
            guard left > 0 else { throw KitFailure("not drained within \(limit); these run or should:", store.pending(kinds: kinds)) }
            await changed.wait(ns: min(left, Self.lookNs), on: loop)
        }
    }
}

extension MemoryJobStore {
    /// Whether anything runs, or would if the broker took it up now.
    func hasPending(kinds: Set<String>) -> Bool {
        !running.isEmpty || kinds.contains { isOpen($0) && readyQueues($0).contains { !isPaused($0) } }
            || timed.contains { mayRun($0, kinds) && isReleased($0) } || blocked.contains { mayRun($0, kinds) && isReleased($0) }
    }

    /// What these are, by id.
    func pending(kinds: Set<String>) -> [KitJob] {
        live.values.filter { job in
            switch job.state {
            case .running: true
            case .scheduled where job.runAt > clock.now, .retryable where job.runAt > clock.now: false
            default: mayRun(job, kinds) && isReleased(job)
            }
        }.sorted { $0.id < $1.id }
    }

    private func mayRun(_ job: KitJob, _ kinds: Set<String>) -> Bool { kinds.contains(job.kind) && isOpen(job.kind) && !isPaused(job.queue) }
    private func isOpen(_ kind: String) -> Bool { mostRunning[kind] != 0 }
    private func isReleased(_ job: KitJob) -> Bool {
        let isDue = job.state == .available || job.runAt <= clock.now
        return isDue && (!job.isBlocked || (job.orderingKey.map(isKeyFree) ?? true))
    }

    /// When the next job becomes due.
    var nextDue: Timestamp? { timed.map(\.runAt).min() }

    func due(by time: Timestamp) -> [KitJob] { timed.filter { $0.runAt <= time }.sorted { $0.id < $1.id } }
}
