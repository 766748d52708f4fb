-- A million sensors: what the detectors remember of them is more than one value holds.

ALTER TABLE detector_state
    ADD COLUMN piece integer NOT NULL DEFAULT 0,
    DROP CONSTRAINT detector_state_pkey,
    ADD PRIMARY KEY (rules, shards, shard, detector, piece),
    ALTER COLUMN state SET STORAGE EXTERNAL;   -- columns of numbers: to compress them costs more than to write them

-- Pages and lists over 300,000 homes.
CREATE INDEX alert_opened ON alert (opened_at);         -- how an area performed in a time
CREATE INDEX device_gateway ON device (gateway, id);
CREATE INDEX person_role ON person (role, id);
CREATE INDEX contact_person ON contact (person);
