import Bytes
import Postgres
import Reactor
import Testing

@Suite struct CopyTests {
    private static func buffer(_ ids: Range<Int>) -> CopyBuffer {
        var rows = CopyBuffer()
        for id in ids {
            rows.beginRow(fields: 3)
            rows.append(Int64(id))
            rows.append("name \(id)")
            rows.append(id % 2 == 0 ? nil : Double(id) / 2)
        }
        return rows
    }

    private func withTable(_ body: @Sendable (PostgresPool, isolated EventLoop) async throws -> Void) async throws {
        try await withPool(size: 1) { pool, loop async throws in
            try await pool.simple("CREATE TABLE t (id int8 PRIMARY KEY, name text, x float8)")
            try await body(pool, loop)
        }
    }

    private static let columns = ["id", "name", "x"]

    @Test func copiedRowsAreThereAfterTheCommit() async throws {
        try await withTable { pool, _ async throws in
            let n = try await pool.transaction { tx in
                let first = try await tx.copy(into: "t", columns: Self.columns, rows: Self.buffer(0..<1000))
                try await tx.query("UPDATE t SET name = 'zero' WHERE id = 0")
                return first + (try await tx.copy(into: "t", columns: Self.columns, rows: Self.buffer(1000..<1500)))
            }
            #expect(n == 1500)
            let rows = try await pool.query("SELECT count(*), count(x), sum(x), min(name) FROM t")
            #expect(try rows.int(0, 0) == 1500)
            #expect(try rows.int(0, 1) == 750)
            #expect(try rows.double(0, 2) == 281_250)
            #expect(try rows.string(0, 3) == "name 1")
        }
    }

    @Test func moreThanTheSocketTakesIsSentAsTheServerReads() async throws {
        try await withTable { pool, _ async throws in
            #expect(try await pool.copy(into: "t", columns: Self.columns, rows: Self.buffer(0..<200_000)) == 200_000)
            #expect(try await pool.query("SELECT count(*) FROM t").int(0, 0) == 200_000)
        }
    }

    @Test func aRowThatFailsMidwayUndoesTheTransaction() async throws {
        try await withTable { pool, _ async throws in
            try await pool.query("INSERT INTO t VALUES (60000, 'taken', NULL)")
            let error = await failure {
                try await pool.transaction { tx in
                    try await tx.query("INSERT INTO t VALUES (-1, 'before', NULL)")
                    try await tx.copy(into: "t", columns: Self.columns, rows: Self.buffer(0..<100_000))
                }
            }
            #expect(error?.isUniqueViolation == true)
            #expect(try await pool.query("SELECT count(*) FROM t").int(0, 0) == 1)
        }
    }

    @Test func aTableOrColumnThatIsNotThereIsAnError() async throws {
        try await withTable { pool, _ async throws in
            let noTable = await failure { try await pool.copy(into: "nowhere", columns: [], rows: Self.buffer(0..<1)) }
            #expect(noTable?.sqlState == "42P01")
            let noColumn = await failure { try await pool.copy(into: "t", columns: ["id", "y", "x"], rows: Self.buffer(0..<1)) }
            #expect(noColumn?.sqlState == "42703")
            let error = await failure {
                try await pool.transaction { tx in try await tx.copy(into: "t", columns: ["id", "y", "x"], rows: Self.buffer(0..<1)) }
            }
            #expect(error?.sqlState == "42703")
            #expect(try await pool.query("SELECT 1").int(0, 0) == 1)
        }
    }

    @Test func aRowWithTheWrongNumberOfValuesIsRefusedBeforeSending() async throws {
        try await withTable { pool, _ async throws in
            var rows = Self.buffer(0..<2)
            rows.beginRow(fields: 3)
            rows.append(Int64(2))
            var error = await failure { try await pool.copy(into: "t", columns: Self.columns, rows: rows) }
            #expect(error?.message == "COPY: row 3 does not have as many values as it announced")
            rows.beginRow(fields: 0)
            error = await failure { try await pool.copy(into: "t", columns: Self.columns, rows: rows) }
            #expect(error?.kind == .invalid)
            rows.removeAll()
            #expect(try await pool.copy(into: "t", columns: Self.columns, rows: rows) == 0)
        }
    }

    @Test func everyTypeIsCopiedExactly() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            try await pool.simple(
                """
                CREATE TABLE k (a int4, b int8, c float8, d text, e timestamptz, f bytea, g bool, h jsonb, i uuid, j int2, k float4,
                                l int8[], m date, n text)
                """)
            var rows = CopyBuffer()
            for isNull in [false, true] {
                rows.beginRow(fields: 14)
                rows.append(isNull ? nil : Int32(1))
                rows.append(isNull ? nil : Int64(2))
                rows.append(isNull ? nil : 0.5)
                rows.append(isNull ? nil : "t")
                rows.append(isNull ? nil : Timestamp(seconds: 1_767_225_600))
                rows.append(isNull ? nil : [1, 2] as [UInt8])
                rows.append(isNull ? nil : true)
                rows.appendJSON(isNull ? nil : Array("[1]".utf8))
                rows.appendUUID(high: 1, low: 2)
                rows.append(isNull ? nil : Int16(3))
                rows.append(float4: isNull ? nil : 1.25)
                rows.append(isNull ? nil : [5, 6] as [Int64])
                rows.append(day: isNull ? nil : 0)
                if isNull { rows.appendNull() } else { Array("utf8".utf8).withUnsafeBufferPointer { rows.append(utf8: $0) } }
            }
            #expect(try await pool.copy(into: "k", columns: [], rows: rows) == 2)
            let found = try await pool.query("SELECT row(k.*)::text FROM k ORDER BY a")
            #expect(
                try found.string(0, 0)
                    == #"(1,2,0.5,t,"2026-01-01 00:00:00+00","\\x0102",t,[1],00000000-0000-0001-0000-000000000002,3,1.25,"{5,6}",1970-01-01,utf8)"#)
            #expect(try found.string(1, 0) == "(,,,,,,,,00000000-0000-0001-0000-000000000002,,,,,)")
        }
    }

    @Test func aConnectionLostDuringCopyIsReported() async throws {
        try await withTable { pool, loop async throws in
            let admin = PostgresPool(pool.config, size: 1, name: "admin", on: loop)
            // The lock holds COPY up until its session is ended.
            let error = await failure {
                try await admin.transaction { tx in
                    try await tx.query("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
                    let pid = try await pool.backendPID()
                    let inbox = Inbox<PostgresError?>()
                    loop.spawn {
                        inbox.post(await failure { try await pool.copy(into: "t", columns: Self.columns, rows: Self.buffer(0..<10)) })
                    }
                    while try await tx.query("SELECT 1 FROM pg_locks WHERE pid = $1 AND NOT granted", Parameters(pid)).isEmpty {}
                    try await tx.query("SELECT pg_terminate_backend($1, 10000)", Parameters(Int32(pid)))
                    await inbox.wait(for: 1)
                    if let error = inbox.values[0] { throw error }
                }
            }
            #expect(error?.isConnectionLost == true)
            #expect(try await pool.copy(into: "t", columns: Self.columns, rows: Self.buffer(0..<10)) == 10)
            await admin.close(on: loop)
        }
    }
}
