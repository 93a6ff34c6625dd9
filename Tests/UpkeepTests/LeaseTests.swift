import Bytes
import Postgres
import Reactor
import TestSupport
import Testing
import Workers

@Suite(.timeLimit(.minutes(2))) struct LeaseTests {
    /// A worker on a loop of its own, as in a process of its own.
    private static func worker(_ config: PostgresConfig, termMs: Int64) async throws -> LoopBound<UpkeepWorker> {
        let loop = EventLoop(name: "upkeep")
        return await loop.run { loop in
            var options = UpkeepOptions()
            options.termMs = termMs
            options.renewMs = 50
            let worker = UpkeepWorker(config, options: options, on: loop)
            worker.start(on: loop)
            return LoopBound(worker, on: loop)
        }
    }

    private static func isWorking(_ worker: LoopBound<UpkeepWorker>) async -> Bool {
        await worker.loop.run { loop in worker.value(on: loop).isWorking }
    }

    private static func stop(_ worker: LoopBound<UpkeepWorker>) async {
        await worker.loop.run { loop in await worker.value(on: loop).stop(on: loop) }
        worker.loop.stop()
    }

    private static func working(_ workers: [LoopBound<UpkeepWorker>]) async -> [Int] {
        var found: [Int] = []
        for (index, worker) in workers.enumerated() where await isWorking(worker) { found.append(index) }
        return found
    }

    @Test func oneOfThreeWorksAndWhenItsLoopStandsStillAnotherTakesOver() async throws {
        try await withDatabase { database, loop in
            var workers: [LoopBound<UpkeepWorker>] = []
            for _ in 0..<3 { workers.append(try await Self.worker(database.config, termMs: 600)) }
            try await eventually("one works", on: loop) { await Self.working(workers).count == 1 }
            let first = await Self.working(workers)
            let holder = try await database.text("SELECT holder FROM heliograph.lease")
            // Longer than a term: it is renewed, and nobody else gets in.
            let until = Clock.monotonicNs + 1_200_000_000
            while Clock.monotonicNs < until {
                #expect(await Self.working(workers) == first)
                await loop.sleep(ns: 20_000_000)
            }
            #expect(try await database.text("SELECT holder FROM heliograph.lease") == holder)

            // The process dies: no release, no more renewals.
            let dead = workers.remove(at: first[0])
            dead.loop.stop()
            let began = Clock.monotonicNs
            try await eventually("another works", seconds: 5, on: loop) { await Self.working(workers).count == 1 }
            #expect(Clock.monotonicNs - began < 3_000_000_000)
            #expect(try await database.text("SELECT holder FROM heliograph.lease") != holder)
            for worker in workers { await Self.stop(worker) }
            #expect(try await database.int("SELECT count(*) FROM heliograph.lease") == 0)
        }
    }

    @Test func oneThatStopsInOrderIsFollowedAtOnce() async throws {
        try await withDatabase { database, loop in
            let first = try await Self.worker(database.config, termMs: 60_000)
            try await eventually("the first works", on: loop) { await Self.isWorking(first) }
            let second = try await Self.worker(database.config, termMs: 60_000)
            await Self.stop(first)
            try await eventually("the second works", seconds: 5, on: loop) { await Self.isWorking(second) }
            await Self.stop(second)
        }
    }

    @Test func aLeaseIsTrustedForItsTermByTheHoldersOwnClockOnly() async throws {
        try await withDatabase { database, loop in
            let mine = UpkeepLease("x", termMs: 2_000, pool: database.pool)
            let other = UpkeepLease("x", termMs: 2_000, pool: database.pool)
            #expect(!mine.isHeld)
            #expect(try await mine.renew())
            #expect(mine.isHeld)
            #expect(try await !other.renew())
            #expect(!other.isHeld)
            try await eventually("the term is over", on: loop) { !mine.isHeld }
            try await eventually("the other gets it", on: loop) { try await other.renew() }
            #expect(try await !mine.renew())
            // Only the holder's own row is given up.
            try await mine.release()
            #expect(try await !mine.renew())
            try await other.release()
            #expect(try await mine.renew())
        }
    }

    @Test func aTaskThatIsHeldUpDoesNotHoldUpTheOthers() async throws {
        try await withDatabase { database, loop in
            try await database.run("INSERT INTO heliograph.job (kind, args, state, attempt, epoch) VALUES ('k', '{}', 'running', 1, 99)")
            try await database.pool.transaction { transaction in
                // Statistics wait for this row.
                _ = try await transaction.query("SELECT FROM heliograph.job_stat_mark FOR UPDATE")
                let worker = try await Self.worker(database.config, termMs: 2_000)
                try await eventually("a dead broker's job is offered again", seconds: 3, on: loop) {
                    try await database.int("SELECT count(*) FROM heliograph.job WHERE state = 'available'") == 1
                }
                try await database.run("INSERT INTO heliograph.job (kind, args, state, attempt, epoch) VALUES ('k', '{}', 'running', 1, 99)")
                try await eventually("and again", seconds: 3, on: loop) {
                    try await database.int("SELECT count(*) FROM heliograph.job WHERE state = 'available'") == 2
                }
                await Self.stop(worker)
            }
        }
    }

    @Test func aFailingTaskIsTriedAgain() async throws {
        try await withDatabase { database, loop in
            try await database.run("ALTER FUNCTION heliograph.rescue(bigint[], bigint, integer) RENAME TO rescue_away")
            try await database.run("INSERT INTO heliograph.job (kind, args, state, attempt, epoch) VALUES ('k', '{}', 'running', 1, 99)")
            let worker = try await Self.worker(database.config, termMs: 2_000)
            try await eventually("a failure", on: loop) {
                await worker.loop.run { loop in worker.value(on: loop).counters.failures > 0 }
            }
            try await database.run("ALTER FUNCTION heliograph.rescue_away(bigint[], bigint, integer) RENAME TO rescue")
            try await eventually("rescued after all", on: loop) {
                try await database.int("SELECT count(*) FROM heliograph.job WHERE state = 'available'") == 1
            }
            await Self.stop(worker)
        }
    }
}
