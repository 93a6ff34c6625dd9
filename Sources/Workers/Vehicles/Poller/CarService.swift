import Bytes
import Fetch
import Reactor

/// The service's HTTP side: requests in an account's name, a bound of them at the same time, each with its deadline.
final class CarService {
    /// Answers of `vehicle_data` have some 10 kB, lists of products 2 kB a car.
    private static let maxAnswer = 4 << 20
    /// What of the car is asked for (reference §3.2).
    private static let parts = "charge_state;climate_state;closures_state;drive_state;gui_settings;location_data;vehicle_config;vehicle_state"
        .split(separator: ";").joined(separator: "%3B")

    let fetcher: Fetcher
    let gate: RequestGate
    private let options: VehicleOptions
    private let now: () -> Timestamp
    private(set) var counters = Counters()

    struct Counters {
        var data = 0
        var summaries = 0
        var lists = 0
        /// Answers of each kind.
        var good = 0
        var refused = 0
        var lost = 0
    }

    init(_ fetcher: Fetcher, _ options: VehicleOptions, now: @escaping () -> Timestamp) {
        self.fetcher = fetcher
        self.options = options
        self.now = now
        gate = RequestGate(most: options.requestsInFlight)
    }

    enum Outcome {
        case answer(status: Int, body: [UInt8], retryAfter: Int?)
        case lost(FetchFailure)
        /// Nothing can be asked in the account's name now.
        case noToken
        /// The one who asks has been told to stop.
        case cancelled
    }

    enum What {
        case data(teslaID: Int64)
        case summary(teslaID: Int64)
        case list

        var path: String {
            switch self {
            case .data(let id): "/api/1/vehicles/\(id)/vehicle_data?endpoints=\(parts)"
            case .summary(let id): "/api/1/vehicles/\(id)"
            case .list: "/api/1/products"
            }
        }
    }

    /// Asks once, and once more with another token where the first was refused. `onRequest` is told before each request.
    func get(_ what: What, _ account: VehicleAccount, onRequest: () -> Void = {}, on loop: isolated EventLoop) async -> Outcome {
        var refused: Int64?
        while true {
            guard !Task.isCancelled else { return .cancelled }
            guard let token = await account.token(on: loop), token.rotation != refused, let hosts = account.hosts else { return .noToken }
            onRequest()
            count(what)
            let request = FetchRequest(
                "GET", hosts.api + what.path, headers: [("Authorization", "Bearer \(token.text)"), ("Accept", "application/json")],
                deadlineMs: options.deadlineMs, maxBytes: Self.maxAnswer, wantedFields: ["retry-after"])
            switch await send(request, on: loop) {
            case .failure(let failure):
                if failure.kind == .cancelled { return .cancelled }
                counters.lost += 1
                return .lost(failure)
            case .success(let answer):
                if answer.status == 401, refused == nil, await account.wasRefused(token.rotation, on: loop) {
                    refused = token.rotation
                    continue
                }
                if answer.status == 200 { counters.good += 1 } else { counters.refused += 1 }
                return .answer(status: answer.status, body: answer.body, retryAfter: answer["retry-after"].flatMap { Self.seconds($0) })
            }
        }
    }

    /// Not before there is room; what waits for tokens takes no room.
    private func send(_ request: FetchRequest, on loop: isolated EventLoop) async -> Result<FetchAnswer, FetchFailure> {
        await gate.enter()
        defer { gate.leave() }
        return await fetcher.send(request, on: loop)
    }

    private func count(_ what: What) {
        switch what {
        case .data: counters.data += 1
        case .summary: counters.summaries += 1
        case .list: counters.lists += 1
        }
    }

    private static func seconds(_ field: String) -> Int? {
        Int(field.prefix { ("0"..."9").contains($0) }.prefix(12))
    }

    // MARK: What answers mean

    /// A poll's outcome as an input with its text; nil: there is nothing to tell the machine.
    func input(_ question: PollPlan.Question, _ outcome: Outcome) -> (VehicleInput, raw: [UInt8])? {
        switch outcome {
        case .cancelled: return nil
        case .noToken: return (.failure(.unauthorized), [])
        case .lost(let failure):
            switch failure.kind {
            case .timeout: return (.failure(.timeout), [])
            case .truncated, .tooLarge: return (.failure(.server), Array(failure.description.utf8))
            default: return (.failure(.connection), Array(failure.description.utf8.prefix(200)))
            }
        case .answer(let status, let body, let retryAfter):
            guard status == 200 else { return (.failure(.of(status: status, body: body, retryAfter: retryAfter)), Array(body.prefix(2_000))) }
            guard case .success(let json) = Result(catching: { () throws(JSONError) in try JSONValue.parse(body) }) else {
                return (.failure(.server), Array(body.prefix(2_000)))
            }
            if question == .data {
                let input = VehicleInput.ofData(json, receivedAt: now())
                return (input, body)
            }
            guard let summary = VehicleInput.Summary(answer: json) else { return (.failure(.server), Array(body.prefix(2_000))) }
            return (.summary(summary), body)
        }
    }
}
