"""Did a register restart? A meter that was swapped or reset counts on from another number: say so once."""

from __future__ import annotations

import numpy as np

from detectors.calendar.day_pieces import tails
from detectors.columns.bank import NEVER, Bank, Column, QuantityBank, pack, unpack
from detectors.columns.records import read, write
from detectors.columns.runs import Mask, Positions
from detectors.columns.slices import Slice, slice_of
from detectors.devices.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Rule
from registry.instants import HOUR
from registry.quantities import Quantity
from registry.readings import Flag, Observations, SensorTable, Values

_RESET = int(Flag.RESET)  # plain: a column keeps its type
_NEAR = 0.5  # litres or watt-hours: registers are told in whole ones at best


class Meter:
    """Raises when a register restarted and the next reading goes on from there; clears after `hours` of counting.

    A reset (`registers.py` says what one is) is believed at the reading after it: where that stands at the old
    register again, the low one was a corrupted copy. A second reset while one is told is part of it. A register
    that passes its last digit is not told at all: what was used is known, and there is nothing to do.
    64 bytes a register.
    """

    def __init__(self, sensors: SensorTable, name: str = "meter", *, hours: float = 24.0) -> None:
        self.name = name
        self._about = f"meter 2 {hours}"
        self._sensors = sensors
        self._wait = round(hours * HOUR)
        self._bank = QuantityBank(  # rows of 16 bytes are moved in one piece
            Column("told", "u4", 0),  # whether a reset is known
            Column("value", "f8", np.nan),  # of the last reading
        )
        self._resets = Bank(  # in the same rows: what few registers have
            Column("old", "f8", 0.0),  # the register before the last reset
            Column("since", "i8", NEVER),  # when the reset was read
            Column("new", "i8", 0),  # whether the last reading was the reset
        )
        self._condition = Condition(sensors, name, Kind.METER, Severity.LOW)

    def observe(self, batch: Observations) -> list[Finding]:
        """Look at water and electricity registers."""
        return [
            found
            for quantity in (Quantity.VOLUME, Quantity.ENERGY)
            for found in self._look(slice_of(batch, self._sensors, quantity), quantity)
        ]

    def _look(self, seen: Slice, quantity: Quantity) -> list[Finding]:
        if not len(seen):
            return []
        runs, value = seen.runs, seen.value
        at, tail = self._bank.at(runs.key), tails(runs)
        known = read(self._bank, at)
        before = known["value"].copy()
        new = np.flatnonzero(runs.head & np.isnan(before))
        if len(new):
            self._condition.seen(runs.key[new], seen.time[new])
        findings: list[Finding] = []
        # A batch without any flag has no reset: the commonest case.
        reset = seen.flags & _RESET != 0 if seen.flags.any() else np.zeros(len(seen), np.bool_)
        if known["told"].any() or reset.any():
            findings = self._follow(seen, quantity, at, runs.previous(value, before), reset)
            known["told"][tail] = self._resets["since"][at[tail]] != NEVER
        known["value"] = value
        write(self._bank, at[tail], known[tail])
        return findings

    def _follow(self, seen: Slice, quantity: Quantity, at: Positions, last: Values, reset: Mask) -> list[Finding]:
        """Go on with registers of which some were reset; `last` (n,) is what each stood at before."""
        runs, time, tail = seen.runs, seen.time, tails(seen.runs)
        self._resets.reach(len(self._bank.rows()))
        known = read(self._resets, at)
        after = runs.previous(reset, known["new"] != 0)
        raised = self._condition.holds(runs.key)
        old = runs.filled(last, reset, known["old"])
        since = runs.filled(time, reset, known["since"])
        # A corrupted copy: registers.py takes the reset back, and does not count the way up as use.
        recovered = after & (seen.value - last > seen.use + _NEAR)
        holds = runs.switch(after & ~reset & ~recovered, time - since >= self._wait, raised)

        def describe(row: int) -> Raise:
            facts: dict[str, Fact] = {
                "template": f"meter_{quantity.label}",
                "since_at": int(since[row]),
                "before": float(old[row]),
                "after": float(last[row]),
            }
            return Raise(int(since[row]), 1.0, facts)

        now = known[tail]
        now["old"], now["since"], now["new"] = old[tail], since[tail], reset[tail]
        write(self._resets, at[tail], now)
        return self._condition.follow(runs, time, holds, describe)

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: only readings tell."""
        return []

    def snapshot(self) -> bytes:
        """Return the whole state."""
        self._resets.reach(len(self._bank.rows()))
        resets = self._resets.rows()[self._bank.order()]
        return pack(
            self._about,
            {"registers": self._bank.saved(), "resets": resets, "condition": self._condition.rows()},
        )

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        self._bank.take(saved["registers"])
        self._resets.take(saved["resets"])
        self._condition.take(saved["condition"])


class MeterRule(Rule, tag="meter"):
    """`type = "meter"`."""

    hours: Amount = 24.0

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return Meter(sensors, self.name, hours=self.hours)
