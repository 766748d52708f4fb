from __future__ import annotations

from collections.abc import Sequence

import pytest

from detectors.finding import Finding, Kind, Phase, Severity
from detectors.tap import Tap
from detectors.verdict import Verdict
from registry.instants import DAY, HOUR, MINUTE
from tests.unit.detector_streams import NOON, Watch, house

DAWN = NOON - 12 * HOUR
Draw = tuple[float, float, float]
"""The hour of the day at which it begins, minutes, litres a minute."""
SHOWER: Draw = (20.0, 12, 8.5)
TAP: Draw = (14.2, 180, 6)
BOTH = [Phase.RAISED, Phase.CLEARED]


class Home:
    """A home that uses 120 L at seven each day, and what else it is told, from the first dawn on."""

    def __init__(self, *usual: Draw, every: int = 15, days: int = 20) -> None:
        """Take a meter read `every` so many minutes, and some days of usual draws."""
        table = house()
        self.detector = Tap(table)
        self._watch = Watch(self.detector, table)
        self._every = every
        self.day = 0
        self._litres = 1000.0
        assert [found for _ in range(days) for found in self.live(*usual)] == []

    def live(self, *draws: Draw, until: float = 24.0, swap: float = 99) -> list[Finding]:
        """Return what is said of one more day, as far as it is told; the meter may be exchanged at an hour."""
        rows = []
        for minute in range(self._every, 1441, self._every):
            litres = self._litres + 120 * (minute >= 420) - self._litres * (minute >= 60 * swap)
            litres += sum(rate * min(max(minute - 60 * begin, 0), lasts) for begin, lasts, rate in draws)
            rows.append((DAWN + self.day * DAY + minute * MINUTE, litres // 1))
        told = round(60 * until) // self._every
        found = self._watch.water(rows[:told])
        self._rest = rows[told:]
        self._litres = rows[-1][1]
        self.day += 1
        return found

    def rest(self) -> list[Finding]:
        """Return what is said of the day's rest."""
        return self._watch.water(self._rest)


def brief(found: Sequence[Finding]) -> list[tuple[str, float]]:
    return [(one.phase.value, (one.time - DAWN) % DAY / HOUR) for one in found]


def test_a_tap_left_open_is_found_within_an_hour() -> None:
    home = Home(SHOWER)
    found = home.live(SHOWER, TAP)
    assert brief(found) == [("raised", 15), ("cleared", 17.5)]
    assert (found[0].kind, found[0].severity) == (Kind.TAP, Severity.HIGH)
    assert found[0].facts["flow"] == pytest.approx(6)
    assert found[0].onset == DAWN + 20 * DAY + 14.25 * HOUR


@pytest.mark.parametrize(
    "draws",
    [
        [(20.0, 25, 8.5)],  # a long shower
        [(8.0, 2, 6), (8.3, 2, 6), (8.5, 2, 6), (8.75, 2, 6), (9.0, 2, 6), (9.3, 2, 6)],  # a machine's fills
        [(8.0, 5, 9), (8.25, 3, 7), (8.6, 10, 8), (8.8, 2, 6), (9.05, 9, 8)],  # a busy morning by hand
        [(8.0, 600, 0.3)],  # a running cistern
        [(8.0, 120, 15)],  # a burst
        [(8.0, 62, 1.4)],  # an hour of little
    ],
)
def test_a_shower_a_machine_a_morning_a_leak_and_a_burst_are_no_tap(draws: list[Draw]) -> None:
    assert Home(SHOWER).live(*draws) == []


def test_who_uses_water_beside_it_does_not_hide_it() -> None:
    assert [one.phase for one in Home(SHOWER).live(TAP, (14.6, 1, 9), (15.1, 2, 6))] == BOTH


def test_an_hourly_meter_needs_two_full_hours() -> None:
    home = Home(SHOWER, every=60)
    assert home.live((14.2, 100, 6)) == []
    assert brief(home.live((14.2, 300, 6))) == [("raised", 17), ("cleared", 21)]


def test_a_meter_read_each_minute_is_sampled_each_ten() -> None:
    assert brief(Home(SHOWER, every=1).live((14.2, 120, 2.5))) == [("raised", 15 + 1 / 6), ("cleared", 16 + 1 / 3)]


@pytest.mark.parametrize("every", [120, 360, 1440])
def test_what_a_coarse_meter_cannot_say_is_not_said(every: int) -> None:
    assert Home(SHOWER, every=every).live((2.0, 1000, 6)) == []


def test_in_the_first_two_weeks_it_must_run_three_times_as_long() -> None:
    assert brief(Home(SHOWER, days=5).live(TAP)) == [("raised", 16.5), ("cleared", 17.5)]


def test_what_a_home_does_each_day_at_this_hour_is_its_habit() -> None:
    """Two hours of watering by sprinkler each evening; only there it may last that long."""
    sprinkler = (19.0, 110, 5)
    home = Home(sprinkler)
    assert [one.phase for one in home.live(sprinkler, (4.0, 110, 5))] == BOTH
    assert home.live(sprinkler) == []
    assert home.live((16.5, 110, 5)) == []
    assert home.live((21.4, 110, 5)) == []


def alarms_again(household: str, *, during: bool) -> bool:
    """Return whether a tap left open two days later alarms, after somebody found that this one was real."""
    home = Home(SHOWER)
    home.live(TAP, until=16)
    verdict = Verdict(household, Kind.TAP, DAWN + 20 * DAY, real=True)
    if during:
        home.detector.learn([verdict], verdict.time)
    home.rest()
    if not during:
        home.detector.learn([verdict, verdict], verdict.time)
    home.live()
    return bool(home.live(TAP))


@pytest.mark.parametrize("during", [True, False])
def test_a_tap_found_open_makes_nothing_less_sensitive_any_other_is_learned(during: bool) -> None:  # noqa: FBT001
    assert alarms_again("home-0", during=during)
    assert not alarms_again("home-1", during=during)


def test_an_exchanged_meter_ends_no_alarm() -> None:
    assert brief(Home(SHOWER).live(TAP, swap=16)) == [("raised", 15), ("cleared", 17.5)]
