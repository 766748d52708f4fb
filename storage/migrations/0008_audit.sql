-- What is wrong with the service itself, and that somebody looks.

-- A flaw for as long as it lasts; of each kind at most one is open. Rows stay as a record.
CREATE TABLE service_alert (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind text NOT NULL,                    -- alerts.audit.Flaw
    since timestamptz NOT NULL,            -- engine clock when the auditor first saw it
    count integer NOT NULL,                -- how many alerts, steps, messages or tasks are concerned
    detail text NOT NULL,                  -- names the first few: for operators only
    told_at timestamptz,                   -- when duty officers were told, or it was found that none can be
    ended_at timestamptz
);
CREATE UNIQUE INDEX service_alert_one_open ON service_alert (kind) WHERE ended_at IS NULL;
CREATE INDEX service_alert_since ON service_alert (since DESC);

-- The newest round of the auditor. It tells whether anybody audits, and how an engine's clock relates to the real one.
CREATE TABLE audit_round (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    at timestamptz NOT NULL,               -- engine clock
    real_at timestamptz NOT NULL,          -- the server's own
    speed double precision NOT NULL,       -- seconds of the engine's clock in a real one
    flaws integer NOT NULL
);

-- The auditor looks at what ran lately.
CREATE INDEX step_ran ON step (ran_at) WHERE ran_at IS NOT NULL;
