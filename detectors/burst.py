"""Does far more water run within hours than this household ever uses? A burst pipe, a hose that came off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.calendar.day_pieces import gathered, heads, narrowed, pieces_of, tails
from detectors.columns.bank import Column, QuantityBank, pack, unpack
from detectors.columns.runs import Mask, Positions, Runs
from detectors.columns.slices import Slice
from detectors.devices.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Rule, Share
from detectors.verdict import Verdict, sensors_of_real
from registry.instants import DAY, HOUR, SECOND
from registry.quantities import Quantity
from registry.readings import Flag, Observations, SensorTable, Times, Values

_UNKNOWN = int(Flag.FIRST | Flag.RESET)
_WINDOW = 3
_LEAST = 30.0
"""Litres in three hours that the habit does not tell from nothing."""
_PER_OCTAVE, _BINS = 4, 37
_YEAR = 24 * 365
_MARGIN = 1.25
"""How much more than a known extraordinary use is unusual."""

_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class _Turn:
    """The n first readings of an hour, and of registers that begin anew, among those of a piece."""

    piece: Slice
    row: Positions
    """Where they are in it, and where in the bank."""
    at: Positions
    began: tuple[Values, Values, Values]
    """(n,) The register at the beginning of each one's hour, and of the two before it."""
    full: Values
    """(n,) The use of the three hours until then, 0 where it is unknown."""
    known: Times
    """(n,) The instant from which on every use is known."""


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
        sensor = sensors_of_real(verdicts, Kind.BURST, self._sensors, (Quantity.VOLUME,))
        bank, at, holds = self._bank, self._bank.at(sensor), self._condition.holds(sensor)
        bank["real"][at] = holds
        over = at[~holds]
        waiting = bank["ended"][over] != 0
        bank["extreme"][over] = np.where(waiting, bank["extreme"][over], bank["undone"][over])
        bank["ended"][over] = 0
        bank["peak"][over] = 0
        self._set_limits(over)

    def _judge(self, piece: Slice) -> list[Finding]:
        bank, runs, at = self._bank, piece.runs, self._bank.at(piece.runs.key)
        turned = (piece.time // HOUR != piece.previous // HOUR) | (piece.flags & _UNKNOWN != 0)
        row = np.flatnonzero(turned)
        begins = row[runs.head[row]]  # a day begins with an hour
        self._close(at[begins], piece.time[begins])
        turn = self._turn(narrowed(piece, row), row, at[row])

        began = bank["before"][at, 2]
        if runs.single:
            began[row] = turn.began[2]
        else:
            began = runs.filled(_spread(turn.began[2], turned), turned, began)
        used = piece.total - began
        used[row] = np.maximum(used[row], turn.full)
        limit = bank["limit"][at].astype(np.float64)
        on, held = used > limit, self._condition.holds(runs.key)
        findings = []
        if on.any() or held.any():
            findings = self._follow(piece, at, turn, used=used, limit=limit, held=held)
        else:
            starts = heads(runs)
            self._condition.seen(runs.key[starts], piece.time[starts])

        samples = (turn.known <= turn.piece.time // HOUR * HOUR - _WINDOW * HOUR) & (turn.full <= limit[row])
        samples &= turn.piece.time - turn.piece.previous < _WINDOW * HOUR
        self._count(turn.at[samples], turn.full[samples])
        tail = tails(turn.piece.runs)
        bank["before"][turn.at[tail]] = np.stack(turn.began, axis=1)[tail]
        bank["known"][turn.at[tail]] = turn.known[tail]
        return findings

    def _follow(
        self, piece: Slice, at: Positions, turn: _Turn, *, used: Values, limit: Values, held: Mask
    ) -> list[Finding]:
        """Say what exceeds its limit now, or did until now."""
        bank, runs, hour = self._bank, piece.runs, piece.time // HOUR
        turned = np.zeros(len(piece), np.bool_)
        turned[turn.row] = True
        full = _spread(turn.full, turned)
        known = runs.filled(_spread(turn.known, turned), turned, bank["known"][at])
        off = (used <= limit / 2) & (known <= (hour - _WINDOW + 1) * HOUR)
        holds = runs.switch(used > limit, off, held)

        def describe(row: int) -> Raise:
            last = int(np.count_nonzero(turned[runs.start[row] : row + 1]))
            nth = int(np.count_nonzero(turned[: row + 1])) - 1
            began = [column[nth] if last else bank["before"][at[row], back] for back, column in enumerate(turn.began)]
            enough = [piece.total[row] - one >= 0.9 * used[row] for one in began[:2]]
            running = piece.total[row] - began[2] >= full[row]
            behind = enough.index(True) if any(enough) else 2 if running else 3
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
        self._note_peaks(runs, at, used, holds)
        return findings

    def _turn(self, piece: Slice, row: Positions, at: Positions) -> _Turn:
        """Take the first readings of hours: what came in an interval is read off its line, the rest was known."""
        runs, old = piece.runs, self._bank["before"][at]
        hour, unknown = piece.time // HOUR, piece.flags & _UNKNOWN != 0
        turns = hour - piece.previous // HOUR
        turns[unknown] = _WINDOW + 1
        use = piece.use.copy()
        use[unknown] = 0
        origin, rate = piece.total - use, use / (piece.time - piece.previous)
        far = np.flatnonzero(turns > 1)
        count = turns[far]

        def line(back: int, of: Positions | slice) -> Values:
            """Return the register `back` hours before the hour."""
            inside = np.maximum((hour[of] - back) * HOUR - piece.previous[of], 0)
            register: Values = origin[of] + rate[of] * inside
            return register

        before0 = line(0, slice(None))
        before1 = runs.previous(before0, old[:, 0])
        near = before1[far]
        before1[far] = line(1, far)
        before2 = runs.previous(before1, old[:, 1])
        middle = before2[far]
        before2[far] = np.where(count > 2, line(2, far), near)
        before3 = runs.previous(before2, old[:, 2])
        before3[far] = np.where(count > 3, line(3, far), np.where(count == 3, near, middle))
        known = runs.filled(piece.time, unknown, self._bank["known"][at])
        return _Turn(piece, row, at, (before0, before1, before2), before0 - before3, known)

    def _count(self, at: Positions, volume: Values) -> None:
        bins = np.ceil(_PER_OCTAVE * np.log2(np.maximum(volume, _LEAST) / _LEAST)).astype(np.intp)
        self._bank.add("counts", at, np.minimum(bins, _BINS - 1), np.ones(1, np.uint16))

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


def _spread(values: NDArray[_T], turned: Mask) -> NDArray[_T]:
    column = np.zeros(len(turned), values.dtype)
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
