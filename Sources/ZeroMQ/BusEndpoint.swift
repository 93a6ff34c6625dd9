/// Where a broker listens: its work plane, its topic plane and, over TCP, its public CURVE key.
public struct BusEndpoint: Hashable, Sendable {
    public var work: String
    public var topics: String
    /// Z85; required where an address is not `inproc://` or `ipc://`.
    public var serverKey: String?

    public init(work: String, topics: String, serverKey: String? = nil) {
        self.work = work
        self.topics = topics
        self.serverKey = serverKey
    }

    /// Whether anybody but this machine's own user could reach the address.
    public static func isOpen(_ address: String) -> Bool { !address.hasPrefix("inproc://") && !address.hasPrefix("ipc://") }
}

/// Bounds and intervals of a bus client, with units.
public struct BusLimits: Sendable {
    /// Between beats, ns.
    public var beatNs: Int64 = 1_000_000_000
    /// A broker silent for so long is taken for dead, ns.
    public var silenceNs: Int64 = 3_000_000_000
    /// Calls without an answer yet; beyond it callers are told `busy`.
    public var pendingCalls = 200_000
    /// Events held while a snapshot is on its way; beyond it the snapshot is asked for again.
    public var heldEvents = 50_000

    public init() {}
}
