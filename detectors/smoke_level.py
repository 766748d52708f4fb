"""Does the obscuration a smoke detector measures look like a fire, before its own alarm says so?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter

import numpy as np

from detectors.columns.bank import NEVER, Bank, Column, pack, unpack
from detectors.columns.slices import Slice, slice_of
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from detectors.protocol import Detector
from detectors.rule import Amount, Rule, RulesError
from detectors.smoke.clean_air import UNIT, UNKNOWN, Levels, clean, follow, levels
from detectors.smoke.habits import SmokeHabits
from detectors.smoke.signs import Sign, SmokeSigns
from detectors.smoke.spell import DRIFT, DUST, ORDINARY, Limits, Spell, Why
from detectors.verdict import Verdict
from registry.instants import DAY, MINUTE, SECOND
from registry.quantities import Quantity
from registry.readings import Observations, SensorTable

_COLUMNS = (
    Column("begin", "i8", NEVER), Column("level", "i4", 0), Column("peak", "i4", 0), Column("dose", "i4", 0),
    Column("heaviest", "i4", 0), Column("above", "i8", NEVER), Column("mark", "i8", NEVER), Column("marked", "i4", 0),
    Column("low", "i8", NEVER), Column("strong", "i8", NEVER), Column("onset", "i8", NEVER),
    Column("raised", "i8", NEVER), Column("grade", "u1", 0), Column("real", "u1", 0),
)  # fmt: skip
"""A spell as a row of the bank; the columns are `Spell`'s fields."""
_saved = attrgetter(*(column.name for column in _COLUMNS))
_NO_SPELL = tuple(int(column.empty) for column in _COLUMNS)
_BEFORE = 10 * MINUTE
"""How long before a fire is seen by one sensor another may have seen it."""
_SEVERITY = (Severity.HIGH, Severity.HIGH, Severity.URGENT)
_TEMPLATES = {Why.STRONG: "smoke_level", Why.HIGH: "smoke_level", Why.SLOW: "smoke_slow", Why.LASTING: "smoke_lasting"}
_CONFIRMED = {Quantity.SMOKE: "smoke_twice", Quantity.ALARM: "smoke_alarm_too", Quantity.TEMPERATURE: "smoke_heat"}


class SmokeLevel:
    """Raises above `at_once` %/m, above `high` for `seconds` and not falling, or once `slow` is exceeded.

    `slow` is the limit, in %/m·min, of a CUSUM of what exceeds the sensor's own clean air by more than 1 %/m:
    a slow smoulder. "Not falling" compares a level with that of `seconds` ago, less 5 % for noise. At the hours
    at which a household usually makes smoke, and is not known to be away, as much as it usually makes raises
    neither of the last two; the first knows no excuse. Dust, which is clean air above 0.5 %/m, is taken off every
    level, 5 %/m at most.

    It begins HIGH, in the call that sees the reading, and becomes URGENT (the same onset) after `seconds` above
    `at_once`, or with the next `tick` after a second sensor confirms it: that changes who is sent, never when.
    Cleared when the level was below `clear`, and below half its peak, for 3 minutes. Sources: the limits are
    DESIGN §7; CUSUM: Page, Biometrika 41 (1954). 150 bytes a sensor.
    """

    def __init__(
        self, sensors: SensorTable, name: str = "smoke-level",
        *, at_once: float = 10.0, high: float = 4.0, seconds: float = 60.0, clear: float = 2.0, slow: float = 20.0,
    ) -> None:  # fmt: skip
        self.name = name
        self._about = f"smoke_level 2 {at_once} {high} {seconds} {clear} {slow}"
        self._sensors = sensors
        self._limits = Limits(
            at_once=round(at_once * UNIT),
            high=round(high * UNIT),
            clear=round(clear * UNIT),
            wait=round(seconds * SECOND),
            slow=round(slow * UNIT * MINUTE / SECOND),
        )
        self._bank = Bank(
            Column("air", "i8", UNKNOWN),
            Column("first", "i8", NEVER),  # first reading
            Column("times", "u2", 0),  # conditions raised
        )
        self._spells = Bank(*_COLUMNS)
        self._habits = SmokeHabits(sensors)
        self._signs = SmokeSigns(sensors)
        self._unsure: set[int] = set()

    def observe(self, batch: Observations) -> list[Finding]:
        """Judge the obscuration; take note of what other sensors say."""
        self._signs.observe(batch)
        seen = slice_of(batch, self._sensors, Quantity.SMOKE)
        if not len(seen):
            return []
        bank, spells, runs = self._bank, self._spells, seen.runs
        bank.reach(len(self._sensors))
        spells.reach(len(self._sensors))
        before = bank["air"][runs.key]
        new = (before == UNKNOWN) & runs.head
        bank["first"][runs.key[new]] = seen.time[new]
        level = levels(seen.value)
        air = follow(runs, level, seen.time, seen.previous, before)
        bank["air"][runs.key[runs.tail]] = air[runs.tail]
        air = clean(air)
        # No level can be high, less dust, that is not this much above clean air.
        smoky = level - np.minimum(air, ORDINARY + DUST) > min(DRIFT, max(self._limits.high - ORDINARY, 0))
        begun = runs.head & (spells["begin"][runs.key] != NEVER)
        return list(self._follow(seen, level, air, np.flatnonzero(smoky | begun).tolist()))

    def tick(self, now: int) -> list[Finding]:  # noqa: ARG002 - part of the protocol
        """Tell which fires a second sensor confirms."""
        if not self._unsure:
            return []
        found = []
        since = int(self._spells["onset"][list(self._unsure)].min()) - _BEFORE
        signs = self._signs_by_household(since)
        for sensor in sorted(self._unsure):
            sign = self._second(sensor, signs.get(int(self._sensors.household[sensor]), ()))
            if sign is not None:
                self._spells["grade"][sensor] = 2
                self._unsure.remove(sensor)
                found.append(self._confirmed(sensor, self._spell(sensor), sign))
        return found

    def learn(self, verdicts: Sequence[Verdict], now: int) -> None:  # noqa: ARG002 - part of the protocol
        """Forget what is usual where a fire was real: it may have been learned as a meal."""
        for verdict in verdicts:
            household = self._sensors.household_number(verdict.household)
            if verdict.kind is Kind.SMOKE and verdict.real and household is not None:
                own = (self._sensors.household == household) & (self._sensors.quantity == Quantity.SMOKE)
                rows = np.flatnonzero(own)
                self._habits.forget(rows.astype(np.int32))
                self._spells.reach(len(self._sensors))
                self._spells["real"][rows] = self._spells["begin"][rows] != NEVER

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return pack(
            self._about,
            {
                "air": self._bank.rows(), "spells": self._spells.rows(),
                "habits": self._habits.rows(), "signs": self._signs.rows(),
            },
        )  # fmt: skip

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        saved = unpack(state, self._about)
        self._bank.take(saved["air"])
        self._spells.take(saved["spells"])
        self._habits.take(saved["habits"])
        self._signs.take(saved["signs"])
        self._unsure = set(np.flatnonzero(self._spells.rows()["grade"] == 1).tolist())

    def _follow(self, seen: Slice, level: Levels, air: Levels, smoky: list[int]) -> Iterator[Finding]:
        """Go through the spells of smoke, row by row: few readings in a thousand belong to one."""
        done = 0
        for first in smoky:
            if first < done:
                continue
            sensor = int(seen.runs.key[first])
            spell = self._spell(sensor)
            row = first
            while True:
                found, over = self._take(sensor, spell, seen, row, int(level[row]), int(air[row]))
                yield from found
                row += 1
                if over or seen.runs.tail[row - 1]:
                    break
            done = row
            self._spells.rows()[sensor] = _NO_SPELL if over else _saved(spell)

    def _take(
        self, sensor: int, spell: Spell, seen: Slice, row: int, level: int, air: int
    ) -> tuple[list[Finding], bool]:
        time = int(seen.time[row])
        gap = time - int(seen.previous[row])
        why = spell.take(time, gap, level, air, self._limits, lambda: self._usual(sensor, time))
        if why is None:
            return [], False
        if why is Why.OVER:
            if spell.meal:
                self._habits.learn(sensor, spell)
            return [], True
        if why is Why.CLEAR:
            found = self._finding(sensor, spell, Phase.CLEARED, time, 0.0, {"lasted": (time - spell.onset) / SECOND})
            spell.clear()
            self._unsure.discard(sensor)
            return [found], False
        if why is Why.LASTING:
            self._unsure.discard(sensor)
        else:
            self._unsure.add(sensor)
            self._bank["times"][sensor] = min(int(self._bank["times"][sensor]) + 1, 0xFFFF)
        begun = spell.strong if why in (Why.STRONG, Why.LASTING) else spell.onset
        limit = self._limits.high if why is Why.HIGH else self._limits.at_once
        facts: dict[str, Fact] = {
            "template": _TEMPLATES[why],
            "value": spell.level / UNIT,
            "limit": limit / UNIT,
            "lasted": (time - begun) / SECOND,
            "clean": air / UNIT,
        }
        score = max(spell.level / self._limits.high, spell.dose / self._limits.slow)
        return [self._finding(sensor, spell, Phase.RAISED, time, score, facts)], False

    def _usual(self, sensor: int, time: int) -> tuple[int, int]:
        """Return the limits `high` and `slow` of this hour; nobody cooks in a home where nobody is."""
        table, moment = self._sensors, np.array([time])
        if table.absences.touch(table.household[[sensor]], moment, moment + 1)[0]:
            return self._limits.high, self._limits.slow
        return self._habits.limits(sensor, time, self._limits)

    def _signs_by_household(self, since: int) -> dict[int, list[Sign]]:
        """Return the signs of fire of every sensor that gave one lately."""
        spells = self._spells.rows()
        smoky = (spells["begin"] != NEVER) & (spells["low"] == NEVER) & (2 * spells["peak"] > self._limits.high)
        signs = self._signs.seen(since)
        for sensor in np.flatnonzero(smoky).tolist():
            begin, peak = spells["begin"][sensor], spells["peak"][sensor]
            signs.append(Sign(sensor, int(begin), Quantity.SMOKE, int(peak) / UNIT))
        by_household: dict[int, list[Sign]] = {}
        for sign in signs:
            by_household.setdefault(int(self._sensors.household[sign.sensor]), []).append(sign)
        return by_household

    def _second(self, sensor: int, signs: Sequence[Sign]) -> Sign | None:
        """Return the first sign of fire that another sensor of the home gave around this one's.

        The alarm of the same device is none: it is the same chamber that measured the smoke.
        """
        device = self._sensors.device
        since = int(self._spells["onset"][sensor]) - _BEFORE
        other = (
            one
            for one in signs
            if (one.quantity is Quantity.SMOKE or one.time >= since)  # a spell of smoke lasts until now
            and (one.quantity is Quantity.TEMPERATURE or device[one.sensor] != device[sensor])
        )
        return min(other, key=lambda one: (one.time, one.sensor), default=None)

    def _confirmed(self, sensor: int, spell: Spell, sign: Sign) -> Finding:
        facts: dict[str, Fact] = {
            "template": _CONFIRMED[sign.quantity],
            "value": spell.peak / UNIT,
            "second": self._sensors.name(sign.sensor),
            "second_value": sign.value,
            "second_at": sign.time,
        }
        time = max(spell.raised, sign.time)
        return self._finding(sensor, spell, Phase.RAISED, time, spell.peak / self._limits.high, facts)

    def _spell(self, sensor: int) -> Spell:
        return Spell(*self._spells.rows()[sensor].item())

    def _finding(
        self, sensor: int, spell: Spell, phase: Phase, time: int, score: float, facts: dict[str, Fact]
    ) -> Finding:
        if phase is Phase.RAISED:
            times, first = int(self._bank["times"][sensor]) - 1, int(self._bank["first"][sensor])
            facts |= {"highest": self._habits.highest(sensor) / UNIT, "times": times, "days": (time - first) / DAY}
        return Finding(
            household=self._sensors.household_of(sensor),
            kind=Kind.SMOKE,
            rule=self.name,
            source=self._sensors.name(sensor),
            phase=phase,
            severity=_SEVERITY[spell.grade],
            onset=spell.onset,
            time=time,
            score=score,
            facts=facts,
        )


class SmokeLevelRule(Rule, tag="smoke_level"):
    """`type = "smoke_level"`."""

    at_once: Amount = 10.0
    high: Amount = 4.0
    seconds: Amount = 60.0
    clear: Amount = 2.0
    slow: Amount = 20.0

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        if not self.clear <= self.high <= self.at_once:
            raise RulesError("its limits must ascend; write `clear` ≤ `high` ≤ `at_once`")
        return SmokeLevel(
            sensors, self.name, at_once=self.at_once, high=self.high, seconds=self.seconds, clear=self.clear,
            slow=self.slow,
        )  # fmt: skip
