"""Is this spell of smoke a fire or a meal? What one detector shows from clean air to clean air."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from detectors.columns.bank import NEVER
from detectors.smoke.clean_air import UNIT
from registry.instants import HOUR, MINUTE, SECOND

ORDINARY = UNIT // 2
"""Clean air up to 0.5 %/m is haze (a fog of 800 m visibility, by Koschmieder's 3.9 / V); what is more is dust."""
DUST = 5 * UNIT
"""As much dust is taken off a reading at most: a detector dirtier than that needs a brush, not an excuse."""
DRIFT = UNIT
"""What may stand above clean air for ever without being smoke: the reference value of the CUSUM."""
_CALM = 3 * MINUTE
_OVER = 10 * MINUTE
_KNOWN_GAP = 20 * MINUTE
_MEAL = HOUR
_STEADY = 95
_MOST = 2**31 - 1


class Why(Enum):
    """What a reading shows that was not so before it."""

    STRONG = "strong"  # above `at_once`
    HIGH = "high"  # above `high` for a time and not falling
    SLOW = "slow"  # little, but for long: the CUSUM
    LASTING = "lasting"  # still above `at_once`: no puff
    CLEAR = "clear"  # low for minutes
    OVER = "over"  # clean air again: it was a meal if nobody says otherwise


@dataclass(frozen=True, slots=True)
class Limits:
    """When smoke is a fire. Levels in `UNIT`s of %/m, `wait` in µs, `slow` in `UNIT`s times seconds."""

    at_once: int
    high: int
    clear: int
    wait: int
    slow: int


Usual = Callable[[], tuple[int, int]]
"""The limits `high` and `slow` of this household at this hour."""


@dataclass(slots=True)
class Spell:
    """A spell of smoke so far; `NEVER` where something is not so. Instants in µs, levels in `UNIT`s less dust."""

    begin: int
    level: int  # of the last reading
    peak: int
    dose: int  # CUSUM of what is above clean air and `DRIFT`, UNIT·s
    heaviest: int  # its maximum
    above: int  # since when the level is above `high`
    mark: int  # a reading at least `wait` ago is compared with this one, and its level
    marked: int
    low: int  # since when it is low
    strong: int  # since when it is above `at_once`
    onset: int  # of the condition that is raised, and when it was
    raised: int
    grade: int  # 0 nothing is raised, 1 it is, 2 it is sure
    real: int  # not to be learned as a meal

    def take(self, time: int, gap: int, level: int, air: int, limits: Limits, usual: Usual) -> Why | None:
        """Take the next reading, `gap` µs after the one before; `air` is what clean air shows."""
        excess = self._measure(time, gap, level, air, limits)
        steady = self._steady(time, limits)
        if not self.grade:
            why = self._fire(time, excess, steady=steady, limits=limits, usual=usual)
            if why is not None:
                self.onset = self.begin if why is Why.SLOW else self.above
                self.raised, self.grade = time, 1
            elif self.low != NEVER and time - self.low >= _OVER and excess <= 0:
                return Why.OVER
            return why
        if self.grade == 1 and self.strong != NEVER and time - self.strong >= limits.wait:
            self.grade = 2
            return Why.LASTING
        if self.low != NEVER and time - self.low >= _CALM:
            return Why.CLEAR
        return None

    def clear(self) -> None:
        """End the condition; the spell goes on until the air is clean."""
        self.real |= self.grade == 2
        self.onset = self.raised = self.above = self.strong = NEVER
        self.grade = self.dose = 0

    @property
    def meal(self) -> bool:
        """Whether a spell that is over was short enough to be cooking, and nobody says it was not."""
        return not self.real and self.low - self.begin <= _MEAL

    def _measure(self, time: int, gap: int, level: int, air: int, limits: Limits) -> int:
        dust = min(max(air - ORDINARY, 0), DUST)
        bare, excess = level - dust, level - min(air, ORDINARY + DUST) - DRIFT
        if self.begin == NEVER:
            self.begin = self.mark = time
            self.marked = bare
        elif gap <= _KNOWN_GAP:  # of a longer time nobody knows how much smoke there was
            certain = min(excess, excess - bare + self.level)
            self.dose = min(max(self.dose + certain * gap // SECOND, 0), _MOST)
            self.heaviest = max(self.heaviest, self.dose)
        self.level, self.peak = bare, max(self.peak, bare)
        if bare <= limits.high:
            self.above = NEVER
        elif self.above == NEVER:
            self.above = self.mark = time
            self.marked = bare
        self.strong = NEVER if bare <= limits.at_once else time if self.strong == NEVER else self.strong
        is_low = bare < min(limits.clear, self.peak // 2)
        self.low = NEVER if not is_low else time if self.low == NEVER else self.low
        return excess

    def _steady(self, time: int, limits: Limits) -> bool:
        """Return whether, `wait` after the last such look, the level is not falling."""
        if time - self.mark < limits.wait:
            return False
        steady = 100 * self.level >= _STEADY * self.marked
        self.mark, self.marked = time, self.level
        return steady

    def _fire(self, time: int, excess: int, *, steady: bool, limits: Limits, usual: Usual) -> Why | None:
        if self.level > limits.at_once:
            return Why.STRONG
        high = self.above != NEVER and time - self.above >= limits.wait
        slow = self.dose > limits.slow and excess > 0
        if not steady or not (high or slow):
            return None
        highest, heaviest = usual()
        if high and self.level > highest:
            return Why.HIGH
        return Why.SLOW if slow and self.dose > heaviest else None
