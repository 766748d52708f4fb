from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from detectors.finding import Finding, Kind, Severity
from detectors.stuck import Stuck
from registry.instants import DAY, HOUR, MINUTE
from registry.quantities import Quantity
from tests.unit.detector_streams import NOON, Sent, Watch, house

WATER, METER, SMOKE = Quantity.VOLUME, Quantity.ENERGY, Quantity.SMOKE


def watch(**options: Any) -> Watch:
    table = house()
    return Watch(Stuck(table, **options), table)


def brief(findings: list[Finding]) -> list[tuple[str, float, float]]:
    return [(one.phase.value, (one.onset - NOON) / HOUR, (one.time - NOON) / HOUR) for one in findings]


def counting(hours: range, per_hour: float = 60.0) -> list[tuple[int, float]]:
    """Return an electricity register every half hour that a refrigerator keeps moving."""
    return [(NOON + n * HOUR // 2, 1000 + n * per_hour / 2) for n in range(hours.start * 2, hours.stop * 2)]


def standing(hours: range, at: float) -> list[tuple[int, float]]:
    return [(NOON + n * HOUR, at) for n in hours]


def test_an_electricity_meter_that_reports_but_stands_is_told_after_twelve_hours_and_cleared_when_it_moves() -> None:
    eye = watch()
    assert eye.water(counting(range(200)), METER) == []
    last = 1000 + 399 * 30
    assert eye.water(standing(range(200, 212), last), METER) == []
    found = eye.water(standing(range(212, 230), last), METER)
    assert brief(found) == [("raised", 199.5, 212)]
    assert (found[0].kind, found[0].severity, found[0].source) == (Kind.STUCK, Severity.LOW, "meter-0/energy")
    assert found[0].facts["template"] == "stuck_energy"
    assert found[0].facts["longest"] == 0.0  # between two readings nobody can see a pause
    assert brief(eye.water([(NOON + 230 * HOUR, last + 5)], METER)) == [("cleared", 199.5, 230)]


def test_a_meter_that_often_stands_is_given_its_own_time() -> None:
    """Of 1,200 pauses 12 were of 20 h: more than one in a thousand, so the limit is the edge above, 24 h."""
    eye = watch()
    time, register = NOON, 0.0
    readings = [(time, register)]
    for number in range(1200):
        for _ in range(20 if number % 100 == 50 else 2):
            time += HOUR
            readings.append((time, register))
        time += HOUR
        register += 1000.0
        readings.append((time, register))
    eye.water(readings, METER)
    found = eye.water([(time + n * HOUR, register) for n in range(1, 30)], METER)
    assert [(one.time - time) / HOUR for one in found] == [25]
    assert found[0].facts["limit"] == 24 * 3600


def test_what_is_not_known_yet_is_not_judged() -> None:
    eye = watch()
    eye.water(counting(range(90)), METER)  # 179 pauses
    assert eye.water(standing(range(90, 140), 1000 + 179 * 30), METER) == []


@pytest.mark.parametrize("circumstance", ["absences", "outages"])
def test_a_known_absence_or_outage_excuses(circumstance: str) -> None:
    eye = watch()
    getattr(eye.table, circumstance).add(0, NOON + 205 * HOUR, NOON + 206 * HOUR)
    eye.water(counting(range(200)), METER)
    assert eye.water(standing(range(200, 230), 1000 + 399 * 30), METER) == []


def test_a_gauge_that_used_to_vary_is_stuck_after_three_days() -> None:
    eye = watch()
    rng = np.random.default_rng(4)
    varied = [(NOON + n * HOUR, float(value)) for n, value in enumerate(rng.gamma(2, 0.1, 300))]
    assert eye.water(varied, SMOKE) == []
    found = eye.water([(NOON + n * HOUR, 0.3125) for n in range(300, 380)], SMOKE)
    assert brief(found) == [("raised", 300, 373)]
    assert found[0].facts["value"] == 0.3125


def test_a_gauge_that_always_says_the_same_is_not_stuck() -> None:
    assert watch().water([(NOON + n * HOUR, 0.0) for n in range(2000)], SMOKE) == []


def home(eye: Watch, days: int, watts: float) -> list[Finding]:
    """Let a home live for 60 days, then its water register stand for some while it draws `watts`."""
    begin = NOON - NOON % (7 * DAY) + 4 * DAY
    sent = []
    for n in range(24 * (60 + days)):
        time = begin + n * HOUR
        energy = 200.0 * min(n, 24 * 60) + watts * max(n - 24 * 60, 0)
        sent += [Sent(WATER, time, 5.0 * min(n, 24 * 60), time), Sent(METER, time, energy, time)]
    found = []
    for part in range(0, len(sent), 48):
        found += eye.see(sent[part : part + 48])
        found += eye.detector.tick(sent[min(part + 48, len(sent)) - 1].time + MINUTE)
    return found


def test_a_water_meter_is_stuck_only_while_electricity_shows_life() -> None:
    assert home(watch(), 30, watts=40) == []
    assert home(watch(), 13, watts=190) == []
    (found,) = home(watch(), 30, watts=190)
    assert found.source == "meter-0/volume"
    assert 14 * DAY < found.time - found.onset <= 21 * DAY
    assert found.facts["used"] == pytest.approx(190 * 168 / 1000)
    assert found.facts["usual"] == pytest.approx(200 * 168 / 1000, rel=0.02)


def test_a_water_meter_that_moves_again_is_cleared() -> None:
    eye = watch()
    (raised,) = home(eye, 30, watts=190)
    (cleared,) = eye.water([(raised.time + 60 * DAY, 1e4)])
    assert (cleared.phase, cleared.onset) == ("cleared", raised.onset)
