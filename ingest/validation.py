"""Checks records against the registry, and turns the good ones into columns of readings in SI units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from ingest.directory import Directory
from ingest.errors import IngestError
from ingest.records import Decoded, Message, Places, Reason, Record, Reject, shown
from ingest.units import RULES, Rule
from registry.instants import MINUTE, to_datetime, to_micros
from registry.quantities import BY_LABEL, SCALES
from registry.readings import ReadingBatch

TOO_FAR_AHEAD = 5 * MINUTE
"""How far a gateway's clock may run ahead of ours, microseconds."""
OLDEST = to_micros(datetime(2000, 1, 1, tzinfo=UTC))
"""A time before it is a clock that was never set, microseconds."""
LISTED = 100
"""Refusals told of one message; a last one says how many more there are."""

Names = tuple[str, str]
"""A device and a quantity's label: what names a sensor."""


class UnbornSensorError(IngestError):
    """Readings of sensors that have no id yet were asked for: create the sensors in `unborn`, then call `born`."""

    def __init__(self) -> None:
        super().__init__(str(self.__doc__))


class Refusal(NamedTuple):
    """One thing of one message that was not accepted, as it goes to quarantine; `device` is '' where nobody knows."""

    gateway: str
    topic: str
    payload: bytes
    reason: Reason
    place: str
    detail: str
    device: str = ""


class Tally(NamedTuple):
    """What became of one message: how many readings were taken from it, and how much of it was refused."""

    readings: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Validated:
    """What became of a list of messages: readings, refusals, and a tally for each message, in their order.

    `unborn` names registered devices' sensors that have no id yet, in the order of their first reading; in `sent`
    they are numbered -1, -2, … in this order.
    """

    refusals: list[Refusal]
    tallies: list[Tally]
    unborn: tuple[Names, ...]
    sent: ReadingBatch

    @property
    def batch(self) -> ReadingBatch:
        """The readings, in the order in which they were sent.

        Raises:
            UnbornSensorError: some are of sensors without an id.
        """
        if self.unborn:
            raise UnbornSensorError
        return self.sent

    def born(self, sensors: Mapping[Names, int]) -> Validated:
        """Return the same with the ids of the sensors that were unborn.

        Raises:
            UnbornSensorError: one of them is still missing.
        """
        try:
            ids = np.array([sensors[names] for names in self.unborn], np.int32)
        except KeyError as missing:
            raise UnbornSensorError from missing
        sensor = self.sent.sensor.copy()
        rows = sensor < 0
        sensor[rows] = ids[-1 - sensor[rows]]
        return replace(self, unborn=(), sent=replace(self.sent, sensor=sensor))


def validate(decoded: Iterable[tuple[Message, Decoded]], directory: Directory, now: datetime) -> Validated:
    """Check what messages said against the registry, the units and ranges of `registry.quantities`, and the time.

    A good record is kept whatever its neighbours are. `now` is the engine's clock.
    """
    unborn: dict[Names, int] = {}
    sensors: list[int] = []
    times: list[int] = []
    values: list[float] = []
    received: list[int] = []
    refusals: list[Refusal] = []
    tallies: list[Tally] = []
    newest = to_micros(now) + TOO_FAR_AHEAD
    for message, said in decoded:
        gateway = said.gateway
        rejects = list(said.rejects)
        before = len(sensors)
        for record in said.records:
            device, name, unit, value, time, _ = record
            rule, owner = RULES.get(name), directory.devices.get(device)
            if rule is not None and owner is not None and owner.gateway == gateway and OLDEST <= time <= newest:
                units, low, high, switch = rule
                conversion = units.get(unit)
                if conversion is not None:
                    factor, offset = conversion
                    value = value * factor + offset
                    if low <= value <= high and (not switch or value in (0.0, 1.0)):
                        sensor = directory.sensors.get(f"{device}/{name}", 0)
                        if sensor == 0:
                            sensor = unborn.setdefault((device, name), -1 - len(unborn))
                        sensors.append(sensor)
                        times.append(time)
                        values.append(value)
                        continue
            rejects.append(_why(record, gateway, said.places, directory, newest))
        taken = len(sensors) - before
        received.extend([message.received] * taken)
        tallies.append(Tally(taken, len(rejects)))
        if rejects:
            about = (_storable(gateway), _storable(message.topic), message.payload)
            of = _storable(said.device)
            refusals.extend(Refusal(*about, *reject[:3], reject.device or of) for reject in _listed(rejects))
    return Validated(
        refusals=refusals,
        tallies=tallies,
        unborn=tuple(unborn),
        sent=ReadingBatch(
            np.array(sensors, np.int32),
            np.array(times, np.int64),
            np.array(values, np.float64),
            np.array(received, np.int64),
        ),
    )


def _why(record: Record, gateway: str, places: Places, directory: Directory, newest: int) -> Reject:
    """Return the first reason for which a record was not accepted, and what to do about it."""
    reason, where, detail, _ = _why_not_its_sensor(record, gateway, places, directory) or _why_not_its_value(
        record, places, newest
    )
    return Reject(reason, where.format(record.place), detail, _storable(record.device))


def _why_not_its_sensor(record: Record, gateway: str, places: Places, directory: Directory) -> Reject | None:
    owner = directory.devices.get(record.device)
    device = shown(record.device)
    if owner is None:
        detail = f"device {device} is not in the registry: register it with gateway {shown(gateway)}, or mend its name"
        return Reject(Reason.UNKNOWN_DEVICE, places.device, detail)
    if owner.gateway != gateway:
        detail = (
            f"device {device} is registered with gateway {shown(owner.gateway)}, not with {shown(gateway)}: "
            "send it through its own gateway, or register it anew"
        )
        return Reject(Reason.WRONG_GATEWAY, places.device, detail)
    if record.name not in RULES:
        detail = f"{shown(record.name)} is no quantity: write one of {', '.join(BY_LABEL)}"
        return Reject(Reason.UNKNOWN_QUANTITY, places.name, detail)
    return None


def _why_not_its_value(record: Record, places: Places, newest: int) -> Reject:
    _, name, unit, value, time, _ = record
    units = RULES[name].units
    if unit not in units:
        written = f"is in {shown(unit)}" if unit else "has no unit"
        wanted = " or ".join(accepted or "no unit" for accepted in units)
        return Reject(Reason.WRONG_UNIT, places.unit, f"this {name} {written}: send it in {wanted}")
    if time < OLDEST:
        detail = "the time is before the year 2000: set the device's clock, or send no time at all"
        return Reject(Reason.TIME_TOO_OLD, places.time, detail)
    if time > newest:
        detail = (
            f"the time is {_moment(time)}, more than {TOO_FAR_AHEAD // MINUTE} minutes ahead of ours: "
            "set the device's clock to UTC"
        )
        return Reject(Reason.TIME_TOO_FAR_AHEAD, places.time, detail)
    return Reject(Reason.IMPOSSIBLE_VALUE, places.value, _why_impossible(name, unit, value, RULES[name]))


def _why_impossible(name: str, unit: str, value: float, rule: Rule) -> str:
    if rule.switch:
        return f"this {name} is {value!r}: send 0 or 1"
    si = SCALES[BY_LABEL[name]].si
    written = f"{value!r} {unit}"
    return f"this {name} is {written}: send a measured value between {rule.low:g} and {rule.high:g} {si}"


def _storable(text: str) -> str:
    """Return a topic, or what is made of one, without the character that a database's text cannot hold."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _moment(micros: int) -> str:
    try:
        return to_datetime(micros).isoformat()
    except OverflowError:
        return "beyond the year 9999"


def _listed(rejects: list[Reject]) -> list[Reject]:
    """Return as many refusals as one message may put in quarantine: a bad firmware repeats itself."""
    if len(rejects) <= LISTED:
        return rejects
    more = len(rejects) - LISTED + 1
    first = rejects[LISTED - 1]
    sentence = f"this and {more - 1} more of the same message were refused: {first.detail}"
    return [*rejects[: LISTED - 1], first._replace(detail=sentence)]
