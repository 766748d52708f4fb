-- What people saw and did, in a chain: each row's hash covers the row and the hash before it.

CREATE TABLE audit_event (
    seq bigint PRIMARY KEY,
    at timestamptz NOT NULL,               -- the server's own clock, whatever time a town has
    actor text NOT NULL,                   -- person:ID, account:NAME or token:NAME; '' nobody known
    role text NOT NULL,
    action text NOT NULL,                  -- viewed, listed, reveal, export, sign-in, acknowledge …
    area text,                             -- of the household at the time; null is about nobody's home
    household text,                        -- no reference: the trail outlives what it tells of
    alert uuid,
    detail jsonb NOT NULL,
    address text NOT NULL,                 -- where the request came from, '' unknown
    hash bytea NOT NULL
);
CREATE INDEX audit_event_household ON audit_event (household, seq) WHERE household IS NOT NULL;
CREATE INDEX audit_event_area ON audit_event (area text_pattern_ops, seq);
CREATE INDEX audit_event_actor ON audit_event (actor, seq);

-- Where the chain ends: who appends waits here for whoever appends; rows removed from the end are missed.
CREATE TABLE audit_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    seq bigint NOT NULL,
    hash bytea NOT NULL
);
INSERT INTO audit_head (seq, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

CREATE FUNCTION audit_hash(before bytea, e audit_event) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(before || convert_to(jsonb_build_array(
        e.seq, (extract(epoch FROM e.at) * 1000000)::bigint, e.actor, e.role, e.action, e.area, e.household, e.alert,
        e.detail, e.address
    )::text, 'UTF8'))
$$;

CREATE FUNCTION audit_chained() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before bytea;
BEGIN
    SELECT seq + 1, hash INTO NEW.seq, before FROM audit_head FOR UPDATE;
    NEW.hash := audit_hash(before, NEW);
    UPDATE audit_head SET seq = NEW.seq, hash = NEW.hash;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_event_chained BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_chained();

CREATE FUNCTION audit_refused() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is only ever added to';
END $$;
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    EXECUTE FUNCTION audit_refused();
