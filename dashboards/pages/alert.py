"""`/alerts/{id}`: one alert: its sentence, its story, its ladder, and what one can do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from alerts import desk
from dashboards.access import Caseworker, Conn, Officer, Scoped
from dashboards.api.alerts import required
from dashboards.context import Given
from dashboards.pages.frame import FALSE_ALARMS, OUTCOMES, Form, Framed, outcome, why_false
from dashboards.pages.history import folded
from dashboards.problems import Refusal
from registry.instants import to_micros
from storage.views import View, tasks

SHELVES: Final = {"1": timedelta(hours=1), "8": timedelta(hours=8), "24": timedelta(days=1), "168": timedelta(days=7)}
"""How long an alert can be put aside from the page, by hours."""
_CLOSING: Final = tuple(code for code in OUTCOMES if code not in ("not_at_home", "could_not_enter"))


def router() -> APIRouter:
    """Return the page of an alert, its pieces and its forms."""
    routes = APIRouter()

    @routes.get("/alerts/{alert_id}")
    def page(alert_id: UUID, around: Framed, view: Scoped) -> Response:
        return around.page("alert.html", **_story(view, alert_id))

    @routes.get("/parts/alerts/{alert_id}/story")
    def part_story(alert_id: UUID, around: Framed, view: Scoped) -> Response:
        return around.page("parts/story.html", **_story(view, alert_id))

    @routes.get("/parts/alerts/{alert_id}/actions")
    def part_actions(alert_id: UUID, around: Framed, view: Scoped) -> Response:
        return around.page("parts/actions.html", **_story(view, alert_id))

    @routes.post("/alerts/{alert_id}/acknowledge")
    def acknowledge(
        alert_id: UUID, around: Framed, who: Caseworker, view: Scoped, conn: Conn, given: Given
    ) -> Response:
        required(view, alert_id)
        with conn.transaction():
            desk.acknowledge(given.book(conn), alert_id, who.actor, to_micros(around.now))
        return around.done(f"/alerts/{alert_id}")

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
        return around.done(f"/alerts/{alert_id}")

    @routes.post("/alerts/{alert_id}/unshelve")
    def unshelve(alert_id: UUID, around: Framed, who: Officer, view: Scoped, conn: Conn, given: Given) -> Response:
        required(view, alert_id)
        with conn.transaction():
            desk.unshelve(given.book(conn), alert_id, who.actor, to_micros(around.now))
        return around.done(f"/alerts/{alert_id}")

    @routes.post("/alerts/{alert_id}/close")
    def close(
        alert_id: UUID, around: Framed, fields: Form, who: Officer, view: Scoped, conn: Conn, given: Given
    ) -> Response:
        required(view, alert_id)
        found, note = outcome(fields), fields.get("note", "")
        why = why_false(found, fields)
        with conn.transaction():
            desk.close(given.book(conn), alert_id, who.actor, found, note, to_micros(around.now), why)
        return around.done(f"/alerts/{alert_id}")

    return routes


def _story(view: View, alert: UUID) -> dict[str, Any]:
    return {
        "alert": required(view, alert),
        "lists": folded(view, alert),
        "tasks": tasks.of_alert(view, alert),
        "outcomes": _CLOSING,
        "false_alarms": FALSE_ALARMS,
        "shelves": SHELVES,
    }
