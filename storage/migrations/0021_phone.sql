-- The caseworker's phone: where a visit stands, what was asked twice, and what a phone keeps.

ALTER TABLE task ADD COLUMN set_out_at timestamptz;     -- of who has accepted it
ALTER TABLE task ADD COLUMN arrived_at timestamptz;

-- Where a home is, if anybody has said so: an address in other words, and sealed like one.
ALTER TABLE household ADD COLUMN coordinates text NOT NULL DEFAULT '';

-- Requests that are done once however often they are sent. Who sends the same again waits for the first one's end.
CREATE TABLE receipt (
    caller text NOT NULL,                  -- actor
    key uuid NOT NULL,                     -- made by whoever sends it
    request bytea NOT NULL,                -- SHA-256 of what was asked: a key stands for one request
    at timestamptz NOT NULL,
    status smallint,                       -- what was answered, null while it is being done
    answer jsonb,
    PRIMARY KEY (caller, key)
);
CREATE INDEX receipt_at ON receipt (at);

-- What a phone's unsent notes are sealed with: forgotten there at sign-out, and given again to the same person only.
CREATE TABLE phone_seal (
    person text PRIMARY KEY REFERENCES person ON DELETE CASCADE,
    key bytea NOT NULL CHECK (length(key) = 32)
);

-- Whose phone has been shown which task, with its address and telephone numbers: once on the audit trail, not at every look.
CREATE TABLE phone_shown (
    task uuid REFERENCES task ON DELETE CASCADE,
    person text REFERENCES person ON DELETE CASCADE,
    PRIMARY KEY (task, person)
);
