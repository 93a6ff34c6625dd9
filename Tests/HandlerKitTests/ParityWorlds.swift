import Bytes
import HandlerKit
import Postgres
import Protocol
import Reactor

@testable import Broker

/// The project's folder, from this file's place in it.
let projectRoot = String(#filePath.dropLast("/Tests/HandlerKitTests/ParityWorlds.swift".count))

/// A store and what is beside it: operators' hands, time, a look at all rows.
protocol World: AnyObject {
    var store: any JobStore { get }
    func stop(_ id: Int64, _ final: JobState) async throws -> String
    func pause(_ queue: String, _ isPaused: Bool) async throws
    func limit(_ kind: String, _ most: Int) async throws
    func pass(seconds: Int) async throws
    /// `KitClock.usualStart` is the script's beginning: where in this world's time is that instant?
    func time(_ scripted: Timestamp) -> Timestamp
    func rows() async throws -> [(id: Int64, text: String)]
}

/// Plays a script in one world and says what came of it, in words that do not name ids.
final class Player {
    private let world: any World
    private var names: [Int64: String] = [:]
    private var ids: [String: Int64] = [:]

    init(_ world: any World) { self.world = world }

    func play(_ step: Step) async throws -> [String] {
        var said = try await answer(step)
        said += try await world.rows().sorted { ($0.id, $0.text) < ($1.id, $1.text) }.map { "\(name($0.id)): \($0.text)" }
        return said
    }

    private func answer(_ step: Step) async throws -> [String] {
        let store = world.store
        switch step {
        case .insert(let drafts, let claim):
            let inserts = drafts.map { draft in
                var draft = draft
                draft.runAt = draft.runAt.map(world.time)
                return StoreWork.Insert(draft: draft, claim: claim, peer: 0, requestID: 0)
            }
            return try await store.insert(inserts).map { result in
                let made = try result.get()
                return "\(made.isDuplicate ? "duplicate of" : "new") \(name(made.id))"
            }
        case .claim(let kind, let count, let queues, let isLimited):
            let claims = try await store.claim([.init(kind: kind, count: count, lanes: queues.map(Lane.init(queue:)), isLimited: isLimited)])
            return claims.map { "claimed \(name($0.id)) \($0.attempt) \($0.kind) \($0.queue) \($0.priority)" }
        case .end(let ends):
            let outcomes = ends.map { StoreWork.Outcome(run: run($0.job, $0.attempt), kind: $0.how, peer: 0) }
            return try await store.settle(outcomes).map { run in
                guard let run else { return "not written" }
                return "fenced \(run.isFenced), ended \(run.ended.map { "\($0.kind) \($0.state)" } ?? "no")"
            }
        case .lose(let runs): try await store.release(runs.map { run($0.job, $0.attempt) })
        case .adopt(let runs):
            return try await store.adopt(runs.map { run($0.job, $0.attempt) }).map { "adopted \(name($0.key)) \($0.value.kind) \($0.value.priority)" }.sorted()
        case .progress(let job, let attempt, let document): try await store.save([run(job, attempt): Array(document.utf8)])
        case .promote: return try await store.promote().map { "due \($0.kind) \($0.queue)" }.sorted()
        case .unblock(let keys): return try await store.unblock(keys).map { "free \($0)" }
        case .lanes(let kinds): return try await store.lanes(kinds).map { "lane \($0.kind) \($0.queue)" }.sorted()
        case .control:
            let control = try await store.control()
            return ["paused \(control.pausedQueues.sorted()), limited \(control.limitedKinds.sorted())"]
        case .cancelAsked: return try await store.cancelAsked().map { "cancel \(name($0))" }.sorted()
        case .strays: return try await store.strays(known: []).map { "stray \(name($0.id)) \($0.attempt)" }.sorted()
        case .stop(let job, let final): return [try await world.stop(run(job, 1).id, final)]
        case .pause(let queue): try await world.pause(queue, true)
        case .resume(let queue): try await world.pause(queue, false)
        case .limit(let kind, let most): try await world.limit(kind, most)
        case .pass(let seconds): try await world.pass(seconds: seconds)
        }
        return []
    }

    private func name(_ id: Int64) -> String {
        if let name = names[id] { return name }
        let name = "j\(names.count + 1)"
        names[id] = name
        ids[name] = id
        return name
    }

    private func run(_ name: String, _ attempt: Int) -> JobRun { JobRun(id: ids[name] ?? -1, attempt: attempt) }
}

final class MemoryWorld: World {
    let memory = MemoryJobStore()
    var store: any JobStore { memory }

    func stop(_ id: Int64, _ final: JobState) -> String { memory.stop(id, as: final) ?? "none" }
    func pause(_ queue: String, _ isPaused: Bool) { if isPaused { memory.pause(queue) } else { memory.resume(queue) } }
    func limit(_ kind: String, _ most: Int) { memory.limit(kind, running: most) }
    func pass(seconds: Int) { memory.clock.advance(by: .seconds(seconds)) }
    func time(_ scripted: Timestamp) -> Timestamp { scripted }

    func rows() -> [(id: Int64, text: String)] {
        memory.jobs.map { job in
            var parts = ["\(job.state)", "\(job.attempt)/\(job.maxAttempts)", job.uniqueKey ?? "-", job.orderingKey ?? "-"]
            parts.append(job.errors.isEmpty ? "-" : job.errors.map { "\($0.attempt):\($0.error)" }.joined(separator: ";"))
            if job.state.isFinal {
                parts.append(job.output.isEmpty ? "-" : job.outputText)
            } else {
                parts += [job.isBlocked ? "blocked" : "free", job.cancelAskedAt == nil ? "-" : "cancelling", job.progress.isEmpty ? "-" : job.progressText]
                // In tens of seconds: a real server's clock goes on meanwhile.
                if job.state == .scheduled || job.state == .retryable {
                    parts.append("\(Int((job.runAt.seconds(since: memory.clock.now) / 10).rounded(.up)))")
                }
            }
            return (job.id, parts.joined(separator: " "))
        }
    }
}

final class PostgresWorld: World {
    private let postgres: PostgresJobStore
    private let pool: PostgresPool
    private let start: Timestamp
    private var passed = 0
    var store: any JobStore { postgres }

    private init(_ store: PostgresJobStore, _ pool: PostgresPool, _ start: Timestamp) {
        postgres = store
        self.pool = pool
        self.start = start
    }

    static func open(_ config: PostgresConfig, on loop: isolated EventLoop) async throws -> PostgresWorld {
        let pool = PostgresPool(config, size: 1, name: "parity", on: loop)
        // Those that the schema comes with are no part of the comparison.
        try await pool.query("DELETE FROM heliograph.job_limit")
        return PostgresWorld(try await PostgresJobStore.open(config, name: "parity", on: loop), pool, Clock.wall)
    }

    func close(on loop: isolated EventLoop) async {
        await postgres.close(on: loop)
        await pool.close(on: loop)
    }

    func stop(_ id: Int64, _ final: JobState) async throws -> String {
        let sql: Statement = "SELECT outcome FROM heliograph.stop_jobs(ARRAY[$1::bigint], $2::heliograph.job_state, 'test')"
        let rows = try await pool.query(sql, Parameters(id, final.rawValue))
        return rows.isEmpty ? "none" : try rows.string(0, 0)
    }

    func pause(_ queue: String, _ isPaused: Bool) async throws {
        _ = try await pool.query(
            isPaused ? "INSERT INTO heliograph.paused_queue (name) VALUES ($1)" : "DELETE FROM heliograph.paused_queue WHERE name = $1", Parameters(queue))
    }

    func limit(_ kind: String, _ most: Int) async throws {
        let sql: Statement = """
            INSERT INTO heliograph.job_limit (kind, max_running) VALUES ($1, $2::integer) ON CONFLICT (kind) DO UPDATE SET max_running = excluded.max_running
            """
        _ = try await pool.query(sql, Parameters(kind, Int64(most)))
    }

    /// A server's clock stays: everything else is moved back.
    func pass(seconds: Int) async throws {
        passed += seconds
        _ = try await pool.query("UPDATE heliograph.job SET run_at = run_at - $1 * interval '1 s'", Parameters(Double(seconds)))
    }

    func time(_ scripted: Timestamp) -> Timestamp {
        Timestamp(microseconds: start.microseconds + scripted.microseconds - KitClock.usualStart.microseconds).adding(seconds: Int64(-passed))
    }

    func rows() async throws -> [(id: Int64, text: String)] {
        let errors = "coalesce((SELECT string_agg((e ->> 'attempt') || ':' || (e ->> 'error'), ';') FROM jsonb_array_elements(errors) AS e), '-')"
        let common = "state::text, attempt || '/' || max_attempts, coalesce(unique_key, '-'), coalesce(ordering_key, '-'), \(errors)"
        let rows = try await pool.query(
            Statement(
                """
                SELECT id, concat_ws(' ', \(common), CASE WHEN blocked THEN 'blocked' ELSE 'free' END,
                    CASE WHEN cancel_asked_at IS NULL THEN '-' ELSE 'cancelling' END, coalesce(progress::text, '-'),
                    CASE WHEN state IN ('scheduled', 'retryable') THEN ceil(extract(epoch FROM run_at - now()) / 10)::bigint::text END)
                FROM heliograph.job
                UNION ALL SELECT id, concat_ws(' ', \(common), coalesce(output::text, '-')) FROM heliograph.job_history
                """))
        var all: [(id: Int64, text: String)] = []
        for row in 0..<rows.count { all.append((try rows.int64(row, 0), try rows.string(row, 1))) }
        return all
    }
}
