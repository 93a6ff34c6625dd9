import API
import Bytes
import Postgres
import Reactor
import Simulation
import Testing
import ZeroMQ

/// The project's folder, from this file's place in it.
private let projectRoot = String(#filePath.dropLast("/Tests/OperationsTests/Desk.swift".count))

/// An operator's desk: an API with a database of its own, a client of it, and the database itself.
struct Desk {
    let client: HTTPClient
    /// More of them, for requests at the same time.
    let crowd: [HTTPClient]
    let pool: PostgresPool

    func sql(_ statement: String) async throws { try await pool.simple(statement) }

    /// The first column of the first row.
    func number(_ query: String) async throws -> Int { try await pool.query(Statement(query)).int(0, 0) }
    func text(_ query: String) async throws -> String? { try await pool.query(Statement(query)).stringIfPresent(0, 0) }

    /// One request with the token of the admin 'olga', unless another one is given.
    func call(_ method: String, _ path: String, _ body: String? = nil, token: String? = "admin-token") async throws -> (status: Int, json: JSONValue) {
        let headers = token.map { [("Authorization", "Bearer \($0)")] } ?? []
        let answer = try await client.send(method, "/api/v1/ops" + path, headers: headers, body: body.map { Array($0.utf8) })
        return (answer.status, try JSONValue.parse(answer.body))
    }

    /// POSTs without waiting for one another; the statuses, 0 where no answer came.
    func together(_ paths: [String]) async -> [Int] {
        var statuses = [Int](repeating: 0, count: paths.count)
        var missing = paths.count
        await withUnsafeContinuation { (done: UnsafeContinuation<Void, Never>) in
            for (i, path) in paths.enumerated() {
                let headers = [("Authorization", "Bearer admin-token")]
                crowd[i % crowd.count].send("POST", "/api/v1/ops" + path, headers: headers, body: Array("{}".utf8)) { result in
                    if case .success(let answer) = result { statuses[i] = answer.status }
                    missing -= 1
                    if missing == 0 { done.resume() }
                }
            }
        }
        return statuses
    }

    func get(_ path: String) async throws -> JSONValue {
        let (status, json) = try await call("GET", path)
        #expect(status == 200, "\(path): \(String(decoding: json.bytes, as: UTF8.self))")
        return json
    }

    func post(_ path: String, _ body: String = "{}", status expected: Int = 200) async throws -> JSONValue {
        let (status, json) = try await call("POST", path, body)
        #expect(status == expected, "\(path) \(body): \(status) \(String(decoding: json.bytes, as: UTF8.self))")
        return json
    }

    /// The audit trail as "who action subject", oldest first.
    func audit() async throws -> [String] {
        (try await get("/audit")["audit"]?.array ?? []).reversed().map { note in
            ["who", "action", "subject"].compactMap { note[$0]?.string }.filter { !$0.isEmpty }.joined(separator: " ")
        }
    }

    /// A finished job straight into the history.
    func finish(
        _ id: Int, _ kind: String = "mail", _ state: String = "discarded", error: String? = nil, args: String = "{}", tags: String = "{}",
        uniqueKey: String? = nil, orderingKey: String? = nil
    ) async throws {
        try await pool.query(
            """
            INSERT INTO heliograph.job_history
                (id, kind, queue, state, priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args, errors, unique_key, ordering_key)
            VALUES ($1, $2, 'default', $3::text::heliograph.job_state, 5, 3, 25, 0, now() - interval '10 s', now() - interval '4 s', $4::text::text[],
                $5::text::jsonb, CASE WHEN $6::text IS NOT NULL THEN jsonb_build_array(jsonb_build_object('attempt', 3, 'error', $6)) END, $7, $8)
            """, Parameters(id, kind, state, tags, args, error, uniqueKey, orderingKey))
    }
}

/// Runs a body at a fresh desk. There is no broker.
func atDesk(_ body: @Sendable (Desk) async throws -> Void) async throws {
    let loop = EventLoop(name: "desk")
    let apiLoop = EventLoop(name: "api")
    defer { for loop in [apiLoop, loop] { loop.stop() } }
    try await loop.run { loop in
        let postgres = try await ScratchServer.database(migrations: projectRoot + "/Migrations", on: loop)
        var config = APIConfig(postgres: postgres, endpoints: [BusEndpoint(work: "inproc://work", topics: "inproc://topics")])
        config.addresses = [ListenAddress(host: "127.0.0.1", port: 0)]
        config.postgresConnections = 4
        let nodes = try await APINodes.start(config, context: ZMQContext(), on: [apiLoop])
        let pool = PostgresPool(postgres, size: 1, name: "desk", on: loop)
        let address = try #require(HTTPAddress(host: "127.0.0.1", port: nodes.ports[0]))
        let desk = Desk(client: HTTPClient(address, on: loop), crowd: (0..<4).map { _ in HTTPClient(address, on: loop) }, pool: pool)
        let result: Result<Void, any Error>
        do {
            try await desk.sql(
                """
                INSERT INTO heliograph.account (username, role, password_hash) VALUES ('olga', 'admin', 'x');
                INSERT INTO heliograph.token (hash, scope, account) SELECT sha256('admin-token'), 'admin', number FROM heliograph.account;
                INSERT INTO heliograph.token (hash, scope, label) VALUES (sha256('ingest-token'), 'ingest', ''), (sha256('robot-token'), 'admin', 'robot');
                SELECT setval('heliograph.job_id', 1000)
                """)
            result = .success(try await body(desk))
        } catch {
            result = .failure(error)
        }
        for client in desk.crowd + [desk.client] { client.close() }
        await pool.close(on: loop)
        await nodes.stop(withinMs: 1_000)
        try result.get()
    }
}
