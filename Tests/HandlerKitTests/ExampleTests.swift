import Bytes
import Glibc
import HandlerKit
import Postgres
import Protocol
import Reactor
import Testing
import Workers
import ZeroMQ

// example: worker

/// `meter.day`: sums a meter's day up, once the day is over.
///
/// Args: `{"meter": "METER_001", "day": "2026-03-01"}`. The row and the end of the job are one transaction. A day with more than `limitA` amperes
/// has a `meter.over_limit` job follow.
struct MeterDayWorker {
    static let kind = "meter.day"
    /// Half a minute, a minute, … a day at most; ten attempts.
    static let retry = RetryPolicy.exponential(firstMs: 30_000, factor: 2, capMs: 86_400_000, maxAttempts: 10)

    var pool: PostgresPool
    var client: BusClient
    var limitA = 32.0
    /// The wall clock; a test gives its own.
    var now: () -> Timestamp = { Clock.wall }

    func register(_ runtime: WorkerRuntime, on loop: isolated EventLoop) {
        runtime.onJob(Self.kind, retry: Self.retry) { context in try await run(context, on: loop) }
    }

    private func run(_ context: JobContext, on loop: isolated EventLoop) async throws {
        let args = try context.json()
        guard let meter = args["meter"]?.string, let day = args["day"]?.string, let start = RFC3339.parse("\(day)T00:00:00Z") else {
            // Trying again would not help.
            throw JobFailure("args must be {\"meter\": text, \"day\": \"YYYY-MM-DD\"}", isRetryable: false)
        }
        let end = start.adding(seconds: 86_400)
        if now() < end {
            throw JobSnooze(milliseconds: (end.microseconds - now().microseconds) / 1_000)
        }
        var (readings, mostA) = (0, 0.0)
        for hour in 0..<24 {
            try Task.checkCancellation()
            let from = start.adding(seconds: Int64(hour) * 3_600)
            let row = try await pool.query(Self.select, Parameters(meter, from, from.adding(seconds: 3_600)))
            readings += try row.int(0, 0)
            mostA = max(mostA, try row.double(0, 1))
            try context.setProgress(["hours": .int(hour + 1), "of": 24])
        }
        if mostA > limitA {
            // The key makes a second attempt harmless.
            let warning: JSONValue = ["meter": .string(meter), "most_a": .double(mostA)]
            _ = try await client.enqueue(JobDraft(kind: "meter.over_limit", args: warning.bytes, uniqueKey: "over:\(meter):\(day)"), on: loop)
        }
        try context.setOutput(["readings": .int(readings), "most_a": .double(mostA)])
        try await context.finish(in: pool) { transaction in
            _ = try await transaction.query(Self.upsert, Parameters(meter, start, Int64(readings), mostA))
        }
    }

    private static let select: Statement = """
        SELECT count(*), coalesce(max(i), 0) FROM public.time_i_data WHERE meter_id = $1 AND "timestamp" >= $2 AND "timestamp" < $3
        """
    private static let upsert: Statement = """
        INSERT INTO meter_day (meter_id, day, readings, most_a) VALUES ($1, $2, $3, $4)
        ON CONFLICT (meter_id, day) DO UPDATE SET readings = excluded.readings, most_a = excluded.most_a
        """
}

// example: end

/// A database with the project's tables and the example's own, for one test.
private func withDatabase(_ body: @Sendable (PostgresPool, isolated EventLoop) async throws -> Void) async throws {
    let loop = EventLoop(name: "example")
    defer { loop.stop() }
    try await loop.run { loop in
        let config = try await ScratchServer.database(migrations: projectRoot + "/Migrations", on: loop)
        let pool = PostgresPool(config, size: 2, name: "example", on: loop)
        _ = try await pool.query("CREATE TABLE meter_day (meter_id text, day timestamptz, readings bigint, most_a float8, PRIMARY KEY (meter_id, day))")
        _ = try await pool.query(
            "INSERT INTO public.time_i_data SELECT 'M1', '2026-01-01Z'::timestamptz + n * interval '1 h', 10 + n FROM generate_series(0, 30) AS n")
        do {
            try await body(pool, loop)
        } catch {
            await pool.close(on: loop)
            throw error
        }
        await pool.close(on: loop)
    }
}

@Suite(.timeLimit(.minutes(1))) struct ExampleTests {
    // example: inline
    @Test func wrongArgumentsAreRefusedForGood() async throws {
        try await withDatabase { pool, loop in
            let fleet = try await KitFleet.start(on: loop)
            fleet.register(on: loop) { MeterDayWorker(pool: pool, client: fleet.client).register($0, on: loop) }
            let run = await fleet.run("meter.day", args: ["meter": "M1", "day": "yesterday"], on: loop)
            #expect(run?.failure?.message == #"args must be {"meter": text, "day": "YYYY-MM-DD"}"#)
            #expect(run?.failure?.isRetryable == false)
            await fleet.stop(on: loop)
        }
    }
    // example: end

    // example: fleet
    @Test func aDayIsSummedUpWhenItIsOver() async throws {
        try await withDatabase { pool, loop in
            let fleet = try await KitFleet.start(at: KitClock.usualStart, on: loop)
            fleet.register(on: loop) { runtime in
                MeterDayWorker(pool: pool, client: fleet.client, now: { fleet.now }).register(runtime, on: loop)
            }
            let id = try await fleet.enqueue("meter.day", ["meter": "M1", "day": "2026-01-01"], on: loop).id
            try await fleet.drain(on: loop)
            #expect(fleet.job(id)?.state == .scheduled)

            try await fleet.advance(by: .days(1), on: loop)
            let job = try #require(fleet.job(id))
            #expect(job.state == .completed && job.errors.isEmpty)
            #expect(try JSONValue.parse(job.output) == ["readings": 24, "most_a": 33])
            #expect(job.progressText == #"{"hours":24,"of":24}"#)
            try fleet.requireEnqueued("meter.over_limit") { $0["meter"] == "M1" && $0.uniqueKey == "over:M1:2026-01-01" }
            #expect(try await pool.query("SELECT readings FROM meter_day").int(0, 0) == 24)
            await fleet.stop(on: loop)
        }
    }
    // example: end

    @Test func aRunThatIsNoLongerTheCurrentOneLeavesNoRow() async throws {
        try await withDatabase { pool, loop in
            let run = await HandlerRun.of(args: [:], .init(isCurrent: false), on: loop) { context in
                try await context.finish(in: pool) { transaction in _ = try await transaction.query("INSERT INTO meter_day VALUES ('M1', now(), 1, 1)") }
            }
            #expect(run.failure?.message == "PostgreSQL HG001: job 1 attempt 1 is not running any more")
            #expect(!run.isCommitted)
            let rows = try await pool.query("SELECT count(*) FROM meter_day").int(0, 0)
            #expect(rows == 0)
        }
    }

    @Test func theDocumentQuotesThisFile() throws {
        let (file, document) = (try text(#filePath), try text(projectRoot + "/docs/workers.md"))
        let quotes = file.split(separator: "// exam" + "ple: ").dropFirst().filter { !$0.hasPrefix("end\n") }
        #expect(quotes.count >= 3)
        for quote in quotes {
            let lines = quote.split(separator: "\n", omittingEmptySubsequences: false).dropFirst().map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
            let pages = document.split(separator: "\n").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
            let isQuoted = pages.indices.contains { pages[$0...].starts(with: lines) }
            #expect(isQuoted, "docs/workers.md does not have \(lines.prefix(2))")
        }
    }

    private func text(_ path: String) throws -> String {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
