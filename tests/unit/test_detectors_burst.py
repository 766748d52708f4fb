from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from detectors.burst import Burst
from detectors.finding import Finding, Kind, Phase, Severity
from detectors.verdict import Verdict
from registry.instants import DAY, HOUR, MINUTE
from tests.unit.detector_streams import NOON, Watch, house

DAWN = NOON - 12 * HOUR
Uses = Mapping[float, float]
HABIT: Uses = {7: 40, 8: 15, 12: 30, 18: 60, 19: 20}
"""Litres drawn in the quarter before an hour of each day: at most 80 in three hours."""
BOTH = [Phase.RAISED, Phase.CLEARED]


class Home:
    """A home with its habit, lived quarter by quarter from the first dawn on."""

    def __init__(self, *, every: float = 0.25) -> None:
        """Take a meter that is read `every` so many hours."""
        table = house()
        self.detector = Burst(table)
        self._watch = Watch(self.detector, table)
        self._every = round(4 * every)
        self._quarter = 0
        self.register = 10_000.0

    def live(self, days: float, extra: Uses | None = None) -> list[Finding]:
        """Return what is said of the next days; `extra` litres are drawn in the quarters before hours from now on."""
        begin, rows = self._quarter, []
        more = {round(4 * hour): litres for hour, litres in (extra or {}).items()}
        for now in range(1, round(96 * days) + 1):
            self._quarter = begin + now
            self.register += HABIT.get(self._quarter % 96 / 4, 0) + more.get(now, 0)
            if self._quarter % self._every == 0:
                rows.append((DAWN + self._quarter * 15 * MINUTE, self.register))
        return self._watch.water(rows)

    def found_real(self, household: str = "home-0") -> None:
        now = DAWN + self._quarter * 15 * MINUTE
        verdict = Verdict(household, Kind.BURST, now, real=True)
        self.detector.learn([verdict, verdict], now)


def flow(begin: float, hours: float, litres_an_hour: float) -> Uses:
    return {begin + quarter / 4: litres_an_hour / 4 for quarter in range(1, round(4 * hours) + 1)}


def brief(findings: Sequence[Finding], day: int) -> list[tuple[str, float, float]]:
    dawn = DAWN + day * DAY
    return [(one.phase.value, (one.onset - dawn) / HOUR, (one.time - dawn) / HOUR) for one in findings]


def test_a_burst_pipe_is_found_when_it_passed_twice_what_is_usual() -> None:
    home = Home()
    assert home.live(50) == []
    found = home.live(1, flow(3, 6, 900))
    assert brief(found, 50) == [("raised", 3, 3.5), ("cleared", 3, 11.25)]
    assert (found[0].kind, found[0].severity) == (Kind.BURST, Severity.HIGH)
    assert found[0].facts["template"] == "burst"
    assert found[0].facts["used"] == 450
    assert 80 <= float(found[0].facts["usual"]) <= 80 * 2**0.25


def test_a_home_not_known_yet_is_allowed_a_thousand_litres() -> None:
    home, other = Home(), Home()
    home.live(20)
    other.live(20)
    assert other.live(1, flow(3, 1, 990)) == []
    found = home.live(1, flow(3, 3, 900))
    assert brief(found, 20)[0] == ("raised", 3, 4.25)
    assert found[0].facts["template"] == "burst_new"


def test_the_limit_is_twice_what_is_usual_where_much_is_used() -> None:
    home = Home()
    assert [found for _ in range(60) for found in home.live(1, flow(3, 2, 200))] == []
    assert home.live(1, flow(3, 3, 250)) == []
    assert [one.phase for one in home.live(1, flow(3, 3, 600))] == BOTH


def pool(home: Home, litres_an_hour: float = 800) -> int:
    """Return how often the home alarms while a pool is filled for four hours and a week goes by."""
    return len(home.live(7, flow(9, 4, litres_an_hour))) // 2


def test_a_pool_that_was_filled_before_does_not_alarm_again() -> None:
    home = Home()
    home.live(50)
    assert [pool(home) for _ in range(4)] == [1, 0, 0, 0]
    assert pool(home, 2000) == 1


def test_a_real_burst_makes_nothing_less_sensitive() -> None:
    home, other = Home(), Home()
    for one in (home, other):
        one.live(50)
        assert pool(one) == 1
    home.found_real()
    other.found_real("home-1")
    assert (pool(home), pool(other)) == (1, 0)


@pytest.mark.parametrize("until", [11, 20])
def test_one_found_real_while_it_runs_or_the_same_day_is_not_learned(until: float) -> None:
    home = Home()
    home.live(50)
    home.live(until / 24, flow(9, min(until - 9, 4), 800))
    home.found_real()
    home.live(7 - until / 24, flow(0, 13 - min(until, 13), 800))
    assert pool(home) == 1


def test_a_meter_read_once_a_day_tells_what_some_three_hours_must_have_had() -> None:
    home = Home(every=24)
    home.live(50)
    assert home.live(1, flow(3, 3, 900)) == []
    found = home.live(3, flow(3, 20, 900))
    assert [one.phase for one in found] == BOTH
    assert found[0].facts["used"] == pytest.approx((20 * 900 + 165) / 8)
    assert found[0].facts["learned"] == 0


def test_what_a_reset_hides_is_unknown() -> None:
    home = Home()
    home.live(50)
    assert home.live(3.25 / 24, flow(3, 0.25, 900)) == []
    home.register = 5.0  # exchanged while 225 L ran
    assert home.live(1 / 24, flow(0, 1, 280)) == []
    assert brief(home.live(1, flow(0, 2, 900)), 50)[0] == ("raised", 3.5, 4.5)


def test_an_exchanged_meter_ends_no_alarm_until_three_hours_are_known() -> None:
    home = Home()
    home.live(50)
    assert [one.phase for one in home.live(4 / 24, flow(3, 1, 900))] == [Phase.RAISED]
    home.register = 5.0
    assert brief(home.live(1), 50) == [("cleared", 3, 7)]
