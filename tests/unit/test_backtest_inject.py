from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.instants import DAY, HOUR, MINUTE, SECOND
from registry.quantities import Quantity
from shouwang.backtest.errors import BacktestError
from shouwang.backtest.inject import (
    STILL_HOME,
    Befallen,
    Event,
    Rows,
    Spans,
    asked,
    befall,
    draw,
    home_spans,
    quiet_hours,
)
from tests.unit.detector_streams import NOON


def rows(*values: float, begin: int = NOON, every: int = HOUR) -> Rows:
    return Rows(begin + every * np.arange(len(values), dtype=np.int64), np.array(values, np.float64))


def spans(*told: tuple[int, int, int]) -> Spans:
    columns = np.array(told, np.int64).reshape(-1, 3)
    return Spans(columns[:, 0], columns[:, 1], columns[:, 2])


def test_what_is_asked_for_is_counted_by_kind() -> None:
    assert asked("falls:3000, leaks:200") == {Befallen.FALL: 3000, Befallen.LEAK: 200}
    assert asked("fires:3") == {Befallen.FLAMING: 1, Befallen.SMOULDERING: 2}
    assert asked("") == {}


@pytest.mark.parametrize("text", ["fall:3", "falls", "falls:-1", "falls:3;leaks:2"])
def test_what_cannot_be_injected_is_refused(text: str) -> None:
    with pytest.raises(BacktestError, match="write some of falls, leaks, surges, fires"):
        asked(text)


def test_somebody_is_at_home_for_twelve_hours_after_each_use() -> None:
    home = home_spans([(7, 100), (7, 103), (7, 100), (7, 130), (9, 101)])
    assert list(zip(home.household, home.begin // HOUR, home.end // HOUR, strict=True)) == [
        (7, 100, 103), (7, 103, 115), (7, 130, 142), (9, 101, 113),
    ]  # fmt: skip


@given(used=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200)), max_size=40))
def test_times_at_home_never_overlap_and_hold_every_use(used: list[tuple[int, int]]) -> None:
    home = home_spans(used)
    for household in range(4):
        own = np.flatnonzero(home.household == household)
        assert (home.end[own][:-1] <= home.begin[own][1:]).all()
        assert set(home.begin[own] // HOUR) == {hour for one, hour in used if one == household}
    assert (home.end - home.begin <= STILL_HOME).all()


def test_moments_are_drawn_evenly_over_the_time_there_is() -> None:
    some = spans((1, 0, 10 * DAY), (2, 0, 30 * DAY), (3, 5 * DAY, 5 * DAY))
    household, moment = draw(some, 400, np.random.default_rng(1))
    assert len(moment) == 400
    assert (np.diff(moment) >= 0).all()
    assert 0.2 < (household == 1).mean() < 0.3
    assert set(household) == {1, 2}
    assert (moment[household == 1] < 10 * DAY).all()
    assert abs(np.median(moment[household == 2]) - 15 * DAY) < 2 * DAY


def test_no_more_is_drawn_than_twelve_a_household_and_day() -> None:
    assert len(draw(spans((1, 0, DAY)), 1000, np.random.default_rng(1))[0]) <= 24
    assert len(draw(spans(), 10, np.random.default_rng(1))[0]) == 0


def test_a_register_stands_still_after_a_fall() -> None:
    fall = Event(0, NOON + 90 * MINUTE, Befallen.FALL)
    changed = befall(fall, Quantity.VOLUME, rows(100, 110, 121, 121, 150))
    assert changed.value.tolist() == [100, 110, 115, 115, 115]  # half an hour of the eleven litres, in whole litres
    assert befall(fall, Quantity.VOLUME, rows(100, 110, 110, 150)).value.tolist() == [100, 110, 110, 110]


def test_after_a_fall_electricity_repeats_the_household_s_own_quiet_hours() -> None:
    day = [0, 20, 20, 20, 300, 300, 20, 25, 20, 500, 500, 500, 20, 20, 20, 20, 900, 20, 20, 20, 20, 20, 20, 20, 20]
    earlier = rows(*np.cumsum(day), begin=NOON - 24 * HOUR)
    later = rows(*(earlier.value[-1] + 100 * np.arange(1, 9)), begin=NOON + HOUR)
    changed = befall(Event(0, NOON, Befallen.FALL), Quantity.ENERGY, later, earlier)
    assert np.diff(changed.value, prepend=earlier.value[-1]).tolist() == [20] * 8


def test_quiet_hours_are_those_at_the_lowest_tenth() -> None:
    use = [5.0] * 4 + [10.0] * 4 + [50.0] * 16
    known = rows(0, *np.cumsum(use), begin=NOON - DAY)
    begin = quiet_hours(known, NOON)
    assert begin is not None
    start = (begin - NOON + DAY) // HOUR
    assert 15 < sum(use[start : start + 3]) < 30, "not the very least, but what a night or an outing shows"
    assert quiet_hours(rows(1, 2), NOON + 2 * HOUR) is None


def test_a_leak_adds_a_constant_flow() -> None:
    changed = befall(Event(0, NOON + HOUR, Befallen.LEAK, 2.5), Quantity.VOLUME, rows(100, 110, 110, 120, 120))
    assert changed.value.tolist() == [100, 110, 112, 125, 127]


@pytest.mark.parametrize(("kind", "used"), [(Befallen.SURGE, 300), (Befallen.DROP, 20)])
def test_a_surge_multiplies_six_hours_of_electricity(kind: Befallen, used: float) -> None:
    register = rows(*(100.0 * np.arange(12)))
    changed = befall(Event(0, NOON + 2 * HOUR, kind), Quantity.ENERGY, register)
    assert np.diff(changed.value).tolist() == [100, 100, *[used] * 6, 100, 100, 100]
    power = befall(Event(0, NOON + 2 * HOUR, kind), Quantity.POWER, rows(*[100.0] * 12))
    assert power.value.tolist() == [100, 100, 100, *[used] * 6, 100, 100, 100]


@pytest.mark.parametrize(("kind", "minutes"), [(Befallen.FLAMING, 3), (Befallen.SMOULDERING, 45)])
def test_a_fire_makes_the_detector_report_oftener_and_sound(kind: Befallen, minutes: int) -> None:
    fire = Event(0, NOON + HOUR, kind)
    smoke = befall(fire, Quantity.SMOKE, rows(*[0.1] * 20, every=15 * MINUTE))
    assert (np.diff(smoke.time) >= 0).all()
    assert (smoke.value[smoke.time <= fire.at] == 0.1).all()
    thick = smoke.time[smoke.value > 3.3]
    assert fire.at < thick[0] <= fire.at + minutes * MINUTE
    assert np.diff(thick).min() <= 10 * SECOND
    alarm = befall(fire, Quantity.ALARM, rows(*[0.0] * 20, every=15 * MINUTE))
    on, off = alarm.time[alarm.value == 1], alarm.time[alarm.value == 0]
    assert fire.at < on[0] <= fire.at + minutes * MINUTE
    assert off[-1] > on[-1]


def test_a_fall_keeps_smoke_and_power_quiet() -> None:
    fall = Event(0, NOON + 4 * HOUR, Befallen.FALL)
    assert befall(fall, Quantity.SMOKE, rows(0.1, 0.1, 0.2, 0.1, 0.1, 9.0)).value[-1] == pytest.approx(0.1)
    assert befall(fall, Quantity.POWER, rows(80, 80, 500, 80, 90, 700)).value.tolist() == [80, 80, 500, 80, 90, 80]


@pytest.mark.parametrize("kind", Befallen)
def test_nothing_changes_before_it_happens_nor_what_it_does_not_concern(kind: Befallen) -> None:
    register = rows(*(10.0 * np.arange(10)))
    event = Event(0, NOON + 4 * HOUR, kind, 3.0)
    for quantity in (Quantity.VOLUME, Quantity.ENERGY, Quantity.POWER, Quantity.SMOKE, Quantity.ALARM):
        changed = befall(event, quantity, register)
        before = changed.time <= event.at
        assert changed.value[before].tolist() == register.value[:5].tolist()
    assert befall(event, Quantity.TEMPERATURE, register) is register
