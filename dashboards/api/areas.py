"""`/areas`: which there are, and how each performs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query

from alerts.checks.performance import Result, Wait, band
from dashboards.access import Scoped, Viewer
from dashboards.context import Given
from dashboards.paging import Page, Paged
from dashboards.problems import Refusal, documented, not_found
from dashboards.shapes.performance import AreaPerformance, Delay, Performance, Target, Visits, Waits
from dashboards.shapes.registry import Area
from dashboards.shapes.terms import Instant, severity_word
from detectors.finding import Kind, Severity
from storage.views import Row, View
from storage.views import performance as queries
from storage.views import registry as areas

_USUAL: Final = timedelta(days=30)


def router() -> APIRouter:
    """Return the addresses of areas."""
    routes = APIRouter(tags=["areas"])

    @routes.get("/areas", summary="List areas by code", responses=documented())
    def list_areas(_who: Viewer, view: Scoped, paging: Paged) -> Page[Area]:
        rows = areas.areas(view, limit=paging.limit + 1, after=paging.after(str))
        return paging.page(rows, Area.model_validate, lambda row: row["code"])

    @routes.get(
        "/areas/{code}/performance",
        summary="How an area performs: counts, waits, targets, and the same for the areas below it",
        responses=documented(404),
    )
    def performance(
        code: Annotated[str, Path(description="The area and everything inside it")],
        _who: Viewer,
        view: Scoped,
        given: Given,
        begin: Annotated[Instant | None, Query(alias="from", description="30 days before `to`, if left out")] = None,
        end: Annotated[Instant | None, Query(alias="to", description="Now, if left out")] = None,
        kind: Annotated[Kind | None, Query(description="Alerts of this kind only")] = None,
        severity: Annotated[str | None, Query(pattern="^(low|medium|high|urgent)$")] = None,
    ) -> Performance:
        return measured(view, code, given.now(), begin, end, kind, severity)

    return routes


def measured(
    view: View,
    code: str,
    now: datetime,
    begin: datetime | None = None,
    end: datetime | None = None,
    kind: Kind | None = None,
    severity: str | None = None,
) -> Performance:
    """Return how an area performed from `begin` to `end`, the last 30 days if those are left out.

    Raises:
        Refusal: (404) there is no such area, or the reader may not see it; (422) it begins after it ends.
    """
    area = areas.area(view, code)
    if area is None:
        raise not_found("area")
    stop = end or now
    start = begin or stop - _USUAL
    if start > stop:
        raise Refusal(422, "query.from: write a moment that is not after `to`")
    level = None if severity is None else Severity[severity.upper()].value
    which = None if kind is None else kind.value
    chosen = queries.Chosen(code, start, stop, now, which, level)
    found = queries.measured(view, chosen)
    (everything, *by_severity), counts = found.delays, found.counts
    here, children = None, []
    for row in found.results:
        if row["code"] == code:
            here = _area(row)
        else:
            children.append(_area(row))
    if here is None:  # it was there a moment ago
        raise not_found("area")
    visits = queries.visits(view, code, start=start, stop=stop)
    household_days = here.households * (stop - start) / timedelta(days=1)
    waits = _waits(everything)
    return Performance(
        area=Area.model_validate(area),
        start=start,
        end=stop,
        alerts=everything["alerts"],
        open=everything["open"],
        suppressed=everything["suppressed"],
        by_kind=_by(counts, "kind"),
        by_severity={severity_word(int(level)): n for level, n in _by(counts, "severity").items()},
        by_outcome=_by(counts, "outcome"),
        first_notification=waits.first_notification,
        acknowledgement=waits.acknowledgement,
        visit=waits.visit,
        closing=waits.closing,
        severities={severity_word(row["severity"]): _waits(row) for row in by_severity},
        visits=Visits(
            needed=visits["needed"],
            false=visits["false"],
            false_per_1000_days=1000 * visits["false"] / household_days if household_days else None,
        ),
        band=here.band,
        targets=here.targets,
        children=children,
    )


def _by(counts: list[Row], column: str) -> dict[str, int]:
    return {str(row[column]): row["alerts"] for row in counts if row[column] is not None}


def _waits(row: Row) -> Waits:
    return Waits(alerts=row["alerts"], **{wait.value: _delay(row, wait) for wait in Wait})


def _delay(row: Row, wait: Wait) -> Delay:
    what = queries.COLUMNS[wait]
    seconds, share = queries.USUAL[wait]
    return Delay(
        count=row[what],
        median_seconds=row[f"{what}_median"],
        p90_seconds=row[f"{what}_p90"],
        p99_seconds=row[f"{what}_p99"],
        target_seconds=seconds,
        target_share=share,
        share_in_time=row[f"{what}_within"],
    )


def _area(row: Row) -> AreaPerformance:
    results: list[Result] = row["results"]
    return AreaPerformance(
        area=Area(code=row["code"], level=row["level"], name=row["name"]),
        alerts=row["alerts"],
        households=row["households"],
        band=band(results),
        targets=[
            Target(
                name=one.target.name,
                wait=one.target.wait,
                severity=one.target.severity.label if one.target.severity else None,
                target_seconds=one.target.seconds,
                target_share=one.target.share,
                count=one.count,
                in_time=one.in_time,
                share=one.share,
                met=one.met,
            )
            for one in results
        ],
    )
