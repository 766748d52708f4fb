"""Whom one can call about an alert, in the order in which they are asked, and what was tried with each already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from alerts.people import People, Recipient
from dashboards.privacy.masking import phone

SHOWN: Final = 3
"""What was sent to somebody last; the page of messages has all of it."""


@dataclass(frozen=True, slots=True)
class Reachable:
    """Somebody an alert concerns: what they are to the household, their number masked, and what was sent to them."""

    person: str
    name: str
    role: str
    on_call: bool
    phone: str
    tried: Sequence[Mapping[str, Any]]
    times: int


def reachable(people: People, tried: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Reachable]:
    """Return residents, contacts, the caseworker, and the officers on call or, where nobody is, those of the area."""
    found: dict[str, Reachable] = {}
    for one, on_call in _concerned(people):
        said = tried.get(one.person, ())
        found.setdefault(
            one.person,
            Reachable(one.person, one.name, one.role.value, on_call, phone(one.phone or ""), said[:SHOWN], len(said)),
        )
    return list(found.values())


def _concerned(people: People) -> Iterator[tuple[Recipient, bool]]:
    yield from ((one, False) for one in (*people.residents, *people.contacts))
    if people.caseworker:
        yield people.caseworker, False
    yield from ((one, True) for one in (*people.on_call, *(one for line in people.behind for one in line)))
    if not people.on_call:
        yield from ((one, False) for one in people.duty_officers)
