/// Why a car's rows are not derived again. Nothing has changed then.
public enum RebuildFault: Error, CustomStringConvertible {
    case noCar(Int64)
    /// A poller has the car; it was last seen so many seconds ago.
    case held(by: String, seconds: Int)
    /// The journal has nothing of the car to begin with.
    case noCheckpoint
    /// The machine of today cannot read what it had remembered then.
    case memoryUnreadable
    /// Somebody has taken the car away meanwhile.
    case leaseLost

    public var description: String {
        switch self {
        case .noCar(let car): "there is no car \(car), or it was never polled"
        case .held(let poller, let seconds): "poller \(poller) has the car (seen \(seconds) s ago): stop it, or take the car away with --take"
        case .noCheckpoint: "the journal has no checkpoint of the car: there is nothing to derive from"
        case .memoryUnreadable: "the machine cannot read the checkpoint's memory; begin at another one with --since"
        case .leaseLost: "another process has taken the car meanwhile; nothing was changed"
        }
    }
}
