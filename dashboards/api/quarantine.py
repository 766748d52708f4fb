"""`/quarantine`: messages that could not be accepted, with a reason their vendor can act on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from dashboards import present
from dashboards.access import VendorOrOperator, VendorScoped
from dashboards.paging import Page, Paged
from dashboards.problems import documented
from dashboards.shapes.telemetry import Refused
from dashboards.shapes.terms import Word
from storage.views import quarantine as queries


def router() -> APIRouter:
    """Return the addresses of the quarantine."""
    routes = APIRouter(tags=["quarantine"])

    @routes.get("/quarantine", summary="List refused messages, the newest first", responses=documented())
    def list_refused(
        _who: VendorOrOperator,
        view: VendorScoped,
        paging: Paged,
        gateway: Annotated[Word | None, Query(description="Of this gateway only")] = None,
        reason: Annotated[Word | None, Query(description="Of this reason only", examples=["unknown_device"])] = None,
    ) -> Page[Refused]:
        rows = queries.listed(
            view,
            limit=paging.limit + 1,
            gateway=gateway,
            reason=reason,
            after=paging.after(tuple[datetime, int]),
        )
        return paging.page(rows, present.refused, lambda row: (row["at"], row["id"]))

    return routes
