"""`/`: the board. What is open, who holds it, what happens next; telephones that ring and visits beside it."""

from __future__ import annotations

from collections import defaultdict
from typing import Final
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from dashboards.access import Caller, Conn, Known, Scoped, caller
from dashboards.context import Given
from dashboards.languages import Language
from dashboards.pages.frame import Framed, frame
from dashboards.pages.signin import sign_in
from storage.views import Row, View, alerts, handsets, incidents, service, tasks

_ALERTS: Final = 100
_BESIDE: Final = 12
_LATEST: Final = 5
_INCIDENTS: Final = 20
_QUIET: Final = ("shelved", "suppressed")


def router() -> APIRouter:
    """Return the front page and the pieces of it that refresh."""
    routes = APIRouter()

    @routes.get("/")
    def front(
        request: Request,
        given: Given,
        conn: Conn,
        language: Language,
        known: Known,
        token: str | None = None,
    ) -> Response:
        if token is not None:
            return sign_in(request, conn, token)
        who = caller(known)
        around = frame(request, who, language, given)
        view = View(conn, who.area)
        return around.page("board.html", **_alerts(view), **_beside(view, who))

    @routes.get("/parts/alerts")
    def part_alerts(around: Framed, view: Scoped) -> Response:
        return around.page("parts/alerts.html", **_alerts(view))

    @routes.get("/parts/beside")
    def part_beside(around: Framed, view: Scoped) -> Response:
        return around.page("parts/beside.html", **_beside(view, around.who))

    return routes


def _alerts(view: View) -> dict[str, object]:
    rows = alerts.board(view, limit=_ALERTS)
    counts = alerts.open_counts(view)
    endangered: defaultdict[UUID, list[Row]] = defaultdict(list)
    for home in incidents.endangered(view, limit=_ALERTS):
        endangered[home["incident"]].append(home)
    return {
        "alerts": [row for row in rows if row["status"] not in _QUIET],
        "quiet": [row for row in rows if row["status"] in _QUIET],
        "waiting": counts.get("unacknowledged", 0),
        "total": sum(counts.values()),
        "shown": len(rows),
        "incidents": incidents.listed(view, limit=_INCIDENTS, status="open"),
        "endangered": endangered,
        "flaws": service.flaws(view),
    }


def _beside(view: View, who: Caller) -> dict[str, object]:
    calls = handsets.recent(view, limit=_BESIDE) if who.may("operator") else []
    return {
        "visits": tasks.to_do(view, limit=_BESIDE),
        "ringing": [call for call in calls if call["status"] == "ringing"],
        "latest": [call for call in calls if call["status"] != "ringing"][:_LATEST],
    }
