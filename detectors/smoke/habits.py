"""When does a household usually make smoke, and how much? Meals, incense, cigarettes: seen before, and gone again."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from numpy.typing import NDArray

from detectors.columns.bank import Bank, Column
from detectors.smoke.spell import Limits, Spell
from registry.instants import DAY, to_datetime
from registry.readings import Sensors, SensorTable

_FADES = 60 * DAY
_SEEN_BEFORE = 2
_MORE_SMOKE = (5, 4)
_MORE_DOSE = (3, 2)
_HEAVIEST = 2
_BYTE, _WORD, _LONG = 0xFF, 0xFFFF, 2**31 - 1


class SmokeHabits:
    """What spells of smoke each detector has seen that went by themselves within an hour; 38 bytes a sensor.

    Usual are an hour of the local day in which, or in whose neighbours, two such spells were seen, and as much
    smoke as was seen twice. Counts halve every 60 days and the amounts lose a quarter, so that habits may change.
    """

    def __init__(self, sensors: SensorTable) -> None:
        self._sensors = sensors
        self._bank = Bank(
            Column("hours", "u1", 0, 24),  # spells by local hour of their begin
            Column("peaks", "u2", 0, 2),  # the highest peak and the one that was seen twice
            Column("doses", "i4", 0, 2),
            Column("faded", "u2", 0),  # number of the 60 days in which it last faded
        )

    def limits(self, sensor: int, time: int, limits: Limits) -> tuple[int, int]:
        """Return the limits `high` and `slow` at a sensor and an instant: above what is usual at this hour.

        A quarter more than the usual peak, but never above `at_once`; half more than the usual dose, but
        never above four times `slow`: a fire reaches either in minutes.
        """
        bank = self._bank
        bank.reach(len(self._sensors))
        hour = self._hour(sensor, time)
        around = bank["hours"][sensor][[(hour - 1) % 24, hour, (hour + 1) % 24]]
        if int(around.sum()) < _SEEN_BEFORE:
            return limits.high, limits.slow
        peak, dose = int(bank["peaks"][sensor, 1]), int(bank["doses"][sensor, 1])
        return (
            min(max(limits.high, peak * _MORE_SMOKE[0] // _MORE_SMOKE[1]), limits.at_once),
            min(max(limits.slow, dose * _MORE_DOSE[0] // _MORE_DOSE[1]), _HEAVIEST * limits.slow),
        )

    def highest(self, sensor: int) -> int:
        """Return the highest peak known without a fire, in `UNIT`s of %/m, 0 where none is."""
        self._bank.reach(len(self._sensors))
        return int(self._bank["peaks"][sensor, 0])

    def learn(self, sensor: int, spell: Spell) -> None:
        """Remember a spell that went by itself."""
        bank = self._bank
        bank.reach(len(self._sensors))
        hours = bank["hours"][sensor]
        period = spell.begin // _FADES
        fades = min(max(period - int(bank["faded"][sensor]), 0), 8)
        hours >>= fades
        peaks, doses = bank["peaks"][sensor], bank["doses"][sensor]
        for _ in range(fades):
            peaks[1] -= peaks[1] // 4
            doses[1] -= doses[1] // 4
        bank["faded"][sensor] = period
        hour = self._hour(sensor, spell.begin)
        hours[hour] = min(int(hours[hour]) + 1, _BYTE)
        _rank(peaks, min(spell.peak, _WORD))
        _rank(doses, min(spell.heaviest, _LONG))

    def forget(self, sensors: Sensors) -> None:
        """Forget what was usual at some sensors: one of those spells was a fire."""
        self._bank.reach(len(self._sensors))
        for column in ("hours", "peaks", "doses"):
            self._bank[column][sensors] = 0

    def rows(self) -> NDArray[Any]:
        """Return the state, for `pack`."""
        return self._bank.rows()

    def take(self, rows: NDArray[Any]) -> None:
        """Continue from what `rows` returned."""
        self._bank.take(rows)

    def _hour(self, sensor: int, time: int) -> int:
        zone = self._sensors.zones[int(self._sensors.household[sensor])]
        return to_datetime(time).astimezone(ZoneInfo(zone)).hour


def _rank(two: NDArray[Any], value: int) -> None:
    """Keep the highest value and the one that was reached twice."""
    two[1] = max(int(two[1]), min(value, int(two[0])))
    two[0] = max(int(two[0]), value)
