"""`/areas/{code}`: how well alarms are answered there, on a map and as a table of the areas below, in five bands."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from dashboards.access import Scoped
from dashboards.api.areas import measured
from dashboards.context import Given
from dashboards.league import COLUMNS, MEASURES, PERIODS, Choice, Chosen, ranked
from dashboards.pages.frame import Framed
from storage.views import View, coverage
from storage.views import performance as queries


def router() -> APIRouter:
    """Return the pages of areas."""
    routes = APIRouter()

    @routes.get("/areas")
    def everywhere(around: Framed, view: Scoped, given: Given, choice: Choice) -> Response:
        found = queries.tops(view)
        if len(found) == 1:
            return RedirectResponse(choice.address(found[0]["code"]), 303)
        if not found:
            return around.page("areas.html")
        return around.page("area.html", **_filled(view, given, "", choice))

    @routes.get("/areas/{code}")
    def page(code: str, around: Framed, view: Scoped, given: Given, choice: Choice) -> Response:
        return around.page("area.html", **_filled(view, given, code, choice))

    return routes


def _filled(view: View, given: Given, code: str, choice: Chosen) -> dict[str, object]:
    now = given.now()
    shown = measured(view, code, given, begin=now - timedelta(days=choice.days), end=now)
    return {
        "code": code,
        "shown": shown,
        "league": ranked(shown.children, choice.sort, descending=choice.order == "desc"),
        "above": queries.above(view, code),
        "several": queries.cities(view) > 1,
        "choice": choice,
        "periods": PERIODS,
        "columns": tuple(COLUMNS),
        "measures": tuple(MEASURES),
        "map": bool(shown.children) and coverage.has_shapes(view, code),
        "tiles": given.tiles,
    }
