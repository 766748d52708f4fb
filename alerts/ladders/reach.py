"""Which ladders reach nobody at all at some household, and which of their steps reach nobody anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from alerts.channels.choice import ONLY_HANDSETS, Channels
from alerts.ladders.conditions import addressed, reachable
from alerts.ladders.policy import SENDS, Action, Policies, Policy, Rung
from alerts.people import People, Place
from registry.instants import DAY, HOUR, MINUTE, SECOND

_NAMED = 5
"""How many households a warning names."""


@dataclass(slots=True)
class _Seen:
    """What was seen of one ladder: households at which nothing of it reaches anybody, steps that reached somebody."""

    unreached: list[str] = field(default_factory=list)
    why: str = ""
    reached: set[int] = field(default_factory=set)


def warnings(
    policies: Policies, neighbourhood: Iterable[tuple[Place, People]], channels: Channels = ONLY_HANDSETS
) -> list[str]:
    """Return what an operator must know of ladders and people, a sentence each.

    By default whoever has a telephone or an address can be reached. Conditions on the hour and the severity are taken
    to hold: they do at some time.
    """
    seen = {rule.policy.name: _Seen() for rule in policies.rules}
    households = 0
    for place, people in neighbourhood:
        households += 1
        known: dict[Action, bool] = {}
        for rule in policies.rules:
            _look(rule.policy, place, people, channels, known, seen[rule.policy.name])
    told: list[str] = []
    for rule in policies.rules:
        told += _told(rule.policy, seen[rule.policy.name], households)
    return told


def reaches(action: Action, people: People, channels: Channels) -> bool:
    """Say whether a step reaches anybody: by a message, or a task without one by standing in somebody's list."""
    meant = addressed(action, people, channels, {})
    if action.do not in SENDS:
        meant = meant[:1]
        if not action.message:
            return bool(meant)
    return reachable(meant, channels, {})


def _look(
    policy: Policy, place: Place, people: People, channels: Channels, known: dict[Action, bool], seen: _Seen
) -> None:
    reached = {at for at, rung in enumerate(policy.rungs) if _known(rung.action, people, channels, known)}
    seen.reached |= reached
    if not reached:
        seen.unreached.append(place.household)
        seen.why = seen.why or "; ".join(_why(rung, people) for rung in policy.rungs)


def _known(action: Action, people: People, channels: Channels, known: dict[Action, bool]) -> bool:
    """Ladders have many steps in common, and a city many households."""
    if action not in known:
        known[action] = reaches(action, people, channels)
    return known[action]


def _told(policy: Policy, seen: _Seen, households: int) -> Iterable[str]:
    if seen.unreached:
        names = ", ".join(seen.unreached[:_NAMED])
        more = f" and {len(seen.unreached) - _NAMED} more" if len(seen.unreached) > _NAMED else ""
        count = f"{len(seen.unreached)} household{'s' if len(seen.unreached) > 1 else ''}"
        yield f"{policy.name}: no step reaches anybody at {count}: {names}{more} (at {seen.unreached[0]}: {seen.why})"
    if len(seen.unreached) == households:
        return
    for at, rung in enumerate(policy.rungs):
        if at not in seen.reached:
            yield f"{policy.name}: {_step(rung)} reaches nobody at any household"


def _why(rung: Rung, people: People) -> str:
    lack = "has neither telephone nor address" if people.named(rung.action.who) else "there is none"
    return f"{_step(rung)}: {lack}"


def _step(rung: Rung) -> str:
    when = next((f"after {rung.after // unit} {name}" for name, unit in _UNITS if _whole(rung.after, unit)), "at once")
    return f"{rung.action.do.value} for {rung.action.who} {when}"


def _whole(duration: int, unit: int) -> bool:
    return duration >= unit and duration % unit == 0


_UNITS = (("days", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND))
