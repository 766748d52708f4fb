"""What the API shows and takes, as documented shapes. Times are ISO 8601 in UTC and end in Z."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from detectors.finding import Severity
from registry.model import Category, Level, PreferredChannel, Risk, Role

AlertStatus = Literal["unacknowledged", "acknowledged", "returned", "shelved", "suppressed", "closed"]
TaskStatus = Literal["open", "accepted", "done", "cancelled"]
SeverityWord = Literal["low", "medium", "high", "urgent"]


def _in_range(moment: datetime) -> datetime:
    """Return a moment that every zone and every part of the system can hold."""
    if not 1970 <= moment.year < 2200:
        raise ValueError("write a year from 1970 to 2199")
    return moment.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_in_range)]
"""A moment given by a caller: ISO 8601 with an offset or Z."""
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Note = Annotated[str, StringConstraints(max_length=4000)]


class Shown(BaseModel):
    """What is read from a row: columns that a shape does not name are left out."""

    model_config = ConfigDict(from_attributes=True, extra="ignore")


class Asked(BaseModel):
    """What a caller sends: a name that is not known is an error, since it would change nothing in silence."""

    model_config = ConfigDict(extra="forbid")


class Alert(Shown):
    """An open or closed episode of one kind in one household."""

    id: UUID
    household: str = Field(examples=["hh-0042"])
    area: str = Field(examples=["440106003"])
    kind: str = Field(examples=["inactivity"])
    rule: str = Field(examples=["shanghai-12h"])
    severity: SeverityWord
    status: AlertStatus
    onset: datetime = Field(description="Event time at which the condition began")
    raised_at: datetime = Field(description="Event time at which it could be said")
    opened_at: datetime = Field(description="When this service said it, by its own clock")
    sentence: str = Field(description="What is unusual, with numbers, in the language of Accept-Language")
    score: float
    facts: dict[str, str | float | int] = Field(description="What the sentence is made of, in SI units")
    sources: list[str] = Field(description="What still reports the condition: `{device}/{quantity}` or a device")
    held_by: str | None = Field(description="Who holds it: `person:ID`, `token:NAME`")
    next_step_at: datetime | None = Field(description="When the ladder goes on, null if nothing is pending")
    next_step: str | None = Field(description="What happens then, in words")
    suppressed_why: str | None = Field(description="`backlog`, `absence` or `cap` while suppressed")
    acknowledged_at: datetime | None
    returned_at: datetime | None = Field(description="When the condition ended by itself")
    shelved_until: datetime | None
    closed_at: datetime | None
    outcome: str | None = Field(description="What was found")
    note: str | None


class Event(Shown):
    """Something that happened to an alert."""

    seq: int
    at: datetime
    actor: str = Field(examples=["person:cw-07", "token:duty", "sensor:meter-1/volume", "system"])
    kind: str
    detail: dict[str, Any]


class Step(Shown):
    """One rung of an alert's ladder."""

    no: int
    due: datetime
    action: dict[str, Any]
    status: Literal["pending", "done", "cancelled"]
    ran_at: datetime | None
    result: str | None


class Notification(Shown):
    """One message to one person by one channel."""

    id: UUID
    step: int
    person: str | None
    role: str
    phone: str
    channel: str
    medium: Literal["sms", "call"]
    language: str
    text: str
    status: Literal["queued", "sent", "answered", "missed", "failed", "cancelled"]
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    error: str | None
    answer: str | None
    answered_at: datetime | None


class Task(Shown):
    """Work for a caseworker; a visit is one."""

    id: UUID
    alert: UUID
    kind: Literal["visit", "review", "maintenance", "call_task"]
    household: str
    area: str
    address: str
    severity: SeverityWord
    sentence: str = Field(description="Why, in the language of Accept-Language")
    assignee: str | None = Field(description="The person it is meant for")
    status: TaskStatus
    created_at: datetime
    due: datetime
    accepted_at: datetime | None
    accepted_by: str | None
    done_at: datetime | None
    outcome: str | None
    note: str | None


class AlertStory(Alert):
    """An alert with all that ever happened to it."""

    timeline: list[Event]
    steps: list[Step]
    notifications: list[Notification]
    tasks: list[Task]


class Incident(Shown):
    """One cause behind the silence of many homes of an area, or of all devices of a gateway."""

    id: UUID
    area: str = Field(description="The smallest area around it, empty where the homes have none")
    cause: Literal["power", "water", "radio", "gateway"]
    gateway: str | None = Field(description="The gateway that fell silent")
    status: Literal["open", "ended"]
    onset: datetime = Field(description="When it began")
    raised_at: datetime = Field(description="When it could be said")
    ended_at: datetime | None
    homes: int = Field(description="Affected")
    homes_known: int = Field(description="Of so many there of which it can be known")
    part_of: UUID | None = Field(description="The larger incident that it turned out to be part of")
    sentence: str = Field(description="What happened, with numbers, in the language of Accept-Language")
    facts: dict[str, str | float | int] = Field(description="What the sentence is made of, in SI units")


class Shelving(Asked):
    """Put an alert aside until a moment, with a reason."""

    until: Instant = Field(examples=["2026-11-05T08:00:00Z"])
    reason: Word = Field(examples=["Plumber is booked for tomorrow morning"])


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
    address: str
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


class Person(Shown):
    """A resident, contact, caseworker or duty officer."""

    id: str
    name: str
    role: Role
    household: str | None
    area: str | None
    phone: str | None
    language: str
    channel: PreferredChannel


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


class Reading(Shown):
    """A reading as it was sent, in SI units."""

    time: datetime
    value: float = Field(description="A register as it stood, or the value measured")
    use: float | None = Field(description="Of a register: the amount since the reading before, null if unknown")
    flags: list[str] = Field(description="What its interpretation found: first, late, reset, rollover, step_back")


class Bucket(Shown):
    """The readings of one stretch of time. Null means that nothing was reported, never that nothing was used."""

    time: datetime = Field(description="Its beginning")
    count: int = Field(description="How many readings it holds; 0 is a sensor that did not report")
    use: float | None = Field(description="Of a register: the amount used")
    min: float | None
    max: float | None
    mean: float | None


class Series(BaseModel):
    """One page of a sensor's readings: raw, or in buckets if `every` was given."""

    sensor: str = Field(examples=["meter-1/volume"])
    household: str
    unit: str = Field(description="SI unit of value, use, min, max and mean", examples=["l"])
    zone: str = Field(description="The household's time zone; buckets begin at its midnight")
    items: list[Reading] | list[Bucket]
    next: str | None


class Refused(Shown):
    """A message that could not be accepted."""

    id: int
    at: datetime
    gateway: str
    topic: str
    payload: str = Field(description="Its first 4 KiB; what is no UTF-8 stands as \\xNN")
    reason: str = Field(examples=["unknown_device"])
    place: str = Field(description="The record and field concerned", examples=["[3].u"])
    detail: str = Field(description="What its vendor can do")


class Delay(BaseModel):
    """How long people waited for something, counted from when the alert was opened."""

    count: int = Field(description="Alerts for which it happened")
    median_seconds: float | None
    target_seconds: float
    target_share: float = Field(description="The share that should happen within the target")
    share_in_time: float | None = Field(description="The share of `count` that did")


class Visits(BaseModel):
    """What visits found, by the day their alert was closed; false ones against the budget that is set."""

    needed: int = Field(description="Somebody needed help")
    false: int = Field(description="Nobody did")
    false_per_1000_days: float | None = Field(description="False visits for each 1,000 household-days")


class Performance(BaseModel):
    """How an area performed over a period."""

    area: Area
    start: datetime
    end: datetime
    alerts: int
    open: int
    suppressed: int = Field(description="Over before they arrived, or expected: left out of the delays")
    by_kind: dict[str, int]
    by_severity: dict[str, int]
    by_outcome: dict[str, int]
    first_notification: Delay
    acknowledgement: Delay
    closing: Delay
    visits: Visits


class Call(Shown):
    """An SMS or a call on a simulated telephone."""

    id: UUID
    phone: str
    person: str | None
    person_name: str | None
    role: str
    medium: Literal["sms", "call"]
    text: str
    language: str
    at: datetime
    rings_until: datetime | None
    status: Literal["delivered", "ringing", "answered", "missed"]
    answer: str | None
    answered_at: datetime | None
    alert: UUID
    household: str


class Handset(Shown):
    """A simulated telephone."""

    phone: str
    person: str | None
    person_name: str | None
    role: str
    messages: int
    ringing: int = Field(description="Calls that ring now")
    last_at: datetime


class HandsetMessages(Handset):
    """A simulated telephone with its newest SMS and calls."""

    recent: list[Call] = Field(description="At most 100, the newest first")


def severity_word(level: int) -> str:
    """Return the word for a severity as it is stored."""
    return Severity(level).label
