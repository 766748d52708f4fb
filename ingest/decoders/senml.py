"""SenML (RFC 8428): resolves a pack of records, whatever its encoding, and says precisely what is wrong with it.

A record's name is `{device}/{quantity}`. Times below 2**28 s are relative to the reception (§4.5.3): a gateway that
has a clock should send absolute times, because a relative one means something else when the message comes again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from ingest.errors import IngestError
from ingest.records import Reason, Record, Reject, shown, within

MAX_RECORDS = 10_000
"""Records of a pack at the most: a day of seven sensors by the minute."""
_PLACES = tuple(f"[{index}]" for index in range(MAX_RECORDS))

RELATIVE_BELOW = 2**28
"""Seconds; a smaller time counts from the reception (RFC 8428 §4.5.3)."""
FARTHEST = 1e12
"""Seconds, about the year 33,000: far beyond what is accepted, and its microseconds fit in 64 bits."""
_EXACT = 2**63
# Version 10 is RFC 8428. RFC 9100 counts each further feature as a bit: 10 + 2**4 adds secondary units (kW, Wh, kWh).
VERSION = 10
_VERSION_WITH_SECONDARY_UNITS = 26

# RFC 8428 §4.5.1 allows these characters; the one slash parts the device from its quantity.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]*/[A-Za-z0-9:._-]+")
_LONGEST_NAME = 500  # characters; a long base name would be repeated in every record's own
_SWITCHES = ("alarm", "tamper")

_PLAIN = frozenset({"n", "u", "v", "t"})
_BASE = frozenset({"bver", "bn", "bt", "bu", "bv", "bs"})
_REGULAR = frozenset({"n", "u", "v", "vs", "vb", "vd", "s", "t", "ut"})
_VALUES = ("v", "vb", "vs", "vd")
# Which field of a record is resolved with which base field.
_RESOLVES = {"bn": "n", "bt": "t", "bu": "u", "bv": "v"}


def is_name(name: str) -> bool:
    """Whether SenML can write a name, and ingest would take it as that of a sensor."""
    return len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None


def is_version(found: object) -> bool:
    """Whether a pack of this version can be read."""
    return type(found) is int and (1 <= found <= VERSION or found == _VERSION_WITH_SECONDARY_UNITS)


def resolve(pack: object, received: int) -> tuple[list[Record], list[Reject]]:
    """Return the resolved records of a pack in their order, and what of it cannot be accepted.

    `pack` is the decoded JSON or CBOR with the labels of RFC 8428 table 2; `received` is microseconds UTC.
    """
    if not isinstance(pack, list):
        sentence = f"a SenML pack is an array of records, but this is {shown(pack)}: write [{{…}}, {{…}}]"
        return [], [Reject(Reason.MALFORMED, "$", sentence)]
    if len(pack) > MAX_RECORDS:
        sentence = f"the pack has {len(pack)} records: send at most {MAX_RECORDS} in one message"
        return [], [Reject(Reason.TOO_LARGE, "$", sentence)]
    records: list[Record] = []
    resolver = _Resolver(received)
    for item, place in zip(pack, _PLACES, strict=False):
        try:
            record = resolver.record(item, place)
        except _RefusedError as refused:
            resolver.rejects.append(refused.reject._replace(device=resolver.device_of(item)))
            if refused.ends_the_pack:
                break
        else:
            if record is not None:
                records.append(record)
    return records, resolver.rejects


class _RefusedError(IngestError):
    """A record that cannot be accepted; what follows it may be."""

    def __init__(self, reject: Reject, *, ends_the_pack: bool) -> None:
        super().__init__(reject.detail)
        self.reject = reject
        self.ends_the_pack = ends_the_pack


def _refuse(reason: Reason, place: str, label: str, detail: str, *, ends_the_pack: bool = False) -> NoReturn:
    raise _RefusedError(Reject(reason, within(place, label), detail), ends_the_pack=ends_the_pack)


class _Resolver:
    """The base fields in force, as they change from record to record (§4.1)."""

    __slots__ = ("_broken", "_name", "_names", "_received", "_sum", "_time", "_unit", "_value", "rejects")

    def __init__(self, received: int) -> None:
        self.rejects: list[Reject] = []
        self._received = received
        self._name = ""
        self._time = 0.0
        self._unit = ""
        self._value: float | None = None
        self._sum = False
        self._names: dict[str, tuple[str, str]] = {}  # those of this pack that were looked at already
        # Base fields that could not be read: nothing may be resolved with what they replaced.
        self._broken: dict[str, Reject] = {}

    def record(self, item: object, place: str) -> Record | None:
        """Return one resolved record, or None where only base fields are set."""
        if not isinstance(item, dict):
            sentence = f'a SenML record is an object such as {{"n": …, "v": …}}, but this is {shown(item)}'
            raise _RefusedError(Reject(Reason.MALFORMED, place, sentence), ends_the_pack=False)
        plain = item.keys() <= _PLAIN
        if not plain:
            self._rebase(item, place)
            if item.keys().isdisjoint(_REGULAR):
                return None
        if self._broken and self._is_refused_already(item, place):
            return None

        device, quantity = self._name_of(item, place)
        unit = item.get("u", self._unit)
        if type(unit) is not str:
            _refuse(Reason.WRONG_TYPE, place, "u", f"u is {shown(unit)}: write the unit as a string")
        value = item.get("v")
        if type(value) is int and -_EXACT < value < _EXACT:
            value = float(value)
        if not plain or type(value) is not float or self._value is not None:
            value = self._value_of(item, quantity, place)
        # What Record(…) does, in a third of the time: this line runs once for every reading there is.
        return tuple.__new__(Record, (device, quantity, unit, value, self._time_of(item, place), place))

    def device_of(self, item: object) -> str:
        """Return the device that a record is about, '' where its name is none."""
        name = item.get("n", "") if isinstance(item, dict) else None
        full = f"{self._name}{name}" if isinstance(name, str) else ""
        return full.partition("/")[0] if is_name(full) else ""

    def _name_of(self, item: Mapping[str, Any], place: str) -> tuple[str, str]:
        """Return the device and the quantity that a record is about."""
        name = item.get("n", "")
        if type(name) is not str:
            _refuse(Reason.WRONG_TYPE, place, "n", f"n is {shown(name)}: write the name as a string")
        name = self._name + name
        parts = self._names.get(name)
        if parts is None:
            if not is_name(name):
                _refuse_name(name, place)
            device, _, quantity = name.partition("/")
            parts = self._names[name] = (device, quantity)
        return parts

    def _time_of(self, item: Mapping[str, Any], place: str) -> int:
        """Return when a record was measured, in microseconds UTC."""
        time = item.get("t", 0.0)
        seconds = self._time + (time if type(time) is float else _number(time, place, "t"))
        if not -FARTHEST < seconds < FARTHEST:
            _refuse(Reason.IMPOSSIBLE_VALUE, place, "t", f"the time is {seconds!r}: write seconds since 1970 in UTC")
        micros = round(seconds * 1e6)
        return micros if seconds >= RELATIVE_BELOW else micros + self._received

    def _value_of(self, item: Mapping[str, Any], quantity: str, place: str) -> float:
        """Return the value of a record in any of its forms, with the base value added."""
        present = [label for label in _VALUES if label in item]
        if len(present) > 1:
            both = " and ".join(present)
            _refuse(Reason.MALFORMED, place, present[1], f"the record has {both}: a record carries one value")
        if not present:
            if "s" in item or (self._sum and self._value is None):
                _refuse(
                    Reason.UNSUPPORTED_FIELD, place, "s",
                    "s is a value integrated over time, which is not kept: send the meter's register as v",
                )  # fmt: skip
            if self._value is None:
                _refuse(Reason.MISSING_FIELD, place, "v", "the record has no value: send it as v")
            return self._value  # §4.5.4: a missing value counts as zero beside a base value
        label = present[0]
        found = item[label]
        if label == "v":
            return _number(found, place, "v") + (self._value or 0.0)
        if label != "vb":
            _refuse(Reason.WRONG_TYPE, place, label, f"{label} cannot be measured against: send a number as v")
        if type(found) is not bool:
            _refuse(Reason.WRONG_TYPE, place, "vb", f"vb is {shown(found)}: write true or false")
        if quantity not in _SWITCHES:
            _refuse(Reason.WRONG_TYPE, place, "vb", f"{shown(quantity)} is no switch: send a number as v instead of vb")
        return float(found)  # the base value is of numbers (§4.5.4); a switch is what it is

    def _rebase(self, item: Mapping[Any, Any], place: str) -> None:
        """Take over the base fields of a record, and refuse what must be understood and is not (§4.4)."""
        for label in item:
            if type(label) is str and label.endswith("_"):
                _refuse(
                    Reason.UNSUPPORTED_FIELD, place, label,
                    f"{shown(label)} must be understood (it ends in _) and is not: leave it out",
                    ends_the_pack=label.startswith("b"),  # a new base field would change all that follows
                )  # fmt: skip
        if "bver" in item:
            _check_version(item["bver"], place)
        for label in ("bn", "bt", "bu", "bv", "bs"):
            if label in item:
                self._take_base(label, item[label], place)

    def _take_base(self, label: str, found: object, place: str) -> None:
        try:
            if label in ("bn", "bu"):
                if not isinstance(found, str):
                    _refuse(Reason.WRONG_TYPE, place, label, f"{label} is {shown(found)}: write a string")
                if label == "bn":
                    if len(found) > _LONGEST_NAME:
                        _refuse_name(found, place, label)
                    self._name = found
                else:
                    self._unit = found
            else:
                number = _number(found, place, label)
                if label == "bt":
                    self._time = number
                elif label == "bv":
                    self._value = number
                else:
                    self._sum = True
        except _RefusedError as refused:
            self.rejects.append(refused.reject)
            self._broken[label] = refused.reject
        else:
            self._broken.pop(label, None)

    def _is_refused_already(self, item: Mapping[str, Any], place: str) -> bool:
        """Whether this record's own base field was refused; refuse it if an earlier one that it builds on was."""
        for base, label in _RESOLVES.items():
            broken = self._broken.get(base)
            if broken is None or (base == "bu" and "u" in item):
                continue
            if base in item:
                return True
            _refuse(
                broken.reason, place, label,
                f"{label} builds on the {base} at {broken.place}, which was refused: mend that",
            )  # fmt: skip
        return False


def _number(found: object, place: str, label: str) -> float:
    if type(found) is float:
        return found
    if type(found) is int:
        try:
            return float(found)
        except OverflowError:
            _refuse(Reason.IMPOSSIBLE_VALUE, place, label, f"{label} is {shown(found)}: no measurement is so large")
    _refuse(Reason.WRONG_TYPE, place, label, f"{label} is {shown(found)}: write a number")


def _check_version(found: object, place: str) -> None:
    if type(found) is not int or found < 1:
        _refuse(
            Reason.WRONG_TYPE, place, "bver", f"bver is {shown(found)}: write {VERSION}, or leave it out",
            ends_the_pack=True,
        )  # fmt: skip
    if not is_version(found):
        _refuse(
            Reason.UNSUPPORTED_VERSION, place, "bver",
            f"bver is {shown(found)}: send version {VERSION}, or {_VERSION_WITH_SECONDARY_UNITS} with secondary units",
            ends_the_pack=True,
        )  # fmt: skip


def _refuse_name(name: str, place: str, label: str = "n") -> NoReturn:
    if not name:
        _refuse(Reason.MISSING_FIELD, place, label, "the record has no name: write n as {device}/{quantity}")
    if len(name) > _LONGEST_NAME:
        sentence = f"the name has {len(name)} characters: write at most {_LONGEST_NAME}"
        _refuse(Reason.BAD_NAME, place, label, sentence)
    _refuse(
        Reason.BAD_NAME, place, label,
        f"the name is {shown(name)}: write {{device}}/{{quantity}}, such as m1/volume, of letters, digits and - : . _",
    )  # fmt: skip
