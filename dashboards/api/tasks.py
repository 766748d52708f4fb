"""`/tasks`: work for caseworkers, taking it on, and writing down what was found."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints
from starlette.requests import Request

from alerts import desk
from alerts.model import FalseAlarm, Outcome
from dashboards import present
from dashboards.access import Caller, Caseworker, Conn, Officer, Scoped, Viewer
from dashboards.context import Given
from dashboards.paging import Page, Paged
from dashboards.privacy.revealing import with_the_way
from dashboards.problems import Refusal, documented, not_found
from dashboards.shapes.alerts import Task, TaskStatus
from dashboards.shapes.terms import Asked, Note, Word
from dashboards.words.languages import Language
from registry.instants import to_micros
from storage.views import Row, View
from storage.views import registry as people
from storage.views import tasks as queries


class Acceptance(Asked):
    """Take a task on."""

    person: Word | None = Field(
        default=None, description="Who goes; the bearer of the token, or else its assignee, if left out"
    )


class Found(Asked):
    """What was found."""

    outcome: Outcome = Field(examples=["found_well"])
    note: Note = Field(default="", examples=["Spoke to her at the door"])
    why: FalseAlarm | None = Field(default=None, description="Of a false alarm: why there was nothing behind it")
    follow_up_on: date | None = Field(
        default=None,
        ge=date(2000, 1, 1),
        le=date(2199, 12, 31),
        description="The day, where the household is, on which somebody should call on them again",
        examples=["2026-11-12"],
    )


class Refused(Asked):
    """Give a task back; the next in line is asked at once."""

    reason: Word = Field(examples=["At another visit until noon"])
    person: Word | None = Field(
        default=None, description="Who refuses; for duty officers: whoever has the task, if left out"
    )


class Handover(Asked):
    """Offer a task to another person of the area; until they accept, it stays where it is."""

    person: Word = Field(examples=["cw-07"])
    note: Note = Field(default="", examples=["She knows the family"])


class Transfer(Asked):
    """Give a task to a partner organisation."""

    organisation: Word = Field(examples=["Red Cross, West District"])
    reference: Annotated[str, StringConstraints(max_length=200)] = Field(default="", examples=["RC-2026-118"])
    address: Annotated[str, StringConstraints(max_length=200)] = Field(
        default="", description="How to reach them", examples=["+86 20 8333 0000"]
    )
    note: Note = Field(default="", examples=["They bring a hot meal at noon anyway"])


def router() -> APIRouter:
    """Return the addresses of tasks."""
    routes = APIRouter(tags=["tasks"])

    @routes.get("/tasks", summary="List tasks, the newest first", responses=documented())
    def list_tasks(
        who: Viewer,
        view: Scoped,
        paging: Paged,
        request: Request,
        language: Language,
        status: Annotated[list[TaskStatus] | None, Query(description="May be given several times")] = None,
        assignee: Annotated[Word | None, Query(description="Id of the person it is meant for")] = None,
        area: Annotated[Word | None, Query(description="Code prefix: everything inside that area")] = None,
    ) -> Page[Task]:
        rows = queries.listed(
            view,
            limit=paging.limit + 1,
            area=area or "",
            statuses=status,
            assignee=assignee,
            after=paging.after(tuple[datetime, UUID]),
        )
        rows = with_the_way(view, request, who, rows)
        return paging.page(rows, lambda row: present.task(row, language), lambda row: (row["created_at"], row["id"]))

    @routes.get("/tasks/{task_id}", summary="One task", responses=documented(404))
    def get_task(task_id: UUID, who: Viewer, view: Scoped, request: Request, language: Language) -> Task:
        [row] = with_the_way(view, request, who, [required(view, task_id)])
        return present.task(row, language)

    @routes.post("/tasks/{task_id}/accept", summary="Take a task on", responses=documented(404, 409))
    def accept(
        task_id: UUID,
        who: Caseworker,
        view: Scoped,
        conn: Conn,
        given: Given,
        language: Language,
        asked: Acceptance | None = None,
    ) -> Task:
        person = taker(view, required(view, task_id), who, asked.person if asked else None)
        with conn.transaction():
            desk.accept(given.book(conn), task_id, who.actor, person, to_micros(given.now()))
        return present.task(required(view, task_id), language)

    @routes.post("/tasks/{task_id}/outcome", summary="Write down what was found", responses=documented(404, 409))
    def outcome(
        task_id: UUID,
        asked: Found,
        who: Caseworker,
        view: Scoped,
        conn: Conn,
        given: Given,
        language: Language,
    ) -> Task:
        required(view, task_id)
        with conn.transaction():
            desk.record_outcome(
                given.book(conn),
                task_id,
                who.actor,
                asked.outcome,
                asked.note,
                to_micros(given.now()),
                asked.why,
                asked.follow_up_on,
            )
        return present.task(required(view, task_id), language)

    @routes.post(
        "/tasks/{task_id}/refuse",
        summary="Give a task back: the next in line is asked, or the duty officer called",
        responses=documented(404, 409),
    )
    def refuse(
        task_id: UUID, asked: Refused, who: Caseworker, view: Scoped, conn: Conn, given: Given, language: Language
    ) -> Task:
        person = refuser(view, required(view, task_id), who, asked.person)
        with conn.transaction():
            desk.refuse(given.book(conn), task_id, who.actor, person, asked.reason, to_micros(given.now()))
        return present.task(required(view, task_id), language)

    @routes.post(
        "/tasks/{task_id}/handover",
        summary="Offer a task to somebody else of the area, who is told",
        responses=documented(404, 409),
    )
    def handover(
        task_id: UUID, asked: Handover, who: Caseworker, view: Scoped, conn: Conn, given: Given, language: Language
    ) -> Task:
        required(view, task_id)
        with conn.transaction():
            now = to_micros(given.now())
            desk.hand_over(given.book(conn), task_id, who.actor, giver(who), asked.person, asked.note, now)
        return present.task(required(view, task_id), language)

    @routes.post(
        "/tasks/{task_id}/transfer",
        summary="Give a task to a partner organisation; its due time goes on",
        responses=documented(404, 409),
    )
    def transfer(
        task_id: UUID, asked: Transfer, who: Officer, view: Scoped, conn: Conn, given: Given, language: Language
    ) -> Task:
        required(view, task_id)
        with conn.transaction():
            desk.transfer(
                given.book(conn),
                task_id,
                who.actor,
                asked.organisation,
                asked.reference,
                asked.note,
                asked.address,
                to_micros(given.now()),
            )
        return present.task(required(view, task_id), language)

    return routes


def required(view: View, task: UUID) -> Row:
    """Return a task in scope.

    Raises:
        Refusal: (404) there is none for this caller.
    """
    row = queries.one(view, task)
    if row is None:
        raise not_found("task")
    return row


def giver(who: Caller) -> str | None:
    """Return for whom a caller hands tasks over: a caseworker for themselves, a duty officer for anybody."""
    return None if who.may("officer") else who.person


def refuser(view: View, task: Row, who: Caller, asked: str | None) -> str | None:
    """Return who refuses a task: the caller, or whom a duty officer names; None is whoever has it.

    Raises:
        Refusal: (403) a caseworker speaks for somebody else; (404) the one named is not in the caller's area.
    """
    if asked is None:
        return None if who.may("officer") and who.person not in (task["assignee"], task["offered_to"]) else who.person
    if asked != who.person and not who.may("officer"):
        raise Refusal(403, f"body.person: only a duty officer can refuse for {asked}; leave it out to refuse yourself")
    if people.person(view, asked) is None:
        raise not_found("person")
    return asked


def taker(view: View, task: Row, who: Caller, asked: str | None) -> str | None:
    """Return the person who takes a task on: the one named, else the caller, else whom it is meant for.

    Raises:
        Refusal: (404) the one named is not in the caller's area; (422) is nobody one can send.
    """
    if asked is None:
        return who.person or task["assignee"]
    person = people.person(view, asked)
    if person is None:
        raise not_found("person")
    if person["role"] not in ("caseworker", "duty_officer"):
        raise Refusal(422, f"body.person: {asked} is a {person['role']}; name a caseworker or duty officer")
    return asked
