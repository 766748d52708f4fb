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


class Visits(BaseModel):
    """What visits found, by the day their alert was closed; false ones against the budget that is set."""

    needed: int = Field(description="Somebody needed help")
    false: int = Field(description="Nobody did")
    false_per_1000_days: float | None = Field(description="False visits for each 1,000 household-days")
    accepted_per_1000_days: float = Field(description="How many of them are accepted: the setting")
    band: Band | None = Field(description="Null where there is no home; one false visit is always allowed")


class Coverage(BaseModel):
    """Which homes are heard at this moment: every device of theirs is, within what the offline rule allows it."""

    homes: int
    unequipped: int = Field(description="Homes without a device")
    silent: int = Field(description="Homes with a device that is silent too long, never reported, or is cut off")
    heard: int = Field(description="All the others")
    share: float | None = Field(description="The share of homes that are heard; null where there is none")
    target_share: float = Field(description="The share that should be")
    band: Band | None


class AreaPerformance(BaseModel):
    """How an area did against the targets, how many of its visits were false, and how many of its homes are heard."""

    area: Area
    alerts: int
    households: int
    band: Band | None = Field(description="Of the worst target; null where no target had anything to be met with")
    targets: list[Target]
    visits: Visits
    coverage: Coverage


class Performance(BaseModel):
    """How an area performed over a period."""

    area: Area | None = Field(description="Null is everything the reader may see")
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
    coverage: Coverage = Field(description="As things stand now, whatever the period")
    band: Band | None = Field(description="Of the worst target; null where no target had anything to be met with")
    targets: list[Target]
    children: list[AreaPerformance] = Field(description="The areas right below this one, by code")
