-- A snapshot that is written a piece at a time, between batches, is a draft until its last piece is there.

ALTER TABLE detector_state
    ADD COLUMN draft boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT detector_state_pkey,
    ADD PRIMARY KEY (rules, shards, shard, draft, detector, piece);
