"""`/maintenance`: announced work, while which alerts are kept quiet, and raised at its end if they are still so."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field, model_validator

from dashboards.access import Conn, Officer, Scoped, Viewer
from dashboards.context import Given
from dashboards.paging import Page, Paged
from dashboards.problems import documented, not_found
from dashboards.shapes.terms import Asked, Instant, Shown, Word
from detectors.finding import Kind
from storage import maintenance
from storage.views import maintenance as queries


class NewMaintenance(Asked):
    """Announce work. `area` (a code prefix) or `household` says where; what is left out is not narrowed down."""

    area: Word | None = Field(default=None, examples=["44010301"])
    household: Word | None = None
    gateway: Word | None = Field(default=None, description="Only homes with a device behind it")
    kinds: list[Kind] | None = Field(default=None, description="Only these; smoke is never kept quiet")
    starts: Instant = Field(examples=["2026-11-05T01:00:00Z"])
    ends: Instant = Field(examples=["2026-11-05T09:00:00Z"])
    reason: Word = Field(examples=["The water company flushes the mains"])

    @model_validator(mode="after")
    def _sensible(self) -> NewMaintenance:
        if (self.area is None) == (self.household is None):
            raise ValueError("give either `area` or `household`")
        if self.ends <= self.starts:
            raise ValueError("`ends` must lie after `starts`")
        if self.kinds is not None and (not self.kinds or Kind.SMOKE in self.kinds):
            raise ValueError("name at least one kind, and not smoke: no work keeps a fire quiet")
        return self


class Maintenance(Shown):
    """Announced work."""

    id: int
    area: str
    household: str | None
    gateway: str | None
    kinds: list[str] | None = Field(description="Every kind but smoke, if null")
    starts: datetime
    ends: datetime
    reason: str
    made_by: str
    made_at: datetime
    waiting: int = Field(description="How many alerts wait there for announced work to end")


def router() -> APIRouter:
    """Return the addresses of announced work."""
    routes = APIRouter(tags=["maintenance"])

    @routes.get("/maintenance", summary="List announced work, the latest to begin first", responses=documented())
    def list_maintenance(
        _who: Viewer,
        view: Scoped,
        paging: Paged,
        since: Annotated[Instant | None, Query(description="Only what ends after this moment")] = None,
    ) -> Page[Maintenance]:
        after = paging.after(tuple[datetime, int])
        rows = queries.listed(view, limit=paging.limit + 1, since=since, after=after)
        return paging.page(rows, Maintenance.model_validate, lambda row: (row["starts"], row["id"]))

    @routes.post(
        "/maintenance",
        status_code=201,
        summary="Announce work: alerts there wait for its end",
        responses=documented(404),
    )
    def announce(asked: NewMaintenance, who: Officer, view: Scoped, conn: Conn, given: Given) -> Maintenance:
        area = queries.area_of(view, asked.household) if asked.household is not None else asked.area
        if area is None or not who.sees(area):
            raise not_found("household" if asked.household is not None else "area")
        number = maintenance.add(
            conn,
            area=area,
            household=asked.household,
            gateway=asked.gateway,
            kinds=[kind.value for kind in asked.kinds] if asked.kinds is not None else None,
            starts=asked.starts,
            ends=asked.ends,
            reason=asked.reason,
            made_by=who.actor,
            made_at=given.now(),
        )
        return Maintenance.model_validate(queries.one(view, number))

    @routes.delete(
        "/maintenance/{number}",
        status_code=204,
        summary="End announced work now: what is still reported is raised at once",
        responses=documented(404),
    )
    def end(number: Annotated[int, Field(ge=1, lt=2**63)], who: Officer, conn: Conn, given: Given) -> Response:
        with conn.transaction():
            if not maintenance.remove(conn, number, who.area, given.now()):
                raise not_found("announced work")
        return Response(status_code=204)

    return routes
