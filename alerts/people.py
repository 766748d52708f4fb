"""Whom an alert of a household concerns, and how each of them is reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

ABOVE = "duty_officer+"
"""`duty_officer+1` are the duty officers one level above the nearest that have any, and so on up to the city."""

LINE = "on_call-"
"""`on_call-2` is the line behind whoever is on call, `on_call-3` the one behind that."""


class Role(StrEnum):
    """What somebody is to a household."""

    RESIDENT = "resident"
    CONTACT = "contact"
    CASEWORKER = "caseworker"
    DUTY_OFFICER = "duty_officer"


class Medium(StrEnum):
    """How a message reaches somebody."""

    SMS = "sms"
    CALL = "call"
    MESSAGE = "message"  # any messenger, e-mail, or a program that is told by a webhook


@dataclass(frozen=True, slots=True)
class Place:
    """What an alert needs to know of its household: where it is and which time it keeps."""

    household: str
    area: str
    zone: str
    address: str
    dependent: bool = False
    """Somebody's life there hangs on the supply: the household is `disabled` at risk `high`."""
    crowd: int = 0
    """Of a message about a storm: how many alerts it keeps quiet."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who can be told; `role` is what they are to this household, `phone` is E.164 or None.

    `address` is where messages go: an Apprise URL, or https:// for a webhook. It may hold a password.
    """

    person: str
    name: str
    role: Role
    phone: str | None
    language: str
    medium: Medium
    address: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class People:
    """Everybody concerned by a household; contacts in the order they are asked."""

    residents: tuple[Recipient, ...] = ()
    contacts: tuple[Recipient, ...] = ()
    caseworker: Recipient | None = None
    duty_officers: tuple[Recipient, ...] = ()
    on_call: tuple[Recipient, ...] = ()
    """The nearest line of the schedules that names somebody: the first, unless nobody stands in it just now."""
    behind: tuple[tuple[Recipient, ...], ...] = ()
    """The lines behind that one, in order."""
    above: tuple[tuple[Recipient, ...], ...] = ()
    """The duty officers of each larger area around that has any, the nearest first."""
    colleagues: tuple[Recipient, ...] = ()
    """The other caseworkers of the areas around."""

    @property
    def everybody(self) -> tuple[Recipient, ...]:
        """All of them; who is two things to the household is there twice."""
        staff = (self.caseworker,) if self.caseworker else ()
        further = (one for group in (*self.behind, *self.above) for one in group)
        officers = (*self.on_call, *self.duty_officers, *further)
        return (*self.residents, *self.contacts, *staff, *self.colleagues, *officers)

    def named(self, who: str) -> tuple[Recipient, ...]:
        """Return whom a policy's `who` means here; nobody where there is no such person."""
        groups = {
            "resident": self.residents,
            "contacts": self.contacts,
            "caseworker": (self.caseworker,) if self.caseworker else (),
            "duty_officer": self.duty_officers,
            "on_call": self.on_call or self.duty_officers,
        }
        if who in groups:
            return groups[who]
        if who.startswith(LINE):
            line = int(who.removeprefix(LINE))
            return next(iter(self.behind[line - 2 : line - 1]), ())
        if who.startswith("contact-"):
            position = int(who.removeprefix("contact-"))
            return self.contacts[position - 1 : position]
        if who.startswith(ABOVE):
            level = int(who.removeprefix(ABOVE))
            return next(iter(self.above[level - 1 : level]), ())
        return tuple(one for one in self.everybody if f"person:{one.person}" == who)[:1]
