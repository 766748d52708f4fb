"""`/alerts`: what is wrong, all that happened to it, and taking, shelving and closing it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from alerts import desk
from alerts.model import FalseAlarm, Outcome
from dashboards import present
from dashboards.access import Caseworker, Conn, Officer, Scoped, Viewer
from dashboards.context import Given
from dashboards.paging import Page, Paged
from dashboards.problems import documented, not_found
from dashboards.shapes.alerts import Alert, AlertStatus, AlertStory, Shelving
from dashboards.shapes.terms import Asked, Note, Word
from dashboards.words.languages import Language
from detectors.finding import Kind
from registry.instants import to_micros
from storage.views import Row, View
from storage.views import alerts as queries
from storage.views import tasks as task_queries

OPEN: tuple[AlertStatus, ...] = ("unacknowledged", "acknowledged", "returned", "shelved", "suppressed")


class Closing(Asked):
    """End an alert and say what was found."""

    outcome: Outcome = Field(examples=["found_well"])
    note: Note = Field(default="", examples=["She was in the garden all morning"])
    why: FalseAlarm | None = Field(default=None, description="Of a false alarm: why there was nothing behind it")


class Merging(Asked):
    """Close an alert as part of another."""

    into: UUID = Field(description="The alert of the same household that goes on")


def router() -> APIRouter:
    """Return the addresses of alerts."""
    routes = APIRouter(tags=["alerts"])

    @routes.get("/alerts", summary="List alerts, the newest raised first", responses=documented())
    def list_alerts(
        _who: Viewer,
        view: Scoped,
        paging: Paged,
        language: Language,
        status: Annotated[
            list[AlertStatus | Literal["open"]] | None,
            Query(description="May be given several times; `open` is every status but closed"),
        ] = None,
        area: Annotated[Word | None, Query(description="Code prefix: everything inside that area")] = None,
        kind: Annotated[list[Kind] | None, Query(description="May be given several times")] = None,
        household: Annotated[Word | None, Query(description="Of this household only")] = None,
        storm: Annotated[
            UUID | None,
            Query(description="Those that an incident explains or a storm has kept quiet: the incident's id"),
        ] = None,
    ) -> Page[Alert]:
        rows = queries.listed(
            view,
            limit=paging.limit + 1,
            area=area or "",
            statuses=_statuses(status or []),
            kinds=[one.value for one in kind or []],
            household=household,
            storm=storm,
            after=paging.after(tuple[datetime, UUID]),
        )
        return paging.page(rows, lambda row: present.alert(row, language), lambda row: (row["raised_at"], row["id"]))

    @routes.get(
        "/alerts/{alert_id}",
        summary="One alert with its timeline, steps, notifications and tasks",
        responses=documented(404),
    )
    def get_alert(alert_id: UUID, _who: Viewer, view: Scoped, language: Language) -> AlertStory:
        return _story(view, alert_id, language)

    @routes.post(
        "/alerts/{alert_id}/acknowledge",
        summary="Take an alert: every pending step stops",
        responses=documented(404, 409),
    )
    def acknowledge(
        alert_id: UUID, who: Caseworker, view: Scoped, conn: Conn, given: Given, language: Language
    ) -> AlertStory:
        required(view, alert_id)
        with conn.transaction():
            desk.acknowledge(given.book(conn), alert_id, who.actor, to_micros(given.now()))
        return _story(view, alert_id, language)

    @routes.post(
        "/alerts/{alert_id}/shelve",
        summary="Put an alert aside until a moment, with a reason",
        responses=documented(404, 409),
    )
    def shelve(
        alert_id: UUID,
        asked: Shelving,
        who: Officer,
        view: Scoped,
        conn: Conn,
        given: Given,
        language: Language,
    ) -> AlertStory:
        required(view, alert_id)
        with conn.transaction():
            desk.shelve(
                given.book(conn),
                alert_id,
                who.actor,
                to_micros(asked.until),
                asked.reason,
                to_micros(given.now()),
            )
        return _story(view, alert_id, language)

    @routes.post(
        "/alerts/{alert_id}/unshelve",
        summary="Take an alert off the shelf before its time",
        responses=documented(404, 409),
    )
    def unshelve(
        alert_id: UUID, who: Officer, view: Scoped, conn: Conn, given: Given, language: Language
    ) -> AlertStory:
        required(view, alert_id)
        with conn.transaction():
            desk.unshelve(given.book(conn), alert_id, who.actor, to_micros(given.now()))
        return _story(view, alert_id, language)

    @routes.post(
        "/alerts/{alert_id}/close",
        summary="End an alert and say what was found",
        responses=documented(404, 409),
    )
    def close(
        alert_id: UUID,
        asked: Closing,
        who: Officer,
        view: Scoped,
        conn: Conn,
        given: Given,
        language: Language,
    ) -> AlertStory:
        required(view, alert_id)
        with conn.transaction():
            desk.close(
                given.book(conn),
                alert_id,
                who.actor,
                asked.outcome,
                asked.note,
                to_micros(given.now()),
                asked.why,
            )
        return _story(view, alert_id, language)

    @routes.post(
        "/alerts/{alert_id}/merge",
        summary="Close an alert as part of another of its household: the same cause",
        responses=documented(404, 409),
    )
    def merge(
        alert_id: UUID, asked: Merging, who: Officer, view: Scoped, conn: Conn, given: Given, language: Language
    ) -> AlertStory:
        required(view, alert_id)
        required(view, asked.into)
        with conn.transaction():
            desk.merge(given.book(conn), alert_id, asked.into, who.actor, to_micros(given.now()))
        return _story(view, alert_id, language)

    @routes.post(
        "/alerts/{alert_id}/split",
        summary="Take an alert out of the one it was merged into: it climbs its ladder anew",
        responses=documented(404, 409),
    )
    def split(alert_id: UUID, who: Officer, view: Scoped, conn: Conn, given: Given, language: Language) -> AlertStory:
        required(view, alert_id)
        with conn.transaction():
            desk.split(given.book(conn), alert_id, who.actor, to_micros(given.now()))
        return _story(view, alert_id, language)

    return routes


def required(view: View, alert: UUID) -> Row:
    """Return an alert in scope.

    Raises:
        Refusal: (404) there is none for this caller.
    """
    row = queries.one(view, alert)
    if row is None:
        raise not_found("alert")
    return row


def _story(view: View, alert: UUID, language: str) -> AlertStory:
    return present.story(
        required(view, alert),
        language,
        timeline=queries.timeline(view, alert),
        steps=queries.steps(view, alert),
        notifications=queries.notifications(view, alert),
        tasks=task_queries.of_alert(view, alert),
    )


def _statuses(asked: list[AlertStatus | Literal["open"]]) -> list[AlertStatus]:
    found: list[AlertStatus] = []
    for status in asked:
        found.extend(OPEN if status == "open" else [status])
    return found
