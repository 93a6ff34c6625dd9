import Protocol

/// A job that a worker has and has not started.
struct WaitingJob {
    var run: JobRun
    var link: Int
    var priority: Int
    var context: JobContext
}

/// The jobs that a worker holds ready: the most urgent first, among equals as they came.
struct WaitingJobs {
    private var levels: [[WaitingJob]] = Array(repeating: [], count: 10)
    private var heads = [Int](repeating: 0, count: 10)
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ job: WaitingJob) {
        levels[min(max(job.priority, 0), 9)].append(job)
        count += 1
    }

    mutating func popFirst() -> WaitingJob? {
        guard count > 0 else { return nil }
        for level in 0..<10 where heads[level] < levels[level].count {
            let job = levels[level][heads[level]]
            heads[level] += 1
            if heads[level] == levels[level].count {
                levels[level].removeAll(keepingCapacity: true)
                heads[level] = 0
            }
            count -= 1
            return job
        }
        return nil
    }

    mutating func remove(_ run: JobRun) -> WaitingJob? {
        for level in 0..<10 {
            guard let index = levels[level][heads[level]...].firstIndex(where: { $0.run == run }) else { continue }
            count -= 1
            defer {
                if heads[level] == levels[level].count {
                    levels[level].removeAll(keepingCapacity: true)
                    heads[level] = 0
                }
            }
            return levels[level].remove(at: index)
        }
        return nil
    }

    mutating func removeAll() -> [WaitingJob] {
        var all: [WaitingJob] = []
        while let job = popFirst() { all.append(job) }
        return all
    }

    func runs(of link: Int) -> [JobRun] { (0..<10).flatMap { levels[$0][heads[$0]...].filter { $0.link == link }.map(\.run) } }

    /// The jobs of these links belong to this one from now on; returns which they were.
    mutating func move(to link: Int, where isMoved: (Int) -> Bool) -> [JobRun] {
        var moved: [JobRun] = []
        for level in 0..<10 {
            for index in heads[level]..<levels[level].count where isMoved(levels[level][index].link) {
                levels[level][index].link = link
                moved.append(levels[level][index].run)
            }
        }
        return moved
    }
}
