-- The second net below every query's own `%(scope)s`: pages read as the role `shouwang_reader`, to which the database
-- shows one area and nothing else. A query that forgets its scope then shows nobody anything that is not theirs; a
-- table that is not granted here, nobody. A gateway's vendor reads as `shouwang_vendor`, who is shown devices and little
-- else. Whoever owns the tables (engine, escalation, commands) is not concerned.
-- docs/decisions/0601-row-security.md says why so, and docs/production.md what it needs of the server.

DO $do$
DECLARE
    reader text;
    -- Since 16 one may be a member of a role, and grant it, without being allowed to take it.
    taking constant text :=
        CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
    FOREACH reader IN ARRAY ARRAY['shouwang_reader', 'shouwang_vendor'] LOOP
        BEGIN
            IF to_regrole(reader) IS NULL THEN
                BEGIN
                    EXECUTE format('CREATE ROLE %I NOLOGIN', reader);
                EXCEPTION WHEN duplicate_object OR unique_violation THEN
                    NULL;                  -- roles are the whole server's: another database of ours was faster
                END;
            END IF;
            IF NOT pg_has_role(current_user, reader, taking) THEN
                EXECUTE format('GRANT %I TO %I', reader, current_user);
            END IF;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE EXCEPTION '% may neither create nor take the role %, as which pages read: have a superuser run '
                '"CREATE ROLE %; GRANT % TO %", then migrate again', current_user, reader, reader, reader, current_user
                USING ERRCODE = 'insufficient_privilege';
        END;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), reader);
    END LOOP;
END $do$;

-- The reader's area is the setting `shouwang.scope`, a code prefix, '' everywhere; `shouwang.scope_end` is what all codes
-- that begin so come before. Where nothing is set, or no longer, the end is null or '': nothing lies before it.
CREATE FUNCTION in_scope(code text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN code ~>=~ current_setting('shouwang.scope', true) AND code ~<~ current_setting('shouwang.scope_end', true);

-- What befalls a city befalls each of its streets.
CREATE FUNCTION around_scope(code text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN code <> '' AND starts_with(current_setting('shouwang.scope', true), code);

-- Later migrations call this for each table that pages read.
CREATE PROCEDURE confine(which regclass, condition text, reader text DEFAULT 'shouwang_reader', columns text DEFAULT '')
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', which);
    EXECUTE format('CREATE POLICY %I ON %s FOR SELECT TO %I USING (%s)', reader, which, reader, condition);
    EXECUTE format('GRANT SELECT %s ON %s TO %I', columns, which, reader);
END $$;

-- What a reader sees, for the conditions below, asked of the tables themselves as their owner: a condition that read them as
-- the reader would have their conditions in it, and those others again. Conditions are planned with each query, these
-- functions once in a session; where a query looks at hundreds of rows, to plan costs less than to call (`home_in_scope`).
CREATE VIEW home_in_scope AS SELECT id FROM household WHERE in_scope(area);
DO $do$
DECLARE
    asked record;
BEGIN
    FOR asked IN
        SELECT * FROM (VALUES
            ('sees_home', 'home text', '%1$I.household h WHERE h.id = home'),
            ('sees_alert', 'which uuid',
                '%1$I.alert a JOIN %1$I.household h ON h.id = a.household WHERE a.id = which'),
            ('sees_message', 'which uuid',
                '%1$I.notification n JOIN %1$I.alert a ON a.id = n.alert JOIN %1$I.household h ON h.id = a.household '
                'WHERE n.id = which'),
            ('sees_device', 'which text',
                '%1$I.device d JOIN %1$I.household h ON h.id = d.household WHERE d.id = which'),
            ('sees_gateway', 'which text',
                '%1$I.device d JOIN %1$I.household h ON h.id = d.household WHERE d.gateway = which'),
            ('sees_contact', 'who text',
                '%1$I.contact c JOIN %1$I.household h ON h.id = c.household WHERE c.person = who'),
            ('sees_staff', 'who text', '%1$I.person h WHERE h.id = who')
        ) AS asked (name, given, found)
    LOOP
        EXECUTE format($sql$
            CREATE FUNCTION %s(%s) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER COST 20 AS $body$
            BEGIN
                RETURN EXISTS (SELECT FROM %s AND %I.in_scope(h.area));
            END $body$
        $sql$, asked.name, asked.given, format(asked.found, current_schema()), current_schema());
    END LOOP;
END $do$;

-- Who is who: names for what other tables say of people in part ('person:ID'). By that nobody can be looked up in `person`
-- itself without going through all of it: what a row that may not be seen is compared with must tell nothing of it, and
-- PostgreSQL knows that of `=`, but not of `substring`. These views are no such barrier.
CREATE VIEW seen_staff AS
SELECT p.id, p.name, p.role, p.area FROM person p
WHERE p.area IS NOT NULL AND (in_scope(p.area) OR around_scope(p.area));
CREATE VIEW seen_person AS
SELECT p.id, p.name, p.role, p.household, p.area, p.language FROM person p
WHERE in_scope('')
    OR CASE WHEN p.area IS NOT NULL THEN in_scope(p.area) OR around_scope(p.area)
            ELSE sees_home(p.household) OR sees_contact(p.id) END;

GRANT SELECT ON home_in_scope, seen_staff, seen_person TO shouwang_reader;

-- Each condition asks first whether everything is in scope, once for a query and not for each row: that is its `SELECT`.
-- `OFFSET 0` has it look each home up: else PostgreSQL may first put together all that are in scope, which of a city takes
-- longer than the rows of a page.

-- registry ---------------------------------------------------------------------------------------------------

CALL confine('area', 'in_scope(code) OR around_scope(code)');
CALL confine('household', 'in_scope(area)');
-- Staff of the areas around are who answers for this one too; a contact is whose household names them.
CALL confine('person', $$
    (SELECT in_scope(''))
    OR CASE WHEN area IS NOT NULL THEN in_scope(area) OR around_scope(area)
            ELSE sees_home(household) OR sees_contact(id) END
$$);
CALL confine('contact', $$
    (SELECT in_scope('')) OR EXISTS (SELECT FROM home_in_scope h WHERE h.id = contact.household OFFSET 0)
$$);
CALL confine('absence', $$
    (SELECT in_scope('')) OR EXISTS (SELECT FROM home_in_scope h WHERE h.id = absence.household OFFSET 0)
$$);
CALL confine('device', $$
    (SELECT in_scope('')) OR EXISTS (SELECT FROM home_in_scope h WHERE h.id = device.household OFFSET 0)
$$);
CALL confine('sensor', $$ (SELECT in_scope('')) OR sees_device(device) $$);

-- telemetry --------------------------------------------------------------------------------------------------

CALL confine('quarantine', $$ (SELECT in_scope('')) OR sees_gateway(gateway) $$);

-- TimescaleDB has no row security for what is compressed, so `reading` and its aggregates are not granted at all. They
-- are read through a view and functions that ask for the sensor's household themselves, with and without TimescaleDB.
CREATE VIEW seen_reading WITH (security_barrier) AS
SELECT r.sensor, r.time, r.value, r.use, r.flags, r.batch
FROM reading r
JOIN sensor s ON s.id = r.sensor
JOIN device d ON d.id = s.device
JOIN household h ON h.id = d.household
WHERE in_scope(h.area);
GRANT SELECT ON seen_reading TO shouwang_reader;

CREATE FUNCTION sensor_in_scope(whose integer) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (
    SELECT FROM sensor s
    JOIN device d ON d.id = s.device
    JOIN household h ON h.id = d.household
    WHERE s.id = whose AND in_scope(h.area)
);

DO $do$
DECLARE
    grain text;
BEGIN
    FOREACH grain IN ARRAY ARRAY['readings', 'quarters', 'hours', 'days'] LOOP
        EXECUTE format('ALTER FUNCTION %1$s_of RENAME TO %1$s_of_any', grain);
        EXECUTE format($sql$
            CREATE FUNCTION %1$s_of(whose integer, since timestamptz, until timestamptz)
            RETURNS TABLE (bucket timestamptz, readings bigint, use double precision,
                           low double precision, high double precision, total double precision)
            LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
            BEGIN ATOMIC
                SELECT part.* FROM %1$s_of_any(whose, since, until) AS part WHERE sensor_in_scope(whose);
            END
        $sql$, grain);
    END LOOP;
END $do$;

-- alerts -----------------------------------------------------------------------------------------------------

CALL confine('alert', $$
    (SELECT in_scope('')) OR EXISTS (SELECT FROM home_in_scope h WHERE h.id = alert.household OFFSET 0)
$$);
CALL confine('finding', $$
    (SELECT in_scope('')) OR EXISTS (SELECT FROM home_in_scope h WHERE h.id = finding.household OFFSET 0)
$$);
CALL confine('verdict', $$
    (SELECT in_scope('')) OR EXISTS (SELECT FROM home_in_scope h WHERE h.id = verdict.household OFFSET 0)
$$);
CALL confine('task', $$
    (SELECT in_scope('')) OR EXISTS (SELECT FROM home_in_scope h WHERE h.id = task.household OFFSET 0)
$$);
CALL confine('alert_event', $$ (SELECT in_scope('')) OR sees_alert(alert) $$);
CALL confine('step', $$ (SELECT in_scope('')) OR sees_alert(alert) $$);
CALL confine('notification', $$ (SELECT in_scope('')) OR sees_alert(alert) $$);
CALL confine('twilio_event', $$ (SELECT in_scope('')) OR sees_message(notification) $$);
CALL confine('opted_out', 'EXISTS (SELECT FROM seen_person p WHERE p.id = opted_out.person)');
CALL confine('wrong_address', 'EXISTS (SELECT FROM seen_person p WHERE p.id = wrong_address.person)');
CALL confine('audit_event', $$ in_scope(coalesce(area, '')) $$);

-- What tells of the service itself is no household's: it is in the scope of whoever got it. That it is not about a home
-- out of scope has to be asked of all messages.
CREATE FUNCTION tells_of_the_service(message uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
RETURN NOT EXISTS (SELECT FROM notification n WHERE n.id = message);
CALL confine('handset_message', $$
    (SELECT in_scope('')) OR sees_message(id) OR sees_staff(person) AND tells_of_the_service(id)
$$);

CALL confine('incident', 'in_scope(area) OR around_scope(area)');
CALL confine('incident_share', 'EXISTS (SELECT FROM incident i WHERE i.id = incident_share.incident)');
CALL confine('storm', 'in_scope(area) OR around_scope(area)');
CALL confine('maintenance', 'in_scope(area) OR household IS NULL AND around_scope(area)');
CALL confine('oncall_schedule', 'in_scope(area)');
CALL confine('oncall_override', 'EXISTS (SELECT FROM oncall_schedule s WHERE s.id = oncall_override.schedule)');
CALL confine('oncall_handover', 'EXISTS (SELECT FROM oncall_schedule s WHERE s.id = oncall_handover.schedule)');

-- What is wrong with the service concerns everybody; the households it names only those who see everything.
CREATE VIEW seen_service_alert WITH (security_barrier) AS
SELECT id, kind, since, count, CASE WHEN in_scope('') THEN detail END AS detail, ended_at
FROM service_alert WHERE current_setting('shouwang.scope_end', true) <> '';
GRANT SELECT ON seen_service_alert TO shouwang_reader;

-- Somebody entered as a contact whom no household names yet belongs to no area, so anybody may name them first.
CREATE FUNCTION named_by_nobody(contact text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
RETURN EXISTS (SELECT FROM person p WHERE p.id = named_by_nobody.contact AND p.role = 'contact')
    AND NOT EXISTS (SELECT FROM contact c WHERE c.person = named_by_nobody.contact);

-- vendors ----------------------------------------------------------------------------------------------------

-- Their scope is an area and the gateways of `shouwang.gateways`, an array. Of a home behind one of them they learn where it
-- lies, by whose clock it lives and no more: the other columns are not granted.
CREATE FUNCTION vendors_gateways() RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('shouwang.gateways', true), '')::text[];

CREATE FUNCTION behind_vendors_gateways(home text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
RETURN EXISTS (SELECT FROM device d WHERE d.household = home AND d.gateway = ANY (vendors_gateways()));

CALL confine('area', 'in_scope(code) OR around_scope(code)', 'shouwang_vendor');
CALL confine('household', 'in_scope(area) AND behind_vendors_gateways(id)', 'shouwang_vendor', '(id, area, zone)');
CALL confine('device', $$
    gateway = ANY ((SELECT vendors_gateways())::text[])
    AND EXISTS (SELECT FROM household h WHERE h.id = device.household)
$$, 'shouwang_vendor');
CALL confine('sensor', 'EXISTS (SELECT FROM device d WHERE d.id = sensor.device)', 'shouwang_vendor');
CALL confine('quarantine', $$
    gateway = ANY ((SELECT vendors_gateways())::text[])
    AND ((SELECT in_scope('')) OR EXISTS (SELECT FROM device d WHERE d.gateway = quarantine.gateway))
$$, 'shouwang_vendor');
