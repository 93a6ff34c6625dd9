-- The queue in full: a history kept by the way jobs ended, ordering keys, pause, limits, ends of runs, enqueue in SQL, leases and rescue.

-- Drafts are checked by the broker and by heliograph.enqueue, with errors in words; a table constraint would be parsed again by every statement.
ALTER TABLE heliograph.job DROP CONSTRAINT job_bounds;
ALTER TABLE heliograph.job
    -- Jobs with the same key run one at a time, in the order of their ids.
    ADD ordering_key text,
    -- Waits for an earlier job of its ordering key.
    ADD blocked boolean NOT NULL DEFAULT false,
    -- An operator wants this running job stopped: however the run ends, unless it succeeds, the job is cancelled.
    ADD cancel_asked_at timestamptz,
    -- What the running handler last said of itself.
    ADD progress jsonb,
    -- The finished job that this one repeats, and the replay operation that made it.
    ADD replay_of bigint,
    ADD replay bigint;

DROP INDEX heliograph.job_available;
-- What a claim walks: one probe per kind and queue, in order.
CREATE INDEX job_available ON heliograph.job (kind, queue, priority, id) WHERE state = 'available' AND NOT blocked;
-- At most one job of an ordering key is not blocked, whoever inserts.
CREATE UNIQUE INDEX job_ordering ON heliograph.job (ordering_key) WHERE ordering_key IS NOT NULL AND NOT blocked;
CREATE INDEX job_blocked ON heliograph.job (ordering_key, id) WHERE blocked;

-- ── History: completed jobs apart from the others, so that each is kept as long as it is worth ─────────────────────────────

ALTER TABLE heliograph.job_history RENAME TO job_history_before;
DROP INDEX heliograph.job_history_id, heliograph.job_history_failed;
DROP FUNCTION heliograph.make_history_partitions(integer);

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
    finished_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The transaction that finished it: what statistics have counted is told apart exactly, whatever order transactions commit in.
    xid           bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    tags          text[] NOT NULL,
    args          jsonb NOT NULL,
    output        jsonb,
    errors        jsonb,
    unique_key    text,
    ordering_key  text,
    replay_of     bigint,
    replay        bigint
) PARTITION BY LIST (state);
CREATE TABLE heliograph.job_completed PARTITION OF heliograph.job_history FOR VALUES IN ('completed') PARTITION BY RANGE (finished_at);
CREATE TABLE heliograph.job_failed PARTITION OF heliograph.job_history FOR VALUES IN ('cancelled', 'discarded') PARTITION BY RANGE (finished_at);
-- A clock that jumps past the partitions must not stop completions.
CREATE TABLE heliograph.job_completed_other PARTITION OF heliograph.job_completed DEFAULT;
CREATE TABLE heliograph.job_failed_other PARTITION OF heliograph.job_failed DEFAULT;

CREATE INDEX job_history_id ON heliograph.job_history (id);
-- A few bytes per block: rows come in the order of both.
CREATE INDEX job_history_time ON heliograph.job_history USING brin (finished_at, xid) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX job_failed_kind ON heliograph.job_failed (kind, finished_at);

-- Makes the day partitions from yesterday to `days` ahead; returns how many were missing. A day whose jobs lie in the default partition
-- already, because it was not made in time, stays there.
CREATE FUNCTION heliograph.make_history_partitions(days integer) RETURNS integer
LANGUAGE plpgsql SET lock_timeout = '200ms' AS $$
DECLARE
    day date;
    part text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(7238910, 1);
    FOR day IN SELECT (now() AT TIME ZONE 'UTC')::date + n FROM generate_series(-1, days) AS n LOOP
        FOREACH part IN ARRAY ARRAY['job_completed', 'job_failed'] LOOP
            IF to_regclass('heliograph.' || part || '_' || to_char(day, 'YYYYMMDD')) IS NULL THEN
                BEGIN
                    EXECUTE format(
                        'CREATE TABLE heliograph.%I PARTITION OF heliograph.%I FOR VALUES FROM (%L) TO (%L)',
                        part || '_' || to_char(day, 'YYYYMMDD'), part, day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
                    made := made + 1;
                EXCEPTION WHEN check_violation THEN
                    NULL;
                END;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
SELECT heliograph.make_history_partitions(7);

INSERT INTO heliograph.job_history
    (id, kind, queue, state, priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, finished_at, tags, args, output, errors)
SELECT id, kind, queue, state, priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, finished_at, tags, args, output, errors
FROM heliograph.job_history_before;
DROP TABLE heliograph.job_history_before;

-- Drops the oldest day that nobody keeps any longer, each kind of end after its own time; returns its name, and nothing when there is none.
-- One day a call: completions wait for the locks of the drop. It does not wait long for readers either: one holds the days up until the
-- next call.
CREATE FUNCTION heliograph.drop_history(keep_completed interval, keep_failed interval) RETURNS SETOF text
LANGUAGE plpgsql SET lock_timeout = '200ms' AS $$
DECLARE
    part record;
BEGIN
    FOR part IN
        SELECT c.relname::text AS name, to_timestamp(right(c.relname, 8) || ' 00:00:00+00', 'YYYYMMDD HH24:MI:SSTZH') + interval '1 day' AS until,
            CASE WHEN c.relname LIKE 'job\_completed\_%' THEN keep_completed ELSE keep_failed END AS keep
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'heliograph'
        WHERE c.relkind = 'r' AND c.relname ~ '^job_(completed|failed)_[0-9]{8}$' ORDER BY 2, 1
    LOOP
        CONTINUE WHEN part.until > now() - part.keep;
        BEGIN
            EXECUTE format('DROP TABLE heliograph.%I', part.name);
            RETURN NEXT part.name;
        EXCEPTION WHEN lock_not_available THEN
            NULL;
        END;
        RETURN;
    END LOOP;
    -- What a jumping clock has put aside is few: deleted, not dropped.
    DELETE FROM heliograph.job_completed_other WHERE finished_at < now() - keep_completed;
    DELETE FROM heliograph.job_failed_other WHERE finished_at < now() - keep_failed;
END $$;

-- ── Ordering keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────

-- Whoever commits last, of a job that is blocked and of the end of the one it waits for, has the brokers look at the key once more: a
-- notification arrives after the commit. What is still missed, because nobody listened, the upkeep finds.
CREATE FUNCTION heliograph.order_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Two questions, each of which an index answers.
    IF EXISTS (SELECT FROM heliograph.job AS j WHERE j.ordering_key = NEW.ordering_key AND NOT j.blocked)
        OR EXISTS (SELECT FROM heliograph.job AS j WHERE j.ordering_key = NEW.ordering_key AND j.blocked) THEN
        NEW.blocked := true;
        PERFORM pg_notify('heliograph_key', NEW.ordering_key);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER job_order BEFORE INSERT ON heliograph.job FOR EACH ROW WHEN (NEW.ordering_key IS NOT NULL)
    EXECUTE FUNCTION heliograph.order_job();

CREATE FUNCTION heliograph.free_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('heliograph_key', OLD.ordering_key);
    RETURN NULL;
END $$;
CREATE TRIGGER job_key_freed AFTER DELETE ON heliograph.job FOR EACH ROW WHEN (OLD.ordering_key IS NOT NULL)
    EXECUTE FUNCTION heliograph.free_key();

-- Frees the first blocked job of each key that nobody holds; returns the kinds of those that can be claimed now.
CREATE FUNCTION heliograph.unblock(keys text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    key text;
    freed text;
BEGIN
    FOR key IN SELECT DISTINCT k FROM unnest(keys) AS k ORDER BY k LOOP
        BEGIN
            UPDATE heliograph.job SET blocked = false
            WHERE id = (SELECT id FROM heliograph.job WHERE ordering_key = key AND blocked ORDER BY id LIMIT 1)
                AND NOT EXISTS (SELECT FROM heliograph.job WHERE ordering_key = key AND NOT blocked)
            RETURNING CASE WHEN state = 'available' THEN kind END INTO freed;
            IF FOUND AND freed IS NOT NULL THEN RETURN NEXT freed; END IF;
        EXCEPTION WHEN unique_violation THEN
            NULL;  -- somebody else has just freed one
        END;
    END LOOP;
END $$;

-- Keys with blocked jobs and no holder: a few at a time, found by jumping from key to key.
CREATE FUNCTION heliograph.unblock_forgotten() RETURNS SETOF text LANGUAGE sql AS $$
    WITH RECURSIVE keys AS (
        (SELECT ordering_key FROM heliograph.job WHERE blocked ORDER BY ordering_key LIMIT 1)
        UNION ALL
        SELECT (SELECT j.ordering_key FROM heliograph.job AS j WHERE j.blocked AND j.ordering_key > k.ordering_key ORDER BY j.ordering_key LIMIT 1)
        FROM keys AS k WHERE k.ordering_key IS NOT NULL
    )
    SELECT heliograph.unblock(ARRAY(
        SELECT ordering_key FROM keys AS k WHERE ordering_key IS NOT NULL
            AND NOT EXISTS (SELECT FROM heliograph.job AS j WHERE j.ordering_key = k.ordering_key AND NOT j.blocked) LIMIT 1000))
$$;

-- ── Pause and limits ───────────────────────────────────────────────────────────────────────────────────────────────────────

-- A row is a paused queue; '*' is all of them.
CREATE TABLE heliograph.paused_queue (
    name       text PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 256),
    paused_at  timestamptz NOT NULL DEFAULT now(),
    paused_by  text NOT NULL DEFAULT ''
);

-- Limits per kind, across the fleet: jobs running at once, and starts per second (a bucket of tokens that holds `burst`).
CREATE TABLE heliograph.job_limit (
    kind         text PRIMARY KEY CHECK (octet_length(kind) BETWEEN 1 AND 256),
    max_running  integer CHECK (max_running >= 0),
    per_second   double precision CHECK (per_second > 0),
    burst        integer NOT NULL DEFAULT 1 CHECK (burst >= 1),
    tokens       double precision NOT NULL DEFAULT 0,
    refilled_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (max_running IS NOT NULL OR per_second IS NOT NULL)
) WITH (fillfactor = 50);

-- Brokers keep both in mind: told of every change.
CREATE FUNCTION heliograph.tell_control() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('heliograph_control', '');
    RETURN NULL;
END $$;
CREATE TRIGGER paused_queue_told AFTER INSERT OR UPDATE OR DELETE ON heliograph.paused_queue FOR EACH STATEMENT
    EXECUTE FUNCTION heliograph.tell_control();
CREATE TRIGGER job_limit_told AFTER INSERT OR DELETE OR UPDATE OF max_running, per_second, burst ON heliograph.job_limit FOR EACH STATEMENT
    EXECUTE FUNCTION heliograph.tell_control();

-- How many of the wanted jobs of each kind may start now. A limited kind's row stays locked until the claim commits: two brokers cannot both
-- count the same free places. Starts are taken from the bucket, at most as many as jobs wait.
CREATE FUNCTION heliograph.admit(kinds text[], counts bigint[]) RETURNS TABLE (kind text, n bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    want record;
    lim heliograph.job_limit;
    most bigint;
    filled double precision;
BEGIN
    FOR want IN SELECT u.kind, u.n FROM unnest(kinds, counts) AS u(kind, n) ORDER BY u.kind LOOP
        SELECT * INTO lim FROM heliograph.job_limit AS l WHERE l.kind = want.kind FOR UPDATE;
        most := want.n;
        IF FOUND THEN
            IF lim.max_running IS NOT NULL THEN
                most := least(most, lim.max_running - (
                    SELECT count(*) FROM (SELECT FROM heliograph.job AS j WHERE j.state = 'running' AND j.kind = want.kind LIMIT lim.max_running) AS c));
            END IF;
            IF lim.per_second IS NOT NULL AND most > 0 THEN
                -- A clock that goes back adds nothing.
                filled := least(lim.burst, lim.tokens + lim.per_second * greatest(0, extract(epoch FROM clock_timestamp() - lim.refilled_at)));
                most := least(most, floor(filled)::bigint);
                IF most > 0 THEN
                    most := (SELECT count(*) FROM (
                        SELECT FROM heliograph.job AS j WHERE j.kind = want.kind AND j.state = 'available' AND NOT j.blocked
                            AND NOT EXISTS (SELECT FROM heliograph.paused_queue AS p WHERE p.name IN (j.queue, '*')) LIMIT most) AS c);
                END IF;
                IF most > 0 THEN
                    UPDATE heliograph.job_limit AS l SET tokens = filled - most, refilled_at = clock_timestamp() WHERE l.kind = want.kind;
                END IF;
            END IF;
        END IF;
        IF most > 0 THEN
            kind := want.kind;
            n := most;
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;

-- ── Ends of runs ───────────────────────────────────────────────────────────────────────────────────────────────────────────

-- What becomes of runs that did not succeed. `how` is 'failed' (error, may_retry and delay_ms say on), 'back' (it does not count: snoozed for
-- delay_ms or interrupted) or 'lost' (its worker or broker died; the attempt counts). An attempt's number never comes twice, or it would fence
-- nothing: what does not count raises max_attempts. A unique key that another job took meanwhile makes a failed job discarded; one that is
-- given back goes on without its key. One row per run that was current: id, what it is now, kind.
CREATE FUNCTION heliograph.end_runs(ids bigint[], attempts bigint[], how text[], error text[], may_retry boolean[], delay_ms bigint[])
RETURNS TABLE (id bigint, state text, kind text) LANGUAGE sql AS $$
    WITH input AS (
        SELECT * FROM unnest(ids, attempts, how, error, may_retry, delay_ms) AS d(id, attempt, how, error, may_retry, delay_ms)
    ), held AS MATERIALIZED (
        -- OFFSET 0 has each run looked up by its id, whatever the statistics of a table that empties and fills within seconds say.
        SELECT j.*, d.how, d.delay_ms, d.error,
            j.unique_key IS NOT NULL AND EXISTS (
                SELECT FROM heliograph.job AS k WHERE k.unique_key = j.unique_key AND k.state IN ('available', 'scheduled', 'retryable')) AS is_key_taken,
            d.may_retry
        FROM input AS d, LATERAL (
            SELECT * FROM heliograph.job AS j WHERE j.id = d.id AND j.attempt = d.attempt AND j.state::text = 'running' OFFSET 0 FOR UPDATE
        ) AS j
    ), judged AS MATERIALIZED (
        SELECT id, delay_ms, is_key_taken, how, fate,
            CASE WHEN how = 'failed' OR fate IN ('discarded', 'cancelled')
                THEN coalesce(errors, '[]') || jsonb_build_object('attempt', attempt, 'at', clock_timestamp(), 'error', coalesce(error,
                    CASE WHEN fate = 'cancelled' THEN 'cancelled while it ran' ELSE 'the worker was lost in the last attempt' END))
                ELSE errors END AS errors
        FROM (
            SELECT *, CASE
                WHEN cancel_asked_at IS NOT NULL THEN 'cancelled'
                WHEN how = 'failed' AND (NOT may_retry OR attempt >= max_attempts OR is_key_taken) THEN 'discarded'
                WHEN how = 'lost' AND attempt >= max_attempts THEN 'discarded'
                WHEN how = 'failed' THEN 'retryable'
                WHEN how = 'back' AND delay_ms > 0 THEN 'scheduled'
                ELSE 'available' END AS fate
            FROM held
        ) AS h
    ), again AS (
        UPDATE heliograph.job AS j
        SET state = judged.fate::heliograph.job_state, run_at = now() + judged.delay_ms * interval '1 ms', errors = judged.errors, epoch = NULL,
            max_attempts = j.max_attempts + (judged.how = 'back')::int, progress = NULL,
            unique_key = CASE WHEN judged.is_key_taken THEN NULL ELSE j.unique_key END
        FROM judged WHERE j.id = judged.id AND judged.fate NOT IN ('cancelled', 'discarded')
    ), gone AS (
        DELETE FROM heliograph.job AS j USING judged WHERE j.id = judged.id AND judged.fate IN ('cancelled', 'discarded')
        RETURNING j.*, judged.fate, judged.errors AS all_errors
    ), kept AS (
        INSERT INTO heliograph.job_failed
            (id, kind, queue, state, priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args, errors, unique_key, ordering_key,
            replay_of, replay)
        SELECT id, kind, queue, fate::heliograph.job_state, priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args, all_errors,
            unique_key, ordering_key, replay_of, replay
        FROM gone
    )
    SELECT judged.id, judged.fate, held.kind FROM judged JOIN held USING (id)
$$;

-- Finishes a running job inside the caller's own transaction. Raises when the run is not the job's current one
-- (SQLSTATE HG001), so that a stale worker's rows roll back with it.
CREATE OR REPLACE FUNCTION heliograph.complete_job(job_id bigint, job_attempt integer, job_output jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH gone AS (
        DELETE FROM heliograph.job WHERE id = job_id AND attempt = job_attempt AND state = 'running' RETURNING *
    )
    INSERT INTO heliograph.job_completed
        (id, kind, queue, state, priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args, output, errors, unique_key,
        ordering_key, replay_of, replay)
    SELECT id, kind, queue, 'completed', priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args, job_output, errors, unique_key,
        ordering_key, replay_of, replay
    FROM gone;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'job % attempt % is not running any more', job_id, job_attempt USING ERRCODE = 'HG001';
    END IF;
END $$;

-- ── Enqueue in SQL ─────────────────────────────────────────────────────────────────────────────────────────────────────────

-- The first rule that a draft breaks, or null: the same rules and words as over the bus.
CREATE FUNCTION heliograph.draft_fault(
    kind text, args jsonb, queue text, priority integer, unique_key text, max_attempts integer, timeout_ms integer, tags text[], ordering_key text
) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN kind IS NULL OR octet_length(kind) NOT BETWEEN 1 AND 256 THEN 'kind must have 1 to 256 bytes'
        WHEN args IS NULL THEN 'args missing'
        WHEN octet_length(args::text) > 1048576 THEN format('args of %s bytes, at most 1048576', octet_length(args::text))
        WHEN queue IS NULL OR octet_length(queue) NOT BETWEEN 1 AND 256 THEN 'queue must have 1 to 256 bytes'
        WHEN priority IS NULL OR priority NOT BETWEEN 1 AND 9 THEN 'priority must be 1 to 9'
        WHEN max_attempts IS NULL OR max_attempts NOT BETWEEN 1 AND 1000 THEN 'max_attempts must be 1 to 1000'
        WHEN timeout_ms IS NULL OR timeout_ms NOT BETWEEN 0 AND 86400000 THEN 'timeout_ms must be 0 to 86400000'
        WHEN octet_length(unique_key) NOT BETWEEN 1 AND 1024 THEN 'unique_key must have 1 to 1024 bytes'
        WHEN octet_length(ordering_key) NOT BETWEEN 1 AND 1024 THEN 'ordering_key must have 1 to 1024 bytes'
        WHEN tags IS NULL OR cardinality(tags) > 32
            OR EXISTS (SELECT FROM unnest(tags) AS t WHERE t IS NULL OR octet_length(t) NOT BETWEEN 1 AND 128) THEN 'at most 32 tags of 1 to 128 bytes'
        END
$$;

DROP FUNCTION heliograph.enqueue(text, jsonb, text, integer, timestamptz, text, integer, integer, text[]);
-- Puts a job into the queue inside anybody's transaction and wakes the brokers when it commits. A unique key that is held
-- returns the id of the job that holds it. A draft that breaks a rule raises (SQLSTATE 22023).
CREATE FUNCTION heliograph.enqueue(
    kind text, args jsonb DEFAULT '{}', queue text DEFAULT 'default', priority integer DEFAULT 5, run_at timestamptz DEFAULT NULL,
    unique_key text DEFAULT NULL, max_attempts integer DEFAULT 25, timeout_ms integer DEFAULT 0, tags text[] DEFAULT '{}',
    ordering_key text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    new_id bigint;
    turns integer := 0;
    fault text := heliograph.draft_fault(
        enqueue.kind, enqueue.args, enqueue.queue, enqueue.priority, enqueue.unique_key, enqueue.max_attempts, enqueue.timeout_ms, enqueue.tags,
        enqueue.ordering_key);
BEGIN
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'job draft: %', fault USING ERRCODE = '22023';
    END IF;
    LOOP
        BEGIN
            INSERT INTO heliograph.job (kind, args, queue, priority, run_at, state, unique_key, max_attempts, timeout_ms, tags, ordering_key)
            VALUES (enqueue.kind, enqueue.args, enqueue.queue, enqueue.priority, coalesce(enqueue.run_at, now()),
                    CASE WHEN enqueue.run_at > now() THEN 'scheduled' ELSE 'available' END::heliograph.job_state,
                    enqueue.unique_key, enqueue.max_attempts, enqueue.timeout_ms, enqueue.tags, enqueue.ordering_key)
            ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND state IN ('available', 'scheduled', 'retryable') DO NOTHING
            RETURNING id INTO new_id;
        EXCEPTION WHEN unique_violation THEN
            -- Another transaction became the first of this ordering key meanwhile. One that this transaction's snapshot never shows stays unseen.
            turns := turns + 1;
            IF turns >= 10 THEN
                RAISE EXCEPTION 'ordering key % is being taken by others; run the transaction again', enqueue.ordering_key USING ERRCODE = '40001';
            END IF;
            CONTINUE;
        END;
        EXIT WHEN new_id IS NOT NULL;
        SELECT id INTO new_id FROM heliograph.job
        WHERE unique_key = enqueue.unique_key AND state IN ('available', 'scheduled', 'retryable');
        IF new_id IS NOT NULL THEN RETURN new_id; END IF;
    END LOOP;
    PERFORM heliograph.wake(enqueue.priority, enqueue.queue, enqueue.kind);
    RETURN new_id;
END $$;

-- Tells the brokers, when the caller's transaction commits, that a job of this kind may be claimed.
CREATE FUNCTION heliograph.wake(priority integer, queue text, kind text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_notify('heliograph_job', jsonb_build_array(priority, queue, kind)::text)
$$;

-- Many jobs at once: an array of objects whose members are named as the parameters of heliograph.enqueue. One id each, in order.
CREATE FUNCTION heliograph.enqueue_many(drafts jsonb) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE
    d jsonb;
    odd text;
BEGIN
    IF jsonb_typeof(drafts) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'drafts must be a JSON array of objects' USING ERRCODE = '22023';
    END IF;
    FOR d IN SELECT jsonb_array_elements(drafts) LOOP
        IF jsonb_typeof(d) <> 'object' THEN
            RAISE EXCEPTION 'drafts must be a JSON array of objects' USING ERRCODE = '22023';
        END IF;
        SELECT k INTO odd FROM jsonb_object_keys(d) AS k
        WHERE k NOT IN ('kind', 'args', 'queue', 'priority', 'run_at', 'unique_key', 'max_attempts', 'timeout_ms', 'tags', 'ordering_key') LIMIT 1;
        IF odd IS NOT NULL THEN
            RAISE EXCEPTION 'job draft: unknown member %', odd USING ERRCODE = '22023';
        END IF;
        RETURN NEXT heliograph.enqueue(
            d ->> 'kind', coalesce(d -> 'args', '{}'), coalesce(d ->> 'queue', 'default'), coalesce((d ->> 'priority')::integer, 5),
            (d ->> 'run_at')::timestamptz, d ->> 'unique_key', coalesce((d ->> 'max_attempts')::integer, 25), coalesce((d ->> 'timeout_ms')::integer, 0),
            CASE WHEN d ? 'tags' THEN ARRAY(SELECT jsonb_array_elements_text(d -> 'tags')) ELSE '{}' END, d ->> 'ordering_key');
    END LOOP;
END $$;

-- ── Brokers, leases, rescue ────────────────────────────────────────────────────────────────────────────────────────────────

-- What a broker's workers serve, renewed with its beat: {"kind": {"workers": n, "window": n, "free": n}}.
ALTER TABLE heliograph.broker ADD serves jsonb NOT NULL DEFAULT '{}';

-- Work that one process of the fleet does for all.
CREATE TABLE heliograph.lease (
    name    text PRIMARY KEY,
    holder  text NOT NULL,
    until   timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Takes or renews a lease; false when another holder has it. A term longer than any that was ever given is a clock that jumped: not believed.
CREATE FUNCTION heliograph.take_lease(lease_name text, lease_holder text, term_ms bigint) RETURNS boolean LANGUAGE sql AS $$
    WITH taken AS (
        INSERT INTO heliograph.lease AS l VALUES (lease_name, lease_holder, clock_timestamp() + term_ms * interval '1 ms')
        ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
        WHERE l.holder = excluded.holder OR l.until < clock_timestamp() OR l.until > clock_timestamp() + 2 * term_ms * interval '1 ms'
        RETURNING 1
    ) SELECT EXISTS (SELECT FROM taken)
$$;

-- Offers the runs of dead brokers again: of the brokers that the caller has seen silent for long enough, of earlier lives of brokers that have
-- been back for grace_ms (their workers had that long to report what they still run), and of brokers that nobody knows. Limits play no part.
-- What another transaction holds is left for the next call. Returns how many.
CREATE FUNCTION heliograph.rescue(silent bigint[], grace_ms bigint, most integer DEFAULT 10000) RETURNS bigint
LANGUAGE plpgsql SET lock_timeout = '500ms' AS $$
DECLARE
    dead bigint[];
    lost record;
    rescued bigint := 0;
BEGIN
    dead := ARRAY(
        SELECT b.epoch FROM heliograph.broker AS b
        WHERE b.epoch = ANY (silent)
            OR EXISTS (SELECT FROM heliograph.broker AS n WHERE n.name = b.name AND n.epoch > b.epoch AND n.started_at < now() - grace_ms * interval '1 ms')
        UNION
        SELECT r.epoch FROM (SELECT DISTINCT epoch FROM heliograph.job WHERE state = 'running') AS r
        WHERE r.epoch IS NOT NULL AND NOT EXISTS (SELECT FROM heliograph.broker AS b WHERE b.epoch = r.epoch));
    IF cardinality(dead) = 0 THEN RETURN 0; END IF;
    SELECT array_agg(id) AS ids, array_agg(attempt::bigint) AS attempts, count(*) AS n INTO lost FROM (
        SELECT id, attempt FROM heliograph.job WHERE state = 'running' AND epoch = ANY (dead) LIMIT most FOR UPDATE SKIP LOCKED) AS l;
    IF lost.n > 0 THEN
        BEGIN
            PERFORM heliograph.end_runs(
                lost.ids, lost.attempts, array_fill('lost'::text, ARRAY[lost.n::int]), array_fill(NULL::text, ARRAY[lost.n::int]),
                array_fill(true, ARRAY[lost.n::int]), array_fill(0::bigint, ARRAY[lost.n::int]));
            rescued := lost.n;
        EXCEPTION WHEN unique_violation OR lock_not_available THEN
            -- Two runs of one batch may hold the same unique key; one at a time they do not clash.
            FOR i IN 1..lost.n LOOP
                BEGIN
                    PERFORM heliograph.end_runs(
                        lost.ids[i:i], lost.attempts[i:i], ARRAY['lost'], ARRAY[NULL::text], ARRAY[true], ARRAY[0::bigint]);
                    rescued := rescued + 1;
                EXCEPTION WHEN unique_violation OR lock_not_available THEN
                    NULL;  -- at the next call
                END;
            END LOOP;
        END;
        PERFORM pg_notify('heliograph_job', '');
    END IF;
    DELETE FROM heliograph.broker AS b
    WHERE b.epoch = ANY (dead) AND NOT EXISTS (SELECT FROM heliograph.job AS j WHERE j.state = 'running' AND j.epoch = b.epoch);
    RETURN rescued;
END $$;
