"""Does the obscuration a smoke detector measures look like a fire, before its own alarm says so?"""

from __future__ import annotations

import numpy as np

from detectors.bank import NEVER, Bank, Column, pack, unpack
from detectors.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Rule, RulesError
from detectors.runs import Runs
from registry.instants import SECOND
from registry.quantities import Quantity
from registry.readings import Observations, SensorTable


class SmokeLevel:
    """Raises above `at_once` %/m, or above `high` for `seconds` without falling; clears below `clear`.

    Source of the limits: DESIGN §7. A reading lower than the one before it starts the `seconds` anew, since
    steam and toast thin out while a fire does not. 48 bytes a sensor.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "smoke-level",
        *, at_once: float = 10.0, high: float = 4.0, seconds: float = 60.0, clear: float = 2.0,
    ) -> None:  # fmt: skip
        self.name = name
        self._about = f"smoke_level {at_once} {high} {seconds} {clear}"
        self._sensors = sensors
        self._at_once = at_once
        self._high = high
        self._wait = round(seconds * SECOND)
        self._clear = clear
        self._bank = Bank(
            Column("value", "f8", 0.0),
            Column("since", "i8", NEVER),  # when it last began to stand high without falling
            Column("highest", "f8", 0.0),  # the highest level known while the condition did not hold
        )
        self._condition = Condition(sensors, name, Kind.SMOKE, Severity.URGENT)

    def observe(self, batch: Observations) -> list[Finding]:
        """Judge the obscuration."""
        rows = np.flatnonzero(self._sensors.quantity[batch.sensor] == Quantity.SMOKE)
        if not rows.size:
            return []
        bank = self._bank
        bank.reach(len(self._sensors))
        runs = Runs.of(batch.sensor[rows])
        rows, key = rows[runs.order], runs.key
        value, time = batch.value[rows], batch.time[rows]

        last = runs.previous(value, bank["value"][key])
        begins = (value > self._high) & ((last <= self._high) | (value < last))
        since = runs.filled(time, begins, bank["since"][key])
        on = (value > self._at_once) | ((value > self._high) & (time - since >= self._wait))
        holds = runs.switch(on, value < self._clear, self._condition.holds(key))
        calm = np.where(holds, 0.0, value)
        highest = np.maximum(runs.peak(calm), bank["highest"][key])
        before = runs.previous(highest, bank["highest"][key])

        def describe(row: int) -> Raise:
            high = value[row] > self._high
            onset = int(since[row]) if high and since[row] != NEVER else int(time[row])
            facts: dict[str, Fact] = {
                "template": "smoke_level",
                "value": float(value[row]),
                "limit": self._at_once if value[row] > self._at_once else self._high,
                "lasted": (int(time[row]) - onset) / SECOND,
                "highest": float(before[row]),
            }
            return Raise(onset, float(value[row]) / self._high, facts)

        tails = runs.tail
        bank["value"][key[tails]] = value[tails]
        bank["since"][key[tails]] = since[tails]
        bank["highest"][key[tails]] = highest[tails]
        return self._condition.follow(runs, time, holds, describe)

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: only readings tell."""
        return []

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return pack(self._about, {"levels": self._bank.rows(), "condition": self._condition.rows()})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        self._bank.take(saved["levels"])
        self._condition.take(saved["condition"])


class SmokeLevelRule(Rule, tag="smoke_level"):
    """`type = "smoke_level"`."""

    at_once: Amount = 10.0
    high: Amount = 4.0
    seconds: Amount = 60.0
    clear: Amount = 2.0

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        if not self.clear <= self.high <= self.at_once:
            raise RulesError("its limits must ascend; write `clear` ≤ `high` ≤ `at_once`")
        return SmokeLevel(
            sensors, self.name, at_once=self.at_once, high=self.high, seconds=self.seconds, clear=self.clear
        )
