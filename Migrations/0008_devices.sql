-- Battery devices, their reports and alerts.

CREATE TABLE heliograph.device (
    number          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    -- null once its owner is deleted.
    owner           bigint REFERENCES heliograph.account (number) ON DELETE SET NULL,
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    device_type     text NOT NULL CHECK (length(device_type) BETWEEN 1 AND 50),
    -- What its owner says of it; null: online or offline, as its reports say.
    set_status      text CHECK (set_status IN ('maintenance', 'disabled')),
    metadata        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    -- SHA-256 of the key's text, and its first characters.
    api_key_hash    bytea NOT NULL UNIQUE CHECK (length(api_key_hash) = 32),
    api_key_prefix  text NOT NULL,
    -- The device's own thresholds: %, %, s, °C; a fall by so many % within so many minutes is a rapid drain.
    low_battery     real NOT NULL DEFAULT 20 CHECK (low_battery BETWEEN 0 AND 100),
    critical_battery real NOT NULL DEFAULT 10 CHECK (critical_battery BETWEEN 0 AND 100),
    report_interval_s integer NOT NULL DEFAULT 60 CHECK (report_interval_s BETWEEN 1 AND 86400),
    high_temperature real NOT NULL DEFAULT 45 CHECK (high_temperature BETWEEN -40 AND 85),
    drain_percent   real NOT NULL DEFAULT 15 CHECK (drain_percent BETWEEN 1 AND 100),
    drain_minutes   integer NOT NULL DEFAULT 10 CHECK (drain_minutes BETWEEN 1 AND 1440),
    config_at       timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX device_owner ON heliograph.device (owner, created_at, number);

CREATE TABLE heliograph.device_share (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    device      bigint NOT NULL REFERENCES heliograph.device (number) ON DELETE CASCADE,
    account     bigint NOT NULL REFERENCES heliograph.account (number) ON DELETE CASCADE,
    permission  text NOT NULL CHECK (permission IN ('read', 'write', 'admin')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (device, account)
);
CREATE INDEX device_share_account ON heliograph.device_share (account);

CREATE TABLE heliograph.device_token (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    device           bigint NOT NULL REFERENCES heliograph.device (number) ON DELETE CASCADE,
    name             text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    hash             bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    prefix           text NOT NULL,
    permission       text NOT NULL CHECK (permission IN ('read', 'write', 'all')),
    is_revoked       boolean NOT NULL DEFAULT false,
    expires_at       timestamptz,
    -- Addresses and networks; empty: from anywhere.
    allowed_ips      text[] NOT NULL DEFAULT '{}',
    -- null: as often as it likes.
    per_minute       integer CHECK (per_minute BETWEEN 1 AND 100000),
    last_used_at     timestamptz,
    use_count        bigint NOT NULL DEFAULT 0,
    created_at       timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX device_token_device ON heliograph.device_token (device, created_at);

-- API nodes keep keys and tokens in mind for a while: told of every change that ends one.
CREATE FUNCTION heliograph.tell_device() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('heliograph_device', '');
    RETURN NULL;
END $$;
CREATE TRIGGER device_told AFTER DELETE OR UPDATE OF api_key_hash, set_status ON heliograph.device FOR EACH STATEMENT
    EXECUTE FUNCTION heliograph.tell_device();
CREATE TRIGGER device_token_told AFTER DELETE OR UPDATE OF is_revoked ON heliograph.device_token FOR EACH STATEMENT
    EXECUTE FUNCTION heliograph.tell_device();

-- What an account may do with a device: 'owner', 'admin', 'write', 'read', or null: then the device does not exist for it.
CREATE FUNCTION heliograph.device_permission(device bigint, owner bigint, account bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN owner = account THEN 'owner'
        ELSE (SELECT s.permission FROM heliograph.device_share AS s WHERE s.device = device_permission.device AND s.account = device_permission.account) END
$$;

-- ── Reports ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE SEQUENCE heliograph.battery_report_id AS bigint CACHE 100;
CREATE TABLE heliograph.battery_report (
    device        bigint NOT NULL,
    recorded_at   timestamptz NOT NULL,
    id            bigint NOT NULL DEFAULT nextval('heliograph.battery_report_id'),
    -- %, °C, V.
    level         real NOT NULL,
    temperature   real,
    voltage       real,
    is_charging   boolean NOT NULL,
    -- 0 off, 1 low, 2 medium, 3 high, 4 extreme.
    power_saving  smallint NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device, recorded_at)
) PARTITION BY RANGE (recorded_at);
CREATE TABLE heliograph.battery_report_other PARTITION OF heliograph.battery_report DEFAULT;

-- Makes the month partitions from last month to `months` ahead; returns how many were missing.
CREATE FUNCTION heliograph.make_battery_partitions(months integer) RETURNS integer
LANGUAGE plpgsql SET lock_timeout = '200ms' AS $$
DECLARE
    first date;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(7238910, 2);
    FOR first IN SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => n))::date FROM generate_series(-1, months) AS n LOOP
        IF to_regclass('heliograph.battery_report_' || to_char(first, 'YYYYMM')) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE TABLE heliograph.%I PARTITION OF heliograph.battery_report FOR VALUES FROM (%L) TO (%L)',
                    'battery_report_' || to_char(first, 'YYYYMM'), first::text || ' 00:00:00+00', (first + interval '1 month')::date::text || ' 00:00:00+00');
                made := made + 1;
            EXCEPTION WHEN check_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
    RETURN made;
END $$;
SELECT heliograph.make_battery_partitions(2);

-- The newest report of each device, by recorded_at, when the last one arrived, and where the evaluation of its alerts stands: one row, because every
-- report changes all of it. Locked by whoever goes on with the evaluation.
CREATE TABLE heliograph.battery_latest (
    device        bigint PRIMARY KEY REFERENCES heliograph.device (number) ON DELETE CASCADE,
    recorded_at   timestamptz NOT NULL,
    level         real NOT NULL,
    temperature   real,
    voltage       real,
    is_charging   boolean NOT NULL,
    power_saving  smallint NOT NULL DEFAULT 0,
    seen_at       timestamptz NOT NULL DEFAULT now(),
    -- When a silence from then on is an alert; null: nobody waits for it.
    offline_at    timestamptz,
    -- See AlertTimeline+Bytes.swift; empty: nothing is evaluated yet.
    alert_state   bytea NOT NULL DEFAULT ''
) WITH (fillfactor = 50);
CREATE INDEX battery_latest_offline ON heliograph.battery_latest (offline_at);

-- ── Alerts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE heliograph.alert_rule (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account           bigint NOT NULL REFERENCES heliograph.account (number) ON DELETE CASCADE,
    name              text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    alert_type        text NOT NULL CHECK (alert_type IN ('low_battery', 'critical_battery', 'high_temperature', 'device_offline', 'rapid_drain')),
    level             text NOT NULL CHECK (level IN ('info', 'warning', 'critical')),
    cooldown_minutes  integer NOT NULL DEFAULT 30 CHECK (cooldown_minutes BETWEEN 1 AND 1440),
    enabled           boolean NOT NULL DEFAULT true,
    -- Its owner wants a mail for each event.
    notify_email      boolean NOT NULL DEFAULT false,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX alert_rule_enabled ON heliograph.alert_rule (account, alert_type) WHERE enabled;
CREATE INDEX alert_rule_account ON heliograph.alert_rule (account, created_at);

CREATE TABLE heliograph.alert_event (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    device           bigint NOT NULL REFERENCES heliograph.device (number) ON DELETE CASCADE,
    -- As it was: the rule may be deleted, the event stays.
    rule             uuid NOT NULL,
    alert_type       text NOT NULL,
    level            text NOT NULL,
    status           text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'acknowledged', 'resolved')),
    message          text NOT NULL,
    value            double precision NOT NULL,
    threshold        double precision NOT NULL,
    -- By the reports' own time.
    triggered_at     timestamptz NOT NULL,
    acknowledged_at  timestamptz,
    resolved_at      timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (device, alert_type, triggered_at)
) WITH (fillfactor = 80);
CREATE INDEX alert_event_time ON heliograph.alert_event (triggered_at, id);
CREATE INDEX alert_event_open ON heliograph.alert_event (device) WHERE status <> 'resolved';

-- When the condition ended, by the reports' own time: what the evaluator says, whatever users have said of the event before.
ALTER TABLE heliograph.alert_event ADD ended_at timestamptz;

-- A shorter interval makes silence an alert sooner than it was scheduled.
CREATE FUNCTION heliograph.hasten_offline() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE heliograph.battery_latest SET offline_at = least(offline_at, now() + make_interval(secs => greatest(3 * NEW.report_interval_s, 120)))
    WHERE device = NEW.number AND offline_at IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER device_hastened AFTER UPDATE OF report_interval_s ON heliograph.device FOR EACH ROW
    WHEN (NEW.report_interval_s < OLD.report_interval_s) EXECUTE FUNCTION heliograph.hasten_offline();
