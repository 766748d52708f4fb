"""One cause behind many silences is one incident, of the right kind, at the right place, since the right time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.area_incidents import AreaIncidents
from detectors.areas.chance import tail
from detectors.areas.tree import AreaTree
from detectors.explanation import sentence
from detectors.finding import Finding, Kind, Phase
from detectors.incident import Cause, Incident
from detectors.offline import Offline
from detectors.rules import RuleSet
from registry.instants import DAY, HOUR, MINUTE, to_micros
from registry.quantities import Quantity
from registry.readings import SensorTable
from simulators.events import TOWN_ZONE, parse
from simulators.town import Town
from tests.unit.detector_streams import Sent, Watch
from tests.unit.town_reception import observed, table_of

START = datetime(2026, 3, 1, tzinfo=ZoneInfo(TOWN_ZONE))


@dataclass
class Story:
    """What a rule set said of a town, and what was frozen when."""

    table: SensorTable
    rules: RuleSet
    incidents: list[Incident] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    frozen: dict[int, int] = field(default_factory=dict)

    def begun(self) -> list[Incident]:
        """Return each incident as it was first told."""
        first = {one.id: one for one in reversed(self.incidents) if one.phase is Phase.RAISED}
        return sorted(first.values(), key=lambda one: one.time)


def told(homes: int, until: float, *events: str, offline: float = 24.0, seed: int = 5) -> Story:
    """Let a town live until so many hours after its first midnight, and listen."""
    town = Town(seed, homes, START, events=[parse(one) for one in events])
    table = table_of(town)
    story = Story(table, RuleSet([AreaIncidents(table), Offline(table, hours=offline)]))
    for now, batch in observed(town, table, START, START + timedelta(hours=until)):
        story.findings += story.rules.observe(batch)
        story.findings += story.rules.tick(now)
        story.incidents += story.rules.incidents()
        story.frozen[now] = len([at for at in table.outages.state().values() if at[-1][1] > now])
    return story


def at(text: str) -> int:
    return to_micros(datetime.fromisoformat(text).replace(tzinfo=START.tzinfo))


def test_a_blackout_of_200_homes_is_one_incident() -> None:
    story = told(200, 20, "blackout@9901@2026-03-01T14:07?for=2h")
    [begun] = story.begun()
    assert (begun.cause, begun.area, begun.of) == (Cause.POWER, "9901", 200)
    assert begun.homes >= 195
    assert abs(begun.onset - at("2026-03-01T14:07")) < 3 * MINUTE
    assert begun.time - at("2026-03-01T14:07") <= 35 * MINUTE
    [ended] = [one for one in story.incidents if one.phase is Phase.CLEARED]
    assert (ended.id, ended.homes) == (begun.id, 200)
    assert 0 < ended.time - at("2026-03-01T16:07") <= 20 * MINUTE
    frozen = [count for now, count in story.frozen.items() if begun.time <= now < ended.time]
    assert 195 <= min(frozen) <= max(frozen) == 200
    assert story.frozen[max(story.frozen)] == 0
    assert sentence(Kind.OUTAGE, begun.facts, "en", TOWN_ZONE).startswith(
        f"No electricity in {begun.homes} of 200 homes since about Sun 14:0"
    )


def test_who_depends_on_the_supply_is_asked_and_nobody_else() -> None:
    story = told(100, 20, "blackout@9901@2026-03-01T14:07?for=2h")
    dependent = {story.table.households[at] for at in story.table.dependent}
    assert dependent
    assert {one.kind for one in story.findings} == {Kind.OUTAGE}
    raised = {one.household for one in story.findings if one.phase is Phase.RAISED}
    assert raised == {one.household for one in story.findings if one.phase is Phase.CLEARED} == dependent
    assert len(story.findings) == 2 * len(dependent)


def test_a_gateway_off_for_a_day_is_one_matter_of_maintenance() -> None:
    story = told(50, 40, "uplink@gw-990101001001@2026-03-01T09:00", offline=6)
    [begun] = story.begun()
    assert (begun.cause, begun.source, begun.homes) == (Cause.GATEWAY, "gw-990101001001", 13)
    assert [one.phase for one in story.incidents] == [Phase.RAISED, Phase.CLEARED]
    assert story.findings == []
    assert set(story.frozen.values()) == {0}


def test_a_device_that_died_meanwhile_is_told_when_its_own_time_is_up() -> None:
    story = told(50, 48, "uplink@gw-990101001001@2026-03-01T09:00?for=12h", "dead@wm-003@2026-03-01T12:00", offline=6)
    assert len(story.begun()) == 1
    [found] = story.findings
    assert (found.kind, found.source) == (Kind.OFFLINE, "wm-003")
    assert at("2026-03-02T03:00") <= found.time <= at("2026-03-02T03:30")
    assert found.facts["lasted"] == pytest.approx((found.time - found.onset) / 1e6)


def test_silent_gateways_of_one_area_are_one_incident() -> None:
    story = told(50, 20, "uplink@990101@2026-03-01T09:00?for=8h")
    [begun] = story.begun()
    assert (begun.cause, begun.area, begun.homes) == (Cause.RADIO, "990101", 25)


def test_the_area_is_the_smallest_that_explains_it() -> None:
    story = told(100, 16, "blackout@990101001001@2026-03-01T12:30?for=2h")
    [begun] = story.begun()
    assert (begun.cause, begun.area, begun.of) == (Cause.POWER, "990101001001", 25)


def test_an_incident_that_grows_stays_the_same() -> None:
    story = told(
        100, 18, "blackout@990101001001@2026-03-01T12:30?for=4h", "blackout@990101002001@2026-03-01T13:40?for=3h"
    )  # fmt: skip
    [begun] = story.begun()
    last = story.incidents[-2]
    assert begun.area == "990101001001"
    assert (last.id, last.area, last.homes) == (begun.id, "990101", 50)
    assert [one.phase for one in story.incidents][-1] is Phase.CLEARED


def test_quiet_days_are_no_incident() -> None:
    story = told(50, 40, seed=11)
    assert story.incidents == []
    assert story.findings == []


HOMES = 30
NIGHT = 1_767_000_000_000_000 // DAY * DAY


def street() -> SensorTable:
    table = SensorTable()
    for home in range(HOMES):
        table.add(home + 1, f"wm-{home}", Quantity.VOLUME, f"home-{home}", "UTC", area="99", gateway=f"nb-{home}")
    return table


def quarters(days: float, cut: tuple[float, float] = (0, 0)) -> Iterator[list[Sent]]:
    """Yield what 30 water meters say, quarter by quarter: homes draw from 6 to 22 h, none in a cut (hours)."""
    random = np.random.default_rng(4)
    register = np.full(HOMES, 1000.0)
    for quarter in range(round(days * 96)):
        hour = quarter / 4
        draws = random.random(HOMES) < (0.35 if 6 <= hour % 24 < 22 else 0.01)
        register += 5 * draws * (not cut[0] <= hour < cut[1])
        now = NIGHT + quarter * 15 * MINUTE
        yield [Sent(home + 1, now + home, register[home], now + MINUTE) for home in range(HOMES)]


def test_a_water_cut_is_an_incident_and_a_night_is_none() -> None:
    table = street()
    eye = Watch(AreaIncidents(table), table)
    begin = 14 * 24 + 9.0
    incidents = []
    for quarter in quarters(16, (begin, begin + 8)):
        eye.see(quarter)
        incidents += eye.detector.incidents()  # type: ignore[attr-defined]
    begun, ended = incidents
    assert (begun.cause, begun.area, begun.of) == (Cause.WATER, "99", HOMES)
    assert abs(begun.onset - (NIGHT + begin * HOUR)) <= HOUR
    assert begun.time - (NIGHT + begin * HOUR) <= 5 * HOUR
    assert ended.phase is Phase.CLEARED
    assert 0 < ended.time - (NIGHT + (begin + 8) * HOUR) <= HOUR


def test_a_restart_in_the_middle_of_a_blackout_freezes_the_same_homes() -> None:
    story = told(50, 16, "blackout@9901@2026-03-01T14:00?for=9h")
    assert len(story.begun()) == 1
    assert story.frozen[max(story.frozen)] == 50
    state = story.rules.detectors[0].snapshot()
    table = table_of(Town(5, 50, START))
    again = AreaIncidents(table)
    again.restore(state)
    assert table.outages.state() == story.table.outages.state()
    assert again.snapshot() == state


@given(chances=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=12), share=st.floats(0, 1))
def test_the_bound_is_never_below_the_true_chance(chances: list[float], share: float) -> None:
    n, k = len(chances), math.ceil(share * len(chances))
    exact = np.ones(1)
    for p in chances:
        exact = np.convolve(exact, [1 - p, p])
    [bound] = tail(np.array([float(n)]), np.array([float(k)]), np.array([sum(chances) / n]))
    assert math.exp(bound) >= exact[k:].sum() - 1e-9


CODES = st.sampled_from(["", "1", "11", "12", "111", "112", "121", "2", "211"])


@given(homes=st.lists(CODES, min_size=1, max_size=20), places=st.lists(CODES, max_size=5))
def test_an_area_holds_the_homes_whose_codes_begin_with_its_own(homes: list[str], places: list[str]) -> None:
    tree = AreaTree.of(homes, places)
    everybody = np.arange(len(homes))
    counted = tree.total(tree.leaf)
    for number, code in enumerate(tree.codes):
        inside = [bool(home) and home.startswith(code) for home in homes]
        assert counted[number] == sum(inside)
        assert tree.holds(number, everybody).tolist() == inside
    tops = tree.tops(np.ones(len(tree.codes), np.bool_))
    assert not any(a != b and tree.codes[a].startswith(tree.codes[b]) for a in tops for b in tops)
    for top in tops:
        within = tree.narrowed(top, counted)
        assert tree.codes[within].startswith(tree.codes[top])
        assert counted[within] >= 0.95**3 * counted[top]
