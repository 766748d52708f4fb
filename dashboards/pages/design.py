"""`/design`: the signs, colours, sizes and pieces that all pages are made of, drawn with the very same classes."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from dashboards.pages.frame import Framed

_SEVERITIES: Final = (4, 3, 2, 1)
_STATUSES: Final = ("unacknowledged", "acknowledged", "returned", "shelved", "suppressed")
_CALLS: Final = ("ringing", "delivered", "answered", "missed", "failed")
_BANDS: Final = ("ahead", "on_target", "just_short", "short", "far_short")
_SIZES: Final = ("small", "text", "large", "title", "huge")
_GAPS: Final = ("1", "2", "3", "4", "6")


def router() -> APIRouter:
    """Return the page of the design system."""
    routes = APIRouter()

    @routes.get("/design")
    def page(around: Framed) -> Response:
        return around.page(
            "design.html",
            levels=_SEVERITIES,
            statuses=_STATUSES,
            calls=_CALLS,
            bands=_BANDS,
            sizes=_SIZES,
            gaps=_GAPS,
        )

    return routes
