"""`/reveal/…` and `/call/…`: a number or an address whole, for somebody who says why."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dashboards.access import Caseworker, Scoped
from dashboards.pages.frame import Form, Framed
from dashboards.privacy.revealing import Kind, reason, reveal
from dashboards.problems import Refusal


def router() -> APIRouter:
    """Return what shows a number or an address, and what calls a number."""
    routes = APIRouter()

    @routes.post("/reveal/{kind}/{key:path}")
    def shown(
        kind: Kind, key: str, request: Request, around: Framed, fields: Form, who: Caseworker, view: Scoped
    ) -> Response:
        text = reveal(view, request, who, kind, key, reason(fields))
        template = "parts/revealed.html" if "hx-request" in request.headers else "reveal.html"
        return around.page(template, kind=kind, key=key, text=text)

    @routes.get("/call/{person:path}")
    def call(person: str, request: Request, who: Caseworker, view: Scoped) -> Response:
        # A link, because telephones dial at a touch of one; but a page of somebody else's must not make them do it.
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Refusal(403, "Call from our own pages: open the alert or the household, and touch the number there")
        return RedirectResponse(f"tel:{reveal(view, request, who, 'phone', person, 'call')}", 303)

    return routes
