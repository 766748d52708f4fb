"""How fast are the detectors, and how much do they remember? Per core and per sensor, on homes made in memory.

Times are of the processor, not of the clock on the wall, and of all threads together: another process on the same
core, or a library that spreads its work over others, changes nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import process_time_ns
from typing import Any, TypeVar

import numpy as np
from rich.console import Group
from rich.table import Table

from detectors.columns.slices import slice_of
from detectors.finding import Finding
from detectors.protocol import Detector
from detectors.registers import Registers
from detectors.rules import RuleSet, load
from registry.instants import HOUR
from registry.quantities import Quantity
from registry.readings import Observations
from shouwang.bench import per_object
from shouwang.bench.memory import held
from shouwang.bench.stream import START, Homes
from shouwang.errors import SettingsError

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure: `only` names rules of the set, all where empty; `warm_up` and `hours` of readings."""

    sensors: int = 100_000
    batch: int = 10_000
    rules: str = "default"
    only: tuple[str, ...] = ()
    warm_up: float = 25.0
    hours: float = 2.0
    seed: int = 1
    river: bool = True


@dataclass(slots=True)
class Spent:
    """What one part cost: seconds of the processor in `observe` and in `tick`, and bytes held at the end.

    `question` is what `per_object` calls it.
    """

    name: str
    question: str = ""
    observe: float = 0.0
    tick: float = 0.0
    state: int = 0
    snapshot: int = 0


class _Timed:
    """A detector with a stop-watch."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.name = detector.name
        self.spent = self.anew()

    def anew(self) -> Spent:
        """Return a stop-watch at zero; a detector that watches several rules' kinds is called by the rule's name."""
        module = type(self.detector).__module__.rpartition(".")[2]
        return Spent(self.name, self.name.replace("-", "_") if module == "threshold" else module)

    def observe(self, batch: Observations) -> list[Finding]:
        found, seconds = _timed(lambda: self.detector.observe(batch))
        self.spent.observe += seconds
        return found

    def tick(self, now: int) -> list[Finding]:
        found, seconds = _timed(lambda: self.detector.tick(now))
        self.spent.tick += seconds
        return found

    def snapshot(self) -> bytes:
        return self.detector.snapshot()

    def restore(self, state: bytes) -> None:
        self.detector.restore(state)


@dataclass(frozen=True, slots=True)
class PerObject:
    """The same questions asked with River, an object for each sensor: of which rules, seconds a reading; both sides.

    `missing` are rules that have no such question: their time is in neither side.
    """

    questions: Sequence[str]
    missing: Sequence[str]
    banks: float
    river: float

    @property
    def ratio(self) -> float:
        """How many times longer River's objects take."""
        return self.river / self.banks


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured; times in seconds of the processor, `calibration` of one pass of `Calibration`."""

    options: Options
    readings: int
    batches: int
    findings: int
    total: float
    parts: Sequence[Spent]
    snapshot: float
    calibration: float
    per_object: PerObject | None

    @property
    def per_second(self) -> float:
        """Readings a second on one core."""
        return self.readings / self.total

    @property
    def state(self) -> float:
        """Bytes of state per sensor."""
        return sum(part.state for part in self.parts) / self.options.sensors

    def to_json(self) -> dict[str, Any]:
        """Return what was measured, in SI units."""
        batches, objects = self.batches, self.per_object
        return {
            "sensors": self.options.sensors,
            "batch": self.options.batch,
            "rules": self.options.rules,
            "readings": self.readings,
            "findings": self.findings,
            "readings_per_second": round(self.per_second),
            "seconds_per_batch": self.total / batches,
            "state_bytes_per_sensor": round(self.state, 1),
            "snapshot_seconds": self.snapshot,
            "snapshot_bytes": sum(part.snapshot for part in self.parts),
            "calibration_seconds": self.calibration,
            "per_object": objects
            and {
                "questions": list(objects.questions),
                "missing": list(objects.missing),
                "banks_seconds_per_reading": objects.banks,
                "river_seconds_per_reading": objects.river,
                "ratio": round(objects.ratio, 1),
            },
            "parts": [
                {
                    "name": part.name,
                    "observe_seconds_per_batch": part.observe / batches,
                    "tick_seconds": part.tick / batches,
                    "state_bytes_per_sensor": round(part.state / self.options.sensors, 1),
                }
                for part in self.parts
            ],
        }

    def table(self) -> Group:
        """Return what each detector costs, and the figures."""
        options = self.options
        table = Table(
            "part",
            title=f"{options.rules}: {options.sensors:,} sensors, {self.batches} batches of {options.batch:,} readings",
        )
        for column in ("µs a batch", "ns a reading", "share", "µs a tick", "bytes a sensor"):
            table.add_column(column, justify="right")
        for part in self.parts:
            table.add_row(
                part.name,
                f"{part.observe / self.batches * 1e6:,.0f}",
                f"{part.observe / self.readings * 1e9:,.0f}",
                f"{(part.observe + part.tick) / self.total:.0%}",
                f"{part.tick / self.batches * 1e6:,.0f}",
                f"{part.state / options.sensors:,.0f}",
            )
        size, a_batch = sum(part.snapshot for part in self.parts), self.total / self.batches
        speed = (
            f"[bold]{self.per_second:,.0f}[/] readings/s on one core, {a_batch * 1e3:.1f} ms a batch, "
            f"{a_batch / self.calibration:.1f} times the calibration's {self.calibration * 1e3:.2f} ms"
        )
        memory = (
            f"[bold]{self.state:,.0f}[/] bytes of state a sensor, snapshot {size / 1e6:,.0f} MB in "
            f"{self.snapshot:.2f} s; {self.findings:,} findings"
        )
        told = [speed, memory]
        objects = self.per_object
        if objects is not None:
            which = f"all rules but {', '.join(objects.missing)}" if objects.missing else "all of them"
            told.append(
                f"River, an object for each sensor and question: {objects.river * 1e6:.1f} µs a reading, here "
                f"{objects.banks * 1e6:.2f} µs: a ratio of [bold]{objects.ratio:.1f}[/] over {which}"
            )
        return Group(table, *told)


def run(options: Options, progress: Callable[[str], None] = lambda _: None) -> Report:
    """Watch homes for `warm_up` hours, then measure for `hours`.

    Raises:
        RulesError: there is no such rule set.
        SettingsError: `only` names a rule that the set does not have.
    """
    homes = Homes(options.sensors, options.seed)
    table, registers = homes.table, Registers()
    rules = load(options.rules, table)
    unknown = set(options.only) - {one.name for one in rules.detectors}
    if unknown:
        known = ", ".join(one.name for one in rules.detectors)
        raise SettingsError(f"the rule set has no rule `{min(unknown)}`; --only takes {known}")
    timed = [_Timed(one) for one in rules.detectors if not options.only or one.name in options.only]
    watch = RuleSet(timed)

    begin = START + round(options.warm_up * HOUR)
    progress(f"warming up with {options.warm_up:g} h of readings")
    for batch in homes.batches(options.batch, begin):
        watch.observe(registers.interpret(batch, table).observations())
        watch.tick(int(batch.received[-1]))
    for one in timed:
        one.spent = one.anew()

    batches = list(homes.batches(options.batch, begin + round(options.hours * HOUR)))
    progress(f"measuring {len(batches)} batches")
    reading, ordering, slicing = Spent("registers", "registers"), Spent("ordering"), Spent("slices")
    findings, total, pause = 0, 0, 0.0
    work = Calibration()
    for batch in batches:
        began = process_time_ns()
        interpreted, seconds = _timed(partial(registers.interpret, batch, table))
        reading.observe += seconds
        seen, seconds = _timed(interpreted.observations)
        ordering.observe += seconds
        for quantity in Quantity:
            _, seconds = _timed(partial(slice_of, seen, table, quantity))
            slicing.observe += seconds
        findings += len(watch.observe(seen))
        findings += len(watch.tick(int(batch.received[-1])))
        total += process_time_ns() - began
        pause += _timed(work)[1]

    reading.state = held(registers)
    reading.snapshot = len(registers.snapshot())
    for one in timed:
        one.spent.state = held(one.detector, beside=(table,))
    sizes, saving = _timed(lambda: [len(one.snapshot()) for one in timed])
    for one, size in zip(timed, sizes, strict=True):
        one.spent.snapshot = size
    parts = [reading, ordering, slicing, *(one.spent for one in timed)]
    rows = sum(len(batch) for batch in batches)
    objects = _per_object(options, parts, rows) if options.river else None
    return Report(options, rows, len(batches), findings, total / 1e9, parts, saving, pause / len(batches), objects)


def _per_object(options: Options, parts: Sequence[Spent], rows: int) -> PerObject | None:
    """Ask the same with River, of fewer homes: their objects would not fit into the memory of a machine like this."""
    questions = per_object.asked([part.question for part in parts])
    homes, registers = Homes(min(options.sensors, 4_000), options.seed), Registers()
    seen = [
        registers.interpret(batch, homes.table).observations() for batch in homes.batches(1_000, START + 8 * HOUR)
    ]  # fmt: skip
    if not questions or not seen:
        return None
    # What this side made is not to be walked through by the garbage collector at the other's expense.
    gc.collect()
    gc.freeze()
    try:
        readings, seconds = per_object.measure(seen, homes.table, questions)
    finally:
        gc.unfreeze()
    compared = [part for part in parts if part.question in questions or not part.question]
    ours = sum(part.observe + part.tick for part in compared)
    missing = [part.name for part in parts if part not in compared]
    return PerObject(questions, missing, ours / rows, seconds / readings)


class Calibration:
    """A fixed piece of NumPy work, done between batches: what the machine was worth while it was measured.

    One pass sorts 10,000 of 100,000 keys, then gathers, compares and scatters a column four times, about what
    a batch costs in a detector of middling size. It tells machines apart, and a quiet one from a busy one.
    """

    def __init__(self) -> None:
        chance = np.random.default_rng(0)
        self._key = chance.permutation(100_000)[:10_000]
        self._column = chance.random(100_000)

    def __call__(self) -> None:
        """Do one pass."""
        column, rows = self._column, self._key[np.argsort(self._key, kind="stable")]
        for _ in range(4):
            column[rows] = np.where(column[rows] > 0.5, column[rows] * 0.5, column[rows] + 0.5)


def _timed(work: Callable[[], _T]) -> tuple[_T, float]:
    began = process_time_ns()
    done = work()
    return done, (process_time_ns() - began) / 1e9
