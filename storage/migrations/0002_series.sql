-- Readings over time, under the same names with and without TimescaleDB:
-- `reading_hour` is a continuous aggregate where the extension is present, a view where it is not.

DO $$
BEGIN
    -- Only where the server has loaded it and this role may create it; being installable is not enough.
    IF current_setting('shared_preload_libraries') LIKE '%timescaledb%'
        AND EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
    THEN
        BEGIN
            CREATE EXTENSION IF NOT EXISTS timescaledb;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE NOTICE 'this role may not create the extension timescaledb; going on without it';
        END;
    END IF;
    -- The Apache edition has hypertables, but neither compression nor continuous aggregates.
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
        OR coalesce(current_setting('timescaledb.license', true), '') <> 'timescale'
    THEN
        CREATE VIEW reading_hour AS
        SELECT sensor,
               date_bin('1 hour', time, 'epoch') AS bucket,
               count(*) AS readings,
               sum(use) AS use,
               min(value) AS low,
               max(value) AS high,
               avg(value) AS mean
        FROM reading
        GROUP BY sensor, bucket;
        RETURN;
    END IF;

    -- The functions are called by name inside EXECUTE, so that plain PostgreSQL never has to parse them.
    EXECUTE $sql$
        SELECT create_hypertable('reading', 'time', chunk_time_interval => INTERVAL '7 days', migrate_data => true)
    $sql$;
    EXECUTE $sql$
        ALTER TABLE reading SET (
            timescaledb.compress,
            timescaledb.compress_segmentby = 'sensor',
            timescaledb.compress_orderby = 'time'
        )
    $sql$;
    EXECUTE $sql$
        CREATE MATERIALIZED VIEW reading_hour
        WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
        SELECT sensor,
               time_bucket('1 hour', time) AS bucket,
               count(*) AS readings,
               sum(use) AS use,
               min(value) AS low,
               max(value) AS high,
               avg(value) AS mean
        FROM reading
        GROUP BY sensor, time_bucket('1 hour', time)
        WITH NO DATA
    $sql$;
    EXECUTE $sql$
        SELECT add_compression_policy('reading', INTERVAL '7 days');
    $sql$;
    EXECUTE $sql$
        SELECT add_continuous_aggregate_policy('reading_hour',
            start_offset => INTERVAL '1 year', end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '1 hour')
    $sql$;
    EXECUTE $sql$
        SELECT add_retention_policy('reading', INTERVAL '3 years');
    $sql$;
END $$;
