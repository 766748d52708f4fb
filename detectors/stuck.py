"""Does a sensor say the same whatever happens? A meter that stands although it reports, a gauge that froze."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.calendar.day_pieces import tails
from detectors.columns.bank import NEVER, Bank, Column, QuantityBank, pack, unpack
from detectors.columns.records import read, write
from detectors.columns.rounds import rounds
from detectors.columns.runs import Mask, Positions
from detectors.columns.slices import Slice, slice_of
from detectors.devices.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Rule
from registry.instants import DAY, HOUR, SECOND
from registry.quantities import Quantity
from registry.readings import Flag, Observations, SensorTable, Times

_OCTAVES = 6
_UNJUDGED = 0  # of a pause that is not long yet
_NEVER_ENOUGH = 2**61
_WEEK = 7 * DAY
_WEEKS = 4
_ALIVE = 0.6
_FIRST, _ANEW = int(Flag.FIRST), int(Flag.FIRST | Flag.RESET)  # plain: a column keeps its type


class Stuck:
    """Raises when a sensor that reports has not moved for longer than its own habit makes possible.

    - Electricity registers and power: not moved for max(`hours`, own p99.9 of such pauses); a refrigerator alone
      moves a meter every hour. Smoke levels and temperatures: the same value for max(`gauge_hours`, own p99.9),
      where they used to vary.
    - Water: silence of people is another rule's question, so a water register is stuck only after `days`, and
      only while the household's electricity shows life: its last whole week was at least 0.6 of its usual one.

    Own p99.9 (`share`) counts from `known_after` completed pauses on; long ones are counted in octaves of `hours`
    (of `gauge_hours`), and p99.9 is the upper edge of its octave. A pause in which the supply failed, or the people
    are known to be away, is neither judged nor counted. Cleared by the first reading that moves. 88 bytes a sensor,
    40 more an electricity meter.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "stuck",
        *, hours: float = 12.0, gauge_hours: float = 72.0, days: float = 14.0,
        share: float = 0.999, known_after: int = 200,
    ) -> None:  # fmt: skip
        self.name = name
        self._about = f"stuck 2 {hours} {gauge_hours} {days} {share} {known_after}"
        self._sensors = sensors
        self._share = share
        self._known_after = known_after
        supply, gauge = round(hours * HOUR), round(gauge_hours * HOUR)
        self._least: Mapping[Quantity, int] = {
            Quantity.ENERGY: supply, Quantity.POWER: supply, Quantity.SMOKE: gauge, Quantity.TEMPERATURE: gauge,
            Quantity.VOLUME: round(days * DAY),
        }  # fmt: skip
        self._bank = QuantityBank(  # rows of 32 bytes are moved in one piece
            Column("pauses", "u4", 0),  # completed
            Column("moved", "i8", NEVER),  # the last reading that moved, or the first
            Column("last", "i8", NEVER),  # the last reading
            Column("value", "f8", np.nan),
        )
        self._long = Bank(  # in the same rows: what few readings touch
            Column("long", "u2", 0, _OCTAVES),  # completed pauses above the least, by octave
            Column("limit", "i8", _UNJUDGED),  # of the present pause, once it is long
            Column("longest", "i8", 0),  # the longest completed pause
        )
        self._weeks = QuantityBank(
            Column("week", "i4", -1),  # the present week
            Column("known", "u4", 0),  # whole weeks folded into `usual`
            Column("start", "f8", np.nan),  # total at the present week's first reading
            Column("recent", "f8", np.nan),  # use in the last whole week
            Column("usual", "f8", np.nan),  # smoothed use of the whole weeks before that
        )
        self._condition = Condition(sensors, name, Kind.STUCK, Severity.LOW)
        self._looked = -1  # the last hour of the clock in which `tick` looked; not a state

    def observe(self, batch: Observations) -> list[Finding]:
        """Look at every quantity that ought to move."""
        findings: list[Finding] = []
        for quantity in self._least:
            seen = slice_of(batch, self._sensors, quantity)
            if len(seen):
                findings += self._look(seen, quantity)
        return findings

    def _look(self, seen: Slice, quantity: Quantity) -> list[Finding]:
        runs, time, value, least = seen.runs, seen.time, seen.value, self._least[quantity]
        at = self._bank.at(runs.key)
        self._long.reach(len(self._bank.rows()))
        now = read(self._bank, at)
        known_moved, known_last = now["moved"].copy(), now["last"].copy()
        if quantity is Quantity.ENERGY:
            self._note_weeks(seen, known_last)
        if quantity.cumulative:
            anew = seen.flags & _ANEW != 0
            moves = anew | (seen.use > 0)
        else:
            anew = seen.flags & _FIRST != 0
            moves = anew | (value != runs.previous(value, now["value"]))
        moved = runs.filled(time, moves, known_moved)
        counted = moves & ~anew
        # Until when it is known to have stood: what moved may have done so right after the reading before.
        stood = runs.previous(time, known_last) - runs.previous(moved, known_moved)
        stands = ~moves & (time - moved > least)
        ended_long = bool((stood > least).any())
        was_long = ended_long if runs.single else bool((known_last - known_moved > least).any())

        new = np.flatnonzero(runs.head & (known_moved == NEVER))
        if len(new):
            self._condition.seen(runs.key[new], time[new])
        completed = now["pauses"] + counted
        if not runs.single:
            total = np.cumsum(counted)
            completed = now["pauses"] + total - (total - counted)[runs.start]
        tail = tails(runs)
        now["moved"], now["last"], now["value"], now["pauses"] = moved, time, value, completed
        write(self._bank, at[tail], now[tail])
        ended = np.flatnonzero(counted & (stood > 0))
        findings: list[Finding] = []
        if was_long or ended_long or stands.any():
            paused = np.where(counted, stood, 0)
            limit = self._limits(seen, at, completed, stands, paused, moves, least)
            self._long["limit"][at[tail]] = np.where(moves, _UNJUDGED, limit)[tail]
            # Water is for `tick` to judge, which can look at the household's other meter.
            on = stands & (time - moved > limit) & (quantity is not Quantity.VOLUME)
            on[on] = ~self._excused(seen.household[on], moved[on], time[on])
            if on.any() or was_long:  # nothing is raised of a pause that was not long before
                findings = self._follow(seen, quantity, on, moves, moved, limit, paused)
        np.maximum.at(self._long["longest"], at[ended], stood[ended])
        return findings

    def _follow(
        self, seen: Slice, quantity: Quantity, on: Mask, moves: Mask, moved: Times, limit: Times, paused: Times
    ) -> list[Finding]:
        runs, time = seen.runs, seen.time

        def describe(row: int) -> Raise:
            pause = int(time[row] - moved[row])
            own = int(self._long["longest"][self._bank.at(runs.key[row : row + 1])[0]])
            facts: dict[str, Fact] = {
                "template": f"stuck_{quantity.label}",
                "value": float(seen.value[row]),
                "since_at": int(moved[row]),
                "lasted": pause / SECOND,
                "longest": int(paused[runs.start[row] : row].max(initial=own)) / SECOND,
                "limit": int(limit[row]) / SECOND,
            }
            return Raise(int(moved[row]), pause / int(limit[row]), facts)

        holds = runs.switch(on, moves, self._condition.holds(runs.key))
        return self._condition.follow(runs, time, holds, describe)

    def _limits(
        self, seen: Slice, at: Positions, completed: NDArray[np.integer], stands: Mask, paused: Times, moves: Mask,
        least: int,
    ) -> NDArray[np.int64]:  # fmt: skip
        """Return how long each row's pause may last, learning from long pauses as they are completed."""
        runs, long, before = seen.runs, self._long["long"], self._long["limit"][at]
        first = stands & ~runs.previous(stands, before != _UNJUDGED)
        limit = np.full(len(seen), _UNJUDGED)
        rows = np.flatnonzero(first | (paused > least))
        begun = seen.time[rows] - paused[rows]
        excused = self._excused(seen.household[rows], begun, seen.time[rows])
        for row, away in zip(rows.tolist(), excused.tolist(), strict=True):
            place = int(at[row])
            if first[row]:
                limit[row] = self._limit(long[place], int(completed[row]), least)
            elif not away:
                octave = min(int(paused[row] // least).bit_length() - 1, _OCTAVES - 1)
                long[place, octave] = min(int(long[place, octave]) + 1, 0xFFFF)
        return runs.filled(limit, first | moves, before)

    def _limit(self, long: NDArray[np.uint16], pauses: int, least: int) -> int:
        """Return the longest pause that the quantile of the known ones allows, at least `least`; microseconds."""
        if pauses < self._known_after:
            return _NEVER_ENOUGH
        above = np.cumsum(long[::-1])[::-1]
        octave = int(np.count_nonzero(above > (1 - self._share) * pauses))
        return least << octave if octave < _OCTAVES else _NEVER_ENOUGH

    def _excused(self, household: NDArray[np.int32], begin: Times, end: Times) -> Mask:
        return self._sensors.absences.touch(household, begin, end) | self._sensors.outages.touch(household, begin, end)

    def _note_weeks(self, seen: Slice, last: Times) -> None:
        """Fold the weeks that have ended; `last` is each row's sensor's reading before this batch."""
        runs, bank = seen.runs, self._weeks
        before = runs.previous(seen.time, last)
        if before.min() >= seen.time.max() // _WEEK * _WEEK:
            return
        week, at = seen.time // _WEEK, bank.at(runs.key)
        for rows in rounds(np.flatnonzero(week > before // _WEEK), runs.key):
            now = read(bank, at[rows])
            follows = now["week"] == week[rows] - 1
            fold = follows & np.isfinite(now["recent"])
            step = np.where(now["known"], 0.2, 1.0) * (now["recent"] - np.where(now["known"], now["usual"], 0.0))
            usual = np.where(now["known"], now["usual"], 0.0) + step
            now["usual"] = np.where(fold, usual, now["usual"])
            now["known"] += fold
            now["recent"] = np.where(follows, seen.total[rows] - now["start"], np.nan)
            begins = seen.time[rows] - week[rows] * _WEEK < DAY  # else the week is not known from its beginning
            now["start"] = np.where(begins, seen.total[rows], np.nan)
            now["week"] = week[rows]
            write(bank, at[rows], now)

    def tick(self, now: int) -> list[Finding]:
        """Raise water registers that stand while the household's electricity lives on; looks once an hour."""
        if now // HOUR == self._looked:
            return []
        self._looked = now // HOUR
        sensors, bank, weeks = self._sensors, self._bank.rows(), self._weeks.rows()
        stands = (bank["last"] - bank["moved"] > self._least[Quantity.VOLUME]) & (bank["moved"] != NEVER)
        place = np.flatnonzero(stands & (sensors.quantity[bank["sensor"]] == Quantity.VOLUME))
        place = place[~self._condition.holds(bank["sensor"][place])]
        if not len(place):
            return []
        with np.errstate(invalid="ignore"):
            lively = (weeks["known"] >= _WEEKS) & (weeks["recent"] >= _ALIVE * weeks["usual"]) & (weeks["usual"] > 0)
        alive = {int(sensors.household[meter["sensor"]]): meter for meter in weeks[lively]}
        findings = []
        for row in place[np.argsort(bank["sensor"][place])].tolist():
            one = bank[row]
            sensor, moved, last = int(one["sensor"]), int(one["moved"]), int(one["last"])
            home = sensors.household[sensor : sensor + 1]
            meter = alive.get(int(home[0]))
            # The lively week must lie within the pause, and be the last one.
            if meter is None or not moved // _WEEK < meter["week"] - 1 <= last // _WEEK <= meter["week"]:
                continue
            if self._excused(home, np.array([moved]), np.array([last]))[0]:
                continue
            facts: dict[str, Fact] = {
                "template": "stuck_volume",
                "since_at": moved,
                "lasted": (last - moved) / SECOND,
                "longest": int(self._long["longest"][row]) / SECOND,
                "used": float(meter["recent"]) / 1000,
                "usual": float(meter["usual"]) / 1000,
            }
            score = (last - moved) / self._least[Quantity.VOLUME]
            findings.append(self._condition.begin(sensor, last, Raise(moved, score, facts)))
        return findings

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return pack(
            self._about,
            {
                "pauses": self._bank.saved(),
                "long": self._long.rows()[self._bank.order()],
                "weeks": self._weeks.saved(),
                "condition": self._condition.rows(),
            },
        )

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        self._bank.take(saved["pauses"])
        self._long.take(saved["long"])
        self._weeks.take(saved["weeks"])
        self._condition.take(saved["condition"])


class StuckRule(Rule, tag="stuck"):
    """`type = "stuck"`."""

    hours: Amount = 12.0
    gauge_hours: Amount = 72.0
    days: Amount = 14.0

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return Stuck(sensors, self.name, hours=self.hours, gauge_hours=self.gauge_hours, days=self.days)
