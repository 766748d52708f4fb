"""What a sensor told, counted by quarters of an hour or by hours: what charts and maps of habits are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from storage.views import Row, View

Grain = Literal["quarter", "hour"]

# Which of the columns is meant, and from which of the aggregates, is one of ours; see migration 0012.
_CELLS = """
SELECT (extract(epoch FROM part.bucket) * 1000000)::bigint AS time, part.readings, {value} AS value
FROM {grain}s_of(%(sensor)s, %(start)s, %(stop)s) part
WHERE EXISTS (
    SELECT FROM sensor s
    JOIN device d ON d.id = s.device
    JOIN household h ON h.id = d.household
    WHERE s.id = %(sensor)s AND starts_with(h.area, %(scope)s)
)
ORDER BY part.bucket
"""
_VALUES: Final = {"use": "part.use", "mean": "part.total / part.readings", "max": "part.high"}

_LAST_BEFORE = """
SELECT r.time, r.value
FROM seen_reading r
JOIN sensor s ON s.id = r.sensor
JOIN device d ON d.id = s.device
JOIN household h ON h.id = d.household
WHERE r.sensor = %(sensor)s AND r.time < %(moment)s AND starts_with(h.area, %(scope)s)
ORDER BY r.time DESC
LIMIT 1
"""

_AWAY = """
SELECT b.starts, b.ends, b.reason
FROM absence b JOIN household h ON h.id = b.household
WHERE b.household = %(household)s AND starts_with(h.area, %(scope)s)
  AND b.starts < %(stop)s AND b.ends > %(start)s
ORDER BY b.starts
"""

_ANNOUNCED = """
SELECT m.starts, m.ends, m.reason
FROM maintenance m JOIN household h ON starts_with(h.area, m.area)
WHERE h.id = %(household)s AND starts_with(h.area, %(scope)s)
  AND (m.household IS NULL OR m.household = h.id)
  AND (m.gateway IS NULL OR EXISTS (SELECT FROM device d WHERE d.household = h.id AND d.gateway = m.gateway))
  AND m.starts < %(stop)s AND m.ends > %(start)s
ORDER BY m.starts
"""

# What an alert was seen on: lines of its timeline that detectors wrote name a sensor, or a device. Silence is judged by
# all meters of a home together, smoke by what the air was like as well.
_SEEN_ON = """
SELECT s.id, s.device, s.quantity
FROM alert a
JOIN household h ON h.id = a.household
JOIN device d ON d.household = h.id
JOIN sensor s ON s.device = d.id
WHERE a.id = %(alert)s AND starts_with(h.area, %(scope)s)
  AND (a.kind = 'inactivity' AND s.quantity IN ('volume', 'energy')
       OR a.kind = 'smoke' AND s.quantity = 'smoke'
       OR EXISTS (SELECT FROM alert_event e
                  WHERE e.alert = a.id
                    AND (e.actor = 'sensor:' || s.device || '/' || s.quantity
                         OR e.actor = 'sensor:' || s.device AND s.quantity NOT IN ('battery', 'tamper', 'alarm'))))
ORDER BY s.quantity DESC, s.device
LIMIT %(limit)s
"""


def cells(view: View, sensor: int, *, start: datetime, stop: datetime, grain: Grain, measure: str) -> list[Row]:
    """Return the stretches of [start, stop) that hold readings: `time` (microseconds UTC), `readings`, `value`.

    `measure` is `use` (null where nothing is known of it), `mean` or `max`.
    """
    query = _CELLS.format(grain=grain, value=_VALUES[measure])
    return view.rows(query, sensor=sensor, start=start, stop=stop)


def last_before(view: View, sensor: int, moment: datetime) -> Row | None:
    """Return the last reading before a moment (`time`, `value`), None where there is none."""
    return view.row(_LAST_BEFORE, sensor=sensor, moment=moment)


def away(view: View, household: str, *, start: datetime, stop: datetime) -> list[Row]:
    """Return the absences of a household that touch [start, stop), in their order."""
    return view.rows(_AWAY, household=household, start=start, stop=stop)


def announced(view: View, household: str, *, start: datetime, stop: datetime) -> list[Row]:
    """Return the announced work in [start, stop) that concerns a household, in its order."""
    return view.rows(_ANNOUNCED, household=household, start=start, stop=stop)


def seen_on(view: View, alert: UUID, *, limit: int) -> list[Row]:
    """Return the sensors that an alert was seen on (`id`, `device`, `quantity`)."""
    return view.rows(_SEEN_ON, alert=alert, limit=limit)
