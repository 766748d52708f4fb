"""Plays what befalls households on copies of the detectors, so that nobody learns from what never happened."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from detectors.finding import Phase
from detectors.registers import Registers
from registry.instants import DAY, HOUR
from registry.quantities import Quantity
from registry.readings import ReadingBatch, SensorTable, Times
from shouwang.backtest.contenders import Contender, Voice, rate_of, stands
from shouwang.backtest.inject import EXPECTED, HORIZON, NEEDED, Befallen, Event, Rows, Spans, befall, draw, home_spans
from shouwang.backtest.roster import Watched

_LONGEST = DAY + HORIZON
_MOST_WARM_UP = 45 * DAY
_NOBODY = np.empty(0, np.int32)


@dataclass(frozen=True, slots=True)
class Answer:
    """An alarm that says what happened: by which voice (its place among all), rule and asked rate, after how long.

    `delay` in microseconds; `severity` as raised.
    """

    voice: int
    rule: str
    rate: float | None
    severity: int
    delay: int


@dataclass(frozen=True, slots=True)
class Played:
    """What became of one event. `standing` are (voice, rule, rate) that had an alarm of that kind raised already."""

    household: str
    at: int
    kind: Befallen
    amount: float
    answers: tuple[Answer, ...]
    standing: frozenset[tuple[int, str, float | None]]


class Diary:
    """Takes notes while readings are first read: who used something in which hour."""

    def __init__(self, sensors: SensorTable) -> None:
        self._sensors = sensors
        self._value = np.full(1, np.inf)
        self._water: list[NDArray[np.int64]] = [np.empty((0, 2), np.int64)]
        self._other: list[NDArray[np.int64]] = [np.empty((0, 2), np.int64)]

    def saw(self, batch: ReadingBatch) -> None:
        """Note which households used something; a step of their water register says so, else any reading."""
        quantity = self._sensors.quantity[batch.sensor]
        water = quantity == Quantity.VOLUME
        sensor, value = batch.sensor[water], batch.value[water]
        order = np.argsort(sensor, kind="stable")
        if len(self._value) < len(self._sensors):
            self._value = np.append(self._value, np.full(len(self._sensors) - len(self._value), np.inf))
        before = np.empty(len(order))
        before[1:] = value[order][:-1]
        key = sensor[order]
        head = np.append(True, key[1:] != key[:-1])[: len(key)]
        before[head] = self._value[key[head]]
        self._value[sensor] = value
        used = np.flatnonzero(water)[order[value[order] > before]]
        self._water.append(self._hours(batch, used))
        self._other.append(self._hours(batch, np.flatnonzero(np.isin(quantity, (Quantity.ENERGY, Quantity.POWER)))))

    def _hours(self, batch: ReadingBatch, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        household = self._sensors.household[batch.sensor[rows]].astype(np.int64)
        key = np.unique(household << 32 | batch.time[rows] // HOUR)
        return np.stack((key >> 32, key & 0xFFFFFFFF), axis=1)

    def home(self) -> Spans:
        """Return when households were at home, as far as anybody can tell."""
        water, other = np.concatenate(self._water), np.concatenate(self._other)
        metered = np.unique(self._sensors.household[self._sensors.quantity == Quantity.VOLUME])
        return home_spans(np.concatenate((water, other[~np.isin(other[:, 0], metered)])))


def plan(
    counts: Mapping[Befallen, int], diary: Diary, sensors: SensorTable, watched: Mapping[str, Watched], seed: int,
    *, warm_up: int | None = None,
) -> list[Event]:  # fmt: skip
    """Return what befalls whom and when, in order.

    Nothing happens in a household's `warm_up` (microseconds; 45 days, or a third of a shorter recording), nor so
    late that its readings end within 72 h.
    """
    number = len(sensors.households)
    first, last = np.zeros(number, np.int64), np.zeros(number, np.int64)
    for at, name in enumerate(sensors.households):
        if name in watched:
            settles = min(_MOST_WARM_UP, watched[name].span // 3) if warm_up is None else warm_up
            first[at], last[at] = watched[name].first + settles, watched[name].last - HORIZON
    whole = Spans(np.arange(number), first, np.maximum(first, last))
    events: list[Event] = []
    for kind in Befallen:
        if not counts.get(kind):
            continue
        dice = np.random.default_rng((seed, list(Befallen).index(kind)))
        needed = [int(one) for one in NEEDED[kind]]
        able = np.unique(sensors.household[np.isin(sensors.quantity, needed)])
        spans = diary.home().within(first, last) if kind is Befallen.FALL else whole
        some = np.isin(spans.household, able)
        spans = Spans(spans.household[some], spans.begin[some], spans.end[some])
        for household, at in zip(*draw(spans, counts[kind], dice), strict=True):
            amount = float(np.exp(dice.uniform(0, np.log(10)))) if kind is Befallen.LEAK else 0.0
            events.append(Event(int(household), int(at), kind, amount))
    return sorted(events, key=lambda event: event.at)


@dataclass(slots=True)
class _Day:
    """The events of one day, and the readings of those they befall from the day before until three days after."""

    day: int
    rounds: list[dict[int, Event]]
    before: list[ReadingBatch] = field(default_factory=list)
    after: list[ReadingBatch] = field(default_factory=list)
    contenders: list[Contender] | None = None
    registers: Registers | None = None
    victims: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))


class Trials:
    """Plays events as their days pass by."""

    def __init__(
        self, events: Sequence[Event], sensors: SensorTable, contenders: Sequence[Contender], registers: Registers
    ) -> None:
        self._sensors = sensors
        self._contenders = contenders
        self._registers = registers
        self._waiting = [
            _Day(day, _rounds(list(some))) for day, some in groupby(events, key=lambda event: event.at // DAY)
        ]
        self._open: list[_Day] = []
        self.played: list[Played] = []

    def begins(self, day: int) -> None:
        """Take note that a day (since 1970) begins, before any of its readings is observed."""
        while self._waiting and self._waiting[0].day <= day + 1:
            self._open.append(self._waiting.pop(0))
        for one in self._open:
            if one.contenders is None and one.day <= day:
                one.contenders = [contender.copy() for contender in self._contenders]
                one.registers = copy.deepcopy(self._registers)
        self._finish([one for one in self._open if (one.day * DAY + _LONGEST) // DAY <= day])

    def saw(self, batch: ReadingBatch) -> None:
        """Take readings of one day, before they are observed."""
        for one in self._open:
            if len(one.victims) < len(self._sensors.households):
                one.victims = np.zeros(len(self._sensors.households), np.bool_)
                one.victims[[household for some in one.rounds for household in some]] = True
            rows = np.flatnonzero(one.victims[self._sensors.household[batch.sensor]])
            if rows.size:
                (one.before if one.contenders is None else one.after).append(_only(batch, rows))

    def end(self) -> None:
        """Play what is left."""
        self._finish([one for one in self._open if one.contenders is not None])

    def _finish(self, days: Sequence[_Day]) -> None:
        for one in days:
            self._open.remove(one)
            if one.contenders is None or one.registers is None or not one.after:
                continue
            before, after = _joined(one.before), _joined(one.after)
            for number, events in enumerate(one.rounds):
                last = number == len(one.rounds) - 1
                contenders = one.contenders if last else [each.copy() for each in one.contenders]
                registers = one.registers if last else copy.deepcopy(one.registers)
                for own, each in zip(self._contenders, contenders, strict=True):
                    # Which outages there were is known by now, and is as it was: nobody's fall makes one.
                    each.sensors.outages.replace(own.sensors.outages.state())
                self.played += self._play(events, contenders, registers, before, after)

    def _play(
        self, events: Mapping[int, Event], contenders: Sequence[Contender], registers: Registers,
        before: ReadingBatch, after: ReadingBatch,
    ) -> Iterator[Played]:  # fmt: skip
        changed = _told(events, self._sensors, before, after)
        for piece in by_day(changed) if len(changed) else ():
            seen = registers.interpret(piece, self._sensors).observations()
            for each in contenders:
                each.observe(seen, int(piece.received[-1]))
        voices = [voice for each in contenders for voice in each.voices]
        for event in events.values():
            yield judged(event, self._sensors.households[event.household], voices)


def by_day(batch: ReadingBatch) -> Iterator[ReadingBatch]:
    """Cut a batch where the clock by which it was received begins a new day (UTC)."""
    cuts = np.flatnonzero(np.diff(batch.received // DAY)) + 1
    if not cuts.size:
        yield batch
        return
    for rows in np.split(np.arange(len(batch)), cuts):
        yield _only(batch, rows)


def _rounds(events: Sequence[Event]) -> list[dict[int, Event]]:
    """Share events out so that in each round one thing at most befalls a household."""
    rounds: list[dict[int, Event]] = []
    for event in events:
        free = next((one for one in rounds if event.household not in one), None)
        if free is None:
            rounds.append(free := {})
        free[event.household] = event
    return rounds


def _told(events: Mapping[int, Event], sensors: SensorTable, before: ReadingBatch, after: ReadingBatch) -> ReadingBatch:
    """Return the victims' readings as they would have been, in the order of their times."""
    parts: list[tuple[int, Times, NDArray[np.float64]]] = []
    for household, event in events.items():
        numbers = np.flatnonzero(sensors.household == household)
        numbers = numbers[sensors.quantity[numbers] > 0]
        for number in numbers.tolist():
            rows, earlier = _of(after, number), _of(before, number)
            if len(rows.time):
                changed = befall(event, Quantity(int(sensors.quantity[number])), rows, earlier)
                parts.append((number, changed.time, changed.value))
    sensor = np.concatenate([np.full(len(time), number, np.int32) for number, time, _ in parts] or [_NOBODY])
    time = np.concatenate([time for _, time, _ in parts] or [_NOBODY.astype(np.int64)])
    value = np.concatenate([value for _, _, value in parts] or [_NOBODY.astype(np.float64)])
    order = np.argsort(time, kind="stable")
    return ReadingBatch(sensor[order], time[order], value[order], time[order])


def _of(batch: ReadingBatch, sensor: int) -> Rows:
    rows = np.flatnonzero(batch.sensor == sensor)
    time = batch.time[rows]
    fresh = np.ones(len(time), np.bool_)
    fresh[1:] = time[1:] > np.maximum.accumulate(time)[:-1]  # what came late is not scored, and would not be
    return Rows(time[fresh], batch.value[rows][fresh])


def judged(event: Event, household: str, voices: Sequence[Voice]) -> Played:
    """Return who said what happened, and how long that took."""
    kinds = EXPECTED[event.kind]
    answers: list[Answer] = []
    standing: set[tuple[int, str, float | None]] = set()
    for number, voice in enumerate(voices):
        open_at = {key: rates for key, rates in voice.stood.items() if key[0] == household and key[1] in kinds}
        told = [one for one in voice.said if one.household == household and one.kind in kinds]
        for one in sorted(told, key=lambda finding: finding.time):
            if one.time <= event.at:
                stands(open_at, one)
            elif one.phase is Phase.RAISED and one.time - event.at <= HORIZON:
                answers.append(Answer(number, one.rule, rate_of(one), int(one.severity), one.time - event.at))
        standing |= {(number, rule, rate) for (_, _, rule, _), rates in open_at.items() for rate in rates}
    return Played(household, event.at, event.kind, event.amount, tuple(answers), frozenset(standing))


def _only(batch: ReadingBatch, rows: NDArray[np.intp]) -> ReadingBatch:
    return ReadingBatch(batch.sensor[rows], batch.time[rows], batch.value[rows], batch.received[rows])


def _joined(batches: Sequence[ReadingBatch]) -> ReadingBatch:
    empty = ReadingBatch(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))
    some = [*batches, empty]
    return ReadingBatch(
        np.concatenate([one.sensor for one in some]), np.concatenate([one.time for one in some]),
        np.concatenate([one.value for one in some]), np.concatenate([one.received for one in some]),
    )  # fmt: skip
