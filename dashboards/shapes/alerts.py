"""Alerts, what was done about them, and incidents, as documented shapes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from dashboards.shapes.terms import Asked, Instant, SeverityWord, Shown, Word

AlertStatus = Literal["unacknowledged", "acknowledged", "returned", "shelved", "suppressed", "closed"]
TaskStatus = Literal["open", "accepted", "done", "cancelled"]


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
    held_by: str | None = Field(description="Who holds it: `person:ID`, `account:NAME`, `token:NAME`")
    next_step_at: datetime | None = Field(description="When the ladder goes on, null if nothing is pending")
    next_step: str | None = Field(description="What happens then, in words")
    suppressed_why: str | None = Field(
        description="`backlog`, `absence`, `cap`, `storm` or `maintenance` while suppressed"
    )
    part_of: UUID | None = Field(description="The alert of the household that it was merged into")
    incident: UUID | None = Field(description="The incident that explains it, or whose storm kept it quiet")
    acknowledged_at: datetime | None
    returned_at: datetime | None = Field(description="When the condition ended by itself")
    shelved_until: datetime | None
    closed_at: datetime | None
    outcome: str | None = Field(description="What was found")
    why: str | None = Field(description="Of a false alarm: why there was nothing behind it")
    note: str | None


class Event(Shown):
    """Something that happened to an alert."""

    seq: int
    at: datetime
    actor: str = Field(examples=["person:cw-07", "account:duty", "token:script", "sensor:meter-1/volume", "system"])
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
    medium: Literal["sms", "call", "message"]
    language: str
    text: str
    status: Literal["queued", "sent", "delivered", "answered", "missed", "failed", "cancelled"]
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
    kind: Literal["visit", "review", "maintenance", "call_task", "contact"]
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
    why: str | None = Field(description="Of a false alarm: why there was nothing behind it")
    follow_up: bool = Field(description="Whether it was planned when its alert was closed")
    offered_to: str | None = Field(description="Whom it was handed over to and who has not accepted yet")
    refused: list[str] = Field(description="People who refused it and will not be asked again")
    partner: str | None = Field(description="The organisation it was transferred to")
    reference: str | None = Field(description="That organisation's own reference")
    partner_address: str | None = Field(description="How to reach that organisation")


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
    cause: Literal["power", "water", "radio", "gateway", "unknown"]
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
