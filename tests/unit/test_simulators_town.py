from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from registry.instants import HOUR, MINUTE, SECOND, to_datetime, to_micros
from registry.quantities import SCALES, Quantity
from simulators.errors import EventError, SimulationError
from simulators.events import Event, Happening, event
from simulators.meters import Columns, Kinds, Meters
from simulators.residents import habits
from simulators.town import State, Town

_START = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
_DAY = timedelta(days=1)


def _town(*events: Event, seed: int = 7, households: int = 30) -> Town:
    return Town(seed, households, _START, events=events)


def _of(columns: Columns, town: Town, sensor: str) -> tuple[list[int], list[float]]:
    number = [f"{device}/{quantity.label}" for device, quantity in town.sensors].index(sensor)
    rows = columns.sensor == number
    return columns.time[rows].tolist(), columns.value[rows].tolist()


def _same(one: Columns, other: Columns) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("sensor", "time", "value")
    )  # fmt: skip


def _alone_at_home(town: Town, at: datetime) -> str:
    for row, home in enumerate(town.households):
        if town.habits.alone[row] and town.state(home, at) == State.AWAKE:
            return home
    raise AssertionError("nobody")  # pragma: no cover


def test_the_same_seed_is_the_same_town_and_another_is_not() -> None:
    one = _town().readings(_START, _START + _DAY)
    assert _same(one, _town().readings(_START, _START + _DAY))
    assert not _same(one, _town(seed=8).readings(_START, _START + _DAY))
    assert _town().registry == _town().registry


def test_any_day_of_any_household_can_be_had_on_its_own_and_in_any_order() -> None:
    town, other = _town(), _town()
    later = town.readings(_START + 5 * _DAY, _START + 6 * _DAY)
    earlier = town.readings(_START - 4 * _DAY, _START - 3 * _DAY)
    assert _same(earlier, other.readings(_START - 4 * _DAY, _START - 3 * _DAY))
    assert _same(later, other.readings(_START + 5 * _DAY, _START + 6 * _DAY))
    alone = _town().readings(_START + 5 * _DAY, _START + 6 * _DAY, ["household-013"])
    mine = later.sensor // Kinds.COUNT == 12
    assert _same(alone, Columns(later.sensor[mine], later.time[mine], later.value[mine]))


def test_readings_are_in_order_unique_plausible_and_cut_as_one_likes() -> None:
    town = _town()
    whole = town.readings(_START - _DAY, _START + _DAY)
    assert (np.diff(whole.time) >= 0).all()
    assert len({*zip(whole.sensor.tolist(), whole.time.tolist(), strict=True)}) == len(whole)
    pieces = [town.readings(_START + at * _DAY / 4, _START + (at + 1) * _DAY / 4) for at in range(-4, 4)]
    for name in ("sensor", "time", "value"):
        assert np.array_equal(np.concatenate([getattr(piece, name) for piece in pieces]), getattr(whole, name))
    for number, (_, quantity) in enumerate(town.sensors):
        values = whole.value[whole.sensor == number]
        assert len(values) >= 2
        assert values.min() >= SCALES[quantity].low
        assert values.max() <= SCALES[quantity].high


def test_a_register_is_its_start_plus_everything_drawn() -> None:
    town = _town(event(Happening.LEAK, "household-001", _START + _DAY, amount=20))
    begin, end = _START - 3 * _DAY, _START + 3 * _DAY
    columns = town.readings(begin, end)
    for number in (1, 2, 3):
        times, registers = _of(columns, town, f"wm-{number:03d}/volume")
        drawn = town.used(f"household-{number:03d}", begin - _DAY, end)
        first, last = times[0], times[-1]
        litres = sum(
            amount * (min(max(last - at, 0), over - at) - min(max(first - at, 0), over - at)) / (over - at)
            for at, over, amount in drawn
        )
        assert registers[-1] - registers[0] == pytest.approx(litres, abs=1.1)
        assert registers == [float(int(register)) for register in registers]
        assert (np.diff(registers) >= 0).all()
        _, energy = _of(columns, town, f"em-{number:03d}/energy")
        assert (np.diff(energy) >= 0).all()


def test_reports_come_every_quarter_of_an_hour_with_seconds_of_jitter() -> None:
    town = _town()
    columns = town.readings(_START, _START + _DAY)
    phases = set()
    for number in range(1, 31):
        gaps = np.diff(_of(columns, town, f"wm-{number:03d}/volume")[0]) / SECOND
        assert 890 <= gaps.min() < gaps.max() <= 910
        phases.add(_of(columns, town, f"wm-{number:03d}/volume")[0][0] // SECOND % 900)
    assert len(phases) > 20
    for name, times in (("sd-001/alarm", 4), ("sd-001/battery", 1), ("wm-001/battery", 1)):
        assert len(_of(columns, town, name)[0]) == times


def test_a_fall_silences_a_household_until_help_comes() -> None:
    fall = _START + timedelta(hours=2)
    home = _alone_at_home(_town(), fall)
    number = home[-3:]
    help_at = fall + timedelta(hours=30)
    town = _town(event(Happening.FALL, home, fall), event(Happening.HELP, home, help_at))
    quiet = town.readings(fall + timedelta(minutes=35), help_at)
    before, after = _town().readings(_START - _DAY, fall), town.readings(help_at, help_at + _DAY)
    assert len({*_of(quiet, town, f"wm-{number}/volume")[1]}) == 1
    watt_hours = np.diff(_of(quiet, town, f"em-{number}/energy")[1])
    assert 0 < watt_hours.max() < 60
    assert max(_of(quiet, town, f"sd-{number}/smoke")[1]) < 0.5
    assert _of(after, town, f"wm-{number}/volume")[1][-1] > _of(quiet, town, f"wm-{number}/volume")[1][-1] + 20
    assert _same(before, town.readings(_START - _DAY, fall))
    assert town.state(home, fall + timedelta(hours=1)) == State.DOWN
    assert town.state(home, help_at + timedelta(minutes=1)) != State.DOWN


def test_nobody_comes_back_from_death() -> None:
    at = _START + timedelta(hours=2)
    home = _alone_at_home(_town(), at)
    town = _town(event(Happening.DEATH, home, at), event(Happening.HELP, home, at + _DAY))
    later = town.readings(at + _DAY, at + 4 * _DAY)
    assert len({*_of(later, town, f"wm-{home[-3:]}/volume")[1]}) == 1
    assert town.state(home, at + 3 * _DAY) == State.DEAD


@pytest.mark.parametrize(
    ("kind", "hours", "litres"), [(Happening.LEAK, 24, 12 * 24), (Happening.BURST, 2, 1800), (Happening.TAP, 2, 720)]
)
def test_running_water_is_counted(kind: Happening, hours: float, litres: float) -> None:
    until = _START + timedelta(hours=hours)
    plain, wet = _town(), _town(event(kind, "household-004", _START))

    def used(town: Town) -> float:
        registers = _of(town.readings(_START, until), town, "wm-004/volume")[1]
        return registers[-1] - registers[0]

    assert used(wet) - used(plain) == pytest.approx(litres, rel=0.15)


def test_a_kettle_fire_fills_the_air_within_minutes_and_a_smouldering_one_within_the_hour() -> None:
    at = _START + timedelta(hours=3)
    town = _town(
        event(Happening.KETTLE_FIRE, "household-002", at), event(Happening.SMOULDER, "household-003", at),
    )  # fmt: skip
    columns = town.readings(at, at + timedelta(hours=5))
    for number, soonest, latest in (("002", 60, 180), ("003", 900, 4000)):
        times, alarms = _of(columns, town, f"sd-{number}/alarm")
        on = next(time for time, value in zip(times, alarms, strict=True) if value == 1)
        assert soonest < (on - to_micros(at)) / SECOND < latest
        assert alarms[-1] == 0
        seen, air = _of(columns, town, f"sd-{number}/smoke")
        assert max(air) > 8
        high = [time for time, value in zip(seen, air, strict=True) if value > 2]
        assert max(np.diff(high)) == 10 * SECOND
        assert air[-1] < 1


def test_a_fire_over_midnight_goes_on_and_ends() -> None:
    at = datetime(2026, 3, 1, 15, 50, tzinfo=UTC)  # ten minutes before midnight in the town
    town = _town(event(Happening.KETTLE_FIRE, "household-002", at))
    columns = town.readings(at, at + timedelta(hours=3))
    _, alarms = _of(columns, town, "sd-002/alarm")
    assert [value for value in alarms if value == 1] != []
    assert alarms[-1] == 0
    times, air = _of(columns, town, "sd-002/smoke")
    assert [
        value > 10 for time, value in zip(times, air, strict=True) if abs(time - to_micros(at) - 10 * MINUTE) < MINUTE
    ]


def test_help_puts_a_fire_out() -> None:
    at = _START + timedelta(hours=3)
    helped = _town(
        event(Happening.SMOULDER, "household-003", at),
        event(Happening.HELP, "household-003", at + timedelta(minutes=30)),
    )
    air = _of(helped.readings(at + timedelta(minutes=90), at + timedelta(hours=3)), helped, "sd-003/smoke")[1]
    assert max(air) < 1


def test_a_blackout_silences_the_electricity_meters_of_its_area_only() -> None:
    plain = _town()
    area = plain.registry.households[0].area
    inside = [home.id for home in plain.registry.households if home.area == area]
    at, lasting = _START + timedelta(hours=3), timedelta(hours=2)
    town = _town(event(Happening.BLACKOUT, area, at, lasting=lasting))
    columns = town.readings(at, at + lasting)
    after = town.readings(at + lasting, at + 2 * lasting)
    before = town.readings(at - lasting, at)
    for home in town.households:
        times, _ = _of(columns, town, f"em-{home[-3:]}/energy")
        assert (times == []) is (home in inside)
        if home in inside:
            shown = [_of(each, town, f"em-{home[-3:]}/energy")[1] for each in (before, after)]
            gained = shown[1][0] - shown[0][-1]
            assert gained < 700
        assert _of(columns, town, f"wm-{home[-3:]}/volume")[0]
    assert len(inside) < 30


def test_a_water_cut_stands_registers_still_even_over_a_leak() -> None:
    plain = _town()
    area = plain.registry.households[0].area
    at, lasting = _START + timedelta(hours=1), timedelta(hours=6)
    town = _town(
        event(Happening.WATER_CUT, area, at, lasting=lasting), event(Happening.LEAK, "household-001", _START, amount=30)
    )
    dry = _of(town.readings(at, at + lasting), town, "wm-001/volume")[1]
    assert len(dry) > 20
    assert len({*dry}) == 1
    assert _of(town.readings(at, at + 2 * lasting), town, "wm-001/volume")[1][-1] > dry[-1] + 150


def test_dead_devices_flat_batteries_and_new_meters_show() -> None:
    at = _START + timedelta(hours=4)
    town = _town(
        event(Happening.DEAD, "sd-005", at), event(Happening.BATTERY, "wm-006", at, amount=7),
        event(Happening.REPLACE, "wm-007", at, amount=3), event(Happening.REPLACE, "em-007", at + _DAY),
        event(Happening.REPLACE, "wm-007", at + 2 * _DAY, amount=1000),
        event(Happening.REPAIR, "household-005", at + _DAY),
    )  # fmt: skip
    columns = town.readings(at, at + 3 * _DAY)
    assert _of(columns, town, "sd-005/smoke")[0][0] >= to_micros(at + _DAY)
    assert _of(columns, town, "wm-005/volume")[0][0] < to_micros(at + timedelta(minutes=16))
    assert set(_of(columns, town, "wm-006/battery")[1]) == {7.0}
    assert _of(columns, town, "wm-006/battery")[0][0] == to_micros(at)
    plain = _town()
    truth = np.array(_of(plain.readings(at, at + 3 * _DAY), plain, "wm-007/volume")[1])
    shown = np.array(_of(columns, town, "wm-007/volume")[1])
    assert 3 <= shown[0] < 60
    second = int(np.argmax(shown >= 1000))
    assert np.abs(np.diff(shown[:second]) - np.diff(truth[:second])).max() <= 1
    assert np.abs(np.diff(shown[second:]) - np.diff(truth[second:])).max() <= 1
    assert 1000 <= shown[second] < 1100
    assert _of(columns, town, "em-007/energy")[1][-1] < 20_000


def test_what_was_said_before_an_event_stays_said() -> None:
    town = _town()
    before = town.readings(_START, _START + 2 * _DAY)
    town.inject(event(Happening.BURST, "household-004", _START + 2 * _DAY))
    assert _same(before, town.readings(_START, _START + 2 * _DAY))
    again = _town(*town.events)
    assert _same(
        town.readings(_START + 2 * _DAY, _START + 3 * _DAY), again.readings(_START + 2 * _DAY, _START + 3 * _DAY)
    )


def test_an_event_of_the_past_leaves_registers_consistent() -> None:
    town = _town()
    town.readings(_START - 3 * _DAY, _START)
    town.inject(event(Happening.USE, "household-004", _START - 2 * _DAY, amount=40))
    again = _town(*town.events)
    assert _same(town.readings(_START - 3 * _DAY, _START + _DAY), again.readings(_START - 3 * _DAY, _START + _DAY))
    registers = _of(town.readings(_START - 3 * _DAY, _START + _DAY), town, "wm-004/volume")[1]
    assert (np.diff(registers) >= 0).all()


@pytest.mark.parametrize(
    ("kind", "target", "advice"),
    [
        (Happening.FALL, "household-999", "no household"),
        (Happening.DEAD, "wm-999", "no device"),
        (Happening.BLACKOUT, "88", "nobody lives"),
        (Happening.REPLACE, "sd-001", "no register"),
        (Happening.BATTERY, "em-001", "no battery"),
    ],
)
def test_an_event_must_have_something_to_befall(kind: Happening, target: str, advice: str) -> None:
    with pytest.raises(EventError, match=advice):
        _town(event(kind, target, _START))


def test_a_town_needs_people_a_zone_and_installed_meters() -> None:
    with pytest.raises(SimulationError, match="no town"):
        Town(1, 0, _START)
    with pytest.raises(SimulationError, match="zone"):
        Town(1, 2, _START.replace(tzinfo=None))
    with pytest.raises(SimulationError, match="no household"):
        _town().state("household-999", _START)
    recent = replace(habits(1, np.arange(1)), water_start=np.array([500_000]))
    with pytest.raises(SimulationError, match="not yet installed"):
        Meters(1, recent, 20_513, ()).columns(20_480)


def test_sensors_are_named_as_columns_number_them() -> None:
    town = _town()
    assert town.sensors[:6] == [
        ("wm-001", Quantity.VOLUME), ("wm-001", Quantity.BATTERY), ("em-001", Quantity.ENERGY),
        ("sd-001", Quantity.SMOKE), ("sd-001", Quantity.ALARM), ("sd-001", Quantity.BATTERY),
    ]  # fmt: skip
    assert len(town.sensors) == 180
    state = town.state("household-001", to_datetime(to_micros(_START) + 18 * HOUR))
    assert state in (State.ASLEEP, State.AWAY)
