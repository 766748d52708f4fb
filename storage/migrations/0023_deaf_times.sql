-- When an engine could hear nobody, numbered among what it learned: a restart lives through it again at its place.

CREATE TABLE deaf_time (
    no bigint PRIMARY KEY DEFAULT nextval('lesson_number'),
    shard smallint NOT NULL,
    shards smallint NOT NULL,
    batch bigint NOT NULL,                 -- after these readings
    since timestamptz NOT NULL,            -- engine clock
    until timestamptz NOT NULL
);
CREATE INDEX deaf_time_shard ON deaf_time (shards, shard, no);
