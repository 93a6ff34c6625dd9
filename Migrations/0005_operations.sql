-- What operators do to the queue and ask of it: stop, schedules, replay, statistics by increments, the reason why a job waits, an audit trail.

-- ── Operators' hands ───────────────────────────────────────────────────────────────────────────────────────────────────────

-- Who did what, when.
CREATE TABLE heliograph.audit (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    who      text NOT NULL,
    action   text NOT NULL,
    subject  text NOT NULL DEFAULT '',
    detail   jsonb NOT NULL DEFAULT '{}'
);

-- Ends jobs that have not finished: waiting ones at once, with this state ('cancelled' or 'discarded'); a running one is asked to stop, and is
-- cancelled when it does, unless it succeeds first. One row per job found: id, outcome ('cancelled', 'discarded', 'asked').
CREATE FUNCTION heliograph.stop_jobs(ids bigint[], final heliograph.job_state, who text) RETURNS TABLE (id bigint, outcome text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF final NOT IN ('cancelled', 'discarded') THEN
        RAISE EXCEPTION 'a job is ended as cancelled or discarded, not as %', final USING ERRCODE = '22023';
    END IF;
    RETURN QUERY
    WITH held AS MATERIALIZED (
        SELECT j.id, j.state FROM heliograph.job AS j WHERE j.id = ANY (ids) ORDER BY j.id FOR UPDATE
    ), gone AS (
        DELETE FROM heliograph.job AS j USING held WHERE j.id = held.id AND held.state <> 'running' RETURNING j.*
    ), kept AS (
        INSERT INTO heliograph.job_failed
            (id, kind, queue, state, priority, attempt, max_attempts, timeout_ms, created_at, attempted_at, tags, args, errors, unique_key, ordering_key,
            replay_of, replay)
        SELECT g.id, g.kind, g.queue, final, g.priority, g.attempt, g.max_attempts, g.timeout_ms, g.created_at, g.attempted_at, g.tags, g.args,
            coalesce(g.errors, '[]') || jsonb_build_object('attempt', g.attempt, 'at', now(), 'error', final::text || ' by ' || who),
            g.unique_key, g.ordering_key, g.replay_of, g.replay
        FROM gone AS g RETURNING id
    ), asked AS (
        UPDATE heliograph.job AS j SET cancel_asked_at = now() FROM held WHERE j.id = held.id AND held.state = 'running' RETURNING j.id
    ), told AS (
        SELECT pg_notify('heliograph_cancel', asked.id::text) FROM asked
    )
    SELECT kept.id, final::text FROM kept
    UNION ALL SELECT asked.id, 'asked' FROM asked WHERE (SELECT count(*) FROM told) >= 0;
END $$;

-- ── Schedules ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE heliograph.job_schedule (
    name        text PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 256),
    cron        text NOT NULL,
    zone        text NOT NULL DEFAULT 'UTC',
    -- A job draft, with its kind: members as heliograph.enqueue_many takes them.
    draft       jsonb NOT NULL,
    -- 'none', 'last' or 'all', and for 'all' how far back, s.
    catch_up    text NOT NULL DEFAULT 'last' CHECK (catch_up IN ('none', 'last', 'all')),
    window_s    integer NOT NULL DEFAULT 86400 CHECK (window_s BETWEEN 60 AND 31622400),
    paused      boolean NOT NULL DEFAULT false,
    -- Slots up to here are decided.
    decided_to  timestamptz NOT NULL DEFAULT now(),
    error       text,
    changed_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- One row per slot that ran: whoever wants to run it a second time cannot.
CREATE TABLE heliograph.job_slot (
    schedule  text NOT NULL,
    slot      timestamptz NOT NULL,
    job       bigint NOT NULL,
    PRIMARY KEY (schedule, slot)
);

-- Enqueues a schedule's slots, each at most once for ever, and remembers how far they are decided. Returns the new jobs' ids.
CREATE FUNCTION heliograph.run_slots(schedule_name text, slots timestamptz[], upto timestamptz) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE
    s heliograph.job_schedule;
    slot_at timestamptz;
    new_id bigint;
    -- A tag has 128 bytes at most.
    most integer := CASE WHEN octet_length(schedule_name) = length(schedule_name) THEN 100 ELSE 29 END;
BEGIN
    SELECT * INTO s FROM heliograph.job_schedule WHERE name = schedule_name AND NOT paused FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    FOREACH slot_at IN ARRAY slots LOOP
        CONTINUE WHEN EXISTS (SELECT FROM heliograph.job_slot WHERE schedule = schedule_name AND slot = slot_at);
        SELECT * INTO new_id FROM heliograph.enqueue_many(jsonb_build_array(
            s.draft || jsonb_build_object('tags', coalesce(s.draft -> 'tags', '[]') || jsonb_build_array('schedule:' || left(schedule_name, most)))));
        INSERT INTO heliograph.job_slot VALUES (schedule_name, slot_at, new_id);
        RETURN NEXT new_id;
    END LOOP;
    UPDATE heliograph.job_schedule SET decided_to = greatest(decided_to, upto), error = NULL WHERE name = schedule_name;
END $$;

-- ── Replay ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE heliograph.replay (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    filter       jsonb NOT NULL,
    state        text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'paused', 'completed', 'cancelled', 'failed')),
    -- Walks and counts, and enqueues nothing.
    dry_run      boolean NOT NULL DEFAULT false,
    per_second   double precision NOT NULL DEFAULT 2000 CHECK (per_second > 0 AND per_second <= 20000),
    -- Where the new jobs go; null = to the old queue, and one level less urgent than the old ones: what is new goes before what is repeated.
    queue        text CHECK (octet_length(queue) BETWEEN 1 AND 256),
    priority     smallint CHECK (priority BETWEEN 1 AND 9),
    -- How many matched when it was asked for.
    expected     bigint NOT NULL,
    -- The history is walked by id, up to the newest one at the time of asking.
    cursor_id    bigint NOT NULL DEFAULT 0,
    upto_id      bigint NOT NULL,
    found        bigint NOT NULL DEFAULT 0,
    enqueued     bigint NOT NULL DEFAULT 0,
    -- A job that waits holds their unique key.
    skipped      bigint NOT NULL DEFAULT 0,
    error        text,
    who          text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    stepped_at   timestamptz,
    finished_at  timestamptz
) WITH (fillfactor = 50);
CREATE INDEX replay_running ON heliograph.replay (id) WHERE state = 'running';

-- The condition that a replay filter stands for, as SQL over a row of the history: preview, dry run and run all use this text.
-- Members: kind, queue, state (a text or an array of texts), error (part of the last error's text, whatever the case), tag, since and until
-- (finished at, RFC 3339), min_attempt, max_attempt, ids, args ({"path.to.member": value}), all (true: the filter may have no condition).
-- Raises SQLSTATE 22023 with the reason when it is malformed.
CREATE FUNCTION heliograph.filter_sql(filter jsonb) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    member record;
    texts text[];
    conditions text[] := '{}';
    has_state boolean := false;
    part record;
BEGIN
    IF jsonb_typeof(filter) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'filter must be an object' USING ERRCODE = '22023';
    END IF;
    FOR member IN SELECT key, value, jsonb_typeof(value) AS type FROM jsonb_each(filter) LOOP
        IF member.key IN ('kind', 'queue', 'state') THEN
            IF member.type = 'string' THEN
                texts := ARRAY[member.value #>> '{}'];
            ELSIF member.type = 'array' AND NOT EXISTS (SELECT FROM jsonb_array_elements(member.value) AS e WHERE jsonb_typeof(e) <> 'string') THEN
                texts := ARRAY(SELECT jsonb_array_elements_text(member.value));
            ELSE
                RAISE EXCEPTION 'filter: % must be a text or an array of texts', member.key USING ERRCODE = '22023';
            END IF;
            IF member.key = 'state' THEN
                has_state := true;
                IF NOT texts <@ ARRAY['completed', 'cancelled', 'discarded'] OR cardinality(texts) = 0 THEN
                    RAISE EXCEPTION 'filter: state must be completed, cancelled or discarded' USING ERRCODE = '22023';
                END IF;
                conditions := conditions || format('state = ANY (%L::heliograph.job_state[])', texts);
            ELSE
                conditions := conditions || format('%I = ANY (%L::text[])', member.key, texts);
            END IF;
        ELSIF member.key IN ('error', 'tag') THEN
            IF member.type <> 'string' OR member.value = '""' THEN
                RAISE EXCEPTION 'filter: % must be a text', member.key USING ERRCODE = '22023';
            END IF;
            conditions := conditions || CASE member.key
                WHEN 'tag' THEN format('%L = ANY (tags)', member.value #>> '{}')
                ELSE format('strpos(lower(errors -> -1 ->> ''error''), lower(%L)) > 0', member.value #>> '{}') END;
        ELSIF member.key IN ('since', 'until') THEN
            BEGIN
                IF member.type <> 'string' THEN RAISE 'not a text'; END IF;
                conditions := conditions || format('finished_at %s %L::timestamptz', CASE member.key WHEN 'since' THEN '>=' ELSE '<' END,
                    (member.value #>> '{}')::timestamptz);
            EXCEPTION WHEN others THEN
                RAISE EXCEPTION 'filter: % must be a time like 2026-01-31T08:00:00Z', member.key USING ERRCODE = '22023';
            END;
        ELSIF member.key IN ('min_attempt', 'max_attempt') THEN
            IF member.type <> 'number' OR member.value #>> '{}' !~ '^[0-9]{1,6}$' THEN
                RAISE EXCEPTION 'filter: % must be a whole number', member.key USING ERRCODE = '22023';
            END IF;
            conditions := conditions || format('attempt %s %s', CASE member.key WHEN 'min_attempt' THEN '>=' ELSE '<=' END, member.value #>> '{}');
        ELSIF member.key = 'ids' THEN
            IF member.type <> 'array' OR EXISTS (SELECT FROM jsonb_array_elements(member.value) AS e WHERE jsonb_typeof(e) <> 'number' OR e #>> '{}' !~ '^[0-9]{1,18}$') THEN
                RAISE EXCEPTION 'filter: ids must be an array of whole numbers' USING ERRCODE = '22023';
            END IF;
            conditions := conditions || format('id = ANY (%L::bigint[])', ARRAY(SELECT jsonb_array_elements_text(member.value)));
        ELSIF member.key = 'args' THEN
            IF member.type <> 'object' OR member.value = '{}' THEN
                RAISE EXCEPTION 'filter: args must be an object of paths and values' USING ERRCODE = '22023';
            END IF;
            FOR part IN SELECT key, value FROM jsonb_each(member.value) LOOP
                conditions := conditions || format('args #> %L::text[] = %L::jsonb', string_to_array(part.key, '.'), part.value);
            END LOOP;
        ELSIF member.key = 'all' THEN
            IF member.type <> 'boolean' THEN
                RAISE EXCEPTION 'filter: all must be true or false' USING ERRCODE = '22023';
            END IF;
        ELSE
            RAISE EXCEPTION 'filter: unknown member %', member.key USING ERRCODE = '22023';
        END IF;
    END LOOP;
    IF cardinality(conditions) = 0 AND filter -> 'all' IS DISTINCT FROM 'true' THEN
        RAISE EXCEPTION 'filter: it has no condition; say "all": true to mean every finished job' USING ERRCODE = '22023';
    END IF;
    IF NOT has_state AND filter -> 'all' IS DISTINCT FROM 'true' AND NOT filter ? 'ids' THEN
        -- What most people mean: the jobs that failed.
        conditions := conditions || 'state = ''discarded''::heliograph.job_state'::text;
    END IF;
    RETURN coalesce(nullif(array_to_string(conditions, ' AND '), ''), 'true');
END $$;

-- How many finished jobs a filter matches, and the newest of them as examples.
CREATE FUNCTION heliograph.preview_replay(filter jsonb, examples integer DEFAULT 10) RETURNS TABLE (matches bigint, sample bigint[])
LANGUAGE plpgsql STABLE SET max_parallel_workers_per_gather = 2 AS $$
DECLARE
    condition text := heliograph.filter_sql(filter);
BEGIN
    EXECUTE format('SELECT count(*) FROM heliograph.job_history WHERE %s', condition) INTO matches;
    EXECUTE format(
        'SELECT coalesce(array_agg(id ORDER BY id DESC), ''{}'') FROM (SELECT id FROM heliograph.job_history WHERE %s ORDER BY id DESC LIMIT $1) AS s',
        condition) INTO sample USING examples;
    RETURN NEXT;
END $$;

-- Begins a replay; returns its id. Nothing matches: raises SQLSTATE HG004.
CREATE FUNCTION heliograph.start_replay(
    filter jsonb, who text, per_second double precision DEFAULT 2000, dry_run boolean DEFAULT false, queue text DEFAULT NULL, priority integer DEFAULT NULL
) RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    n bigint := (SELECT matches FROM heliograph.preview_replay(start_replay.filter, 0));
    new_id bigint;
BEGIN
    IF n = 0 THEN
        RAISE EXCEPTION 'no finished job matches this filter' USING ERRCODE = 'HG004';
    END IF;
    INSERT INTO heliograph.replay (filter, who, per_second, dry_run, queue, priority, expected, upto_id)
    VALUES (start_replay.filter, start_replay.who, start_replay.per_second, start_replay.dry_run, start_replay.queue, start_replay.priority, n,
        (SELECT max(id) FROM heliograph.job_history))
    RETURNING id INTO new_id;
    INSERT INTO heliograph.audit (who, action, subject, detail) VALUES (start_replay.who, 'replay', new_id::text, jsonb_build_object(
        'filter', start_replay.filter, 'expected', n, 'per_second', start_replay.per_second, 'dry_run', start_replay.dry_run));
    RETURN new_id;
END $$;

-- One step of a replay: at most `most` jobs, found by walking a few times as many finished ones. The new jobs and the place where the next step
-- begins are committed together, so it can be gone on with wherever it was cut off, by anybody. Returns whether there is more to do.
CREATE FUNCTION heliograph.replay_step(replay_id bigint, most integer) RETURNS TABLE (matched bigint, made bigint, goes_on boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    r heliograph.replay;
    span_end bigint;
    condition text;
    last_id bigint;
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
                (kind, queue, priority, max_attempts, timeout_ms, tags, args, unique_key, ordering_key, replay_of, replay)
            SELECT kind, coalesce($5, queue), coalesce($6, least(priority + 1, 9)), least(max_attempts, 1000), timeout_ms, tags, args, unique_key, ordering_key, id, $7
            FROM matching WHERE NOT $8 ORDER BY id
            ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND state IN ('available', 'scheduled', 'retryable') DO NOTHING
            RETURNING priority, queue, kind
        ), places AS (
            SELECT DISTINCT priority, queue, kind FROM inserted LIMIT 50
        ), woken AS (
            SELECT heliograph.wake(priority, queue, kind) FROM places
        ) SELECT count(*), max(id), (SELECT count(*) FROM inserted) + 0 * (SELECT count(*) FROM woken) FROM matching $sql$, condition)
    INTO matched, last_id, made USING r.cursor_id, span_end, r.created_at, most, r.queue, r.priority, r.id, r.dry_run;
    goes_on := true;
    UPDATE heliograph.replay AS p SET cursor_id = CASE WHEN matched = most THEN last_id ELSE span_end END,
        found = p.found + matched, enqueued = p.enqueued + made,
        skipped = p.skipped + CASE WHEN r.dry_run THEN 0 ELSE matched - made END, stepped_at = now()
    WHERE p.id = r.id;
    RETURN NEXT;
END $$;

-- ── Statistics by increments ───────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE heliograph.job_stat (
    hour      timestamptz NOT NULL,
    kind      text NOT NULL,
    queue     text NOT NULL,
    state     heliograph.job_state NOT NULL,
    jobs      bigint NOT NULL,
    attempts  bigint NOT NULL,
    -- From enqueue to the last start, and from the last start to the end, ms, summed.
    wait_ms   bigint NOT NULL,
    run_ms    bigint NOT NULL,
    PRIMARY KEY (hour, kind, queue, state)
) WITH (fillfactor = 50);

-- Finished jobs of transactions before this one are counted.
CREATE TABLE heliograph.job_stat_mark (
    id   integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    xid  bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO heliograph.job_stat_mark (xid) VALUES (0);

-- Adds what has finished since the last call: each job once, whatever order transactions commit in. Returns how many.
CREATE FUNCTION heliograph.count_finished() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    since bigint;
    upto bigint;
    counted bigint;
BEGIN
    SELECT xid INTO since FROM heliograph.job_stat_mark FOR UPDATE;
    upto := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    IF upto <= since THEN
        -- Numbers go back where a dump was loaded into another server: it begins anew there.
        IF upto < since THEN UPDATE heliograph.job_stat_mark SET xid = upto; END IF;
        RETURN 0;
    END IF;
    WITH finished AS (
        SELECT date_trunc('hour', finished_at) AS hour, kind, queue, state, count(*) AS jobs, sum(attempt) AS attempts,
            sum(extract(epoch FROM coalesce(attempted_at, finished_at) - created_at) * 1000)::bigint AS wait_ms,
            sum(extract(epoch FROM finished_at - coalesce(attempted_at, finished_at)) * 1000)::bigint AS run_ms
        FROM heliograph.job_history WHERE xid >= since AND xid < upto GROUP BY 1, 2, 3, 4
    ), added AS (
        INSERT INTO heliograph.job_stat AS s SELECT * FROM finished
        ON CONFLICT (hour, kind, queue, state) DO UPDATE SET jobs = s.jobs + excluded.jobs, attempts = s.attempts + excluded.attempts,
            wait_ms = s.wait_ms + excluded.wait_ms, run_ms = s.run_ms + excluded.run_ms
    ) SELECT coalesce(sum(jobs), 0) INTO counted FROM finished;
    UPDATE heliograph.job_stat_mark SET xid = upto;
    RETURN counted;
END $$;

-- ── Why a job is not running ───────────────────────────────────────────────────────────────────────────────────────────────

-- {"id", "state", "reasons": [{"reason": code, …}]}, or null where there is no such job. Codes: finished, running, cancelling, not_due, key,
-- paused, limit, rate, no_worker, busy, behind, due.
CREATE FUNCTION heliograph.why(job_id bigint) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    j heliograph.job;
    h record;
    lim heliograph.job_limit;
    n bigint;
    served record;
    reasons jsonb[] := '{}';
    r record;
BEGIN
    SELECT * INTO j FROM heliograph.job WHERE id = job_id;
    IF NOT FOUND THEN
        SELECT id, state, finished_at, errors -> -1 ->> 'error' AS error INTO h FROM heliograph.job_history WHERE id = job_id LIMIT 1;
        IF NOT FOUND THEN RETURN NULL; END IF;
        RETURN jsonb_build_object('id', h.id, 'state', h.state, 'reasons', jsonb_build_array(jsonb_build_object(
            'reason', 'finished', 'at', h.finished_at, 'error', h.error)));
    END IF;
    IF j.state = 'running' THEN
        SELECT b.name INTO r FROM heliograph.broker AS b WHERE b.epoch = j.epoch;
        reasons := reasons || jsonb_build_object('reason', 'running', 'since', j.attempted_at, 'broker', r.name, 'epoch', j.epoch);
        IF j.cancel_asked_at IS NOT NULL THEN
            reasons := reasons || jsonb_build_object('reason', 'cancelling', 'since', j.cancel_asked_at);
        END IF;
        RETURN jsonb_build_object('id', j.id, 'state', j.state, 'reasons', to_jsonb(reasons));
    END IF;
    IF j.state IN ('scheduled', 'retryable') THEN
        reasons := reasons || jsonb_build_object('reason', CASE WHEN j.run_at > now() THEN 'not_due' ELSE 'due' END, 'run_at', j.run_at,
            'attempt', j.attempt, 'error', j.errors -> -1 ->> 'error');
    END IF;
    IF j.blocked THEN
        SELECT k.id, k.state INTO r FROM heliograph.job AS k WHERE k.ordering_key = j.ordering_key AND NOT k.blocked;
        SELECT count(*) INTO n FROM (SELECT FROM heliograph.job AS k WHERE k.ordering_key = j.ordering_key AND k.blocked AND k.id < j.id LIMIT 10000) AS c;
        reasons := reasons || jsonb_build_object('reason', 'key', 'ordering_key', j.ordering_key, 'holder', r.id, 'holder_state', r.state, 'ahead', n);
    END IF;
    FOR r IN SELECT * FROM heliograph.paused_queue AS p WHERE p.name IN (j.queue, '*') LOOP
        reasons := reasons || jsonb_build_object('reason', 'paused', 'queue', r.name, 'since', r.paused_at, 'by', r.paused_by);
    END LOOP;
    SELECT * INTO lim FROM heliograph.job_limit AS l WHERE l.kind = j.kind;
    IF lim.max_running IS NOT NULL THEN
        SELECT count(*) INTO n FROM (SELECT FROM heliograph.job AS k WHERE k.state = 'running' AND k.kind = j.kind LIMIT lim.max_running) AS c;
        IF n >= lim.max_running THEN
            reasons := reasons || jsonb_build_object('reason', 'limit', 'kind', j.kind, 'running', n, 'max_running', lim.max_running);
        END IF;
    END IF;
    IF lim.per_second IS NOT NULL
        AND lim.tokens + lim.per_second * greatest(0, extract(epoch FROM clock_timestamp() - lim.refilled_at)) < 1 THEN
        reasons := reasons || jsonb_build_object('reason', 'rate', 'kind', j.kind, 'per_second', lim.per_second, 'burst', lim.burst);
    END IF;
    SELECT coalesce(sum((b.serves -> j.kind ->> 'workers')::int), 0) AS workers, coalesce(sum((b.serves -> j.kind ->> 'free')::int), 0) AS free INTO served
    FROM heliograph.broker AS b WHERE b.beat_at > now() - interval '5 s' AND b.serves ? j.kind;
    IF served.workers = 0 THEN
        reasons := reasons || jsonb_build_object('reason', 'no_worker', 'kind', j.kind);
    ELSIF served.free = 0 THEN
        reasons := reasons || jsonb_build_object('reason', 'busy', 'workers', served.workers);
    END IF;
    IF j.state = 'available' AND NOT j.blocked THEN
        SELECT count(*) INTO n FROM (
            SELECT FROM heliograph.job AS k
            WHERE k.kind = j.kind AND k.state = 'available' AND NOT k.blocked AND (k.priority < j.priority OR (k.priority = j.priority AND k.id < j.id))
            LIMIT 10001) AS c;
        IF n > 0 OR cardinality(reasons) = 0 THEN
            reasons := reasons || jsonb_build_object('reason', 'behind', 'ahead', least(n, 10000), 'capped', n > 10000);
        END IF;
    END IF;
    RETURN jsonb_build_object('id', j.id, 'state', j.state, 'reasons', to_jsonb(reasons));
END $$;
