"""Does water never stop? Use in every half hour of a day is a leak or a tap left open."""

from __future__ import annotations

import numpy as np

from detectors.columns.bank import NEVER, Bank, Column, pack, unpack
from detectors.columns.records import read
from detectors.columns.slices import slice_of
from detectors.devices.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Count, Rule
from registry.instants import MINUTE, SECOND
from registry.quantities import Quantity
from registry.readings import Flag, Observations, SensorTable

_UNKNOWN = Flag.FIRST | Flag.RESET


class ConstantUse:
    """Raises when each of `slots` consecutive slots of `minutes` has a reading that shows use.

    Slots are aligned to UTC; use belongs to the slot of the reading that shows it. A reading more than a slot
    after the one before cannot prove that every slot had use, so it ends the chain, as does a reset. Cleared
    once a slot has passed without use, or cannot be proven any more. A meter read once an hour is therefore
    never judged by this rule with half-hour slots.

    Source: the Longgang leak rule, use in every half hour of a day. 80 bytes a sensor.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "constant-use", *, slots: int = 48, minutes: float = 30.0
    ) -> None:
        self.name = name
        self._about = f"constant_use {slots} {minutes}"
        self._sensors = sensors
        self._slots = slots
        self._slot = round(minutes * MINUTE)
        self._bank = Bank(
            Column("last", "i8", NEVER),  # the last slot with use, NEVER where the chain is broken
            Column("begin", "i8", NEVER),  # the chain's first slot
            Column("total", "f8", 0.0),  # total at the last reading
            Column("origin", "f8", 0.0),  # total before the chain's first use
            Column("longest", "i8", 0),  # slots of the longest chain known
            Column("before", "i8", 0),  # the same when this chain began
            Column("time", "i8", NEVER),  # of the last reading
        )
        self._condition = Condition(sensors, name, Kind.LEAK, Severity.MEDIUM)

    def observe(self, batch: Observations) -> list[Finding]:
        """Judge water registers."""
        water = slice_of(batch, self._sensors, Quantity.VOLUME)
        if not len(water):
            return []
        bank = self._bank
        bank.reach(len(self._sensors))
        runs, key = water.runs, water.runs.key
        time, total = water.time, water.total
        slot = time // self._slot
        known = read(bank, key)

        used = water.use > 0
        interval = time - runs.previous(time, known["time"])
        broken = (water.flags & _UNKNOWN != 0) | (interval > self._slot)
        last = runs.filled(np.where(used, slot, NEVER), used | broken, known["last"])
        lapsed = broken | (slot > runs.previous(last, known["last"]) + 1)
        begins = used & lapsed
        begin = runs.filled(slot, begins, known["begin"])
        origin = runs.filled(runs.previous(total, known["total"]), begins, known["origin"])
        chain = np.where(used, slot - begin + 1, 0)
        longest = np.maximum(runs.peak(chain), known["longest"])
        before = runs.filled(runs.previous(longest, known["longest"]), begins, known["before"])
        holds = runs.switch(chain >= self._slots, lapsed, self._condition.holds(key))

        def describe(row: int) -> Raise:
            onset = int(begin[row]) * self._slot
            facts: dict[str, Fact] = {
                "template": "constant_use",
                "slot": self._slot / SECOND,
                "limit": self._slots,
                "used": float(total[row] - origin[row]),
                "since_at": onset,
                "lasted": int(chain[row]) * self._slot / SECOND,
                "longest": int(before[row]) * self._slot / SECOND,
            }
            return Raise(onset, float(chain[row] / self._slots), facts)

        tail = np.flatnonzero(runs.tail)
        ids = key[tail]
        for column, value in (
            ("last", last), ("begin", begin), ("total", total), ("origin", origin),
            ("longest", longest), ("before", before), ("time", time),
        ):  # fmt: skip
            bank[column][ids] = value[tail]
        return self._condition.follow(runs, time, holds, describe)

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: only readings tell."""
        return []

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return pack(self._about, {"chains": self._bank.rows(), "condition": self._condition.rows()})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        self._bank.take(saved["chains"])
        self._condition.take(saved["condition"])


class ConstantUseRule(Rule, tag="constant_use"):
    """`type = "constant_use"`."""

    slots: Count = 48
    minutes: Amount = 30.0

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return ConstantUse(sensors, self.name, slots=self.slots, minutes=self.minutes)
