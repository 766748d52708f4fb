"""Simulated telephones as documented shapes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from dashboards.shapes.terms import Shown


class Call(Shown):
    """An SMS or a call on a simulated telephone."""

    id: UUID
    phone: str
    person: str | None
    person_name: str | None
    role: str
    medium: Literal["sms", "call", "message"]
    text: str
    language: str
    at: datetime
    rings_until: datetime | None
    status: Literal["delivered", "ringing", "answered", "missed"]
    answer: str | None
    answered_at: datetime | None
    alert: UUID | None = Field(description="null: it tells of the service itself, and takes no answer")
    household: str | None


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
