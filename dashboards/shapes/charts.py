"""What a chart is drawn from: columns of one sensor, in SI units."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class Habit(BaseModel):
    """What this home usually does at that time of such a day (workday, or Saturday and Sunday).

    Quantiles of the same quarter of an hour, hour or day on the days of the same kind among the `days` before; null
    where fewer than five of them are known. Days of absence do not count.
    """

    days: int = Field(examples=[28])
    low: list[float | None] = Field(description="The 10 % quantile of each bucket")
    usual: list[float | None] = Field(description="The median of each bucket")
    high: list[float | None] = Field(description="The 90 % quantile of each bucket")


class Gap(BaseModel):
    """A time in which nothing was heard, and the sensor never pauses for so long."""

    begin: datetime
    end: datetime
    use: float | None = Field(
        description="Of a register that was silent for a whole bucket or more: what was used meanwhile, which belongs "
        "to no bucket; null if that is not known"
    )


class Excuse(BaseModel):
    """A time in which the home is known to be empty, or in which work was announced."""

    begin: datetime
    end: datetime
    reason: str


class Chart(BaseModel):
    """One sensor over some time. A bucket is a quarter of an hour up to two days, an hour up to 15, else a local day.

    `times`, `values` and the habit's columns are equally long. A value is null where nothing was reported, never
    because nothing was used.
    """

    sensor: str = Field(examples=["meter-1/volume"])
    household: str
    quantity: str = Field(examples=["volume"])
    unit: str = Field(description="SI unit of all values", examples=["l"])
    zone: str = Field(description="The household's time zone; buckets are counted from its midnights")
    measure: Literal["use", "mean", "max"] = Field(
        description="What a value is: of a register the amount used in the bucket; of smoke, alarm and tamper the "
        "highest, of the rest the mean reading"
    )
    start: datetime = Field(description="The beginning of the first bucket")
    stop: datetime = Field(description="The end of the last one")
    width: int = Field(description="Seconds of a bucket", examples=[900])
    times: list[int] = Field(description="Where each bucket begins, in seconds since 1970 in UTC")
    values: list[float | None]
    habit: Habit | None = Field(description="Null where no bucket has one")
    gaps: list[Gap]
    absences: list[Excuse]
    maintenance: list[Excuse]
