"""One walk through readings, for all rule sets together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from detectors.registers import Registers
from registry.instants import DAY
from registry.readings import ReadingBatch
from shouwang.backtest.circumstances import Circumstances
from shouwang.backtest.contenders import Contender
from shouwang.backtest.inject import Befallen
from shouwang.backtest.report import Report, Said
from shouwang.backtest.roster import Numbers, Roster
from shouwang.backtest.spool import Spool
from shouwang.backtest.trials import Diary, Trials, by_day, plan

_DAY = DAY
Batches = Iterator[tuple[ReadingBatch, float]]


class Readings(Protocol):
    """Where readings come from."""

    @property
    def by_home(self) -> bool:
        """Whether they came one home after the other, as no service receives them."""
        ...

    def batches(self, roster: Numbers) -> Batches:
        """Yield them in the order of their arrival, and the share that is (0 to 1)."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What to try: rule sets by name, how often what befalls whom, and the measured rates to compare delays at.

    `warm_up` in microseconds is how long nothing befalls a household, None for the usual; `targets` are false
    alarms a household-year.
    """

    rules: Sequence[str] = ("default",)
    inject: Mapping[Befallen, int] = field(default_factory=dict)
    targets: Sequence[float] = ()
    seed: int = 1
    warm_up: int | None = None

    @property
    def ladder(self) -> tuple[float, ...]:
        """The rates that variants are asked for: about the targets by factors of two, far below them by four.

        Real homes have heavier tails than what a rule has seen of them, so a low rate must be asked for lower still.
        """
        if not self.targets:
            return ()
        lowest = min(self.targets)
        rates = [lowest / 64, lowest / 16, lowest / 4]
        while rates[-1] < 4 * max(self.targets):
            rates.append(2 * rates[-1])
        return tuple(rates)


def run(
    readings: Readings, asked: Plan, circumstances: Circumstances | None = None,
    progress: Callable[[float], None] | None = None,
) -> Report:  # fmt: skip
    """Run rule sets over readings and say what came of it; `progress` is told the share done.

    The clock is the recording's own: the newest time so far. Readings that come home by home are brought into the
    order of their times first, and so is what something is injected into: both go through a temporary file.

    Raises:
        RecordingError: a file cannot be read.
        RulesError: there is no such rule set.
    """
    known = circumstances or Circumstances()
    told = progress or (lambda _share: None)
    contenders = contending(asked)
    roster = Roster(known, *(one.sensors for one in contenders))
    walk = _Walk(roster, contenders)
    if not asked.inject:
        for batch, share in readings.batches(roster):
            if readings.by_home:
                break
            walk.on(batch)
            told(share)
        else:
            return walk.report(asked)
    return _spooled(readings, asked, known, told)


def _spooled(readings: Readings, asked: Plan, known: Circumstances, told: Callable[[float], None]) -> Report:
    """Read everything into a temporary file first, then walk."""
    contenders = contending(asked)
    roster = Roster(known, *(one.sensors for one in contenders))
    with Spool() as spool:
        diary, first = Diary(roster.sensors), Registers()
        for batch, share in readings.batches(roster):
            spool.keep(batch)
            if asked.inject:
                diary.saw(batch)
                roster.saw(first.interpret(batch, roster.sensors).observations())
            told(share / 2)
        if readings.by_home:
            spool.sort()
        events = plan(asked.inject, diary, roster.sensors, roster.watched(), asked.seed, warm_up=asked.warm_up)
        roster.forget()
        walk = _Walk(roster, contenders)
        trials = Trials(events, roster.sensors, contenders, walk.registers)
        for batch, share in spool.batches():
            walk.on(batch, trials)
            told((1 + share) / 2)
        trials.end()
    notices = _notices(asked, trials) + (
        ["Readings came one home after the other; they were brought into the order of their times."]
        if readings.by_home
        else []
    )
    return walk.report(asked, trials, notices)


def contending(asked: Plan) -> list[Contender]:
    """Return the rule sets, each as it begins; raises `RulesError` where there is none of a name."""
    known: set[str] = set()
    return [Contender(name, asked.ladder, known=known) for name in asked.rules]


class _Walk:
    """The walk itself, batch by batch."""

    def __init__(self, roster: Roster, contenders: Sequence[Contender]) -> None:
        self.registers = Registers()
        self._roster = roster
        self._contenders = contenders
        self._readings = self._late = 0
        self._day: int | None = None

    def on(self, batch: ReadingBatch, trials: Trials | None = None) -> None:
        """Take the next readings; whoever wants to hear the clock hears it at least once a day."""
        for piece in by_day(batch):
            now = int(piece.received[-1])
            if trials is not None:
                day = now // DAY
                if day != self._day:
                    trials.begins(day)
                    self._day = day
                trials.saw(piece)
            interpreted = self.registers.interpret(piece, self._roster.sensors)
            seen = interpreted.observations()
            for one in self._contenders:
                one.observe(seen, now)
            self._roster.saw(seen)
            self._readings += len(piece)
            self._late += int(interpreted.late.sum())

    def report(self, asked: Plan, trials: Trials | None = None, notices: Sequence[str] = ()) -> Report:
        """Return what was found out."""
        return Report(
            self._readings, self._late, self._roster.watched(),
            [
                Said(one.name, voice.rule, voice.rates, voice.said, voice.incidents)
                for one in self._contenders for voice in one.voices
            ],
            () if trials is None else trials.played, tuple(asked.targets), notices,
        )  # fmt: skip


def _notices(asked: Plan, trials: Trials) -> list[str]:
    """Say where less was injected than was asked for."""
    found = []
    for kind, count in asked.inject.items():
        played = sum(one.kind is kind for one in trials.played)
        if played < count:
            why = (
                "no household has the sensors it needs" if not played else "the recordings hold no more moments for it"
            )
            found.append(f"{played} of {count} {kind.value} events were injected: {why}.")
    return found
