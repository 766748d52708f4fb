"""A blackout from the gateway's messages to the caseworker's list and the board: one incident, one call, no alarm."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from alerts.escalation import take
from alerts.ladders.policy_file import built_in
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from detectors.incident import Cause, Incident
from ingest.records import Message
from registry.instants import HOUR, MINUTE, to_micros
from registry.model import Absence, Area, Device, Household, Person, Registry
from shouwang.engine import Engine
from storage import incidents
from storage.alerts.book import PostgresAlertBook
from storage.database import connect
from storage.sealing import opened
from tests.alerts_rounds import run_due
from tests.integration.dashboards_site import EAST, NOON, WEST, Site, open_site
from tests.integration.engine_house import START, HandClock, Told, at_work, pack, rows, settle

HOMES = tuple(f"hh-{number:02d}" for number in range(30))
AT_RISK = HOMES[3]
QUARTER = timedelta(minutes=15)

STREET = Registry(
    areas=(Area("4401", "city", "Guangzhou"), Area("440101", "district", "West")),
    households=tuple(
        Household(
            home, "440101", "Asia/Shanghai", "en", "disabled" if home == AT_RISK else "elderly_alone", "high", "", "cw"
        )
        for home in HOMES
    ),
    people=(Person("cw", "Li Wei", "caseworker", None, "440101", "+8613812340021", "en"),),
    devices=tuple(Device(f"{kind}-{home}", home, "gw-1") for home in HOMES for kind in ("wm", "em")),
    absences=(Absence(HOMES[7], START, START + timedelta(days=2)),),
)


def quarter(number: int, *, dark: bool = False) -> Message:
    """Return what the gateway of the street says after so many quarters of an hour; in the dark meters are silent."""
    told = []
    for place, home in enumerate(HOMES):
        at = START + number * QUARTER + timedelta(seconds=place)
        told.append(Told(f"wm-{home}/volume", at, 1000.0 + 3 * number))
        if not dark:
            told.append(Told(f"em-{home}/energy", at, 5000.0 + 40 * number, "Wh"))
    return pack(*told, gateway="gw-1")


def live(engine: Engine, clock: HandClock, first: int, last: int, *, dark: bool = False) -> None:
    for number in range(first, last):
        clock.moment = START + number * QUARTER + timedelta(minutes=1)
        engine.process([quarter(number, dark=dark)])
        clock.forward(minutes=9)
        engine.tick()


def test_a_blackout_is_one_incident_and_one_call(database: str) -> None:
    settle(database, STREET)
    clock = HandClock()
    with at_work(database, clock, "default") as engine:
        live(engine, clock, 0, 16)
        live(engine, clock, 16, 19, dark=True)
    begun = rows(database, "SELECT cause, area, homes, homes_known, ended_at FROM incident")
    assert begun == [("power", "440101", 30, 30, None)]
    with connect(database) as conn, conn.transaction():
        run_due(PostgresAlertBook(conn), to_micros(clock.moment))

    with at_work(database, clock, "default") as engine:  # a restart in the middle of it
        assert len(engine._roster.sensors.outages.state()) == 30
        live(engine, clock, 19, 22, dark=True)
        live(engine, clock, 22, 25)
        assert not any(end > to_micros(clock.moment) for [(_, end)] in engine._roster.sensors.outages.state().values())

    [(onset, raised, ended)] = rows(database, "SELECT onset, raised_at, ended_at FROM incident")
    assert onset == START + 15 * QUARTER + timedelta(seconds=28)
    assert raised - (START + 16 * QUARTER) <= timedelta(minutes=30)
    assert timedelta() < ended - (START + 22 * QUARTER) <= timedelta(minutes=15)
    assert rows(database, "SELECT household, kind FROM alert") == [(AT_RISK, "outage")]
    [(kind, assignee, status, wait)] = rows(
        database, "SELECT kind, assignee, status, extract(epoch FROM due - created_at)::int FROM task"
    )
    assert (kind, assignee, status, wait) == ("call_task", "cw", "open", 1800)
    [(key, person, text)] = rows(database, "SELECT id, person, text FROM notification")
    assert person == "cw"
    assert "The electricity has failed here" in opened("notification.text", key, text)


def test_the_engine_knows_areas_gateways_absences_and_who_depends_on_the_supply(database: str) -> None:
    settle(database, STREET)
    clock = HandClock()
    with at_work(database, clock, "default") as engine:
        live(engine, clock, 0, 1)
        known = engine._roster.sensors
        assert set(known.areas) == {"440101"}
        assert set(known.gateways) == {"gw-1"}
        assert known.places == ["4401", "440101"]
        assert {known.households[at] for at in known.dependent} == {AT_RISK}
        away = known.household_number(HOMES[7])
        assert known.absences.state() == {away: [(to_micros(START), to_micros(START + timedelta(days=2)))]}


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


def incident(area: str = WEST, phase: Phase = Phase.RAISED, onset: datetime = NOON, homes: int = 40) -> Incident:
    begin = to_micros(onset)
    facts: dict[str, str | float | int] = {
        "template": "incident_power", "homes": homes, "of": 50, "since_at": begin, "devices": 0,
        "by_chance": 1e10, "lasted": 1800.0,
    }  # fmt: skip
    time = begin + (30 * MINUTE if phase is Phase.RAISED else 2 * HOUR)
    return Incident(Cause.POWER, area, "", phase, begin, time, homes, 50, area, facts)


def save(site: Site, *told: Incident) -> None:
    with site.pool.connection() as conn, conn.transaction():
        incidents.save(conn, told)


def test_an_incident_told_again_is_brought_up_to_date(site: Site) -> None:
    save(site, incident(), incident(homes=48))
    [shown] = site.get("/api/v1/incidents")["items"]
    assert (shown["homes"], shown["homes_known"], shown["status"], shown["ended_at"]) == (48, 50, "open", None)
    assert shown["raised_at"] == "2026-11-05T04:30:00Z"
    assert shown["sentence"].startswith("No electricity in 48 of 50 homes since about Thu 12:00: ")
    save(site, incident(phase=Phase.CLEARED), incident())
    [shown] = site.get("/api/v1/incidents")["items"]
    assert (shown["status"], shown["ended_at"]) == ("ended", "2026-11-05T06:00:00Z")


def test_an_alert_leads_to_the_incident_that_explains_it(site: Site) -> None:
    blackout = incident()
    save(site, blackout)
    alert = site.alert()
    now = to_micros(site.now)
    back = Finding(
        "hh-1", Kind.INACTIVITY, "shanghai-12h", "meter-1/volume", Phase.CLEARED, Severity.HIGH, now - 12 * HOUR, now,
        0.0, {"reason": "incident", "incident": str(blackout.id)},
    )  # fmt: skip
    with site.pool.connection() as conn, conn.transaction():
        take(PostgresAlertBook(conn), [back], now, built_in())
    shown = site.get(f"/api/v1/alerts/{alert}")
    assert (shown["status"], shown["outcome"], shown["incident"]) == ("closed", "part_of_another", str(blackout.id))
    [listed] = site.get(f"/api/v1/alerts?storm={blackout.id}")["items"]
    assert listed["id"] == str(alert)
    page = site.client.get(f"/alerts/{alert}", headers=site.token("officer"))
    assert f'href="/incidents/{blackout.id}"' in page.text


def test_incidents_are_seen_from_within_and_around_but_not_from_beside(site: Site) -> None:
    save(site, incident(WEST))
    seen = {area: len(site.get("/api/v1/incidents", "viewer", area)["items"]) for area in ("4401", f"{WEST}01", EAST)}
    assert seen == {"4401": 1, f"{WEST}01": 1, EAST: 0}
    assert site.get(f"/api/v1/incidents?area={EAST}")["items"] == []
    assert len(site.get(f"/api/v1/incidents?area={WEST}01")["items"]) == 1


def test_incidents_come_in_pages(site: Site) -> None:
    save(site, *(incident(onset=NOON + timedelta(hours=n)) for n in range(5)))
    save(site, incident(onset=NOON, phase=Phase.CLEARED))
    assert len(site.get("/api/v1/incidents?status=open")["items"]) == 4
    assert len(site.get("/api/v1/incidents?status=ended")["items"]) == 1
    page = site.get("/api/v1/incidents?limit=3")
    rest = site.get(page["next"])
    onsets = [one["onset"] for one in page["items"] + rest["items"]]
    assert onsets == sorted(onsets, reverse=True)
    assert len(set(onsets)) == 5
    assert rest["next"] is None


def test_the_board_shows_what_befell_an_area_while_it_lasts(site: Site) -> None:
    save(site, incident())
    headers = {**site.token("viewer", f"{WEST}01"), "Accept-Language": "zh-CN"}
    assert "50 户中有 40 户停电" in site.client.get("/", headers=headers).text
    assert "No electricity in 40 of 50 homes" in site.client.get("/parts/alerts", headers=site.token("viewer")).text
    assert "户停电" not in site.client.get("/", headers={**headers, **site.token("viewer", EAST)}).text
    save(site, incident(phase=Phase.CLEARED))
    assert "户停电" not in site.client.get("/", headers=headers).text


def outage(site: Site, household: str, cause: Cause = Cause.POWER) -> UUID:
    """Raise what an incident says of a home where somebody depends on the supply, and return the alert's id."""
    now = to_micros(site.now)
    facts: dict[str, Fact] = {
        "template": f"outage_{cause}", "homes": 40, "of": 50, "since_at": now, "by_chance": 1e10, "lasted": 0.0,
    }  # fmt: skip
    told = Finding(household, Kind.OUTAGE, "incidents", cause.value, Phase.RAISED, Severity.HIGH, now, now, 1.0, facts)
    with site.pool.connection() as conn, conn.transaction():
        [alert] = take(PostgresAlertBook(conn), [told], now, built_in())
    return alert


def banner(site: Site, role: str = "operator", area: str = "", language: str = "en") -> str:
    """Return what the board says of incidents, above the alerts."""
    headers = {**site.token(role, area), "Accept-Language": language}
    return site.client.get("/parts/alerts", headers=headers).text.partition('<h1 class="count"')[0]


def test_the_board_names_the_homes_that_depend_on_what_failed(site: Site) -> None:
    alerts = [outage(site, home) for home in ("hh-1", "hh-2")]
    outage(site, "hh-3")
    save(site, incident())
    shown = banner(site)
    assert "40 of 50 homes" in shown
    assert "Somebody depends on the supply in 2 homes" in shown
    assert [f'href="/alerts/{alert}"' in shown for alert in alerts] == [True, True]
    assert "hh-3" not in shown, "that is another area's"
    answer = site.client.post(f"/api/v1/alerts/{alerts[0]}/acknowledge", headers=site.token("officer", person="do-1"))
    assert answer.status_code == 200
    shown = banner(site)
    assert shown.index("hh-2") < shown.index("hh-1"), "whom nobody looks after comes first"
    assert "Taken by Officer Huang" in shown
    assert "其中 2 户有人依赖供应" in banner(site, language="zh-CN")
    assert "depends on" not in banner(site, "viewer", EAST)


def test_an_outage_of_another_cause_is_not_laid_to_an_incident(site: Site) -> None:
    outage(site, "hh-1", Cause.WATER)
    save(site, incident())
    assert "40 of 50 homes" in banner(site)
    assert "depends on" not in banner(site)
