-- Who is on call: schedules by area, exceptions to them, and which hand-overs were told.

CREATE TABLE oncall_schedule (
    id text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    area text NOT NULL REFERENCES area,
    name text NOT NULL,
    zone text NOT NULL,                    -- IANA: hand-over is at a local hour
    plan jsonb NOT NULL                    -- rotations and holidays (storage/oncall.py)
);
CREATE INDEX oncall_schedule_area ON oncall_schedule (area text_pattern_ops);

-- Somebody is on call instead of whose turn it is; of several at once the one entered last counts.
CREATE TABLE oncall_override (
    id uuid PRIMARY KEY,                   -- of an event of a calendar: from its UID, so that it is taken once
    schedule text NOT NULL REFERENCES oncall_schedule ON DELETE CASCADE,
    no bigint GENERATED ALWAYS AS IDENTITY,
    level smallint NOT NULL CHECK (level BETWEEN 1 AND 9),
    person text NOT NULL REFERENCES person ON DELETE CASCADE,
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    note text NOT NULL DEFAULT '',
    entered_by text NOT NULL,              -- an actor
    entered_at timestamptz NOT NULL,
    CHECK (ends > starts)
);
CREATE INDEX oncall_override_schedule ON oncall_override (schedule, ends);

-- A hand-over that was told to those concerned, so that it is told once.
CREATE TABLE oncall_handover (
    schedule text NOT NULL REFERENCES oncall_schedule ON DELETE CASCADE,
    level smallint NOT NULL,
    at timestamptz NOT NULL,               -- when the shift begins
    leaving text,
    coming text,
    alert uuid REFERENCES alert,           -- on whose timeline it is; null where nothing was open
    told_at timestamptz NOT NULL,
    PRIMARY KEY (schedule, level, at)
);
