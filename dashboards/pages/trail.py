"""`/audit`: who saw or did what to which household, searched by officers for the area they answer for."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from starlette.responses import Response

from dashboards.access import Conn, Officer, Scoped
from dashboards.pages.frame import Framed
from dashboards.paging import Paged
from dashboards.problems import Refusal
from dashboards.shapes.terms import Word
from dashboards.words import trail as trail_words
from storage import trail
from storage.views import Row
from storage.views import trail as queries


def router() -> APIRouter:
    """Return the page of the audit trail."""
    routes = APIRouter()

    @routes.get("/audit")
    def audit(
        around: Framed,
        _who: Officer,
        view: Scoped,
        conn: Conn,
        paging: Paged,
        household: Annotated[Word, Query()] = "",
        actor: Annotated[Word, Query()] = "",
        action: Annotated[Word, Query()] = "",
        since: Annotated[str, Query(max_length=10)] = "",
        until: Annotated[str, Query(max_length=10)] = "",
    ) -> Response:
        begin, last = _day(since, around.zone), _day(until, around.zone)
        rows = queries.rows(
            view,
            limit=paging.limit + 1,
            household=household.strip() or None,
            actor=actor.strip() or None,
            action=action or None,
            since=begin,
            until=None if last is None else last + timedelta(days=1),
            after=paging.after(int),
        )
        shown = paging.page(rows, _row, lambda row: row["seq"])
        return around.page(
            "audit.html",
            rows=shown.items,
            next=shown.next,
            actions=queries.actions(view),
            asked={"household": household, "actor": actor, "action": action, "since": since, "until": until},
            head=trail.head(conn),
            names=trail_words.DETAILS,
        )

    return routes


def _row(row: Row) -> Row:
    return {**row, "told": trail_words.told(row["detail"])}


def _day(text: str, zone: str) -> datetime | None:
    """Return where a day begins, None if none is asked for.

    Raises:
        Refusal: (422) it is no date.
    """
    if not text:
        return None
    try:
        return datetime.combine(datetime.fromisoformat(text).date(), time.min, ZoneInfo(zone))
    except (ValueError, OverflowError) as error:
        raise Refusal(422, "Write a day as 2026-11-22, or leave it out") from error
