"""`/sensors/{id}/readings`: what a sensor reported, raw or in buckets, with its silences visible."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query

from dashboards import present
from dashboards.access import Scoped, Viewer
from dashboards.context import Given
from dashboards.paging import Paged
from dashboards.problems import Refusal, documented, not_found
from dashboards.shapes.telemetry import Series
from dashboards.shapes.terms import Instant
from registry.quantities import BY_LABEL, SCALES
from storage.views import Row
from storage.views import readings as queries

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WIDTH: Final = r"^[1-9]\d{0,6}[smhd]$"
_WIDEST: Final = timedelta(days=366)
_USUAL: Final = timedelta(days=1)


def router() -> APIRouter:
    """Return the addresses of sensors."""
    routes = APIRouter(tags=["sensors"])

    @routes.get(
        "/sensors/{sensor_id:path}/readings",
        summary="What a sensor reported, raw or in buckets",
        responses=documented(404),
    )
    def list_readings(
        sensor_id: Annotated[str, Path(description="`{device}/{quantity}`", examples=["meter-1/volume"])],
        _who: Viewer,
        view: Scoped,
        given: Given,
        paging: Paged,
        begin: Annotated[Instant | None, Query(alias="from", description="A day before `to`, if left out")] = None,
        end: Annotated[Instant | None, Query(alias="to", description="Now, if left out")] = None,
        every: Annotated[
            str | None,
            Query(
                pattern=_WIDTH,
                description="Width of a bucket; raw readings if left out. Buckets are whole and begin at the "
                "household's midnight.",
                examples=["15m", "1h", "1d"],
            ),
        ] = None,
    ) -> Series:
        device, _, quantity = sensor_id.rpartition("/")
        sensor = queries.sensor(view, device, quantity)
        if sensor is None:
            raise not_found("sensor")
        stop = end or given.now()
        start = begin or stop - _USUAL
        if start > stop:
            raise Refusal(422, "query.from: write a moment that is not after `to`")
        series = Series(
            sensor=sensor_id,
            household=sensor["household"],
            unit=SCALES[BY_LABEL[quantity]].si,
            zone=sensor["zone"],
            items=[],
            next=None,
        )
        after = paging.after(datetime)
        if every is None:
            raw = queries.raw(view, sensor["id"], start=start, stop=stop, limit=paging.limit + 1, after=after)
            page = paging.page(raw, present.reading, lambda row: row["time"])
            return series.model_copy(update=dict(page))
        width = _width(every)
        first = after + width if after else bucket_start(start, width, sensor["zone"])
        rows: list[Row] = []
        if first < stop:
            rows = queries.buckets(view, sensor["id"], start=first, stop=stop, every=width, limit=paging.limit + 1)
        buckets = paging.page(rows, present.bucket, lambda row: row["time"])
        return series.model_copy(update=dict(buckets))

    return routes


def _width(text: str) -> timedelta:
    match = re.fullmatch(r"(\d+)([smhd])", text)
    width = timedelta(seconds=int(match[1]) * _UNITS[match[2]]) if match else timedelta(0)
    if not timedelta(0) < width <= _WIDEST:
        raise Refusal(422, "query.every: write a width of at most 366d, such as 15m, 1h or 1d")
    return width


def bucket_start(moment: datetime, width: timedelta, zone: str) -> datetime:
    """Return where the bucket begins that holds `moment`, counted from midnight of its day in `zone`."""
    midnight = datetime.combine(moment.astimezone(ZoneInfo(zone)).date(), time.min, ZoneInfo(zone))
    return midnight.astimezone(UTC) + (moment - midnight) // width * width
