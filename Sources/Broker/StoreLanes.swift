/// A way of store work to the database. At most one batch of each is under way, and what comes meanwhile is gathered: that is the group commit.
enum StoreLane: CaseIterable {
    case inserts
    case outcomes
    case claims
    case looks
    /// Ordering keys that may have become free.
    case keys
    /// Kinds whose queues are looked for.
    case scans

    /// Whether it changes who runs what.
    var isWriting: Bool {
        switch self {
        case .inserts, .outcomes, .claims, .looks: true
        case .keys, .scans: false
        }
    }
}

/// What waits for the lanes, and which of them are at work.
struct StoreLanes {
    var inserts: [StoreWork.Insert] = []
    var outcomes: [OutcomeWork] = []
    var claims: [StoreWork.Claim] = []
    var looks: [StoreWork.Claim] = []
    var keys: Set<String> = []
    var scans: Set<String> = []
    var running: Set<StoreLane> = []

    /// Whether a lane is at work that changes who runs what.
    var isWriting: Bool { running.contains(where: \.isWriting) }

    mutating func add(_ work: StoreWork) {
        inserts += work.inserts
        outcomes += work.outcomes.map(OutcomeWork.outcome)
        outcomes += work.released.map(OutcomeWork.release)
        outcomes += work.unclaimed.map(OutcomeWork.unclaim)
        outcomes += work.adoptions.map(OutcomeWork.adopt)
        claims += work.claims
        looks += work.looks
        scans.formUnion(work.scans)
    }

    func hasWork(_ lane: StoreLane) -> Bool {
        switch lane {
        case .inserts: !inserts.isEmpty
        case .outcomes: !outcomes.isEmpty
        case .claims: !claims.isEmpty
        case .looks: !looks.isEmpty
        case .keys: !keys.isEmpty
        case .scans: !scans.isEmpty
        }
    }
}

extension Array {
    /// Takes out the first ones, at most so many.
    mutating func take(_ most: Int = .max) -> [Element] {
        if count <= most {
            defer { self = [] }
            return self
        }
        defer { removeFirst(most) }
        return Array(prefix(most))
    }
}

extension Set {
    /// Takes out some, at most so many.
    mutating func take(_ most: Int = .max) -> [Element] {
        let taken = Array(prefix(most))
        subtract(taken)
        return taken
    }
}
