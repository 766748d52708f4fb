from __future__ import annotations

import numpy as np
import pytest

from detectors.drift import Drift
from detectors.explanation import sentence
from detectors.finding import Finding, Kind, Severity
from registry.instants import DAY, HOUR
from registry.quantities import Quantity
from tests.unit.detector_streams import NOON, Sent, Watch, cut, house

ZONE = "Asia/Shanghai"
MIDNIGHT = NOON + 4 * HOUR  # 00:00 in Shanghai
CHANGE = 90


def watch() -> Watch:
    table = house(ZONE)
    return Watch(Drift(table), table)


def life(
    days: int = 150, *, seed: int = 1, litres: float = 1.0, rises: float = 0.0, nights: float = 0.0, since: int = CHANGE
) -> list[Sent]:
    """Return an hourly water register of one person; from day `since` on litres are so much, rising so much later."""
    rng = np.random.default_rng(seed)
    register, sent = 1000.0, []
    for day in range(days):
        changed = day >= since
        get_up = round(rng.normal(6.5 + rises * changed, 0.6))
        waking = rng.choice(5, rng.binomial(5, 0.15 + nights * changed), replace=False)
        amount = np.exp(rng.normal(np.log(7), 0.25)) * (litres if changed else 1.0)
        for hour in range(24):
            used = get_up <= hour < 22 and (hour == get_up or rng.random() < 0.9)
            register += amount * rng.gamma(2, 0.5) if used else 3.0 * (hour in waking)
            time = MIDNIGHT + day * DAY + (hour + 1) * HOUR - HOUR // 2
            sent.append(Sent(Quantity.VOLUME, time, register, time))
    return sent


def raised(findings: list[Finding]) -> list[Finding]:
    return [one for one in findings if one.phase == "raised"]


def delays(template: str, **change: float) -> list[float]:
    """Return after how many days each of ten homes was told of a change."""
    found = []
    for seed in range(10):
        for one in raised(watch().see(life(seed=seed, **change))):  # type: ignore[arg-type] # numbers
            if one.facts["template"] == template and one.time >= MIDNIGHT + CHANGE * DAY:
                found.append((one.time - MIDNIGHT) / DAY - CHANGE)
                break
    return found


@pytest.mark.parametrize(
    ("template", "change"),
    [("drift_volume", {"litres": 0.6}), ("drift_rise", {"rises": 2.0}), ("drift_night", {"nights": 0.4})],
)
def test_a_change_of_habits_is_told_within_about_three_weeks(template: str, change: dict[str, float]) -> None:
    found = delays(template, **change)
    assert len(found) >= 9
    assert np.median(found) <= 23
    assert min(found) >= 8  # no single week decides


def test_habits_that_stay_are_not_told() -> None:
    assert sum(len(raised(watch().see(life(days=365, seed=seed)))) for seed in range(6)) <= 1


def test_the_finding_says_what_was_usual_what_is_now_and_since_when_and_ends_when_learned() -> None:
    found = watch().see(life(litres=0.5))
    first = found[0]
    assert (first.kind, first.severity, first.source) == (Kind.DRIFT, Severity.LOW, "meter-0/volume")
    assert first.facts["usual"] == pytest.approx(100, rel=0.25)
    assert float(first.facts["value"]) < 0.7 * float(first.facts["usual"])
    assert abs((first.onset - MIDNIGHT) / DAY - CHANGE) <= 7
    assert (first.onset - MIDNIGHT) % DAY == 0
    assert [one.phase.value for one in found] == ["raised", "cleared"]
    assert 28 <= (found[1].time - first.time) / DAY <= 30
    assert "before, over" in sentence(first.kind, first.facts, "en", ZONE)


def test_the_hour_of_rising_is_local() -> None:
    (first,) = raised(watch().see(life(rises=3.0)))
    assert first.facts["template"] == "drift_rise"
    assert str(first.facts["usual"]) < "07:45"
    assert "08:30" < str(first.facts["value"]) < "10:30"


@pytest.mark.parametrize("known", [True, False])
def test_three_weeks_away_change_no_habit(known: bool) -> None:  # noqa: FBT001 - a parameter
    eye = watch()
    if known:
        eye.table.absences.add(0, MIDNIGHT + 90 * DAY, MIDNIGHT + 111 * DAY)
    stood, sent = 0.0, []
    for one in life(days=200):
        away = 90 <= (one.time - MIDNIGHT) / DAY < 111
        stood = one.value if (one.time - MIDNIGHT) / DAY < 90 else stood
        sent.append(one._replace(value=stood) if away else one)
    assert eye.see(sent) == []


@pytest.mark.parametrize("circumstance", ["absences", "outages"])
def test_days_of_a_known_circumstance_are_left_out(circumstance: str) -> None:
    """A neighbour waters the plants: a third of the usual water, which would be told."""
    sent = life(days=125, litres=0.3)
    assert raised(watch().see(sent))
    eye = watch()
    getattr(eye.table, circumstance).add(0, MIDNIGHT + CHANGE * DAY, MIDNIGHT + 130 * DAY)
    assert eye.see(sent) == []


def test_findings_do_not_depend_on_how_half_a_year_is_cut() -> None:
    sent = life(days=180, litres=0.5)
    whole = watch().see(sent)
    assert whole
    rng = np.random.default_rng(5)
    for pieces in (7, 60, 2000):
        eye = watch()
        cuts = [int(one) for one in rng.integers(0, len(sent), pieces)]
        assert [found for piece in cut(sent, cuts) for found in eye.see(piece)] == whole


def test_a_meter_read_once_a_day_tells_of_amounts_alone() -> None:
    for change, told in (({"litres": 0.5}, {"drift_volume"}), ({"rises": 4.0}, set())):
        sent = [one for one in life(**change) if (one.time - MIDNIGHT) % DAY == HOUR // 2]  # type: ignore[arg-type]
        assert {one.facts["template"] for one in raised(watch().see(sent))} == told
