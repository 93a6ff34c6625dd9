import Bytes
import Postgres

extension JobQueries {
    /// The most rows that are walked for one number.
    public static let countBound = 10_000
    /// The most pairs of kind and queue that are looked at.
    private static let pairBound = 2_000

    /// Available jobs: a loose scan over the kinds and queues of `job_available`, then a bounded index-only count of each pair.
    /// The other states have no index that knows the kind: what is blocked, waits for its time or runs is walked over theirs, bounded each.
    private static let waiting = Statement(
        """
        WITH RECURSIVE pairs AS (
            (SELECT kind, queue FROM heliograph.job WHERE state = 'available' AND NOT blocked ORDER BY kind, queue LIMIT 1)
            UNION ALL
            SELECT n.kind, n.queue FROM pairs AS p, LATERAL (
                SELECT j.kind, j.queue FROM heliograph.job AS j
                WHERE j.state = 'available' AND NOT j.blocked AND (j.kind, j.queue) > (p.kind, p.queue) ORDER BY j.kind, j.queue LIMIT 1
            ) AS n
        ), blocked AS MATERIALIZED (
            SELECT kind, queue FROM heliograph.job_kept WHERE blocked AND state = 'available' LIMIT $1 + 1
        ), due AS MATERIALIZED (
            SELECT state, kind, queue FROM heliograph.job WHERE state IN ('scheduled', 'retryable') LIMIT $1 + 1
        ), running AS MATERIALIZED (
            SELECT kind, queue FROM heliograph.job WHERE state = 'running' LIMIT $1 + 1
        )
        SELECT 'available' AS state, k.kind, k.queue, least(n.n, $1), n.n > $1
        FROM (SELECT * FROM pairs LIMIT $2) AS k, LATERAL (
            SELECT count(*) AS n FROM (
                SELECT FROM heliograph.job WHERE state = 'available' AND NOT blocked AND kind = k.kind AND queue = k.queue LIMIT $1 + 1) AS c
        ) AS n
        UNION ALL
        SELECT 'blocked', kind, queue, count(*), (SELECT count(*) > $1 FROM blocked) FROM blocked GROUP BY kind, queue
        UNION ALL
        SELECT state::text, kind, queue, count(*), (SELECT count(*) > $1 FROM due) FROM due GROUP BY state, kind, queue
        UNION ALL
        SELECT 'running', kind, queue, count(*), (SELECT count(*) > $1 FROM running) FROM running GROUP BY kind, queue
        ORDER BY 1, 2, 3
        """)

    private static func finished(_ since: String) -> Statement {
        Statement(
            """
            SELECT state::text, kind, sum(jobs)::bigint, round(sum(wait_ms) / sum(jobs), 1)::float8, round(sum(run_ms) / sum(jobs), 1)::float8
            FROM heliograph.job_stat WHERE hour >= \(since) GROUP BY state, kind ORDER BY 1, 2
            """)
    }
    private static let today = finished("date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'")
    private static let lastDay = finished("date_trunc('hour', now()) - interval '23 hours'")

    public func statistics() async throws -> JobStatistics {
        let none = Parameters()
        let results = try await pool.batch(
            [(Self.waiting, Parameters(Self.countBound, Self.pairBound)), (Self.today, none), (Self.lastDay, none), (QueueControl.paused, none)],
            retryOnLoss: true)
        let waiting = try results[0].map { r in
            JobStatistics.Count(state: try r.next(), kind: try r.next(), queue: try r.next(), count: try r.next(), isCapped: try r.next())
        }
        return JobStatistics(
            byQueue: waiting, finishedToday: try Self.means(results[1]), finished24h: try Self.means(results[2]), paused: try results[3].objects())
    }

    private static func means(_ rows: PostgresRows) throws -> [JobStatistics.Finished] {
        try rows.map { r in
            JobStatistics.Finished(
                state: try r.next(), kind: try r.next(), count: try r.next(), meanWaitMs: try r.next(), meanRunMs: try r.next())
        }
    }
}
