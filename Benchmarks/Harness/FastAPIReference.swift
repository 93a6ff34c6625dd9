import Postgres
import Reactor
import Simulation

/// The same routes on FastAPI and asyncpg, one uvicorn process: started, loaded, stopped.
enum FastAPIReference {
    /// Requests a second on a path; nil where the reference is not installed.
    /// - Parameters:
    ///   - path: what is asked for; with a wrk script also what says that the process is there.
    ///   - script: see `Wrk.rate`.
    static func rate(_ path: String, script: String? = nil, _ postgres: PostgresConfig, _ bench: Bench, on loop: isolated EventLoop) async -> Double? {
        let uvicorn = bench.options.root + "/.venv/bin/uvicorn"
        return await bench.reference("fastapi", [TextFile.exists(uvicorn) ? uvicorn : nil]) {
            let port = try Wrk.freePort()
            let child = try bench.start(
                "uvicorn",
                [
                    bench.options.python, "-m", "uvicorn", "--no-access-log", "--log-level", "warning", "--host", "127.0.0.1", "--port", "\(port)", "--app-dir",
                    bench.options.peers, "fastapi_app:app",
                ], environment: ["DATABASE_URL=\(postgres.url)", "POOL=4"])
            try await answers(port, script == nil ? path : "/api/health", on: loop)
            let rate = try await Wrk.rate("http://127.0.0.1:\(port)\(path)", script: script, bench, on: loop)
            await bench.stop(child, on: loop)
            return rate
        }
    }

    private static func answers(_ port: UInt16, _ path: String, on loop: isolated EventLoop) async throws {
        guard let address = HTTPAddress(host: "127.0.0.1", port: port) else { throw BenchError("no address") }
        let client = HTTPClient(address, deadlineMs: 2_000, on: loop)
        let limit = Clock.monotonicNs + 30_000_000_000
        while true {
            do throws(HTTPClientError) {
                let answer = try await client.get(path)
                client.close()
                guard answer.status == 200 else { throw HTTPClientError(.protocolViolation, "the reference answered \(answer.status)") }
                return
            } catch {
                guard error.kind == .connect, Clock.monotonicNs < limit else { throw error }
                await loop.sleep(ns: 50_000_000)
            }
        }
    }
}
