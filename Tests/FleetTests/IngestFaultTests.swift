import Bytes
import Postgres
import Protocol
import Reactor
import Testing
import Workers
import ZeroMQ

/// Faults of the database while readings are committed.
@Suite(.timeLimit(.minutes(2))) struct IngestFaultTests {
    private static func batch(_ rows: Int, from second: Int64) -> [UInt8] {
        var batch = ReadingBatch()
        for n in 0..<rows {
            let time = Timestamp(seconds: second + Int64(n))
            batch.append(meter: Array("METER_FULL".utf8), facility: Array("FAC".utf8), timestamp: time, current: Double(n))
        }
        return batch.bytes
    }

    private static func with(_ body: @Sendable (BusClient, PostgresPool, isolated EventLoop) async throws -> Void) async throws {
        try await LocalFleet.with { fleet, loop in
            try await loop.run { loop in
                let pool = PostgresPool(fleet.postgres, size: 3, name: "test", on: loop)
                let client = try fleet.client("telemetry", on: loop)
                let runtime = WorkerRuntime(client, options: WorkerOptions(name: "telemetry"))
                let telemetry = ChargingTelemetry(pool, client: client)
                telemetry.register(runtime, on: loop)
                runtime.start(on: loop)
                let producer = try fleet.client("producer", on: loop)
                try await body(producer, pool, loop)
                telemetry.close()
                await runtime.stop(on: loop)
                producer.close(on: loop)
                await pool.close(on: loop)
            }
        }
    }

    private static func count(_ pool: PostgresPool) async throws -> Int {
        try await pool.query("SELECT count(*) FROM time_i_data").int(0, 0)
    }

    @Test func aFullDiskIsARetryableRefusalAndNothingIsHalfWritten() async throws {
        try await Self.with { producer, pool, loop in
            // The server's own word for a full disk, in the middle of the rows.
            try await pool.simple(
                """
                CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF NEW.i = 500 THEN
                        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
                    END IF;
                    RETURN NEW;
                END $$;
                CREATE TRIGGER disk_full BEFORE INSERT ON time_i_data FOR EACH ROW EXECUTE FUNCTION disk_full();
                """)
            let rows = Self.batch(1_000, from: 1_767_225_600)
            var refusal: Refusal?
            do throws(Refusal) {
                _ = try await producer.ingest(ChargingNames.readings, rows, on: loop)
            } catch {
                refusal = error
            }
            #expect(refusal?.code == .storage)
            #expect(refusal?.isRetryable == true)
            let half = try await Self.count(pool)
            #expect(half == 0)
            try await pool.simple("DROP TRIGGER disk_full ON time_i_data")
            let answer = try await producer.ingest(ChargingNames.readings, rows, on: loop)
            #expect(String(decoding: answer, as: UTF8.self) == #"{"inserted":1000}"#)
            let whole = try await Self.count(pool)
            #expect(whole == 1_000)
        }
    }

    @Test func aBatchThatComesTwiceChangesNothing() async throws {
        try await Self.with { producer, pool, loop in
            let rows = Self.batch(100, from: 1_767_225_600)
            let first = try await producer.ingest(ChargingNames.readings, rows, on: loop)
            let second = try await producer.ingest(ChargingNames.readings, rows, on: loop)
            #expect(String(decoding: first, as: UTF8.self) == #"{"inserted":100}"#)
            #expect(String(decoding: second, as: UTF8.self) == #"{"inserted":0}"#)
            let overlapping = try await producer.ingest(ChargingNames.readings, Self.batch(100, from: 1_767_225_650), on: loop)
            #expect(String(decoding: overlapping, as: UTF8.self) == #"{"inserted":50}"#)
            let total = try await Self.count(pool)
            #expect(total == 150)
        }
    }

    @Test func anUnreadableBatchIsRefusedForGoodAndCostsOthersNothing() async throws {
        try await Self.with { producer, pool, loop in
            var refusal: Refusal?
            do throws(Refusal) {
                _ = try await producer.ingest(ChargingNames.readings, [1, 2, 3], on: loop)
            } catch {
                refusal = error
            }
            #expect(refusal?.code == .malformed)
            #expect(refusal?.isRetryable == false)
            _ = try await producer.ingest(ChargingNames.readings, Self.batch(10, from: 1_767_225_600), on: loop)
            let total = try await Self.count(pool)
            #expect(total == 10)
        }
    }
}
