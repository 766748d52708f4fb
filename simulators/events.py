"""What can befall the town: typed values, and their text such as `fall@household-007@2026-03-01T08:10`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Literal
from urllib.parse import parse_qsl

from registry.instants import DAY, HOUR, MINUTE, SECOND, to_datetime, to_micros
from simulators.errors import EventError

TOWN_ZONE = "Asia/Shanghai"
TOWN_OFFSET = 8 * HOUR
"""The town lives by Asia/Shanghai: UTC+8, without summer time since 1991."""

FOREVER = 1 << 62
Target = Literal["household", "area", "device"]


class Happening(StrEnum):
    """The kinds of event."""

    FALL = "fall"  # the resident lies: all activity stops until somebody helps
    DEATH = "death"  # all activity stops and never resumes
    HELP = "help"  # somebody came: ends a fall, a fire, a tap left open
    REPAIR = "repair"  # a fitter came: ends a leak, a burst, a dead device, a flat battery
    USE = "use"  # one more draw of water: amount in litres
    LEAK = "leak"  # amount in litres per hour
    BURST = "burst"
    TAP = "tap"  # a tap left open
    KETTLE_FIRE = "kettle_fire"  # a kettle boiled dry: flames, smoke within a minute; amount is the peak in %/m
    SMOULDER = "smoulder"  # a cigarette in a blanket: smoke over an hour; amount is the peak in %/m
    BLACKOUT = "blackout"  # no electricity in an area: its meters draw nothing and say nothing
    WATER_CUT = "water_cut"  # no water in an area: its meters report and stand still
    UPLINK = "uplink"  # gateways of an area cannot reach the service, and deliver everything afterwards
    DEAD = "dead"  # a device says nothing more
    BATTERY = "battery"  # a device's battery falls to amount %
    REPLACE = "replace"  # a meter is exchanged: its register goes on from amount (litres, watt-hours)


@dataclass(frozen=True, slots=True)
class Form:
    """What an event of one kind is aimed at, how long it lasts (microseconds) and its usual amount."""

    target: Target
    lasting: int = FOREVER
    amount: float = 0.0
    ended_by: Happening | None = None


FORMS: Mapping[Happening, Form] = {
    Happening.FALL: Form("household", ended_by=Happening.HELP),
    Happening.DEATH: Form("household"),
    Happening.HELP: Form("household", 0),
    Happening.REPAIR: Form("household", 0),
    Happening.USE: Form("household", 6 * MINUTE, 40.0),
    Happening.LEAK: Form("household", 7 * DAY, 12.0, Happening.REPAIR),
    Happening.BURST: Form("household", 6 * HOUR, 900.0, Happening.REPAIR),
    Happening.TAP: Form("household", 10 * HOUR, 360.0, Happening.HELP),
    Happening.KETTLE_FIRE: Form("household", 20 * MINUTE, 18.0, Happening.HELP),
    Happening.SMOULDER: Form("household", 3 * HOUR, 12.0, Happening.HELP),
    Happening.BLACKOUT: Form("area", 2 * HOUR),
    Happening.WATER_CUT: Form("area", 6 * HOUR),
    Happening.UPLINK: Form("area", DAY),
    Happening.DEAD: Form("device", ended_by=Happening.REPAIR),
    Happening.BATTERY: Form("device", amount=8.0, ended_by=Happening.REPAIR),
    Happening.REPLACE: Form("device", 0),
}
"""Volumes and peaks are of the order of what the trade reports (a dripping joint 1–10 L/h, a running cistern
10–40 L/h, a tap 6 L/min, a burst pipe 15 L/min); smoke peaks are those of the fires in NIST TN 1455 (2008)."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that befalls `target` (a household, an area's code or a device) from `at` on.

    `at` and `lasting` are microseconds (UTC; a duration); `amount` is explained beside its kind.
    `unreachable` says that until it is over nobody answers a telephone for this household.
    """

    kind: Happening
    target: str
    at: int
    lasting: int
    amount: float
    unreachable: bool = False

    def __str__(self) -> str:
        """Return the text that `parse` reads back as the same event."""
        local = datetime.fromisoformat(to_datetime(self.at + TOWN_OFFSET).isoformat()).replace(tzinfo=None)
        form = FORMS[self.kind]
        options = [f"for={self.lasting // SECOND}s"] if self.lasting != form.lasting else []
        options += [f"amount={self.amount:g}"] if self.amount != form.amount else []
        options += ["unreachable=1"] if self.unreachable else []
        return f"{self.kind}@{self.target}@{local.isoformat()}" + ("?" + "&".join(options) if options else "")


def event(
    kind: Happening, target: str, at: datetime | int, *,
    lasting: timedelta | None = None, amount: float | None = None, unreachable: bool = False,
) -> Event:  # fmt: skip
    """Return an event; what is left out is usual for its kind."""
    form = FORMS[kind]
    return Event(
        kind,
        target,
        at if isinstance(at, int) else to_micros(at),
        form.lasting if lasting is None else lasting // timedelta(microseconds=1),
        form.amount if amount is None else amount,
        unreachable,
    )


_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def parse(text: str) -> Event:
    """Return the event that `kind@target@time[?for=2h&amount=12&unreachable=1]` describes.

    A time without an offset is the town's own (UTC+8). Raises `EventError`.
    """
    head, _, tail = text.partition("?")
    parts = head.split("@")
    if len(parts) != 3 or not parts[1]:
        raise EventError(f'"{text}" is no event; write kind@target@time, such as fall@household-007@2026-03-01T08:10')
    try:
        kind = Happening(parts[0])
    except ValueError:
        raise EventError(f'"{parts[0]}" is no kind of event; write one of {", ".join(Happening)}') from None
    try:
        at = datetime.fromisoformat(parts[2])
    except ValueError:
        raise EventError(f'"{parts[2]}" is no time; write one such as 2026-03-01T08:10') from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=timezone(timedelta(microseconds=TOWN_OFFSET)))
    options = dict(parse_qsl(tail, keep_blank_values=True))
    lasting = _duration(options.pop("for")) if "for" in options else None
    amount = _number(options.pop("amount")) if "amount" in options else None
    unreachable = options.pop("unreachable", "0") == "1"
    if options:
        raise EventError(f'"{next(iter(options))}" is no option of an event; write for, amount or unreachable')
    return event(kind, parts[1], at, lasting=lasting, amount=amount, unreachable=unreachable)


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise EventError(f'"{text}" is no duration; write a number and s, m, h or d, such as 2h')
    return timedelta(microseconds=round(float(found[1]) * _UNITS[found[2]]))


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise EventError(f'"{text}" is no number; write the amount as one, such as 12.5') from None
    if not 0 <= number < 1e9:
        raise EventError(f"an amount of {text} is beyond any household; write one from 0 to 1e9")
    return number


@dataclass(frozen=True, slots=True)
class Span:
    """When an event takes effect: [`begin`, `end`) in microseconds, cut short by whoever ended it."""

    event: Event
    begin: int
    end: int


def spans(events: Iterable[Event], household_of: Mapping[str, str]) -> tuple[Span, ...]:
    """Return the times in which events are at work; `household_of` names the household of each device."""
    told = sorted(events, key=lambda each: (each.at, each.kind, each.target))
    found = []
    for each in told:
        form, end = FORMS[each.kind], each.at + each.lasting
        where = household_of.get(each.target, each.target)
        if form.ended_by is not None:
            ends = [
                o.at
                for o in told
                if o.kind == form.ended_by and o.at > each.at and where == household_of.get(o.target, o.target)
            ]
            end = min([end, *ends])
        found.append(Span(each, each.at, end))
    return tuple(found)
