"""Readings as documented shapes: one by one, in buckets, and what could not be accepted."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from dashboards.shapes.terms import Shown


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
    device: str = Field(description="Whom it is about, '' where it does not tell")
    payload: str | None = Field(
        description="Its first 4 KiB; what is no UTF-8 stands as \\xNN. Null where it may tell of others' homes"
    )
    reason: str = Field(examples=["unknown_device"])
    place: str = Field(description="The record and field concerned", examples=["[3].u"])
    detail: str = Field(description="What its vendor can do")
