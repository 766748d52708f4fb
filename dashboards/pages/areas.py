"""`/areas/{code}`: how well alarms are answered there, and in each area below, in five bands."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from alerts.checks.performance import Band
from dashboards.access import Scoped
from dashboards.api.areas import measured
from dashboards.pages.frame import Framed
from dashboards.shapes.performance import AreaPerformance
from storage.views import performance as queries
from storage.views import registry as areas

_PERIODS: Final = (1, 7, 30, 90)
_WORST_FIRST: Final = {band: place for place, band in enumerate(reversed(Band))}


def router() -> APIRouter:
    """Return the pages of areas."""
    routes = APIRouter()

    @routes.get("/areas")
    def tops(around: Framed, view: Scoped) -> Response:
        found = queries.tops(view)
        if len(found) == 1:
            return RedirectResponse(f"/areas/{found[0]['code']}", 303)
        return around.page("areas.html", tops=found)

    @routes.get("/areas/{code}")
    def page(code: str, around: Framed, view: Scoped, days: int = 30) -> Response:
        length = days if days in _PERIODS else 30
        shown = measured(view, code, around.now, begin=around.now - timedelta(days=length))
        around_it = [row for row in (areas.area(view, code[:end]) for end in range(1, len(code))) if row is not None]
        return around.page(
            "area.html",
            shown=shown,
            children=sorted(shown.children, key=_worst_first),
            above=around_it,
            days=length,
            periods=_PERIODS,
        )

    return routes


def _worst_first(one: AreaPerformance) -> tuple[int, str]:
    return (len(_WORST_FIRST) if one.band is None else _WORST_FIRST[one.band]), one.area.code
