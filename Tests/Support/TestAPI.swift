package import API
package import Bytes
package import Postgres
package import Reactor
package import ZeroMQ

/// The project's folder, from this file's place in it.
package let projectRoot = String(#filePath.dropLast("/Tests/Support/TestAPI.swift".count))

/// A running API with a database of its own, and a client of it. Everything but the server lives on the test's loop.
package struct TestAPI {
    package let port: UInt16
    package let postgres: PostgresConfig
    package let pool: PostgresPool
    package let context: ZMQContext
    package let endpoint: BusEndpoint
    package let start = Clock.wall

    package func sql(_ statement: String, on loop: isolated EventLoop) async throws { try await pool.simple(statement) }

    package func request(
        _ method: String, _ path: String, _ fields: [(String, String)] = [], body: [UInt8] = [], on loop: isolated EventLoop
    ) async throws -> Answer {
        let wire = try Wire(port: port, on: loop)
        var head = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        for (name, value) in fields { head += "\(name): \(value)\r\n" }
        if !body.isEmpty { head += "Content-Length: \(body.count)\r\n" }
        wire.send(Array(head.utf8) + [13, 10] + body)
        await wire.wait { _ in false }
        return try Answer(wire.received)
    }

    package func get(_ path: String, token: String? = nil, on loop: isolated EventLoop) async throws -> Answer {
        try await request("GET", path, Self.fields(token), on: loop)
    }

    package func post(_ path: String, _ body: String, token: String? = nil, on loop: isolated EventLoop) async throws -> Answer {
        try await request("POST", path, Self.fields(token), body: Array(body.utf8), on: loop)
    }

    package func put(_ path: String, _ body: String, token: String? = nil, on loop: isolated EventLoop) async throws -> Answer {
        try await request("PUT", path, Self.fields(token), body: Array(body.utf8), on: loop)
    }

    package func delete(_ path: String, token: String? = nil, on loop: isolated EventLoop) async throws -> Answer {
        try await request("DELETE", path, Self.fields(token), on: loop)
    }

    private static func fields(_ token: String?) -> [(String, String)] { token.map { [("Authorization", "Bearer \($0)")] } ?? [] }

    /// A token of each scope, made by SQL alone: its text is `ingest-token` or `admin-token`.
    package func addTokens(on loop: isolated EventLoop) async throws {
        try await sql(
            "INSERT INTO heliograph.token (hash, scope) VALUES (sha256('ingest-token'), 'ingest'), (sha256('admin-token'), 'admin')", on: loop)
    }
}

/// A change to the usual set-up.
package struct SetUp: Sendable {
    package let apply: @Sendable (inout APIConfig) -> Void
    package static let usual = SetUp { _ in }
    package static let production = SetUp { $0.isProduction = true }

    package init(_ apply: @escaping @Sendable (inout APIConfig) -> Void) { self.apply = apply }
}

/// Runs a body against a fresh API. Without a broker, unless the body starts one at the endpoint.
package func withAPI(_ setUp: SetUp = .usual, _ body: @Sendable (TestAPI, isolated EventLoop) async throws -> Void) async throws {
    let loop = EventLoop(name: "test")
    let apiLoops = [EventLoop(name: "api 0"), EventLoop(name: "api 1")]
    defer { for loop in apiLoops + [loop] { loop.stop() } }
    try await loop.run { loop in
        let postgres = try await ScratchServer.database(migrations: projectRoot + "/Migrations", on: loop)
        let context = ZMQContext()
        let endpoint = BusEndpoint(work: "inproc://work", topics: "inproc://topics")
        var config = APIConfig(postgres: postgres, endpoints: [endpoint])
        config.addresses = [ListenAddress(host: "127.0.0.1", port: 0)]
        config.postgresConnections = 2
        setUp.apply(&config)
        let given = config
        let nodes = try await APINodes.start(given, context: context, on: apiLoops)
        let pool = PostgresPool(postgres, size: 2, name: "test", on: loop)
        let api = TestAPI(port: nodes.ports[0], postgres: postgres, pool: pool, context: context, endpoint: endpoint)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(api, loop))
        } catch {
            result = .failure(error)
        }
        await pool.close(on: loop)
        await nodes.stop(withinMs: 1_000)
        try result.get()
    }
}
