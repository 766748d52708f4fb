"""What the detection lab reads: households to choose from, what was raised in them, and their readings of the past."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np

from registry.instants import to_micros
from registry.readings import Flag, ReadingBatch
from storage.scoping import confined
from storage.views import Row, View

_HOME = """
SELECT id, area, zone FROM household WHERE id = %(id)s AND starts_with(area, %(scope)s)
"""
_TROUBLED = """
SELECT h.id, area.name AS area_name, count(*) AS alerts
FROM alert a JOIN household h ON h.id = a.household JOIN area ON area.code = h.area
WHERE a.raised_at >= %(since)s AND starts_with(h.area, %(scope)s)
GROUP BY h.id, area.name ORDER BY alerts DESC, h.id LIMIT %(limit)s
"""
_BESIDE = """
SELECT id FROM household
WHERE area = %(area)s AND id <> %(id)s AND starts_with(area, %(scope)s)
  AND EXISTS (SELECT FROM device WHERE device.household = household.id)
ORDER BY id LIMIT %(limit)s
"""
_RAISED = """
SELECT a.id::text AS id, a.household, a.kind, a.severity, a.rule, a.onset, a.raised_at, a.closed_at, a.outcome,
       a.facts, h.zone
FROM alert a JOIN household h ON h.id = a.household
WHERE a.household = ANY(%(households)s) AND a.raised_at >= %(since)s AND a.raised_at < %(until)s
  AND starts_with(h.area, %(scope)s)
ORDER BY a.raised_at, a.id LIMIT %(limit)s
"""
_DEVICES = """
SELECT d.id, d.household, d.gateway, h.zone, h.area, h.category, h.risk
FROM device d JOIN household h ON h.id = d.household
WHERE (d.household = ANY(%(households)s) OR d.id = ANY(%(devices)s)) AND starts_with(h.area, %(scope)s)
ORDER BY d.id
"""
_ABSENCES = """
SELECT a.household, a.starts, a.ends FROM absence a JOIN household h ON h.id = a.household
WHERE a.household = ANY(%(households)s) AND starts_with(h.area, %(scope)s) ORDER BY a.starts
"""
_AREAS = "SELECT code FROM area WHERE starts_with(code, %(scope)s) ORDER BY code"
_SENSORS = """
SELECT s.id, s.device, s.quantity
FROM sensor s JOIN device d ON d.id = s.device JOIN household h ON h.id = d.household
WHERE d.household = ANY(%(households)s) AND starts_with(h.area, %(scope)s) ORDER BY s.id
"""
_READINGS = """
SELECT r.sensor, (extract(epoch FROM r.time) * 1000000)::bigint, r.value
FROM seen_reading r
WHERE r.sensor = ANY(%s) AND r.time >= %s AND r.time < %s AND r.flags & %s = 0
ORDER BY r.time, r.sensor
"""
_SLICE = timedelta(days=7)


def home(view: View, household: str) -> Row | None:
    """Return a household's area and zone, None where there is none of that id."""
    return view.row(_HOME, id=household)


def troubled(view: View, since: datetime, *, limit: int) -> list[Row]:
    """Return the households with most alerts since a moment: whom one would like to look into."""
    return view.rows(_TROUBLED, since=since, limit=limit)


def beside(view: View, household: str, area: str, *, limit: int) -> list[str]:
    """Return other households of the same area that have devices."""
    return [row["id"] for row in view.rows(_BESIDE, id=household, area=area, limit=limit)]


def raised(view: View, households: Sequence[str], since: datetime, until: datetime, *, limit: int) -> list[Row]:
    """Return the alerts of some households that were raised in a time, the first first."""
    return view.rows(_RAISED, households=list(households), since=since, until=until, limit=limit)


def devices(view: View, *, households: Sequence[str] = (), named: Sequence[str] = ()) -> list[Row]:
    """Return where devices hang: all of some households, and those of some names."""
    return view.rows(_DEVICES, households=list(households), devices=list(named))


def absences(view: View, households: Sequence[str]) -> list[Row]:
    """Return when households are known to be away."""
    return view.rows(_ABSENCES, households=list(households))


def areas(view: View) -> list[str]:
    """Return the codes of all areas of the reader."""
    return [row["code"] for row in view.rows(_AREAS)]


def sensors(view: View, households: Sequence[str]) -> list[Row]:
    """Return the sensors of some households: id, device and quantity."""
    return view.rows(_SENSORS, households=list(households))


def readings(
    view: View, numbers: Sequence[int], since: datetime, until: datetime
) -> Iterator[tuple[ReadingBatch, float]]:
    """Yield the scored readings of sensors by the order of their times, a week at once, and how much that is (0 to 1).

    The sensors are to be those of `sensors`, which knows the reader's area; each counts as received when it was taken.
    """
    begin = since
    while begin < until:
        end = min(begin + _SLICE, until)
        with view.conn.cursor(binary=True) as cursor:
            with confined(view.conn, view.scope):
                cursor.execute(_READINGS, (list(numbers), begin, end, int(Flag.LATE)))
            rows = cursor.fetchall()
        if rows:
            sensor, time, value = (np.array(column) for column in zip(*rows, strict=True))
            times = time.astype(np.int64)
            yield (
                ReadingBatch(sensor.astype(np.int32), times, value.astype(np.float64), times),
                _share(since, end, until),
            )
        begin = end


def _share(since: datetime, at: datetime, until: datetime) -> float:
    return (to_micros(at) - to_micros(since)) / (to_micros(until) - to_micros(since))
