-- A city's households in several parts, each watched by an engine of its own (`registry.shards`). One engine that
-- watches all of them is part 0 of 1, which is what everything stored so far belongs to.

CREATE FUNCTION shard_of(household text, shards integer) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN mod(('x' || substr(md5(household), 1, 8))::bit(32)::bigint, shards)::integer;

-- Who watches a part: whoever took it over last, under the newest epoch; whoever had it before can commit nothing more.
CREATE TABLE shard (
    number smallint NOT NULL,
    shards smallint NOT NULL,
    epoch bigint NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0, -- of its partition: what lies before is committed
    taken_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shards, number),
    CHECK (number BETWEEN 0 AND shards - 1)
);

CREATE SEQUENCE batch_number;
SELECT setval('batch_number', (SELECT coalesce(max(id), 0) + 1 FROM batch), false);

ALTER TABLE batch
    ADD COLUMN shard smallint NOT NULL DEFAULT 0,
    ADD COLUMN shards smallint NOT NULL DEFAULT 1;

ALTER TABLE detector_state
    ADD COLUMN shard smallint NOT NULL DEFAULT 0,
    ADD COLUMN shards smallint NOT NULL DEFAULT 1,
    DROP CONSTRAINT detector_state_pkey,
    ADD PRIMARY KEY (rules, shards, shard, detector);

ALTER TABLE engine_clock
    DROP COLUMN only_row,
    ADD COLUMN shard smallint NOT NULL DEFAULT 0,
    ADD COLUMN shards smallint NOT NULL DEFAULT 1,
    ADD PRIMARY KEY (shards, shard);

ALTER TABLE waiting_findings
    ADD COLUMN shard smallint NOT NULL DEFAULT 0,
    ADD COLUMN shards smallint NOT NULL DEFAULT 1;

-- Each part takes its own verdicts: `no` is the order within it.
CREATE SEQUENCE lesson_number;
SELECT setval('lesson_number', (SELECT coalesce(max(no), 0) + 1 FROM verdict), false);
