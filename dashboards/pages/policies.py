"""`/policies`: every escalation ladder as a picture and in words."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from dashboards.context import Given
from dashboards.ladders import pictures
from dashboards.pages.frame import Framed


def router() -> APIRouter:
    """Return the page of policies."""
    routes = APIRouter()

    @routes.get("/policies")
    def page(around: Framed, given: Given) -> Response:
        return around.page("policies.html", policies=pictures(given.policies, around.language))

    return routes
