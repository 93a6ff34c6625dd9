package import Postgres

/// The statements of the job store. Each takes arrays: one statement carries a whole batch.
package enum JobSQL {
    /// The job table empties and fills within seconds and is full of dead rows: whatever its statistics say, reading all of it, or sorting what
    /// an index has in order, is wrong. A row or key that somebody else's open transaction holds must not hold up a lane.
    package static let settings = [
        (name: "enable_seqscan", value: "off"), (name: "enable_sort", value: "off"), (name: "lock_timeout", value: "2000"),
    ]

    /// The cast keeps the planner from the index of running jobs, which stale statistics show as empty: it would be walked once per id.
    private static let isRunning = "j.state::text = 'running'"

    /// kinds, args, queues, priorities, run_at (or null), unique keys (or null), max attempts, time-outs, tags (JSON arrays), claim now, ordering
    /// keys (or null); epoch. One row per draft, in order: ordinal, id, inserted.
    /// Those with slot 0 may have keys; the ring has nothing to be unique in.
    static let insert = Statement(
        """
        WITH input AS MATERIALIZED (
            SELECT nextval('heliograph.job_id') AS id, d.*, heliograph.slot_for(d.unique_key, d.ordering_key, d.run_at, (SELECT slot FROM heliograph.job_ring)) AS slot
            FROM unnest($1::text[], $2::jsonb[], $3::text[], $4::bigint[], $5::timestamptz[], $6::text[], $7::bigint[], $8::bigint[], $9::jsonb[], $10::bool[],
                    $11::text[])
                WITH ORDINALITY AS d(kind, args, queue, priority, run_at, unique_key, max_attempts, timeout_ms, tags, claim, ordering_key, n)
        ), plain AS (
            INSERT INTO heliograph.job (\(draftColumns)) SELECT \(draftValues) FROM input WHERE slot > 0
        ), kept AS (
            -- An ordering key that another transaction has just taken fails the batch: it is run again in its order.
            INSERT INTO heliograph.job_kept (\(draftColumns)) SELECT \(draftValues) FROM input WHERE slot = 0 ORDER BY n
            ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND state IN ('available', 'scheduled', 'retryable') DO NOTHING RETURNING id
        )
        SELECT n, id, slot > 0 OR id IN (SELECT id FROM kept) FROM input ORDER BY n
        """)

    private static let draftColumns = """
        slot, id, kind, args, queue, priority, run_at, state, unique_key, max_attempts, timeout_ms, tags, ordering_key, attempt, epoch, attempted_at
        """
    private static let draftValues = """
        slot, id, kind, args, queue, priority, coalesce(run_at, now()),
        (CASE WHEN claim THEN 'running' WHEN run_at > now() THEN 'scheduled' ELSE 'available' END)::heliograph.job_state,
        unique_key, max_attempts, timeout_ms, CASE WHEN tags = '[]' THEN '{}'::text[] ELSE ARRAY(SELECT jsonb_array_elements_text(tags)) END,
        ordering_key, claim::int, CASE WHEN claim THEN $12 END, CASE WHEN claim THEN now() END
        """

    /// Who holds these unique keys: key, id.
    static let holders = Statement(
        """
        SELECT unique_key, id FROM heliograph.job_kept
        WHERE unique_key = ANY($1::text[]) AND state IN ('available', 'scheduled', 'retryable')
        """)

    /// Kinds and how many of each; epoch; lanes: kind, queue, priority and id behind which to look.
    ///
    /// An array of ids a slot leaves the planner one way, by the slot's primary key: it takes a LIMIT that it does not know for a tenth of the
    /// table, and would join by reading all of it (ten times slower with 200,000 jobs). Each lane is one probe of `job_available`, which begins behind what
    /// was claimed before: while somebody holds an old snapshot the entries of claimed jobs stay in the index, and a claim would walk them all.
    private static func claim(_ want: String) -> Statement {
        Statement(
            """
            WITH lane AS MATERIALIZED (
                SELECT * FROM unnest($4::text[], $5::text[], $6::bigint[], $7::bigint[]) AS l(kind, queue, priority, id)
                WHERE NOT EXISTS (SELECT FROM heliograph.paused_queue AS paused WHERE paused.name IN (l.queue, '*'))
            ), picked AS MATERIALIZED (
                SELECT p.slot, p.id FROM \(want) AS want(kind, n),
                LATERAL (
                    SELECT p.slot, p.id FROM lane,
                    LATERAL (
                        SELECT slot, id, priority FROM heliograph.job
                        WHERE kind = lane.kind AND queue = lane.queue AND (priority, id) > (lane.priority, lane.id) AND state = 'available' AND NOT blocked
                        ORDER BY priority, id LIMIT want.n FOR UPDATE SKIP LOCKED
                    ) AS p
                    WHERE lane.kind = want.kind
                    ORDER BY p.priority, p.id LIMIT want.n
                ) AS p
            )
            UPDATE heliograph.job AS j SET state = 'running', attempt = j.attempt + 1, epoch = $3, attempted_at = now()
            FROM (SELECT slot, array_agg(id) AS ids FROM picked GROUP BY slot) AS p
            WHERE j.slot = p.slot AND j.id = ANY (p.ids)
            RETURNING j.id, j.attempt::bigint, j.kind, j.queue, j.priority::bigint, j.timeout_ms::bigint, j.args::text
            """)
    }

    package static let claim = claim("unnest($1::text[], $2::bigint[])")
    /// The same for kinds with limits: as many as may start now.
    static let claimLimited = claim("heliograph.admit($1::text[], $2::bigint[])")

    /// Kinds: the queues that hold available jobs of each, found by jumping from queue to queue. Kind, queue.
    static let lanes = Statement(
        """
        SELECT k.kind, q.queue FROM unnest($1::text[]) AS k(kind), LATERAL (
            WITH RECURSIVE queues AS (
                (SELECT queue FROM heliograph.job WHERE kind = k.kind AND state = 'available' AND NOT blocked ORDER BY queue LIMIT 1)
                UNION ALL
                SELECT (
                    SELECT j.queue FROM heliograph.job AS j
                    WHERE j.kind = k.kind AND j.state = 'available' AND NOT j.blocked AND j.queue > f.queue ORDER BY j.queue LIMIT 1)
                FROM queues AS f WHERE f.queue IS NOT NULL
            ) SELECT queue FROM queues WHERE queue IS NOT NULL
        ) AS q
        """)

    /// Ids, attempts, outputs (or null). Returns the ids that were current. The array of ids has each run looked up by its id: a join could as
    /// well be planned to begin at the table, which looks empty whenever its statistics were taken between two bursts.
    package static let complete = Statement(
        """
        WITH input AS MATERIALIZED (
            -- A worker that lost a broker reports what is not settled once more: a run may be here twice.
            SELECT DISTINCT ON (id, attempt) * FROM unnest($1::bigint[], $2::bigint[], $3::jsonb[]) AS d(id, attempt, output)
        ), gone AS (
            DELETE FROM heliograph.job AS j
            WHERE j.id = ANY ($1::bigint[]) AND \(isRunning) AND ((j.id, j.attempt::bigint) IN (SELECT id, attempt FROM input)) IS TRUE
            RETURNING j.*
        ), kept AS (
            INSERT INTO heliograph.job_completed
                (id, kind, queue, state, priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args, output, errors, unique_key,
                ordering_key, replay_of, replay)
            SELECT g.id, kind, queue, 'completed', priority, g.attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args, output, errors,
                unique_key, ordering_key, replay_of, replay
            FROM gone AS g JOIN input ON input.id = g.id AND input.attempt = g.attempt
        )
        SELECT id FROM gone
        """)

    /// Ids, attempts, how ('failed', 'back', 'lost'), error texts (or null), retry allowed, delays in ms. Returns id, what it is now, kind.
    static let endRuns = Statement("SELECT * FROM heliograph.end_runs($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bool[], $6::bigint[])")

    /// Ids, attempts; epoch: runs that their workers still have now belong to this broker. Returns id, kind, priority, whether it should stop.
    static let adopt = Statement(
        """
        UPDATE heliograph.job AS j SET epoch = $3 FROM unnest($1::bigint[], $2::bigint[]) AS d(id, attempt)
        WHERE j.id = d.id AND j.attempt = d.attempt AND \(isRunning)
        RETURNING j.id, j.kind, j.priority::bigint, j.cancel_asked_at IS NOT NULL
        """)

    /// Epoch: every run given out under it. Returns id, attempt.
    static let runsOf = Statement("SELECT id, attempt::bigint FROM heliograph.job WHERE state = 'running' AND epoch = $1")

    /// Epoch: running jobs that an operator wants stopped.
    static let cancelAsked = Statement("SELECT id FROM heliograph.job WHERE state = 'running' AND epoch = $1 AND cancel_asked_at IS NOT NULL")

    /// Ids, attempts, progress documents.
    static let progress = Statement(
        """
        UPDATE heliograph.job AS j SET progress = d.progress FROM unnest($1::bigint[], $2::bigint[], $3::jsonb[]) AS d(id, attempt, progress)
        WHERE j.id = d.id AND j.attempt = d.attempt AND \(isRunning)
        """)

    /// Makes due jobs available, at most 5,000 at a time. Returns kind, queue.
    static let promote = Statement(
        """
        WITH due AS MATERIALIZED (
            SELECT id FROM heliograph.job WHERE state IN ('scheduled', 'retryable') AND run_at <= now()
            ORDER BY run_at LIMIT 5000 FOR UPDATE SKIP LOCKED
        ), moved AS (
            UPDATE heliograph.job AS j SET state = 'available' FROM due WHERE j.id = due.id RETURNING j.kind, j.queue
        )
        SELECT DISTINCT kind, queue FROM moved
        """)

    /// Keys: their first blocked jobs go on where nobody holds the key. Returns the kinds of those that can be claimed.
    static let unblock = Statement("SELECT heliograph.unblock($1::text[])")

    /// Paused queues ('queue') and kinds with limits ('kind').
    static let control = Statement("SELECT 'queue', name FROM heliograph.paused_queue UNION ALL SELECT 'kind', kind FROM heliograph.job_limit")

    /// Registers a broker and ends earlier lives of the same name. Returns the new epoch.
    static let register = Statement("INSERT INTO heliograph.broker (name) VALUES ($1) RETURNING epoch")

    /// Epoch, what is served, name. A row that somebody took for dead comes back; none does where a later life of the same name is here.
    static let beat = Statement(
        """
        INSERT INTO heliograph.broker AS b (epoch, name, serves) OVERRIDING SYSTEM VALUE
        SELECT $1, $3, $2::jsonb WHERE NOT EXISTS (SELECT FROM heliograph.broker WHERE name = $3 AND epoch > $1)
        ON CONFLICT (epoch) DO UPDATE SET beat_at = now(), serves = excluded.serves RETURNING epoch
        """)

    /// Kinds and queues in which jobs have become available, that other brokers' workers serve.
    static let tell = Statement("SELECT heliograph.wake(0, q.queue, q.kind) FROM unnest($1::text[], $2::text[]) AS q(kind, queue)")
}
