-- What readers of an area ask of devices and gateways, asked of narrow rows that say where they belong. Before, whether
-- a row might be seen was asked of each device behind a gateway, for each thing refused: of a district that took seconds.

LOCK TABLE household, device IN SHARE ROW EXCLUSIVE MODE; -- whoever registers something meanwhile waits for the triggers

-- Through which gateways an area is heard.
CREATE TABLE gateway_area (
    gateway text NOT NULL,
    area text NOT NULL,
    PRIMARY KEY (gateway, area)
);
CREATE INDEX gateway_area_area ON gateway_area (area text_pattern_ops);

CREATE FUNCTION place_gateways(areas text[]) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    DELETE FROM gateway_area g
    WHERE g.area = ANY (areas) AND NOT EXISTS (
        SELECT FROM household h JOIN device d ON d.household = h.id
        WHERE h.area = ANY (areas) AND h.area = g.area AND d.gateway = g.gateway);
    INSERT INTO gateway_area (gateway, area)
    SELECT DISTINCT d.gateway, h.area FROM household h JOIN device d ON d.household = h.id WHERE h.area = ANY (areas)
    ON CONFLICT DO NOTHING;
$$;
SELECT place_gateways(ARRAY(SELECT DISTINCT area FROM household));

-- Where a device that something is wrong with belongs, and through which gateway it is heard.
ALTER TABLE device_trouble ADD COLUMN household text, ADD COLUMN area text, ADD COLUMN gateway text;
UPDATE device_trouble t SET household = h.id, area = h.area, gateway = d.gateway
FROM device d JOIN household h ON h.id = d.household WHERE d.id = t.device;
DELETE FROM device_trouble WHERE area IS NULL; -- of a device that is gone
ALTER TABLE device_trouble
    ALTER COLUMN household SET NOT NULL, ALTER COLUMN area SET NOT NULL, ALTER COLUMN gateway SET NOT NULL;
CREATE INDEX device_trouble_area ON device_trouble (area text_pattern_ops, kind);

CREATE FUNCTION device_placed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    SELECT h.id, h.area, d.gateway INTO NEW.household, NEW.area, NEW.gateway
    FROM device d JOIN household h ON h.id = d.household WHERE d.id = NEW.device;
    IF NOT FOUND THEN
        RETURN NULL; -- it went this very moment: nothing is wrong with it any more
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER device_trouble_placed BEFORE INSERT ON device_trouble FOR EACH ROW
    WHEN (NEW.area IS NULL) EXECUTE FUNCTION device_placed();
-- What is told anew is told of where the device is by then.
CREATE TRIGGER device_trouble_placed_again BEFORE UPDATE OF since ON device_trouble FOR EACH ROW
    EXECUTE FUNCTION device_placed();

-- The triggers of 0022, which also say where gateways are heard, and move what is wrong along with whom it is wrong with.
CREATE OR REPLACE FUNCTION homes_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    moved text[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM count_homes(ARRAY(SELECT DISTINCT area FROM added));
    ELSIF TG_OP = 'DELETE' THEN
        moved := ARRAY(SELECT DISTINCT area FROM gone);
        PERFORM count_homes(moved), place_gateways(moved); -- its devices went before this is called
    ELSE
        moved := ARRAY(
            SELECT added.area FROM added JOIN gone USING (id) WHERE added.area <> gone.area
            UNION SELECT gone.area FROM added JOIN gone USING (id) WHERE added.area <> gone.area
        );
        IF moved <> '{}' THEN
            PERFORM count_homes(moved), place_gateways(moved);
            UPDATE alert_story s SET area = added.area FROM added WHERE s.household = added.id AND s.area <> added.area;
            UPDATE device_trouble t SET area = added.area FROM added JOIN device d ON d.household = added.id
            WHERE t.device = d.id AND t.area <> added.area;
        END IF;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION devices_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    homes text[];
    changed text[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO device_trouble (device, kind, rule, source, facts, household, area, gateway)
        SELECT added.id, 'unheard', '', added.id, '{}', h.id, h.area, added.gateway
        FROM added JOIN household h ON h.id = added.household;
        INSERT INTO gateway_area (gateway, area)
        SELECT DISTINCT added.gateway, h.area FROM added JOIN household h ON h.id = added.household
        ON CONFLICT DO NOTHING;
        PERFORM count_homes(ARRAY(SELECT DISTINCT h.area FROM added JOIN household h ON h.id = added.household));
    ELSIF TG_OP = 'DELETE' THEN
        DELETE FROM device_trouble USING gone WHERE device_trouble.device = gone.id;
        changed := ARRAY(SELECT DISTINCT h.area FROM gone JOIN household h ON h.id = gone.household);
        PERFORM count_homes(changed), place_gateways(changed);
    ELSE
        homes := ARRAY(
            SELECT unnest(ARRAY[added.household, gone.household]) FROM added JOIN gone USING (id)
            WHERE (added.household, added.gateway) <> (gone.household, gone.gateway)
        );
        -- The engine holds the homes whose findings it writes: what it is about to say of them is waited for.
        PERFORM FROM household h WHERE h.id = ANY (homes) ORDER BY h.id FOR NO KEY UPDATE;
        changed := ARRAY(SELECT DISTINCT h.area FROM household h WHERE h.id = ANY (homes));
        UPDATE device_trouble t SET household = h.id, area = h.area, gateway = added.gateway
        FROM added JOIN household h ON h.id = added.household
        WHERE t.device = added.id AND (t.household, t.gateway) <> (h.id, added.gateway);
        PERFORM count_homes(changed), place_gateways(changed);
    END IF;
    RETURN NULL;
END $$;

-- What is seen through a gateway (0019), and whether it speaks for homes out of scope (0022): asked of its areas.
CREATE OR REPLACE FUNCTION sees_gateway(which text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER COST 20 SET search_path FROM CURRENT AS $$
BEGIN
    RETURN EXISTS (SELECT FROM gateway_area g WHERE g.gateway = which AND in_scope(g.area));
END $$;
CREATE OR REPLACE FUNCTION elsewhere(of_gateway text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
RETURN EXISTS (SELECT FROM gateway_area g WHERE g.gateway = of_gateway AND in_scope(g.area) IS NOT TRUE);

CALL confine('gateway_area', 'in_scope(area)');
CALL confine('gateway_area', 'gateway = ANY ((SELECT vendors_gateways())::text[]) AND in_scope(area)', 'shouwang_vendor');
ALTER POLICY shouwang_reader ON device_trouble USING (in_scope(area));
ALTER POLICY shouwang_vendor ON device_trouble
    USING (gateway = ANY ((SELECT vendors_gateways())::text[]) AND in_scope(area));

-- Of which gateways anything was refused, as far as their reader sees them: asked once for each gateway, so that what is
-- read then is theirs. Each step goes on to the next gateway by the index, whatever lies between.
CREATE VIEW seen_refused_gateway WITH (security_barrier) AS
WITH RECURSIVE each AS (
    (SELECT gateway FROM quarantine ORDER BY gateway LIMIT 1)
    UNION ALL
    SELECT (SELECT next.gateway FROM quarantine next WHERE next.gateway > each.gateway ORDER BY next.gateway LIMIT 1)
    FROM each WHERE each.gateway IS NOT NULL
)
SELECT gateway FROM each
WHERE gateway IS NOT NULL
  AND (current_setting('role') <> 'shouwang_vendor' OR gateway = ANY ((SELECT vendors_gateways())::text[]))
  AND ((SELECT in_scope('')) OR sees_gateway(gateway));
GRANT SELECT ON seen_refused_gateway TO shouwang_reader, shouwang_vendor;

-- Homes in scope where somebody lives whose name has some words in it: a name is no condition that PostgreSQL would ask
-- of a row before it is known to be seen, and to ask that of everybody takes longer. The names are read from their index;
-- `OFFSET 0` has it look for the home of each that was found, and not first at all homes.
CREATE INDEX person_living ON person (name, household) WHERE role = 'resident';
CREATE FUNCTION homes_of(words text) RETURNS SETOF text LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
BEGIN ATOMIC
    SELECT p.household FROM person p
    WHERE p.role = 'resident' AND position(lower(words) IN lower(p.name)) > 0
      AND EXISTS (SELECT FROM household h WHERE h.id = p.household AND in_scope(h.area) OFFSET 0)
      AND current_setting('role') <> 'shouwang_vendor';
END;

-- Everybody in scope by role: staff of an area, residents, and whom their homes name. Asked of the homes, which of a
-- district is quicker than to look for the few among everybody by id; of a city it is not.
CREATE FUNCTION people_in_scope() RETURNS TABLE (id text, role text)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
BEGIN ATOMIC
    SELECT one.id, one.role FROM (
        SELECT p.id, p.role FROM person p WHERE in_scope(p.area)
        UNION
        SELECT p.id, p.role FROM household h JOIN person p ON p.household = h.id WHERE in_scope(h.area)
        UNION
        SELECT p.id, p.role FROM household h JOIN contact c ON c.household = h.id JOIN person p ON p.id = c.person
        WHERE in_scope(h.area)
    ) one
    WHERE current_setting('role') <> 'shouwang_vendor';
END;

-- The tasks of an area with few homes are found by these.
CREATE INDEX task_household ON task (household);
