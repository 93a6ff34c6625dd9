-- Charging: sites, current readings, anomalies, predictions. The four table names are those of the spec.

CREATE TABLE public.site_data (
    meter_id            text PRIMARY KEY CHECK (octet_length(meter_id) BETWEEN 1 AND 64),
    longitude           double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    latitude            double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    dev_fac_id          text,
    -- kW
    rated_power         double precision,
    -- A
    max_input_current   double precision,
    max_output_current  double precision,
    updated_at          timestamptz NOT NULL DEFAULT now()
);

-- Readings: the natural key makes a batch idempotent, and leads with the meter so that a window is one range scan.
CREATE TABLE public.time_i_data (
    meter_id    text NOT NULL,
    "timestamp" timestamptz NOT NULL,
    -- A
    i           double precision NOT NULL,
    dev_fac_id  text,
    PRIMARY KEY (meter_id, "timestamp")
) PARTITION BY RANGE ("timestamp");

-- Months that are not made ahead (old imports, wrong clocks) land in the default partition.
CREATE TABLE public.time_i_data_other PARTITION OF public.time_i_data DEFAULT;

-- The newest reading of each meter: what /api/sites/locations joins, kept by the telemetry worker.
CREATE TABLE heliograph.charging_latest (
    meter_id    text PRIMARY KEY,
    "timestamp" timestamptz NOT NULL,
    i           double precision NOT NULL,
    -- Which prediction job looks after the meter; the telemetry worker computes it from the id.
    shard       smallint NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX charging_latest_shard ON heliograph.charging_latest (shard);

-- One row per anomaly episode.
CREATE TABLE public.current_data (
    meter_id      text NOT NULL,
    "timestamp"   timestamptz NOT NULL,
    anomaly_type  text NOT NULL,
    confidence    double precision NOT NULL DEFAULT 1,
    i             double precision,
    PRIMARY KEY (meter_id, "timestamp", anomaly_type)
);
CREATE INDEX current_data_time ON public.current_data ("timestamp");

-- The forecast of each meter: replaced whole by each run.
CREATE TABLE public.prediction_results (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meter_id         text NOT NULL,
    "timestamp"      timestamptz NOT NULL,
    predicted_value  double precision NOT NULL,
    -- normal | yellow | red | unknown
    warning_level    text NOT NULL,
    is_charging      boolean NOT NULL,
    pattern_label    text NOT NULL,
    anomaly_info     jsonb NOT NULL,
    UNIQUE (meter_id, "timestamp")
);
CREATE INDEX prediction_results_time ON public.prediction_results ("timestamp");

-- The detector's and forecaster's memory of a meter, and what it last said: any worker can take a meter over.
CREATE TABLE heliograph.meter_state (
    meter_id         text PRIMARY KEY,
    -- Readings up to here have been judged.
    watermark        timestamptz NOT NULL,
    forecast_at      timestamptz,
    state            bytea NOT NULL,
    warning_level    text NOT NULL,
    warning_at       timestamptz NOT NULL,
    is_charging      boolean NOT NULL,
    pattern_label    text NOT NULL,
    is_anomaly       boolean NOT NULL,
    anomaly_type     text,
    confidence       double precision NOT NULL
);

-- Makes the month partitions of readings from last month to `ahead` months on, unless the default partition
-- already holds rows of that month: those stay where they are.
CREATE FUNCTION heliograph.make_reading_partitions(ahead integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    month date;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(7238910, 2);
    FOR month IN SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month')::date
                 FROM generate_series(-1, ahead) AS n LOOP
        IF to_regclass('public.time_i_data_' || to_char(month, 'YYYYMM')) IS NULL
           AND NOT EXISTS (SELECT FROM public.time_i_data_other
                           WHERE "timestamp" >= (month::timestamp AT TIME ZONE 'UTC')
                             AND "timestamp" < ((month + interval '1 month') AT TIME ZONE 'UTC')) THEN
            EXECUTE format(
                'CREATE TABLE public.%I PARTITION OF public.time_i_data FOR VALUES FROM (%L) TO (%L)',
                'time_i_data_' || to_char(month, 'YYYYMM'),
                month::text || ' 00:00:00+00', (month + interval '1 month')::date::text || ' 00:00:00+00');
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;
SELECT heliograph.make_reading_partitions(2);
