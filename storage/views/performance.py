"""How an area performs: how many alerts there were, and how long people waited for what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from alerts.checks.performance import TARGETS, Result, Target, Wait
from detectors.finding import Severity
from storage.views import Row, View

# What was over before it arrived, or is expected during an absence, makes nobody wait and is counted apart. What was
# kept quiet first is counted from when its ladder started. Answered is what a person did first: took it, took its task
# on, closed it, or gave an answer that was understood. Over is when nothing was left to answer: it ended by itself.
# Thousands of alerts: what belongs to them is brought to all of them at once, not to each of them by itself.
_CHOSEN = """
WITH asked AS MATERIALIZED (
    SELECT a.id, a.kind, a.severity, a.status, a.outcome, a.opened_at, a.closed_at, a.suppressed_why, h.area
    FROM alert a
    JOIN household h ON h.id = a.household
    WHERE starts_with(h.area, %(scope)s) AND h.area ^@ %(area)s
      AND a.opened_at >= %(start)s AND a.opened_at < %(stop)s
      AND (%(kind)s::text IS NULL OR a.kind = %(kind)s)
      AND (%(severity)s::integer IS NULL OR a.severity = %(severity)s)
),
story AS (
    SELECT e.alert,
           min(e.at) FILTER (WHERE e.kind IN ('acknowledged', 'task_accepted')
               OR (e.kind = 'answered' AND e.detail ->> 'meaning' <> 'unclear')
               OR (e.kind = 'closed' AND e.actor <> 'system')) AS answered_at,
           min(e.at) FILTER (WHERE e.kind = 'returned' OR (e.kind = 'closed' AND e.actor = 'system')) AS over_at,
           bool_or(e.kind = 'suppressed' AND e.detail ->> 'why' <> 'cap') AS waited,
           min(e.at) FILTER (WHERE e.kind = 'ladder_started') AS started_at
    FROM asked JOIN alert_event e ON e.alert = asked.id GROUP BY e.alert
),
told AS (
    SELECT n.alert, min(n.sent_at) AS at FROM asked JOIN notification n ON n.alert = asked.id GROUP BY n.alert
),
visit AS (
    SELECT t.alert, min(t.created_at) AS asked_at, min(t.done_at) AS visited_at
    FROM asked JOIN task t ON t.alert = asked.id WHERE t.kind = 'visit' AND NOT t.follow_up GROUP BY t.alert
),
chosen AS MATERIALIZED (
    SELECT a.id, a.kind, a.severity, a.status, a.outcome, a.area, a.suppressed_why IS NOT NULL AS quiet,
           extract(epoch FROM %(now)s - began.at)::double precision AS age,
           extract(epoch FROM story.over_at - began.at)::double precision AS over_after,
           extract(epoch FROM told.at - began.at)::double precision AS notified_after,
           extract(epoch FROM story.answered_at - began.at)::double precision AS acknowledged_after,
           extract(epoch FROM a.closed_at - began.at)::double precision AS closed_after,
           visit.asked_at IS NOT NULL AS visit_asked,
           extract(epoch FROM visit.visited_at - visit.asked_at)::double precision AS visited_after,
           extract(epoch FROM %(now)s - visit.asked_at)::double precision AS visit_age,
           extract(epoch FROM least(story.over_at, a.closed_at) - visit.asked_at)::double precision AS visit_over_after
    FROM asked a
    LEFT JOIN story ON story.alert = a.id
    LEFT JOIN told ON told.alert = a.id
    LEFT JOIN visit ON visit.alert = a.id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN story.waited THEN coalesce(story.started_at, a.opened_at) ELSE a.opened_at END AS at
    ) began
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
    percentiles = "".join(
        f",\n       percentile_cont({part}) WITHIN GROUP (ORDER BY {column}_after) FILTER (WHERE NOT quiet) "
        f"AS {column}_{name}"
        for part, name in ((0.5, "median"), (0.9, "p90"), (0.99, "p99"))
    )
    return (
        f"count({column}_after) FILTER (WHERE NOT quiet) AS {column}{percentiles},\n"
        f"       avg(({column}_after <= %({column}_target)s)::integer) FILTER (WHERE NOT quiet)::double precision "
        f"AS {column}_within"
    )


_OF_DELAYS = f"""
SELECT severity, count(*) AS alerts,
       count(*) FILTER (WHERE status <> 'closed') AS open,
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


# The area itself and those right below it: areas are codes, and one lies in another whose code its own begins with.
# A city has thousands of areas and hundreds of thousands of homes: each is looked at once, not once for each shown.
_ALL = f"""{_CHOSEN},
shown AS MATERIALIZED (
    SELECT one.code, one.level, one.name FROM area one
    WHERE starts_with(one.code, %(area)s) AND starts_with(one.code, %(scope)s) AND NOT EXISTS (
        SELECT FROM generate_series(length(%(area)s) + 1, length(one.code) - 1) AS prefix (length)
        JOIN area between_them ON between_them.code = left(one.code, prefix.length)
    )
),
homes AS MATERIALIZED (
    SELECT h.area, count(*) AS households FROM household h
    WHERE h.area ^@ %(area)s AND h.area ^@ %(scope)s GROUP BY h.area
),
due AS MATERIALIZED (
    SELECT area, count(*) AS alerts, {", ".join(_counted(target) for target in TARGETS)} FROM chosen GROUP BY area
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
           (SELECT coalesce(sum(homes.households), 0)::bigint FROM homes WHERE starts_with(homes.area, shown.code))
               AS households,
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

_VISITS = """
SELECT count(*) FILTER (WHERE real) AS needed,
       count(*) FILTER (WHERE NOT real) AS false
FROM verdict v JOIN household h ON h.id = v.household
WHERE visited AND h.area ^@ %(scope)s AND h.area ^@ %(area)s AND at >= %(start)s AND at < %(stop)s
"""

_TOP = """
SELECT one.code, one.level, one.name FROM area one
WHERE starts_with(one.code, %(scope)s) AND NOT EXISTS (
    SELECT FROM generate_series(length(%(scope)s), length(one.code) - 1) AS prefix (length)
    JOIN area above ON above.code = left(one.code, prefix.length)
)
ORDER BY one.code
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
    """The area and those right below it, by code, each with its number of alerts and its `results` by target."""


def measured(view: View, chosen: Chosen) -> Measured:
    """Return everything that is to be said of the alerts chosen, of an area that there is."""
    [row] = view.rows(_ALL, **chosen._asdict(), **_LIMITS)
    for one in row["results"]:
        one["results"] = [
            Result(target, one.pop(f"{target.name}_count"), one.pop(f"{target.name}_in_time")) for target in TARGETS
        ]
    return Measured(**row)


def delays(view: View, chosen: Chosen) -> list[Row]:
    """Return counts of the alerts chosen, and of each wait (seconds) percentiles and share in time.

    The first row (`severity` null) is of all of them, the others are of one severity each.
    """
    return view.rows(_DELAYS, **chosen._asdict(), **_LIMITS)


def visits(view: View, area: str, *, start: datetime, stop: datetime) -> Row:
    """Return how many visits of [start, stop) found somebody in need or nobody."""
    [row] = view.rows(_VISITS, area=area, start=start, stop=stop)
    return row


def tops(view: View) -> list[Row]:
    """Return the areas that lie in no other the reader may see."""
    return view.rows(_TOP)


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
