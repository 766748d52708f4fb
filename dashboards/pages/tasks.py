"""`/tasks`: whom to visit, for a caseworker with a telephone in one hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from starlette.responses import Response

from alerts import desk
from dashboards.access import Caller, Caseworker, Conn, Officer, Scoped
from dashboards.api.tasks import giver, refuser, required, taker
from dashboards.context import Given
from dashboards.pages.frame import FALSE_ALARMS, OUTCOMES, Form, Frame, Framed, outcome, why_false
from dashboards.privacy.revealing import with_the_way
from dashboards.problems import Refusal
from dashboards.words.languages import translator
from registry.instants import to_micros
from storage.views import Row, View, tasks

_TO_DO: Final = 25
"""Tasks before somebody asks for more."""
_MOST: Final = 500
_DONE: Final = 10
_ONE_LINE: Final = 200
REASONS: Final[Mapping[str, str]] = {
    "busy": "Busy elsewhere",
    "off": "Not on duty",
    "far": "Too far away",
    "other": "Another reason",
}
"""Why somebody cannot do a task, for who has no hand free to write."""


Shown = Annotated[int, Query(ge=_TO_DO, le=_MOST)]


def router() -> APIRouter:
    """Return the page of tasks, the piece of it that refreshes, and its forms."""
    routes = APIRouter()

    @routes.get("/tasks")
    def page(around: Framed, view: Scoped, show: Shown = _TO_DO) -> Response:
        return around.page("tasks.html", **_lists(view, around, show))

    @routes.get("/parts/tasks")
    def part(around: Framed, view: Scoped, show: Shown = _TO_DO) -> Response:
        return around.page("parts/tasks.html", **_lists(view, around, show))

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
        why, day = why_false(what, fields), _day(fields)
        note = fields.get("note", "")
        with conn.transaction():
            desk.record_outcome(given.book(conn), task_id, who.actor, what, note, to_micros(around.now), why, day)
        return around.done("/tasks")

    @routes.post("/tasks/{task_id}/refuse")
    def refuse(
        task_id: UUID, around: Framed, fields: Form, who: Caseworker, view: Scoped, conn: Conn, given: Given
    ) -> Response:
        person = refuser(view, required(view, task_id), who, None)
        if fields.get("reason") not in REASONS:
            raise Refusal(422, "Choose why you cannot do it, then send the form again")
        said = [translator(around.language)(REASONS[fields["reason"]]), fields.get("more", "").strip()]
        reason = ". ".join(one for one in said if one)
        with conn.transaction():
            desk.refuse(given.book(conn), task_id, who.actor, person, reason, to_micros(around.now))
        return around.done("/tasks")

    @routes.post("/tasks/{task_id}/handover")
    def handover(
        task_id: UUID, around: Framed, fields: Form, who: Caseworker, view: Scoped, conn: Conn, given: Given
    ) -> Response:
        required(view, task_id)
        now, to, note = to_micros(around.now), fields.get("person", ""), fields.get("note", "")
        with conn.transaction():
            desk.hand_over(given.book(conn), task_id, who.actor, giver(who), to, note, now)
        return around.done("/tasks")

    @routes.post("/tasks/{task_id}/transfer")
    def transfer(
        task_id: UUID, around: Framed, fields: Form, who: Officer, view: Scoped, conn: Conn, given: Given
    ) -> Response:
        required(view, task_id)
        to, reference, address = (
            fields.get(name, "").strip()[:_ONE_LINE] for name in ("organisation", "reference", "address")
        )
        now, note = to_micros(around.now), fields.get("note", "")
        with conn.transaction():
            desk.transfer(given.book(conn), task_id, who.actor, to, reference, note, address, now)
        return around.done("/tasks")

    return routes


def _lists(view: View, around: Frame, show: int) -> dict[str, Any]:
    found = with_the_way(view, around.request, around.who, tasks.to_do(view, limit=show))
    waiting = sorted(found, key=lambda task: _urgency(task, around.who))
    tomorrow = around.now.astimezone(ZoneInfo(around.zone)).date() + timedelta(days=1)
    return {
        "to_do": waiting,
        "total": len(waiting) if len(waiting) < show else tasks.count_to_do(view),
        "show": show,
        "further": min(2 * show, _MOST),
        "done": tasks.done(view, limit=_DONE),
        "outcomes": OUTCOMES,
        "false_alarms": FALSE_ALARMS,
        "reasons": REASONS,
        "colleagues": tasks.colleagues(view, sorted({task["household"] for task in waiting})),
        "tomorrow": tomorrow.isoformat(),
        "has": lambda task: _has(task, around.who),
    }


def _has(task: Row, who: Caller) -> bool:
    """Say whether a task is the reader's to give away: their own, or anybody's for a duty officer."""
    return who.may("officer") or who.person is None or who.person in (_holder(task), task["offered_to"])


def _holder(task: Row) -> str | None:
    """Return the id of the person who has a task."""
    accepted: str | None = task["accepted_by"]
    if accepted is not None:
        return accepted.removeprefix("person:") if accepted.startswith("person:") else None
    holder: str | None = task["assignee"]
    return holder


def _day(fields: Mapping[str, str]) -> date | None:
    """Return the day of the follow-up visit, None if there is to be none.

    Raises:
        Refusal: (422) it is no day.
    """
    said = fields.get("follow_up_on", "").strip()
    if not said:
        return None
    try:
        day = date.fromisoformat(said)
    except ValueError:
        day = date.min
    if not 2000 <= day.year < 2200:
        raise Refusal(422, "Write the day of the follow-up visit as 2026-11-30, or leave it empty")
    return day


def _urgency(task: Mapping[str, Any], who: Caller) -> tuple[bool, bool, int, datetime]:
    """What somebody asks the reader to take over, what nobody has taken, then the gravest, then what is due soonest."""
    mine = who.person is not None and task["offered_to"] == who.person
    return not mine, task["status"] == "accepted", -int(task["severity"]), task["due"]
