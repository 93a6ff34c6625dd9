package import Postgres

/// The statements of the job store. Each takes arrays: one statement carries a whole batch.
package enum JobSQL {
    /// The job table empties and fills within seconds and is full of dead rows: whatever its statistics say, reading all of it is wrong.
    package static let settings = [(name: "enable_seqscan", value: "off")]

    /// The cast keeps the planner from the index of running jobs, which stale statistics show as empty: it would be walked once per id.
    private static let isRunning = "j.state::text = 'running'"

    /// kinds, args, queues, priorities, run_at (or null), unique keys (or null), max attempts, time-outs, tags (JSON arrays), claim now; epoch.
    /// One row per draft, in order: ordinal, id, inserted.
    static let insert = Statement(
        """
        WITH input AS MATERIALIZED (
            SELECT nextval('heliograph.job_id') AS id, d.*
            FROM unnest($1::text[], $2::jsonb[], $3::text[], $4::bigint[], $5::timestamptz[], $6::text[], $7::bigint[], $8::bigint[], $9::jsonb[], $10::bool[])
                WITH ORDINALITY AS d(kind, args, queue, priority, run_at, unique_key, max_attempts, timeout_ms, tags, claim, n)
        ), made AS (
            INSERT INTO heliograph.job
                (id, kind, args, queue, priority, run_at, state, unique_key, max_attempts, timeout_ms, tags, attempt, epoch, attempted_at)
            SELECT id, kind, args, queue, priority, coalesce(run_at, now()),
                (CASE WHEN claim THEN 'running' WHEN run_at > now() THEN 'scheduled' ELSE 'available' END)::heliograph.job_state,
                unique_key, max_attempts, timeout_ms,
                CASE WHEN tags = '[]' THEN '{}'::text[] ELSE ARRAY(SELECT jsonb_array_elements_text(tags)) END,
                claim::int, CASE WHEN claim THEN $11 END, CASE WHEN claim THEN now() END
            FROM input ORDER BY n
            ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND state IN ('available', 'scheduled', 'retryable') DO NOTHING
            RETURNING id
        )
        SELECT input.n, input.id, made.id IS NOT NULL FROM input LEFT JOIN made USING (id) ORDER BY input.n
        """)

    /// Who holds these unique keys: key, id.
    static let holders = Statement(
        """
        SELECT unique_key, id FROM heliograph.job
        WHERE unique_key = ANY($1::text[]) AND state IN ('available', 'scheduled', 'retryable')
        """)

    /// Kinds and how many of each; epoch.
    /// An array of ids leaves the planner one way, by the primary key: it takes a LIMIT that it does not know for a tenth of the table, and
    /// would join by reading all of it (ten times slower with 200,000 jobs).
    package static let claim = Statement(
        """
        UPDATE heliograph.job AS j SET state = 'running', attempt = j.attempt + 1, epoch = $3, attempted_at = now()
        WHERE j.id = ANY (ARRAY(
            SELECT picked.id FROM unnest($1::text[], $2::bigint[]) AS want(kind, n),
            LATERAL (
                SELECT id FROM heliograph.job
                WHERE kind = want.kind AND state = 'available'
                ORDER BY priority, id LIMIT want.n FOR UPDATE SKIP LOCKED
            ) AS picked))
        RETURNING j.id, j.attempt::bigint, j.kind, j.priority::bigint, j.timeout_ms::bigint, j.args::text
        """)

    private static let historyColumns =
        "id, kind, queue, state, priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args, output, errors"

    /// Ids, attempts, outputs (or null). Returns the ids that were current. `OFFSET 0` has each run looked up by its id: a join could as well be
    /// planned to begin at the table, which looks empty whenever its statistics were taken between two bursts.
    package static let complete = Statement(
        """
        WITH found AS MATERIALIZED (
            SELECT j.id, d.output FROM unnest($1::bigint[], $2::bigint[], $3::jsonb[]) AS d(id, attempt, output),
            LATERAL (
                SELECT id FROM heliograph.job AS j
                WHERE j.id = d.id AND j.attempt = d.attempt AND \(isRunning)
                OFFSET 0 FOR UPDATE
            ) AS j
        ), gone AS (
            DELETE FROM heliograph.job AS j WHERE j.id = ANY (ARRAY(SELECT id FROM found)) RETURNING j.*
        ), kept AS (
            INSERT INTO heliograph.job_history (\(historyColumns))
            SELECT id, kind, queue, 'completed', priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args, output, errors
            FROM gone JOIN found USING (id)
        )
        SELECT id FROM gone
        """)

    /// Ids, attempts, error texts, retry allowed, delays in ms. A job without attempts left, or that must not be retried, is discarded.
    /// So is one whose unique key another waiting job has taken meanwhile. Returns id, discarded, kind.
    static let fail = Statement(
        """
        WITH input AS (
            SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bool[], $5::bigint[]) AS d(id, attempt, error, retry, delay)
        ), judged AS MATERIALIZED (
            SELECT j.id, d.delay,
                coalesce(j.errors, '[]') || jsonb_build_object('attempt', j.attempt, 'at', now(), 'error', d.error) AS errors,
                NOT d.retry OR j.attempt >= j.max_attempts OR (j.unique_key IS NOT NULL AND EXISTS (
                    SELECT FROM heliograph.job AS k
                    WHERE k.unique_key = j.unique_key AND k.state IN ('available', 'scheduled', 'retryable'))) AS discard
            FROM heliograph.job AS j JOIN input AS d ON j.id = d.id AND j.attempt = d.attempt AND \(isRunning)
            FOR UPDATE OF j
        ), again AS (
            UPDATE heliograph.job AS j
            SET state = 'retryable', run_at = now() + judged.delay * interval '1 ms', errors = judged.errors, epoch = NULL
            FROM judged WHERE j.id = judged.id AND NOT judged.discard
        ), gone AS (
            DELETE FROM heliograph.job AS j USING judged WHERE j.id = judged.id AND judged.discard
            RETURNING j.id, j.kind, j.queue, j.priority, j.attempt, j.max_attempts, j.timeout_ms, j.created_at, j.attempted_at, j.tags, j.args,
                judged.errors
        ), kept AS (
            INSERT INTO heliograph.job_history (\(historyColumns))
            SELECT id, kind, queue, 'discarded', priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args, NULL, errors
            FROM gone
        )
        SELECT judged.id, judged.discard, j.kind FROM judged JOIN heliograph.job AS j USING (id)
        """)

    /// Ids, attempts, delays in ms: run again later, and the run does not count. Returns the ids that were current.
    /// The attempt stays as it is and the job gets one more: an attempt's number never comes twice, or it would fence nothing.
    /// A key that another job took meanwhile makes the waiting one the survivor: this run's job goes on without its key.
    static let giveBack = Statement(
        """
        UPDATE heliograph.job AS j
        SET state = (CASE WHEN d.delay > 0 THEN 'scheduled' ELSE 'available' END)::heliograph.job_state,
            run_at = now() + d.delay * interval '1 ms', max_attempts = j.max_attempts + 1, epoch = NULL,
            unique_key = CASE WHEN j.unique_key IS NOT NULL AND EXISTS (
                SELECT FROM heliograph.job AS k WHERE k.unique_key = j.unique_key AND k.state IN ('available', 'scheduled', 'retryable'))
                THEN NULL ELSE j.unique_key END
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS d(id, attempt, delay)
        WHERE j.id = d.id AND j.attempt = d.attempt AND \(isRunning)
        RETURNING j.id
        """)

    private static let release =
        """
        SET state = 'available', epoch = NULL, run_at = now(),
            unique_key = CASE WHEN j.unique_key IS NOT NULL AND EXISTS (
                SELECT FROM heliograph.job AS k WHERE k.unique_key = j.unique_key AND k.state IN ('available', 'scheduled', 'retryable'))
                THEN NULL ELSE j.unique_key END
        """

    private static let discardLost =
        """
        INSERT INTO heliograph.job_history (\(historyColumns))
        SELECT id, kind, queue, 'discarded', priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args, NULL,
            coalesce(errors, '[]') || jsonb_build_object('attempt', attempt, 'at', now(), 'error', 'the worker was lost in the last attempt')
        FROM gone
        """

    /// Ids and attempts of runs whose worker died: offered again, the attempt counts. A run that was the last attempt is discarded.
    static let rescueRuns = Statement(
        """
        WITH lost AS MATERIALIZED (
            SELECT j.id, j.attempt >= j.max_attempts AS last
            FROM unnest($1::bigint[], $2::bigint[]) AS d(id, attempt)
            JOIN heliograph.job AS j ON j.id = d.id AND j.attempt = d.attempt AND \(isRunning) FOR UPDATE OF j
        ), gone AS (
            DELETE FROM heliograph.job AS j USING lost WHERE j.id = lost.id AND lost.last RETURNING j.*
        ), kept AS (\(discardLost)), again AS (
            UPDATE heliograph.job AS j \(release) FROM lost WHERE j.id = lost.id AND NOT lost.last
        )
        SELECT count(*) FROM lost
        """)

    /// Runs of dead epochs, at most so many at a time.
    static let rescueEpochs = Statement(
        """
        WITH lost AS MATERIALIZED (
            SELECT j.id, j.attempt >= j.max_attempts AS last FROM heliograph.job AS j
            WHERE j.state = 'running' AND j.epoch = ANY($1::bigint[]) LIMIT $2 FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM heliograph.job AS j USING lost WHERE j.id = lost.id AND lost.last RETURNING j.*
        ), kept AS (\(discardLost)), again AS (
            UPDATE heliograph.job AS j \(release) FROM lost WHERE j.id = lost.id AND NOT lost.last
        )
        SELECT count(*) FROM lost
        """)

    /// Ids, attempts; epoch: runs that their workers still have now belong to this broker. Returns id, kind.
    static let adopt = Statement(
        """
        UPDATE heliograph.job AS j SET epoch = $3 FROM unnest($1::bigint[], $2::bigint[]) AS d(id, attempt)
        WHERE j.id = d.id AND j.attempt = d.attempt AND \(isRunning)
        RETURNING j.id, j.kind
        """)

    /// Epoch: every run given out under it. Returns id, attempt.
    static let runsOf = Statement("SELECT id, attempt::bigint FROM heliograph.job WHERE state = 'running' AND epoch = $1")

    /// Makes due jobs available, at most 5,000 at a time. Returns the kinds.
    static let promote = Statement(
        """
        WITH due AS MATERIALIZED (
            SELECT id FROM heliograph.job WHERE state IN ('scheduled', 'retryable') AND run_at <= now()
            ORDER BY run_at LIMIT 5000 FOR UPDATE SKIP LOCKED
        ), moved AS (
            UPDATE heliograph.job AS j SET state = 'available' FROM due WHERE j.id = due.id RETURNING j.kind
        )
        SELECT DISTINCT kind FROM moved
        """)

    /// Registers a broker and ends earlier lives of the same name. Returns the new epoch.
    static let register = Statement("INSERT INTO heliograph.broker (name) VALUES ($1) RETURNING epoch")

    /// No row back means that another broker has taken this one's place.
    static let beat = Statement("UPDATE heliograph.broker SET beat_at = now() WHERE epoch = $1 RETURNING epoch")

    /// Epoch, silence in ms: epochs that are over, by the database's clock or because a later life of the same name is here.
    static let deadEpochs = Statement(
        """
        SELECT b.epoch FROM heliograph.broker AS b, heliograph.broker AS me
        WHERE me.epoch = $1 AND b.epoch <> me.epoch
            AND ((b.name = me.name AND b.epoch < me.epoch) OR b.beat_at < now() - $2 * interval '1 ms')
        UNION
        SELECT j.epoch FROM (SELECT DISTINCT epoch FROM heliograph.job WHERE state = 'running') AS j
        WHERE j.epoch IS NOT NULL AND NOT EXISTS (SELECT FROM heliograph.broker AS b WHERE b.epoch = j.epoch)
        """)

    static let forgetEpochs = Statement(
        """
        DELETE FROM heliograph.broker AS b WHERE b.epoch = ANY($1::bigint[])
            AND NOT EXISTS (SELECT FROM heliograph.job AS j WHERE j.state = 'running' AND j.epoch = b.epoch)
        """)

    static let partitions = Statement("SELECT heliograph.make_history_partitions(7), heliograph.make_reading_partitions(2)")
}
