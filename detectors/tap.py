"""Does a tap run that nobody turns off? As much water as a tap gives, evenly, for longer than anybody stands at one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.calendar.day_pieces import gathered, heads, narrowed, pieces_of, summed, tails, told
from detectors.columns.bank import Column, QuantityBank, pack, unpack
from detectors.columns.records import read
from detectors.columns.runs import Mask, Positions, Runs
from detectors.columns.slices import Slice
from detectors.devices.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Count, Rule, Share
from detectors.verdict import Verdict, sensors_of_real
from registry.instants import DAY, HOUR, MINUTE, SECOND
from registry.quantities import Quantity
from registry.readings import Flag, Observations, SensorTable, Times

_UNKNOWN = int(Flag.FIRST | Flag.RESET)
_SAMPLE = 10 * MINUTE
_COARSEST = 5 * HOUR // 4
"""An hourly meter, with some jitter; readings further apart cannot show that water ran without pause."""
_PARTS, _PART = 8, 3
"""Parts of a UTC day that are learned apart, and their hours."""
_SHORTEST = 15
_BINS = 12
_EDGES = _SHORTEST * 2.0 ** ((np.arange(_BINS) + 1) / 2)
"""Minutes: upper edges of the bins in which runs are counted; the last has no edge in truth."""
_FULL = 200
_NONE = -1
_STRONG = 120
"""L/h, 2 L/min: what opened taps give. Less, over an hour, may as well be a family's evening."""
_FEW, _MANY = 2, 4
"""Intervals over which a strong flow, and a weak one, must be even."""
_MARGIN = 1.25
"""How much longer than known is unusual."""
_UNTRIED = 3
"""How many times the shortest limit holds in a household that is not known yet."""


class Tap:
    """Raises when water runs steadily at a tap's rate for longer than here usual; cleared when it runs no more.

    Flow is taken between readings at least ten minutes apart (the first of each ten minutes of the clock), so that
    the steps of a register do not look like pauses. A run is use of at least `least` L/h in each interval; its first
    interval, in which the tap was opened, does not count. It is steady where the coefficient of variation of its
    flows, weighted by time, is at most `variation` over two intervals or more, four below 2 L/min, and a tap's where
    the mean is at most `most` L/h. A shower or a machine's fills do not run on evenly; who draws water on top of an
    open tap adds little to it. An interval above 75 min or a reset is unknown: it ends the run but no alarm.

    A steady run is unusual when it is longer than 1.25 times the household's own conformal quantile of all runs
    known in this part of the day (three hours and those beside it, by UTC: summer time moves them by one): of n
    lengths the ⌈(1 - `alpha`)(n + 1)⌉-th smallest, the longest where n does not allow that, in bins of a factor √2,
    the counts halved at 200; and never below `minutes`. In the first `days` days it must last 3 times `minutes`.
    What a day taught holds from the next day on. A run that was alarmed counts as known to this home too, unless
    somebody found that it was a tap left open.

    Sources: taps give 2-12 L/min (EN 200 classes); Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World
    (2005) on conformal quantiles; the rest is ours, figures in docs/detection.md. 208 bytes a water meter.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "tap", *,
        minutes: float = 45.0, least: float = 60.0, most: float = 720.0, variation: float = 0.3,
        alpha: float = 0.005, days: int = 14,
    ) -> None:  # fmt: skip
        self.name = name
        self._about = f"tap {minutes} {least} {most} {variation} {alpha} {days}"
        self._sensors = sensors
        self._minutes = minutes
        self._least = least
        self._most = most
        self._variation = variation
        self._alpha = alpha
        self._days = days
        self._bank = QuantityBank(
            Column("time", "i8", 0),  # of the last sample
            Column("total", "f8", 0.0),  # at it
            Column("begin", "i8", 0),  # of the run: its first sample with flow
            Column("litres", "i8", 0),  # flow times seconds
            Column("squares", "i8", 0),  # flow² times seconds
            Column("seconds", "i4", 0),  # of the run, without its first interval
            Column("samples", "i4", 0),  # of the run, the first included; 0: nothing runs
            Column("day", "i4", -1),  # UTC day of the last reading
            Column("first", "i4", -1),  # UTC day of the first
            Column("alarmed", "i4", _NONE),  # where among `counts` the last alarmed run is
            Column("real", "i4", 0),  # somebody found that the alarm is real
            Column("limits", "u2", round(_UNTRIED * minutes), _PARTS),  # minutes
            Column("counts", "u1", 0, _PARTS * _BINS),  # runs by part of the day and length
        )
        self._condition = Condition(sensors, name, Kind.TAP, Severity.HIGH)

    def observe(self, batch: Observations) -> list[Finding]:
        """Judge water registers."""
        pieces = pieces_of(batch, self._sensors, Quantity.VOLUME)
        return [found for piece in pieces for found in self._judge(piece)]

    def learn(self, verdicts: Sequence[Verdict], now: int) -> None:  # noqa: ARG002 - part of the protocol
        """Never become less sensitive by what was a tap left open."""
        sensor = sensors_of_real(verdicts, Kind.TAP, self._sensors, (Quantity.VOLUME,))
        bank, at, holds = self._bank, self._bank.at(sensor), self._condition.holds(sensor)
        bank["real"][at] = holds
        over = at[~holds & (bank["alarmed"][at] != _NONE)]
        alarmed = bank["alarmed"][over]
        counted = bank["counts"][over, alarmed]
        bank["counts"][over, alarmed] = np.where(counted > 0, counted - 1, 0)
        bank["alarmed"][over] = _NONE
        self._set_limits(over)

    def _judge(self, day: Slice) -> list[Finding]:
        bank, starts = self._bank, heads(day.runs)
        every, unknown = bank.at(day.runs.key), day.flags & _UNKNOWN != 0
        self._condition.seen(day.runs.key[starts], day.time[starts])
        sampled = (day.time // _SAMPLE != day.previous // _SAMPLE) | unknown
        piece, at = day, every
        if not sampled.all():
            piece, at, unknown = narrowed(day, sampled), every[sampled], unknown[sampled]
            starts = heads(piece.runs)
        self._close(at[starts], piece.time[starts])  # a day begins with a sample
        runs, tail = piece.runs, tails(piece.runs)
        interval = piece.time // SECOND - runs.previous(piece.time, bank["time"][at]) // SECOND
        interval[unknown] = 0
        drawn = piece.total - runs.previous(piece.total, bank["total"][at])
        flow = np.rint(drawn * (HOUR // SECOND) / np.maximum(interval, 1)).astype(np.int64)
        flow[interval == 0] = 0
        bank["time"][at[tail]] = piece.time[tail]
        bank["total"][at[tail]] = piece.total[tail]

        running = (flow >= self._least) | (bank["samples"][at] > 0) | self._condition.holds(runs.key)
        busy = np.flatnonzero(told(runs, gathered(runs, np.logical_or, running)))
        return self._run(narrowed(piece, busy), at[busy], interval[busy], flow[busy]) if busy.size else []

    def _run(self, piece: Slice, at: Positions, interval: NDArray[np.int64], flow: NDArray[np.int64]) -> list[Finding]:
        """Judge the samples of sensors of which something runs or ran; `interval` in seconds, `flow` in L/h."""
        bank, runs = self._bank, piece.runs
        known, held = read(bank, at), self._condition.holds(runs.key)
        strong = flow >= self._least
        wet = strong & (interval <= _COARSEST // SECOND)
        dry = ~strong & (interval > 0)
        ran = runs.previous(wet, known["samples"] > 0)
        goes_on = wet & ran
        first, anew = wet & ~ran, ~goes_on
        inside = np.where(goes_on, interval, 0)
        begin = runs.filled(piece.time, first, known["begin"])
        samples = summed(runs, wet.astype(np.int64), anew, known["samples"])
        seconds = summed(runs, inside, anew, known["seconds"])
        litres = summed(runs, inside * flow, anew, known["litres"])
        squares = summed(runs, inside * flow * flow, anew, known["squares"])
        longest = np.maximum(seconds, 1)
        mean = litres / longest
        spread = np.sqrt(np.maximum(squares / longest - mean**2, 0.0))
        enough = samples > np.where(mean >= _STRONG, _FEW, _MANY)
        even = goes_on & enough & (spread <= self._variation * mean) & (mean <= self._most)

        part = begin // (_PART * HOUR) % _PARTS
        limit = 60 * known["limits"][np.arange(len(at)), part].astype(np.int64)
        holds = runs.switch(even & (seconds >= limit), dry, held)

        def describe(row: int) -> Raise:
            onset = int(begin[row])
            near = self._near(at[[row]])[0, part[row]]
            facts: dict[str, Fact] = {
                "template": "tap" if near.any() else "tap_new",
                "flow": float(mean[row]) / 60,
                "since_at": onset,
                "lasted": float(seconds[row]),
                "limit": float(limit[row]),
                "runs": int(near.sum()),
            }
            return Raise(onset, float(seconds[row] / limit[row]), facts)

        lasted = runs.previous(seconds, known["seconds"])
        over = np.flatnonzero(ran & ~wet & (lasted >= 60 * _SHORTEST))
        if over.size or held.any():
            then = runs.previous(begin, known["begin"])
            self._learn_runs(runs, at, over, lasted=lasted[over], begin=then[over], held=held, holds=holds)
        findings = self._condition.follow(runs, piece.time, holds, describe)
        tail = tails(runs)
        for name, value in (
            ("begin", begin), ("seconds", seconds), ("samples", samples),
            ("litres", litres), ("squares", squares),
        ):  # fmt: skip
            bank[name][at[tail]] = value[tail]
        return findings

    def _learn_runs(
        self, runs: Runs, at: Positions, over: Positions, *, lasted: Times, begin: Times, held: Mask, holds: Mask
    ) -> None:
        """Count runs that are `over` (positions), but for what somebody found to be a tap left open."""
        bank, held = self._bank, runs.previous(holds, held)
        counts = ~(held[over] & (bank["real"][at[over]] != 0))
        over, lasted, begin = over[counts], lasted[counts], begin[counts]
        length = np.floor(2 * np.log2(lasted / (60 * _SHORTEST))).astype(np.int64)
        cell = begin // (_PART * HOUR) % _PARTS * _BINS + np.minimum(length, _BINS - 1)
        bank.add("counts", at[over], cell, np.ones(1, np.uint8))
        alarmed = held[over]
        bank["alarmed"][at[over[alarmed]]] = cell[alarmed]
        cleared = gathered(runs, np.logical_or, held & ~holds)
        bank["real"][at[heads(runs)][cleared]] = 0

    def _close(self, at: Positions, time: Times) -> None:
        """Let what sensors (each once) learned until yesterday hold from today on."""
        bank = self._bank
        day = time // DAY
        turned = bank["day"][at] != day
        closing = at[turned]
        if closing.size:
            bank["day"][closing] = day[turned]
            counts = bank["counts"][closing].reshape(-1, _PARTS, _BINS)
            full = counts.sum(axis=2, keepdims=True, dtype=np.int64) > _FULL
            if full.any():
                bank["counts"][closing] = np.where(full, counts - counts // 2, counts).reshape(len(closing), -1)
            first = bank["first"]
            first[closing] = np.where(first[closing] < 0, day[turned], first[closing])
            self._set_limits(closing)

    def _near(self, at: Positions) -> NDArray[np.int32]:
        """Return the counts of each part of the day together with those beside it, (n, parts, bins)."""
        own = self._bank["counts"][at].astype(np.int32).reshape(-1, _PARTS, _BINS)
        round_the_clock = np.concatenate((own[:, -1:], own, own[:, :1]), axis=1)
        return own + round_the_clock[:, :-2] + round_the_clock[:, 2:]

    def _set_limits(self, at: Positions) -> None:
        bank = self._bank
        upto = self._near(at).cumsum(axis=2, dtype=np.int32)
        total = upto[:, :, -1:]
        rank = np.minimum(np.ceil((1 - self._alpha) * (total + 1)), total)
        longest = _EDGES[np.argmax(upto >= rank, axis=2)]
        new = bank["day"][at] - bank["first"][at] < self._days
        least = np.where(new, _UNTRIED, 1) * self._minutes
        bank["limits"][at] = np.ceil(np.maximum(_MARGIN * longest, least[:, None]))

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: only readings tell."""
        return []

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return pack(self._about, {"runs": self._bank.saved(), "condition": self._condition.rows()})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        self._bank.take(saved["runs"])
        self._condition.take(saved["condition"])


class TapRule(Rule, tag="tap"):
    """`type = "tap"`."""

    minutes: Amount = 45.0
    least: Amount = 60.0
    most: Amount = 720.0
    variation: Amount = 0.3
    alpha: Share = 0.005
    days: Count = 14

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return Tap(
            sensors, self.name, minutes=self.minutes, least=self.least, most=self.most, variation=self.variation,
            alpha=self.alpha, days=self.days,
        )  # fmt: skip
