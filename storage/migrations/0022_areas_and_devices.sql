-- What the map and the devices' room ask of a city of a million sensors, kept as it changes instead of being counted anew.

-- The shapes of areas on a map: GeoJSON, a MultiPolygon of [longitude, latitude] in WGS 84.
CREATE TABLE area_shape (
    area text PRIMARY KEY REFERENCES area ON DELETE CASCADE,
    shape jsonb NOT NULL
);

-- How many homes an area has by itself, and how many of these no device is registered for.
CREATE TABLE area_home (
    area text PRIMARY KEY,
    homes integer NOT NULL,
    unequipped integer NOT NULL
);

-- SECURITY DEFINER, here and below: what is counted is true for everybody, whoever registers a home.
CREATE FUNCTION count_homes(areas text[]) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    DELETE FROM area_home WHERE area = ANY (areas) AND NOT EXISTS (SELECT FROM household h WHERE h.area = area_home.area);
    INSERT INTO area_home (area, homes, unequipped)
    SELECT h.area, count(*), count(*) FILTER (WHERE NOT EXISTS (SELECT FROM device d WHERE d.household = h.id))
    FROM household h
    WHERE h.area = ANY (areas)
    GROUP BY h.area
    ON CONFLICT (area) DO UPDATE SET homes = excluded.homes, unequipped = excluded.unequipped;
$$;

-- The triggers that count up the registry's version let one writer in at a time; by their names these follow them.
CREATE FUNCTION homes_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM count_homes(ARRAY(SELECT DISTINCT area FROM added));
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM count_homes(ARRAY(SELECT DISTINCT area FROM gone));
    ELSE
        PERFORM count_homes(ARRAY(
            SELECT added.area FROM added JOIN gone USING (id) WHERE added.area <> gone.area
            UNION SELECT gone.area FROM added JOIN gone USING (id) WHERE added.area <> gone.area
        ));
        UPDATE alert_story s SET area = added.area FROM added WHERE s.household = added.id AND s.area <> added.area;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER household_counted AFTER INSERT ON household REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION homes_changed();
CREATE TRIGGER household_counted_again AFTER UPDATE ON household REFERENCING OLD TABLE AS gone NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION homes_changed();
CREATE TRIGGER household_counted_off AFTER DELETE ON household REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION homes_changed();

-- What is wrong with a device at this moment: what its detectors raised last and have not cleared. `unheard` is a device
-- that has never reported anything; the other kinds are those of detectors.finding.Kind.
CREATE TABLE device_trouble (
    device text NOT NULL,                  -- no reference, which would ask for each of a million; see `device_gone`
    kind text NOT NULL CHECK (kind IN ('unheard', 'offline', 'battery', 'clock', 'stuck', 'tamper')),
    rule text NOT NULL,
    source text NOT NULL,                  -- the device, or the one of its sensors concerned
    since timestamptz,                     -- when it began: of a silent device when it was last heard, null: it never was
    facts jsonb NOT NULL,                  -- what its sentence is made of
    PRIMARY KEY (device, kind, rule, source)
);
CREATE INDEX device_trouble_kind ON device_trouble (kind, since, device);

CREATE FUNCTION devices_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO device_trouble (device, kind, rule, source, facts) SELECT id, 'unheard', '', id, '{}' FROM added;
        PERFORM count_homes(ARRAY(SELECT DISTINCT h.area FROM added JOIN household h ON h.id = added.household));
    ELSIF TG_OP = 'DELETE' THEN
        DELETE FROM device_trouble USING gone WHERE device_trouble.device = gone.id;
        PERFORM count_homes(ARRAY(SELECT DISTINCT h.area FROM gone JOIN household h ON h.id = gone.household));
    ELSE
        PERFORM count_homes(ARRAY(
            SELECT DISTINCT h.area FROM household h
            WHERE h.id IN (
                SELECT unnest(ARRAY[added.household, gone.household]) FROM added JOIN gone USING (id)
                WHERE added.household <> gone.household
            )
        ));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER device_counted AFTER INSERT ON device REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION devices_changed();
CREATE TRIGGER device_counted_again AFTER UPDATE ON device REFERENCING OLD TABLE AS gone NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION devices_changed();
CREATE TRIGGER device_counted_off AFTER DELETE ON device REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION devices_changed();

-- A sensor comes into being when its device is first heard.
CREATE FUNCTION device_heard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM device_trouble USING added WHERE device_trouble.device = added.device AND device_trouble.kind = 'unheard';
    RETURN NULL;
END $$;
CREATE TRIGGER sensor_heard AFTER INSERT ON sensor REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION device_heard();

-- Told twice or out of order it comes to the same: what began last counts, and its own end ends it.
CREATE FUNCTION device_told() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.phase = 'cleared' THEN
        DELETE FROM device_trouble t
        WHERE (t.device, t.kind, t.rule, t.source) = (split_part(NEW.source, '/', 1), NEW.kind, NEW.rule, NEW.source)
          AND t.since <= NEW.onset;
    ELSE
        INSERT INTO device_trouble AS t (device, kind, rule, source, since, facts)
        SELECT d.id, NEW.kind, NEW.rule, NEW.source, NEW.onset, NEW.facts
        FROM device d
        WHERE d.id = split_part(NEW.source, '/', 1) AND NOT EXISTS (
            SELECT FROM finding f
            WHERE (f.household, f.kind, f.rule, f.source, f.onset, f.phase)
                = (NEW.household, NEW.kind, NEW.rule, NEW.source, NEW.onset, 'cleared'))
        ON CONFLICT (device, kind, rule, source) DO UPDATE SET since = excluded.since, facts = excluded.facts
        WHERE t.since <= excluded.since;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER finding_of_a_device AFTER INSERT ON finding FOR EACH ROW
    WHEN (NEW.kind IN ('offline', 'battery', 'clock', 'stuck', 'tamper')) EXECUTE FUNCTION device_told();

-- How long people waited for what, of each alert: what its events, messages and visits come to, so that how an area
-- performs is read from one narrow row for each alert. Answered is what a person did first: took it, took its task on,
-- closed it, or gave an answer that was understood. Over is when nothing was left to answer: it ended by itself.
CREATE TABLE alert_story (
    alert uuid PRIMARY KEY,                -- no reference: `alert_forgotten` keeps it
    household text NOT NULL,
    area text NOT NULL,
    kind text NOT NULL,
    severity smallint NOT NULL,
    open boolean NOT NULL,
    quiet boolean NOT NULL,                -- over before it arrived, or expected: nobody waited
    outcome text,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    answered_at timestamptz,
    over_at timestamptz,
    waited boolean NOT NULL DEFAULT false, -- it was kept quiet first: what follows is counted from when its ladder started
    started_at timestamptz,
    told_at timestamptz,                   -- when the first message went out
    visit_asked_at timestamptz,
    visited_at timestamptz
);
CREATE INDEX alert_story_opened ON alert_story (opened_at);
CREATE INDEX alert_story_household ON alert_story (household);

CREATE FUNCTION alert_begun() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO alert_story (alert, household, area, kind, severity, open, quiet, outcome, opened_at, closed_at)
    SELECT NEW.id, h.id, h.area, NEW.kind, NEW.severity, NEW.status <> 'closed', NEW.suppressed_why IS NOT NULL,
        NEW.outcome, NEW.opened_at, NEW.closed_at
    FROM household h WHERE h.id = NEW.household;
    RETURN NULL;
END $$;
CREATE TRIGGER alert_told_of AFTER INSERT ON alert FOR EACH ROW EXECUTE FUNCTION alert_begun();

CREATE FUNCTION alert_forgotten() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM alert_story WHERE NOT EXISTS (SELECT FROM alert WHERE alert.id = alert_story.alert);
    RETURN NULL;
END $$;
CREATE TRIGGER alert_told_no_more AFTER DELETE OR TRUNCATE ON alert
    FOR EACH STATEMENT EXECUTE FUNCTION alert_forgotten();

CREATE FUNCTION alert_gone_on() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE alert_story SET kind = NEW.kind, severity = NEW.severity, open = NEW.status <> 'closed',
        quiet = NEW.suppressed_why IS NOT NULL, outcome = NEW.outcome, opened_at = NEW.opened_at, closed_at = NEW.closed_at
    WHERE alert = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER alert_told_on AFTER UPDATE ON alert FOR EACH ROW
    WHEN ((OLD.kind, OLD.severity, OLD.status, OLD.suppressed_why, OLD.outcome, OLD.opened_at, OLD.closed_at)
        IS DISTINCT FROM
        (NEW.kind, NEW.severity, NEW.status, NEW.suppressed_why, NEW.outcome, NEW.opened_at, NEW.closed_at))
    EXECUTE FUNCTION alert_gone_on();

-- Each of these changes one row by its key, whatever there is of it beside: no plan of theirs is bad in an empty house.
CREATE FUNCTION alert_lived() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    CASE
        WHEN NEW.kind IN ('acknowledged', 'task_accepted') OR NEW.kind = 'closed' AND NEW.actor <> 'system'
                OR NEW.kind = 'answered' AND NEW.detail ->> 'meaning' <> 'unclear' THEN
            UPDATE alert_story SET answered_at = least(answered_at, NEW.at) WHERE alert = NEW.alert;
        WHEN NEW.kind IN ('returned', 'closed') THEN
            UPDATE alert_story SET over_at = least(over_at, NEW.at) WHERE alert = NEW.alert;
        WHEN NEW.kind = 'suppressed' AND NEW.detail ->> 'why' <> 'cap' THEN
            UPDATE alert_story SET waited = true WHERE alert = NEW.alert;
        WHEN NEW.kind = 'ladder_started' THEN
            UPDATE alert_story SET started_at = least(started_at, NEW.at) WHERE alert = NEW.alert;
        ELSE NULL;
    END CASE;
    RETURN NULL;
END $$;
CREATE TRIGGER alert_event_lived AFTER INSERT ON alert_event FOR EACH ROW
    WHEN (NEW.kind IN ('acknowledged', 'task_accepted', 'answered', 'closed', 'returned', 'suppressed', 'ladder_started'))
    EXECUTE FUNCTION alert_lived();

CREATE FUNCTION alert_passed_on() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE alert_story SET told_at = least(told_at, NEW.sent_at) WHERE alert = NEW.alert;
    RETURN NULL;
END $$;
CREATE TRIGGER notification_sent AFTER INSERT ON notification FOR EACH ROW WHEN (NEW.sent_at IS NOT NULL)
    EXECUTE FUNCTION alert_passed_on();
CREATE TRIGGER notification_sent_later AFTER UPDATE OF sent_at ON notification FOR EACH ROW
    WHEN (NEW.sent_at IS NOT NULL AND OLD.sent_at IS DISTINCT FROM NEW.sent_at) EXECUTE FUNCTION alert_passed_on();

CREATE FUNCTION alert_visited() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE alert_story
    SET visit_asked_at = least(visit_asked_at, NEW.created_at), visited_at = least(visited_at, NEW.done_at)
    WHERE alert = NEW.alert;
    RETURN NULL;
END $$;
CREATE TRIGGER task_visit_asked AFTER INSERT ON task FOR EACH ROW WHEN (NEW.kind = 'visit' AND NOT NEW.follow_up)
    EXECUTE FUNCTION alert_visited();
CREATE TRIGGER task_visit_made AFTER UPDATE ON task FOR EACH ROW
    WHEN (NEW.kind = 'visit' AND NOT NEW.follow_up AND OLD.done_at IS DISTINCT FROM NEW.done_at)
    EXECUTE FUNCTION alert_visited();

-- What is there already.
INSERT INTO alert_story (alert, household, area, kind, severity, open, quiet, outcome, opened_at, closed_at, answered_at,
    over_at, waited, started_at, told_at, visit_asked_at, visited_at)
SELECT a.id, h.id, h.area, a.kind, a.severity, a.status <> 'closed', a.suppressed_why IS NOT NULL, a.outcome, a.opened_at,
    a.closed_at, told.answered_at, told.over_at, coalesce(told.waited, false), told.started_at,
    (SELECT min(n.sent_at) FROM notification n WHERE n.alert = a.id),
    visit.asked_at, visit.visited_at
FROM alert a
JOIN household h ON h.id = a.household
LEFT JOIN (
    SELECT e.alert,
           min(e.at) FILTER (WHERE e.kind IN ('acknowledged', 'task_accepted')
               OR (e.kind = 'answered' AND e.detail ->> 'meaning' <> 'unclear')
               OR (e.kind = 'closed' AND e.actor <> 'system')) AS answered_at,
           min(e.at) FILTER (WHERE e.kind = 'returned' OR (e.kind = 'closed' AND e.actor = 'system')) AS over_at,
           bool_or(e.kind = 'suppressed' AND e.detail ->> 'why' <> 'cap') AS waited,
           min(e.at) FILTER (WHERE e.kind = 'ladder_started') AS started_at
    FROM alert_event e
    GROUP BY e.alert
) told ON told.alert = a.id
CROSS JOIN LATERAL (
    SELECT min(t.created_at) AS asked_at, min(t.done_at) AS visited_at FROM task t
    WHERE t.alert = a.id AND t.kind = 'visit' AND NOT t.follow_up
) visit;
SELECT count_homes(ARRAY(SELECT DISTINCT area FROM household));
INSERT INTO device_trouble (device, kind, rule, source, facts)
SELECT d.id, 'unheard', '', d.id, '{}' FROM device d WHERE NOT EXISTS (SELECT FROM sensor s WHERE s.device = d.id);
INSERT INTO device_trouble (device, kind, rule, source, since, facts)
SELECT DISTINCT ON (d.id, f.kind, f.rule, f.source) d.id, f.kind, f.rule, f.source, f.onset, f.facts
FROM finding f JOIN device d ON d.id = split_part(f.source, '/', 1)
WHERE f.kind IN ('offline', 'battery', 'clock', 'stuck', 'tamper') AND f.phase = 'raised' AND NOT EXISTS (
    SELECT FROM finding later
    WHERE (later.household, later.kind, later.rule, later.source) = (f.household, f.kind, f.rule, f.source)
      AND later.phase = 'cleared' AND later.onset >= f.onset)
ORDER BY d.id, f.kind, f.rule, f.source, f.onset DESC;

-- Which device a refusal is about, '' where its message does not tell; and the index that refusals are counted from.
ALTER TABLE quarantine ADD COLUMN device text NOT NULL DEFAULT '';
CREATE INDEX quarantine_counted ON quarantine (gateway, device, reason, at);

-- False visits of an area in a time.
CREATE INDEX verdict_visited ON verdict (at) INCLUDE (household, real) WHERE visited;

-- What pages may read of this (0019), vendors of what concerns their gateways.
CALL confine('area_shape', 'in_scope(area) OR around_scope(area)');
CALL confine('area_home', 'in_scope(area)');
CALL confine('alert_story', 'in_scope(area)');
CALL confine('device_trouble', $$ (SELECT in_scope('')) OR sees_device(device) $$);
CALL confine('device_trouble', 'EXISTS (SELECT FROM device d WHERE d.id = device_trouble.device)', 'shouwang_vendor');

-- The last readings of each sensor of a device, the newest first, and when they were heard, where that is still known.
-- Vendors see those of their own gateways, which they have sent themselves.
CREATE FUNCTION last_readings(of_device text, most integer)
RETURNS TABLE (quantity text, "time" timestamptz, value double precision, use double precision, heard_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT s.quantity, r.time, r.value, r.use, b.received_at
    FROM device d
    JOIN household h ON h.id = d.household
    JOIN sensor s ON s.device = d.id
    CROSS JOIN LATERAL (
        SELECT one.time, one.value, one.use, one.batch FROM reading one
        WHERE one.sensor = s.id ORDER BY one.time DESC LIMIT most
    ) r
    LEFT JOIN batch b ON b.id = r.batch
    WHERE d.id = of_device AND in_scope(h.area)
      AND (current_setting('role') <> 'shouwang_vendor' OR d.gateway = ANY (vendors_gateways()));
END;

-- Whether a gateway speaks for homes out of scope, too: what it sends may then tell of them.
CREATE FUNCTION elsewhere(of_gateway text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
RETURN EXISTS (
    SELECT FROM device d JOIN household h ON h.id = d.household
    WHERE d.gateway = of_gateway AND in_scope(h.area) IS NOT TRUE
);
