"""`/incidents`: what befell whole areas: a blackout, a water cut, a gateway that fell silent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from dashboards import present
from dashboards.access import Scoped, Viewer
from dashboards.paging import Page, Paged
from dashboards.problems import documented
from dashboards.shapes.alerts import Incident
from dashboards.shapes.terms import Word
from dashboards.words.languages import Language
from storage.views import incidents as queries


def router() -> APIRouter:
    """Return the address of incidents."""
    routes = APIRouter(tags=["incidents"])

    @routes.get("/incidents", summary="List incidents, the newest raised first", responses=documented())
    def list_incidents(
        _who: Viewer,
        view: Scoped,
        paging: Paged,
        language: Language,
        area: Annotated[Word | None, Query(description="Code prefix: inside that area, or around it")] = None,
        status: Annotated[Literal["open", "ended"] | None, Query(description="Both, if left out")] = None,
    ) -> Page[Incident]:
        rows = queries.listed(
            view, limit=paging.limit + 1, area=area or "", status=status, after=paging.after(tuple[datetime, UUID])
        )
        return paging.page(rows, lambda row: present.incident(row, language), lambda row: (row["raised_at"], row["id"]))

    return routes
