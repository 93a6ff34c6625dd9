import Bytes
import Postgres
import Reactor
import Testing

@Suite struct ValueTests {
    @Test func scalarsComeBackAsTheyWent() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            let bytes: [UInt8] = [0, 1, 255, 0]
            let time = Timestamp(microseconds: 1_767_225_600_123_456)
            let p = Parameters(
                Int64.min, Int.max, Int32.min, Int16.max, -0.1, true, "zażółć 🌞", bytes, time, JSONValue.object([(key: "a", value: [1, nil, "x"])]))
            let rows = try await pool.query("SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10", p)
            #expect(try rows.int64(0, 0) == .min)
            #expect(try rows.int(0, 1) == .max)
            #expect(try rows.int32(0, 2) == .min)
            #expect(try rows.int32(0, 3) == 32_767)
            #expect(try rows.double(0, 4) == -0.1)
            #expect(try rows.bool(0, 5))
            #expect(try rows.string(0, 6) == "zażółć 🌞")
            #expect(try rows.bytes(0, 7) == bytes)
            #expect(try rows.timestamp(0, 8) == time)
            #expect(try rows.json(0, 9) == ["a": [1, nil, "x"]])
            let typed = try rows.decode(0) { r in
                (
                    try r.next(Int64.self), try r.next(Int.self), try r.next(Int32.self), try r.next(Int32.self), try r.next(Double.self),
                    try r.next(Bool.self), try r.next(String.self), try r.next([UInt8].self), try r.next(Timestamp.self), try r.next(JSONValue?.self)
                )
            }
            #expect(typed.0 == .min && typed.4 == -0.1 && typed.7 == bytes && typed.8 == time && typed.9?["a"]?[0] == 1)
        }
    }

    @Test func nullsComeBackAsNil() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            var p = Parameters(nil as Int64?, nil as Double?, nil as Bool?, nil as String?, nil as [UInt8]?, nil as Timestamp?)
            p.appendJSON(nil)
            let rows = try await pool.query("SELECT $1, $2, $3, $4, $5, $6, $7", p)
            #expect(try rows.int64IfPresent(0, 0) == nil)
            #expect(try rows.doubleIfPresent(0, 1) == nil)
            #expect(try rows.boolIfPresent(0, 2) == nil)
            #expect(try rows.stringIfPresent(0, 3) == nil)
            #expect(try rows.utf8IfPresent(0, 3) == nil)
            #expect(try rows.bytesIfPresent(0, 4) == nil)
            #expect(try rows.timestampIfPresent(0, 5) == nil)
            #expect(try rows.jsonIfPresent(0, 6) == nil)
            for column in 0..<7 { #expect(try rows.isNull(0, column)) }
            let error = await failure { try rows.int64(0, 0) }
            #expect(error?.kind == .decoding && error?.message.contains("NULL") == true)
        }
    }

    @Test func emptyValuesAreNotNull() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            let rows = try await pool.query("SELECT $1, $2, $3::int8[]", Parameters("", [] as [UInt8], [] as [Int64]))
            #expect(try rows.string(0, 0) == "")
            #expect(try rows.bytes(0, 1) == [])
            #expect(try rows.int64Array(0, 2) == [])
            #expect(try !rows.isNull(0, 0) && !rows.isNull(0, 1) && !rows.isNull(0, 2))
        }
    }

    @Test func arraysComeBackAsTheyWent() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            let times = [Timestamp(seconds: -1), Timestamp(seconds: 1_800_000_000)]
            var p = Parameters([1, -2] as [Int64], [3, 4] as [Int32], ["a", "", "ü"], ["a", nil] as [String?], [0.5, -1e300])
            p.append([1.5, nil] as [Double?])
            p.append(times)
            p.append([times[0], nil] as [Timestamp?])
            p.append([true, false])
            p.appendJSONArray([Array(#"{"a": 1}"#.utf8), Array("2".utf8)] as [[UInt8]])
            let rows = try await pool.query("SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10[1]->>'a', pg_typeof($8)::text", p)
            #expect(try rows.int64Array(0, 0) == [1, -2])
            #expect(try rows.int32Array(0, 1) == [3, 4])
            #expect(try rows.textArray(0, 2) == ["a", "", "ü"])
            #expect(try rows.optionalTextArray(0, 3) == ["a", nil])
            let holdsNull = await failure { try rows.textArray(0, 3) }
            #expect(holdsNull?.kind == .decoding)
            #expect(try rows.doubleArray(0, 4) == [0.5, -1e300])
            #expect(try rows.optionalDoubleArray(0, 5) == [1.5, nil])
            #expect(try rows.timestampArray(0, 6) == times)
            #expect(try rows.boolArray(0, 8) == [true, false])
            #expect(try rows.string(0, 10) == "1")
            #expect(try rows.string(0, 11) == "timestamp with time zone[]")
            let typed = try rows.decode(0) { r in try r.next([Int64].self) }
            #expect(typed == [1, -2])
        }
    }

    @Test(arguments: [
        ("0", 0), ("1", 1), ("-1", -1), ("10000", 10_000), ("0.0001", 0.0001), ("-12345678.90123", -12_345_678.901_23), ("1e20", 1e20),
        ("123456789012345678901234567890", 123_456_789_012_345_677_877_719_597_056), ("0.1", 0.1), ("3.141592653589793", 3.141_592_653_589_793),
        ("1e-30", 1e-30), ("Infinity", .infinity), ("-Infinity", -.infinity),
    ])
    func aNumericIsReadAsTheNearestDouble(text: String, value: Double) async throws {
        try await withPool(size: 1) { pool, _ async throws in
            let rows = try await pool.query("SELECT $1::text::numeric", Parameters(text))
            #expect(try rows.double(0, 0) == value)
        }
    }

    @Test func otherTypesAreReadInTheirUsualForms() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            try await pool.simple("CREATE TYPE mood AS ENUM ('glad', 'sad')")
            let rows = try await pool.query(
                """
                SELECT 'glad'::mood, '6f1f9c2e-0a4b-4c6d-8e9f-00112233aabb'::uuid, '2026-01-04'::date, 'infinity'::timestamptz, 1.5::float4,
                       '[1, {"b": null}]'::json, 7::int2, '2026-01-04 01:02:03'::timestamp, 'NaN'::numeric, ARRAY['sad']::mood[]
                """)
            #expect(try rows.string(0, 0) == "glad")
            #expect(try rows.string(0, 1) == "6f1f9c2e-0a4b-4c6d-8e9f-00112233aabb")
            #expect(try rows.day(0, 2) == Civil.days(year: 2026, month: 1, day: 4))
            #expect(try rows.timestamp(0, 3).microseconds == .max)
            #expect(try rows.double(0, 4) == 1.5)
            #expect(try rows.json(0, 5)[1]?["b"]?.isNull == true)
            #expect(try rows.int64(0, 6) == 7)
            #expect(try RFC3339.string(rows.timestamp(0, 7)) == "2026-01-04T01:02:03Z")
            #expect(try rows.double(0, 8).isNaN)
            #expect(try rows.textArray(0, 9) == ["sad"])
        }
    }

    @Test func aWrongTypeIsAnErrorThatNamesBoth() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            let rows = try await pool.query("SELECT 'x'::text AS a, 1::int8 AS b, 5000000000 AS c")
            let error = await failure { try rows.int64(0, 0) }
            #expect(error?.message == "column a is text, not an integer")
            let wrong: [(PostgresRows) throws -> Any] = [
                { try $0.string(0, 1) }, { try $0.timestamp(0, 1) }, { try $0.int32(0, 2) }, { try $0.int64Array(0, 1) }, { try $0.json(0, 0) },
                { try $0.int64(1, 1) }, { try $0.int64(0, 3) }, { try $0.string(-1, -1) }, { try $0.isNull(0, 9) },
            ]
            for read in wrong {
                let error = await failure { try read(rows) }
                #expect(error?.kind == .decoding)
            }
        }
    }

    @Test func tenThousandRowsAreReadInPlace() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            let rows = try await pool.query("SELECT i::int8, 'row ' || i, i * 0.5::float8 FROM generate_series(1, 10000) i")
            #expect(rows.count == 10_000)
            var sum: Int64 = 0
            var bytes = 0
            var half = 0.0
            for row in 0..<rows.count {
                sum += try rows.int64(row, 0)
                bytes += try rows.utf8(row, 1).count
                half += try rows.double(row, 2)
            }
            #expect(sum == 50_005_000)
            #expect(bytes == 10_000 * 4 + 38_894)
            #expect(half == 25_002_500)
        }
    }

    @Test func aRowIsWrittenAsJSONByItsColumnsTypes() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            let rows = try await pool.query(
                "SELECT 1::int4, 'a\"b'::text, 2.5::float8, true, NULL::int8, '{\"k\":[1]}'::jsonb, '2026-01-01T00:00:00Z'::timestamptz")
            var w = JSONWriter()
            try w.array { w in for column in 0..<7 { try rows.write(0, column, to: &w) } }
            #expect(w.string == #"[1,"a\"b",2.5,true,null,{"k": [1]},"2026-01-01T00:00:00Z"]"#)
        }
    }

    @Test func theNumberOfRowsTouchedIsTheCommandTags() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            try await pool.simple("CREATE TABLE t (a int8)")
            #expect(try await pool.query("INSERT INTO t SELECT generate_series(1, 25)").affected == 25)
            #expect(try await pool.query("UPDATE t SET a = a WHERE a > 20").affected == 5)
            #expect(try await pool.query("DELETE FROM t WHERE false").affected == 0)
        }
    }
}
