-- The whole house: who is watched, what was measured, what was made of it.
-- Plain PostgreSQL 15 and later; 0002 adds what TimescaleDB can do where it is present.

-- registry ---------------------------------------------------------------------------------------------------

CREATE TABLE area (
    code text PRIMARY KEY CHECK (code <> ''),
    level text NOT NULL CHECK (level IN ('city', 'district', 'street', 'community')),
    name text NOT NULL
);
CREATE INDEX area_code_prefix ON area (code text_pattern_ops);

CREATE TABLE household (
    id text PRIMARY KEY CHECK (id <> ''),
    area text NOT NULL REFERENCES area,
    zone text NOT NULL,
    language text NOT NULL,
    category text NOT NULL CHECK (category IN ('elderly_alone', 'disabled', 'relief', 'other')),
    risk text NOT NULL CHECK (risk IN ('low', 'medium', 'high')),
    address text NOT NULL DEFAULT '',
    caseworker text,
    note text NOT NULL DEFAULT ''
);
CREATE INDEX household_area ON household (area text_pattern_ops);

CREATE TABLE person (
    id text PRIMARY KEY CHECK (id <> ''),
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('resident', 'contact', 'caseworker', 'duty_officer')),
    household text REFERENCES household ON DELETE CASCADE,   -- of a resident: where they live
    area text REFERENCES area,                               -- of staff: what they answer for
    phone text,                                              -- E.164
    language text NOT NULL,
    channel text NOT NULL DEFAULT 'sms' CHECK (channel IN ('sms', 'call')),
    CHECK ((role = 'resident') = (household IS NOT NULL)),
    CHECK ((role IN ('caseworker', 'duty_officer')) = (area IS NOT NULL))
);
CREATE INDEX person_household ON person (household);
CREATE INDEX person_area ON person (area text_pattern_ops);
CREATE INDEX person_phone ON person (phone);
ALTER TABLE household ADD FOREIGN KEY (caseworker) REFERENCES person DEFERRABLE INITIALLY DEFERRED;

-- Whom to ask about a household, in this order.
CREATE TABLE contact (
    household text NOT NULL REFERENCES household ON DELETE CASCADE,
    position integer NOT NULL CHECK (position >= 1),
    person text NOT NULL REFERENCES person ON DELETE CASCADE,
    relation text NOT NULL DEFAULT '',
    PRIMARY KEY (household, position),
    UNIQUE (household, person)
);

CREATE TABLE device (
    id text PRIMARY KEY CHECK (id <> '' AND id !~ '/'),
    household text NOT NULL REFERENCES household ON DELETE CASCADE,
    gateway text NOT NULL CHECK (gateway <> ''),
    model text NOT NULL DEFAULT ''
);
CREATE INDEX device_household ON device (household);

-- A sensor is one quantity of one device; it comes into being when a registered device first reports it.
CREATE TABLE sensor (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device text NOT NULL REFERENCES device ON DELETE CASCADE,
    quantity text NOT NULL
        CHECK (quantity IN ('volume', 'energy', 'power', 'smoke', 'alarm', 'temperature', 'battery', 'tamper')),
    UNIQUE (device, quantity)
);

CREATE TABLE absence (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    household text NOT NULL REFERENCES household ON DELETE CASCADE,
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    reason text NOT NULL DEFAULT '',
    CHECK (ends > starts),
    UNIQUE (household, starts)
);

-- Counts up with every change, so that whoever keeps the registry in memory knows when to read it again.
CREATE TABLE registry_version (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), version bigint NOT NULL);
INSERT INTO registry_version (version) VALUES (1);

CREATE FUNCTION registry_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE registry_version SET version = version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER area_changed AFTER INSERT OR UPDATE OR DELETE ON area EXECUTE FUNCTION registry_changed();
CREATE TRIGGER household_changed AFTER INSERT OR UPDATE OR DELETE ON household EXECUTE FUNCTION registry_changed();
CREATE TRIGGER person_changed AFTER INSERT OR UPDATE OR DELETE ON person EXECUTE FUNCTION registry_changed();
CREATE TRIGGER contact_changed AFTER INSERT OR UPDATE OR DELETE ON contact EXECUTE FUNCTION registry_changed();
CREATE TRIGGER device_changed AFTER INSERT OR UPDATE OR DELETE ON device EXECUTE FUNCTION registry_changed();
CREATE TRIGGER absence_changed AFTER INSERT OR UPDATE OR DELETE ON absence EXECUTE FUNCTION registry_changed();

-- readings ---------------------------------------------------------------------------------------------------

-- One committed batch of telemetry; `received_at` is the engine's clock, so that a restart can replay it.
CREATE TABLE batch (
    id bigint PRIMARY KEY,
    received_at timestamptz NOT NULL
);

CREATE TABLE reading (
    sensor integer NOT NULL,
    time timestamptz NOT NULL,
    value double precision NOT NULL,       -- SI; a register as it was sent
    use double precision,                  -- of a register: the amount since the sensor's previous reading
    flags smallint NOT NULL DEFAULT 0,     -- registry.readings.Flag
    batch bigint NOT NULL,
    PRIMARY KEY (sensor, time)
);
CREATE INDEX reading_batch ON reading USING brin (batch) WITH (pages_per_range = 16, autosummarize = on);

-- What could not be accepted, with a reason its vendor can act on. The same thing twice is one row.
CREATE TABLE quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,          -- of topic, payload, place and reason
    at timestamptz NOT NULL,
    gateway text NOT NULL,
    topic text NOT NULL,
    payload bytea NOT NULL,                -- its first 4 KiB
    reason text NOT NULL,                  -- a code: unknown_device, wrong_gateway, wrong_unit, …
    place text NOT NULL,                   -- the record and field, such as `[3].u`
    detail text NOT NULL                   -- the sentence
);
CREATE INDEX quarantine_at ON quarantine (at);
CREATE INDEX quarantine_gateway ON quarantine (gateway, at);

-- What the detectors remember, as of a batch.
CREATE TABLE detector_state (
    rules text NOT NULL,
    detector text NOT NULL,
    batch bigint NOT NULL,
    saved_at timestamptz NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (rules, detector)
);

-- The engine's clock as it was last committed; a town's time goes on from here.
CREATE TABLE engine_clock (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    kind text NOT NULL CHECK (kind IN ('live', 'town')),
    now timestamptz NOT NULL
);

-- alerts -----------------------------------------------------------------------------------------------------

CREATE TABLE alert (
    id uuid PRIMARY KEY,                   -- from household, kind and onset: the same episode has the same id
    household text NOT NULL REFERENCES household,
    kind text NOT NULL,
    rule text NOT NULL,
    severity smallint NOT NULL CHECK (severity BETWEEN 1 AND 4),
    status text NOT NULL
        CHECK (status IN ('unacknowledged', 'acknowledged', 'returned', 'shelved', 'suppressed', 'closed')),
    onset timestamptz NOT NULL,            -- event time at which the condition began
    raised_at timestamptz NOT NULL,        -- event time at which it could be said
    opened_at timestamptz NOT NULL,        -- engine clock when the service said it
    score double precision NOT NULL,
    facts jsonb NOT NULL,                  -- what its sentence is made of
    sources jsonb NOT NULL,                -- what still reports the condition: {rule source: onset, microseconds}
    policy jsonb NOT NULL,                 -- the ladder it began with
    held_by text,                          -- who holds it: a person, a token's owner
    suppressed_why text,
    returned_at timestamptz,
    acknowledged_at timestamptz,
    shelved_until timestamptz,
    help_at timestamptz,                   -- when a resident asked for help
    closed_at timestamptz,
    outcome text,
    note text,
    event_count integer NOT NULL DEFAULT 0,  -- timeline events and steps so far: the next takes the next number
    step_count integer NOT NULL DEFAULT 0,
    CHECK ((status = 'closed') = (closed_at IS NOT NULL)),
    CHECK (status <> 'acknowledged' OR held_by IS NOT NULL)
);
CREATE UNIQUE INDEX alert_one_open ON alert (household, kind) WHERE status <> 'closed';
CREATE INDEX alert_raised ON alert (raised_at DESC, id);
CREATE INDEX alert_status ON alert (status, raised_at DESC);
CREATE INDEX alert_closed ON alert (closed_at DESC);

-- What detectors said, so that it is taken once however often it is told.
CREATE TABLE finding (
    household text NOT NULL REFERENCES household,
    kind text NOT NULL,
    rule text NOT NULL,
    source text NOT NULL,
    onset timestamptz NOT NULL,
    phase text NOT NULL CHECK (phase IN ('raised', 'cleared')),
    severity smallint NOT NULL CHECK (severity BETWEEN 1 AND 4),   -- raised anew with a higher one, it grew worse
    time timestamptz NOT NULL,             -- event time at which it could be said
    score double precision NOT NULL,
    facts jsonb NOT NULL,                  -- what its sentence is made of
    PRIMARY KEY (household, kind, rule, source, onset, phase, severity)
);

-- Everything that ever happened to an alert, with its time and actor. Rows are never changed.
CREATE TABLE alert_event (
    alert uuid NOT NULL REFERENCES alert,
    seq integer NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,                   -- 'person:ID', 'token:NAME', 'sensor:DEVICE/QUANTITY', 'system'
    kind text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (alert, seq)
);
CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or removed', TG_TABLE_NAME;
END $$;
CREATE TRIGGER alert_event_append_only BEFORE UPDATE OR DELETE ON alert_event
    FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER alert_event_not_emptied BEFORE TRUNCATE ON alert_event
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- One rung of a ladder with its due time. Read with FOR UPDATE SKIP LOCKED.
CREATE TABLE step (
    alert uuid NOT NULL REFERENCES alert,
    no integer NOT NULL,
    due timestamptz NOT NULL,
    action jsonb NOT NULL,                 -- alerts.policy: who, what, by which channel, in which words
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'done', 'cancelled')),
    ran_at timestamptz,
    result text,
    aside_until timestamptz,               -- could not be carried out: not tried again before; `due` stays, for the auditor
    PRIMARY KEY (alert, no)
);
CREATE INDEX step_due ON step (due) WHERE status = 'pending';

-- One message to one person by one channel.
CREATE TABLE notification (
    id uuid PRIMARY KEY,                   -- from alert, step and person: sent once however often it is tried
    alert uuid NOT NULL REFERENCES alert,
    step integer NOT NULL,
    person text REFERENCES person,
    role text NOT NULL,                    -- resident, contact, caseworker, duty_officer
    phone text NOT NULL,
    channel text NOT NULL,                 -- handset, later twilio and others
    medium text NOT NULL CHECK (medium IN ('sms', 'call')),
    language text NOT NULL,
    text text NOT NULL,
    status text NOT NULL CHECK (status IN ('queued', 'sent', 'answered', 'missed', 'failed', 'cancelled')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    error text,
    UNIQUE (alert, step, person, medium)
);
CREATE INDEX notification_queued ON notification (next_attempt_at) WHERE status = 'queued';
CREATE INDEX notification_alert ON notification (alert);

-- The simulated telephones: what lies on each handset, and what was answered.
CREATE TABLE handset_message (
    id uuid PRIMARY KEY REFERENCES notification,
    phone text NOT NULL,
    person text,
    medium text NOT NULL CHECK (medium IN ('sms', 'call')),
    text text NOT NULL,
    at timestamptz NOT NULL,
    rings_until timestamptz,               -- of a call: then it is missed
    status text NOT NULL CHECK (status IN ('delivered', 'ringing', 'answered', 'missed')),
    answer text,
    answered_at timestamptz
);
CREATE INDEX handset_message_phone ON handset_message (phone, at DESC);
CREATE INDEX handset_message_at ON handset_message (at DESC);
CREATE INDEX handset_message_ringing ON handset_message (at) WHERE status = 'ringing';

-- Work for a caseworker; a visit is one.
CREATE TABLE task (
    id uuid PRIMARY KEY,                   -- from alert and step
    alert uuid NOT NULL REFERENCES alert,
    step integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('visit', 'review', 'maintenance', 'call_task')),
    household text NOT NULL REFERENCES household,
    area text NOT NULL,
    assignee text REFERENCES person,
    status text NOT NULL CHECK (status IN ('open', 'accepted', 'done', 'cancelled')),
    created_at timestamptz NOT NULL,
    due timestamptz NOT NULL,
    accepted_at timestamptz,
    accepted_by text,
    done_at timestamptz,
    done_by text,
    outcome text,
    note text,
    UNIQUE (alert, step)
);
CREATE INDEX task_open ON task (due) WHERE status IN ('open', 'accepted');
CREATE INDEX task_assignee ON task (assignee, due);
CREATE INDEX task_done ON task (done_at DESC);
CREATE INDEX task_visit ON task (created_at) WHERE kind = 'visit';

-- What the detectors learn: how an alert of theirs ended. `no`, `batch` and `learned_at` are null until they have.
CREATE TABLE verdict (
    alert uuid PRIMARY KEY REFERENCES alert,
    household text NOT NULL REFERENCES household,
    kind text NOT NULL,
    at timestamptz NOT NULL,               -- when the alert was closed
    real boolean NOT NULL,                 -- somebody needed help
    visited boolean NOT NULL,              -- somebody went there
    no bigint UNIQUE,                      -- the order in which they were learned
    batch bigint,                          -- the last batch of readings judged before
    learned_at timestamptz,
    CHECK ((no IS NULL) = (batch IS NULL) AND (no IS NULL) = (learned_at IS NULL))
);
CREATE INDEX verdict_not_learned ON verdict (at) WHERE no IS NULL;

-- One cause behind the silence of many homes. The same incident has the same id; it is told again as it grows and ends.
CREATE TABLE incident (
    id uuid PRIMARY KEY,                   -- from cause, gateway, onset and the area it was first seen in
    area text NOT NULL,                    -- '' where the homes have none
    cause text NOT NULL CHECK (cause IN ('power', 'water', 'radio', 'gateway')),
    source text NOT NULL DEFAULT '',       -- the gateway concerned
    onset timestamptz NOT NULL,            -- when it began
    raised_at timestamptz NOT NULL,        -- when it could be said
    ended_at timestamptz,
    homes integer NOT NULL,                -- affected
    homes_known integer NOT NULL,          -- of so many
    part_of uuid,                          -- the larger incident that it turned out to be part of
    facts jsonb NOT NULL                   -- what its sentence is made of
);
CREATE INDEX incident_raised ON incident (raised_at DESC, id);
CREATE INDEX incident_open ON incident (area text_pattern_ops) WHERE ended_at IS NULL;

-- Who may call the API. Only a hash of each token is kept.
CREATE TABLE token (
    hash bytea PRIMARY KEY,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('officer', 'caseworker', 'viewer', 'operator')),
    area text NOT NULL,                    -- '' is everywhere
    person text REFERENCES person ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz
);
