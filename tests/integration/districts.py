"""Two districts of one town in which everything has happened, each with marks that nobody of the other may ever see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.types.json import Jsonb

from alerts.escalation import take
from alerts.ladders.policy_file import built_in
from alerts.oncall.schedule_file import parse
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from registry.instants import HOUR, to_micros
from registry.model import Contact, Person, Registry
from storage import oncall, registry, tokens, trail
from storage.alerts.book import PostgresAlertBook
from tests.integration.dashboards_site import EAST, NOON, TOWN, WEST, Site

_SCHEDULE = """
[{name}]
name = "{title} desk"
area = "{area}"
zone = "Asia/Shanghai"
[[{name}.rotations]]
people = ["{caseworker}"]
shift = "1 day"
starts = 2026-11-02
"""

# Everything that pages read and that raising an alert does not bring about.
_BEFALLEN = (
    "UPDATE household SET note = %(mark)s || ' note' WHERE id = %(household)s",
    """INSERT INTO absence (household, starts, ends, reason)
       VALUES (%(household)s, %(now)s + interval '1 day', %(now)s + interval '2 days', %(mark)s || ' reason')""",
    """INSERT INTO quarantine (digest, at, gateway, topic, payload, reason, place, detail)
       VALUES (%(mark)s::bytea, %(now)s, %(gateway)s, 'telemetry/' || %(gateway)s || '/senml',
               (%(mark)s || ' payload')::bytea,
               'unknown_device', '[0].n', %(mark)s || ' detail')""",
    """INSERT INTO finding (household, kind, rule, source, onset, phase, severity, time, score, facts)
       VALUES (%(household)s, 'offline', 'offline', %(device)s, %(now)s, 'raised', 1, %(now)s, 1,
               jsonb_build_object('template', 'offline', 'heard_at', 0, 'lasted', 90000.0, 'limit', 86400.0,
                                  'gaps', 0, 'usual', 900.0))""",
    """INSERT INTO twilio_event (sid, what, at, notification, phone, said)
       VALUES (%(mark)s, 'voice', %(now)s, %(message)s, '', '')""",
    """INSERT INTO area_shape
       VALUES (%(area)s, '{"type": "MultiPolygon", "coordinates": [[[[0, 0], [0, 1], [1, 1], [0, 0]]]]}')""",
    "INSERT INTO opted_out VALUES (%(resident)s, 'twilio', 'sms', %(now)s)",
    "INSERT INTO wrong_address VALUES (%(contact)s, 'twilio', %(mark)s::bytea, %(now)s)",
    """INSERT INTO verdict (alert, household, kind, at, real, visited)
       VALUES (%(alert)s, %(household)s, 'inactivity', %(now)s, false, true)""",
    """INSERT INTO storm (id, family, area, began_at, heard_at, ended_at)
       VALUES (%(incident)s, 'inactivity', %(area)s, %(now)s, %(now)s, %(now)s)""",
    """INSERT INTO incident (id, area, cause, source, onset, raised_at, homes, homes_known, facts)
       VALUES (%(incident)s, %(area)s, 'gateway', %(gateway)s, %(now)s, %(now)s, 7, 9,
               jsonb_build_object('template', 'incident_gateway', 'gateway', %(gateway)s::text, 'homes', 7, 'of', 9,
                                  'devices', 7, 'since_at', 0, 'by_chance', 1e10, 'lasted', 1800.0))""",
    """INSERT INTO incident_share (id, incident, area, onset, homes, homes_known, devices)
       VALUES (%(incident)s, %(incident)s, %(area)s, %(now)s, 7, 9, 7)""",
    """INSERT INTO oncall_override (id, schedule, level, person, starts, ends, note, entered_by, entered_at)
       VALUES (%(override)s, %(schedule)s, 1, %(caseworker)s, %(now)s + interval '1 day', %(now)s + interval '2 days',
               %(mark)s || ' swap', 'system', %(now)s)""",
    """INSERT INTO oncall_handover (schedule, level, at, coming, alert, told_at)
       VALUES (%(schedule)s, 1, %(now)s, %(caseworker)s, %(alert)s, %(now)s)""",
)
_WORK = """
INSERT INTO maintenance (area, household, gateway, starts, ends, reason, made_by, made_at)
VALUES (%(area)s, NULL, %(gateway)s, %(now)s + interval '1 day', %(now)s + interval '2 days', %(mark)s || ' pipes',
        'system', %(now)s)
RETURNING id
"""
_EMPTY = (
    "DELETE FROM household WHERE id = %(household)s",
    "DELETE FROM person WHERE id = %(caseworker)s",
    "DELETE FROM area WHERE code = %(area)s",
)


@dataclass(slots=True)
class District:
    """What is to be found in a district, by the names that addresses give it."""

    mark: str
    code: str
    household: str
    resident: str
    resident_name: str
    address: str
    phone: str
    caseworker: str
    caseworker_name: str
    device: str
    gateway: str
    contact: str
    contact_phone: str
    alert: UUID | None = None
    task: UUID | None = None
    message: UUID | None = None
    number: int = 0
    calendar: str = ""
    incident: UUID = field(default_factory=lambda: UUID(int=0))
    override: UUID = field(default_factory=lambda: UUID(int=0))

    @property
    def schedule(self) -> str:
        """The id of its schedule."""
        return f"{self.mark.lower()}-desk"

    def marks(self) -> tuple[str, ...]:
        """Return what nobody outside may see: names, numbers, addresses, ids, and what masking leaves of a number."""
        found = {str(getattr(self, one.name)) for one in fields(self) if one.name not in ("number", "resident")}
        found |= {self.schedule, f"*{self.phone[-4:]}", f"*{self.contact_phone[-4:]}"}
        return tuple(sorted(found - {"None", ""}))


def west() -> District:
    """Return the district whose people ask."""
    return District(
        "Zephyria", WEST, "hh-1", "r-1", "Mrs Chen", "1 West Street", "+8613812340001", "cw-west", "Li Wei", "meter-1",
        "gw-west", "niece-of-zephyria", "+8613812348811", incident=UUID(int=0x11), override=UUID(int=0x12),
    )  # fmt: skip


def east() -> District:
    """Return the district that is none of theirs."""
    return District(
        "Orientalia", EAST, "hh-3", "r-3", "吴奶奶", "东街 3 号", "+8613812340003", "cw-east", "Zhao Min", "meter-3",
        "gw-east", "niece-of-orientalia", "+8613812347733",
        incident=UUID("eeeeeeee-0000-4000-8000-000000000001"), override=UUID("eeeeeeee-0000-4000-8000-000000000002"),
    )  # fmt: skip


def nowhere() -> District:
    """Return a district that there is not, nor anything of it."""
    texts = (f"nowhere-{number}" for number in range(13))
    mark, code, household, resident, name, address, _, caseworker, other, device, gateway, contact, _ = texts
    return District(
        mark, code, household, resident, name, address, "+8613899999999", caseworker, other, device, gateway, contact,
        "+8613899999998", uuid4(), uuid4(), uuid4(), 10**9, "nowhere", uuid4(), uuid4(),
    )  # fmt: skip


def emptied(site: Site, district: District) -> None:
    """Take a district out of the registry, as if there had never been one."""
    with site.pool.connection() as conn:
        for sql in _EMPTY:
            conn.execute(sql, _values(district))


def befallen(site: Site) -> tuple[District, District]:
    """Return West and East, with everything that happened there."""
    both = west(), east()
    for one in both:
        befall(site, one)
    return both


def befall(site: Site, district: District) -> None:
    """Let everything happen in a district that the service knows of, and remember it there."""
    with site.pool.connection() as conn:
        registry.save(conn, _registered(district))
        oncall.save(conn, parse(_SCHEDULE.format(
            name=district.schedule, title=district.mark, area=district.code, caseworker=district.caseworker
        ), "file"))  # fmt: skip
        district.calendar = tokens.create(conn, tokens.CALENDAR, district.code, f"calendar of {district.mark}")
    district.alert, _ = (_raised(site, district, kind) for kind in (Kind.INACTIVITY, Kind.LEAK))
    begun = site.now
    site.pass_time(20)
    site.now = begun
    site.store(district.device, "volume", [(NOON - timedelta(hours=n), 1000.0 + n, 1.0, 0) for n in range(1, 30)])
    with site.pool.connection() as conn:
        district.task = _one(conn, "SELECT id FROM task WHERE alert = %s", district.alert)
        district.message = _one(
            conn, "SELECT id FROM notification WHERE alert = %s AND role = 'resident' LIMIT 1", district.alert
        )
        registry.add_person(
            conn,
            Person(district.contact, f"{district.mark} niece", "contact", None, None, district.contact_phone, "en"),
        )
        registry.add_contact(conn, Contact(district.household, 2, district.contact, f"{district.mark} relation"))
        for sql in _BEFALLEN:
            conn.execute(sql, _values(district))
        district.number = conn.execute(_WORK, _values(district)).fetchone()[0]  # type: ignore[index] # it returns one
        trail.record(
            conn, actor=f"person:{district.caseworker}", role="caseworker", action="reveal", alert=district.alert,
            detail={"reason": f"{district.mark} reason"},
        )  # fmt: skip


def _registered(district: District) -> Registry:
    """Return the registry of a district, which may have been emptied."""
    households = tuple(one for one in TOWN.households if one.area.startswith(district.code))
    homes = {one.id for one in households}
    return Registry(
        areas=tuple(one for one in TOWN.areas if one.code.startswith(district.code)),
        households=households,
        people=tuple(
            one for one in TOWN.people if one.household in homes or (one.area or "").startswith(district.code)
        ),
        devices=tuple(one for one in TOWN.devices if one.household in homes),
    )


def _raised(site: Site, district: District, kind: Kind) -> UUID:
    now = to_micros(site.now)
    facts: dict[str, Fact] = {
        "template": "low_use", "limit": 10.0, "window": 43200.0, "used": 0.0, "since_at": now - 12 * HOUR,
        "lasted": 43200.0, "longest": 32400.0, "times": 0, "days": 30.0,
    }  # fmt: skip
    finding = Finding(
        district.household, kind, "shanghai-12h", f"{district.device}/volume", Phase.RAISED, Severity.HIGH,
        now - 12 * HOUR, now, 1.0, facts,
    )  # fmt: skip
    with site.pool.connection() as conn, conn.transaction():
        [alert] = take(PostgresAlertBook(conn), [finding], now, built_in())
    return alert


def _one(conn: Connection[Any], sql: str, alert: UUID | None) -> UUID:
    row = conn.execute(sql.encode(), [alert]).fetchone()
    assert row is not None, sql
    found: UUID = row[0]
    return found


def _values(district: District) -> Mapping[str, object]:
    every = {one.name: getattr(district, one.name) for one in fields(district)}
    return {**every, "area": district.code, "schedule": district.schedule, "now": NOON, "json": Jsonb({})}
