import Broker
import Postgres
import Reactor

/// What PostgreSQL alone can do: the broker's own claim and completion, 1,000 rows a batch, in one connection's loop inside the server.
enum QueuePSQL {
    static let batch = 1_000

    static func drain(_ jobs: Int, _ postgres: PostgresConfig, _ bench: Bench, on loop: isolated EventLoop) async throws -> Double {
        guard let psql = TextFile.program("psql") else { throw BenchError("psql is not installed") }
        try await QueueBench.preload(jobs, postgres, on: loop)
        let script = bench.directory + "/drain.sql"
        try TextFile.write(script, Array(text.utf8))
        let started = Clock.monotonicNs
        _ = try await bench.run("psql", [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", script, postgres.url], on: loop)
        let seconds = Double(Clock.monotonicNs - started) / 1e9
        let pool = PostgresPool(postgres, size: 1, name: "bench", on: loop)
        let kept = try await pool.query("SELECT count(*) FROM heliograph.job_history WHERE state = 'completed'").int(0, 0)
        await pool.close(on: loop)
        guard kept == jobs else { throw BenchError("\(kept) of \(jobs) jobs are in the history") }
        return Double(jobs) / seconds
    }

    /// The statements are those of the job store, with variables for parameters.
    private static var text: String {
        let claim = replace(
            JobSQL.claim.sql,
            ["ARRAY['\(QueueBench.kind)']", "ARRAY[\(batch)]", "0", "ARRAY['\(QueueBench.kind)']", "ARRAY['default']", "ARRAY[0]", "ARRAY[0]"])
        let complete = replace(JobSQL.complete.sql, ["ids", "attempts", "array_fill(NULL::jsonb, ARRAY[cardinality(ids)])"])
        return """
            \(JobSQL.settings.map { "SET \($0.name) TO \($0.value);" }.joined(separator: " "))
            DO $loop$
            DECLARE
                ids bigint[];
                attempts bigint[];
                done bigint[];
            BEGIN
                LOOP
                    WITH claimed AS (\(claim))
                    SELECT array_agg(c.id), array_agg(c.attempt) INTO ids, attempts FROM claimed AS c (id, attempt, kind, queue, priority, timeout_ms, args);
                    COMMIT;
                    EXIT WHEN ids IS NULL;
                    \(complete.replacingLast("SELECT id FROM gone", "SELECT array_agg(id) INTO done FROM gone"));
                    COMMIT;
                END LOOP;
            END $loop$;
            """
    }

    private static func replace(_ sql: String, _ values: [String]) -> String {
        var sql = sql
        for (index, value) in values.enumerated() { sql = sql.split(separator: "$\(index + 1)", omittingEmptySubsequences: false).joined(separator: value) }
        return sql
    }
}

extension String {
    fileprivate func replacingLast(_ old: String, _ new: String) -> String {
        let parts = split(separator: old, omittingEmptySubsequences: false)
        guard parts.count > 1, let last = parts.last else { return self }
        return parts.dropLast().joined(separator: old) + new + last
    }
}
