"""What a caseworker's phone is told, and what it asks for."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from dashboards.shapes.terms import Asked, SeverityWord, Shown, Word

TaskKind = Literal["visit", "review", "maintenance", "call_task", "contact"]


class Callee(Shown):
    """Somebody to call about a household."""

    name: str
    phone: str = Field(description="E.164", examples=["+8613812340001"])
    relation: str | None = Field(description="To the household; null for who lives there", examples=["daughter"])


class Colleague(Shown):
    """Somebody a task can be handed over to."""

    id: str = Field(examples=["cw-07"])
    name: str
    role: Literal["caseworker", "duty_officer"]


class MyTask(Shown):
    """A task of the caller's: who, where, why, by when, and how far they are with it."""

    id: UUID
    alert: UUID
    kind: TaskKind
    household: str
    area_name: str | None
    zone: str = Field(description="IANA")
    address: str
    latitude: float | None = Field(description="Degrees north (WGS 84), null if nobody has said where it is")
    longitude: float | None = Field(description="Degrees east (WGS 84)")
    severity: SeverityWord
    sentence: str = Field(description="Why, in the caller's language")
    note: str | None
    created_at: datetime
    due: datetime
    accepted: bool = Field(description="Whether the caller has accepted it")
    accepted_at: datetime | None
    set_out_at: datetime | None = Field(description="Since when who has accepted it is on the way")
    arrived_at: datetime | None = Field(description="Since when they are at the door")
    follow_up: bool = Field(description="Whether it was planned when its alert was closed")
    offered: bool = Field(description="Whether a colleague asks the caller to take it over")
    offered_to: str | None = Field(description="Name of whom the caller has asked to take it over")
    people: list[Callee] = Field(description="Whom to call, the first first")
    colleagues: list[Colleague] = Field(description="To whom it can be handed over, the nearest first")


class MyDone(Shown):
    """A task that the caller has done lately."""

    id: UUID
    kind: TaskKind
    household: str
    zone: str
    follow_up: bool
    outcome: str | None
    done_at: datetime


class MyTasks(Shown):
    """Everything a phone shows, in one answer."""

    now: datetime = Field(description="By the engine's clock, which due times are counted on")
    speed: float = Field(description="How many of its seconds pass in one")
    person: str = Field(description="Id of the caller in the registry")
    tasks: list[MyTask] = Field(description="What is due soonest first")
    done: list[MyDone] = Field(description="Of the last day, the newest first")
    seal: str = Field(description="AES key of the caller (base64): what the phone cannot send yet is sealed with it")


class Acceptance(Asked):
    """Take a task on, or over."""


class Passage(Asked):
    """Say that one is on the way, or there."""

    waited: float = Field(
        default=0, ge=0, le=30 * 86400, description="Seconds ago that this was, where there was no network till now"
    )


class Refusing(Asked):
    """Give a task back; the next in line is asked at once."""

    reason: Word = Field(examples=["At another visit until noon"])


class Done(Shown):
    """That a request was done: the same whenever it is sent again."""

    task: UUID
    done: Literal["accept", "on-my-way", "arrived", "outcome", "refuse", "handover"]
    at: datetime = Field(description="By the engine's clock")
