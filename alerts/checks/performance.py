"""How well alarms are answered: shares within targets, and the five bands that a chart shows them in.

The targets are what telecare services reach: 97.5 % of alarms answered within 60 s and 99 % within 180 s, 90 % attended
within 45 min (DESIGN §7). The bands follow Chongqing's five-colour chart of its areas (DESIGN §1). What counts as
answered, and which alerts count at all, is in `docs/answering.md`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from detectors.finding import Severity


class Wait(StrEnum):
    """What people wait for."""

    NOTIFICATION = "first_notification"
    ACKNOWLEDGEMENT = "acknowledgement"
    VISIT = "visit"
    CLOSING = "closing"


class Band(StrEnum):
    """How an area does, from best to worst."""

    AHEAD = "ahead"  # every target met, with at most half of the misses it allows
    ON_TARGET = "on_target"  # every target met
    JUST_SHORT = "just_short"  # at most twice the misses that the worst target allows
    SHORT = "short"  # at most four times
    FAR_SHORT = "far_short"


_MOST_EXCESS = ((0.5, Band.AHEAD), (1.0, Band.ON_TARGET), (2.0, Band.JUST_SHORT), (4.0, Band.SHORT))


@dataclass(frozen=True, slots=True)
class Target:
    """A share of alerts for which something must have happened within so many seconds."""

    name: str
    wait: Wait
    seconds: float
    share: float
    severity: Severity | None = None


TARGETS = (
    Target("urgent_60s", Wait.ACKNOWLEDGEMENT, 60.0, 0.975, Severity.URGENT),
    Target("urgent_180s", Wait.ACKNOWLEDGEMENT, 180.0, 0.99, Severity.URGENT),
    Target("visit_45min", Wait.VISIT, 2700.0, 0.9),
)

HEARD = 0.95
"""The share of homes whose devices should all be heard. Ours, since none is published: the bands then end at 97.5, 95,
90 and 80 %."""


@dataclass(frozen=True, slots=True)
class Result:
    """Of `count` alerts that a target is for, `in_time` met it."""

    target: Target
    count: int
    in_time: int

    @property
    def share(self) -> float | None:
        """The share that met the target, None where there was nothing to meet it with."""
        return self.in_time / self.count if self.count else None

    @property
    def excess(self) -> float:
        """How many times the misses that the target allows there were: 1 is just met.

        One miss is always allowed: of ten alerts it says nothing about whether one in forty is missed.
        """
        allowed = max(1.0, round(self.count * (1 - self.target.share), 9))
        return (self.count - self.in_time) / allowed

    @property
    def met(self) -> bool | None:
        """Whether the target is met, None where there was nothing to meet it with."""
        return self.excess <= 1 if self.count else None


def band(results: Iterable[Result]) -> Band | None:
    """Return the band of the worst target, None where no target had anything to be met with."""
    excesses = [result.excess for result in results if result.count]
    if not excesses:
        return None
    return _band_of(max(excesses))


def visits_band(false: int, home_days: float, accepted: float) -> Band | None:
    """Return the band of so many false visits in so many home-days, of which `accepted` per home-day are the budget.

    None where there was no home to visit. One false visit is always allowed, as one miss of a target is.
    """
    return _band_of(false / max(1.0, accepted * home_days)) if home_days > 0 else None


def coverage_band(heard: int, homes: int) -> Band | None:
    """Return the band of so many homes that are heard, out of all there are; None where there is none."""
    return _band_of((homes - heard) / max(1.0, round(homes * (1 - HEARD), 9))) if homes else None


def _band_of(excess: float) -> Band:
    return next((band for most, band in _MOST_EXCESS if excess <= most), Band.FAR_SHORT)
