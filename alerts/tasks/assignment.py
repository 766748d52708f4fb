"""Who gets a task? The household's own caseworker, or else whoever near them has the fewest."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from alerts.people import Recipient

MOST_AT_ONCE = 3
"""Visits and calls that one caseworker can be expected to see to at once: at a fourth door they come too late."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A caseworker of an area around a household, and what they have in hand.

    `area` is the code of what they answer for, `own` says that they are the household's own caseworker, `urgent` counts
    their undone visits and calls, `tasks` all that they have not done.
    """

    recipient: Recipient
    area: str
    own: bool = False
    urgent: int = 0
    tasks: int = 0


def choose(
    candidates: Iterable[Candidate], refused: Collection[str] = (), most: int = MOST_AT_ONCE
) -> Recipient | None:
    """Return who gets a household's next task; None if there is nobody, or all of them have `refused` (ids).

    The household's own caseworker, unless they have `most` visits and calls in hand already; else of the smallest area
    around it who has the fewest in hand, of two with as many the one with the lower id. If all have too much in hand,
    the same again whatever they have.
    """
    willing = [one for one in candidates if one.recipient.person not in refused]
    chosen = min(willing, key=lambda one: _rank(one, most), default=None)
    return None if chosen is None else chosen.recipient


def _rank(one: Candidate, most: int) -> tuple[bool, bool, int, int, int, str]:
    return one.urgent >= most, not one.own, -len(one.area), one.urgent, one.tasks, one.recipient.person
