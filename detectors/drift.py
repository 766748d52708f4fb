"""Have a household's habits changed over weeks? Worth a talk, not an alarm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors import page_hinkley
from detectors.calendar.day_pieces import gathered, narrowed, told
from detectors.calendar.local_days import LocalDays
from detectors.columns.bank import NEVER, Bank, Column, QuantityBank, pack, unpack
from detectors.columns.records import Records, read, write
from detectors.columns.rounds import rounds
from detectors.columns.runs import Mask, Positions
from detectors.columns.slices import Slice, slice_of
from detectors.devices.condition import Condition, Raise
from detectors.finding import Fact, Finding, Kind, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Rule
from registry.instants import DAY, HOUR
from registry.quantities import Quantity
from registry.readings import Flag, Observations, SensorTable, Times

_FEATURES = 3  # of a day: the amount used, when it began in the morning, hours of the night with use
_AMOUNT, _RISE, _NIGHT = range(_FEATURES)
_MORNING = 5.0  # local hour
_DENSE = 2 * HOUR
_CLIP, _FAR = 2.0, 8.0
_LAST = 60
_MOVING_RANGE = 1.128
_FIRST = int(Flag.FIRST)
_ANEW = int(Flag.FIRST | Flag.RESET)
_QUANTITIES = (Quantity.VOLUME, Quantity.ENERGY)
_LITRES, _WATT_HOURS = 5.0, 100.0
_NOBODY = 0.1
_FLOOR = np.array([0.2, 0.5, 0.5])
_EFFECT: Mapping[Quantity, tuple[float, ...]] = {Quantity.VOLUME: (0.35, 1.25, 1.0), Quantity.ENERGY: (0.6,)}


class Drift:
    """Raises when the mean of a daily habit has changed, by Page and Hinkley's test.

    The habits are:

    - the day's water (log of the litres; told from 30 % less, or 42 % more, on), or its electricity (from 45 % less, or
      82 % more, on: heating comes and goes with the seasons);
    - the local hour in which water is first used after 5 o'clock (told from 1 h 15 min on);
    - the number of hours from 0 to 5 o'clock in which water is used (told from one on).

    The first `days` days give each habit its mean and its day-to-day deviation (mean moving range / 1.128, Shewhart's
    chart for individuals). From then on the deviation from that mean in those units, cut off at ±2 so that no
    single day can decide, goes through the test with `delta` and `threshold`. The cut makes a change at least
    threshold / (2 - delta) days old before it is told. A change too small to be told may still grow, for 60 days.

    Days count if readings reach within `reach` hours of both midnights (hours of the day only if readings are never
    more than two hours apart), unless somebody was away or the supply failed, or less than a tenth of the usual
    amount was used. Cleared when the new habit has been learned, `days` days later. The sums are River's
    `PageHinkley` (see `page_hinkley.py`), whose objects would take 1 kB for each habit; 252 bytes a register.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "drift",
        *, days: int = 28, delta: float = 0.25, threshold: float = 20.0, reach: float = 3.0,
    ) -> None:  # fmt: skip
        self.name = name
        self._about = f"drift {days} {delta} {threshold} {reach}"
        self._sensors = sensors
        self._days = days
        self._delta = delta
        self._threshold = threshold
        self._reach = round(reach * HOUR)
        self._local = LocalDays()
        self._today = QuantityBank(
            Column("begin", "i8", NEVER),  # of the local day of the last reading
            Column("end", "i8", NEVER),
            Column("total", "f8", 0.0),  # at the day's first reading
            Column("rise", "f4", np.inf),  # local hour of the first use after five
            Column("gap", "f4", 0.0),  # the longest time between readings, h
            Column("night", "u4", 0),  # hours with use, a bit each
            Column("bad", "u4", 0),  # whether its use is not known
        )
        self._habits = Bank(  # in the rows of `_today`
            Column("centre", "f4", 0.0, _FEATURES),
            Column("spread", "f4", 0.0, _FEATURES),  # sum of moving ranges, then the deviation
            Column("last", "f4", 0.0, _FEATURES),
            Column("risen", "f4", 0.0, _FEATURES),  # sum since the sums' turning point: what is now
            Column("fallen", "f4", 0.0, _FEATURES),
            Column("risen_from", "f4", 0.0, _FEATURES),  # the test's mean at the turning point: what was before
            Column("fallen_from", "f4", 0.0, _FEATURES),
            *page_hinkley.columns(_FEATURES, "f4"),
            Column("known", "u2", 0, _FEATURES),  # days learned, at most `days`
            Column("risen_days", "u2", 0, _FEATURES),
            Column("fallen_days", "u2", 0, _FEATURES),
            Column("risen_at", "u2", 0, _FEATURES),  # the day of the turning point, days since 1970
            Column("fallen_at", "u2", 0, _FEATURES),
        )
        self._condition = Condition(sensors, name, Kind.DRIFT, Severity.LOW)

    def observe(self, batch: Observations) -> list[Finding]:
        """Complete days, and learn from each."""
        return [
            found
            for quantity in _QUANTITIES
            for found in self._read(slice_of(batch, self._sensors, quantity), quantity)
        ]

    def _read(self, seen: Slice, quantity: Quantity) -> list[Finding]:
        if not len(seen):
            return []
        runs, today = seen.runs, self._today
        place = today.at(runs.key)
        self._habits.reach(len(today.rows()))
        changes = (seen.time >= today["end"][place]) | (seen.flags & _ANEW != 0)
        if quantity is Quantity.VOLUME:
            # Later on the same day, what neither is an extreme of it nor a new hour changes nothing.
            changes |= ((seen.time - seen.previous) / HOUR).astype(np.float32) > today["gap"][place]
            used = np.flatnonzero((seen.use > 0) & ~changes)
            known = read(today, place[used])
            hour = (seen.time[used] - known["begin"]) / HOUR
            night = 1 << np.minimum(hour, 7).astype(np.uint8)
            earlier = hour.astype(np.float32) < known["rise"]
            changes[used] = np.where(hour < _MORNING, known["night"] & night == 0, earlier)
        rows = np.flatnonzero(told(runs, gathered(runs, np.logical_or, changes)))
        if not rows.size:
            return []
        return self._days_of(narrowed(seen, rows), place[rows], read(today, place[rows]), quantity)

    def _days_of(self, seen: Slice, place: Positions, known: Records, quantity: Quantity) -> list[Finding]:
        """Take what readings say of days, and learn from those that are over."""
        runs, time = seen.runs, seen.time
        begin, end = known["begin"].copy(), known["end"].copy()
        beyond = np.flatnonzero(time >= end)
        if len(beyond):
            _, begin[beyond], end[beyond] = self._local.of(self._sensors, runs.key[beyond], time[beyond])

        # Parts: the rows of one sensor on one local day.
        first = runs.head | (begin != runs.previous(begin, known["begin"]))
        at = np.flatnonzero(first)
        alone = len(at) == len(seen)

        def together(how: np.ufunc, column: NDArray[Any]) -> NDArray[Any]:
            parts: NDArray[Any] = column if alone else how.reduceat(column, at)
            return parts

        day = np.zeros(len(at), known.dtype)
        day["sensor"] = runs.key[at]
        goes_on = runs.head[at] & (begin[at] == known["begin"][at])
        hour = (time - begin) / HOUR
        used = (seen.use > 0) & (quantity is Quantity.VOLUME)  # of electricity only the amount is asked
        gap = np.where(seen.flags & _FIRST != 0, 0, time - seen.previous) / HOUR * (quantity is Quantity.VOLUME)
        night = np.where(used & (hour < _MORNING), 1 << np.minimum(hour, 7).astype(np.uint8), 0).astype(np.uint32)
        bad = (seen.flags & _ANEW != 0).astype(np.uint32)
        late = time[at] - begin[at] > self._reach
        day["begin"], day["end"] = begin[at], end[at]
        day["total"] = np.where(goes_on, known["total"][at], seen.total[at])
        day["rise"] = together(np.minimum, np.where(used & (hour >= _MORNING), hour, np.inf))
        day["gap"] = together(np.maximum, gap)
        day["night"] = together(np.bitwise_or, night)
        day["bad"] = together(np.bitwise_or, bad) | (late & ~goes_on)
        before = known.take(at)
        day["rise"] = np.where(goes_on, np.minimum(day["rise"], before["rise"]), day["rise"])
        day["gap"] = np.where(goes_on, np.maximum(day["gap"], before["gap"]), day["gap"])
        day["night"] |= np.where(goes_on, before["night"], 0).astype(np.uint32)
        day["bad"] |= np.where(goes_on, before["bad"], 0).astype(np.uint32)

        new = np.flatnonzero(runs.head & (known["begin"] == NEVER))
        if not runs.single:
            inner = np.flatnonzero(~runs.head[at])
            before[inner] = day[inner - 1]  # the day that each part follows
        done = np.flatnonzero(~goes_on & (before["begin"] != NEVER))
        if runs.single:
            write(self._today, place, day)
        else:
            tail = np.flatnonzero(runs.tail)
            write(self._today, place[tail], day.take(np.searchsorted(at, tail, side="right") - 1))
        self._condition.seen(runs.key[new], time[new])
        if not len(done):
            return []
        return self._learn(seen, at[done], before[done], late[done], bad[at[done]], quantity)

    def _learn(
        self, seen: Slice, row: Positions, day: Records, late: Mask, bad: NDArray[np.uint32], quantity: Quantity
    ) -> list[Finding]:
        """Learn from completed days, each told by the row after it."""
        household = seen.household[row]
        whole = (day["bad"] == 0) & (bad == 0) & ~late
        whole &= seen.time[row] - day["end"] <= self._reach  # the row after it is of the next day
        whole &= ~self._sensors.absences.touch(household, day["begin"], day["end"])
        whole &= ~self._sensors.outages.touch(household, day["begin"], day["end"])
        least = _LITRES if quantity is Quantity.VOLUME else _WATT_HOURS
        x = np.full((len(row), _FEATURES), np.nan)
        x[:, _AMOUNT] = np.log(np.maximum(seen.total[row] - day["total"], 0.0) + least)
        if quantity is Quantity.VOLUME:
            dense = day["gap"] * HOUR <= _DENSE
            x[:, _RISE] = np.where(dense & np.isfinite(day["rise"]), np.minimum(day["rise"], 14.0), np.nan)
            x[:, _NIGHT] = np.where(dense, np.bitwise_count(day["night"]), np.nan)
        findings: list[Finding] = []
        key = seen.runs.key[row]
        place = self._today.at(key)
        for turn in rounds(np.flatnonzero(whole), key):
            state = read(self._habits, place[turn])
            changed = self._take_days(state, x[turn], seen.household[row[turn]], day["begin"][turn], quantity)
            settled = self._condition.holds(key[turn]) & (state["known"][:, _AMOUNT] == self._days)
            state["known"][list(changed)] = 0  # the new habits are to be learned
            write(self._habits, place[turn], state)
            for one in sorted({*np.flatnonzero(settled).tolist(), *changed}):
                sensor, time = int(key[turn[one]]), int(seen.time[row[turn[one]]])
                if settled[one]:
                    findings.append(self._condition.end(sensor, time))
                if one in changed and not self._condition.holds(key[turn[one : one + 1]])[0]:
                    findings.append(self._condition.begin(sensor, time, changed[one]))
        return findings

    def _take_days(
        self, state: Records, x: NDArray[np.float64], household: NDArray[np.int32], begin: Times, quantity: Quantity
    ) -> dict[int, Raise]:
        """Take one day of each of some sensors; return what to say of the rows that changed."""
        known, centre, spread = state["known"], state["centre"], state["spread"]
        least = _LITRES if quantity is Quantity.VOLUME else _WATT_HOURS
        some = known[:, _AMOUNT] > 0
        nobody = some & (np.exp(x[:, _AMOUNT]) - least < _NOBODY * (np.exp(centre[:, _AMOUNT]) - least))
        x[nobody] = np.nan
        here = np.isfinite(x)

        learning = here & (known < self._days)
        fresh = learning & (known == 0)
        n = np.where(learning, known + 1.0, 1.0)
        spread[...] = np.where(fresh, 0.0, spread + np.where(learning, np.abs(x - state["last"]), 0.0))
        centre[...] = np.where(fresh, x, centre + np.where(learning, (x - centre) / n, 0.0))
        state["last"] = np.where(learning, x, state["last"])
        state["known"] = known + learning
        ready = learning & (state["known"] == self._days)
        deviation = spread / max(self._days - 1, 1) / _MOVING_RANGE
        state["spread"] = np.where(ready, np.maximum(deviation, _FLOOR), spread)
        page_hinkley.reset(state, learning)

        tested = here & ~learning
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(tested, (x - state["centre"]) / state["spread"], np.nan)
        y, z = np.clip(z, -_CLIP, _CLIP), np.clip(z, -_FAR, _FAR)
        up, down = page_hinkley.update(
            state, y, delta=self._delta, threshold=self._threshold, least=min(self._days, 7)
        )  # fmt: skip
        # Noon of a local day is on the same date in UTC, near enough.
        number = ((begin + DAY // 2) // DAY).astype(np.uint16)[:, None]
        for side, turned in (
            ("risen", state["rise"] == state["lowest"]),
            ("fallen", state["fall"] == state["highest"]),
        ):
            anew = (tested & turned) | learning
            state[side] = np.where(anew, 0.0, state[side] + np.where(tested, z, 0.0))
            state[f"{side}_from"] = np.where(anew, state["mean"], state[f"{side}_from"])
            state[f"{side}_days"] = np.where(anew, 0, state[f"{side}_days"] + tested)
            state[f"{side}_at"] = np.where(anew, number, state[f"{side}_at"])
        changed = {}
        for one in np.flatnonzero((up | down).any(axis=1)).tolist():
            shifts = [
                self._shift(state[one], feature, up=bool(up[one, feature]), quantity=quantity)
                for feature in np.flatnonzero(up[one] | down[one]).tolist()
            ]
            best = max(shifts, key=lambda shift: shift.size)
            if best.size >= 1:
                changed[one] = self._describe(best, state[one], int(household[one]), quantity)
        # A change that is too small to be told may still grow; after two months it is what is usual.
        page_hinkley.reset(state, (up & (state["risen_days"] > _LAST)) | (down & (state["fallen_days"] > _LAST)))
        return changed

    def _shift(self, habit: Any, feature: int, *, up: bool, quantity: Quantity) -> _Shift:
        side = "risen" if up else "fallen"
        total, count = float(habit[side][feature]), int(habit[f"{side}_days"][feature])
        n, centre, spread = int(habit["n"][feature]), float(habit["centre"][feature]), float(habit["spread"][feature])
        earlier = max(n - count, 0)
        before = float(habit[f"{side}_from"][feature]) * earlier / (self._days + earlier)
        usual, now = centre + spread * before, centre + spread * total / max(count, 1)
        day = int(habit[f"{side}_at"][feature]) + 1
        return _Shift(feature, usual, now, day, abs(now - usual) / _EFFECT[quantity][feature])

    def _describe(self, shift: _Shift, habit: Any, household: int, quantity: Quantity) -> Raise:
        onset = self._local.start(self._sensors.zones[household], shift.day)
        facts: dict[str, Fact] = {"since_at": onset, "known": self._days + int(habit["n"][shift.feature])}
        if shift.feature == _RISE:
            facts |= {"template": "drift_rise", "usual": _clock(shift.usual), "value": _clock(shift.now)}
        elif shift.feature == _NIGHT:
            facts |= {"template": "drift_night", "usual": shift.usual, "value": max(shift.now, 0.0)}
        else:
            least = _LITRES if quantity is Quantity.VOLUME else _WATT_HOURS
            usual, now = (max(float(np.exp(one)) - least, 0.0) for one in (shift.usual, shift.now))
            facts |= {"template": f"drift_{quantity.label}", "usual": usual, "value": now}
        return Raise(onset, shift.size, facts)

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Nothing: a day is judged by the reading that completes it."""
        return []

    def snapshot(self) -> bytes:
        """Return the whole state."""
        habits = self._habits.rows()[self._today.order()]
        return pack(self._about, {"today": self._today.saved(), "habits": habits, "condition": self._condition.rows()})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        self._today.take(saved["today"])
        self._habits.take(saved["habits"])
        self._condition.take(saved["condition"])


@dataclass(frozen=True, slots=True)
class _Shift:
    """A feature's mean before and since a local day; `size` 1 is worth telling."""

    feature: int
    usual: float
    now: float
    day: int
    size: float


def _clock(hour: float) -> str:
    minutes = round(hour * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


class DriftRule(Rule, tag="drift"):
    """`type = "drift"`."""

    days: Annotated[int, msgspec.Meta(ge=2, le=255)] = 28
    delta: Amount = 0.25
    threshold: Amount = 20.0
    reach: Amount = 3.0

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return Drift(sensors, self.name, days=self.days, delta=self.delta, threshold=self.threshold, reach=self.reach)
