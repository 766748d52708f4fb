"""`/parts/alerts/{id}/charts`: what the sensors of an alert told in the days before it, and since."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from dashboards.access import Scoped
from dashboards.api.alerts import required
from dashboards.pages.frame import Framed
from dashboards.words import households as household_words
from storage.views import Row, habits

BEFORE: Final = timedelta(days=3)
"""What is shown before the onset."""
_AFTER: Final = timedelta(hours=6)
_LONGEST: Final = timedelta(days=60)
_MOST: Final = 6


def router() -> APIRouter:
    """Return the piece of an alert's page that is charts."""
    routes = APIRouter()

    @routes.get("/parts/alerts/{alert_id}/charts")
    def part_charts(alert_id: UUID, around: Framed, view: Scoped) -> Response:
        alert = required(view, alert_id)
        start, stop = shown(alert, around.now)
        return around.page(
            "parts/alert_figures.html",
            alert=alert,
            sensors=habits.seen_on(view, alert_id, limit=_MOST),
            start=start,
            stop=stop,
            spoken=household_words,
        )

    return routes


def shown(alert: Row, now: datetime) -> tuple[datetime, datetime]:
    """Return from when to when an alert's charts go: some days before its onset, and until it was over for a while."""
    ended = alert["closed_at"] or alert["returned_at"]
    stop = now if ended is None else min(now, ended + _AFTER)
    stop = max(stop, alert["onset"] + _AFTER)
    return max(alert["onset"] - BEFORE, stop - _LONGEST), stop
