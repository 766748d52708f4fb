from __future__ import annotations

import numpy as np

from detectors.finding import Finding, Kind, Severity
from detectors.offline import Offline
from registry.instants import DAY, HOUR, MINUTE, SECOND
from registry.quantities import Quantity
from registry.readings import SensorTable
from tests.unit.detector_streams import NOON, Sent, Watch, house


def watch() -> Watch:
    table = house()
    return Watch(Offline(table), table)


def heard(eye: Watch, *hours: float, sensor: int = 4) -> list[Finding]:
    """Let the device be heard at these hours after noon."""
    return eye.see([Sent(sensor, NOON + round(at * HOUR), 0, NOON + round(at * HOUR)) for at in hours])


def brief(findings: list[Finding]) -> list[tuple[str, float, float]]:
    return [(one.phase.value, (one.onset - NOON) / HOUR, (one.time - NOON) / HOUR) for one in findings]


def test_a_device_silent_for_a_day_is_told_by_the_clock_and_cleared_when_heard() -> None:
    eye = watch()
    assert heard(eye, 0, 1, 2) == []
    assert eye.detector.tick(NOON + 26 * HOUR) == []
    found = eye.detector.tick(NOON + 26 * HOUR + 1)
    assert brief(found) == [("raised", 2, 26)]
    assert (found[0].kind, found[0].severity, found[0].source) == (Kind.OFFLINE, Severity.LOW, "meter-0")
    assert found[0].household == "home-0"
    assert eye.detector.tick(NOON + 40 * HOUR) == []
    assert brief(heard(eye, 50)) == [("cleared", 2, 50)]


def test_without_a_tick_the_next_reading_tells_both() -> None:
    assert brief(heard(watch(), 0, 30, 31, 80)) == [
        ("raised", 0, 24), ("cleared", 0, 30), ("raised", 31, 55), ("cleared", 31, 80),
    ]  # fmt: skip


def test_any_quantity_of_the_device_counts() -> None:
    eye = watch()
    for number in range(10):
        assert heard(eye, number * 20, sensor=1 + number % 8) == []


def test_a_device_that_is_often_silent_is_given_its_own_time() -> None:
    """1,500 gaps, a hundredth of them of 60 h: p99.9 is the upper edge of their bin, 2**(71/4) s = 61.3 h."""
    eye = watch()
    hours = [0.0]
    for number in range(1500):
        hours.append(hours[-1] + (60 if number % 100 == 99 else 1))
    first = heard(eye, *hours[:900])
    assert len(first) == 2 * 8
    heard(eye, *hours[900:])
    last = NOON + round(hours[-1] * HOUR)
    assert eye.detector.tick(last + 61 * HOUR) == []
    (found,) = eye.detector.tick(last + 62 * HOUR)
    assert 61 * HOUR < found.time - last < 62 * HOUR
    assert found.facts["gaps"] == 1500
    assert heard(eye, hours[-1] + 63)[0].phase == "cleared"


def test_time_in_which_the_service_was_deaf_does_not_count() -> None:
    eye = watch()
    heard(eye, 0, 1)
    eye.detector.deaf(NOON + 2 * HOUR, NOON + 50 * HOUR)  # type: ignore[attr-defined] # of this detector alone
    assert eye.detector.tick(NOON + 73 * HOUR) == []
    assert brief(eye.detector.tick(NOON + 74 * HOUR)) == [("raised", 1, 73)]
    eye = watch()
    heard(eye, 0, 1)
    eye.detector.deaf(NOON + 2 * HOUR, NOON + 50 * HOUR)  # type: ignore[attr-defined] # of this detector alone
    assert heard(eye, 51, 70) == []


def test_an_excuse_is_used_up_once_the_device_is_heard() -> None:
    eye = watch()
    heard(eye, 0, 1)
    eye.detector.deaf(NOON + 2 * HOUR, NOON + 50 * HOUR)  # type: ignore[attr-defined] # of this detector alone
    heard(eye, 51)
    assert brief(eye.detector.tick(NOON + 76 * HOUR)) == [("raised", 51, 75)]


def test_a_short_limit_is_learned_as_well() -> None:
    """Limits of `hours` below a bin's width still have bins on both sides."""
    for hours in (1 / 3600, 0.5, 4000.0):
        table = house()
        eye = Watch(Offline(table, hours=hours), table)
        last = max(hours, 1 / 3600)
        assert heard(eye, *(n * last / 2 for n in range(50))) == []
        (found,) = eye.detector.tick(NOON + round((49 * last / 2 + 2 * last) * HOUR))
        assert found.facts["gaps"] == (49 if hours > 1 / 3600 else 0)


def test_a_restored_state_follows_the_names_of_devices() -> None:
    eye = watch()
    heard(eye, 0, 1)
    other = SensorTable()
    other.add(90, "stranger", Quantity.SMOKE, "elsewhere", "UTC")
    other.add(4, "meter-0", Quantity.SMOKE, "home-0", "UTC")
    detector = Offline(other)
    detector.restore(eye.detector.snapshot())
    found = detector.tick(NOON + 30 * HOUR)
    assert [(one.source, one.household, one.onset) for one in found] == [("meter-0", "home-0", NOON + HOUR)]


def test_readings_that_arrive_together_are_one_reception() -> None:
    eye = watch()
    eye.see([Sent(1, NOON + n * MINUTE, n, NOON) for n in range(50)])
    (found,) = eye.detector.tick(NOON + 25 * HOUR)
    assert found.facts["gaps"] == 0


def test_a_daily_sender_is_given_its_day_and_still_told_when_it_stops() -> None:
    """90 days at noon, give or take 20 minutes: gaps of 24 h, every other one longer than the limit of `hours`."""
    eye, chance = watch(), np.random.default_rng(7)
    hours = 24 * np.arange(90) + chance.uniform(-1 / 3, 1 / 3, 90)
    told = []
    for at in hours:
        told += heard(eye, float(at))
        told += eye.detector.tick(NOON + round((float(at) + 23) * HOUR))
    assert brief([one for one in told if one.time > NOON + 4 * DAY]) == []
    assert np.count_nonzero(np.diff(hours[4:]) > 24) > 30
    # Nine in ten gaps are below 2**(66/4) s, the upper edge of their bin; half as much again is 38.6 h.
    last = NOON + round(hours[-1] * HOUR)
    assert eye.detector.tick(last + 38 * HOUR) == []
    (found,) = eye.detector.tick(last + 39 * HOUR)
    assert found.time - last == round(1.5 * round(2 ** (66 / 4) * SECOND))
    assert found.facts["limit"] == (found.time - last) / SECOND


def test_a_sender_in_bursts_once_a_day_is_given_its_day_too() -> None:
    eye = watch()
    hours = [24.0 * day + day % 2 / 3 + minute / 60 for day in range(30) for minute in range(3)]
    assert brief(heard(eye, *hours)[4:]) == []


def test_a_meter_of_fifteen_minutes_that_stops_is_told_after_a_day_whatever_it_missed_before() -> None:
    eye = watch()
    hours = np.cumsum(np.where(np.arange(400) % 50 == 49, 9.0, 0.25))  # now and then half a night is missing
    assert heard(eye, *hours.tolist()) == []
    last = NOON + round(hours[-1] * HOUR)
    assert eye.detector.tick(last + 24 * HOUR) == []
    (found,) = eye.detector.tick(last + 24 * HOUR + 1)
    assert (found.onset, found.time) == (last, last + 24 * HOUR)


def test_gaps_are_counted_the_same_however_their_batches_are_cut() -> None:
    """Most gaps wait beside the bins until another kind comes: what is known and saved shows nothing of it."""
    chance = np.random.default_rng(3)
    hours = np.cumsum(chance.choice([0.25, 0.5, 1.0, 30.0], 300, p=[0.8, 0.1, 0.08, 0.02])).tolist()
    whole, single = watch(), watch()
    told = heard(whole, *hours)
    assert told == [found for at in hours for found in heard(single, at)]
    assert told
    assert whole.detector.snapshot() == single.detector.snapshot()
    end = NOON + round((hours[-1] + 300) * HOUR)
    assert whole.detector.tick(end) == single.detector.tick(end) != []


def test_where_no_device_is_registered_nobody_is_silent_after_a_restart_either() -> None:
    detector = Offline(SensorTable())
    detector.restore(Offline(SensorTable()).snapshot())
    assert detector.tick(NOON) == []
