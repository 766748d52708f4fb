"""How an area performed, as documented shapes."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from dashboards.shapes.registry import Area


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
