"""How a flat JSON object, one key for each thing measured, becomes records: for formats that name no units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from ingest.records import Reason, Record, Reject, shown, within
from registry.instants import to_micros
from registry.quantities import Quantity


class Meaning(NamedTuple):
    """What a key stands for: a quantity and the unit its numbers are in, after `convert` where there is one."""

    quantity: Quantity
    unit: str
    convert: Callable[[float], float] | None = None


def records(
    found: Mapping[str, object], meanings: Mapping[str, Meaning], device: str, time: int, place: str
) -> tuple[list[Record], list[Reject]]:
    """Return a record for each key that means something, and what cannot be accepted; other keys are passed over.

    Of several keys for one quantity the first of `meanings` counts. `null` says that nothing was measured.
    """
    good: list[Record] = []
    bad: list[Reject] = []
    told: set[Quantity] = set()
    for key, meaning in meanings.items():
        value = found.get(key)
        if value is None or meaning.quantity in told:
            continue
        told.add(meaning.quantity)
        where = within(place, key)
        number = _number(value, switch=meaning.quantity in (Quantity.ALARM, Quantity.TAMPER))
        if isinstance(number, Reason):
            wanted = "true or false" if meaning.quantity in (Quantity.ALARM, Quantity.TAMPER) else "a number"
            bad.append(Reject(number, where, f"{key} is {shown(value)}: send {wanted}"))
            continue
        if meaning.convert is not None:
            number = meaning.convert(number)
        good.append(Record(device, meaning.quantity.label, meaning.unit, number, time, where))
    return good, bad


def instant(found: object) -> int | None:
    """Return an ISO 8601 time with its offset as microseconds UTC, or None where it is none."""
    if not isinstance(found, str):
        return None
    try:
        moment = datetime.fromisoformat(found)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    try:
        return to_micros(moment.astimezone(UTC))
    except OverflowError:  # the first or last day of the calendar, in another zone
        return None


def _number(value: object, *, switch: bool) -> float | Reason:
    if isinstance(value, bool):
        return float(value) if switch else Reason.WRONG_TYPE
    if not isinstance(value, (int, float)):
        return Reason.WRONG_TYPE
    try:
        return float(value)
    except OverflowError:
        return Reason.IMPOSSIBLE_VALUE
