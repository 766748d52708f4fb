"""Whether a step that is due is wanted as things are by then, and who is meant by it; whom nobody can tell at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import time
from enum import StrEnum
from zoneinfo import ZoneInfo

from alerts.channels.choice import Channels, Way
from alerts.ladders.policy import Action
from alerts.people import Medium, People, Recipient
from detectors.finding import Severity
from registry.instants import to_datetime

Forbidden = Mapping[str, frozenset[Way]]
"""The ways that somebody has forbidden, by person."""


class Why(StrEnum):
    """Why a step is passed over; `dashboards.words.phrases` has the words."""

    HOURS = "hours"
    SEVERITY = "severity"
    LANGUAGE = "language"
    CHANNEL = "channel"
    ANSWERED = "answered"  # an earlier time of the same step was


def local_time(now: int, zone: str) -> time:
    """Return the time of day of an instant (microseconds UTC) in a zone."""
    return to_datetime(now).astimezone(ZoneInfo(zone)).time()


def at_this_hour(action: Action, severity: Severity, local: time) -> Why | None:
    """Return what about the hour or the alert speaks against a step; None if nothing does."""
    if action.when.hours is not None and local not in action.when.hours:
        return Why.HOURS
    if action.when.severities and severity not in action.when.severities:
        return Why.SEVERITY
    return None


def addressed(action: Action, people: People, channels: Channels, forbidden: Forbidden) -> tuple[Recipient, ...]:
    """Return those whom a step means: all it names who speak its language and are reached by its `if_channel`."""
    named = _of_language(action, people)
    if action.when.if_channel is None:
        return named
    medium = Medium(action.when.if_channel.value)
    return tuple(one for one in named if channels.for_(one, medium, forbidden.get(one.person, ())))


def for_nobody(action: Action, people: People, channels: Channels, forbidden: Forbidden) -> Why | None:
    """Return why a step means none of those it names; None if it means somebody, or names nobody there is."""
    if not action.when or not people.named(action.who) or addressed(action, people, channels, forbidden):
        return None
    return Why.CHANNEL if _of_language(action, people) else Why.LANGUAGE


def reachable(people: Iterable[Recipient], channels: Channels, forbidden: Forbidden) -> bool:
    """Say whether any of these can be reached in any way."""
    return any(channels.way(one, one.medium, forbidden.get(one.person, ())) for one in people)


def beside_officers(people: People) -> tuple[Recipient, ...]:
    """Return the household's own people: residents, contacts, caseworker."""
    return (*people.residents, *people.contacts, *((people.caseworker,) if people.caseworker else ()))


def _of_language(action: Action, people: People) -> tuple[Recipient, ...]:
    return tuple(one for one in people.named(action.who) if action.when.speaks(one.language))
