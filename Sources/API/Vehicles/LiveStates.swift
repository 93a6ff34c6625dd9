import Bytes
import Postgres
import Protocol
import Reactor

/// The cars and their live states, in the memory of one loop: read from the database at the start and whenever events may have been missed, changed by
/// events in between.
///
/// An event follows its commit, so what the database says is never older than the events before it was asked. What it says of a car that an event came
/// of meanwhile is left out.
final class LiveStates {
    /// States of cars that are kept; further ones are ignored.
    static let bound = 100_000
    /// Between two reads when nothing tells of a miss: events go nowhere while no broker is up, ns.
    static let recheckNs: Int64 = 30_000_000_000
    private static let retryNs: Int64 = 1_000_000_000
    /// Lives of brokers whose last number is remembered.
    private static let epochBound = 64

    /// Cars as the spec writes them, by number.
    private(set) var cars: [Int64: [UInt8]] = [:]
    private(set) var states: [Int64: LiveState] = [:]
    private(set) var isLoaded = false
    private(set) var unreadable = 0
    /// Hears of each new state of a car.
    var onChange: (Int64, LiveState) -> Void = { _, _ in }
    /// Hears of the first time that everything is there.
    var onLoaded: () -> Void = {}

    private let pool: PostgresPool
    private let port: LoopPort
    /// The last event of each life of a broker: a snapshot says again what came before.
    private var heard: [Int64: UInt64] = [:]
    private var isLoading = false
    private var isLoadWanted = false
    private var isClosed = false
    /// Cars of which events came while the database was asked.
    private var touched: Set<Int64> = []

    init(_ pool: PostgresPool, on loop: isolated EventLoop) {
        self.pool = pool
        port = LoopPort(on: loop)
        port.every(Self.recheckNs) { [weak self] in
            guard let self, !self.isClosed else { return false }
            self.load()
            return true
        }
    }

    subscript(_ car: Int64) -> LiveState? { states[car] }

    func close() { isClosed = true }

    // MARK: Events

    /// Takes an event of the topic `vehicles.<car>`.
    func take(_ event: Event) {
        let isNews = heard[event.epoch] == nil
        if let last = heard[event.epoch], event.sequence <= last { return }
        if isNews, heard.count >= Self.epochBound { heard.removeAll() }
        heard[event.epoch] = event.sequence
        // What a broker kept may be older than what another one passed on.
        if isNews { port.atEndOfTick { [weak self] in self?.load() } }
        guard let car = Int64(event.topic.dropFirst("vehicles.".count)), let live = LiveState(payload: event.payload, of: car) else {
            unreadable += 1
            return Log.warning("an event is no vehicle's state", ["topic": event.topic])
        }
        if isLoading { touched.insert(car) }
        put(car, live)
    }

    private func put(_ car: Int64, _ live: LiveState) {
        guard states.count < Self.bound || states[car] != nil else { return }
        states[car] = live
        onChange(car, live)
    }

    // MARK: Reading

    /// Reads everything anew; calls while that runs make it run once more.
    func load() {
        isLoadWanted = true
        guard !isLoading, !isClosed else { return }
        isLoading = true
        _ = port.spawn { [self] in await run() }
    }

    private func run() async {
        while isLoadWanted, !isClosed {
            isLoadWanted = false
            touched.removeAll()
            do {
                let rows = try await pool.query(VehicleSQL.cars, retryOnLoss: true)
                if !isClosed { try apply(rows) }
            } catch {
                if isClosed { break }
                Log.warning("live states of cars not read; tried again", ["error": "\(error)"])
                port.after(Self.retryNs) { [weak self] in self?.load() }
                break
            }
        }
        isLoading = false
    }

    private func apply(_ rows: PostgresRows) throws {
        var found: [Int64: [UInt8]] = [:]
        var views: [(Int64, LiveState)] = []
        for row in 0..<rows.count {
            let car = try rows.int64(row, 1)
            var w = JSONWriter(capacity: 320)
            try VehicleSQL.car.write(rows, row, to: &w)
            found[car] = w.bytes
            guard !touched.contains(car), let view = try rows.jsonIfPresent(row, VehicleSQL.view) else { continue }
            if states[car]?.value == view { continue }
            if let live = LiveState(view, of: car) { views.append((car, live)) } else { unreadable += 1 }
        }
        cars = found
        // Events of a new car may come before its row is read again.
        for car in states.keys where found[car] == nil && !touched.contains(car) { states[car] = nil }
        for (car, live) in views { put(car, live) }
        if !isLoaded {
            isLoaded = true
            onLoaded()
        }
    }
}
