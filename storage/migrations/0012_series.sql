-- Readings over a quarter of an hour, an hour and a day, under the same names with and without TimescaleDB:
-- continuous aggregates, each made of the one below, or views. `readings_of`, `quarters_of`, `hours_of` and `days_of`
-- are one sensor's, and what the pages read: on plain PostgreSQL a view would read all that the sensor ever sent.
-- Days are China's, of 24 hours from midnight at UTC+8; elsewhere a day is read from its hours.
-- How long all this is kept, and when it is compressed, is up to settings: `storage.retention` sets it at each migrate.

-- The event time of the oldest reading of a batch that was judged, so that a restart looks no further back for its
-- readings; unknown of batches from before.
ALTER TABLE batch ADD COLUMN oldest timestamptz;

CREATE FUNCTION readings_of(whose integer, since timestamptz, until timestamptz)
RETURNS TABLE (
    bucket timestamptz,
    readings bigint,
    use double precision,                  -- what the register says was used, null where nothing is known of it
    low double precision,
    high double precision,
    total double precision                 -- the sum of the values: over `readings` it is their mean
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT time, 1::bigint, reading.use, value, value, value
    FROM reading
    WHERE sensor = whose AND time >= since AND time < until
$$;

DO $do$
DECLARE
    stored boolean := false;               -- the aggregates are: by TimescaleDB, other than its Apache edition
    version text;
    grain record;
BEGIN
    IF to_regclass('timescaledb_information.continuous_aggregates') IS NOT NULL THEN
        EXECUTE $sql$
            SELECT EXISTS (SELECT FROM timescaledb_information.continuous_aggregates WHERE view_name = 'reading_hour')
        $sql$ INTO stored;
    END IF;
    IF stored THEN
        SELECT extversion INTO version FROM pg_extension WHERE extname = 'timescaledb';
        IF regexp_split_to_array(substring(version FROM '^\d+\.\d+'), '\.')::integer[] < ARRAY[2, 20] THEN
            RAISE EXCEPTION 'TimescaleDB % is too old: install 2.20 or later, run ALTER EXTENSION timescaledb UPDATE '
                'in a fresh session, then migrate again', version;
        END IF;
        DROP MATERIALIZED VIEW reading_hour;
        -- Of ten days a meter that speaks four times an hour has about 1,000 readings, as many as are compressed together.
        PERFORM set_chunk_time_interval('reading', INTERVAL '10 days');
        -- The key finds a sensor's readings; nobody asks by time alone.
        DROP INDEX IF EXISTS reading_time_idx;
        -- Of the index by batch a compressed thousand needs no more than its two ends.
        BEGIN
            EXECUTE $sql$ ALTER TABLE reading SET (timescaledb.sparse_index = 'minmax(batch)') $sql$;
        EXCEPTION WHEN invalid_parameter_value OR undefined_object THEN
            NULL;                          -- TimescaleDB before 2.22 chooses by itself
        END;
    ELSE
        DROP VIEW reading_hour;
    END IF;

    FOR grain IN
        SELECT * FROM (VALUES
            -- A chunk of about 1,000 buckets for each sensor, which is what TimescaleDB compresses together at most.
            ('quarter', INTERVAL '15 minutes', INTERVAL '10 days', 'reading', 'time'),
            ('hour', INTERVAL '1 hour', INTERVAL '40 days', 'reading_quarter', 'bucket'),
            ('day', INTERVAL '1 day', INTERVAL '1000 days', 'reading_hour', 'bucket')
        ) AS grain (name, width, chunk, below, moment)
    LOOP
        IF NOT stored THEN
            EXECUTE format($sql$
                CREATE VIEW reading_%1$s AS
                SELECT sensor,
                       date_bin(%2$L, time, '2000-01-01 00:00+08') AS bucket,
                       count(*) AS readings,
                       sum(use) AS use,
                       min(value) AS low,
                       max(value) AS high,
                       sum(value) AS total
                FROM reading
                GROUP BY sensor, bucket
            $sql$, grain.name, grain.width);
            EXECUTE format($sql$
                CREATE FUNCTION %1$ss_of(whose integer, since timestamptz, until timestamptz)
                RETURNS TABLE (bucket timestamptz, readings bigint, use double precision,
                               low double precision, high double precision, total double precision)
                LANGUAGE sql STABLE PARALLEL SAFE AS $body$
                    SELECT date_bin(%2$L, time, '2000-01-01 00:00+08'), count(*),
                           sum(reading.use), min(value), max(value), sum(value)
                    FROM reading
                    WHERE sensor = whose AND time >= since AND time < until
                    GROUP BY 1
                $body$
            $sql$, grain.name, grain.width);
            CONTINUE;
        END IF;
        EXECUTE format($sql$
            CREATE MATERIALIZED VIEW reading_%1$s
            WITH (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.chunk_interval = %6$L) AS
            SELECT sensor,
                   time_bucket(%2$L::interval, %4$I, origin => TIMESTAMPTZ '2000-01-01 00:00+08') AS bucket,
                   %5$s
            FROM %3$I
            GROUP BY 1, 2
            WITH NO DATA
        $sql$, grain.name, grain.width, grain.below, grain.moment,
            CASE WHEN grain.below = 'reading'
                THEN 'count(*) AS readings, sum(use) AS use, min(value) AS low, max(value) AS high, sum(value) AS total'
                ELSE 'sum(readings)::bigint AS readings, sum(use) AS use, min(low) AS low, max(high) AS high, '
                    'sum(total) AS total'
            END, grain.chunk);
        EXECUTE format($sql$
            ALTER MATERIALIZED VIEW reading_%1$s SET (
                timescaledb.compress, timescaledb.compress_segmentby = 'sensor', timescaledb.compress_orderby = 'bucket'
            )
        $sql$, grain.name);
        EXECUTE format($sql$
            CREATE FUNCTION %1$ss_of(whose integer, since timestamptz, until timestamptz)
            RETURNS TABLE (bucket timestamptz, readings bigint, use double precision,
                           low double precision, high double precision, total double precision)
            LANGUAGE sql STABLE PARALLEL SAFE AS $body$
                SELECT bucket, readings, use, low, high, total
                FROM reading_%1$s
                WHERE sensor = whose AND bucket >= since AND bucket < until
            $body$
        $sql$, grain.name);
    END LOOP;

    -- Who has to forget old readings: TimescaleDB, or the service.
    EXECUTE format('CREATE FUNCTION timescaledb_keeps() RETURNS boolean LANGUAGE sql IMMUTABLE RETURN %s', stored::text);
END $do$;
