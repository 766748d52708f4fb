"""Meters of a household brought together: what is known of each quarter of an hour, and when it can be judged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from detectors.registers import Registers
from detectors.silence.quarter_hours import PATIENCE, SLOT, Closed, QuarterHours
from registry.instants import DAY, HOUR, MINUTE
from registry.quantities import Quantity
from registry.readings import SensorTable
from tests.unit.detector_streams import NOON, Sent, batch

WATER, POWER, ENERGY, SECOND_WATER = 1, 2, 3, 4
UNKNOWN, NO_USE, USE = -1, 0, 1


def table_of(*sensors: int) -> SensorTable:
    table = SensorTable()
    quantities = {WATER: Quantity.VOLUME, POWER: Quantity.POWER, ENERGY: Quantity.ENERGY}
    for sensor in sensors:
        table.add(sensor, f"meter-{sensor}", quantities[sensor], "home", "UTC")
    return table


class Meters:
    """A household's meters, and what was told of its slots."""

    def __init__(self, *sensors: int) -> None:
        self.table = table_of(*sensors)
        self.registers = Registers()
        self.slots = QuarterHours(self.table)
        self.water: dict[int, int] = {}
        self.watts: dict[int, float] = {}
        self.told: dict[int, int] = {}

    def say(self, sensor: int, *readings: tuple[int, float], received: int | None = None) -> None:
        """Let a meter report (time after noon, value)s, each received when it was taken unless told otherwise."""
        sent = [Sent(sensor, NOON + at, value, NOON + (at if received is None else received)) for at, value in readings]
        self.take(self.slots.take(self.registers.interpret(batch(sent), self.table).observations()))

    def wait(self, until: int) -> None:
        self.take(self.slots.tick(NOON + until))

    def take(self, closed: Closed | None) -> None:
        for row in range(0 if closed is None else len(closed.household)):
            assert closed is not None
            for turn in range(int(closed.length[row])):
                slot, at = int(closed.first[row]) + turn - NOON // SLOT, int(closed.start[row]) + turn
                assert slot not in self.water, "told twice"
                self.water[slot] = int(closed.water[at])
                self.watts[slot] = float(closed.watts[at])
                self.told[slot] = int(closed.told[at]) - NOON

    def waters(self) -> list[int]:
        return [self.water[slot] for slot in sorted(self.water)]


def every(step: int, values: Sequence[float], start: int = 0) -> list[tuple[int, float]]:
    return [(start + step * number, value) for number, value in enumerate(values)]


def test_a_meter_that_stands_says_no_use_and_one_that_moves_says_use() -> None:
    home = Meters(WATER)
    home.say(WATER, *every(5 * MINUTE, [100, 100, 100, 100, 100, 101, 101, 101, 101, 101]))
    assert home.waters() == [NO_USE, USE, NO_USE]


def test_a_slot_is_judged_when_a_reading_ends_it() -> None:
    home = Meters(WATER)
    home.say(WATER, (0, 100.0), (14 * MINUTE, 100.0))
    assert home.waters() == []
    home.say(WATER, (16 * MINUTE, 100.0))
    assert home.waters() == [NO_USE]
    assert home.told[0] == 16 * MINUTE


def test_an_hourly_meter_says_all_four_quarters() -> None:
    home = Meters(WATER)
    home.say(WATER, (0, 100.0), (HOUR, 100.0), (2 * HOUR, 109.0))
    assert home.waters() == [NO_USE] * 4 + [USE] * 4


def test_use_of_a_daily_meter_is_told_as_the_last_quarter_and_the_rest_as_unknown() -> None:
    home = Meters(WATER)
    home.say(WATER, (0, 100.0), (DAY, 100.0), (2 * DAY, 130.0))
    assert home.waters() == [NO_USE] * 96 + [UNKNOWN] * 95 + [USE]


def test_silence_is_not_zero() -> None:
    home = Meters(WATER, POWER)
    home.say(POWER, *every(MINUTE, [50.0] * 61))
    home.wait(4 * HOUR)
    assert home.waters() == [UNKNOWN] * 4
    assert list(home.watts.values()) == [50.0] * 4


def test_a_meter_that_never_spoke_is_waited_for_no_longer_than_others() -> None:
    home = Meters(WATER, POWER)
    home.say(POWER, *every(15 * MINUTE, [50.0] * 21))
    assert home.waters() == []
    home.wait(5 * HOUR + PATIENCE + 10 * MINUTE)
    home.say(POWER, (6 * HOUR, 50.0))
    assert home.waters() == [UNKNOWN] * 24


def test_a_register_that_restarted_says_nothing_of_the_time_before() -> None:
    home = Meters(WATER)
    home.say(WATER, *every(15 * MINUTE, [900, 900, 900, 0, 0, 0]))
    assert home.waters()[:2] == [NO_USE, NO_USE]
    assert home.waters()[3:] == [NO_USE, NO_USE]
    assert home.water[2] != NO_USE


def test_two_meters_are_waited_for() -> None:
    home = Meters(WATER, POWER)
    home.say(POWER, *every(5 * MINUTE, [50.0] * 13))
    assert home.waters() == []
    home.say(WATER, (0, 100.0), (30 * MINUTE, 100.0))
    assert home.waters() == [NO_USE, NO_USE]
    home.say(WATER, (60 * MINUTE, 103.0))
    assert home.waters() == [NO_USE, NO_USE, USE, USE]
    assert list(home.watts.values()) == [50.0] * 4


def test_after_three_hours_it_goes_on_without_the_silent_one() -> None:
    home = Meters(WATER, POWER)
    home.say(WATER, (0, 100.0), (15 * MINUTE, 100.0))
    home.say(POWER, *every(15 * MINUTE, [50.0] * 13))
    assert home.waters() == [NO_USE]
    home.wait(15 * MINUTE + PATIENCE)
    assert home.waters() == [NO_USE]
    home.wait(15 * MINUTE + PATIENCE + 5 * MINUTE)
    assert home.waters() == [NO_USE] + [UNKNOWN] * 11
    home.say(POWER, (200 * MINUTE, 50.0))
    assert home.waters() == [NO_USE] + [UNKNOWN] * 12


def test_a_meter_that_comes_back_is_waited_for_again() -> None:
    home = Meters(WATER, POWER)
    home.say(WATER, (0, 100.0))
    home.say(POWER, *every(15 * MINUTE, [50.0] * 17))
    home.wait(4 * HOUR)
    before = len(home.water)
    home.say(WATER, (4 * HOUR, 100.0))
    home.say(POWER, *every(15 * MINUTE, [50.0] * 4, 4 * HOUR + 15 * MINUTE))
    assert len(home.water) == before
    home.say(WATER, (5 * HOUR, 100.0))
    assert home.waters()[-3:] == [NO_USE] * 3


def test_energy_is_mean_power_and_the_highest_of_a_slot_counts() -> None:
    home = Meters(ENERGY)
    home.say(ENERGY, *every(5 * MINUTE, [0, 10, 20, 130, 140, 150, 160]))
    assert list(home.watts.values()) == pytest.approx([1320.0, 120.0])


def test_what_waits_long_is_kept() -> None:
    """The ring holds two hours; a home may wait longer for its other meter."""
    home = Meters(WATER, POWER)
    home.say(WATER, (0, 100.0))
    home.say(POWER, (0, 0.0))
    for hour in range(4):
        home.say(POWER, *every(15 * MINUTE, [10.0 * hour] * 4, hour * HOUR + 15 * MINUTE))
    assert home.waters() == []
    home.say(WATER, (4 * HOUR, 100.0))
    assert home.waters() == [NO_USE] * 16
    assert list(home.watts.values()) == [0.0] * 4 + [10.0] * 4 + [20.0] * 4 + [30.0] * 4


def test_a_restart_between_two_readings_changes_nothing() -> None:
    first, second = Meters(WATER, POWER), Meters(WATER, POWER)
    hours = 3
    for home in (first, second):
        home.say(WATER, (0, 100.0))
        home.say(POWER, *every(15 * MINUTE, list(range(4 * hours)), 0))
    table = SensorTable()
    table.add(9, "other", Quantity.VOLUME, "another-home", "UTC")
    for sensor, quantity in ((WATER, Quantity.VOLUME), (POWER, Quantity.POWER)):
        table.add(sensor, f"meter-{sensor}", quantity, "home", "UTC")
    slots = QuarterHours(table)
    slots.take_rows(first.slots.rows(), {0: 1})
    second.table, second.slots = table, slots
    for home in (first, second):
        home.say(WATER, (3 * HOUR, 100.0))
        home.say(POWER, (3 * HOUR, 5.0))
    assert second.water == first.water
    assert len(first.water) == 4 * hours - 1 + 1
    assert np.array_equal(list(second.watts.values()), list(first.watts.values()), equal_nan=True)
    assert second.told == first.told
