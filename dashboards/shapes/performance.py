"""How an area performed, as documented shapes."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from alerts.checks.performance import Band, Wait
from dashboards.shapes.registry import Area


class Delay(BaseModel):
    """How long people waited for something, counted from when the alert was opened."""

    count: int = Field(description="Alerts for which it happened")
    median_seconds: float | None
    p90_seconds: float | None
    p99_seconds: float | None
    target_seconds: float
    target_share: float = Field(description="The share that should happen within the target")
    share_in_time: float | None = Field(description="The share of `count` that did")


class Waits(BaseModel):
    """How long people waited for each thing. A visit is counted from when it was asked for."""

    alerts: int
    first_notification: Delay
    acknowledgement: Delay
    visit: Delay
    closing: Delay


class Target(BaseModel):
    """A share of alerts for which something must happen in time, and whether it did; see docs/answering.md."""

    name: str = Field(examples=["urgent_60s"])
    wait: Wait
    severity: str | None = Field(description="The severity it is for, null for every one")
    target_seconds: float
    target_share: float
    count: int = Field(description="Alerts it was for: it happened in time, or was still needed when time was up")
    in_time: int
    share: float | None
    met: bool | None = Field(description="Null where there was nothing to meet it with; one miss is always allowed")


class AreaPerformance(BaseModel):
    """How an area did against the targets."""

    area: Area
    alerts: int
    households: int
    band: Band | None = Field(description="Of the worst target; null where no target had anything to be met with")
    targets: list[Target]


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
    visit: Delay
    closing: Delay
    severities: dict[str, Waits] = Field(description="The same waits by severity")
    visits: Visits
    band: Band | None = Field(description="Of the worst target; null where no target had anything to be met with")
    targets: list[Target]
    children: list[AreaPerformance] = Field(description="The areas right below this one, by code")
