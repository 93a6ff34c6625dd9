-- The job table as a ring: what is enqueued and finished at once lies in tables that are emptied as a whole, not row by row, so that the
-- queue stays small while somebody holds an old snapshot. What waits longer or has a key lies beside the ring, in job_kept (slot 0).

ALTER TABLE heliograph.job RENAME TO job_kept;
ALTER TABLE heliograph.job_kept ADD slot smallint NOT NULL DEFAULT 0;
ALTER TABLE heliograph.job_kept DROP CONSTRAINT job_pkey;
ALTER INDEX heliograph.job_available RENAME TO job_kept_available;
ALTER INDEX heliograph.job_due RENAME TO job_kept_due;
ALTER INDEX heliograph.job_running RENAME TO job_kept_running;

CREATE TABLE heliograph.job (LIKE heliograph.job_kept INCLUDING DEFAULTS, PRIMARY KEY (id, slot)) PARTITION BY LIST (slot);
CREATE INDEX job_available ON heliograph.job (kind, queue, priority, id) WHERE state = 'available' AND NOT blocked;
CREATE INDEX job_due ON heliograph.job (run_at) WHERE state IN ('scheduled', 'retryable');
CREATE INDEX job_running ON heliograph.job (epoch) WHERE state = 'running';
ALTER TABLE heliograph.job ATTACH PARTITION heliograph.job_kept FOR VALUES IN (0);

-- Keys are unique within job_kept, which is why no job of the ring may have one.
DO $$
BEGIN
    FOR n IN 1..4 LOOP
        -- Autovacuum comes only where a slot could not be emptied for long.
        EXECUTE format(
            'CREATE TABLE heliograph.job_ring_%s PARTITION OF heliograph.job (CHECK (unique_key IS NULL AND ordering_key IS NULL)) FOR VALUES IN (%s)
            WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500000, autovacuum_vacuum_insert_threshold = -1,
            autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 200000, autovacuum_vacuum_cost_delay = 1)', n, n);
    END LOOP;
END $$;

-- Where new jobs go now.
CREATE TABLE heliograph.job_ring (
    id         integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    slot       smallint NOT NULL CHECK (slot BETWEEN 1 AND 4),
    turned_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
INSERT INTO heliograph.job_ring (slot) VALUES (1);

-- The slot of a new job, where the ring stands at `ring`.
CREATE FUNCTION heliograph.slot_for(unique_key text, ordering_key text, run_at timestamptz, ring smallint) RETURNS smallint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN unique_key IS NULL AND ordering_key IS NULL AND coalesce(run_at <= now(), true) THEN ring ELSE 0::smallint END
$$;

-- New jobs go to an empty slot once the one they go to has this many bytes. Returns the new slot, 0 where none is empty, null where there is
-- no need.
CREATE FUNCTION heliograph.turn_ring(full_bytes bigint) RETURNS smallint LANGUAGE plpgsql AS $$
DECLARE
    now_at smallint;
    free smallint;
BEGIN
    SELECT slot INTO now_at FROM heliograph.job_ring FOR UPDATE;
    IF pg_relation_size('heliograph.job_ring_' || now_at) < full_bytes THEN RETURN NULL; END IF;
    SELECT n INTO free FROM generate_series(1, 4) AS n WHERE pg_relation_size('heliograph.job_ring_' || n) = 0 ORDER BY (n - now_at + 4) % 4 LIMIT 1;
    IF free IS NULL THEN RETURN 0; END IF;
    UPDATE heliograph.job_ring SET slot = free, turned_at = now();
    RETURN free;
END $$;

-- Empties one slot whose jobs have all gone; returns it, or null. Statements on the queue wait meanwhile, so it does not wait long for readers:
-- SQLSTATE 55P03 where they were in the way of all. A job that was sent to a slot before the ring turned, and comes later, is seen or waits for
-- the lock: only where each statement has a snapshot of its own.
CREATE FUNCTION heliograph.empty_slot() RETURNS smallint LANGUAGE plpgsql SET lock_timeout = '100ms' SET enable_seqscan = on AS $$
DECLARE
    n smallint;
    holds_jobs boolean;
    was_held_up boolean := false;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'a slot is emptied in read committed only' USING ERRCODE = '25001';
    END IF;
    FOR n IN SELECT s FROM generate_series(1, 4) AS s
        WHERE s <> (SELECT slot FROM heliograph.job_ring) AND pg_relation_size('heliograph.job_ring_' || s) > 0 LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM heliograph.job_ring_%s)', n) INTO holds_jobs;
        CONTINUE WHEN holds_jobs;
        BEGIN
            EXECUTE format('LOCK TABLE heliograph.job_ring_%s IN ACCESS EXCLUSIVE MODE', n);
        EXCEPTION WHEN lock_not_available THEN
            was_held_up := true;
            CONTINUE;
        END;
        EXECUTE format('SELECT EXISTS (SELECT FROM heliograph.job_ring_%s)', n) INTO holds_jobs;
        IF holds_jobs THEN RETURN NULL; END IF;
        EXECUTE format('TRUNCATE heliograph.job_ring_%s', n);
        RETURN n;
    END LOOP;
    IF was_held_up THEN RAISE EXCEPTION 'somebody holds a slot' USING ERRCODE = '55P03'; END IF;
    RETURN NULL;
END $$;

-- The ring cannot turn for a few jobs that stay in its slots: takes those of one slot out of it, unless it has more than `most`. Returns how many.
CREATE FUNCTION heliograph.clear_slot(most integer) RETURNS bigint LANGUAGE plpgsql SET lock_timeout = '500ms' SET enable_seqscan = on AS $$
DECLARE
    n smallint;
    found_jobs bigint;
    fewest bigint := most + 1;
    best smallint;
BEGIN
    FOR n IN SELECT s FROM generate_series(1, 4) AS s WHERE s <> (SELECT slot FROM heliograph.job_ring) LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT FROM heliograph.job_ring_%s LIMIT %s) AS c', n, most + 1) INTO found_jobs;
        IF found_jobs BETWEEN 1 AND fewest - 1 THEN
            fewest := found_jobs;
            best := n;
        END IF;
    END LOOP;
    IF best IS NULL THEN RETURN 0; END IF;
    EXECUTE format('UPDATE heliograph.job SET slot = 0 WHERE slot = %1$s
        AND id = ANY (ARRAY(SELECT id FROM heliograph.job_ring_%1$s FOR UPDATE SKIP LOCKED))', best);
    GET DIAGNOSTICS found_jobs = ROW_COUNT;
    -- Claims have passed them by meanwhile.
    IF found_jobs > 0 THEN PERFORM pg_notify('heliograph_job', ''); END IF;
    RETURN found_jobs;
END $$;

-- Finishes a running job inside the caller's own transaction. Raises when the run is not the job's current one
-- (SQLSTATE HG001), so that a stale worker's rows roll back with it. A row that has just left the ring is looked up once more.
CREATE OR REPLACE FUNCTION heliograph.complete_job(job_id bigint, job_attempt integer, job_output jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    done bigint;
BEGIN
    FOR turn IN 1..3 LOOP
        BEGIN
            WITH gone AS (
                DELETE FROM heliograph.job WHERE id = job_id AND attempt = job_attempt AND state = 'running' RETURNING *
            )
            INSERT INTO heliograph.job_completed
                (id, kind, queue, state, priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args, output, errors, unique_key,
                ordering_key, replay_of, replay)
            SELECT id, kind, queue, 'completed', priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args, job_output, errors,
                unique_key, ordering_key, replay_of, replay
            FROM gone;
            GET DIAGNOSTICS done = ROW_COUNT;
            EXIT;
        EXCEPTION WHEN serialization_failure THEN
            IF turn = 3 THEN RAISE; END IF;
        END;
    END LOOP;
    IF done = 0 THEN
        RAISE EXCEPTION 'job % attempt % is not running any more', job_id, job_attempt USING ERRCODE = 'HG001';
    END IF;
END $$;

-- ── What looks for keys looks where they are ───────────────────────────────────────────────────────────────────────────────

-- Whoever commits last, of a job that is blocked and of the end of the one it waits for, has the brokers look at the key once more: a
-- notification arrives after the commit. What is still missed, because nobody listened, the upkeep finds.
CREATE OR REPLACE FUNCTION heliograph.order_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Two questions, each of which an index answers.
    IF EXISTS (SELECT FROM heliograph.job_kept AS j WHERE j.ordering_key = NEW.ordering_key AND NOT j.blocked)
        OR EXISTS (SELECT FROM heliograph.job_kept AS j WHERE j.ordering_key = NEW.ordering_key AND j.blocked) THEN
        NEW.blocked := true;
        PERFORM pg_notify('heliograph_key', NEW.ordering_key);
    END IF;
    RETURN NEW;
END $$;

-- Frees the first blocked job of each key that nobody holds; returns the kinds of those that can be claimed now.
CREATE OR REPLACE FUNCTION heliograph.unblock(keys text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    key text;
    freed text;
BEGIN
    FOR key IN SELECT DISTINCT k FROM unnest(keys) AS k ORDER BY k LOOP
        BEGIN
            UPDATE heliograph.job_kept SET blocked = false
            WHERE id = (SELECT id FROM heliograph.job_kept WHERE ordering_key = key AND blocked ORDER BY id LIMIT 1)
                AND NOT EXISTS (SELECT FROM heliograph.job_kept WHERE ordering_key = key AND NOT blocked)
            RETURNING CASE WHEN state = 'available' THEN kind END INTO freed;
            IF FOUND AND freed IS NOT NULL THEN RETURN NEXT freed; END IF;
        EXCEPTION WHEN unique_violation THEN
            NULL;  -- somebody else has just freed one
        END;
    END LOOP;
END $$;

-- Keys with blocked jobs and no holder: a few at a time, found by jumping from key to key.
CREATE OR REPLACE FUNCTION heliograph.unblock_forgotten() RETURNS SETOF text LANGUAGE sql AS $$
    WITH RECURSIVE keys AS (
        (SELECT ordering_key FROM heliograph.job_kept WHERE blocked ORDER BY ordering_key LIMIT 1)
        UNION ALL
        SELECT (SELECT j.ordering_key FROM heliograph.job_kept AS j WHERE j.blocked AND j.ordering_key > k.ordering_key ORDER BY j.ordering_key LIMIT 1)
        FROM keys AS k WHERE k.ordering_key IS NOT NULL
    )
    SELECT heliograph.unblock(ARRAY(
        SELECT ordering_key FROM keys AS k WHERE ordering_key IS NOT NULL
            AND NOT EXISTS (SELECT FROM heliograph.job_kept AS j WHERE j.ordering_key = k.ordering_key AND NOT j.blocked) LIMIT 1000))
$$;

-- What becomes of runs that did not succeed. `how` is 'failed' (error, may_retry and delay_ms say on), 'back' (it does not count: snoozed for
-- delay_ms or interrupted) or 'lost' (its worker or broker died; the attempt counts). An attempt's number never comes twice, or it would fence
-- nothing: what does not count raises max_attempts. A unique key that another job took meanwhile makes a failed job discarded; one that is
-- given back goes on without its key. What goes on has left the ring. One row per run that was current: id, what it is now, kind.
CREATE OR REPLACE FUNCTION heliograph.end_runs(ids bigint[], attempts bigint[], how text[], error text[], may_retry boolean[], delay_ms bigint[])
RETURNS TABLE (id bigint, state text, kind text) LANGUAGE sql AS $$
    WITH input AS (
        SELECT * FROM unnest(ids, attempts, how, error, may_retry, delay_ms) AS d(id, attempt, how, error, may_retry, delay_ms)
    ), held AS MATERIALIZED (
        -- OFFSET 0 has each run looked up by its id, whatever the statistics of a table that empties and fills within seconds say.
        SELECT j.*, d.how, d.delay_ms, d.error,
            j.unique_key IS NOT NULL AND EXISTS (
                SELECT FROM heliograph.job_kept AS k WHERE k.unique_key = j.unique_key AND k.state IN ('available', 'scheduled', 'retryable')) AS is_key_taken,
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
        SET slot = 0, state = judged.fate::heliograph.job_state, run_at = now() + judged.delay_ms * interval '1 ms', errors = judged.errors, epoch = NULL,
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

-- Puts a job into the queue inside anybody's transaction and wakes the brokers when it commits. A unique key that is held
-- returns the id of the job that holds it. A draft that breaks a rule raises (SQLSTATE 22023).
CREATE OR REPLACE FUNCTION heliograph.enqueue(
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
        INSERT INTO heliograph.job (slot, kind, args, queue, priority, run_at, state, unique_key, max_attempts, timeout_ms, tags, ordering_key)
        VALUES (heliograph.slot_for(enqueue.unique_key, enqueue.ordering_key, enqueue.run_at, (SELECT slot FROM heliograph.job_ring)),
                enqueue.kind, enqueue.args, enqueue.queue, enqueue.priority, coalesce(enqueue.run_at, now()),
                CASE WHEN enqueue.run_at > now() THEN 'scheduled' ELSE 'available' END::heliograph.job_state,
                enqueue.unique_key, enqueue.max_attempts, enqueue.timeout_ms, enqueue.tags, enqueue.ordering_key)
        ON CONFLICT DO NOTHING RETURNING id INTO new_id;
        EXIT WHEN new_id IS NOT NULL;
        SELECT id INTO new_id FROM heliograph.job_kept
        WHERE unique_key = enqueue.unique_key AND state IN ('available', 'scheduled', 'retryable');
        IF new_id IS NOT NULL THEN RETURN new_id; END IF;
        -- The holder has started meanwhile, or another transaction became the first of this ordering key. What this transaction's snapshot
        -- never shows stays unseen.
        turns := turns + 1;
        IF turns >= 10 THEN
            RAISE EXCEPTION 'the keys of this job are being taken by others; run the transaction again' USING ERRCODE = '40001';
        END IF;
    END LOOP;
    PERFORM heliograph.wake(enqueue.priority, enqueue.queue, enqueue.kind);
    RETURN new_id;
END $$;

-- One step of a replay: at most `most` jobs, found by walking a few times as many finished ones. The new jobs and the place where the next step
-- begins are committed together, so it can be gone on with wherever it was cut off, by anybody. Returns whether there is more to do.
CREATE OR REPLACE FUNCTION heliograph.replay_step(replay_id bigint, most integer) RETURNS TABLE (matched bigint, made bigint, goes_on boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    r heliograph.replay;
    span_end bigint;
    condition text;
    last_id bigint;
    missed bigint;
BEGIN
    SELECT * INTO r FROM heliograph.replay AS p WHERE p.id = replay_id AND p.state = 'running' FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 0::bigint, 0::bigint, false;
        RETURN;
    END IF;
    SELECT max(s.id) INTO span_end FROM (
        SELECT h.id FROM heliograph.job_history AS h WHERE h.id > r.cursor_id AND h.id <= r.upto_id ORDER BY h.id LIMIT greatest(1000, 4 * most)) AS s;
    IF span_end IS NULL THEN
        UPDATE heliograph.replay SET state = 'completed', finished_at = now(), stepped_at = now() WHERE id = r.id;
        RETURN QUERY SELECT 0::bigint, 0::bigint, false;
        RETURN;
    END IF;
    condition := heliograph.filter_sql(r.filter);
    EXECUTE format($sql$
        WITH matching AS MATERIALIZED (
            SELECT * FROM heliograph.job_history WHERE id > $1 AND id <= $2 AND finished_at <= $3 AND (%s) ORDER BY id LIMIT $4
        ), inserted AS (
            INSERT INTO heliograph.job
                (slot, kind, queue, priority, max_attempts, timeout_ms, tags, args, unique_key, ordering_key, replay_of, replay)
            SELECT heliograph.slot_for(unique_key, ordering_key, NULL, (SELECT slot FROM heliograph.job_ring)), kind, coalesce($5, queue), coalesce($6, least(priority + 1, 9)), least(max_attempts, 1000), timeout_ms, tags, args, unique_key, ordering_key, id, $7
            FROM matching WHERE NOT $8 ORDER BY id
            ON CONFLICT DO NOTHING
            RETURNING priority, queue, kind, replay_of
        ), places AS (
            SELECT DISTINCT priority, queue, kind FROM inserted LIMIT 50
        ), woken AS (
            SELECT heliograph.wake(priority, queue, kind) FROM places
        ), overtaken AS (
            -- Not inserted, and nobody holds the unique key: another transaction has just become the first of the ordering key.
            SELECT FROM matching AS m
            WHERE NOT $8 AND m.id NOT IN (SELECT replay_of FROM inserted) AND NOT EXISTS (
                SELECT FROM heliograph.job_kept AS k WHERE k.unique_key = m.unique_key AND k.state IN ('available', 'scheduled', 'retryable'))
                AND NOT EXISTS (SELECT FROM matching AS twin WHERE twin.unique_key = m.unique_key AND twin.id <> m.id)
        ) SELECT count(*), max(id), (SELECT count(*) FROM inserted) + 0 * (SELECT count(*) FROM woken), (SELECT count(*) FROM overtaken)
        FROM matching $sql$, condition)
    INTO matched, last_id, made, missed USING r.cursor_id, span_end, r.created_at, most, r.queue, r.priority, r.id, r.dry_run;
    IF missed > 0 THEN
        RAISE EXCEPTION '% jobs were overtaken on their keys; the step is run again', missed USING ERRCODE = '40001';
    END IF;
    goes_on := true;
    UPDATE heliograph.replay AS p SET cursor_id = CASE WHEN matched = most THEN last_id ELSE span_end END,
        found = p.found + matched, enqueued = p.enqueued + made,
        skipped = p.skipped + CASE WHEN r.dry_run THEN 0 ELSE matched - made END, stepped_at = now()
    WHERE p.id = r.id;
    RETURN NEXT;
END $$;
