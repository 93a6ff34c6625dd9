import Postgres
import Reactor
import Testing

@Suite struct PoolTests {
    @Test func aLostConnectionFailsWhatWasInFlightAndIsMadeAgain() async throws {
        try await withPool(size: 1) { pool, loop async throws in
            let admin = PostgresPool(pool.config, size: 1, name: "admin", on: loop)
            let inbox = Inbox<PostgresError?>()
            for sql in ["SELECT pg_sleep(60)", "SELECT 2"] {
                loop.spawn {
                    inbox.post(await failure { try await pool.query(Statement(sql)) })
                }
            }
            try await admin.terminate(try await admin.waitUntilRunning("SELECT pg_sleep(60)"))
            await inbox.wait(for: 2)
            for error in inbox.values {
                #expect(error?.isConnectionLost == true && error?.isRetryable == true)
                #expect(error?.sqlState == "57P01" || error?.message.contains("terminat") == true)
            }
            #expect(try await pool.query("SELECT 3").int(0, 0) == 3)
            #expect(pool.gauges.losses == 1)
            await admin.close(on: loop)
        }
    }

    @Test func whatMayBeSentAgainIsSentOnceMoreAfterALoss() async throws {
        try await withPool(size: 1) { pool, loop async throws in
            let admin = PostgresPool(pool.config, size: 1, name: "admin", on: loop)
            try await admin.simple("CREATE SEQUENCE runs")
            let inbox = Inbox<Int>()
            loop.spawn {
                do {
                    // Sleeps in its first run only.
                    let sql = Statement("SELECT n FROM (SELECT nextval('runs') AS n) s, LATERAL (SELECT pg_sleep(CASE n WHEN 1 THEN 60 ELSE 0 END)) z")
                    inbox.post(try await pool.query(sql, retryOnLoss: true).int(0, 0))
                } catch { Issue.record(error) }
            }
            try await admin.terminate(try await admin.waitUntilRunning("SELECT n FROM"))
            await inbox.wait(for: 1)
            #expect(inbox.values == [2])
            await admin.close(on: loop)
        }
    }

    @Test func anIdleConnectionThatTheServerEndsIsReplaced() async throws {
        try await withPool(size: 1) { pool, loop async throws in
            let admin = PostgresPool(pool.config, size: 1, name: "admin", on: loop)
            let before = try await pool.backendPID()
            try await admin.terminate(before)
            // The end may not have been noticed yet: then the query is lost, and the next one is not.
            let after = try await pool.query("SELECT pg_backend_pid()", retryOnLoss: true).int(0, 0)
            #expect(after != before)
            await admin.close(on: loop)
        }
    }

    @Test func withoutAServerAQueryWaitsForItsLimitAndSaysWhy() async throws {
        try await withLoop { loop async throws in
            var config = PostgresConfig("host=/nonexistent port=5432 dbname=x")
            config.waitLimitMs = 60
            let pool = PostgresPool(config, size: 2, name: "none", on: loop)
            let error = await failure { try await pool.query("SELECT 1") }
            #expect(error?.kind == .unavailable)
            #expect(error?.isRetryable == true)
            #expect(error?.message.contains("/nonexistent") == true)
            #expect(!pool.isConnected)
            await pool.close(on: loop)
            let closed = await failure { try await pool.query("SELECT 1") }
            #expect(closed?.kind == .closed)
        }
    }

    @Test func aSilentServerDoesNotHoldTheNextHostBack() async throws {
        try await withDatabase { config, loop async throws in
            let silent = try SilentServer()
            var config = config
            let host = config.connectionString.split(separator: "'")[1]
            let database = config.connectionString.split(separator: "=").last ?? ""
            config.connectionString = "host=127.0.0.1,\(host) port=\(silent.port),5432 user=heliograph dbname=\(database)"
            config.connectTimeoutMs = 800
            let pool = PostgresPool(config, size: 1, name: "two hosts", on: loop)
            #expect(try await pool.query("SELECT 1").int(0, 0) == 1)
            await pool.close(on: loop)
            silent.close()
        }
    }

    @Test func theWaitingQueueIsBounded() async throws {
        try await withLoop { loop async throws in
            var config = PostgresConfig("host=/nonexistent dbname=x")
            config.maxWaiting = 3
            config.waitLimitMs = 1000
            let pool = PostgresPool(config, size: 1, name: "small", on: loop)
            let inbox = Inbox<PostgresError.Kind?>()
            for _ in 0..<5 {
                loop.spawn {
                    inbox.post(await failure { try await pool.query("SELECT 1") }?.kind)
                }
            }
            await inbox.wait(for: 2)
            #expect(inbox.values == [.queueFull, .queueFull])
            #expect(pool.gauges.waiting == 3)
            await inbox.wait(for: 5)
            #expect(inbox.values[2...] == [.unavailable, .unavailable, .unavailable])
            await pool.close(on: loop)
        }
    }

    @Test func aCancelledQueryReturnsAtOnceAndLeavesThePipelineInOrder() async throws {
        try await withPool(size: 1) { pool, loop async throws in
            let admin = PostgresPool(pool.config, size: 1, name: "admin", on: loop)
            _ = try await pool.query("SELECT 1")
            let inbox = Inbox<PostgresError?>()
            let answers = Inbox<Int>()
            try await admin.transaction { held in
                try await held.query("SELECT pg_advisory_xact_lock(1)")
                let slow = loop.spawn { inbox.post(await failure { try await pool.query("SELECT pg_advisory_xact_lock(1)") }) }
                loop.spawn {
                    do { answers.post(try await pool.query("SELECT 5").int(0, 0)) } catch { Issue.record(error) }
                }
                while pool.gauges.inFlight < 2 { await nextTick(on: loop) }
                slow.cancel()
                await inbox.wait(for: 1)
                #expect(inbox.values[0]?.kind == .cancelled)
                #expect(pool.gauges.inFlight == 2)
            }
            await answers.wait(for: 1)
            #expect(answers.values == [5])
            #expect(pool.gauges.losses == 0)
            await admin.close(on: loop)
        }
    }

    @Test func aCancelledTaskSendsNothing() async throws {
        try await withPool(size: 1) { pool, loop async throws in
            let inbox = Inbox<PostgresError.Kind?>()
            let task = loop.spawn {
                await nextTick(on: loop)
                inbox.post(await failure { try await pool.query("SELECT 1") }?.kind)
            }
            task.cancel()
            await inbox.wait(for: 1)
            #expect(inbox.values == [.cancelled])
            #expect(pool.gauges.queries == 0)
        }
    }

    @Test func workSpreadsOverTheConnectionsAndTheRestWaits() async throws {
        try await withPool(size: 3, pipelineDepth: 2) { pool, loop async throws in
            while pool.gauges.connected < 3 { _ = try await pool.query("SELECT 1") }
            let inbox = Inbox<Int>()
            for i in 0..<10 {
                loop.spawn {
                    do { inbox.post(try await pool.query("SELECT $1::int8 FROM pg_sleep(0.02)", Parameters(i)).int(0, 0)) } catch { Issue.record(error) }
                }
            }
            let gauges = pool.gauges
            #expect(gauges.inFlight == 6)
            #expect(gauges.busy == 3)
            #expect(gauges.waiting == 4)
            await inbox.wait(for: 10)
            #expect(inbox.values.sorted() == Array(0..<10))
            #expect(pool.gauges.idle == 3)
        }
    }

    @Test func closingLetsWorkInFlightFinish() async throws {
        try await withPool(size: 1) { pool, loop async throws in
            _ = try await pool.query("SELECT 1")
            let answers = Inbox<Int>()
            loop.spawn {
                do { answers.post(try await pool.query("SELECT 6 FROM pg_sleep(0.05)").int(0, 0)) } catch { Issue.record(error) }
            }
            await pool.close(on: loop)
            await answers.wait(for: 1)
            #expect(answers.values == [6])
        }
    }
}
