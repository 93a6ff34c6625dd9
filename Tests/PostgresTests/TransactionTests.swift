import Postgres
import Reactor
import Testing

@Suite struct TransactionTests {
    static let insert = Statement("INSERT INTO t VALUES ($1)")
    static let all = Statement("SELECT coalesce(array_agg(a ORDER BY a), '{}') FROM t")

    private func withTable(
        size: Int = 2, _ body: @Sendable (PostgresPool, isolated EventLoop) async throws -> Void
    ) async throws {
        try await withPool(size: size) { pool, loop async throws in
            try await pool.simple("CREATE TABLE t (a int8 PRIMARY KEY)")
            try await body(pool, loop)
        }
    }

    @Test func whatReturnsIsCommittedAndSeenByOthersOnlyThen() async throws {
        try await withTable { pool, _ async throws in
            let value = try await pool.transaction { tx in
                #expect(try await tx.execute(Self.insert, Parameters(1)) == 1)
                let outside = try await pool.query(Self.all).int64Array(0, 0)
                #expect(outside == [])
                try await tx.batch([(Self.insert, Parameters(2)), (Self.insert, Parameters(3))])
                return try await tx.query(Self.all).int64Array(0, 0)
            }
            #expect(value == [1, 2, 3])
            #expect(try await pool.query(Self.all).int64Array(0, 0) == [1, 2, 3])
        }
    }

    @Test func whatThrowsIsRolledBackAndTheConnectionIsGoodAgain() async throws {
        try await withTable(size: 1) { pool, _ async throws in
            let own = await failure {
                try await pool.transaction { tx in
                    try await tx.query(Self.insert, Parameters(1))
                    throw PostgresError(.invalid, "unhappy")
                }
            }
            #expect(own?.message == "unhappy")
            let failed = await failure { try await pool.transaction { tx in try await tx.query("SELECT 1/0") } }
            #expect(failed?.sqlState == "22012")
            let early = await failure { try await pool.transaction { _ in throw PostgresError(.invalid, "early") } }
            #expect(early?.message == "early")
            #expect(try await pool.query(Self.all).int64Array(0, 0) == [])
            #expect(pool.gauges.reserved == 0)
        }
    }

    @Test func aFailureThatTheBodySwallowsIsReportedAtCommit() async throws {
        try await withTable(size: 1) { pool, _ async throws in
            let error = await failure {
                try await pool.transaction { tx in
                    try await tx.query(Self.insert, Parameters(1))
                    _ = await failure { try await tx.query("SELECT 1/0") }
                }
            }
            #expect(error?.kind == .rolledBack)
            #expect(try await pool.query(Self.all).int64Array(0, 0) == [])
        }
    }

    @Test func enqueuedStatementsTravelWithTheNextOneOrWithCommit() async throws {
        try await withTable(size: 1) { pool, _ async throws in
            try await pool.transaction { tx async throws in
                tx.enqueue(Self.insert, Parameters(1))
                #expect(try await tx.query(Self.all).int64Array(0, 0) == [1])
                tx.enqueue(Self.insert, Parameters(2))
            }
            try await pool.transaction { tx in tx.enqueue(Self.insert, Parameters(3)) }
            #expect(try await pool.query(Self.all).int64Array(0, 0) == [1, 2, 3])
            let error = await failure {
                try await pool.transaction { tx in
                    try await tx.query(Self.insert, Parameters(4))
                    tx.enqueue(Self.insert, Parameters(1))
                }
            }
            #expect(error?.isUniqueViolation == true)
            #expect(try await pool.query(Self.all).int64Array(0, 0) == [1, 2, 3])
        }
    }

    @Test func aConstraintCheckedAtCommitFailsTheTransaction() async throws {
        try await withTable(size: 1) { pool, _ async throws in
            try await pool.simple("CREATE TABLE c (a int8 REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
            let error = await failure { try await pool.transaction { tx in try await tx.query("INSERT INTO c VALUES (9)") } }
            #expect(error?.sqlState == "23503")
            #expect(try await pool.query("SELECT count(*) FROM c").int(0, 0) == 0)
        }
    }

    @Test func aConnectionLostInTheBodyFailsTheTransactionAndNothingIsLeft() async throws {
        try await withTable(size: 1) { pool, loop async throws in
            let admin = PostgresPool(pool.config, size: 1, name: "admin", on: loop)
            let error = await failure {
                try await pool.transaction { tx in
                    try await tx.query(Self.insert, Parameters(1))
                    try await admin.terminate(try await tx.query("SELECT pg_backend_pid()").int(0, 0))
                    try await tx.query(Self.insert, Parameters(2))
                }
            }
            #expect(error?.kind == .connectionLost)
            #expect(try await pool.query(Self.all, retryOnLoss: true).int64Array(0, 0) == [])
            await admin.close(on: loop)
        }
    }

    @Test func aConnectionLostDuringCommitIsUnknown() async throws {
        try await withTable(size: 1) { pool, loop async throws in
            // A deferred trigger makes COMMIT itself last.
            try await pool.simple(
                """
                CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
                CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()
                """)
            let admin = PostgresPool(pool.config, size: 1, name: "admin", on: loop)
            let inbox = Inbox<PostgresError?>()
            loop.spawn {
                inbox.post(await failure { try await pool.transaction { tx in try await tx.query(Self.insert, Parameters(1)) } })
            }
            try await admin.terminate(try await admin.waitUntilRunning("COMMIT"))
            await inbox.wait(for: 1)
            #expect(inbox.values[0]?.kind == .commitUnknown)
            #expect(inbox.values[0]?.isConnectionLost == true)
            await admin.close(on: loop)
        }
    }

    @Test func aCancelledBodyIsRolledBackAndThePoolGoesOn() async throws {
        try await withTable(size: 1) { pool, loop async throws in
            let admin = PostgresPool(pool.config, size: 1, name: "admin", on: loop)
            let inbox = Inbox<PostgresError?>()
            try await admin.transaction { held in
                try await held.query("SELECT pg_advisory_xact_lock(1)")
                let task = loop.spawn {
                    inbox.post(
                        await failure {
                            try await pool.transaction { tx in
                                try await tx.query(Self.insert, Parameters(1))
                                try await tx.query("SELECT pg_advisory_xact_lock(1)")
                            }
                        })
                }
                let blocked: Statement = """
                    SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                    WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
                    """
                while try await held.query(blocked).isEmpty {}
                task.cancel()
                await inbox.wait(for: 1)
            }
            #expect(inbox.values[0]?.kind == .cancelled)
            #expect(try await pool.query(Self.all).int64Array(0, 0) == [])
            await admin.close(on: loop)
        }
    }

    @Test func concurrentTransactionsTakeTurnsOnFewConnections() async throws {
        try await withTable(size: 2) { pool, loop async throws in
            let inbox = Inbox<Bool>()
            for i in 0..<40 {
                loop.spawn {
                    do {
                        try await pool.transaction { tx in
                            try await tx.query(Self.insert, Parameters(i))
                            try await tx.query(Self.insert, Parameters(1000 + i))
                            if i % 4 == 0 { throw PostgresError(.invalid, "no") }
                        }
                        inbox.post(true)
                    } catch { inbox.post(false) }
                }
            }
            await inbox.wait(for: 40)
            #expect(inbox.values.filter(\.self).count == 30)
            #expect(try await pool.query("SELECT count(*) FROM t").int(0, 0) == 60)
        }
    }

    @Test func aSerializationFailureIsRetryable() async throws {
        try await withTable(size: 2) { pool, _ async throws in
            try await pool.query(Self.insert, Parameters(1))
            let error = await failure {
                try await pool.transaction(.serializable) { a in
                    _ = try await a.query(Self.all)
                    try await pool.transaction(.serializable) { b in
                        _ = try await b.query(Self.all)
                        try await b.query(Self.insert, Parameters(2))
                    }
                    try await a.query(Self.insert, Parameters(3))
                }
            }
            #expect(error?.sqlState == "40001")
            #expect(error?.isRetryable == true)
        }
    }

    @Test func aTransactionEndsWithItsBody() async throws {
        try await withTable(size: 1) { pool, _ async throws in
            let kept = try await pool.transaction { tx in tx }
            let error = await failure { try await kept.query("SELECT 1") }
            #expect(error?.kind == .closed)
        }
    }
}
