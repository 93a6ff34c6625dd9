-- The durable queue: a small hot table, a history that is dropped by the day, brokers with their epochs.

CREATE TYPE heliograph.job_state AS ENUM
    ('available', 'scheduled', 'running', 'retryable', 'completed', 'cancelled', 'discarded');

-- A broker's life. Its id is the epoch that claimed jobs carry; a new start is a new row.
CREATE TABLE heliograph.broker (
    epoch       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT now(),
    beat_at     timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

CREATE SEQUENCE heliograph.job_id AS bigint CACHE 1;

CREATE TABLE heliograph.job (
    id            bigint PRIMARY KEY DEFAULT nextval('heliograph.job_id'),
    kind          text NOT NULL,
    queue         text NOT NULL DEFAULT 'default',
    state         heliograph.job_state NOT NULL DEFAULT 'available',
    priority      smallint NOT NULL DEFAULT 5,
    -- Only ever grows: (id, attempt) fences every completion. A run that does not count (snoozed, interrupted, never sent)
    -- raises max_attempts instead.
    attempt       integer NOT NULL DEFAULT 0,
    max_attempts  integer NOT NULL DEFAULT 25,
    timeout_ms    integer NOT NULL DEFAULT 0,
    -- The broker that gave the running attempt out.
    epoch         bigint,
    created_at    timestamptz NOT NULL DEFAULT now(),
    run_at        timestamptz NOT NULL DEFAULT now(),
    attempted_at  timestamptz,
    unique_key    text,
    tags          text[] NOT NULL DEFAULT '{}',
    args          jsonb NOT NULL,
    -- One object per failed attempt: {"attempt", "at", "error"}.
    errors        jsonb
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 1);

-- What a claim walks: one probe per kind, in order.
CREATE INDEX job_available ON heliograph.job (kind, priority, id) WHERE state = 'available';
-- What becomes available later.
CREATE INDEX job_due ON heliograph.job (run_at) WHERE state IN ('scheduled', 'retryable');
-- What a dead broker leaves behind.
CREATE INDEX job_running ON heliograph.job (epoch) WHERE state = 'running';
-- A key is held from enqueue until the job starts, and again while it waits for a retry.
CREATE UNIQUE INDEX job_unique ON heliograph.job (unique_key)
    WHERE unique_key IS NOT NULL AND state IN ('available', 'scheduled', 'retryable');

CREATE TABLE heliograph.job_history (
    id            bigint NOT NULL,
    kind          text NOT NULL,
    queue         text NOT NULL,
    state         heliograph.job_state NOT NULL,
    priority      smallint NOT NULL,
    attempt       integer NOT NULL,
    max_attempts  integer NOT NULL,
    timeout_ms    integer NOT NULL,
    created_at    timestamptz NOT NULL,
    attempted_at  timestamptz,
    finished_at   timestamptz NOT NULL DEFAULT now(),
    tags          text[] NOT NULL,
    args          jsonb NOT NULL,
    output        jsonb,
    errors        jsonb
) PARTITION BY RANGE (finished_at);

CREATE INDEX job_history_id ON heliograph.job_history (id);
CREATE INDEX job_history_failed ON heliograph.job_history (finished_at) WHERE state <> 'completed';

-- Makes the day partitions from yesterday to `days` ahead. Brokers call it at start and every hour.
CREATE FUNCTION heliograph.make_history_partitions(days integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    day date;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(7238910, 1);
    FOR day IN SELECT (now() AT TIME ZONE 'UTC')::date + n FROM generate_series(-1, days) AS n LOOP
        IF to_regclass('heliograph.job_history_' || to_char(day, 'YYYYMMDD')) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE heliograph.%I PARTITION OF heliograph.job_history FOR VALUES FROM (%L) TO (%L)',
                'job_history_' || to_char(day, 'YYYYMMDD'),
                day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;
-- A clock that jumps past the partitions must not stop completions.
CREATE TABLE heliograph.job_history_other PARTITION OF heliograph.job_history DEFAULT;
SELECT heliograph.make_history_partitions(7);

-- Finishes a running job inside the caller's own transaction. Raises when the run is not the job's current one
-- (SQLSTATE HG001), so that a stale worker's rows roll back with it.
CREATE FUNCTION heliograph.complete_job(job_id bigint, job_attempt integer, job_output jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH gone AS (
        DELETE FROM heliograph.job WHERE id = job_id AND attempt = job_attempt AND state = 'running' RETURNING *
    )
    INSERT INTO heliograph.job_history
        (id, kind, queue, state, priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args, output, errors)
    SELECT id, kind, queue, 'completed', priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args, job_output, errors
    FROM gone;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'job % attempt % is not running any more', job_id, job_attempt USING ERRCODE = 'HG001';
    END IF;
END $$;

-- Puts a job into the queue inside anybody's transaction and wakes the brokers when it commits. A unique key that is held
-- returns the id of the job that holds it.
CREATE FUNCTION heliograph.enqueue(
    kind text, args jsonb DEFAULT '{}', queue text DEFAULT 'default', priority integer DEFAULT 5, run_at timestamptz DEFAULT NULL,
    unique_key text DEFAULT NULL, max_attempts integer DEFAULT 25, timeout_ms integer DEFAULT 0, tags text[] DEFAULT '{}'
) RETURNS bigint
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    new_id bigint;
BEGIN
    IF enqueue.max_attempts > 1000 THEN
        RAISE EXCEPTION 'max_attempts must be 1 to 1000' USING ERRCODE = '23514';
    END IF;
    LOOP
        INSERT INTO heliograph.job (kind, args, queue, priority, run_at, state, unique_key, max_attempts, timeout_ms, tags)
        VALUES (enqueue.kind, enqueue.args, enqueue.queue, enqueue.priority, coalesce(enqueue.run_at, now()),
                CASE WHEN enqueue.run_at > now() THEN 'scheduled' ELSE 'available' END::heliograph.job_state,
                enqueue.unique_key, enqueue.max_attempts, enqueue.timeout_ms, enqueue.tags)
        ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND state IN ('available', 'scheduled', 'retryable') DO NOTHING
        RETURNING id INTO new_id;
        EXIT WHEN new_id IS NOT NULL;
        SELECT id INTO new_id FROM heliograph.job
        WHERE unique_key = enqueue.unique_key AND state IN ('available', 'scheduled', 'retryable');
        EXIT WHEN new_id IS NOT NULL;
    END LOOP;
    PERFORM pg_notify('heliograph_job', enqueue.kind);
    RETURN new_id;
END $$;

ALTER TABLE heliograph.job ADD CONSTRAINT job_bounds CHECK (
    octet_length(kind) BETWEEN 1 AND 256 AND octet_length(queue) BETWEEN 1 AND 256
    AND priority BETWEEN 1 AND 9 AND max_attempts >= 1 AND timeout_ms BETWEEN 0 AND 86400000
    AND (unique_key IS NULL OR octet_length(unique_key) BETWEEN 1 AND 1024));
