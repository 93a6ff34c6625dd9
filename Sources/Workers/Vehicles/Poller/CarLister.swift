import Bytes
import Fetch
import Postgres
import Reactor

/// Keeps `heliograph.car` as the accounts' lists of products say: cars come, change their ids, and go.
final class CarLister {
    /// Many cars may ask for the list of their account at the same time; it is not read more often than this, s.
    private static let leastSeconds = 20.0

    private let leastNs: Int64
    private let pool: PostgresPool
    private let service: CarService
    private let accounts: VehicleAccounts
    private var runs: [Int64: Run] = [:]

    private struct Run {
        var result: Result?
        var atNs: Int64
        var waiters: [UnsafeContinuation<Void, Never>] = []
    }

    enum Result {
        /// By the cars' numbers, what the list says of each.
        case cars([Int64: JSONValue])
        case failed(CarService.Outcome)
    }

    init(_ pool: PostgresPool, _ service: CarService, _ accounts: VehicleAccounts, _ options: VehicleOptions) {
        leastNs = Int64(min(Self.leastSeconds, options.listSeconds) * 1e9)
        self.pool = pool
        self.service = service
        self.accounts = accounts
    }

    /// Reads an account's list, or waits for who is at it; gives what was read a moment ago, where that is new enough.
    func list(_ number: Int64, isNew: Bool = false, on loop: isolated EventLoop) async -> Result {
        if let run = runs[number] {
            let isUnderWay = run.result == nil
            if isUnderWay { await withUnsafeContinuation { runs[number]?.waiters.append($0) } }
            if let run = runs[number], let result = run.result, isUnderWay || !isNew, Clock.monotonicNs - run.atNs < leastNs { return result }
        }
        runs[number] = Run(result: nil, atNs: Clock.monotonicNs)
        let result = await read(number, on: loop)
        let waiters = runs[number]?.waiters ?? []
        runs[number] = Run(result: result, atNs: Clock.monotonicNs)
        for waiter in waiters { waiter.resume() }
        return result
    }

    private func read(_ number: Int64, on loop: isolated EventLoop) async -> Result {
        guard let account = accounts[number] else { return .failed(.noToken) }
        let outcome = await service.get(.list, account, on: loop)
        guard case .answer(200, let body, _) = outcome else { return .failed(outcome) }
        guard case .success(let json) = Swift.Result(catching: { () throws(JSONError) in try JSONValue.parse(body) }), let listed = CarListing.read(json)
        else {
            return .failed(.answer(status: 502, body: Array("the list cannot be read".utf8), retryAfter: nil))
        }
        do {
            let numbers = try await pool.transaction { transaction in try await Self.write(listed, number, transaction) }
            return .cars(numbers)
        } catch {
            Log.warning("vehicle list not stored", ["account": "\(number)", "error": String(describing: error)])
            return .failed(.lost(FetchFailure(.connection, "the database")))
        }
    }

    private static func write(_ listed: [ListedCar], _ account: Int64, _ transaction: PostgresTransaction) async throws -> [Int64: JSONValue] {
        _ = try await transaction.query("SELECT pg_advisory_xact_lock(7238911, $1::integer)", Parameters(account))
        let rows = try await transaction.query(select, Parameters(account))
        var known: [KnownCar] = []
        for row in 0..<rows.count {
            known.append(
                KnownCar(
                    number: try rows.int64(row, 0), teslaID: try rows.int64(row, 1), vehicleID: try rows.int64(row, 2), vin: try rows.string(row, 3),
                    isGone: try rows.bool(row, 4)))
        }
        let changes = CarListing.compare(listed, known)
        var found: [Int64: JSONValue] = [:]
        for (number, car) in changes.present {
            found[number] = car.json
            _ = try await transaction.query(update, Parameters(number, account, car.teslaID, car.vehicleID, car.vin, car.name))
        }
        for car in changes.new {
            let made = try await transaction.query(insert, Parameters(account, car.teslaID, car.vehicleID, car.vin, car.name))
            let number = try made.int64(0, 0)
            found[number] = car.json
            Log.info("a new vehicle", ["car": "\(number)", "account": "\(account)"])
        }
        // Those of a deleted account are not this account's to judge.
        if !changes.gone.isEmpty {
            let gone = try await transaction.execute(leave, Parameters(changes.gone, account))
            if gone > 0 { Log.warning("vehicles are no longer in their account's list", ["account": "\(account)", "cars": "\(gone)"]) }
        }
        return found
    }

    private static let select: Statement = """
        SELECT number, tesla_id, tesla_vehicle_id, vin, is_gone FROM heliograph.car WHERE account = $1 OR account IS NULL
        ORDER BY account NULLS LAST, is_gone, number
        """
    /// Only what changes is written: each write tells everybody.
    private static let update: Statement = """
        UPDATE heliograph.car SET account = $2, tesla_id = $3, tesla_vehicle_id = $4, vin = CASE WHEN $5 = '' THEN vin ELSE $5 END,
            name = CASE WHEN name = '' THEN $6 ELSE name END, is_gone = false, updated_at = now()
        WHERE number = $1 AND (account, tesla_id, tesla_vehicle_id, is_gone, vin, name) IS DISTINCT FROM
            ($2, $3, $4, false, CASE WHEN $5 = '' THEN vin ELSE $5 END, CASE WHEN name = '' THEN $6 ELSE name END)
        """
    private static let insert: Statement = """
        INSERT INTO heliograph.car (account, tesla_id, tesla_vehicle_id, vin, name) VALUES ($1, $2, $3, $4, $5) RETURNING number
        """
    private static let leave: Statement = "UPDATE heliograph.car SET is_gone = true, updated_at = now() WHERE number = ANY($1::bigint[]) AND account = $2"
}
