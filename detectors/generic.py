"""Is a reading unlike anything that this sensor has sent? Asked of any quantity, by nothing but its own past."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors import surprise
from detectors.columns.bank import Bank, Column, pack, unpack
from detectors.columns.records import read, write
from detectors.columns.rounds import rounds
from detectors.columns.runs import Runs
from detectors.columns.slices import slice_of
from detectors.devices.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Count, Rule, Share
from registry.instants import HOUR
from registry.quantities import BY_LABEL, Quantity
from registry.readings import Observations, Sensors, SensorTable, Times, Values

_FALL = 4.0  # decimal places of rarity by which the record fades over `rest` readings
_MORE = 0.3  # decimal places that a reading must be rarer than the record to be news
_NO_NEWS = 0.2  # what rarity that is no news counts


class Generic:
    """Raises when a reading is rarer than `alpha` in one of several views; cleared after `rest` readings that are not.

    The views and their rarity are those of `detectors.surprise`; of a register the use per hour is judged. The
    score that `scores` returns for every reading, as benchmarks ask for it, is 1 - 10^-r of the rarity r in decimal
    places where that is news: rarer than anything in the last `rest` readings or so. What lasts is so told once.
    Readings of one sensor follow from one another, so a batch of many takes about 0.2 ms for each of them, and ten
    thousand sensors at once not much more: no rule for a set that must be fast on recordings of few homes.

    Source: ours, in the spirit of Lavin and Ahmad 2015 (a tail probability of what is unexpected, told once) with
    Weissman's tail in place of a Gaussian one. 488 bytes a sensor with its condition.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "generic", quantity: Quantity = Quantity.POWER, *,
        alpha: float = 1e-5, rest: int = 200, warm_up: int = 50, severity: Severity = Severity.LOW,
    ) -> None:  # fmt: skip
        self.name = name
        self._about = f"generic {quantity.label} {alpha} {rest} {warm_up}"
        self._sensors = sensors
        self._quantity = quantity
        self._limit = -float(np.log10(alpha))
        self._rest = rest
        self._warm_up = warm_up
        self._bank = Bank(
            *surprise.COLUMNS,
            Column("record", "f4", 0.0),  # rarity that the next news must exceed, fading
            Column("calm", "i4", 0),  # readings since the last that was rarer than `alpha`
        )
        self._condition = Condition(sensors, name, Kind.ANOMALY, severity)

    def observe(self, batch: Observations) -> list[Finding]:
        """Judge and learn, reading by reading."""
        key, time, value, _ = self._judged(batch)
        if not len(key):
            return []
        usual, places, _, calm = self._follow(key, time, value)
        runs = Runs.grouped(key)
        holds = runs.switch(places > self._limit, calm >= self._rest, self._condition.holds(key))

        def describe(row: int) -> Raise:
            facts: dict[str, Fact] = {
                "template": "generic",
                "quantity": self._quantity.label,
                "value": float(value[row]),
                "usual": float(usual[row]),
                "once": float(10 ** places[row]),
            }
            return Raise(int(time[row]), float(places[row] / self._limit), facts)

        return self._condition.follow(runs, time, holds, describe)

    def scores(self, batch: Observations) -> Values:
        """Learn, and return the anomaly score of each row (n,) in [0, 1], 0 of rows that are not judged."""
        score = np.zeros(len(batch))
        key, time, value, rows = self._judged(batch)
        _, places, news, _ = self._follow(key, time, value)
        score[rows] = 1.0 - 10.0 ** -np.where(news, places, _NO_NEWS * places)
        return score

    def _judged(self, batch: Observations) -> tuple[Sensors, Times, Values, NDArray[np.intp]]:
        """Return sensor, time, value and position in the batch of the rows that have a value to judge."""
        own = slice_of(batch, self._sensors, self._quantity)
        value = own.value
        if self._quantity.cumulative:
            value = own.use * (HOUR / np.maximum(own.time - own.previous, 1))
        some = np.flatnonzero(np.isfinite(value))
        return own.runs.key[some], own.time[some], value[some], own.rows[some]

    def _follow(self, key: Sensors, time: Times, value: Values) -> tuple[Values, Values, NDArray[np.bool_], Times]:
        """Return of each row what was usual, how rare it is, whether that is news, and readings since one as rare."""
        bank = self._bank
        bank.reach(len(self._sensors))
        usual, places = np.zeros(len(key)), np.zeros(len(key))
        news, calm = np.zeros(len(key), np.bool_), np.zeros(len(key), np.int64)
        hour = time // HOUR % 24
        for rows in rounds(np.arange(len(key)), key):
            sensor = key[rows]
            state = read(bank, sensor)
            usual[rows] = np.where(state["seen"] > 0, state["level"], value[rows])
            rare = surprise.rarity(state, value[rows], hour[rows], self._warm_up)
            new = rare > state["record"] + _MORE
            state["record"] = np.maximum(np.where(new, rare, state["record"]) - _FALL / self._rest, 0.0)
            state["calm"] = np.where(rare > self._limit, 0, np.minimum(state["calm"] + 1, self._rest))
            places[rows], news[rows], calm[rows] = rare, new, state["calm"]
            write(bank, sensor, state)
        return usual, places, news, calm

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: only readings tell."""
        return []

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return pack(self._about, {"series": self._bank.rows(), "condition": self._condition.rows()})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        self._bank.take(saved["series"])
        self._condition.take(saved["condition"])


class GenericRule(Rule, tag="generic"):
    """`type = "generic"`."""

    quantity: Literal["volume", "energy", "power", "smoke", "temperature", "battery"]
    alpha: Share = 1e-5
    rest: Count = 200
    warm_up: Count = 50
    severity: Literal["low", "medium", "high", "urgent"] = "low"

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return Generic(
            sensors, self.name, BY_LABEL[self.quantity],
            alpha=self.alpha, rest=self.rest, warm_up=self.warm_up, severity=Severity[self.severity.upper()],
        )  # fmt: skip
