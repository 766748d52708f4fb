"""How likely is use in the next quarter of an hour? By the time of day and the pause so far.

The discrete hazards of a whole population: what households have in common. What is one household's own,
`detectors.inactivity` learns beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.calendar.local_slots import SLOTS

Table = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS = 3
"""What a slot is known from: water alone, electricity alone, both."""
_HOURS = (
    0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 20, 24, 36, 48, 72, 120, 240,
)  # fmt: skip
BINS = len(_HOURS)
LONGEST = 2000
BIN = np.searchsorted(np.array(_HOURS) * 4, np.arange(LONGEST), side="right") - 1
"""The bin of a pause of 0, 1, … slots; DESIGN §7's 22, and four more for the pauses of those who are away."""
BANDS = 4
BAND = np.searchsorted(np.array([4, 16, 36]), np.arange(LONGEST), side="right")
"""The same in four: shorter than 1 h, than 4 h, than 9 h, longer."""
_WEEKDAYS = 7

_HALF_LIFE = 60.0
_WEEK_HALF_LIFE = 120.0
_LATELY_HALF_LIFE = 7.0
_SMOOTH = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 4.0, 3.0, 2.0, 1.0])
_SHRINK = 20.0
_PRIOR = 5.0
_PRIOR_WEEKDAY = 3.0
_PRIOR_LATELY = 30.0
_DAYTIME = np.array([
    0.5, 0.33, 0.27, 0.26, 0.34, 0.65, 2.1, 2.2, 1.2, 1.1, 1.4, 1.9,
    1.5, 1.4, 1.4, 1.4, 1.5, 2.0, 1.9, 1.7, 1.9, 1.5, 0.9, 0.6,
])  # fmt: skip
_PAUSE = np.array([
    1.0, 0.12, 0.12, 0.11, 0.11, 0.10, 0.10, 0.09, 0.085, 0.08, 0.08, 0.08, 0.075, 0.07, 0.06, 0.05, 0.04, 0.03,
    0.02, 0.01, 0.006, 0.005, 0.005, 0.005, 0.004, 0.004,
])  # fmt: skip
"""Where nothing is known yet: hazard = daytime x pause. Round figures between those of 46 water meters of families
(DAIAD), one of a single home (telelectura), two electricity meters (London) and the simulated town."""


class Cells(NamedTuple):
    """Where slots (n,) stand in the tables of a population."""

    daily: Ints  # kind, time of day, bin of the pause
    weekly: Ints  # weekday, bin of the pause
    band: Ints

    def only(self, some: NDArray[np.intp]) -> Cells:
        """Return those of some slots."""
        return Cells(self.daily[some], self.weekly[some], self.band[some])


class Population:
    """Hazards P(use) = table[kind, time of day, pause] · weekday[weekday, pause] · lately[band of the pause].

    The table is of counts with a half-life of 60 days, smoothed over ±1 h by a triangle and shrunk, with the weight of
    20 slots, to main effects `r(time of day) · s(pause)`, which are found by raking. DESIGN §7 gives the same model on
    the logit scale; here effects are factors, so that what a household does more or less than others has a closed form
    (its counts over those expected, as in a gamma-Poisson model). The same closed form gives the other two: people
    are away over weekends (57 % of the false alarms of 46 families began there; prior weight 3 slots with use,
    half-life 120 days), and many at once over holidays (30 slots with use, 7 days).
    """

    def __init__(self) -> None:
        self._seen, self._used = np.zeros((2, KINDS, SLOTS, BINS))
        self._new_seen, self._new_used = np.zeros((2, KINDS * SLOTS * BINS))
        # Slots with use and those expected, known and new.
        self._weekly = np.zeros((4, _WEEKDAYS * BINS))
        self._late = np.zeros((4, BANDS))
        self._fit()

    @staticmethod
    def cells(kind: Ints, local: Ints, pause: Ints) -> Cells:
        """Return where slots stand: known from `kind`, local slot number, silent slots before it."""
        pause = np.minimum(pause, LONGEST - 1)
        bins = BIN[pause]
        weekday = (local // SLOTS + 3) % _WEEKDAYS
        return Cells((kind * SLOTS + local % SLOTS) * BINS + bins, weekday * BINS + bins, BAND[pause])

    def hazard(self, cells: Cells) -> Table:
        """Return the chance (n,) that a household like any other uses something in each slot."""
        hazard: Table = self._table[cells.daily] * self._weekday[cells.weekly] * self._lately[cells.band]
        return np.minimum(hazard, 1.0, out=hazard)

    def note(self, cells: Cells, used: NDArray[np.bool_]) -> None:
        """Count slots; they are learned with `learn`."""
        self._new_seen += np.bincount(cells.daily, minlength=self._new_seen.size)
        self._new_used += np.bincount(cells.daily[used], minlength=self._new_used.size)
        self._weekly[2] += np.bincount(cells.weekly[used], minlength=_WEEKDAYS * BINS)
        self._weekly[3] += np.bincount(cells.weekly, self._table[cells.daily], minlength=_WEEKDAYS * BINS)

    def note_pauses(self, kind: Ints, local: Ints, length: Ints, begin: int) -> None:
        """Count the slots of pauses from their slot number `begin` on, now that they have ended in slot `local`."""
        count = length - begin + 1
        row = np.repeat(np.arange(len(count)), count)
        left = np.repeat(np.cumsum(count), count) - 1 - np.arange(len(row))
        self.note(self.cells(kind[row], local[row] - left, length[row] - left), left == 0)

    def note_lately(self, cells: Cells, used: NDArray[np.bool_], own: Table) -> None:
        """Count slots for what is so these days, in households that do `own` times as much as others then."""
        self._late[2] += np.bincount(cells.band[used], minlength=BANDS)
        expected = self._table[cells.daily] * self._weekday[cells.weekly] * own
        self._late[3] += np.bincount(cells.band, expected, minlength=BANDS)

    def learn(self, days: float) -> None:
        """Take what was noted in so many days into the hazards."""
        keep = 0.5 ** (days / _HALF_LIFE)
        self._seen = self._seen * keep + self._new_seen.reshape(self._seen.shape)
        self._used = self._used * keep + self._new_used.reshape(self._used.shape)
        self._new_seen[:] = 0.0
        self._new_used[:] = 0.0
        for counts, half_life in ((self._weekly, _WEEK_HALF_LIFE), (self._late, _LATELY_HALF_LIFE)):
            counts[:2] = counts[:2] * 0.5 ** (days / half_life) + counts[2:]
            counts[2:] = 0.0
        self._fit()

    def _fit(self) -> None:
        self._table = self._table_of_day().ravel()
        used, due = self._weekly[:2].reshape(2, _WEEKDAYS, BINS)
        # Against the week as a whole: what the table has not learned yet is no weekday's.
        week = (_PRIOR_WEEKDAY + used.sum(axis=0)) / (_PRIOR_WEEKDAY + due.sum(axis=0))
        self._weekday = ((_PRIOR_WEEKDAY + used) / (_PRIOR_WEEKDAY + week * due)).ravel()
        self._lately = (_PRIOR_LATELY + self._late[0]) / (_PRIOR_LATELY + self._late[1])

    def _table_of_day(self) -> Table:
        seen, used = _smoothed(self._seen), _smoothed(self._used)
        first = np.repeat(_DAYTIME, SLOTS // 24)
        rate = np.broadcast_to(first, (KINDS, SLOTS)).copy()
        pause = np.broadcast_to(_PAUSE, (KINDS, BINS)).copy()
        # A slot after one with use says more of the use than of the hour: its cells are not part of the raking.
        for _ in range(6):
            expected = np.einsum("ktb,kb->kt", seen[:, :, 1:], pause[:, 1:])
            rate = (used[:, :, 1:].sum(axis=2) + _PRIOR * first) / (expected + _PRIOR)
            expected = np.einsum("ktb,kt->kb", seen, rate)
            pause = (used.sum(axis=1) + 2.0 * _PAUSE) / (expected + 2.0)
        main = rate[:, :, None] * pause[:, None, :]
        hazard: Table = np.minimum((used + _SHRINK * main) / (seen + _SHRINK), 1.0)
        return hazard

    def rows(self) -> dict[str, NDArray[Any]]:
        """Return the state, for `pack`."""
        return {
            "population": np.stack([self._seen, self._used]),
            "population_new": np.stack([self._new_seen, self._new_used]),
            "population_weekly": self._weekly,
            "population_lately": self._late,
        }

    def take(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `rows` returned."""
        self._seen, self._used = (column.copy() for column in rows["population"])
        self._new_seen, self._new_used = (column.copy() for column in rows["population_new"])
        self._weekly, self._late = rows["population_weekly"].copy(), rows["population_lately"].copy()
        self._fit()


def _smoothed(counts: Table) -> Table:
    smooth = np.zeros_like(counts)
    for shift, weight in enumerate(_SMOOTH / _SMOOTH.sum(), -(len(_SMOOTH) // 2)):
        smooth += weight * np.roll(counts, shift, axis=1)
    return smooth
