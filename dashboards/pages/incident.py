"""`/incidents/{id}`: one incident, and every alert that it keeps quiet; ten thousand have no room on the board."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from dashboards.access import Scoped
from dashboards.pages.frame import Framed
from dashboards.paging import Paged
from dashboards.problems import not_found
from storage.views import alerts, incidents


def router() -> APIRouter:
    """Return the page of an incident."""
    routes = APIRouter()

    @routes.get("/incidents/{incident_id}")
    def page_incident(incident_id: UUID, around: Framed, view: Scoped, paging: Paged) -> Response:
        incident = incidents.one(view, incident_id)
        if incident is None:
            raise not_found("incident")
        after = paging.after(tuple[datetime, UUID])
        rows = alerts.listed(view, limit=paging.limit + 1, storm=incident_id, after=after)
        page = paging.page(rows, lambda row: row, lambda row: (row["raised_at"], row["id"]))
        return around.page("incident.html", incident=incident, alerts=page.items, next=page.next)

    return routes
