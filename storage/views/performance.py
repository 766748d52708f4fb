"""How an area performs: how many alerts there were, and how long people waited for what."""

from __future__ import annotations

from datetime import datetime

from storage.views import Row, View

# What was over before it arrived, or was expected during an absence, made nobody wait and is counted apart.
_CHOSEN = """
WITH chosen AS (
    SELECT a.id, a.kind, a.severity, a.status, a.outcome, a.suppressed_why IS NOT NULL AS quiet,
           extract(epoch FROM (
               SELECT min(n.sent_at) FROM notification n WHERE n.alert = a.id
           ) - a.opened_at)::double precision AS notified_after,
           extract(epoch FROM a.acknowledged_at - a.opened_at)::double precision AS acknowledged_after,
           extract(epoch FROM a.closed_at - a.opened_at)::double precision AS closed_after
    FROM alert a JOIN household h ON h.id = a.household
    WHERE starts_with(h.area, %(scope)s) AND starts_with(h.area, %(area)s)
      AND a.opened_at >= %(start)s AND a.opened_at < %(stop)s
)
"""

_DELAYS = (
    _CHOSEN
    + """
SELECT count(*) AS alerts,
       count(*) FILTER (WHERE status <> 'closed') AS open,
       count(*) FILTER (WHERE quiet) AS suppressed,
       count(notified_after) FILTER (WHERE NOT quiet) AS notified,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY notified_after) FILTER (WHERE NOT quiet) AS notified_median,
       avg((notified_after <= %(notified_target)s)::integer) FILTER (WHERE NOT quiet)::double precision
           AS notified_within,
       count(acknowledged_after) FILTER (WHERE NOT quiet) AS acknowledged,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY acknowledged_after) FILTER (WHERE NOT quiet)
           AS acknowledged_median,
       avg((acknowledged_after <= %(acknowledged_target)s)::integer) FILTER (WHERE NOT quiet)::double precision
           AS acknowledged_within,
       count(closed_after) FILTER (WHERE NOT quiet) AS closed,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY closed_after) FILTER (WHERE NOT quiet) AS closed_median,
       avg((closed_after <= %(closed_target)s)::integer) FILTER (WHERE NOT quiet)::double precision
           AS closed_within
FROM chosen
"""
)

_COUNTS = (
    _CHOSEN
    + """
SELECT kind, severity, outcome, count(*) AS alerts
FROM chosen
GROUP BY GROUPING SETS ((kind), (severity), (outcome))
HAVING coalesce(kind, severity::text, outcome) IS NOT NULL
ORDER BY 1, 2, 3
"""
)

_VISITS = """
WITH watched AS (
    SELECT id FROM household WHERE starts_with(area, %(scope)s) AND starts_with(area, %(area)s)
)
SELECT count(*) FILTER (WHERE real) AS needed,
       count(*) FILTER (WHERE NOT real) AS false,
       (SELECT count(*) FROM watched) * (extract(epoch FROM %(stop)s - %(start)s) / 86400)::double precision
           AS household_days
FROM verdict
WHERE visited AND household IN (SELECT id FROM watched) AND at >= %(start)s AND at < %(stop)s
"""


def delays(
    view: View,
    area: str,
    *,
    start: datetime,
    stop: datetime,
    notified_target: float,
    acknowledged_target: float,
    closed_target: float,
) -> Row:
    """Return counts of the alerts opened in [start, stop), and for each delay (seconds) median and share in time."""
    [row] = view.rows(
        _DELAYS,
        area=area,
        start=start,
        stop=stop,
        notified_target=notified_target,
        acknowledged_target=acknowledged_target,
        closed_target=closed_target,
    )
    return row


def visits(view: View, area: str, *, start: datetime, stop: datetime) -> Row:
    """Return how many visits of [start, stop) found somebody in need or nobody, and over how many household-days."""
    [row] = view.rows(_VISITS, area=area, start=start, stop=stop)
    return row


def counts(view: View, area: str, *, start: datetime, stop: datetime) -> list[Row]:
    """Return the number of alerts by kind, by severity and by outcome: one of the three is set in each row."""
    return view.rows(_COUNTS, area=area, start=start, stop=stop)
