"""Who is watched and who cares, as values: areas, households, people, contacts, devices, absences."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar, get_args

Level = Literal["city", "district", "street", "community"]
Category = Literal["elderly_alone", "disabled", "relief", "other"]
Risk = Literal["low", "medium", "high"]
Role = Literal["resident", "contact", "caseworker", "duty_officer"]
PreferredChannel = Literal["sms", "call", "message"]

LEVELS: tuple[Level, ...] = get_args(Level)
"""From the largest to the smallest; an area lies in the one whose code begins its own."""
CATEGORIES: tuple[Category, ...] = get_args(Category)
RISKS: tuple[Risk, ...] = get_args(Risk)
ROLES: tuple[Role, ...] = get_args(Role)
CHANNELS: tuple[PreferredChannel, ...] = get_args(PreferredChannel)

STAFF: tuple[Role, ...] = ("caseworker", "duty_officer")
"""The roles that answer for an area."""


@dataclass(frozen=True, slots=True)
class Area:
    """A city, district, street or community. Containment is by code: 500103 lies in 50."""

    code: str
    level: Level
    name: str


@dataclass(frozen=True, slots=True)
class Household:
    """One dwelling that is watched. `zone` is IANA, `language` such as `zh_CN`, `caseworker` a person's id.

    `coordinates` are degrees north and east (WGS 84) as `23.12911,113.26439`, '' where nobody has said where it is.
    """

    id: str
    area: str
    zone: str
    language: str
    category: Category
    risk: Risk
    address: str = ""
    caseworker: str | None = None
    note: str = ""
    coordinates: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to ask, call or send.

    A resident has a household, a caseworker or duty officer an area, a contact neither. `phone` is E.164;
    `channel` is how they prefer to be reached; `address` is where messages go beside the telephone: an Apprise URL, or
    https:// of a program that is told by a webhook. It may hold a password, and is kept out of `repr`.
    """

    id: str
    name: str
    role: Role
    household: str | None
    area: str | None
    phone: str | None
    language: str
    channel: PreferredChannel = "sms"
    address: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to ask about a household; position 1 is asked first."""

    household: str
    position: int
    person: str
    relation: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """A meter or detector in a household, and the gateway that may speak for it."""

    id: str
    household: str
    gateway: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class Absence:
    """A time in which a household is known to be away: [`starts`, `ends`), aware datetimes."""

    household: str
    starts: datetime
    ends: datetime
    reason: str = ""


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Registry:
    """All that is registered, or a part of it. Rows stand in the order of their keys, however they were given."""

    areas: tuple[Area, ...] = ()
    households: tuple[Household, ...] = ()
    people: tuple[Person, ...] = ()
    contacts: tuple[Contact, ...] = ()
    devices: tuple[Device, ...] = ()
    absences: tuple[Absence, ...] = ()

    def __post_init__(self) -> None:
        self._order("areas", self.areas, lambda area: area.code)
        self._order("households", self.households, lambda household: household.id)
        self._order("people", self.people, lambda person: person.id)
        self._order("contacts", self.contacts, lambda contact: (contact.household, contact.position))
        self._order("devices", self.devices, lambda device: device.id)
        self._order("absences", self.absences, lambda absence: (absence.household, absence.starts))

    def _order(self, table: str, rows: Iterable[_T], key: Callable[[_T], Any]) -> None:
        object.__setattr__(self, table, tuple(sorted(rows, key=key)))
