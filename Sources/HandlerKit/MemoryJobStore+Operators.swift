import Broker
public import Protocol

/// What operators and producers in SQL do.
extension MemoryJobStore {
    /// Puts a job into the queue as `heliograph.enqueue` does: beside the bus, with the same checks; the broker is woken.
    @discardableResult
    public func enqueue(_ draft: JobDraft) throws(Refusal) -> Accepted {
        if let fault = draft.fault { throw Refusal(.malformed, "job draft: \(fault)") }
        let made = insert(draft)
        if !made.isDuplicate { tell(.woken(kind: draft.kind, queue: draft.queue, priority: draft.priority)) }
        return Accepted(id: made.id, isDuplicate: made.isDuplicate)
    }

    /// No job of this queue starts until `resume`; `*` is all queues.
    public func pause(_ queue: String) {
        pausedQueues.insert(queue)
        tell(.control)
        onChange()
    }

    public func resume(_ queue: String) {
        pausedQueues.remove(queue)
        tell(.control)
        onChange()
    }

    func isPaused(_ queue: String) -> Bool { pausedQueues.contains(queue) || pausedQueues.contains("*") }

    /// At most `most` jobs of this kind run at once; nil takes the limit away.
    public func limit(_ kind: String, running most: Int?) {
        mostRunning[kind] = most
        tell(.control)
        onChange()
    }

    /// Ends a job as `heliograph.stop_jobs` does: a waiting one at once, with this state; a running one is asked to stop and is cancelled when it
    /// does, unless it succeeds first. Returns 'cancelled', 'discarded' or 'asked', nil where no such job waits or runs.
    @discardableResult
    public func stop(_ id: Int64, as final: JobState = .cancelled, who: String = "test") -> String? {
        precondition(final == .cancelled || final == .discarded, "a job is ended as cancelled or discarded")
        guard var job = live[id] else { return nil }
        if job.state == .running {
            job.cancelAskedAt = clock.now
            put(job)
            tell(.cancel(id))
            return "asked"
        }
        job.errors.append(KitJob.Fault(attempt: job.attempt, at: clock.now, error: "\(final.rawValue) by \(who)"))
        finish(job, as: final)
        return final.rawValue
    }
}
