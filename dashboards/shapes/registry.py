"""Who is watched and who cares, as documented shapes: shown, and entered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from dashboards.shapes.terms import Asked, Instant, Note, Shown, Word
from registry.model import Category, Level, PreferredChannel, Risk, Role


class Area(Shown):
    """A city, district, street or community; containment is by code prefix."""

    code: str
    level: Level
    name: str


class Household(Shown):
    """One dwelling that is watched."""

    id: str
    area: str
    zone: str
    language: str
    category: Category
    risk: Risk
    address: str = Field(description="Without the door but with `reveal`", examples=["和平路****"])
    caseworker: str | None
    note: str


class NewHousehold(Asked):
    """A dwelling to watch."""

    id: Word = Field(examples=["hh-0042"])
    area: Word = Field(description="Code of a registered area", examples=["440106003"])
    zone: Word = Field(default="Asia/Shanghai", description="IANA time zone")
    language: Word = Field(default="zh_CN", examples=["zh_CN", "en"])
    category: Category = "other"
    risk: Risk = "medium"
    address: Note = ""
    caseworker: Word | None = Field(default=None, description="Id of a registered person")
    note: Note = ""
    coordinates: Annotated[str, StringConstraints(max_length=100)] = Field(
        default="", description="Degrees north and east (WGS 84)", examples=["23.12911,113.26439"]
    )


class Person(Shown):
    """A resident, contact, caseworker or duty officer."""

    id: str
    name: str
    role: Role
    household: str | None
    area: str | None
    phone: str | None = Field(description="Its middle hidden but with `reveal`", examples=["+86138****0001"])
    language: str
    channel: PreferredChannel
    address: str | None = Field(description="How the address of their messenger begins; all of it with `reveal`")


class NewPerson(Asked):
    """Somebody to ask, call or send. A resident has a household, staff an area, a contact neither."""

    id: Word = Field(examples=["p-0042"])
    name: Word
    role: Role
    household: Word | None = None
    area: Word | None = None
    phone: Word | None = Field(default=None, description="E.164", examples=["+8613812345678"])
    language: Word = Field(default="zh_CN", examples=["zh_CN", "en"])
    channel: PreferredChannel = "sms"
    address: Note | None = Field(
        default=None,
        description="Where messages go: an Apprise URL, or https:// of a program that is told by a webhook",
        examples=["wecombot://key"],
    )


class Contact(Shown):
    """Whom to ask about a household; position 1 is asked first."""

    household: str
    position: int
    person: str
    relation: str


class NewContact(Asked):
    """Somebody to ask about a household."""

    household: Word
    position: int = Field(ge=1, le=1000, description="1 is asked first")
    person: Word = Field(description="Id of a registered person")
    relation: Note = Field(default="", examples=["daughter"])


class Device(Shown):
    """A meter or detector, and the sensors it has shown so far."""

    id: str
    household: str
    gateway: str
    model: str
    sensors: list[str] = Field(examples=[["meter-1/volume"]])


class NewDevice(Asked):
    """A meter or detector to listen to."""

    id: Word = Field(examples=["meter-1"])
    household: Word
    gateway: Word = Field(description="The gateway that may speak for it", examples=["gw-1"])
    model: Note = ""


class Absence(Shown):
    """A time in which a household is known to be away."""

    id: int
    household: str
    starts: datetime
    ends: datetime
    reason: str


class NewAbsence(Asked):
    """A time in which a household will be away: [starts, ends)."""

    household: Word
    starts: Instant = Field(examples=["2026-11-05T00:00:00Z"])
    ends: Instant = Field(examples=["2026-11-08T00:00:00Z"])
    reason: Note = ""
