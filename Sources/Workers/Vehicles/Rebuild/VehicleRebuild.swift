public import Bytes
public import Postgres
public import Reactor

/// `heliograph vehicles rebuild`: a car's drives, positions, charges, parkings, updates and states derived again from what the car had said.
public struct VehicleRebuild: Sendable {
    public var car: Int64
    /// Derive what follows from the last checkpoint at or before this time; nil: all that the journal has.
    public var since: Timestamp?
    /// Nothing is written; the report says what would be.
    public var isDry: Bool
    /// Also while a poller has the car: what that one still writes is refused, and it takes the car again afterwards.
    public var byForce: Bool

    /// The pollers' settings: their rules are the machine's.
    public var options: VehicleOptions

    public init(car: Int64, since: Timestamp? = nil, isDry: Bool = false, byForce: Bool = false, options: VehicleOptions = VehicleOptions()) {
        self.car = car
        self.since = since
        self.isDry = isDry
        self.byForce = byForce
        self.options = options
    }

    /// Throws `RebuildFault` or what the database says; nothing has changed then.
    /// - Parameter progress: called now and then, with the inputs taken so far and the day.
    public func run(
        _ config: PostgresConfig, progress: @escaping (_ inputs: Int, _ day: Timestamp) -> Void, on loop: isolated EventLoop
    ) async throws -> RebuildReport {
        var config = config
        // A year of a car is more than a statement's usual time.
        config.statementTimeoutMs = 3_600_000
        let pool = PostgresPool(config, size: 2, name: "rebuild", on: loop)
        let car = car
        let rules = options.rules
        let rebuild = Rebuild(car: car, pool, isDry: isDry, progress: progress) { memory in MachineReplay(car: car, memory, rules: rules) }
        do {
            let report = try await rebuild.run(since: since, byForce: byForce, on: loop)
            await pool.close(on: loop)
            return report
        } catch {
            await pool.close(on: loop)
            throw error
        }
    }
}
