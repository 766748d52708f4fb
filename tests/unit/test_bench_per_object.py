"""The objects that are measured against must answer their questions, or nothing was compared."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from detectors.rules import load
from registry.instants import DAY, HOUR, MINUTE
from registry.quantities import Quantity
from shouwang.bench import per_object
from shouwang.bench.per_object.devices import ClockSkew, Limit, Meter, Offline, Stuck
from shouwang.bench.per_object.electricity import Appliance, Electricity
from shouwang.bench.per_object.gauges import Cold, SmokeLevel
from shouwang.bench.per_object.habits import Drift
from shouwang.bench.per_object.homes import AreaShare, Everybody, Inactivity
from shouwang.bench.per_object.seen import Seen, Watch
from shouwang.bench.per_object.water import Burst, DayUse, Leak, LowUse, Tap
from shouwang.bench.stream import START, Homes

QUARTER = 15 * MINUTE
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as River compares instants


class Sensor:
    """Sends to a question, and says whether any of what it sent was unusual."""

    def __init__(self, watch: Watch, quantity: Quantity) -> None:
        self.watch, self.quantity = watch, quantity
        self.now, self.total = START, 1000.0
        self.first = True

    def send(self, value: float, *, after: int = QUARTER, times: int = 1, lag: int = 0, reset: bool = False) -> bool:
        """Send a value, or of a register what was used, some times; return whether any is unusual."""
        unusual = [self._one(value, after, lag, reset=reset) for _ in range(times)]
        return any(unusual)

    def _one(self, value: float, after: int, lag: int, *, reset: bool) -> bool:
        before, self.now = self.now, self.now + after
        cumulative = self.quantity.cumulative
        self.total = value if reset else self.total + value
        gap = 0 if self.first else after
        known = not self.first and not reset
        seen = Seen(
            self.quantity, 1, self.now, EPOCH + timedelta(microseconds=self.now), before if gap else self.now, gap,
            self.total if cumulative else value, value if cumulative and known else 0.0, known, reset, self.now + lag,
        )  # fmt: skip
        self.first = False
        return self.watch.see(seen)


def morning(sensor: Sensor, litres: float, days: int) -> Iterator[bool]:
    """Use water in four quarters of an hour from seven o'clock on, each day."""
    for number in range(days * 96):
        yield sensor.send(litres if 28 <= number % 96 < 32 else 0.0)


def test_every_rule_of_the_default_set_is_asked() -> None:
    rules = load("default", Homes(10).table)
    names = [type(one).__module__.rpartition(".")[2] for one in rules.detectors]
    gauges = ["smoke_alarm", "battery", "tamper"]
    assert names.count("threshold") == len(gauges)
    questions = [name for name in names if name != "threshold"] + gauges
    assert per_object.asked(questions) == questions


def test_offline() -> None:
    sensor = Sensor(Offline(), Quantity.SMOKE)
    assert not sensor.send(0, times=40)
    assert sensor.send(0, after=25 * HOUR)
    daily = Sensor(Offline(), Quantity.SMOKE)
    daily.send(0, after=DAY + HOUR, times=5)
    assert not daily.send(0, after=DAY + HOUR, times=20)


def test_clock_skew() -> None:
    sensor = Sensor(ClockSkew(), Quantity.SMOKE)
    assert not sensor.send(0, times=30, lag=10_000_000)
    assert sensor.send(0, times=7, lag=-5 * MINUTE)
    behind = Sensor(ClockSkew(), Quantity.SMOKE)
    assert not behind.send(0, times=30, lag=10_000_000)
    assert not behind.send(0, times=20, lag=HOUR)
    assert behind.send(0, times=10, lag=HOUR)


def test_stuck() -> None:
    sensor = Sensor(Stuck(), Quantity.ENERGY)
    assert not sensor.send(50, times=300)
    assert not sensor.send(0, times=40)
    assert sensor.send(0, times=20)
    gauge = Sensor(Stuck(), Quantity.TEMPERATURE)
    assert not any(gauge.send(20 + number % 2) for number in range(300))
    assert gauge.send(20, times=300)


def test_meter() -> None:
    sensor = Sensor(Meter(), Quantity.VOLUME)
    assert not sensor.send(5, times=10)
    assert not sensor.send(3, reset=True)
    assert sensor.send(5)
    assert not sensor.send(5, times=10)


def test_limits() -> None:
    battery = Sensor(Limit(15.0, 25.0), Quantity.BATTERY)
    assert [battery.send(value) for value in (80, 15, 14, 20, 25, 16)] == [False, False, True, True, False, False]
    alarm = Sensor(Limit(0.5, 0.5), Quantity.ALARM)
    assert [alarm.send(value) for value in (0, 1, 0)] == [False, True, False]


def test_low_use_and_day_use() -> None:
    assert not Sensor(DayUse(), Quantity.VOLUME).send(20, times=96)
    assert Sensor(DayUse(), Quantity.VOLUME).send(200, times=96)
    low = Sensor(LowUse(), Quantity.VOLUME)
    low.send(20, times=96)
    assert not low.send(20, times=96)
    assert low.send(0, times=97)


def test_leak() -> None:
    sensor = Sensor(Leak(), Quantity.VOLUME)
    assert not any(morning(sensor, 20, 20))
    assert sensor.send(1, times=105)
    slow = Sensor(Leak(), Quantity.VOLUME)
    assert not any(morning(slow, 20, 20))
    # Two litres every hour and a quarter: hours without use, but no two of them in a row.
    assert any(slow.send(2.0 if number % 5 == 0 else 0.0) for number in range(96 * 6))


def test_burst() -> None:
    sensor = Sensor(Burst(), Quantity.VOLUME)
    assert not any(morning(sensor, 40, 50))
    assert sensor.send(200, times=3)


def test_tap() -> None:
    sensor = Sensor(Tap(), Quantity.VOLUME)
    assert not any(morning(sensor, 20, 20))
    assert sensor.send(100, times=8)
    uneven = Sensor(Tap(), Quantity.VOLUME)
    assert not any(uneven.send(180 if number % 2 else 20) for number in range(8))


@pytest.mark.parametrize("make", [Electricity, Appliance])
def test_electricity(make: type[Watch]) -> None:
    sensor = Sensor(make(), Quantity.ENERGY)
    assert not any(sensor.send(25 + number % 3) for number in range(20 * 96))
    assert sensor.send(700, times=32)


def test_a_blackout() -> None:
    sensor = Sensor(Electricity(), Quantity.ENERGY)
    sensor.send(25, times=96)
    assert sensor.send(0, times=13)


def test_smoke_level() -> None:
    sensor = Sensor(SmokeLevel(), Quantity.SMOKE)
    assert not sensor.send(0.2, times=100)
    assert not sensor.send(3.0, after=MINUTE, times=2)  # a meal
    assert not sensor.send(0.2, after=MINUTE, times=20)
    assert not sensor.send(5.0, after=MINUTE)
    assert sensor.send(5.0, after=MINUTE)
    assert Sensor(SmokeLevel(), Quantity.SMOKE).send(12.0)


def test_cold() -> None:
    sensor = Sensor(Cold(), Quantity.TEMPERATURE)
    assert not any(sensor.send(20 + number % 3, after=HOUR) for number in range(100))
    assert not sensor.send(15.0, after=HOUR, times=6)
    assert sensor.send(15.0, after=HOUR)
    assert Sensor(Cold(), Quantity.TEMPERATURE).send(9.0, after=HOUR, times=2)


def test_drift() -> None:
    sensor = Sensor(Drift(), Quantity.VOLUME)
    assert not any(morning(sensor, 30, 60))
    assert any(morning(sensor, 10, 40))


def test_inactivity() -> None:
    home = Inactivity(Everybody())
    water, power = Sensor(home, Quantity.VOLUME), Sensor(home, Quantity.ENERGY)
    unusual = []
    for number in range(40 * 96):
        unusual += [water.send(8.0 if number % 96 % 7 == 0 else 0.0), power.send(20.0 + number % 2)]
    assert not any(unusual[10 * 96 :])
    assert any(water.send(0.0) | power.send(20.0) for _ in range(2 * 96))


def test_the_share_of_an_area() -> None:
    sensor = Sensor(AreaShare(), Quantity.SMOKE)
    assert not sensor.send(0, times=40)
    assert sensor.send(0, after=2 * HOUR)
    meter = Sensor(AreaShare(), Quantity.ENERGY)
    assert not meter.send(20, times=40)
    assert meter.send(0, times=3)
