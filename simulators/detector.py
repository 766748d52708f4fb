"""What a smoke detector says while the air changes: obscuration tick by tick, and its alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulators.chance import Floats, Ints, scattered
from simulators.days import DAY_SECONDS
from simulators.events import Happening
from simulators.lives import Befalls, Lives
from simulators.residents import Bools
from simulators.smoke import CHANGING, CLEARS, TICK, alarms, plume, quiet, ticks

FIRES = {Happening.KETTLE_FIRE: "flaming", Happening.SMOULDER: "smouldering"}
"""The events that burn, and how."""
_NOISE = 33
_COOKING_CLEARS = 2400


@dataclass(frozen=True, slots=True)
class Episode:
    """Times of changing air in one household's day, tick by tick, m ticks in seconds of the day.

    A fire that began yesterday has ticks before midnight (negative), so that the alarm is known at midnight.
    """

    at: Ints
    obscuration: Floats
    changing: Bools
    """Whether the detector reports this tick."""
    sounds: Bools
    """Whether it sounds its alarm."""

    def told(self) -> Bools:
        """Return which ticks are reported today."""
        return self.changing & self._today()

    def turns(self) -> Ints:
        """Return the ticks at which the alarm begins or ends today."""
        turned = np.diff(self.sounds.astype(np.int8), prepend=0) != 0
        return np.flatnonzero(turned & self._today())

    def covers(self, times: Ints) -> Bools:
        """Return at which times the last tick was reported, so that nothing else need be said."""
        last = np.searchsorted(self.at, times, side="right") - 1
        return (last >= 0) & self.changing[last] & (times - self.at[last] < TICK)

    def sounding(self, times: Ints) -> Bools:
        """Return whether the alarm sounds at some times."""
        last = np.searchsorted(self.at, times, side="right") - 1
        return (last >= 0) & self.sounds[last] & (times - self.at[last] < TICK)

    def _today(self) -> Bools:
        return (self.at >= 0) & (self.at < DAY_SECONDS)


def smoky(told: Lives, befalls: Sequence[Befalls]) -> list[int]:
    """Return the rows whose air changes at all today."""
    fires = {each.row for each in befalls if each.span.event.kind in FIRES}
    return sorted(fires | set(np.flatnonzero((told.fumes > CHANGING).any(axis=1)).tolist()))


def episode(seed: int, told: Lives, row: int, befalls: Sequence[Befalls]) -> Episode:
    """Return what the detector of a row says while its air changes."""
    habits, plan = told.habits.only(slice(row, row + 1)), told.plan
    stove, burns, fumes = plan.stove[[row]], plan.cooking[[row]], told.fumes[[row]]
    fires = [each for each in befalls if each.row == row and each.span.event.kind in FIRES]
    windows = [(fire.begin, fire.end + int(6 * CLEARS)) for fire in fires]
    for meal in np.flatnonzero(fumes[0] > CHANGING):
        begin = int(stove[0, meal])
        windows.append((begin, begin + int(burns[0, meal]) + _COOKING_CLEARS))
    offset = int(habits.phase[0, 2]) % TICK
    at = np.unique(np.concatenate([ticks(begin, end, offset) for begin, end in windows]))
    air = quiet(habits.haze, stove, burns, fumes, at[None])[0]
    for fire in fires:
        elapsed, lasts = (at - fire.begin).astype(np.float64), float(fire.end - fire.begin)
        air = air + plume(FIRES[fire.span.event.kind], elapsed, lasts, fire.span.event.amount)
    noise = scattered(seed, _NOISE, habits.who, told.day * DAY_SECONDS + at)
    return Episode(
        at=at,
        obscuration=np.round(np.clip(air * (0.98 + 0.04 * noise), 0, 100), 2),
        changing=air > habits.haze[0] + CHANGING,
        sounds=alarms(air, float(habits.threshold[0])),
    )
