-- Many alerts at once, and one alert many times: storms, maintenance windows, flapping, merging, and a fair order of work.

ALTER TABLE alert ADD COLUMN woken_at timestamptz;          -- when its ladder last started
ALTER TABLE alert ADD COLUMN storm uuid;                    -- the storm that kept it quiet
ALTER TABLE alert ADD COLUMN flaps jsonb NOT NULL DEFAULT '[]';  -- when it began again lately, microseconds
ALTER TABLE alert ADD COLUMN part_of uuid REFERENCES alert; -- the alert it was merged into
ALTER TABLE alert ADD COLUMN rank smallint NOT NULL DEFAULT 0;   -- the higher, the sooner: alert_rank()
CREATE INDEX alert_woken ON alert (woken_at) WHERE storm IS NULL;
CREATE INDEX alert_storm ON alert (storm) WHERE storm IS NOT NULL;
CREATE INDEX alert_household ON alert (household, kind, closed_at DESC);

-- Who comes first when work is scarce: severity; then who asked for help, fire, and the most vulnerable household.
CREATE FUNCTION alert_rank(of_household text, severity smallint, kind text, helped boolean) RETURNS smallint
LANGUAGE sql STABLE AS $$
    SELECT (severity * 64 + helped::int * 32 + (kind = 'smoke')::int * 16
        + CASE household.risk WHEN 'high' THEN 8 WHEN 'medium' THEN 4 ELSE 0 END
        + CASE household.category WHEN 'disabled' THEN 3 WHEN 'elderly_alone' THEN 2 WHEN 'relief' THEN 1 ELSE 0 END
    )::smallint
    FROM household WHERE household.id = of_household
$$;
CREATE FUNCTION alert_ranked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.severity <> OLD.severity OR (NEW.help_at IS NULL) <> (OLD.help_at IS NULL) THEN
        NEW.rank := alert_rank(NEW.household, NEW.severity, NEW.kind, NEW.help_at IS NOT NULL);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER alert_ranked BEFORE INSERT OR UPDATE ON alert FOR EACH ROW EXECUTE FUNCTION alert_ranked();
UPDATE alert SET rank = alert_rank(household, severity, kind, help_at IS NOT NULL);

-- Steps and messages carry their alert's rank, so that an index finds the next of ten thousand.
ALTER TABLE step ADD COLUMN rank smallint NOT NULL DEFAULT 0;
ALTER TABLE notification ADD COLUMN rank smallint NOT NULL DEFAULT 0;
UPDATE step SET rank = alert.rank FROM alert WHERE alert.id = step.alert AND step.status = 'pending';
UPDATE notification SET rank = alert.rank FROM alert WHERE alert.id = notification.alert AND notification.status = 'queued';
CREATE INDEX step_next ON step (rank DESC, due) WHERE status = 'pending';
CREATE INDEX notification_next ON notification (rank DESC, next_attempt_at) WHERE status = 'queued';

CREATE FUNCTION take_rank() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT alert.rank INTO NEW.rank FROM alert WHERE alert.id = NEW.alert;
    RETURN NEW;
END $$;
CREATE TRIGGER step_ranked BEFORE INSERT ON step FOR EACH ROW EXECUTE FUNCTION take_rank();
CREATE TRIGGER notification_ranked BEFORE INSERT ON notification FOR EACH ROW EXECUTE FUNCTION take_rank();
CREATE FUNCTION pass_rank_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE step SET rank = NEW.rank WHERE alert = NEW.id AND status = 'pending';
    UPDATE notification SET rank = NEW.rank WHERE alert = NEW.id AND status = 'queued';
    RETURN NULL;
END $$;
CREATE TRIGGER alert_rank_changed AFTER UPDATE ON alert FOR EACH ROW WHEN (NEW.rank <> OLD.rank)
    EXECUTE FUNCTION pass_rank_on();

-- Many alerts of one kind in one area within minutes: one cause, one call list. Its incident has the same id.
CREATE TABLE storm (
    id uuid PRIMARY KEY,
    family text NOT NULL,                  -- a kind, or 'device': all that is a technician's
    area text NOT NULL,
    began_at timestamptz NOT NULL,
    heard_at timestamptz NOT NULL,         -- when an alert last joined
    told_at timestamptz,                   -- when the duty officer was last told
    held_by text,                          -- who has taken charge of it
    ended_at timestamptz,
    part_of uuid REFERENCES storm          -- the larger storm that it turned out to be part of
);
CREATE UNIQUE INDEX storm_open ON storm (family, area) WHERE ended_at IS NULL;
ALTER TABLE incident DROP CONSTRAINT incident_cause_check;
ALTER TABLE incident ADD CONSTRAINT incident_cause_check
    CHECK (cause IN ('power', 'water', 'radio', 'gateway', 'unknown'));

-- Announced work: what is raised within is kept quiet, and raised at its end if it is still so.
CREATE TABLE maintenance (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    area text NOT NULL,                    -- code prefix of the homes concerned
    household text REFERENCES household ON DELETE CASCADE,
    gateway text,
    kinds text[],                          -- NULL is every kind but smoke
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    CHECK (ends > starts)
);
CREATE INDEX maintenance_ends ON maintenance (ends);
