"""What would the same questions cost with an object for every sensor? The rules' statistics, kept by River.

For each rule of the default set one small class asks the same of one sensor, one device or one home, reading by
reading, in the way that River's documentation shows: a statistic of River's for each that the rule keeps, plain Python
between them. Each class says which file it mirrors, and holds nothing that its rule does not. Conditions, zones,
absences, sentences and whatever needs other homes are left out, in River's favour. They exist to be measured, and
watch nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import process_time_ns
from typing import Literal

from registry.quantities import Quantity
from registry.readings import Flag, Observations, SensorTable
from shouwang.bench.per_object.devices import ClockSkew, Limit, Meter, Offline, Register, Stuck
from shouwang.bench.per_object.electricity import Appliance, Electricity
from shouwang.bench.per_object.gauges import Cold, SmokeLevel
from shouwang.bench.per_object.habits import Drift
from shouwang.bench.per_object.homes import AreaShare, Everybody, Inactivity
from shouwang.bench.per_object.seen import Seen, Watch
from shouwang.bench.per_object.water import Burst, DayUse, Leak, LowUse, Tap

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - River compares instants without a zone only
_EVERY = tuple(Quantity)
_WATER, _ENERGY = (Quantity.VOLUME,), (Quantity.ENERGY,)
_REGISTERS = (*_WATER, *_ENERGY)
_UNKNOWN, _RESET = int(Flag.FIRST | Flag.RESET), int(Flag.RESET)


@dataclass(frozen=True, slots=True)
class _Question:
    """Whom a question is asked of: every sensor of some quantities, or the device or home that they belong to."""

    make: Callable[[], Watch]
    quantities: tuple[Quantity, ...]
    of: Literal["sensor", "device", "home"] = "sensor"


def _questions() -> Mapping[str, _Question]:
    """Return what is asked, by the module or the name of the rule; homes that are asked together share a population."""
    return {
        "registers": _Question(Register, _REGISTERS),
        "smoke_alarm": _Question(partial(Limit, 0.5, 0.5), (Quantity.ALARM,)),
        "smoke_level": _Question(SmokeLevel, (Quantity.SMOKE, Quantity.TEMPERATURE, Quantity.ALARM), "home"),
        "battery": _Question(partial(Limit, 15.0, 25.0), (Quantity.BATTERY,)),
        "tamper": _Question(partial(Limit, 0.5, 0.5), (Quantity.TAMPER,)),
        "area_incidents": _Question(AreaShare, _EVERY, "home"),
        "inactivity": _Question(partial(Inactivity, Everybody()), _REGISTERS, "home"),
        "low_use": _Question(LowUse, _WATER),
        "day_use": _Question(DayUse, _WATER),
        "constant_use": _Question(Leak, _WATER),
        "leak": _Question(Leak, _WATER),
        "burst": _Question(Burst, _WATER),
        "tap": _Question(Tap, _WATER),
        "electricity": _Question(Electricity, _ENERGY),
        "appliance": _Question(Appliance, _ENERGY),
        "cold": _Question(Cold, (Quantity.TEMPERATURE,)),
        "offline": _Question(Offline, _EVERY, "device"),
        "stuck": _Question(Stuck, (*_REGISTERS, Quantity.SMOKE, Quantity.TEMPERATURE)),
        "meter": _Question(Meter, _REGISTERS),
        "clock_skew": _Question(ClockSkew, _EVERY, "device"),
        "drift": _Question(Drift, _REGISTERS),
    }


def asked(names: Iterable[str] | None = None) -> list[str]:
    """Return those names that there is a question for, without `names` those of the default rules."""
    known = _questions()
    if names is None:
        return [name for name in known if name not in ("low_use", "constant_use")]  # what the presets ask instead
    return [name for name in names if name in known]


def watching(table: SensorTable, names: Iterable[str]) -> Callable[[int], list[Watch]]:
    """Return what makes, sensor by sensor, the objects that its readings are shown to."""
    known = _questions()
    chosen = [known[name] for name in names]
    met: dict[tuple[int, int], Watch] = {}
    return lambda sensor: _watches(sensor, table, chosen, met)


def measure(batches: Iterable[Observations], table: SensorTable, names: Iterable[str]) -> tuple[int, float]:
    """Ask every question of every reading that it is about, an object for each whom it is asked of.

    Returns:
        Readings, and the seconds of the processor that they took; the first quarter of them is only learned from.
    """
    known = _questions()
    chosen = [known[name] for name in names]
    met: dict[tuple[int, int], Watch] = {}
    watches: dict[int, tuple[Quantity, int, list[Callable[[Seen], bool]]]] = {}
    readings = 0
    spent = 0
    batches = list(batches)
    for number, batch in enumerate(batches):
        rows = zip(
            batch.sensor.tolist(), batch.time.tolist(), batch.previous.tolist(), batch.value.tolist(),
            batch.use.tolist(), batch.flags.tolist(), batch.received.tolist(), strict=True,
        )  # fmt: skip
        began = process_time_ns()
        for sensor, time, previous, value, use, flags, received in rows:
            own = watches.get(sensor)
            if own is None:
                quantity, device = Quantity(int(table.quantity[sensor])), int(table.device[sensor])
                asks: list[Callable[[Seen], bool]] = [watch.see for watch in _watches(sensor, table, chosen, met)]
                own = watches[sensor] = quantity, device, asks
            quantity, device, sees = own
            seen = Seen(
                quantity, device, time, _EPOCH + timedelta(microseconds=time), previous or time,
                time - previous if previous else 0, value, use if use == use else 0.0,  # noqa: PLR0124 - NaN
                not flags & _UNKNOWN, bool(flags & _RESET), received,
            )  # fmt: skip
            for see in sees:
                see(seen)
        if 4 * number >= len(batches):
            spent += process_time_ns() - began
            readings += len(batch)
    return readings, spent / 1e9


def _watches(
    sensor: int, table: SensorTable, chosen: Sequence[_Question], met: dict[tuple[int, int], Watch]
) -> list[Watch]:
    """Return what is asked of a sensor's readings; what is asked of its device or home is made with the first of it."""
    quantity = Quantity(int(table.quantity[sensor]))
    subject = {"sensor": sensor, "device": int(table.device[sensor]), "home": int(table.household[sensor])}
    found: list[Watch] = []
    for number, question in enumerate(chosen):
        if quantity in question.quantities:
            key = number, subject[question.of]
            if key not in met:
                met[key] = question.make()
            found.append(met[key])
    return found
