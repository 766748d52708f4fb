"""`/alerts/{id}`: one alert: its sentence, its story, its ladder, whom to call, and what one can do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from alerts import desk
from dashboards.access import Caseworker, Conn, Officer, Scoped
from dashboards.alert_people import reachable
from dashboards.api.alerts import required
from dashboards.context import Context, Given
from dashboards.pages.frame import FALSE_ALARMS, OUTCOMES, Form, Frame, Framed, outcome, why_false
from dashboards.pages.history import folded
from dashboards.problems import Refusal
from dashboards.words.languages import translator
from registry.instants import to_micros
from storage.views import View, alerts, incidents, tasks

SHELVES: Final = {"1": timedelta(hours=1), "8": timedelta(hours=8), "24": timedelta(days=1), "168": timedelta(days=7)}
"""How long an alert can be put aside from the page, by hours."""
_TRIED: Final = 500
_CLOSING: Final = tuple(code for code in OUTCOMES if code not in ("not_at_home", "could_not_enter"))


def router() -> APIRouter:
    """Return the page of an alert, its pieces and its forms."""
    routes = APIRouter()
    for some in (_reads(), _takes(), _puts_aside()):
        routes.include_router(some)
    return routes


def _reads() -> APIRouter:
    routes = APIRouter()

    @routes.get("/alerts/{alert_id}")
    def page(alert_id: UUID, around: Framed, view: Scoped, given: Given) -> Response:
        return around.page("alert.html", **_story(around, view, given, alert_id))

    @routes.get("/parts/alerts/{alert_id}/story")
    def part_story(alert_id: UUID, around: Framed, view: Scoped, given: Given) -> Response:
        return around.page("parts/story.html", **_story(around, view, given, alert_id))

    @routes.get("/parts/alerts/{alert_id}/actions")
    def part_actions(alert_id: UUID, around: Framed, view: Scoped, given: Given) -> Response:
        return around.page("parts/actions.html", **_story(around, view, given, alert_id))

    return routes


def _takes() -> APIRouter:
    """Return what whoever goes and looks may do."""
    routes = APIRouter()

    @routes.post("/alerts/{alert_id}/acknowledge")
    def acknowledge(
        alert_id: UUID, around: Framed, who: Caseworker, view: Scoped, conn: Conn, given: Given
    ) -> Response:
        required(view, alert_id)
        with conn.transaction():
            desk.acknowledge(given.book(conn), alert_id, who.actor, to_micros(around.now))
        _ = translator(around.language)
        said = _("It is yours now; every pending step has stopped.")
        return around.done(f"/alerts/{alert_id}", said, f"/alerts/{alert_id}/give-back")

    @routes.post("/alerts/{alert_id}/give-back")
    def give_back(alert_id: UUID, around: Framed, who: Caseworker, view: Scoped, conn: Conn, given: Given) -> Response:
        required(view, alert_id)
        with conn.transaction():
            desk.give_back(given.book(conn), alert_id, who.actor, to_micros(around.now))
        _ = translator(around.language)
        return around.done(f"/alerts/{alert_id}", _("It is everybody's again, and its ladder goes on."))

    @routes.post("/alerts/{alert_id}/escalate")
    def escalate(alert_id: UUID, around: Framed, who: Caseworker, view: Scoped, conn: Conn, given: Given) -> Response:
        required(view, alert_id)
        with conn.transaction():
            desk.escalate(given.book(conn), alert_id, who.actor, to_micros(around.now))
        _ = translator(around.language)
        return around.done(f"/alerts/{alert_id}", _("The next in line is told at once."))

    return routes


def _puts_aside() -> APIRouter:
    """Return what needs an officer's word."""
    routes = APIRouter()

    @routes.post("/alerts/{alert_id}/shelve")
    def shelve(
        alert_id: UUID, around: Framed, fields: Form, who: Officer, view: Scoped, conn: Conn, given: Given
    ) -> Response:
        required(view, alert_id)
        length = SHELVES.get(fields.get("hours", ""))
        if length is None:
            raise Refusal(422, "Choose for how long to put it aside, then send the form again")
        with conn.transaction():
            desk.shelve(
                given.book(conn),
                alert_id,
                who.actor,
                to_micros(around.now + length),
                fields.get("reason", ""),
                to_micros(around.now),
            )
        _ = translator(around.language)
        return around.done(f"/alerts/{alert_id}", _("It is put aside."), f"/alerts/{alert_id}/unshelve")

    @routes.post("/alerts/{alert_id}/unshelve")
    def unshelve(alert_id: UUID, around: Framed, who: Officer, view: Scoped, conn: Conn, given: Given) -> Response:
        required(view, alert_id)
        with conn.transaction():
            desk.unshelve(given.book(conn), alert_id, who.actor, to_micros(around.now))
        _ = translator(around.language)
        return around.done(f"/alerts/{alert_id}", _("It is off the shelf, and its ladder begins anew."))

    @routes.post("/alerts/{alert_id}/close")
    def close(
        alert_id: UUID, around: Framed, fields: Form, who: Officer, view: Scoped, conn: Conn, given: Given
    ) -> Response:
        required(view, alert_id)
        found, note = outcome(fields), fields.get("note", "")
        why = why_false(found, fields)
        with conn.transaction():
            desk.close(given.book(conn), alert_id, who.actor, found, note, to_micros(around.now), why)
        _ = translator(around.language)
        return around.done(f"/alerts/{alert_id}", _("It is closed."))

    return routes


def _story(around: Frame, view: View, given: Context, alert: UUID) -> dict[str, Any]:
    row = required(view, alert)
    people = given.book(view.conn).people(row["household"], to_micros(around.now))
    work = tasks.of_alert(view, alert)
    undone = any(task["status"] in ("open", "accepted") for task in work)
    return {
        "alert": row,
        "incident": None if row["incident"] is None else incidents.one(view, row["incident"]),
        "people": reachable(people, alerts.tried(view, alert, limit=_TRIED)),
        "lists": folded(view, alert),
        "tasks": work,
        "colleagues": tasks.colleagues(view, [row["household"]])[row["household"]] if undone else [],
        "outcomes": _CLOSING,
        "false_alarms": FALSE_ALARMS,
        "shelves": SHELVES,
    }
