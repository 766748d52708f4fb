"""Does far more water run within hours than this household ever uses? A burst pipe, a hose that came off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.bank import Column, QuantityBank, pack, unpack
from detectors.condition import Condition, Raise
from detectors.daily import gathered, heads, narrowed, pieces_of, tails
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Rule, Share
from detectors.runs import Mask, Positions, Runs
from detectors.slices import Slice
from detectors.verdict import Verdict
from registry.instants import DAY, HOUR, SECOND
from registry.quantities import Quantity
from registry.readings import Flag, Observations, Sensors, SensorTable, Times, Values

_UNKNOWN = Flag.FIRST | Flag.RESET
_WINDOW = 3
_LEAST = 30.0
"""Litres in three hours that the habit does not tell from nothing."""
_PER_OCTAVE, _BINS = 4, 37
_YEAR = 24 * 365
_MARGIN = 1.25
"""How much more than a known extraordinary use is unusual."""


class Burst:
    """Raises when the use of three hours exceeds max(2 q, `litres`); cleared when it falls below half of that.

    q is the household's own conformal quantile: of n past three-hour volumes, one for each full hour and none of
    them above the limit of its day, the ⌈(1 - `alpha`)(n + 1)⌉-th smallest, upper edge of bins of 19 %, the counts
    halved each year. Until n allows it (`alpha` = 0.001: 999 hours, 42 days) the limit is max(2 times the largest,
    `unknown`) litres. What exceeded the limit and ended was not an ordinary day, yet this home is now known to do
    it: filling a pool, watering a garden. From the next day on the limit is at least 1.25 times the largest such
    volume, unless somebody found that it was a burst.

    The window is the running hour and the two before it, or at an hour's turn the three full hours. Use between
    two readings is taken as even, so a meter read once a day tells only what must have been used in some three
    hours. After a reset the window begins anew.

    Sources: DESIGN section 7 (3 h volume > max(2 × own p99.9, 300 L)); Vovk, Gammerman, Shafer, Algorithmic Learning
    in a Random World (2005) on conformal quantiles. 160 bytes a water meter.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "burst", *,
        litres: float = 300.0, alpha: float = 0.001, unknown: float = 1000.0,
    ) -> None:  # fmt: skip
        self.name = name
        self._about = f"burst {litres} {alpha} {unknown}"
        self._sensors = sensors
        self._litres = litres
        self._alpha = alpha
        self._unknown = unknown
        self._bank = QuantityBank(
            Column(
                "before", "f8", 0.0, 3
            ),  # total at the beginning of this hour, of the one before, and of that before
            Column("known", "i8", 0),  # instant from which on every use is known
            Column("day", "i4", -1),  # UTC day of the last reading
            Column("limit", "f4", max(unknown, litres)),
            Column("peak", "f4", 0.0),  # of what exceeds the limit now, or did so today
            Column("extreme", "f4", 0.0),  # the largest known to end by itself
            Column("undone", "f4", 0.0),  # the same before the last was learned
            Column("counts", "u2", 0, _BINS),  # past hours by the volume of their three hours
            Column("ended", "u1", 0),  # the peak may be learned
            Column("real", "u1", 0),  # somebody found that what exceeds the limit now is a burst
        )
        self._condition = Condition(sensors, name, Kind.BURST, Severity.HIGH)

    def observe(self, batch: Observations) -> list[Finding]:
        """Judge water registers."""
        pieces = pieces_of(batch, self._sensors, Quantity.VOLUME)
        return [found for piece in pieces for found in self._judge(piece)]

    def learn(self, verdicts: Sequence[Verdict], now: int) -> None:  # noqa: ARG002 - part of the protocol
        """Never become less sensitive by what was a real burst."""
        for verdict in verdicts:
            home = self._sensors.household_number(verdict.household)
            if verdict.kind is not Kind.BURST or not verdict.real or home is None:
                continue
            own = (self._sensors.household == home) & (self._sensors.quantity == Quantity.VOLUME)
            self._forget(np.flatnonzero(own).astype(np.int32))

    def _forget(self, sensor: Sensors) -> None:
        bank, at, holds = self._bank, self._bank.at(sensor), self._condition.holds(sensor)
        bank["real"][at] = holds
        over = at[~holds]
        waiting = bank["ended"][over] != 0
        bank["extreme"][over] = np.where(waiting, bank["extreme"][over], bank["undone"][over])
        bank["ended"][over] = 0
        bank["peak"][over] = 0
        self._set_limits(over)

    def _judge(self, piece: Slice) -> list[Finding]:
        bank, runs, key = self._bank, piece.runs, piece.runs.key
        starts, at = heads(runs), bank.at(key)
        self._close(at[starts], piece.time[starts])
        hour = piece.time // HOUR
        unknown = piece.flags & _UNKNOWN != 0
        turned = (hour != piece.previous // HOUR) | unknown
        turn = narrowed(piece, np.flatnonzero(turned))
        place = at[turned]
        before, full_at_turn = self._turn(turn, place)

        known = runs.filled(piece.time, unknown, bank["known"][at])
        running = piece.total - runs.filled(_spread(before[2], turned), turned, bank["before"][at, 2])
        full = _spread(full_at_turn, turned)
        used = np.maximum(running, full)
        limit = bank["limit"][at].astype(np.float64)
        on = used > limit
        off = (used <= limit / 2) & (known <= (hour - _WINDOW + 1) * HOUR)
        holds = runs.switch(on, off, self._condition.holds(key))

        def describe(row: int) -> Raise:
            last = int(np.count_nonzero(turned[runs.start[row] : row + 1]))
            nth = int(np.count_nonzero(turned[: row + 1])) - 1
            began = [column[nth] if last else bank["before"][at[row], back] for back, column in enumerate(before[:2])]
            enough = [piece.total[row] - one >= 0.9 * used[row] for one in began]
            behind = enough.index(True) if any(enough) else 2 if running[row] >= full[row] else 3
            onset = max((int(hour[row]) - behind) * HOUR, int(known[row]))
            learned = int(bank["counts"][at[row]].sum())
            facts: dict[str, Fact] = {
                "template": "burst" if learned + 1 >= 1 / self._alpha else "burst_new",
                "used": float(used[row]),
                "window": float(_WINDOW * HOUR / SECOND),
                "since_at": onset,
                "lasted": (int(piece.time[row]) - onset) / SECOND,
                "limit": float(limit[row]),
                "usual": self._quantile(at[[row]])[0].item(),
                "share": self._alpha,
                "learned": learned * HOUR / SECOND,
            }
            return Raise(onset, float(used[row] / limit[row]), facts)

        findings = self._condition.follow(runs, piece.time, holds, describe)
        samples = turned & (known <= (hour - _WINDOW) * HOUR) & (full <= limit)
        samples[turned] &= turn.time - turn.previous < _WINDOW * HOUR
        self._count(at[samples], full[samples])
        self._note_peaks(runs, at, used, holds)
        tail = tails(turn.runs)
        bank["before"][place[tail]] = np.stack(before, axis=1)[tail]
        bank["known"][at[tails(runs)]] = known[tails(runs)]
        return findings

    def _turn(self, piece: Slice, at: Positions) -> tuple[tuple[Values, Values, Values], Values]:
        """Take the first readings of hours, and of registers that begin anew.

        Returns:
            The register at the beginning of each one's hour and of the two before it: what came in its interval
            is read off its line, what lies behind that was known before. And the use of the three hours until
            then, 0 where it is unknown.
        """
        runs, old = piece.runs, self._bank["before"][at]
        hour = piece.time // HOUR
        turns = hour - piece.previous // HOUR
        unknown = piece.flags & _UNKNOWN != 0
        use = np.where(unknown, 0.0, piece.use)
        rate = use / (piece.time - piece.previous)
        line = [
            piece.total - use + rate * np.maximum((hour - back) * HOUR - piece.previous, 0)
            for back in range(_WINDOW + 1)
        ]
        turns[unknown] = _WINDOW + 1
        before0 = line[0]
        last0 = runs.previous(before0, old[:, 0])
        before1 = np.where(turns > 1, line[1], last0)
        last1 = runs.previous(before1, old[:, 1])
        before2 = np.where(turns > 2, line[2], np.where(turns == 2, last0, last1))
        last2 = runs.previous(before2, old[:, 2])
        before3 = np.where(turns > 3, line[3], np.where(turns == 3, last0, np.where(turns == 2, last1, last2)))
        return (before0, before1, before2), before0 - before3

    def _count(self, at: Positions, volume: Values) -> None:
        bins = np.ceil(_PER_OCTAVE * np.log2(np.maximum(volume, _LEAST) / _LEAST)).astype(np.intp)
        np.add.at(self._bank["counts"], (at, np.minimum(bins, _BINS - 1)), 1)

    def _note_peaks(self, runs: Runs, at: Positions, used: Values, holds: Mask) -> None:
        """Remember the largest volume of what exceeds the limit, and that it ended."""
        bank = self._bank
        peak = gathered(runs, np.maximum, np.where(holds, used, 0.0)).astype(np.float32)
        every = at[heads(runs)]
        some = np.flatnonzero((peak > 0) | (bank["peak"][every] > 0))
        changed = every[some]
        ended = ~holds[tails(runs)][some]
        learned = ended & (bank["real"][changed] == 0)
        bank["peak"][changed] = np.where(ended & ~learned, 0, np.maximum(peak[some], bank["peak"][changed]))
        bank["ended"][changed] = learned
        bank["real"][changed[ended]] = 0

    def _close(self, at: Positions, time: Times) -> None:
        """Learn the last day of sensors (each once) that begin another."""
        bank = self._bank
        day = time // DAY
        turned = bank["day"][at] != day
        closing = at[turned]
        if not closing.size:
            return
        bank["day"][closing] = day[turned]
        ended = closing[bank["ended"][closing] != 0]
        bank["undone"][ended] = bank["extreme"][ended]
        bank["extreme"][ended] = np.maximum(bank["extreme"][ended], bank["peak"][ended])
        bank["peak"][ended] = 0
        bank["ended"][ended] = 0
        old = closing[bank["counts"][closing].sum(axis=1) > _YEAR]
        bank["counts"][old] = (bank["counts"][old] + 1) // 2
        self._set_limits(closing)

    def _set_limits(self, at: Positions) -> None:
        bank = self._bank
        known = bank["counts"][at].sum(axis=1, dtype=np.int64) + 1 >= 1 / self._alpha
        least = np.where(known, self._litres, max(self._unknown, self._litres))
        limit = np.maximum(2 * self._quantile(at), least)
        bank["limit"][at] = np.maximum(limit, _MARGIN * bank["extreme"][at])

    def _quantile(self, at: Positions) -> Values:
        """Return each sensor's conformal quantile, litres; the largest known where it is not known yet."""
        counts = self._bank["counts"][at].astype(np.int64)
        upto = counts.cumsum(axis=1)
        total = upto[:, -1]
        rank = np.minimum(np.ceil((1 - self._alpha) * (total + 1)), total)
        litres: Values = _LEAST * 2.0 ** (np.argmax(upto >= rank[:, None], axis=1) / _PER_OCTAVE)
        return litres

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: only readings tell."""
        return []

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return pack(self._about, {"volumes": self._bank.saved(), "condition": self._condition.rows()})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        self._bank.take(saved["volumes"])
        self._condition.take(saved["condition"])


def _spread(values: Values, turned: Mask) -> Values:
    column = np.zeros(len(turned))
    column[turned] = values
    return column


class BurstRule(Rule, tag="burst"):
    """`type = "burst"`."""

    litres: Amount = 300.0
    alpha: Share = 0.001
    unknown: Amount = 1000.0

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return Burst(sensors, self.name, litres=self.litres, alpha=self.alpha, unknown=self.unknown)
