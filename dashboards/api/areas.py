"""`/areas`: which there are, and how each performs."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response

from alerts.checks.performance import HEARD, TARGETS, Result, Wait, band, coverage_band, visits_band
from dashboards.access import Scoped, Viewer
from dashboards.context import Given
from dashboards.paging import Page, Paged
from dashboards.problems import Refusal, documented, not_found
from dashboards.shapes.performance import AreaPerformance, Coverage, Delay, Performance, Target, Visits, Waits
from dashboards.shapes.registry import Area
from dashboards.shapes.terms import Instant, severity_word
from detectors.finding import Kind, Severity
from storage.views import Row, View, coverage
from storage.views import performance as queries
from storage.views import registry as areas

GEOJSON: Final = "application/geo+json"
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
        return measured(view, code, given, begin, end, kind, severity)

    @routes.get(
        "/shapes",
        summary="The shapes of an area and of those right below it, as GeoJSON",
        response_class=Response,
        responses={200: {"content": {GEOJSON: {"schema": {"type": "object"}}}}, **documented()},
    )
    def shapes(
        _who: Viewer,
        view: Scoped,
        area: Annotated[str, Query(max_length=200, description="Everywhere, if left out")] = "",
    ) -> Response:
        features = [
            {"type": "Feature", "id": row["code"], "properties": {"name": row["name"]}, "geometry": row["shape"]}
            for row in coverage.shapes(view, area)
        ]
        told = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
        return Response(told, media_type=GEOJSON, headers={"Cache-Control": "private, max-age=600"})

    return routes


def measured(
    view: View,
    code: str,
    given: Given,
    begin: datetime | None = None,
    end: datetime | None = None,
    kind: Kind | None = None,
    severity: str | None = None,
) -> Performance:
    """Return how an area performed from `begin` to `end`, the last 30 days if those are left out; '' is everywhere.

    Raises:
        Refusal: (404) there is no such area, or the reader may not see it; (422) it begins after it ends.
    """
    area = areas.area(view, code)
    if area is None and code:
        raise not_found("area")
    now = given.now()
    stop = end or now
    start = begin or stop - _USUAL
    if start > stop:
        raise Refusal(422, "query.from: write a moment that is not after `to`")
    level = None if severity is None else Severity[severity.upper()].value
    which = None if kind is None else kind.value
    found = queries.measured(view, queries.Chosen(code, start, stop, now, which, level))
    homes = coverage.coverage(view, code)
    (everything, *by_severity), counts = found.delays, found.counts
    days, accepted = (stop - start) / timedelta(days=1), given.false_visits_per_1000_days
    below = [row for row in found.results if row["code"] != code]
    here = next((row for row in found.results if row["code"] == code), _all(below))
    all_homes = homes.get(code) or {key: sum(row[key] for row in homes.values()) for key in coverage.COUNTS}
    waits, standing = _waits(everything), _standing(here, all_homes, days, accepted)
    return Performance(
        area=None if area is None else Area.model_validate(area),
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
        children=[
            AreaPerformance(area=Area.model_validate(row), **_standing(row, homes[row["code"]], days, accepted))
            for row in below
        ],
        visits=standing["visits"],
        coverage=standing["coverage"],
        band=standing["band"],
        targets=standing["targets"],
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


def _all(rows: list[Row]) -> Row:
    """Return the results of all areas together."""
    return {
        "alerts": sum(row["alerts"] for row in rows),
        "needed": sum(row["needed"] for row in rows),
        "false": sum(row["false"] for row in rows),
        "results": [
            Result(target, sum(one.count for one in each), sum(one.in_time for one in each))
            for target, each in zip(TARGETS, zip(*(row["results"] for row in rows), strict=True), strict=False)
        ],
    }


def _standing(row: Row, homes: Row, days: float, accepted: float) -> dict[str, Any]:
    results: list[Result] = row["results"]
    return {
        "alerts": row["alerts"],
        "households": homes["homes"],
        "band": band(results),
        "targets": [
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
        "visits": _visits(row, homes["homes"] * days, accepted),
        "coverage": _coverage(homes),
    }


def _visits(row: Row, home_days: float, accepted: float) -> Visits:
    return Visits(
        needed=row["needed"],
        false=row["false"],
        false_per_1000_days=1000 * row["false"] / home_days if home_days else None,
        accepted_per_1000_days=accepted,
        band=visits_band(row["false"], home_days, accepted / 1000),
    )


def _coverage(homes: Row) -> Coverage:
    heard = homes["homes"] - homes["unequipped"] - homes["silent"]
    return Coverage(
        homes=homes["homes"],
        unequipped=homes["unequipped"],
        silent=homes["silent"],
        heard=heard,
        share=heard / homes["homes"] if homes["homes"] else None,
        target_share=HEARD,
        band=coverage_band(heard, homes["homes"]),
    )
