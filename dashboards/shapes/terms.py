"""What every shape of the API is made of. Times are ISO 8601 in UTC and end in Z."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

from detectors.finding import Severity

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


def severity_word(level: int) -> str:
    """Return the word for a severity as it is stored."""
    return Severity(level).label
