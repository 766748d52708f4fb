from __future__ import annotations

import numpy as np
import pytest

from detectors.clock_skew import ClockSkew
from detectors.finding import Finding, Kind, Severity
from registry.instants import DAY, HOUR, MINUTE, SECOND
from tests.unit.detector_streams import NOON, Sent, Watch, house


def watch() -> Watch:
    table = house()
    return Watch(ClockSkew(table), table)


def sent(eye: Watch, hours: range, lag: float = 20.0, jitter: float = 10.0) -> list[Finding]:
    """Let a device report every half hour, with a clock that is so many seconds behind what is right."""
    rng = np.random.default_rng(hours.start)
    arrivals = []
    for n in range(hours.start * 2, hours.stop * 2):
        received = NOON + n * HOUR // 2
        late = lag + jitter * rng.random()
        arrivals.append(Sent(4, received - round(late * SECOND), 0.0, received))
    return eye.see(arrivals)


def brief(findings: list[Finding]) -> list[tuple[str, float, float]]:
    return [(one.phase.value, (one.onset - NOON) / HOUR, (one.time - NOON) / HOUR) for one in findings]


def test_times_that_have_not_come_yet_are_told_after_five_and_cleared_after_five() -> None:
    eye = watch()
    assert sent(eye, range(20)) == []
    found = sent(eye, range(20, 30), lag=-200)
    assert brief(found) == [("raised", 20, 22)]
    assert (found[0].kind, found[0].severity, found[0].source) == (Kind.CLOCK, Severity.LOW, "meter-0")
    assert found[0].facts["template"] == "clock_ahead"
    assert 190 <= float(found[0].facts["skew"]) <= 200
    assert brief(sent(eye, range(30, 40))) == [("cleared", 20, 32)]


def test_a_clock_that_is_two_minutes_ahead_is_borne() -> None:
    assert sent(watch(), range(100), lag=-119, jitter=0) == []


def test_a_constant_lag_far_above_its_own_habit_is_told_after_six_hours() -> None:
    eye = watch()
    assert sent(eye, range(20)) == []
    found = sent(eye, range(20, 40), lag=3600)
    assert brief(found) == [("raised", 20.5, 26.5)]
    assert found[0].facts["template"] == "clock_behind"
    assert float(found[0].facts["skew"]) == pytest.approx(3600 - 20, abs=12)
    assert brief(sent(eye, range(40, 50))) == [("cleared", 20.5, 42)]


def test_a_device_that_was_always_late_is_so_by_habit() -> None:
    assert sent(watch(), range(200), lag=6 * 3600, jitter=5) == []


def test_deliveries_that_vary_are_delays() -> None:
    eye = watch()
    sent(eye, range(20))
    assert sent(eye, range(20, 200), lag=300, jitter=1200) == []


def test_a_backlog_after_a_dead_gateway_is_none() -> None:
    """A day of readings in packs of ten, a pack a second; the lag falls from a day to nothing."""
    eye = watch()
    sent(eye, range(20))
    begin = NOON + 44 * HOUR
    readings = [Sent(4, NOON + 20 * HOUR + n * 5 * MINUTE, 0.0, begin + n // 10 * SECOND) for n in range(288)]
    assert eye.see(readings) == []
    assert sent(eye, range(45, 80)) == []


@pytest.mark.parametrize("speed", [1, 60, 86400])
def test_a_recording_that_is_replayed_has_no_clock(speed: int) -> None:
    for back in (0, 10 * HOUR, 3000 * DAY):
        eye = watch()
        readings = [Sent(4, NOON + n * HOUR - back, 0.0, NOON + n * HOUR // speed) for n in range(400)]
        if speed > 1:
            readings = [one for one in readings if one.time <= one.received]
        assert eye.see(readings) == []


def test_readings_of_one_reception_count_by_their_newest() -> None:
    eye = watch()
    arrivals = []
    for n in range(60):
        received = NOON + n * HOUR
        arrivals += [Sent(4, received - late * MINUTE, 0.0, received) for late in (55, 30, 1)]
    assert eye.see(arrivals) == []


def test_a_reception_may_arrive_in_pieces() -> None:
    """The second piece alone, an hour old, would be steadily late."""
    eye = watch()
    sent(eye, range(20))
    for n in range(20, 60):
        received = NOON + n * HOUR
        assert eye.see([Sent(4, received - MINUTE, 0.0, received)]) == []
        assert eye.see([Sent(7, received - 59 * MINUTE, 90.0, received)]) == []
