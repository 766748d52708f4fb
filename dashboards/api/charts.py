"""`/sensors/{id}/chart`: a sensor in columns, beside the habit of its home; what pages draw their charts from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import numpy as np
from fastapi import APIRouter, Path, Query

from dashboards.access import Scoped, Viewer
from dashboards.context import Given
from dashboards.pictures.chart_columns import (
    HABIT_DAYS,
    QUARTER,
    Cells,
    Columns,
    Grid,
    Measure,
    Silence,
    columns,
    grid,
    width_for,
)
from dashboards.problems import Refusal, documented, not_found
from dashboards.shapes.charts import Chart, Excuse, Gap, Habit
from dashboards.shapes.terms import Instant
from registry.instants import DAY, HOUR, SECOND, to_datetime, to_micros
from registry.quantities import BY_LABEL, SCALES, Quantity
from registry.readings import Values
from storage.views import Row, View, habits
from storage.views import readings as sensors

_LONGEST: Final = timedelta(days=367)
_USUAL: Final = timedelta(days=1)
_PEAKS: Final = frozenset({Quantity.SMOKE, Quantity.ALARM, Quantity.TAMPER})


def router() -> APIRouter:
    """Return the address of charts."""
    routes = APIRouter(tags=["sensors"])

    @routes.get(
        "/sensors/{sensor_id:path}/chart",
        summary="What a sensor told in columns, beside the habit of its home",
        responses=documented(404),
    )
    def chart(
        sensor_id: Annotated[str, Path(description="`{device}/{quantity}`", examples=["meter-1/volume"])],
        _who: Viewer,
        view: Scoped,
        given: Given,
        begin: Annotated[Instant | None, Query(alias="from", description="A day before `to`, if left out")] = None,
        end: Annotated[Instant | None, Query(alias="to", description="Now, if left out")] = None,
    ) -> Chart:
        device, _, quantity = sensor_id.rpartition("/")
        sensor = sensors.sensor(view, device, quantity)
        if sensor is None:
            raise not_found("sensor")
        stop = end or given.now()
        start = begin or stop - _USUAL
        if not timedelta(0) < stop - start <= _LONGEST:
            raise Refusal(422, f"query.from: write a moment before `to`, at most {_LONGEST.days} days")
        return _chart(view, sensor, start, stop, given.now())

    return routes


def measure_of(quantity: Quantity) -> Measure:
    """Return what stands for a bucket of a quantity's readings."""
    if quantity.cumulative:
        return "use"
    return "max" if quantity in _PEAKS else "mean"


def cells_of(view: View, sensor: int, start: datetime, stop: datetime, width: int, measure: Measure) -> Cells:
    """Return what a sensor told in [start, stop), counted in stretches of `width`: an hour or a quarter of one.

    Hours of zones that differ from UTC by a part of an hour are put together from quarters.
    """
    whole = width == HOUR and to_micros(start) % HOUR == 0
    found = habits.cells(view, sensor, start=start, stop=stop, grain="hour" if whole else "quarter", measure=measure)
    return Cells(
        time=np.array([row["time"] for row in found], np.int64),
        readings=np.array([row["readings"] for row in found], np.int64),
        value=np.array([row["value"] for row in found], np.float64),  # None becomes NaN
        width=HOUR if whole else QUARTER,
    )


def _chart(view: View, sensor: Row, start: datetime, stop: datetime, now: datetime) -> Chart:
    quantity = BY_LABEL[sensor["quantity"]]
    measure, width = measure_of(quantity), width_for(stop - start)
    over = grid(start, stop, width, sensor["zone"])
    known_from, until = to_datetime(int(over.edges[0])), to_datetime(int(over.edges[-1]))
    cells = cells_of(view, sensor["id"], known_from, until, HOUR if width == DAY else QUARTER, measure)
    absences = habits.away(view, sensor["household"], start=known_from, stop=until)
    away = [(to_micros(row["starts"]), to_micros(row["ends"])) for row in absences]
    drawn = columns(cells, over, measure, now=to_micros(now), away=away)
    first = to_datetime(int(drawn.times[0]))
    return Chart(
        sensor=f"{sensor['device']}/{sensor['quantity']}",
        household=sensor["household"],
        quantity=sensor["quantity"],
        unit=SCALES[quantity].si,
        zone=sensor["zone"],
        measure=measure,
        start=first,
        stop=until,
        width=width // SECOND,
        times=(drawn.times // SECOND).tolist(),
        values=_column(drawn.values),
        habit=_habit(drawn),
        gaps=[_gap(one) for one in drawn.silences or _ever_since(view, sensor["id"], cells, over, now)],
        absences=[_excuse(row) for row in absences if row["ends"] > first],
        maintenance=[_excuse(row) for row in habits.announced(view, sensor["household"], start=first, stop=until)],
    )


def _ever_since(view: View, sensor: int, cells: Cells, over: Grid, now: datetime) -> list[Silence]:
    """Return the silence of a sensor of which nothing was heard for longer than a chart looks back."""
    begin, end = int(over.edges[over.shown]), min(int(over.edges[-1]), to_micros(now))
    if len(cells.time) or end <= begin:
        return []
    last = habits.last_before(view, sensor, to_datetime(begin))
    return [] if last is None else [Silence(to_micros(last["time"]), end)]


def _habit(drawn: Columns) -> Habit | None:
    if not np.isfinite(drawn.habit).any():
        return None
    low, usual, high = (_column(row) for row in drawn.habit)
    return Habit(days=HABIT_DAYS, low=low, usual=usual, high=high)


def _gap(silence: Silence) -> Gap:
    return Gap(begin=to_datetime(silence.begin), end=to_datetime(silence.end), use=silence.use)


def _excuse(row: Row) -> Excuse:
    return Excuse(begin=row["starts"].astimezone(UTC), end=row["ends"].astimezone(UTC), reason=row["reason"])


def _column(values: Values) -> list[float | None]:
    # More digits than a meter has are only more bytes.
    return [None if value != value else round(value, 3) for value in values.tolist()]  # noqa: PLR0124 - NaN
