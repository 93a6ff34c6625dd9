public import Bytes
import Postgres

/// Counts of jobs. Nothing is counted past `JobQueries.countBound` for one number, so that a long queue costs no more to look at than a short one.
public struct JobStatistics: Sendable {
    public struct Count: Hashable, Sendable {
        public let state: String
        public let kind: String
        public let count: Int
        /// There are more.
        public let isCapped: Bool
    }

    /// Jobs not finished, by state and kind.
    public let waiting: [Count]
    /// Jobs finished since midnight UTC. Where more than the bound have finished, counts are those of a part and all are marked.
    public let finishedToday: [Count]

    public func write(to w: inout JSONWriter) {
        w.object { w in
            w.member("bound", JobQueries.countBound)
            w.key("jobs")
            Self.write(waiting, &w)
            w.key("finished_today")
            Self.write(finishedToday, &w)
        }
    }

    private static func write(_ counts: [Count], _ w: inout JSONWriter) {
        w.array { w in
            for item in counts {
                w.object { w in
                    w.member("state", item.state)
                    w.member("kind", item.kind)
                    w.member("count", item.count)
                    w.member("capped", item.isCapped)
                }
            }
        }
    }
}

extension JobQueries {
    /// The most rows that are walked for one number.
    public static let countBound = 10_000

    /// Available jobs: a loose scan over the kinds of `job_available`, then a bounded index-only count of each.
    /// The other states have no index that knows the kind; what waits for its time or runs is walked over theirs, bounded together.
    private static let waiting = Statement(
        """
        WITH RECURSIVE kinds AS (
            (SELECT kind FROM heliograph.job WHERE state = 'available' ORDER BY kind LIMIT 1)
            UNION ALL
            SELECT (SELECT j.kind FROM heliograph.job AS j WHERE j.state = 'available' AND j.kind > k.kind ORDER BY j.kind LIMIT 1)
            FROM kinds AS k WHERE k.kind IS NOT NULL
        ), due AS MATERIALIZED (
            SELECT state, kind FROM heliograph.job WHERE state IN ('scheduled', 'retryable') LIMIT $1 + 1
        ), running AS MATERIALIZED (
            SELECT state, kind FROM heliograph.job WHERE state = 'running' LIMIT $1 + 1
        )
        SELECT 'available', k.kind, least(n.n, $1), n.n > $1
        FROM kinds AS k, LATERAL (
            SELECT count(*) AS n FROM (SELECT FROM heliograph.job WHERE state = 'available' AND kind = k.kind LIMIT $1 + 1) AS c
        ) AS n WHERE k.kind IS NOT NULL
        UNION ALL
        SELECT state::text, kind, count(*), (SELECT count(*) > $1 FROM due) FROM due GROUP BY state, kind
        UNION ALL
        SELECT state::text, kind, count(*), (SELECT count(*) > $1 FROM running) FROM running GROUP BY state, kind
        ORDER BY 1, 2
        """)

    /// Only today's partition is looked at.
    private static let finished = Statement(
        """
        WITH today AS MATERIALIZED (
            SELECT state, kind FROM heliograph.job_history
            WHERE finished_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' LIMIT $1 + 1
        )
        SELECT state::text, kind, count(*), (SELECT count(*) > $1 FROM today) FROM today GROUP BY state, kind ORDER BY 1, 2
        """)

    public func statistics() async throws -> JobStatistics {
        let bound = Parameters(Int64(Self.countBound))
        let results = try await pool.batch([(Self.waiting, bound), (Self.finished, bound)], retryOnLoss: true)
        return JobStatistics(waiting: try Self.counts(results[0]), finishedToday: try Self.counts(results[1]))
    }

    private static func counts(_ rows: PostgresRows) throws -> [JobStatistics.Count] {
        try rows.map { r in
            JobStatistics.Count(state: try r.next(), kind: try r.next(), count: try r.next(), isCapped: try r.next())
        }
    }
}
