import Postgres
import Reactor
import Testing

@Suite struct PipelineTests {
    @Test func aQueryReturnsItsRows() async throws {
        try await withPool { pool, _ async throws in
            let rows = try await pool.query("SELECT $1::int8 + 1 AS n, $2::text AS t", Parameters(41, "x"))
            #expect(try rows.int64(0, 0) == 42)
            #expect(try rows.string(0, 1) == "x")
            #expect(rows.columns == ["n", "t"])
            #expect(try rows.column("t") == 1)
            let missing = await failure { try rows.column("u") }
            #expect(missing?.kind == .decoding)
        }
    }

    @Test func everyCallReturnsOnItsLoop() async throws {
        try await withPool(size: 1) { pool, loop async throws in
            let inbox = Inbox<Bool>()
            for i in 0..<20 {
                loop.spawn {
                    do {
                        _ = try await pool.query("SELECT $1::int8", Parameters(i))
                        inbox.post(loop.isCurrent)
                        try await pool.transaction { tx in
                            inbox.post(loop.isCurrent)
                            try await tx.query("SELECT 1")
                            inbox.post(loop.isCurrent)
                        }
                        inbox.post(loop.isCurrent)
                    } catch { Issue.record(error) }
                }
            }
            await inbox.wait(for: 80)
            #expect(!inbox.values.contains(false))
        }
    }

    @Test func queriesOfOneConnectionAreAnsweredInTheOrderTheyWereAsked() async throws {
        try await withPool(size: 1) { pool, loop async throws in
            let inbox = Inbox<Int>()
            for i in 0..<500 {
                loop.spawn {
                    do { inbox.post(try await pool.query("SELECT $1::int8", Parameters(i)).int(0, 0)) } catch { Issue.record(error) }
                }
            }
            await inbox.wait(for: 500)
            #expect(inbox.values == Array(0..<500))
        }
    }

    @Test func aFailedQueryTouchesNoNeighbour() async throws {
        try await withPool(size: 1) { pool, loop async throws in
            let inbox = Inbox<String>()
            for i in 0..<60 {
                loop.spawn {
                    do {
                        let rows = try await pool.query("SELECT 10 / $1::int8", Parameters(i % 3))
                        inbox.post("\(i % 3):\(try rows.int(0, 0))")
                    } catch { inbox.post("\(i % 3):\((error as? PostgresError)?.sqlState ?? "?")") }
                }
            }
            await inbox.wait(for: 60)
            let expected = (0..<60).map { ["0:22012", "1:10", "2:5"][$0 % 3] }
            #expect(inbox.values == expected)
            #expect(pool.gauges.errors == 20)
        }
    }

    @Test func aSyntaxErrorIsReportedAtItsPlaceAndEveryTime() async throws {
        try await withPool(size: 1) { pool, loop async throws in
            let inbox = Inbox<PostgresError>()
            for _ in 0..<3 {
                loop.spawn {
                    if let error = await failure({ try await pool.query("SELECT FROM WHERE") }) { inbox.post(error) }
                }
            }
            await inbox.wait(for: 3)
            for error in inbox.values {
                #expect(error.sqlState == "42601" && error.position == 13 && !error.isRetryable)
            }
        }
    }

    @Test func aStatementIsPreparedOncePerConnectionAndParameterTypes() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            for _ in 0..<3 { try await pool.query("SELECT $1 AS same", Parameters(1)) }
            for _ in 0..<3 { try await pool.query("SELECT $1 AS same", Parameters("1")) }
            let rows = try await pool.query(
                "SELECT parameter_types::text FROM pg_prepared_statements WHERE starts_with(statement, 'SELECT $1 AS same') ORDER BY 1")
            let types = try rows.map { try $0.next(String.self) }
            #expect(types == ["{bigint}", "{text}"])
        }
    }

    @Test func theLeastUsedPreparedStatementsAreClosed() async throws {
        try await withPool(size: 1, maxPrepared: 10) { pool, _ async throws in
            for i in 0..<40 { try await pool.query(Statement("SELECT \(i)")) }
            #expect(try await pool.query("SELECT count(*) FROM pg_prepared_statements").int(0, 0) <= 12)
        }
    }

    @Test func aBatchIsAllOrNothing() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            try await pool.simple("CREATE TABLE t (id int8 PRIMARY KEY)")
            let insert = Statement("INSERT INTO t VALUES ($1)")
            let items = [1, 2, 1, 3].map { (insert, Parameters($0)) }
            let error = await failure { try await pool.batch(items) }
            #expect(error?.isUniqueViolation == true)
            #expect(error?.constraint == "t_pkey")
            #expect(error?.batchIndex == 2)
            #expect(try await pool.query("SELECT count(*) FROM t").int(0, 0) == 0)
            let results = try await pool.batch([(insert, Parameters(1)), ("SELECT count(*) FROM t", Parameters())])
            #expect(results[0].affected == 1)
            #expect(try results[1].int(0, 0) == 1)
            #expect(try await pool.batch([]).isEmpty)
        }
    }

    @Test func aFailureAtTheImplicitCommitIsReported() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            try await pool.simple("CREATE TABLE p (id int8 PRIMARY KEY); CREATE TABLE c (id int8 REFERENCES p DEFERRABLE INITIALLY DEFERRED)")
            let error = await failure { try await pool.query("INSERT INTO c VALUES (7)") }
            #expect(error?.sqlState == "23503")
            #expect(try await pool.query("SELECT count(*) FROM c").int(0, 0) == 0)
        }
    }

    @Test func aStatementWhoseTableChangedIsPreparedAgain() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            try await pool.simple("CREATE TABLE t (a int8); INSERT INTO t VALUES (1)")
            let select = Statement("SELECT * FROM t")
            _ = try await pool.query(select)
            try await pool.simple("ALTER TABLE t ADD b text DEFAULT 'x'")
            let rows = try await pool.query(select)
            #expect(try rows.string(0, 1) == "x")
            try await pool.simple("ALTER TABLE t ADD c text DEFAULT 'y'")
            #expect(try await pool.batch([("SELECT 1", Parameters()), (select, Parameters())])[1].string(0, 2) == "y")
        }
    }

    @Test func statementsForgottenByTheSessionArePreparedAgain() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            _ = try await pool.query("SELECT 1")
            try await pool.simple("DEALLOCATE ALL")
            #expect(try await pool.query("SELECT 1").int(0, 0) == 1)
        }
    }

    @Test func aStalePlanInATransactionIsRetryable() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            try await pool.simple("CREATE TABLE t (a int8)")
            let select = Statement("SELECT * FROM t")
            _ = try await pool.query(select)
            try await pool.simple("ALTER TABLE t ADD b text")
            let error = await failure { try await pool.transaction { tx in try await tx.query(select) } }
            #expect(error?.isRetryable == true)
            let columns = try await pool.transaction { tx in try await tx.query(select).columns }
            #expect(columns == ["a", "b"])
        }
    }

    @Test func copyIsRefusedAsAQueryAndThePoolRecovers() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            try await pool.simple("CREATE TABLE t (a int8)")
            let error = await failure { try await pool.query("COPY t FROM STDIN") }
            #expect(error?.message.contains("copy(into:") == true)
            #expect(try await pool.query("SELECT 1").int(0, 0) == 1)
        }
    }

    @Test func tooManyParametersAreRefusedBeforeAnythingIsSent() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            let many = Parameters { p in for i in 0...65_535 { p.append(i) } }
            let error = await failure { try await pool.query("SELECT 1", many) }
            #expect(error?.kind == .invalid)
            #expect(pool.isConnected || pool.gauges.losses == 0)
        }
    }

    @Test func severalStatementsInOneStringRunInOrderAndTheFirstErrorEndsThem() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            try await pool.simple("CREATE TABLE t (a int8); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)")
            let error = await failure { try await pool.simple("INSERT INTO t VALUES (3); SELECT 1/0; INSERT INTO t VALUES (4)") }
            #expect(error?.sqlState == "22012")
            let left = await failure { try await pool.simple("BEGIN; INSERT INTO t VALUES (5)") }
            #expect(left?.kind == .invalid)
            let failed = await failure { try await pool.simple("BEGIN; INSERT INTO t VALUES (6); SELECT 1/0") }
            #expect(failed?.sqlState == "22012")
            #expect(try await pool.query("SELECT array_agg(a ORDER BY a) FROM t").int64Array(0, 0) == [1, 2])
        }
    }

    @Test func sessionsAreUTCWithATimeLimitAndAName() async throws {
        try await withPool(size: 1, statementTimeoutMs: 150) { pool, _ async throws in
            let rows = try await pool.query(
                """
                SELECT current_setting('TimeZone'), current_setting('statement_timeout'), current_setting('client_encoding'),
                       current_setting('application_name')
                """)
            let settings = try (0..<4).map { try rows.string(0, $0) }
            #expect(settings == ["UTC", "150ms", "UTF8", "heliograph"])
            let error = await failure { try await pool.query("SELECT pg_sleep(20)") }
            #expect(error?.sqlState == "57014")
        }
    }
}
