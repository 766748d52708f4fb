"""How an area performs: how many alerts there were, and how long people waited for what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from alerts.checks.performance import TARGETS, Result, Target, Wait
from detectors.finding import Severity
from storage.views import Row, View
from storage.views.coverage import SHOWN

# What was over before it arrived, or is expected during an absence, makes nobody wait and is counted apart. What was
# kept quiet first is counted from when its ladder started. `alert_story` holds what the events, messages and visits of
# each alert come to (migration 0022): of thousands of alerts it is read in a few milliseconds.
_CHOSEN = """
WITH chosen AS MATERIALIZED (
    SELECT s.kind, s.severity, s.open, s.outcome, s.area, s.quiet,
           extract(epoch FROM %(now)s - began.at)::double precision AS age,
           extract(epoch FROM s.over_at - began.at)::double precision AS over_after,
           extract(epoch FROM s.told_at - began.at)::double precision AS notified_after,
           extract(epoch FROM s.answered_at - began.at)::double precision AS acknowledged_after,
           extract(epoch FROM s.closed_at - began.at)::double precision AS closed_after,
           s.visit_asked_at IS NOT NULL AS visit_asked,
           extract(epoch FROM s.visited_at - s.visit_asked_at)::double precision AS visited_after,
           extract(epoch FROM %(now)s - s.visit_asked_at)::double precision AS visit_age,
           extract(epoch FROM least(s.over_at, s.closed_at) - s.visit_asked_at)::double precision AS visit_over_after
    FROM alert_story s
    CROSS JOIN LATERAL (
        SELECT CASE WHEN s.waited THEN coalesce(s.started_at, s.opened_at) ELSE s.opened_at END AS at
    ) began
    WHERE starts_with(s.area, %(scope)s) AND s.area ^@ %(area)s
      AND s.opened_at >= %(start)s AND s.opened_at < %(stop)s
      AND (%(kind)s::text IS NULL OR s.kind = %(kind)s)
      AND (%(severity)s::integer IS NULL OR s.severity = %(severity)s)
)
"""

COLUMNS = {
    Wait.NOTIFICATION: "notified",
    Wait.ACKNOWLEDGEMENT: "acknowledged",
    Wait.VISIT: "visited",
    Wait.CLOSING: "closed",
}
"""What the columns of each wait begin with."""


def _delay(column: str) -> str:
    # The three quantiles of one call are of one sort.
    quantiles = (
        f"percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY {column}_after) FILTER (WHERE NOT quiet) "
        f"AS {column}_quantiles"
    )
    return (
        f"count({column}_after) FILTER (WHERE NOT quiet) AS {column}, {quantiles},\n"
        f"       avg(({column}_after <= %({column}_target)s)::integer) FILTER (WHERE NOT quiet)::double precision "
        f"AS {column}_within"
    )


_OF_DELAYS = f"""
SELECT severity, count(*) AS alerts,
       count(*) FILTER (WHERE open) AS open,
       count(*) FILTER (WHERE quiet) AS suppressed,
       {", ".join(_delay(column) for column in COLUMNS.values())}
FROM chosen
GROUP BY GROUPING SETS ((), (severity))
ORDER BY grouping(severity) DESC, severity
"""
_DELAYS = _CHOSEN + _OF_DELAYS


def _counted(target: Target) -> str:
    """Count those that are due: it happened in time, or the time was up while there still was a need for it."""
    visit = target.wait is Wait.VISIT
    value = f"{COLUMNS[target.wait]}_after"
    age, over = ("visit_age", "visit_over_after") if visit else ("age", "over_after")
    asked = "visit_asked AND " if visit else ""
    of = "" if target.severity is None else f"severity = {target.severity.value} AND "
    need = f"{age} >= {target.seconds} AND coalesce({over} > {target.seconds}, true)"
    return (
        f"count(*) FILTER (WHERE NOT quiet AND {of}{asked}(coalesce({value} <= {target.seconds}, false) OR ({need}))) "
        f"AS {target.name}_count,\n"
        f"       count(*) FILTER (WHERE NOT quiet AND {of}{value} <= {target.seconds}) AS {target.name}_in_time"
    )


def _summed(target: Target) -> str:
    return ", ".join(
        f"coalesce(sum(due.{target.name}_{what}), 0)::bigint AS {target.name}_{what}" for what in ("count", "in_time")
    )


# A city has thousands of areas and hundreds of thousands of homes: each is looked at once, not once for each shown.
_ALL = f"""{_CHOSEN},
{SHOWN},
due AS MATERIALIZED (
    SELECT area, count(*) AS alerts, {", ".join(_counted(target) for target in TARGETS)} FROM chosen GROUP BY area
),
visits AS MATERIALIZED (
    SELECT h.area, count(*) FILTER (WHERE v.real) AS needed, count(*) FILTER (WHERE NOT v.real) AS false
    FROM verdict v JOIN household h ON h.id = v.household
    WHERE v.visited AND v.at >= %(start)s AND v.at < %(stop)s
      AND starts_with(h.area, %(scope)s) AND h.area ^@ %(area)s
    GROUP BY h.area
),
delays AS ({_OF_DELAYS}),
counts AS (
    SELECT kind, severity, outcome, count(*) AS alerts
    FROM chosen
    GROUP BY GROUPING SETS ((kind), (severity), (outcome))
    HAVING coalesce(kind, severity::text, outcome) IS NOT NULL
    ORDER BY 1, 2, 3
),
results AS (
    SELECT shown.code, shown.level, shown.name, coalesce(sum(due.alerts), 0)::bigint AS alerts,
           (SELECT coalesce(sum(visits.needed), 0)::bigint FROM visits WHERE starts_with(visits.area, shown.code))
               AS needed,
           (SELECT coalesce(sum(visits.false), 0)::bigint FROM visits WHERE starts_with(visits.area, shown.code))
               AS false,
           {", ".join(_summed(target) for target in TARGETS)}
    FROM shown LEFT JOIN due ON starts_with(due.area, shown.code)
    GROUP BY shown.code, shown.level, shown.name
    ORDER BY shown.code
)
SELECT (SELECT json_agg(delays) FROM delays) AS delays,
       (SELECT coalesce(json_agg(counts), '[]') FROM counts) AS counts,
       (SELECT coalesce(json_agg(results), '[]') FROM results) AS results
"""

_EVERYWHERE = f"{_CHOSEN} SELECT {', '.join(_counted(target) for target in TARGETS)} FROM chosen"

_TOP = f"WITH {SHOWN} SELECT code, level, name FROM shown ORDER BY code"
_CITIES = "SELECT count(*) AS cities FROM area WHERE level = 'city' AND starts_with(code, %(scope)s)"
_ABOVE = """
SELECT code, level, name FROM area
WHERE code = ANY (%(prefixes)s::text[]) AND starts_with(code, %(scope)s)
ORDER BY length(code)
"""

DAY_SECONDS = 86400.0
USUAL: dict[Wait, tuple[float, float]] = {
    Wait.NOTIFICATION: (60.0, 0.975),
    Wait.ACKNOWLEDGEMENT: (2700.0, 0.9),
    Wait.VISIT: (2700.0, 0.9),
    Wait.CLOSING: (DAY_SECONDS, 0.9),
}
"""Within how many seconds, and for which share, of alerts of every severity. 60 s and 45 min are what telecare services
reach (DESIGN §7); for the end of an alert there is no published figure: a day is what a review may take."""
_LIMITS = {f"{COLUMNS[wait]}_target": seconds for wait, (seconds, _) in USUAL.items()}


class Chosen(NamedTuple):
    """The alerts that are looked at: opened in [start, stop) in an area and what lies in it, as things stand `now`."""

    area: str
    start: datetime
    stop: datetime
    now: datetime
    kind: str | None = None
    severity: int | None = None


class Measured(NamedTuple):
    """What `measured` returns: as `delays`; alerts by kind, severity or outcome, one of them set in a row; areas."""

    delays: list[Row]
    counts: list[Row]
    results: list[Row]
    """The area and those right below it, by code: alerts, what visits found (`needed`, `false`), and its `results`."""


def measured(view: View, chosen: Chosen) -> Measured:
    """Return everything that is to be said of the alerts chosen, of an area that there is or '' for all there are."""
    [row] = view.rows(_ALL, **chosen._asdict(), **_LIMITS)
    for one in row["results"]:
        one["results"] = [
            Result(target, one.pop(f"{target.name}_count"), one.pop(f"{target.name}_in_time")) for target in TARGETS
        ]
    return Measured([_named(one) for one in row["delays"]], row["counts"], row["results"])


def delays(view: View, chosen: Chosen) -> list[Row]:
    """Return counts of the alerts chosen, and of each wait (seconds) percentiles and share in time.

    The first row (`severity` null) is of all of them, the others are of one severity each.
    """
    return [_named(row) for row in view.rows(_DELAYS, **chosen._asdict(), **_LIMITS)]


def _named(row: Row) -> Row:
    """Return a row of delays with each quantile by its name."""
    for column in COLUMNS.values():
        quantiles = row.pop(f"{column}_quantiles") or (None, None, None)
        row |= {f"{column}_{name}": one for name, one in zip(("median", "p90", "p99"), quantiles, strict=True)}
    return row


def tops(view: View) -> list[Row]:
    """Return the areas that lie in no other the reader may see."""
    return view.rows(_TOP, area="")


def cities(view: View) -> int:
    """Return how many cities the reader may see; none where they answer for a part of one."""
    [row] = view.rows(_CITIES)
    return int(row["cities"])


def above(view: View, code: str) -> list[Row]:
    """Return the areas that an area lies in, as far as the reader may see them, the largest first."""
    return view.rows(_ABOVE, prefixes=[code[:end] for end in range(1, len(code))])


def quantiles(view: View, *, now: datetime, length: timedelta) -> Iterator[tuple[str, str, str, float]]:
    """Yield (what, severity, quantile, seconds) of the alerts of the last `length`, everywhere."""
    for row in delays(view, Chosen("", now - length, now, now)):
        severity = "all" if row["severity"] is None else Severity(row["severity"]).label
        for wait, column in COLUMNS.items():
            for quantile, name in (("0.5", "median"), ("0.9", "p90"), ("0.99", "p99")):
                seconds = row[f"{column}_{name}"]
                if seconds is not None:
                    yield wait.value, severity, quantile, seconds


def shares(view: View, *, now: datetime, length: timedelta) -> Iterator[tuple[str, float]]:
    """Yield each target that had anything to be met with in the last `length`, and the share that met it."""
    [row] = view.rows(_EVERYWHERE, **Chosen("", now - length, now, now)._asdict())
    for target in TARGETS:
        result = Result(target, row[f"{target.name}_count"], row[f"{target.name}_in_time"])
        if result.share is not None:
            yield target.name, result.share
