import Bytes
import Postgres
import Reactor
import Simulation

/// What other routes' clients feel while many log in at once: each log-in costs an Argon2id hash.
enum LoginBench {
    static let logins = 200
    static let perSecond = 200
    static let seconds = 10

    private final class State {
        var delays: [Double] = []
        var open = 0
        var isStopping = false
        var done = 0
        var refused = 0
        var failure: BenchError?
    }

    static func run(_ bench: Bench, on loop: isolated EventLoop) async throws {
        let server = try await ServerUnderTest.start(bench, on: loop)
        let token = try await BatteryBench.token("reader", server, on: loop)
        try await QueueBench.statements(
            [
                """
                INSERT INTO heliograph.account (username, password_hash, email)
                SELECT 'flood' || n, a.password_hash, 'flood' || n || '@example.org' FROM heliograph.account AS a, generate_series(1, \(logins)) AS n
                WHERE a.username = 'reader'
                """,
                """
                INSERT INTO heliograph.device (owner, name, device_type, api_key_hash, api_key_prefix)
                SELECT number, 'probe', 'sensor', sha256('zk_probe'), 'zk_probe' FROM heliograph.account WHERE username = 'reader'
                """,
            ], server.postgres, on: loop)
        let state = State()
        // The first requests pay for prepared statements and plans.
        _ = try await probe(server, token, seconds: 1, state, on: loop)
        let quiet = try await probe(server, token, seconds: bench.options.scaled(seconds), state, on: loop)
        for n in 1...logins {
            state.open += 1
            loop.spawn { await logIn(n, server, state, on: loop) }
        }
        let flooded = try await probe(server, token, seconds: bench.options.scaled(seconds), state, on: loop)
        let (done, refused) = (state.done, state.refused)
        state.isStopping = true
        while state.open > 0 { await loop.sleep(ns: 10_000_000) }
        await bench.stop(server.child, on: loop)
        if let failure = state.failure { throw failure }
        bench.record(
            Figure(
                "accounts.login_flood_ms", OpenLoop.percentile(flooded, 0.99), "ms", reference: "the same requests while nobody logs in",
                OpenLoop.percentile(quiet, 0.99),
                conditions:
                    "p99 of \(perSecond) requests/s, open loop: an account's own data, its devices, a device's report; meanwhile \(logins) clients log in again "
                    + "and again, each waiting as long as it is told to: \(done) log-ins and \(refused) refusals in \(bench.options.scaled(seconds)) s"))
    }

    /// One client that logs in until it is told to stop.
    private static func logIn(_ n: Int, _ server: ServerUnderTest, _ state: State, on loop: isolated EventLoop) async {
        let client = HTTPClient(server.address, on: loop)
        let body = Array("{\"login\":\"flood\(n)\",\"password\":\"\(BatteryBench.password)\"}".utf8)
        while !state.isStopping, state.failure == nil {
            do {
                let answer = try await client.post("/api/v1/users/login", headers: [("Content-Type", "application/json")], body: body)
                switch answer.status {
                case 200: state.done += 1
                case 429:
                    state.refused += 1
                    // As Retry-After says.
                    for _ in 0..<20 where !state.isStopping { await loop.sleep(ns: 100_000_000) }
                default: state.failure = BenchError("log-in: \(answer.status) \(String(decoding: answer.body.prefix(200), as: UTF8.self))")
                }
            } catch {
                state.failure = BenchError("log-in: \(error)")
            }
        }
        client.close()
        state.open -= 1
    }

    /// Milliseconds from due time to answer, in order.
    private static func probe(_ server: ServerUnderTest, _ token: String, seconds: Int, _ state: State, on loop: isolated EventLoop) async throws -> [Double] {
        state.delays = []
        let clients = (0..<16).map { _ in HTTPClient(server.address, on: loop) }
        defer { for client in clients { client.close() } }
        let count = perSecond * seconds
        try await OpenLoop.offer(count, perSecond: perSecond, on: loop) { n, due in
            let done: (Result<HTTPClient.Answer, HTTPClientError>) -> Void = { result in
                switch result {
                case .success(let answer) where (200..<300).contains(answer.status): state.delays.append(Double(Clock.monotonicNs - due) / 1e6)
                case .success(let answer): state.failure = BenchError("\(answer.status) \(String(decoding: answer.body.prefix(200), as: UTF8.self))")
                case .failure(let error): state.failure = BenchError("\(error)")
                }
            }
            let client = clients[n % clients.count]
            let bearer = [("Authorization", "Bearer \(token)")]
            switch n % 3 {
            case 0: client.send("GET", "/api/v1/users/me", headers: bearer, body: nil, completion: done)
            case 1: client.send("GET", "/api/v1/devices", headers: bearer, body: nil, completion: done)
            default:
                client.send(
                    "POST", "/api/v1/battery/report", headers: [("X-API-Key", "zk_probe"), ("Content-Type", "application/json")],
                    body: Array(#"{"battery_level":75,"is_charging":false}"#.utf8), completion: done)
            }
            if let failure = state.failure { throw failure }
        }
        let limit = Clock.monotonicNs + 10_000_000_000
        while state.delays.count < count, state.failure == nil, Clock.monotonicNs < limit { await loop.sleep(ns: 5_000_000) }
        if let failure = state.failure { throw failure }
        guard state.delays.count == count else { throw BenchError("\(state.delays.count) of \(count) requests were answered") }
        return state.delays.sorted()
    }
}
