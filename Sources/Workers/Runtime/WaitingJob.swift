import Protocol

/// A job that a worker has and has not started.
struct WaitingJob {
    var run: JobRun
    var link: Int
    var context: JobContext
}

extension PriorityLevels<WaitingJob> {
    func runs(of link: Int) -> [JobRun] { elements.filter { $0.link == link }.map(\.run) }

    /// The jobs of these links belong to this one from now on; returns which they were.
    mutating func move(to link: Int, where isMoved: (Int) -> Bool) -> [JobRun] {
        var moved: [JobRun] = []
        updateAll { job in
            guard isMoved(job.link) else { return }
            job.link = link
            moved.append(job.run)
        }
        return moved
    }
}
