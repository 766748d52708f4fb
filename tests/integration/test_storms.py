"""Ten thousand alarms at once: one incident, one call list, and a fire among them is told at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from psycopg_pool import ConnectionPool

from alerts import desk
from alerts.channels.handset import HandsetChannel
from alerts.escalation import STORMS, take
from alerts.ladders.policy_file import built_in
from alerts.model import Status, Suppression
from detectors.finding import Finding, Kind, Severity
from registry.instants import HOUR, MINUTE, SECOND, to_datetime
from storage.alerts.book import PostgresAlertBook, books_on
from storage.database import open_pool
from storage.sealing import sealed
from tests.alerts_rounds import deliver_due, run_due
from tests.alerts_tables import Tables, settle_street
from tests.alerts_world import HOME, NOON, finding

_MANY = 10_000
_FEW = 120
_COMMUNITY = "440103001"


class Street:
    """A community of many flats, its escalation loop, and what lies in the tables."""

    def __init__(self, pool: ConnectionPool) -> None:
        self.pool = pool
        self.books = books_on(pool)
        self.tables = Tables(pool)
        self.channels = {"handset": HandsetChannel(self.books)}
        self.policies = built_in()

    def flats(self, number: int, area: str = _COMMUNITY, prefix: str = "flat") -> list[str]:
        """Register so many households with a resident each; every hundredth depends on the supply."""
        names = [f"{prefix}-{at:05}" for at in range(number)]
        with self.pool.connection() as conn, conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO household (id, area, zone, language, category, risk, caseworker) "
                "VALUES (%s, %s, 'Asia/Shanghai', 'zh_CN', %s, %s, 'wang')",
                [(name, area, *(("disabled", "high") if not at % 100 else ("other", "low")))
                 for at, name in enumerate(names)],
            )  # fmt: skip
            cursor.executemany(
                "INSERT INTO person (id, name, role, household, phone, language, channel) "
                "VALUES (%s, %s, 'resident', %s, %s, 'zh_CN', 'sms')",
                [
                    (f"of-{name}", "陈", name, sealed("person.phone", f"of-{name}", f"+86139{at:08}"))
                    for at, name in enumerate(names)
                ],
            )
            cursor.execute("ANALYZE household")
        return names

    def takes(self, *findings: Finding, now: int = NOON) -> list[object]:
        with self.books() as book:
            return list(take(book, findings, now, self.policies))

    def climbs(self, now: int, rounds: int = 10_000) -> None:
        for _ in range(rounds):
            with self.books() as book:
                ran = run_due(book, now, 50)
            if not ran + deliver_due(self.books, self.channels, now):
                return

    def counts(self) -> Counter[str]:
        rows = self.tables.rows("SELECT status, suppressed_why FROM alert")
        return Counter(row["suppressed_why"] or row["status"] for row in rows)

    def incidents(self) -> list[dict[str, object]]:
        return self.tables.rows("SELECT * FROM incident WHERE part_of IS NULL ORDER BY raised_at")


@pytest.fixture
def street(database: str) -> Iterator[Street]:
    with open_pool(database, size=4) as pool:
        with pool.connection() as conn:
            settle_street(conn)
        yield Street(pool)


def test_ten_thousand_alarms_are_one_incident_and_a_fire_among_them_is_told_first(street: Street) -> None:
    flats = street.flats(_MANY)
    street.takes(*[finding(household=one, severity=Severity.HIGH) for one in flats])
    street.takes(finding(Kind.SMOKE, onset=NOON, severity=Severity.URGENT))

    # The very next things that are done are the fire's, though ten thousand timers and a hundred calls are waiting.
    with street.books() as book:
        run_due(book, NOON, 1)
    assert deliver_due(street.books, street.channels, NOON, 1) == 1
    [first] = street.tables.all_messages()
    assert (first.person, first.medium.value) == ("li", "call")

    street.climbs(NOON)
    fire = next(one for one in street.tables.all_alerts() if one.household == HOME)
    others = [one for one in street.tables.all_notifications() if one.alert != fire.id]
    assert 1 <= len(others) <= 20
    assert {one.person for one in others} == {"zhao"}
    assert str(_MANY) in others[0].text
    assert street.counts() == {"storm": _MANY, "unacknowledged": 1}
    [incident] = street.incidents()
    assert (incident["cause"], incident["area"], incident["homes"]) == ("unknown", _COMMUNITY, _MANY)
    # One call list: those whose life hangs on the supply, in somebody's tasks; nobody is sent a message for each.
    tasks = [one for one in street.tables.all_tasks() if one.alert != fire.id]
    assert {one.kind.value for one in tasks} == {"call_task"}
    assert len(tasks) == _MANY // 100


def test_what_is_told_again_changes_nothing_and_a_later_one_joins(street: Street) -> None:
    flats = street.flats(_FEW)
    told = [finding(household=one) for one in flats]
    street.takes(*told[:-1])
    before = street.tables.rows("SELECT * FROM storm"), street.tables.all_alerts()
    assert street.takes(*told[:-1]) == []
    assert (street.tables.rows("SELECT * FROM storm"), street.tables.all_alerts()) == before
    street.takes(told[-1], now=NOON + MINUTE)  # alone in its transaction
    assert street.counts() == {"storm": _FEW}
    assert len(street.incidents()) == 1


def test_what_had_begun_to_climb_before_it_was_a_storm_is_called_back(street: Street) -> None:
    flats = street.flats(_FEW)
    street.takes(*[finding(household=one) for one in flats[:20]])
    assert street.counts() == {"unacknowledged": 20}
    with street.books() as book:
        held = desk.acknowledge(book, street.tables.all_alerts()[0].id, "person:wang", NOON)
    street.takes(*[finding(household=one) for one in flats[20:]], now=NOON + SECOND)
    street.climbs(NOON + SECOND)
    assert street.counts() == {"storm": _FEW - 1, "acknowledged": 1}
    assert held.held_by == "person:wang"
    assert {one.person for one in street.tables.all_notifications()} == {"zhao"}


def test_neither_fire_nor_help_nor_what_is_urgent_is_swallowed(street: Street) -> None:
    flats = street.flats(_FEW)
    street.takes(*[finding(household=one) for one in flats[:-2]])
    street.takes(
        finding(household=flats[-2], severity=Severity.URGENT), finding(Kind.SMOKE, household=flats[-1], onset=NOON)
    )
    assert street.counts() == {"storm": _FEW - 2, "unacknowledged": 2}
    # One that waits and becomes urgent climbs at once.
    street.takes(finding(household=flats[0], severity=Severity.URGENT, onset=NOON - 12 * HOUR))
    assert street.counts() == {"storm": _FEW - 3, "unacknowledged": 3}


def test_what_is_still_so_when_the_storm_is_over_is_raised_a_few_a_minute_and_the_neediest_first(
    street: Street,
) -> None:
    flats = street.flats(_FEW)
    street.takes(*[finding(household=one) for one in flats])
    over = [finding(household=one, cleared=True, onset=NOON - 12 * HOUR) for one in flats[60:100]]
    street.takes(*over, now=NOON + MINUTE)
    assert street.counts() == {"storm": _FEW}  # those that are over keep the reason why they told nobody
    for minute in range(5):
        street.climbs(NOON + minute * MINUTE)
    end = NOON + STORMS.within
    street.climbs(end)
    [incident] = street.incidents()
    assert incident["ended_at"] == to_datetime(end)
    climbing = [one for one in street.tables.all_alerts() if one.status is Status.UNACKNOWLEDGED]
    assert len(climbing) == STORMS.a_minute
    assert {"flat-00000", "flat-00100"} <= {one.household for one in climbing}
    street.climbs(end + MINUTE)
    street.climbs(end + 8 * MINUTE)
    waiting = [one for one in street.tables.all_alerts() if one.status is Status.SUPPRESSED]
    assert waiting == []
    ended = [one for one in street.tables.all_alerts() if one.status is Status.CLOSED]
    assert {one.outcome for one in ended} == {"ended_by_itself"}
    assert len(ended) == 40
    assert len(street.incidents()) == 1  # raising them is no storm of its own


def test_storms_of_one_kind_in_several_communities_are_one_of_the_area_around_them(street: Street) -> None:
    with street.pool.connection() as conn:
        conn.execute("INSERT INTO area (code, level, name) VALUES ('550101', 'district', '')")
        for at in range(4):
            conn.execute("INSERT INTO area (code, level, name) VALUES (%s, 'community', '')", (f"55010100{at}",))
    flats = [one for at in range(4) for one in street.flats(40, f"55010100{at}", f"part{at}")]
    street.takes(*[finding(household=one) for one in flats])
    street.climbs(NOON)
    assert street.counts() == {"storm": 160}
    [incident] = street.incidents()
    assert (incident["area"], incident["homes_known"]) == ("550101", 160)


def test_other_areas_and_other_kinds_are_told_as_ever(street: Street) -> None:
    flats = street.flats(_FEW)
    street.takes(*[finding(household=one) for one in flats])
    street.takes(finding(Kind.LEAK, household=flats[0]), finding(household="nobody-known"))
    assert street.counts() == {"storm": _FEW, "unacknowledged": 2}


def test_who_answers_the_call_takes_charge_of_the_storm_and_is_not_called_again(street: Street) -> None:
    flats = street.flats(_FEW)
    street.takes(*[finding(household=one) for one in flats])
    street.climbs(NOON)
    message = next(one for one in street.tables.all_messages() if one.medium.value == "sms")
    with street.books() as book:
        desk.answer(book, message.id, "4", NOON + MINUTE)
    [storm] = street.tables.rows("SELECT held_by FROM storm")
    assert storm["held_by"] == "person:zhao"
    assert street.counts() == {"storm": _FEW}  # the home it was told of waits for its turn as the others do


def test_while_nobody_takes_charge_the_duty_officer_is_told_again(street: Street) -> None:
    flats = street.flats(_FEW)
    street.takes(*[finding(household=one) for one in flats[:100]])
    told = []
    for minute in range(17):
        now = NOON + minute * MINUTE
        if minute % 4 == 3:  # it goes on
            street.takes(finding(household=flats[100 + minute], at=now), now=now)
        street.climbs(now)
        told.append(len(street.tables.all_notifications()))
    assert told == [2] * 15 + [4] * 2


def test_work_is_done_in_the_fair_order(street: Street) -> None:
    """Severity first, then who asked for help, fire, and the most vulnerable household; among equals the oldest."""
    homes = {
        "a-low": ("elderly_alone", "low"),
        "b-medium": ("other", "medium"),
        "c-high": ("other", "high"),
        "d-alone": ("elderly_alone", "high"),
        "e-disabled": ("disabled", "high"),
    }
    with street.pool.connection() as conn:
        for name, (category, risk) in homes.items():
            conn.execute(
                "INSERT INTO household (id, area, zone, language, category, risk, caseworker) "
                "VALUES (%s, %s, 'Asia/Shanghai', 'zh_CN', %s, %s, 'wang')",
                (name, _COMMUNITY, category, risk),
            )
    street.takes(*[finding(Kind.ANOMALY, household=one) for one in homes])
    severe = finding(Kind.TAMPER, household="a-low", severity=Severity.HIGH, at=NOON + SECOND)
    fire = finding(Kind.SMOKE, household="a-low", severity=Severity.HIGH, at=NOON + 2 * SECOND)
    street.takes(severe, now=NOON + SECOND)
    street.takes(fire, now=NOON + 2 * SECOND)
    done = []
    while True:
        with street.books() as book:
            due = book.next_due(NOON + 2 * SECOND)
            if due is None:
                break
            alert = book.find(due.alert)
            assert alert is not None
            done.append((alert.household, alert.kind.value))
            book.put_aside(due, NOON + HOUR)
    assert done == [
        ("a-low", "smoke"),
        ("a-low", "tamper"),
        ("e-disabled", "anomaly"),
        ("d-alone", "anomaly"),
        ("c-high", "anomaly"),
        ("b-medium", "anomaly"),
        ("a-low", "anomaly"),
    ]


def test_what_grows_worse_moves_up_with_what_it_has_planned(street: Street) -> None:
    flats = street.flats(2)
    street.takes(*[finding(Kind.ANOMALY, household=one) for one in flats])
    street.takes(finding(Kind.ANOMALY, household=flats[1], severity=Severity.HIGH))
    with street.books() as book:
        due = book.next_due(NOON)
        assert due is not None
        alert = book.find(due.alert)
    assert alert is not None
    assert alert.household == flats[1]


@pytest.mark.parametrize("many", [1, 10_000])
def test_findings_taken_one_by_one_and_all_at_once_make_the_same_alerts(
    street: Street, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresAlertBook, "many", many)
    flats = street.flats(30)
    raised = [finding(household=one, severity=Severity.LOW) for one in flats]
    worse = [finding(household=one, at=NOON + 1, onset=NOON - 12 * HOUR) for one in flats[:10]]
    over = [finding(household=one, at=NOON + 2, onset=NOON - 12 * HOUR, cleared=True) for one in flats[5:20]]
    anew = [finding(household=one, at=NOON + 3, onset=NOON + 3) for one in flats[15:20]]
    with street.pool.connection() as conn:
        conn.execute(
            "INSERT INTO absence (household, starts, ends) VALUES ('flat-00029', %s, %s)",
            (to_datetime(NOON - HOUR), to_datetime(NOON + HOUR)),
        )
    street.takes(*raised, *worse, *over, *anew, *raised, now=NOON + 4)
    found = [
        (one.household, one.status.value, one.severity.label, one.suppressed_why, one.event_count, one.step_count)
        for one in sorted(street.tables.all_alerts(), key=lambda one: one.household)
    ]
    assert len(found) == 30
    assert found[0][1:4] == ("unacknowledged", "medium", None)
    assert found[7][1] == "returned"
    assert found[12][1] == "closed"
    assert found[17][1] == "unacknowledged"
    assert found[29][1:4] == ("suppressed", "low", Suppression.ABSENCE)
    for alert in street.tables.all_alerts():
        assert alert.step_count == len(street.tables.all_steps(alert.id))
        assert [one.seq for one in street.tables.all_events(alert.id)] == list(range(1, alert.event_count + 1))
