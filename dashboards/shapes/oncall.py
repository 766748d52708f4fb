"""On-call schedules as documented shapes: shown, and entered."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from alerts.oncall.schedule import MOST_LEVELS
from dashboards.shapes.terms import Asked, Instant, Note, Word

DayKind = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "holiday"]
Level = Annotated[int, Field(ge=1, le=MOST_LEVELS, description="1 is asked first, 2 is the second line")]


class Shift(BaseModel):
    """A stretch in which one person is on call; nobody where `person` is null."""

    level: Level
    person: str | None
    name: str | None = Field(description="Of the person; null if nobody, or no longer registered")
    starts: datetime
    ends: datetime
    cause: Literal["rotation", "override"] | None


class Line(BaseModel):
    """Who is on call on one level of a schedule."""

    level: Level
    now: Shift | None = Field(description="Null: nobody is on call")
    next: Shift | None = Field(description="The next shift of somebody within 90 days")


class OnCall(BaseModel):
    """Who is on call for an area now, and who is next."""

    schedule: str
    name: str
    area: str
    area_name: str
    zone: str
    levels: list[Line]


class Rotation(BaseModel):
    """People who take turns. Of two rotations of a level the first that covers a moment counts."""

    name: str
    level: Level
    people: list[str]
    days: int = Field(description="How long a turn is; 0: each window of `when` is one")
    starts: date
    hand_over: str = Field(description="Local time", examples=["08:00"])
    when: list[str] = Field(description="The hours covered, as schedule files write them; empty: always")


class Holiday(BaseModel):
    """A day that is not what its weekday says."""

    day: date
    name: str
    counts_as: DayKind


class Override(BaseModel):
    """Somebody who is on call instead of whose turn it is."""

    id: UUID
    level: Level
    person: str
    name: str | None
    starts: datetime
    ends: datetime
    note: str


class Schedule(BaseModel):
    """Who is on call for an area: rotations, holidays and the overrides that are not over."""

    id: str
    name: str
    area: str
    area_name: str
    zone: str
    rotations: list[Rotation]
    holidays: list[Holiday]
    overrides: list[Override]


class NewOverride(Asked):
    """Who is on call instead; of several at once the one entered last counts."""

    person: Word = Field(description="Id of a caseworker or duty officer", examples=["officer-9901"])
    starts: Instant = Field(description="Cut to whole minutes")
    ends: Instant = Field(description="Cut to whole minutes; a year later at most")
    level: Level = 1
    note: Note = ""


class Taken(BaseModel):
    """What a calendar changed."""

    taken: int = Field(description="Events that are overrides now")
    cancelled: int = Field(description="Cancelled events whose overrides are gone")
    unchanged: int = Field(description="Events that say what holds anyway")
