import Postgres
import Reactor

/// Runs a test body on a loop of its own, with a database of its own on the process's scratch server.
func withDatabase(_ body: @Sendable (PostgresConfig, isolated EventLoop) async throws -> Void) async throws {
    try await withLoop { loop async throws in
        let config = try await ScratchServer.database(on: loop)
        try await body(config, loop)
    }
}

/// The same with a pool.
func withPool(
    size: Int = 2, maxPrepared: Int = 512, pipelineDepth: Int = 32, statementTimeoutMs: Int = 30_000,
    _ body: @Sendable (PostgresPool, isolated EventLoop) async throws -> Void
) async throws {
    try await withDatabase { config, loop async throws in
        var config = config
        config.maxPrepared = maxPrepared
        config.pipelineDepth = pipelineDepth
        config.statementTimeoutMs = statementTimeoutMs
        let pool = PostgresPool(config, size: size, name: "test", on: loop)
        do {
            try await body(pool, loop)
        } catch {
            await pool.close(on: loop)
            throw error
        }
        await pool.close(on: loop)
    }
}

func withLoop(_ body: @Sendable (isolated EventLoop) async throws -> Void) async throws {
    let loop = EventLoop(name: "test")
    defer { loop.stop() }
    try await loop.run { loop in try await body(loop) }
}

/// Suspends until the loop comes round again.
func nextTick(on loop: isolated EventLoop) async {
    await withUnsafeContinuation { (waiter: UnsafeContinuation<Void, Never>) in loop.after(ns: 0) { waiter.resume() } }
}

/// Collects what tasks on one loop have to say, for a test that waits for it.
final class Inbox<Value> {
    private(set) var values: [Value] = []
    private var waiters: [(count: Int, continuation: UnsafeContinuation<Void, Never>)] = []

    func post(_ value: Value) {
        values.append(value)
        let due = waiters.filter { $0.count <= values.count }
        waiters.removeAll { $0.count <= values.count }
        for waiter in due { waiter.continuation.resume() }
    }

    /// Suspends until there are `count` values.
    func wait(for count: Int) async {
        if values.count >= count { return }
        await withUnsafeContinuation { waiters.append((count, $0)) }
    }
}

extension PostgresPool {
    func backendPID() async throws -> Int { try await query("SELECT pg_backend_pid()").int(0, 0) }

    /// Ends a session and returns when its process is gone.
    func terminate(_ pid: Int) async throws {
        try await query("SELECT pg_terminate_backend($1, 10000)", Parameters(Int32(pid)))
    }

    /// Returns once some session runs a statement that begins with `prefix`; its process id.
    func waitUntilRunning(_ prefix: String) async throws -> Int {
        while true {
            let rows = try await query(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND starts_with(query, $1)", Parameters(prefix))
            if rows.count > 0 { return try rows.int(0, 0) }
        }
    }
}

/// The error that `body` throws.
func failure<T>(_ body: () async throws -> T) async -> PostgresError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? PostgresError
    }
}
