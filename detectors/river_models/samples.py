"""What a model of the user's own is shown: one quantity reading by reading, or a household's features hour by hour."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

import numpy as np

from detectors.finding import Fact
from registry.instants import DAY, HOUR, to_datetime
from registry.quantities import Quantity
from registry.readings import Observations, SensorTable

Feature = Literal["water", "electricity", "power", "smoke", "temperature", "idle", "hour_sin", "hour_cos", "weekend"]
"""What a household's vector may hold, for each hour."""
OF_QUANTITY: Mapping[str, Quantity] = {
    "water": Quantity.VOLUME,  # litres in the hour
    "electricity": Quantity.ENERGY,  # watt-hours in the hour
    "power": Quantity.POWER,  # the highest, W
    "smoke": Quantity.SMOKE,  # the highest, %/m
    "temperature": Quantity.TEMPERATURE,  # the highest, °C
    "idle": Quantity.VOLUME,  # hours since water was last used
}
_HELD = DAY  # a gauge that says nothing more is known no longer
_SPREAD = 6 * HOUR  # use over a longer time may have been at any hour of it
_KEPT = 7 * DAY


@dataclass(frozen=True, slots=True)
class Sample:
    """One vector of features `x` of a subject (a sensor, or a household), `target` naming the first of them."""

    subject: int | str
    time: int
    x: Mapping[str, float]
    target: str


class Samples(Protocol):
    """Where a model's vectors come from."""

    about: str

    def of(self, batch: Observations) -> Iterable[Sample]:
        """Return the vectors that a batch completes, each subject's in the order of time."""
        ...

    def tick(self, now: int) -> None:
        """Forget what can no longer be completed."""
        ...

    def household(self, subject: int | str) -> str:
        """Return whom a subject belongs to."""
        ...

    def source(self, subject: int | str) -> str:
        """Return what a finding about a subject was seen on."""
        ...

    def told(self, sample: Sample) -> dict[str, Fact]:
        """Return what a sentence says of a sample; its `template` is the beginning of the sentence's name."""
        ...

    def state(self) -> Any:
        """Return everything that `take` needs to go on; it is pickled."""
        ...

    def take(self, state: Any) -> None:
        """Continue from what `state` returned."""
        ...


class Readings:
    """Every reading of one quantity: `value` (of a register: use per hour) and the hour of the day in UTC.

    The hour is told as `hour_sin` and `hour_cos`, so that midnight lies between 23 and 1.
    """

    def __init__(self, sensors: SensorTable, quantity: Quantity) -> None:
        self.about = quantity.label
        self._sensors = sensors
        self._quantity = quantity

    def of(self, batch: Observations) -> Iterable[Sample]:
        """Yield a vector for each reading whose value is known."""
        rows = np.flatnonzero(self._sensors.quantity[batch.sensor] == self._quantity)
        time, value = batch.time[rows], batch.value[rows]
        if self._quantity.cumulative:
            value = batch.use[rows] * (HOUR / np.maximum(time - batch.previous[rows], 1))
        known = np.isfinite(value)
        columns = batch.sensor[rows][known], time[known], value[known]
        for sensor, moment, one in zip(*(column.tolist() for column in columns), strict=True):
            angle = 2 * math.pi * (moment % DAY) / DAY
            yield Sample(
                sensor, moment, {"value": one, "hour_sin": math.sin(angle), "hour_cos": math.cos(angle)}, "value"
            )

    def tick(self, now: int) -> None:
        """Nothing waits."""

    def household(self, subject: int | str) -> str:
        """Return the household of a sensor."""
        return self._sensors.household_of(int(subject))

    def source(self, subject: int | str) -> str:
        """Return the sensor's name."""
        return self._sensors.name(int(subject))

    def told(self, sample: Sample) -> dict[str, Fact]:
        """Return the value."""
        return {"template": "river", "quantity": self._quantity.label, "value": sample.x["value"]}

    def state(self) -> Any:
        """Return nothing: readings do not wait."""
        return None

    def take(self, state: Any) -> None:
        """Nothing to take."""


@dataclass(slots=True)
class _Hour:
    """What is known of an hour: per quantity the amount or the highest value, and how much of it is covered (µs)."""

    value: dict[int, float] = field(default_factory=dict)
    covered: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Home:
    """A household's hours that are not complete yet."""

    hours: dict[int, _Hour] = field(default_factory=dict)
    reached: dict[int, int] = field(default_factory=dict)  # newest time by sensor
    gauge: dict[int, float] = field(default_factory=dict)  # newest value by sensor
    used: int = -1  # the last hour with water
    gone: set[int] = field(default_factory=set)  # sensors nobody waits for


class HouseholdHours:
    """A vector of features for each hour of a household in which all of them are known.

    Hours are those of UTC; `hour_sin`, `hour_cos` and `weekend` are local. Use between two readings is spread
    evenly over the time between, if that is at most six hours; a gauge's last value holds for a day. An hour is
    complete when every sensor that it needs has passed its end, so that it does not matter which came first; what
    waits for more than a week is forgotten.
    """

    def __init__(self, sensors: SensorTable, features: Sequence[Feature]) -> None:
        self.about = " ".join(features)
        self._sensors = sensors
        self._features = tuple(features)
        self._needed = {int(OF_QUANTITY[one]) for one in features if one in OF_QUANTITY}
        self._homes: dict[str, _Home] = {}
        self._members: dict[int, list[int]] = {}
        self._known = -1
        self._looked = -1

    def of(self, batch: Observations) -> Iterable[Sample]:
        """Yield the hours that a batch completes."""
        self._meet()
        quantity = self._sensors.quantity[batch.sensor]
        rows = np.flatnonzero(np.isin(quantity, list(self._needed)))
        touched: dict[int, None] = {}
        for row in rows.tolist():
            sensor, time = int(batch.sensor[row]), int(batch.time[row])
            number = int(self._sensors.household[sensor])
            home = self._homes.setdefault(self._sensors.households[number], _Home())
            kind = Quantity(int(quantity[row]))
            if kind.cumulative:
                self._note_use(home, int(kind), int(batch.previous[row]), time, float(batch.use[row]))
            else:
                self._note_gauge(home, int(kind), sensor, time, float(batch.value[row]))
            home.reached[sensor] = time
            home.gone.discard(sensor)
            touched[number] = None
        for number in touched:
            yield from self._complete(number)

    def tick(self, now: int) -> None:
        """Forget hours that wait for more than a week, and go on without sensors that said nothing for as long."""
        if now // HOUR <= self._looked:
            return
        self._looked = now // HOUR
        for home in self._homes.values():
            for hour in [one for one in home.hours if (one + 1) * HOUR < now - _KEPT]:
                del home.hours[hour]
            home.gone = {sensor for sensor, time in home.reached.items() if time < now - _KEPT}

    def household(self, subject: int | str) -> str:
        """Return the household itself."""
        return str(subject)

    def source(self, subject: int | str) -> str:
        """Return the household, seen as a whole."""
        return str(subject)

    def told(self, sample: Sample) -> dict[str, Fact]:
        """Return what the household did in that hour."""
        seen = ", ".join(f"{name} {value:.3g}" for name, value in sample.x.items() if not name.startswith("hour_"))
        of = OF_QUANTITY.get(sample.target)
        one: dict[str, Fact] = {} if of is None else {"quantity": of.label, "value": sample.x[sample.target]}
        return {"template": "river_features", "seen": seen, **one}

    def state(self) -> Any:
        """Return the hours that wait."""
        return self._homes, self._looked

    def take(self, state: Any) -> None:
        """Continue with the hours that waited."""
        self._homes, self._looked = state

    def _meet(self) -> None:
        known = int(np.count_nonzero(self._sensors.quantity))
        if known != self._known:
            self._known = known
            self._members = {}
            for sensor in np.flatnonzero(np.isin(self._sensors.quantity, list(self._needed))).tolist():
                self._members.setdefault(int(self._sensors.household[sensor]), []).append(sensor)

    def _note_use(self, home: _Home, kind: int, begin: int, end: int, use: float) -> None:
        if not math.isfinite(use) or (use > 0 and end - begin > _SPREAD) or end - begin > _KEPT:
            return
        for number in range(begin // HOUR, (end - 1) // HOUR + 1):
            share = min((number + 1) * HOUR, end) - max(number * HOUR, begin)
            hour = home.hours.setdefault(number, _Hour())
            hour.value[kind] = hour.value.get(kind, 0.0) + use * share / (end - begin)
            hour.covered[kind] = hour.covered.get(kind, 0) + share

    def _note_gauge(self, home: _Home, kind: int, sensor: int, time: int, value: float) -> None:
        last = home.reached.get(sensor, time)
        if time - last <= _HELD:
            for number in range(last // HOUR + 1, time // HOUR):
                _highest(home.hours.setdefault(number, _Hour()), kind, home.gauge[sensor])
        _highest(home.hours.setdefault(time // HOUR, _Hour()), kind, value)
        home.gauge[sensor] = value

    def _complete(self, number: int) -> Iterable[Sample]:
        name, zone = self._sensors.households[number], ZoneInfo(self._sensors.zones[number])
        home = self._homes[name]
        members = [one for one in self._members[number] if one not in home.gone]
        upto = min(home.reached.get(sensor, 0) for sensor in members)
        count = {kind: sum(int(self._sensors.quantity[one]) == kind for one in members) for kind in self._needed}
        for hour in sorted(one for one in home.hours if (one + 1) * HOUR <= upto):
            known = home.hours.pop(hour)
            whole = {
                kind
                for kind in known.value
                if not Quantity(kind).cumulative or known.covered[kind] >= 0.99 * HOUR * count[kind]
            }
            if known.value.get(int(Quantity.VOLUME), 0.0) > 0:
                home.used = hour
            x = self._vector(home, hour, {kind: known.value[kind] for kind in whole}, zone)
            if len(x) == len(self._features):
                yield Sample(name, (hour + 1) * HOUR, x, self._features[0])

    def _vector(self, home: _Home, hour: int, known: Mapping[int, float], zone: ZoneInfo) -> dict[str, float]:
        local = to_datetime(hour * HOUR + HOUR // 2).astimezone(zone)
        angle = 2 * math.pi * (local.hour + local.minute / 60) / 24
        x: dict[str, float] = {}
        for feature in self._features:
            if feature == "hour_sin":
                x[feature] = math.sin(angle)
            elif feature == "hour_cos":
                x[feature] = math.cos(angle)
            elif feature == "weekend":
                x[feature] = float(local.weekday() >= 5)
            elif feature == "idle":
                if home.used >= 0 and Quantity.VOLUME in known:
                    x[feature] = float(hour - home.used)
            elif int(OF_QUANTITY[feature]) in known:
                x[feature] = known[int(OF_QUANTITY[feature])]
        return x


def _highest(hour: _Hour, kind: int, value: float) -> None:
    hour.value[kind] = max(hour.value.get(kind, value), value)
