-- Vehicles: accounts, cars, their leases and memories, the logbook, the journal of inputs, places and fences.
-- Units: km, km/h, kW (positive: discharging), kWh, °C, bar, %, minutes; times are the vehicle's own where it gives one. Coordinates are WGS-84.

CREATE TABLE heliograph.vehicle_account (
    number             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name               text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
    -- Sealed `{"access_token","refresh_token"}`; context `vehicle_account:<number>`.
    tokens             bytea NOT NULL,
    access_expires_at  timestamptz,
    -- Counts rotations: who writes back tokens says which ones they replace.
    rotation           bigint NOT NULL DEFAULT 0,
    -- Why nothing is asked in its name any more; null: it is signed in.
    fault              text,
    tokens_at          timestamptz NOT NULL DEFAULT now(),
    created_at         timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE heliograph.car (
    number             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account            bigint REFERENCES heliograph.vehicle_account (number) ON DELETE SET NULL,
    -- The provider's ids: the first changes now and then, the second names the car in the stream. Neither needs to be below 2^53.
    tesla_id           bigint NOT NULL,
    tesla_vehicle_id   bigint NOT NULL,
    vin                text NOT NULL DEFAULT '',
    name               text NOT NULL DEFAULT '',
    model              text NOT NULL DEFAULT '',
    exterior_color     text NOT NULL DEFAULT '',
    trim_badging       text NOT NULL DEFAULT '',
    wheel_type         text NOT NULL DEFAULT '',
    -- kWh per km of range, learnt from charges; null: not known yet.
    efficiency         double precision,
    -- No longer in its account's list.
    is_gone            boolean NOT NULL DEFAULT false,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account, tesla_id)
);

-- ── Who polls what ─────────────────────────────────────────────────────────────────────────────────────────────────────────

-- A life of a poller process.
CREATE TABLE heliograph.poller (
    id       text PRIMARY KEY,
    seen_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- Where a car's machine stands. Written with the rows that follow from it, by the poller that has the car: `epoch` fences all others.
CREATE TABLE heliograph.car_memory (
    car        bigint PRIMARY KEY REFERENCES heliograph.car (number) ON DELETE CASCADE,
    poller     text,
    epoch      bigint NOT NULL DEFAULT 0,
    -- Counts writes: tells whether one whose answer was lost was committed.
    version    bigint NOT NULL DEFAULT 0,
    -- The machine, as it writes itself.
    memory     jsonb,
    -- The live state, as clients get it.
    view       jsonb,
    -- Nothing is asked of the car before; Unix time, ms.
    not_before bigint NOT NULL DEFAULT 0,
    -- Requests of the UTC day `requests_on`.
    requests_on date,
    requests   integer NOT NULL DEFAULT 0,
    -- Ids of open rows.
    drive      bigint,
    charge     bigint,
    parking    bigint,
    updating   bigint
) WITH (fillfactor = 50);

-- ── Places ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

-- Coordinates rounded to 4 decimals (11 m), as one number: (latitude + 90) · 10^4 · 10^7 + (longitude + 180) · 10^4.
CREATE FUNCTION heliograph.place_key(latitude double precision, longitude double precision) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT (round((latitude + 90) * 10000)::bigint * 10000000) + round((longitude + 180) * 10000)::bigint
$$;

-- What a geocoder says of a place. A row without `address` is a place that has none.
CREATE TABLE heliograph.place (
    key         bigint PRIMARY KEY,
    address     jsonb,
    provider    text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE heliograph.geofence (
    number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
    latitude     double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude    double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    radius_m     integer NOT NULL CHECK (radius_m BETWEEN 1 AND 4999),
    -- What a charge costs here: a fee a session and a price for each kWh or minute; null: nobody knows.
    billing      text CHECK (billing IN ('per_kwh', 'per_minute')),
    price        double precision,
    session_fee  double precision CHECK (session_fee >= 0),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((billing IS NULL) = (price IS NULL))
);

-- ── The logbook ────────────────────────────────────────────────────────────────────────────────────────────────────────────

-- online, asleep and offline, without gaps.
CREATE TABLE heliograph.car_state (
    id          bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    car         bigint NOT NULL REFERENCES heliograph.car (number) ON DELETE CASCADE,
    state       text NOT NULL CHECK (state IN ('online', 'asleep', 'offline')),
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz CHECK (ended_at >= started_at),
    UNIQUE (car, started_at)
);
CREATE UNIQUE INDEX car_state_open ON heliograph.car_state (car) WHERE ended_at IS NULL;

CREATE TABLE heliograph.drive (
    id                   bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    car                  bigint NOT NULL REFERENCES heliograph.car (number) ON DELETE CASCADE,
    started_at           timestamptz NOT NULL,
    ended_at             timestamptz CHECK (ended_at >= started_at),
    duration_min         double precision NOT NULL DEFAULT 0,
    start_battery_level  smallint,
    end_battery_level    smallint,
    start_range_km       double precision,
    end_range_km         double precision,
    start_odometer_km    double precision,
    end_odometer_km      double precision,
    distance_km          double precision NOT NULL DEFAULT 0,
    speed_max            smallint,
    power_max            smallint,
    power_min            smallint,
    inside_temp_avg      double precision,
    outside_temp_avg     double precision,
    -- Power over time: what the battery gave, and what came back.
    energy_used_kwh      double precision,
    energy_regen_kwh     double precision,
    -- Range lost × efficiency; null while that is not known. The check of the two above.
    energy_range_kwh     double precision,
    ascent_m             integer,
    descent_m            integer,
    positions            integer NOT NULL DEFAULT 0,
    start_latitude       double precision,
    start_longitude      double precision,
    end_latitude         double precision,
    end_longitude        double precision,
    start_geofence       bigint REFERENCES heliograph.geofence (number) ON DELETE SET NULL,
    end_geofence         bigint REFERENCES heliograph.geofence (number) ON DELETE SET NULL,
    -- Seconds without contact inside it.
    gap_s                integer NOT NULL DEFAULT 0,
    -- Why it ended: 'parked', 'offline', 'asleep', 'service', 'charged', 'stream', 'restart'; null while open.
    end_reason           text,
    UNIQUE (car, started_at)
);
CREATE UNIQUE INDEX drive_open ON heliograph.drive (car) WHERE ended_at IS NULL;

CREATE SEQUENCE heliograph.position_id AS bigint;
CREATE TABLE heliograph.position (
    id             bigint NOT NULL,
    car            bigint NOT NULL,
    -- null: not in a drive.
    drive          bigint,
    recorded_at    timestamptz NOT NULL,
    latitude       double precision NOT NULL,
    longitude      double precision NOT NULL,
    heading        smallint,
    speed          smallint,
    power          smallint,
    battery_level  smallint,
    range_km       double precision,
    odometer_km    double precision,
    inside_temp    real,
    outside_temp   real,
    elevation_m    smallint,
    tpms_fl        real,
    tpms_fr        real,
    tpms_rl        real,
    tpms_rr        real,
    -- From the stream: without range, temperatures and pressures of its own.
    is_streamed    boolean NOT NULL DEFAULT false
) PARTITION BY RANGE (recorded_at);
CREATE INDEX position_car ON heliograph.position (car, recorded_at DESC);
CREATE INDEX position_drive ON heliograph.position (drive, recorded_at) WHERE drive IS NOT NULL;
CREATE TABLE heliograph.position_other PARTITION OF heliograph.position DEFAULT;

CREATE TABLE heliograph.charge (
    id                   bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    car                  bigint NOT NULL REFERENCES heliograph.car (number) ON DELETE CASCADE,
    started_at           timestamptz NOT NULL,
    ended_at             timestamptz CHECK (ended_at >= started_at),
    duration_min         double precision NOT NULL DEFAULT 0,
    start_battery_level  smallint,
    end_battery_level    smallint,
    start_range_km       double precision,
    end_range_km         double precision,
    -- By the car's counter; null where it went backwards.
    energy_added_kwh     double precision,
    -- By power over time, what the charger gave.
    energy_used_kwh      double precision,
    charger_power_max    smallint,
    outside_temp_avg     double precision,
    is_fast              boolean NOT NULL DEFAULT false,
    is_free              boolean NOT NULL DEFAULT false,
    cost                 double precision,
    latitude             double precision,
    longitude            double precision,
    geofence             bigint REFERENCES heliograph.geofence (number) ON DELETE SET NULL,
    points               integer NOT NULL DEFAULT 0,
    -- Nobody saw it: made of what was known before and after a silence.
    is_inferred          boolean NOT NULL DEFAULT false,
    -- The last charging_state, or 'asleep', 'offline', 'restart'; null while open.
    end_reason           text,
    UNIQUE (car, started_at)
);
CREATE UNIQUE INDEX charge_open ON heliograph.charge (car) WHERE ended_at IS NULL;

CREATE TABLE heliograph.charge_point (
    id                    bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    charge                bigint NOT NULL REFERENCES heliograph.charge (id) ON DELETE CASCADE,
    recorded_at           timestamptz NOT NULL,
    battery_level         smallint,
    usable_battery_level  smallint,
    range_km              double precision,
    charger_power         smallint,
    charger_voltage       smallint,
    charger_current       smallint,
    charger_phases        smallint,
    energy_added_kwh      double precision,
    outside_temp          real
);
CREATE INDEX charge_point_charge ON heliograph.charge_point (charge, recorded_at);

CREATE TABLE heliograph.parking (
    id                    bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    car                   bigint NOT NULL REFERENCES heliograph.car (number) ON DELETE CASCADE,
    started_at            timestamptz NOT NULL,
    ended_at              timestamptz CHECK (ended_at >= started_at),
    duration_min          double precision NOT NULL DEFAULT 0,
    latitude              double precision,
    longitude             double precision,
    geofence              bigint REFERENCES heliograph.geofence (number) ON DELETE SET NULL,
    start_battery_level   smallint,
    end_battery_level     smallint,
    start_range_km        double precision,
    end_range_km          double precision,
    start_odometer_km     double precision,
    end_odometer_km       double precision,
    -- Drained while parked, charges taken out; and to what it went. null: no efficiency or no range to count with.
    energy_used_kwh       double precision,
    energy_climate_kwh    double precision,
    energy_sentry_kwh     double precision,
    energy_asleep_kwh     double precision,
    energy_other_kwh      double precision,
    inside_temp_avg       double precision,
    outside_temp_avg      double precision,
    climate_used_min      double precision NOT NULL DEFAULT 0,
    sentry_mode_used_min  double precision NOT NULL DEFAULT 0,
    asleep_min            double precision NOT NULL DEFAULT 0,
    -- `VehicleSnapshot`: {"inside_temp","outside_temp","locked","sentry_mode","doors_open","windows_open","frunk_open","trunk_open","is_climate_on",
    -- "is_user_present","tpms_pressure_fl","tpms_pressure_fr","tpms_pressure_rl","tpms_pressure_rr"}
    start_snapshot        jsonb NOT NULL DEFAULT '{}',
    end_snapshot          jsonb,
    car_version           text NOT NULL DEFAULT '',
    UNIQUE (car, started_at)
);
CREATE UNIQUE INDEX parking_open ON heliograph.parking (car) WHERE ended_at IS NULL;

CREATE TABLE heliograph.parking_event (
    id          bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    parking     bigint NOT NULL REFERENCES heliograph.parking (id) ON DELETE CASCADE,
    event_type  text NOT NULL,
    event_time  timestamptz NOT NULL,
    details     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX parking_event_parking ON heliograph.parking_event (parking, event_time, id);

-- Software updates: those that were seen, and versions that were there one day (then both times are the same).
CREATE TABLE heliograph.car_update (
    id          bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    car         bigint NOT NULL REFERENCES heliograph.car (number) ON DELETE CASCADE,
    version     text NOT NULL DEFAULT '',
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz CHECK (ended_at >= started_at),
    UNIQUE (car, started_at)
);
CREATE UNIQUE INDEX car_update_open ON heliograph.car_update (car) WHERE ended_at IS NULL;

-- ── The journal ────────────────────────────────────────────────────────────────────────────────────────────────────────────

-- What came in, in the order in which the machine took it: everything above can be derived from it again.
CREATE TABLE heliograph.vehicle_journal (
    car        bigint NOT NULL,
    -- The machine's clock when it took the input.
    at         timestamptz NOT NULL,
    -- Order within a car.
    number     bigint NOT NULL,
    -- 1 vehicle_data, 2 vehicle, 3 stream frame, 4 failure, 5 stream event, 6 command, 7 the time alone, 8 checkpoint: the machine's memory and the ids of its open rows
    kind       smallint NOT NULL,
    -- Raw text, deflated where that is shorter (`is_deflated`).
    body       bytea NOT NULL,
    is_deflated boolean NOT NULL,
    PRIMARY KEY (car, at, number)
) PARTITION BY RANGE (at);
-- Where deriving again may begin.
CREATE INDEX vehicle_journal_checkpoint ON heliograph.vehicle_journal (car, at) WHERE kind = 8;
CREATE TABLE heliograph.vehicle_journal_other PARTITION OF heliograph.vehicle_journal DEFAULT;

-- Makes the month partitions of positions and the day partitions of the journal ahead of time; returns how many were missing.
CREATE FUNCTION heliograph.make_vehicle_partitions(months integer, days integer) RETURNS integer
LANGUAGE plpgsql SET lock_timeout = '200ms' AS $$
DECLARE
    day date;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(7238910, 3);
    FOR day IN SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => n))::date FROM generate_series(-1, months) AS n LOOP
        IF to_regclass('heliograph.position_' || to_char(day, 'YYYYMM')) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE TABLE heliograph.%I PARTITION OF heliograph.position FOR VALUES FROM (%L) TO (%L)',
                    'position_' || to_char(day, 'YYYYMM'), day::text || ' 00:00:00+00', (day + interval '1 month')::date::text || ' 00:00:00+00');
                made := made + 1;
            EXCEPTION WHEN check_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
    FOR day IN SELECT (now() AT TIME ZONE 'UTC')::date + n FROM generate_series(-1, days) AS n LOOP
        IF to_regclass('heliograph.vehicle_journal_' || to_char(day, 'YYYYMMDD')) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE TABLE heliograph.%I PARTITION OF heliograph.vehicle_journal FOR VALUES FROM (%L) TO (%L)',
                    'vehicle_journal_' || to_char(day, 'YYYYMMDD'), day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
                made := made + 1;
            EXCEPTION WHEN check_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
    RETURN made;
END $$;
SELECT heliograph.make_vehicle_partitions(2, 7);

-- Days of the journal that are all older than `keep` days are dropped; returns how many.
CREATE FUNCTION heliograph.drop_vehicle_journal(keep integer) RETURNS integer
LANGUAGE plpgsql SET lock_timeout = '200ms' AS $$
DECLARE
    partition text;
    dropped integer := 0;
BEGIN
    FOR partition IN
        SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'heliograph.vehicle_journal'::regclass AND c.relname ~ '^vehicle_journal_\d{8}$'
            AND to_date(right(c.relname, 8), 'YYYYMMDD') < (now() AT TIME ZONE 'UTC')::date - keep
    LOOP
        EXECUTE format('DROP TABLE heliograph.%I', partition);
        dropped := dropped + 1;
    END LOOP;
    -- What a jumping clock has put aside is little: deleted, not dropped.
    DELETE FROM heliograph.vehicle_journal_other WHERE at < now() - make_interval(days => keep);
    RETURN dropped;
END $$;

-- Geocoders are asked once a second at most, by the whole fleet together.
INSERT INTO heliograph.job_limit (kind, per_second, burst) VALUES ('vehicles.geocode', 1, 1) ON CONFLICT (kind) DO NOTHING;

-- Pollers are told when cars or accounts come, change or go; API nodes when what they say of a car changes.
CREATE FUNCTION heliograph.tell_vehicles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('heliograph_vehicles', TG_TABLE_NAME);
    RETURN NULL;
END $$;
CREATE TRIGGER car_told AFTER INSERT OR UPDATE OR DELETE ON heliograph.car FOR EACH STATEMENT EXECUTE FUNCTION heliograph.tell_vehicles();
CREATE TRIGGER vehicle_account_told AFTER INSERT OR UPDATE OR DELETE ON heliograph.vehicle_account FOR EACH STATEMENT
    EXECUTE FUNCTION heliograph.tell_vehicles();
CREATE TRIGGER geofence_told AFTER INSERT OR UPDATE OR DELETE ON heliograph.geofence FOR EACH STATEMENT EXECUTE FUNCTION heliograph.tell_vehicles();
