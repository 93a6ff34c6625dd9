/// How the upkeep of the fleet behaves.
public struct UpkeepOptions: Sendable {
    /// The row of `heliograph.lease` that decides who works.
    public var leaseName = "upkeep"
    /// How long a lease holds without being renewed, ms: what a take-over waits at most.
    public var termMs: Int64 = 4_000
    /// How often the holder renews it and the others ask for it, ms.
    public var renewMs: Int64 = 1_000
    /// How long finished jobs are kept, in days.
    public var keepCompletedDays = 7
    public var keepFailedDays = 30
    /// How long what the vehicles said is kept, in days: as far back their rows can be derived again.
    public var keepVehicleJournalDays = 400
    /// A broker without a beat for this long is dead, ms.
    public var silenceMs: Int64 = 4_000
    /// How long the workers of a broker that came back have to report what they still run, ms.
    public var graceMs: Int64 = 2_000
    /// Connections of the one that works. Each carries one statement at a time: with four, three slow tasks leave one to the quick ones.
    public var connections = 4

    public init() {}
}
