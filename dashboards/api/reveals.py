"""`/reveals`: a number or an address whole, for somebody who says why."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request

from dashboards.access import Caseworker, Scoped
from dashboards.privacy.revealing import reveal
from dashboards.problems import documented
from dashboards.shapes.reveals import NewReveal, Reveal


def router() -> APIRouter:
    """Return the address of reveals."""
    routes = APIRouter(tags=["people"])

    @routes.post("/reveals", status_code=201, summary="See a number or an address whole", responses=documented(404))
    def add_reveal(asked: NewReveal, request: Request, who: Caseworker, view: Scoped) -> Reveal:
        text = reveal(view, request, who, asked.kind, asked.of, asked.reason)
        return Reveal(kind=asked.kind, of=asked.of, text=text)

    return routes
