/// What tests require of the queue. Each failure says what was there instead.
extension KitFleet {
    /// The first job of this kind, enqueued by anybody and in whatever state, for which `isMeant` holds.
    /// - Throws: with the jobs that were enqueued instead.
    @discardableResult
    public func requireEnqueued(_ kind: String, where isMeant: (KitJob) -> Bool = { _ in true }) throws(KitFailure) -> KitJob {
        let ofKind = jobs(kind: kind)
        if let job = ofKind.first(where: isMeant) { return job }
        if !ofKind.isEmpty { throw KitFailure("no job '\(kind)' meets the condition; enqueued were:", ofKind) }
        let others = jobs()
        guard !others.isEmpty else { throw KitFailure("no job '\(kind)' was enqueued, nor any other") }
        throw KitFailure("no job '\(kind)' was enqueued; these were:", others)
    }

    /// That no job of this kind for which `isMeant` holds was enqueued.
    /// - Throws: with those that were.
    public func requireNotEnqueued(_ kind: String, where isMeant: (KitJob) -> Bool = { _ in true }) throws(KitFailure) {
        let found = jobs(kind: kind).filter(isMeant)
        guard found.isEmpty else { throw KitFailure("jobs '\(kind)' were enqueued that should not have been:", found) }
    }
}
