"""One sensor's readings, as they came or in buckets. A bucket without a report is there, and empty."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

from storage.views import Row, View

_SENSOR = """
SELECT s.id, s.device, s.quantity, d.household, h.zone
FROM sensor s
JOIN device d ON d.id = s.device
JOIN household h ON h.id = d.household
WHERE s.device = %(device)s AND s.quantity = %(quantity)s AND starts_with(h.area, %(scope)s)
"""

_RAW = """
SELECT r.time, r.value, r.use, r.flags
FROM seen_reading r
JOIN sensor s ON s.id = r.sensor
JOIN device d ON d.id = s.device
JOIN household h ON h.id = d.household
WHERE r.sensor = %(sensor)s AND starts_with(h.area, %(scope)s)
  AND r.time >= %(start)s AND r.time < %(stop)s
  AND (%(after)s::timestamptz IS NULL OR r.time > %(after)s)
ORDER BY r.time
LIMIT %(limit)s
"""

# date_bin works on any PostgreSQL since 14; time_bucket would give the same with TimescaleDB.
_BUCKETS = """
WITH filled AS (
    SELECT date_bin(%(every)s, part.bucket, %(start)s) AS time, sum(part.readings)::bigint AS count,
           sum(part.use) AS use, min(part.low) AS min, max(part.high) AS max,
           sum(part.total) / sum(part.readings)::double precision AS mean
    FROM {parts}(%(sensor)s, %(start)s, %(start)s + %(every)s * %(limit)s::integer) part
    WHERE EXISTS (
        SELECT FROM sensor s
        JOIN device d ON d.id = s.device
        JOIN household h ON h.id = d.household
        WHERE s.id = %(sensor)s AND starts_with(h.area, %(scope)s)
    )
    GROUP BY 1
)
SELECT bucket.time, coalesce(filled.count, 0) AS count, filled.use, filled.min, filled.max, filled.mean
FROM (SELECT %(start)s + %(every)s * n AS time FROM generate_series(0, %(limit)s::integer - 1) AS n) bucket
LEFT JOIN filled USING (time)
WHERE bucket.time < %(stop)s
ORDER BY bucket.time
"""

_ORIGIN: Final = datetime(2000, 1, 1, tzinfo=timezone(timedelta(hours=8)))
_AGGREGATES: Final = (
    (timedelta(days=1), "days_of"),
    (timedelta(hours=1), "hours_of"),
    (timedelta(minutes=15), "quarters_of"),
)
"""What is counted already, the coarsest first: buckets of so much since the origin (migration 0012)."""


def sensor(view: View, device: str, quantity: str) -> Row | None:
    """Return one sensor with its household and zone, None where there is none or it is out of scope."""
    return view.row(_SENSOR, device=device, quantity=quantity)


def raw(
    view: View,
    sensor: int,
    *,
    start: datetime,
    stop: datetime,
    limit: int,
    after: datetime | None = None,
) -> list[Row]:
    """Return readings of [start, stop) as they were sent, by event time, from behind `after` on."""
    return view.rows(_RAW, sensor=sensor, start=start, stop=stop, limit=limit, after=after)


def buckets(view: View, sensor: int, *, start: datetime, stop: datetime, every: timedelta, limit: int) -> list[Row]:
    """Return at most `limit` buckets of width `every` that begin in [start, stop), the first at `start`.

    `count` is the number of readings; the rest is None where that is 0 (the sensor did not report), and `use`
    also where no reading of the bucket has a known difference to its predecessor. They are put together from the
    coarsest aggregate whose own buckets fit, from readings where none does.
    """
    query = _BUCKETS.format(parts=parts(start, every))
    return view.rows(query, sensor=sensor, start=start, stop=stop, every=every, limit=limit)


def parts(start: datetime, every: timedelta) -> str:
    """Return the name of the database's function that buckets of this width from `start` on are put together from."""
    for width, name in _AGGREGATES:
        if not every % width and not (start - _ORIGIN) % width:
            return name
    return "readings_of"
