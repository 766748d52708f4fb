"""Has a household been silent for longer than it ever is at such an hour? The person may lie on the floor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.budget import FALSE_VISITS, Budget
from detectors.calendar.local_slots import SLOTS, LocalSlots
from detectors.columns.bank import Bank, Column, pack, unpack
from detectors.columns.runs import Mask, Runs
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from detectors.protocol import Detector
from detectors.rule import Rule, RulesError
from detectors.silence.evidence_tail import EvidenceTail
from detectors.silence.household_habits import (
    HABIT_COLUMNS,
    Habits,
    fade_pauses,
    longest_pause,
    remember_pauses,
    settle_habits,
)
from detectors.silence.pauses import Pauses
from detectors.silence.quarter_hours import SLOT, Closed, QuarterHours
from detectors.silence.quiet_power import POWER_COLUMNS, learn_rises, rises, settle_rises, switched_on
from detectors.silence.survival import Population
from detectors.verdict import Verdict
from registry.instants import DAY, SECOND
from registry.readings import Observations, SensorTable

YEAR_DAYS = 365.25
_LONG = 36
_DRY = SLOTS
_RAREST = 1 / (1000 * YEAR_DAYS)  # a day; beyond once in 1000 years nothing is known
_FALL = 0.005

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class _Rows(NamedTuple):
    """Slots (n,) of some households, household by household, in order; columns as in `Closed`."""

    home: Ints
    slot: Ints
    local: Ints
    water: NDArray[np.int8]
    watts: NDArray[np.float32]
    told: Ints
    spent: Mask


def severity_of(rate: float) -> Severity:
    """Return what a level of so many false alarms per household-year means: 4 call, 1 and 0.365 press."""
    if rate >= 8:
        return Severity.LOW
    if rate >= 2:
        return Severity.MEDIUM
    return Severity.HIGH if rate >= 0.6 else Severity.URGENT


class Inactivity:
    """Raises when silence has become unlikely; each of `rates` (false alarms per household-year) is a level.

    Time goes in quarters of an hour, from water and electricity meters together (`QuarterHours`). Use is water
    drawn, or something switched on (`quiet_power`) in the first day without water: nobody lives longer without drawing
    any, and what still switches is a timer. While a slot is silent, with pause e so far,

        p = population[kind, time of day, bin(e)] · habit[hour] · patience[band(e)] · days
        R ← (R + 0.005) · exp(p),     evidence = ln R;     use sets R to 1.

    The last three factors are the household's own: slots with use over slots expected to have it, (κ + counts) /
    (κ + expected), by hour of working day or day off (κ = 3, half-life 60 days), by how long it has been silent
    (κ = 5, beyond 9 h 0.7; 90 days), over the last days (κ = 8, 2 days). R is Shiryaev's statistic for a fall at an
    unknown moment (Shiryaev, On optimum methods in quickest detection problems, 1963), and DESIGN §7's exp(Λ) with 0
    for 0.005: it weighs all moments since the last use. Slots of which nothing is known, of an absence or an outage
    change nothing.

    A level of f a year is the evidence that f pauses a household-year exceed by chance, as counted (`EvidenceTail`)
    on the pauses of all households; a budget of false visits moves it (`Budget`). A household's own
    factors are brought up to date at its midnight unless it has been silent for 9 h, population and levels at `dawn`,
    once a day of the clock; all else depends on the household alone. 1.1 kB a household.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "inactivity", *,
        rates: Sequence[float] = (4.0, 1.0, 0.365), budget: float = FALSE_VISITS,
    ) -> None:  # fmt: skip
        self.name = name
        self._about = "inactivity 1"
        self._sensors = sensors
        self._rates = np.array(sorted(rates, reverse=True))
        self._severities = [severity_of(rate) for rate in self._rates]
        self._meters = QuarterHours(sensors)
        self._population = Population()
        self._tail = EvidenceTail()
        self._budget = Budget(sensors, budget)
        self._clocks = LocalSlots(sensors)
        self._day: int | None = None
        self._bank = Bank(
            *HABIT_COLUMNS,
            *POWER_COLUMNS,
            Column("since", "i4", -1),  # the slot in which this pause began
            Column("pause", "i4", 0),  # known silent slots of it
            Column("dry", "i4", 0),  # slots since water was last drawn in which it is known that none was
            Column("evidence", "f8", 0.0),
            Column("level", "u1", 0),  # how many levels have been raised
            Column("source", "i4", 0),  # the sensor it was raised on
        )
        self._set_levels()

    def observe(self, batch: Observations) -> list[Finding]:
        """Follow water and electricity."""
        closed = self._meters.take(batch)
        return [] if closed is None else self._follow(closed)

    def tick(self, now: int) -> list[Finding]:
        """Go on without meters that have fallen silent."""
        closed = self._meters.tick(now)
        return [] if closed is None else self._follow(closed)

    def dawn(self, day: int) -> None:
        """Take what was learned before `day` (of the clock, days since 1970) into population and levels."""
        if self._day is not None and day > self._day:
            self._population.learn(day - self._day)
            self._tail.learn(day - self._day)
        if self._day is None or day > self._day:
            self._day = day
            self._budget.pass_days(day * DAY, self._watched())
            self._set_levels()

    def allow(self, rate: float) -> None:
        """Take the budget of false visits for each household-day."""
        self._budget.allow(rate)
        self._set_levels()

    def learn(self, verdicts: Sequence[Verdict], now: int) -> None:
        """Let thresholds follow what people found."""
        self._budget.learn(verdicts, now, self._watched())
        self._set_levels()

    def _watched(self) -> NDArray[np.int32]:
        self._bank.reach(len(self._sensors.households))
        return np.flatnonzero(self._bank["local_day"][: len(self._sensors.households)] >= 0).astype(np.int32)

    def _set_levels(self) -> None:
        levels = [
            self._tail.threshold(rate / YEAR_DAYS) + self._budget.theta_shift(severity)
            for rate, severity in zip(self._rates, self._severities, strict=True)
        ]
        self._ascending = np.maximum.accumulate(np.array(levels))

    def _follow(self, closed: Closed) -> list[Finding]:
        """Go through closed slots, day by day of each household's own calendar."""
        self._bank.reach(len(self._sensors.households))
        self._clocks.reach(closed.first, closed.first + closed.length)
        row = np.repeat(np.arange(len(closed.household)), closed.length)
        turn = np.arange(len(row)) - np.repeat(np.cumsum(closed.length) - closed.length, closed.length)
        home, slot, at = closed.household[row], closed.first[row] + turn, closed.start[row] + turn
        local = self._clocks.local(home, slot)
        days = local // SLOTS
        number = days - days[np.flatnonzero(turn == 0)][row]
        findings: list[Finding] = []
        for day in range(int(number.max()) + 1):
            some = slice(None) if not number.any() else np.flatnonzero(number == day)
            from_meters = closed.water[at[some]], closed.watts[at[some]], closed.told[at[some]], closed.spent[at[some]]
            findings += self._day_of(_Rows(home[some], slot[some], local[some], *from_meters))
        return findings

    def _day_of(self, rows: _Rows) -> list[Finding]:
        """Follow slots of some households that lie within one local day of each."""
        bank, home = self._bank, rows.home
        runs = Runs.grouped(home.astype(np.int32))
        self._refresh(home[runs.head], rows.local[runs.head] // SLOTS)
        rise = rises(bank, runs, home, rows.watts)
        metered = np.isfinite(rise)
        if metered.any():
            learn_rises(bank, home[metered], rows.local[metered] % SLOTS, rise[metered])
        metered &= np.isfinite(bank["quiet_rise"][home])
        dry = Pauses.of(runs, rows.water == 0, rows.water == 1, bank["dry"][home])
        used = (rows.water == 1) | (switched_on(bank, home, rise) & (dry.age < _DRY))
        known = (rows.water >= 0) | metered
        for spans in (self._sensors.absences, self._sensors.outages):
            if spans:
                known &= ~spans.touch(home.astype(np.int32), rows.slot * SLOT, (rows.slot + 1) * SLOT)
        tail = np.flatnonzero(runs.tail)
        bank["dry"][home[tail]] = np.where(rows.water[tail] == 1, 0, dry.age[tail] + (rows.water[tail] == 0))
        silent = known & ~used
        pauses = Pauses.of(runs, silent, used, bank["pause"][home])

        kind = np.where(metered, np.where(rows.water >= 0, 2, 1), 0)
        cells = self._population.cells(kind, rows.local, pauses.age)
        habits = Habits(bank, home, rows.local, pauses.age)
        common = self._population.hazard(cells)
        due = common * habits.usual * habits.days

        at = np.flatnonzero(known)
        self._population.note_lately(cells.only(at), used[at], habits.usual[at])
        self._tail.watched(len(at))
        habits.note(at, used[at], common[at])
        # A long pause may be the one that matters, and must not make itself usual while it lasts.
        at = np.flatnonzero(known & (pauses.age < _LONG))
        self._population.note(cells.only(at), used[at])
        at = np.flatnonzero(used & (pauses.age >= _LONG))
        self._population.note_pauses(kind[at], rows.local[at], pauses.age[at], _LONG)
        return self._judge(rows, runs, pauses, np.where(rows.spent, 0.0, due), silent, used)

    def _judge(self, rows: _Rows, runs: Runs, pauses: Pauses, due: Floats, silent: Mask, used: Mask) -> list[Finding]:
        """Weigh the silence at each slot, and say what has become unlikely or has ended."""
        bank, home = self._bank, rows.home
        evidence = pauses.evidence(due, bank["evidence"][home], _FALL)
        weighed = evidence - self._budget.delta(home.astype(np.int32))
        level = np.searchsorted(self._ascending, weighed, side="left")
        before = bank["level"][home].astype(np.int64)
        # Levels move at dawn and by verdicts: what was not weighed since then is neither raised nor cleared by that.
        level = np.where(silent | (pauses.age > pauses.held), level, 0)
        level = np.where(pauses.continued, np.maximum(level, before), level)
        reached = np.where(pauses.first, np.where(pauses.continued, before, 0), np.r_[0, level[:-1]])
        begun = runs.latest(silent & (pauses.age == 0))
        since = np.where(pauses.continued & (pauses.held > 0), bank["since"][home], rows.slot[np.maximum(begun, 0)])

        findings: list[Finding] = []
        for row in np.flatnonzero((level > reached) & silent):
            findings += [
                self._raised(rows, int(row), int(since[row]), float(weighed[row]), number)
                for number in range(int(reached[row]), int(level[row]))
            ]
        ends = np.flatnonzero(used & (pauses.age > 0))
        if ends.size:
            self._tail.note(weighed[ends])
            remember_pauses(bank, home[ends], rows.local[ends], pauses.age[ends])
            findings += [
                self._cleared(rows, int(row), int(since[row]), int(level[row])) for row in ends[level[ends] > 0]
            ]
        tail, over = np.flatnonzero(runs.tail), used[runs.tail]
        bank["pause"][home[tail]] = np.where(over, 0, pauses.age[tail] + silent[tail])
        bank["since"][home[tail]] = np.where(over, -1, since[tail])
        bank["evidence"][home[tail]] = np.where(over, 0.0, evidence[tail])
        bank["level"][home[tail]] = np.where(over, 0, level[tail])
        return findings

    def _refresh(self, home: Ints, day: Ints) -> None:
        """At a household's midnight: let what it did fade, and work out its factors anew.

        Not in a long pause, for the same reason.
        """
        bank = self._bank
        old = bank["local_day"][home]
        fresh = day != old
        if not fresh.any():
            return
        home, day, old = home[fresh], day[fresh], old[fresh]
        passed = np.where(old < 0, 0, np.clip(day - old, 0, 365))
        bank["local_day"][home] = day
        settle_habits(bank, home, passed, bank["pause"][home] < _LONG)
        settle_rises(bank, home)
        fade_pauses(bank, home[(day + 3) // 7 != (old + 3) // 7])

    def _raised(self, rows: _Rows, row: int, since: int, evidence: float, number: int) -> Finding:
        bank = self._bank
        home, local = int(rows.home[row]), int(rows.local[row])
        if not number:
            bank["source"][home] = self._meters.meter_of(home)
        onset, time = since * SLOT, max(int(rows.told[row]), int(rows.slot[row] + 1) * SLOT)
        usual = longest_pause(bank, home, local + time // SLOT - int(rows.slot[row]))
        rate = float(self._rates[number])
        # What is known of this slot, not what the household has: a meter may be silent, or its quiet power not known.
        metered = bool(np.isfinite(rows.watts[row]) and np.isfinite(bank["quiet_rise"][home]))
        template = f"inactivity_{('electricity' if rows.water[row] < 0 else 'both') if metered else 'water'}"
        facts: dict[str, Fact] = {
            "template": template if usual * SLOT < time - onset else f"{template}_before",
            "lasted": (time - onset) / SECOND,
            "since_at": onset,
            "now_at": time,
            "usual": usual * SLOT / SECOND,
            "rate": rate,
            "rarity": DAY / SECOND / max(self._tail.rate(round(evidence, 6)), _RAREST),
        }
        return self._finding(
            home, Phase.RAISED, self._severities[number], onset=onset, time=time, score=round(evidence, 6), facts=facts
        )

    def _cleared(self, rows: _Rows, row: int, since: int, level: int) -> Finding:
        home = int(rows.home[row])
        severity = self._severities[level - 1]
        onset, time = since * SLOT, max(int(rows.told[row]), int(rows.slot[row]) * SLOT)
        facts: dict[str, Fact] = {"lasted": (time - onset) / SECOND}
        return self._finding(home, Phase.CLEARED, severity, onset=onset, time=time, score=0.0, facts=facts)

    def _finding(
        self, home: int, phase: Phase, severity: Severity, *, onset: int, time: int, score: float,
        facts: dict[str, Fact],
    ) -> Finding:  # fmt: skip
        return Finding(
            household=self._sensors.households[home],
            kind=Kind.INACTIVITY,
            rule=self.name,
            source=self._sensors.name(int(self._bank["source"][home])),
            phase=phase,
            severity=severity,
            onset=onset,
            time=time,
            score=score,
            facts=facts,
        )

    def snapshot(self) -> bytes:
        """Return the whole state; households by name, since their numbers are those of one process."""
        count = len(self._sensors.households)
        self._bank.reach(count)
        return pack(
            self._about,
            {
                "names": np.array(self._sensors.households, np.str_),
                "day": np.array(-1 if self._day is None else self._day),
                "households": self._bank.rows()[:count].copy(),
                **self._meters.rows(),
                **self._population.rows(),
                **self._tail.rows(),
                **self._budget.rows(),
            },
        )

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; households that the table does not know are left out.

        Raises:
            StateError: it is none.
        """
        saved = unpack(state, self._about)
        number: dict[int, int] = {}
        for old, name in enumerate(saved["names"]):
            new = self._sensors.household_number(str(name))
            if new is not None:
                number[old] = new
        self._bank.take(saved["households"][:0])
        self._bank.reach(len(self._sensors.households))
        for old, new in number.items():
            self._bank.rows()[new] = saved["households"][old]
        np.minimum(self._bank["level"], len(self._rates), out=self._bank["level"])  # there may be fewer now
        self._meters.take_rows(saved, number)
        self._population.take(saved)
        self._tail.take(saved)
        self._budget.take(saved)
        day = int(saved["day"])
        self._day = None if day < 0 else day
        self._set_levels()


class InactivityRule(Rule, tag="inactivity"):
    """`type = "inactivity"`."""

    rates: tuple[Annotated[float, msgspec.Meta(gt=0, le=100)], ...] = (4.0, 1.0, 0.365)

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        severities = {severity_of(rate) for rate in self.rates}
        if not self.rates or len(severities) < len(self.rates):
            raise RulesError(
                "each of its `rates` must be a level of its own; write at most one from 8 up (low), one from 2 to 8 "
                "(medium), one from 0.6 to 2 (high), one below 0.6 (urgent)"
            )
        return Inactivity(sensors, self.name, rates=self.rates)
