"""What may befall a recorded household, when, and what its sensors would then have said. Pure.

Recordings hold no labelled emergency, so some are made up, and always the same way: a moment is drawn evenly over
the time in which the thing can happen, and from then on the household's own readings are changed as little as it
takes. Times of readings stay; only a smoke detector, which reports oftener in smoke, gets more of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from detectors.finding import Kind
from registry.instants import DAY, HOUR, SECOND
from registry.quantities import Quantity
from registry.readings import Times, Values
from shouwang.backtest.errors import BacktestError
from simulators.smoke import CHANGING, CLEARS, TICK, alarms, plume

HORIZON = 72 * HOUR
"""How long after an event its readings are changed and alarms for it are waited for."""
STILL_HOME = 12 * HOUR
"""Somebody who used water within this time is taken to be at home: a fall is possible."""
_PATTERN = 3 * HOUR

_LASTS = 6 * HOUR
_SOUNDS = 3.3
"""%/m at which a detector that reports its alarm sounds: the middle of the town's 2.2 to 4.4 (EN 14604)."""


class Befallen(StrEnum):
    """What befalls a household."""

    FALL = "fall"  # no use from then on but what runs by itself
    LEAK = "leak"  # a constant 1 to 10 L/h more
    SURGE = "surge"  # three times the electricity for 6 h
    DROP = "drop"  # a fifth of it for 6 h
    FLAMING = "flaming"  # smoke within a minute
    SMOULDERING = "smouldering"  # smoke over an hour


_FACTORS = {Befallen.SURGE: 3.0, Befallen.DROP: 0.2}
_SMOKE = {Befallen.FLAMING: (18.0, 20 * 60.0), Befallen.SMOULDERING: (12.0, 3 * 3600.0)}
"""Peak in %/m and seconds: those of the simulated town's fires (`simulators.events.FORMS`)."""

ASKED: Mapping[str, tuple[Befallen, ...]] = {
    "falls": (Befallen.FALL,),
    "leaks": (Befallen.LEAK,),
    "surges": (Befallen.SURGE, Befallen.DROP),
    "fires": (Befallen.FLAMING, Befallen.SMOULDERING),
}
"""What `--inject` may name, and what that is."""

EXPECTED: Mapping[Befallen, frozenset[Kind]] = {
    Befallen.FALL: frozenset({Kind.INACTIVITY}),
    Befallen.LEAK: frozenset({Kind.LEAK, Kind.TAP, Kind.BURST, Kind.EXCESS}),
    Befallen.SURGE: frozenset({Kind.SURGE, Kind.APPLIANCE}),
    Befallen.DROP: frozenset({Kind.DROP}),
    Befallen.FLAMING: frozenset({Kind.SMOKE}),
    Befallen.SMOULDERING: frozenset({Kind.SMOKE}),
}
"""Which alarms say that it happened."""

NEEDED: Mapping[Befallen, frozenset[Quantity]] = {
    Befallen.FALL: frozenset({Quantity.VOLUME, Quantity.ENERGY, Quantity.POWER}),
    Befallen.LEAK: frozenset({Quantity.VOLUME}),
    Befallen.SURGE: frozenset({Quantity.ENERGY, Quantity.POWER}),
    Befallen.DROP: frozenset({Quantity.ENERGY, Quantity.POWER}),
    Befallen.FLAMING: frozenset({Quantity.SMOKE, Quantity.ALARM}),
    Befallen.SMOULDERING: frozenset({Quantity.SMOKE, Quantity.ALARM}),
}
"""A household has at least one of these sensors, or it cannot befall it in a way that shows."""


@dataclass(frozen=True, slots=True)
class Event:
    """What befalls a household (its number in the roster) at a moment, microseconds UTC; `amount` in L/h of a leak."""

    household: int
    at: int
    kind: Befallen
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class Spans:
    """Times [begin, end) in which something can happen, n rows: household number, microseconds UTC."""

    household: NDArray[np.int64]
    begin: Times
    end: Times

    def within(self, begin: Times, end: Times) -> Spans:
        """Return these times inside [begin, end) of their household; both are indexed by household."""
        first = np.maximum(self.begin, begin[self.household])
        last = np.minimum(self.end, end[self.household])
        some = last > first
        return Spans(self.household[some], first[some], last[some])


@dataclass(frozen=True, slots=True)
class Rows:
    """Readings of one sensor: `time` (n,) ascending, `value` (n,) as sent."""

    time: Times
    value: Values


def asked(text: str) -> dict[Befallen, int]:
    """Return how many of what `falls:3000,leaks:200` asks for; surges and fires are half of the one, half of the other.

    Raises:
        BacktestError: it asks for something else.
    """
    counts: dict[Befallen, int] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        found = re.fullmatch(r"([a-z]+):(\d+)", part)
        if found is None or found[1] not in ASKED:
            raise BacktestError(f"`{part}` cannot be injected; write some of {', '.join(ASKED)}, such as falls:3000")
        kinds = ASKED[found[1]]
        for at, kind in enumerate(kinds):
            counts[kind] = (int(found[2]) + at) // len(kinds)
    return counts


def home_spans(used: Iterable[tuple[int, int]] | NDArray[np.int64], hour: int = HOUR) -> Spans:
    """Return when households are taken to be at home: up to 12 h after each hour with use, of (household, hour)."""
    rows = np.unique(np.asarray(used, np.int64).reshape(-1, 2), axis=0)
    household, begin = rows[:, 0], rows[:, 1] * hour
    until = begin + STILL_HOME
    follows = np.append(household[1:] == household[:-1], False)[: len(rows)]
    following = np.append(begin[1:], 0)[: len(rows)]
    return Spans(household, begin, np.where(follows, np.minimum(until, following), until))


def draw(spans: Spans, count: int, dice: np.random.Generator, *, most: int = 12) -> tuple[NDArray[np.int64], Times]:
    """Return households and moments drawn evenly over spans, on average at most `most` for each household and day.

    Rows are in the order of their moments. There are fewer than `count` where the spans hold too few days.
    """
    length = spans.end - spans.begin
    if not length.sum():
        return np.empty(0, np.int64), np.empty(0, np.int64)
    days = np.unique(np.stack((spans.household, spans.begin // DAY)), axis=1).shape[1] + int((length // DAY).sum())
    reach = np.cumsum(length)
    at = np.sort((dice.random(min(count, most * days)) * reach[-1]).astype(np.int64))
    row = np.searchsorted(reach, at, side="right")
    moment = spans.end[row] - (reach[row] - at)
    order = np.argsort(moment, kind="stable")
    return spans.household[row][order], moment[order]


def befall(event: Event, quantity: Quantity, rows: Rows, earlier: Rows | None = None) -> Rows:
    """Return readings of one of the household's sensors as they would have been.

    `rows`, at least one, are changed from the event on; `earlier` are those of the day before.
    """
    change = _CHANGES.get((event.kind, quantity))
    if change is None:
        return rows
    known = rows if earlier is None else Rows(
        np.concatenate((earlier.time, rows.time)), np.concatenate((earlier.value, rows.value))
    )  # fmt: skip
    return change(event, rows, known)


def stopped(event: Event, rows: Rows, known: Rows) -> Rows:
    """Return a register that stands still from the event on; what was used since the last reading counts evenly."""
    at = event.at
    last = _as_counted(known)(_register(known, np.array([at])))[0]
    begin = known.value[known.time <= at]
    last = max(float(last), float(begin[-1])) if len(begin) else float(last)
    return Rows(rows.time, np.where(rows.time > at, np.minimum(rows.value, last), rows.value))


def base_load(event: Event, rows: Rows, known: Rows) -> Rows:
    """Return an electricity register that from the event on shows what runs by itself.

    That is the household's own: of all 3 h of the 24 h before, those at the lowest tenth of use, repeated.
    """
    at = event.at
    begin = quiet_hours(known, at)
    start = float(_register(known, np.array([at]))[0])
    if begin is None:
        return Rows(rows.time, np.where(rows.time > at, start, rows.value))
    anchor, whole = _register(known, np.array([begin, begin + _PATTERN]))
    turns, into = np.divmod(np.maximum(rows.time - at, 0), _PATTERN)
    used = turns * (whole - anchor) + _register(known, begin + into) - anchor
    return Rows(rows.time, np.where(rows.time > at, _as_counted(known)(start + used), rows.value))


def calmed(event: Event, rows: Rows, known: Rows) -> Rows:
    """Return power, smoke or alarm readings that stay at the lower quartile of the day before."""
    before = known.value[(known.time <= event.at) & (known.time > event.at - DAY)]
    quiet = float(np.quantile(before, 0.25)) if len(before) else 0.0
    return Rows(rows.time, np.where(rows.time > event.at, np.minimum(rows.value, quiet), rows.value))


def leaking(event: Event, rows: Rows, known: Rows) -> Rows:
    """Return a water register that from the event on also counts a leak."""
    lost = np.maximum(rows.time - event.at, 0) / HOUR * event.amount
    return Rows(rows.time, rows.value + _as_counted(known)(lost))


def other_use(event: Event, rows: Rows, known: Rows) -> Rows:
    """Return an electricity register on which 6 h of use count several times, or in part."""
    first = _register(known, np.array([event.at]))
    used = np.maximum(_register(known, np.clip(rows.time, event.at, event.at + _LASTS)) - first, 0.0)
    more = (_FACTORS[event.kind] - 1) * used
    return Rows(rows.time, rows.value + np.sign(more) * _as_counted(known)(np.abs(more)))


def other_power(event: Event, rows: Rows, _known: Rows) -> Rows:
    """Return power that is several times what it was for 6 h, or a part of it."""
    during = (rows.time > event.at) & (rows.time <= event.at + _LASTS)
    return Rows(rows.time, np.where(during, _FACTORS[event.kind] * rows.value, rows.value))


def quiet_hours(known: Rows, at: int) -> int | None:
    """Return when those 3 h begin, within the 24 h before `at`, that are at the lowest tenth; None if unknown.

    Only the tenth lies within one night or outing as a rule: at the quartile, one home in seven of a simulated town
    went on boiling a kettle every three hours.
    """
    starts = known.time[(known.time >= at - DAY) & (known.time + _PATTERN <= at)]
    if not len(starts):
        return None
    used = _register(known, starts + _PATTERN) - _register(known, starts)
    return int(starts[np.argsort(used, kind="stable")[len(used) // 10]])


def smoky(event: Event, rows: Rows, _known: Rows) -> Rows:
    """Return smoke readings with the plume of a fire over them, every 10 s while the air is changing."""
    peak, lasts = _SMOKE[event.kind]
    ticks = event.at + TICK * SECOND * np.arange(round((lasts + 6 * CLEARS) / TICK), dtype=np.int64)
    added = plume(event.kind.value, (ticks - event.at) / SECOND, lasts, peak)
    ticks, added = ticks[added > CHANGING], added[added > CHANGING]
    before = rows.value[rows.time <= event.at]
    clean = float(before[-1]) if len(before) else 0.0
    own = np.clip(rows.value + plume(event.kind.value, (rows.time - event.at) / SECOND, lasts, peak), 0, 100)
    return _together(Rows(rows.time, own), Rows(ticks, np.clip(clean + added, 0, 100)))


def sounding(event: Event, rows: Rows, _known: Rows) -> Rows:
    """Return a detector's alarm as a fire turns it on and off."""
    peak, lasts = _SMOKE[event.kind]
    ticks = event.at + TICK * SECOND * np.arange(round((lasts + 6 * CLEARS) / TICK), dtype=np.int64)
    sounds = alarms(plume(event.kind.value, (ticks - event.at) / SECOND, lasts, peak), _SOUNDS)
    turns = np.flatnonzero(np.diff(sounds.astype(np.int8), prepend=0) != 0)
    during = np.searchsorted(ticks, rows.time, side="right") - 1
    loud = (during >= 0) & sounds[during] & (rows.time - ticks[during] < TICK * SECOND)
    own = Rows(rows.time, np.where(loud, 1.0, rows.value))
    return _together(own, Rows(ticks[turns], sounds[turns].astype(np.float64)))


def _together(first: Rows, second: Rows) -> Rows:
    time = np.concatenate((first.time, second.time))
    order = np.argsort(time, kind="stable")
    return Rows(time[order], np.concatenate((first.value, second.value))[order])


def _register(known: Rows, at: Times) -> Values:
    """Return what a register stands at between its readings: evenly from one to the next."""
    value: Values = np.interp(at.astype(np.float64), known.time.astype(np.float64), known.value)
    return value


def _as_counted(known: Rows) -> Callable[[Values], Values]:
    """Return how this register counts: in whole units, if that is all it ever showed."""
    whole = bool((known.value == np.floor(known.value)).all())
    return np.floor if whole else np.asarray


_CHANGES: Mapping[tuple[Befallen, Quantity], Callable[[Event, Rows, Rows], Rows]] = {
    (Befallen.FALL, Quantity.VOLUME): stopped,
    (Befallen.FALL, Quantity.ENERGY): base_load,
    (Befallen.FALL, Quantity.POWER): calmed,
    (Befallen.FALL, Quantity.SMOKE): calmed,
    (Befallen.FALL, Quantity.ALARM): calmed,
    (Befallen.LEAK, Quantity.VOLUME): leaking,
    (Befallen.SURGE, Quantity.ENERGY): other_use,
    (Befallen.SURGE, Quantity.POWER): other_power,
    (Befallen.DROP, Quantity.ENERGY): other_use,
    (Befallen.DROP, Quantity.POWER): other_power,
    (Befallen.FLAMING, Quantity.SMOKE): smoky,
    (Befallen.FLAMING, Quantity.ALARM): sounding,
    (Befallen.SMOULDERING, Quantity.SMOKE): smoky,
    (Befallen.SMOULDERING, Quantity.ALARM): sounding,
}
