"""`/tasks`: whom to visit, for a caseworker with a telephone in one hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from alerts import desk
from dashboards.access import Caseworker, Conn, Scoped
from dashboards.api.tasks import required, taker
from dashboards.context import Given
from dashboards.pages.frame import OUTCOMES, Form, Framed, outcome
from registry.instants import to_micros
from storage.views import View, tasks

_TO_DO: Final = 100
_DONE: Final = 10


def router() -> APIRouter:
    """Return the page of tasks, the piece of it that refreshes, and its forms."""
    routes = APIRouter()

    @routes.get("/tasks")
    def page(around: Framed, view: Scoped) -> Response:
        return around.page("tasks.html", **_lists(view))

    @routes.get("/parts/tasks")
    def part(around: Framed, view: Scoped) -> Response:
        return around.page("parts/tasks.html", **_lists(view))

    @routes.post("/tasks/{task_id}/accept")
    def accept(task_id: UUID, around: Framed, who: Caseworker, view: Scoped, conn: Conn, given: Given) -> Response:
        person = taker(view, required(view, task_id), who, None)
        with conn.transaction():
            desk.accept(given.book(conn), task_id, who.actor, person, to_micros(around.now))
        return around.done("/tasks")

    @routes.post("/tasks/{task_id}/outcome")
    def found(
        task_id: UUID, around: Framed, fields: Form, who: Caseworker, view: Scoped, conn: Conn, given: Given
    ) -> Response:
        required(view, task_id)
        what = outcome(fields)
        with conn.transaction():
            desk.record_outcome(
                given.book(conn), task_id, who.actor, what, fields.get("note", ""), to_micros(around.now)
            )
        return around.done("/tasks")

    return routes


def _lists(view: View) -> dict[str, Any]:
    return {
        "to_do": sorted(tasks.to_do(view, limit=_TO_DO), key=_urgency),
        "done": tasks.done(view, limit=_DONE),
        "outcomes": OUTCOMES,
    }


def _urgency(task: Mapping[str, Any]) -> tuple[bool, int, datetime]:
    """What nobody has taken yet first, then the most serious, then what is due soonest."""
    return task["status"] == "accepted", -int(task["severity"]), task["due"]
