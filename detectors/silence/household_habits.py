"""What is one household's own: how much more often than others it uses something, and its longest usual pauses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.calendar.local_slots import SLOTS
from detectors.columns.bank import Bank, Column
from detectors.silence.survival import BAND, BANDS, LONGEST

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_WEEK = 168
_HOURS = 48  # of a working day and of a day off
_LONG = 36
_PATIENCE = BANDS + 1  # the longest band apart for working days and days off
_HABIT = 0.5 ** (1 / 60)
_BAND = 0.5 ** (1 / 90)
_DAYS = 0.5 ** (1 / 2)
_PRIOR_HOUR = 3.0
_PRIOR_BAND = np.array([5.0, 5.0, 5.0, 0.7], np.float32)
_PRIOR_OFF = 3.0
_PRIOR_DAYS = 8.0
_FADE = 15 / 16  # of remembered pauses, a week

HABIT_COLUMNS = (
    Column("hour_used", "f4", 0.0, _HOURS),
    Column("hour_due", "f4", 0.0, _HOURS),
    Column("habit", "f4", 1.0, _HOURS),
    Column("band_used", "f4", 0.0, _PATIENCE),
    Column("band_due", "f4", 0.0, _PATIENCE),
    Column("patience", "f4", 1.0, _PATIENCE),
    Column("late_used", "f4", 0.0),
    Column("late_due", "f4", 0.0),
    Column("days", "f4", 1.0),
    Column("pauses", "u1", 0, _WEEK),  # the longest pause known at each hour of the week, in slots
    Column("local_day", "i4", -1),
)
"""Slots with use, slots expected to have it, and the factor that follows from them: by hour of working day or day
off, by the band of the pause, and over the last days. 0.8 kB a household.
"""


class Habits:
    """The factors of households in slots (n,); `pause` counts the silent slots before each."""

    def __init__(self, bank: Bank, home: Ints, local: Ints, pause: Ints) -> None:
        off = (local // SLOTS + 3) % 7 >= 5
        band = BAND[np.minimum(pause, LONGEST - 1)]
        self._bank, self._home = bank, home
        self._hour = local % SLOTS // 4 + np.where(off, 24, 0)
        self._band = band + (off & (band == BANDS - 1))
        self._habit, self._patience = bank["habit"][home, self._hour], bank["patience"][home, self._band]
        self.usual: Floats = np.multiply(self._habit, self._patience, dtype=np.float64)

    @property
    def days(self) -> NDArray[np.float32]:
        """What the last days were like, beside what is usual."""
        days: NDArray[np.float32] = self._bank["days"][self._home]
        return days

    def note(self, at: NDArray[np.intp], used: NDArray[np.bool_], common: Floats) -> None:
        """Count slots `at`, of which `common` would have use in a household like any other.

        Each factor is learned beside the others: what they explain is not counted again.
        """
        bank, home, hour, band = self._bank, self._home[at], self._hour[at], self._band[at]
        bank.add("hour_used", home, hour, used)
        bank.add("hour_due", home, hour, common * self._patience[at])
        bank.add("band_used", home, band, used)
        bank.add("band_due", home, band, common * self._habit[at])
        bank.add("late_used", home, 0, used)
        bank.add("late_due", home, 0, common * self.usual[at])


def settle_habits(bank: Bank, home: Ints, passed: Ints, calm: NDArray[np.bool_]) -> None:
    """After so many days: let what households did fade, and work out the factors of those that are calm anew."""
    keep = (_HABIT**passed)[:, None].astype(np.float32)
    used, due = bank["hour_used"][home] * keep, bank["hour_due"][home] * keep
    bank["hour_used"][home], bank["hour_due"][home] = used, due
    rested = home[calm]
    used, due = _smoothed(used[calm]), _smoothed(due[calm])
    both = (_PRIOR_HOUR + _both(used)) / (_PRIOR_HOUR + _both(due))
    bank["habit"][rested] = (_PRIOR_HOUR * both + used) / (_PRIOR_HOUR + due)
    keep = (_BAND**passed)[:, None].astype(np.float32)
    bank["band_used"][home] *= keep
    bank["band_due"][home] *= keep
    bank["patience"][rested] = _patience(bank["band_used"][rested], bank["band_due"][rested])
    days = (_DAYS**passed).astype(np.float32)
    bank["late_used"][home] *= days
    bank["late_due"][home] *= days
    used, due = bank["late_used"][rested], bank["late_due"][rested]
    bank["days"][rested] = (_PRIOR_DAYS + used) / (_PRIOR_DAYS + due)


def remember_pauses(bank: Bank, home: Ints, local: Ints, length: Ints) -> None:
    """Remember pauses that end in slot `local` at every hour of the week that they lasted through."""
    length = np.minimum(length, 255)
    hours = (local // 4) - (local - length) // 4 + 1
    row = np.repeat(np.arange(len(home)), hours)
    back = np.arange(len(row)) - np.repeat(np.cumsum(hours) - hours, hours)
    hour = local[row] // 4 - back
    old = np.clip(length[row] - np.maximum(local[row] - 4 * hour - 4, 0), 0, 255)
    np.maximum.at(bank["pauses"], (home[row], (hour + 72) % _WEEK), old.astype(np.uint8))


def fade_pauses(bank: Bank, home: Ints) -> None:
    """Let remembered pauses grow shorter; once a week."""
    bank["pauses"][home] = (bank["pauses"][home] * _FADE).astype(np.uint8)


def longest_pause(bank: Bank, home: int, local: int) -> int:
    """Return the longest pause (slots) that this household is known to make at the hour of the week of a slot."""
    return int(bank["pauses"][home, (local // 4 + 72) % _WEEK])


def _patience(used: NDArray[np.float32], due: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the factor of each band; the longest on working days and on days off from one that both share."""
    shared = slice(BANDS - 1)
    long_used, long_due = used[:, BANDS - 1 :], due[:, BANDS - 1 :]
    own = (_PRIOR_BAND[shared] + used[:, shared]) / (_PRIOR_BAND[shared] + due[:, shared])
    both = (_PRIOR_BAND[-1:] + long_used.sum(axis=1)) / (_PRIOR_BAND[-1:] + long_due.sum(axis=1))
    long = (_PRIOR_OFF * both[:, None] + long_used) / (_PRIOR_OFF + long_due)
    return np.concatenate((own, long), axis=1).astype(np.float32)


def _smoothed(hours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return hourly counts of working days and days off, each smoothed around the clock by 1:2:1."""
    day = hours.reshape(len(hours), 2, 24)
    smooth: NDArray[np.float32] = (np.roll(day, 1, axis=2) + 2 * day + np.roll(day, -1, axis=2)) / np.float32(4)
    return smooth.reshape(hours.shape)


def _both(hours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return working days and days off taken together, once for each."""
    summed = hours[:, :24] + hours[:, 24:]
    return np.concatenate((summed, summed), axis=1)
