import Bytes
import Reactor

/// What all cars of a poller share.
final class PollerParts {
    let options: VehicleOptions
    let rules: VehicleRules
    let service: CarService
    let lister: CarLister
    let accounts: VehicleAccounts
    let logbook: Logbook
    let leases: CarLeases
    let now: () -> Timestamp
    /// Tells everybody a car's state.
    let publish: (_ topic: String, _ view: [UInt8]) -> Void
    var fences = Fences()
    var counters = PollerCounters()

    init(
        _ options: VehicleOptions, _ service: CarService, _ lister: CarLister, _ accounts: VehicleAccounts, _ logbook: Logbook, _ leases: CarLeases,
        now: @escaping () -> Timestamp, publish: @escaping (_ topic: String, _ view: [UInt8]) -> Void
    ) {
        self.options = options
        rules = options.rules
        self.service = service
        self.lister = lister
        self.accounts = accounts
        self.logbook = logbook
        self.leases = leases
        self.now = now
        self.publish = publish
    }
}

/// What a poller has done.
public struct PollerCounters: Sendable {
    /// Cars taken and lost to others.
    public var taken = 0
    public var lost = 0
    /// Answers, frames and events that machines have taken.
    public var answers = 0
    public var frames = 0
    /// Frames that gave way to later ones while the database was away.
    public var dropped = 0
    public var published = 0
    /// Streams opened.
    public var streams = 0
    /// How late questions were asked, of those since the last look: the latest, ns.
    public var latestNs: Int64 = 0
    public init() {}
}
