"""`/areas`: which there are, and how each performs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query

from dashboards.access import Scoped, Viewer
from dashboards.context import Given
from dashboards.paging import Page, Paged
from dashboards.problems import Refusal, documented, not_found
from dashboards.shapes.performance import Delay, Performance, Visits
from dashboards.shapes.registry import Area
from dashboards.shapes.terms import Instant, severity_word
from storage.views import Row
from storage.views import performance as queries
from storage.views import registry as areas

_USUAL: Final = timedelta(days=30)

# Telecare services answer 97.5 % of alarms within 60 s and attend 90 % within 45 min (DESIGN §7); for the end of
# an alert there is no published figure: a day is what the review task of a policy allows.
_NOTIFIED: Final = (60.0, 0.975)
_ACKNOWLEDGED: Final = (45 * 60.0, 0.9)
_CLOSED: Final = (24 * 3600.0, 0.9)


def router() -> APIRouter:
    """Return the addresses of areas."""
    routes = APIRouter(tags=["areas"])

    @routes.get("/areas", summary="List areas by code", responses=documented())
    def list_areas(_who: Viewer, view: Scoped, paging: Paged) -> Page[Area]:
        rows = areas.areas(view, limit=paging.limit + 1, after=paging.after(str))
        return paging.page(rows, Area.model_validate, lambda row: row["code"])

    @routes.get(
        "/areas/{code}/performance",
        summary="How an area performs: counts, and median waits against their targets",
        responses=documented(404),
    )
    def performance(
        code: Annotated[str, Path(description="The area and everything inside it")],
        _who: Viewer,
        view: Scoped,
        given: Given,
        begin: Annotated[Instant | None, Query(alias="from", description="30 days before `to`, if left out")] = None,
        end: Annotated[Instant | None, Query(alias="to", description="Now, if left out")] = None,
    ) -> Performance:
        area = areas.area(view, code)
        if area is None:
            raise not_found("area")
        stop = end or given.now()
        start = begin or stop - _USUAL
        if start > stop:
            raise Refusal(422, "query.from: write a moment that is not after `to`")
        delays = queries.delays(
            view,
            code,
            start=start,
            stop=stop,
            notified_target=_NOTIFIED[0],
            acknowledged_target=_ACKNOWLEDGED[0],
            closed_target=_CLOSED[0],
        )
        counts = queries.counts(view, code, start=start, stop=stop)
        visits = queries.visits(view, code, start=start, stop=stop)
        return Performance(
            area=Area.model_validate(area),
            start=start,
            end=stop,
            alerts=delays["alerts"],
            open=delays["open"],
            suppressed=delays["suppressed"],
            by_kind=_by(counts, "kind"),
            by_severity={severity_word(int(level)): n for level, n in _by(counts, "severity").items()},
            by_outcome=_by(counts, "outcome"),
            first_notification=_delay(delays, "notified", _NOTIFIED),
            acknowledgement=_delay(delays, "acknowledged", _ACKNOWLEDGED),
            closing=_delay(delays, "closed", _CLOSED),
            visits=Visits(
                needed=visits["needed"],
                false=visits["false"],
                false_per_1000_days=1000 * visits["false"] / visits["household_days"]
                if visits["household_days"]
                else None,
            ),
        )

    return routes


def _by(counts: list[Row], column: str) -> dict[str, int]:
    return {str(row[column]): row["alerts"] for row in counts if row[column] is not None}


def _delay(row: Row, what: str, target: tuple[float, float]) -> Delay:
    return Delay(
        count=row[what],
        median_seconds=row[f"{what}_median"],
        target_seconds=target[0],
        target_share=target[1],
        share_in_time=row[f"{what}_within"],
    )
