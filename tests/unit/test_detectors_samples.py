from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from detectors.registers import Registers
from detectors.river_models.samples import Feature, HouseholdHours, Sample
from registry.instants import DAY, HOUR, MINUTE
from registry.quantities import Quantity
from registry.readings import SensorTable
from tests.unit.detector_streams import NOON, Sent, batch, cut

WATER, METER, SMOKE = 1, 2, 4


def table(*quantities: Quantity, zone: str = "UTC") -> SensorTable:
    sensors = SensorTable()
    for quantity in quantities:
        sensors.add(quantity, f"{quantity.label}-meter", quantity, "home", zone)
    return sensors


def vectors(
    sensors: SensorTable, features: Sequence[Feature], sent: Sequence[Sent], cuts: Sequence[int] = ()
) -> list[Sample]:
    hours, registers = HouseholdHours(sensors, features), Registers()
    return [
        sample
        for piece in cut(sent, cuts)
        for sample in hours.of(registers.interpret(batch(piece), sensors).observations())
    ]


def sent(sensor: int, *readings: tuple[float, float]) -> list[Sent]:
    """Return readings at hours after noon, each received when it was taken."""
    return [Sent(sensor, NOON + round(at * HOUR), value, NOON + round(at * HOUR)) for at, value in readings]


def test_use_is_spread_over_the_time_between_readings() -> None:
    found = vectors(table(Quantity.VOLUME), ["water"], sent(WATER, (0, 100), (1.5, 130), (2, 130), (3, 136)))
    assert [(one.time - NOON) // HOUR for one in found] == [1, 2, 3]
    assert [one.x["water"] for one in found] == pytest.approx([20, 10, 6])


def test_an_hour_of_which_a_part_is_not_known_is_left_out() -> None:
    readings = sent(WATER, (0.5, 100), (1, 130), (2, 160))
    assert [one.x["water"] for one in vectors(table(Quantity.VOLUME), ["water"], readings)] == [30.0]


def test_an_hour_waits_for_every_sensor_it_needs() -> None:
    sensors = table(Quantity.VOLUME, Quantity.ENERGY)
    water = sent(WATER, (0, 100), (1, 130), (2, 160))
    assert vectors(sensors, ["water", "electricity"], water) == []
    power = sent(METER, (0, 100), (1, 400), (2, 500))
    found = vectors(sensors, ["water", "electricity"], [*water, *power])
    assert [one.x for one in found] == [{"water": 30, "electricity": 300}, {"water": 30, "electricity": 100}]
    assert [(one.subject, one.target) for one in found] == [("home", "water")] * 2


def test_vectors_do_not_depend_on_which_sensor_came_first_nor_on_how_the_stream_is_cut() -> None:
    sensors = table(Quantity.VOLUME, Quantity.ENERGY, Quantity.SMOKE)
    features: list[Feature] = ["water", "electricity", "smoke", "idle", "hour_sin", "weekend"]
    streams = [
        sent(WATER, *((n * 0.7, 100.0 + n // 3 * 7) for n in range(90))),
        sent(METER, *((n * 1.3, 100.0 + n * 40) for n in range(48))),
        sent(SMOKE, *((n * 5.0, n % 3 / 10) for n in range(13))),
    ]
    one_by_one = [reading for stream in streams for reading in stream]
    merged = sorted(one_by_one, key=lambda one: one.time)
    expected = vectors(sensors, features, merged)
    assert len(expected) > 40
    assert vectors(sensors, features, one_by_one) == expected
    assert vectors(sensors, features, one_by_one, list(range(len(one_by_one)))) == expected


def test_use_over_a_long_silence_was_at_nobody_knows_which_hour_but_none_is_none() -> None:
    sensors = table(Quantity.VOLUME)
    assert vectors(sensors, ["water"], sent(WATER, (0, 100), (7, 130))) == []
    assert [one.x["water"] for one in vectors(sensors, ["water"], sent(WATER, (0, 100), (7, 100)))] == [0.0] * 7


def test_a_gauge_holds_for_a_day() -> None:
    sensors = table(Quantity.SMOKE)
    found = vectors(sensors, ["smoke"], sent(SMOKE, (0.5, 3.0), (3.5, 1.0), (30.5, 2.0), (31.5, 0.0)))
    assert [((one.time - NOON) // HOUR, one.x["smoke"]) for one in found] == [
        (1, 3.0), (2, 3.0), (3, 3.0), (4, 1.0), (31, 2.0),
    ]  # fmt: skip


def test_idle_hours_are_counted_from_the_first_use_on() -> None:
    readings = sent(WATER, (0, 100), (1, 100), (2, 105), (3, 105), (4, 105), (5, 106))
    assert [one.x["idle"] for one in vectors(table(Quantity.VOLUME), ["idle"], readings)] == [0, 1, 2, 0]


def test_the_hour_of_the_day_and_the_weekend_are_local() -> None:
    saturday = NOON - NOON % (7 * DAY) + 2 * DAY - 8 * HOUR  # 00:00 in Shanghai
    readings = [Sent(WATER, saturday + n * HOUR, 100.0, saturday + n * HOUR) for n in range(-2, 3)]
    found = vectors(table(Quantity.VOLUME, zone="Asia/Shanghai"), ["water", "hour_cos", "weekend"], readings)
    assert [one.x["weekend"] for one in found] == [0, 0, 1, 1]
    assert [one.x["hour_cos"] for one in found] == pytest.approx(
        [math.cos(2 * math.pi * hour / 24) for hour in (22.5, 23.5, 0.5, 1.5)]
    )


def test_a_sensor_that_died_is_not_waited_for_after_a_week() -> None:
    sensors = table(Quantity.VOLUME, Quantity.SMOKE)
    sensors.add(9, "old-meter", Quantity.VOLUME, "home", "UTC")
    hours, registers = HouseholdHours(sensors, ["water"]), Registers()

    def see(readings: Sequence[Sent]) -> list[Sample]:
        return list(hours.of(registers.interpret(batch(readings), sensors).observations()))

    see([Sent(9, NOON, 5.0, NOON)])
    assert see(sent(WATER, *((n, 100.0) for n in range(24 * 8)))) == []
    hours.tick(NOON + 7 * DAY + HOUR + MINUTE)
    later = see(sent(WATER, *((24 * 8 + n, 100.0) for n in range(4))))
    assert later[-1].time == NOON + (24 * 8 + 3) * HOUR
