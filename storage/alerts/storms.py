"""Storms and announced work as alerts ask for them: `alerts.storms.storm.StormBook` on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb

from alerts.storms.storm import LONGEST, TELL_AGAIN, Around, Limits, Storm
from detectors.finding import Kind
from registry.instants import to_datetime, to_micros

_AREAS = "SELECT code, level FROM area WHERE starts_with(%(area)s, code) ORDER BY length(code) DESC"
_HOMES = "SELECT count(*) AS homes FROM household WHERE starts_with(area, %(area)s)"
_WOKEN = """
SELECT alert.id FROM alert JOIN household ON household.id = alert.household
WHERE alert.woken_at > %(since)s AND alert.storm IS NULL AND alert.kind = ANY (%(kinds)s)
  AND starts_with(household.area, %(area)s)
ORDER BY alert.woken_at, alert.id
"""
_OPEN = "SELECT * FROM storm WHERE family = %(family)s AND ended_at IS NULL ORDER BY area"
_STORM = """
WITH RECURSIVE up AS (
    SELECT * FROM storm WHERE id = %(storm)s
    UNION ALL SELECT storm.* FROM storm JOIN up ON storm.id = up.part_of
)
SELECT * FROM up WHERE part_of IS NULL
"""
# Two transactions may begin a storm at once; of the later one, those it keeps quiet wait for their own timers.
_BEGIN = """
INSERT INTO storm (id, family, area, began_at, heard_at, told_at, held_by, ended_at, part_of)
VALUES (%(id)s, %(family)s, %(area)s, %(began_at)s, %(heard_at)s, %(told_at)s, %(held_by)s, %(ended_at)s, NULL)
ON CONFLICT DO NOTHING
"""
_UPDATE = """
UPDATE storm SET heard_at = greatest(heard_at, %(heard_at)s), told_at = coalesce(%(told_at)s, told_at),
    held_by = coalesce(held_by, %(held_by)s), ended_at = coalesce(ended_at, %(ended_at)s),
    part_of = coalesce(part_of, (SELECT id FROM storm larger WHERE larger.id = %(part_of)s))
WHERE id = %(id)s
"""
_PARTS = """
WITH RECURSIVE parts AS (
    SELECT id FROM storm WHERE id = %(storm)s
    UNION ALL SELECT storm.id FROM storm JOIN parts ON storm.part_of = parts.id
)
"""
_CROWD = (
    _PARTS
    + """
SELECT count(*) AS crowd FROM alert WHERE storm IN (SELECT id FROM parts) AND status = 'suppressed'
"""
)
_WAITING = (
    _PARTS
    + """
SELECT id FROM alert WHERE storm IN (SELECT id FROM parts) AND status = 'suppressed' AND suppressed_why = 'storm'
ORDER BY rank DESC, opened_at, id LIMIT %(limit)s
"""
)
# Whoever is at work on an alert just now keeps its timer as it was.
_LINE_UP = (
    _PARTS
    + """, held AS MATERIALIZED (
    SELECT id, rank, opened_at FROM alert
    WHERE storm IN (SELECT id FROM parts) AND status = 'suppressed' AND suppressed_why = 'storm'
    FOR UPDATE SKIP LOCKED
), lined AS (
    SELECT id, (row_number() OVER (ORDER BY rank DESC, opened_at, id) - 1) / %(a_minute)s AS minutes FROM held
)
UPDATE step SET due = %(now)s + lined.minutes * interval '1 minute'
FROM lined WHERE step.alert = lined.id AND step.status = 'pending' AND step.action ->> 'do' = 'storm_ended'
"""
)
_DUE = """
SELECT * FROM storm
WHERE ended_at IS NULL AND (
    told_at IS NULL OR held_by IS NULL AND told_at <= %(tell_again)s OR heard_at <= %(quiet)s OR began_at <= %(longest)s
)
ORDER BY began_at, id
FOR UPDATE SKIP LOCKED
"""
_INCIDENT = (
    _PARTS
    + """, seen AS (
    SELECT count(*) AS homes FROM (SELECT DISTINCT household FROM alert WHERE storm IN (SELECT id FROM parts)) one
), there AS (
    SELECT count(*) AS homes FROM household WHERE starts_with(area, %(area)s)
)
INSERT INTO incident (id, area, cause, source, onset, raised_at, ended_at, homes, homes_known, part_of, facts)
SELECT %(storm)s, %(area)s, 'unknown', '', %(began_at)s, %(began_at)s, %(ended_at)s, seen.homes, there.homes,
    %(part_of)s, %(facts)s || jsonb_build_object('homes', seen.homes, 'of', there.homes)
FROM seen, there
ON CONFLICT (id) DO UPDATE SET
    homes = greatest(incident.homes, excluded.homes), homes_known = excluded.homes_known,
    facts = CASE WHEN excluded.homes > incident.homes THEN excluded.facts ELSE incident.facts END,
    ended_at = coalesce(incident.ended_at, excluded.ended_at), part_of = coalesce(incident.part_of, excluded.part_of)
"""
)
_NOTIFY_STEPS = "SELECT pg_notify('steps', '')"

_MAINTENANCE_END = """
SELECT max(maintenance.ends) AS ends FROM maintenance JOIN household ON starts_with(household.area, maintenance.area)
WHERE household.id = %(household)s AND maintenance.starts <= %(at)s AND maintenance.ends > %(at)s
  AND (maintenance.household IS NULL OR maintenance.household = household.id)
  AND (maintenance.kinds IS NULL OR %(kind)s = ANY (maintenance.kinds))
  AND (maintenance.gateway IS NULL OR EXISTS (
      SELECT FROM device WHERE device.household = household.id AND device.gateway = maintenance.gateway
  ))
"""


class PostgresStorms:
    """What alerts ask about storms and announced work, on one connection."""

    _conn: Connection[Any]

    def areas(self, area: str) -> Sequence[Around]:
        """Return an area and those around it, the smallest first."""
        return [Around(row["code"], row["level"]) for row in self._ask(_AREAS, {"area": area})]

    def homes(self, area: str) -> int:
        """Return how many households an area has."""
        return int(self._one(_HOMES, {"area": area})["homes"])

    def woken(self, kinds: Sequence[Kind], area: str, since: int) -> Sequence[UUID]:
        """Return the alerts of these kinds in an area whose ladder has started since, without those of storms."""
        about = {"kinds": [kind.value for kind in kinds], "area": area, "since": to_datetime(since)}
        return [row["id"] for row in self._ask(_WOKEN, about)]

    def storms(self, family: str) -> Sequence[Storm]:
        """Return the open storms of a family."""
        return [_to_storm(row) for row in self._ask(_OPEN, {"family": family})]

    def storm(self, storm: UUID) -> Storm | None:
        """Return a storm, or the larger one that it turned out to be part of."""
        row = self._ask(_STORM, {"storm": storm}).fetchone()
        return None if row is None else _to_storm(row)

    def save_storm(self, storm: Storm) -> None:
        """Write a storm down as it stands, and the incident that shows it."""
        row = {
            "id": storm.id,
            "storm": storm.id,
            "family": storm.family,
            "area": storm.area,
            "began_at": to_datetime(storm.began_at),
            "heard_at": to_datetime(storm.heard_at),
            "told_at": None if storm.told_at is None else to_datetime(storm.told_at),
            "held_by": storm.held_by,
            "ended_at": None if storm.ended_at is None else to_datetime(storm.ended_at),
            "part_of": storm.part_of,
            "facts": Jsonb({"template": "incident_unknown", "family": storm.family, "since_at": storm.began_at}),
        }
        self._ask(_BEGIN, row)
        self._ask(_UPDATE, row)
        self._ask(_INCIDENT, row)
        self._ask(_NOTIFY_STEPS, {})

    def storms_due(self, now: int, limits: Limits) -> Sequence[Storm]:
        """Return the open storms that have to be told of or are over, locked; those others work on are skipped."""
        about = {
            "tell_again": to_datetime(now - TELL_AGAIN),
            "quiet": to_datetime(now - limits.within),
            "longest": to_datetime(now - LONGEST),
        }
        return [_to_storm(row) for row in self._ask(_DUE, about)]

    def waiting_in(self, storm: UUID, limit: int) -> Sequence[UUID]:
        """Return alerts that a storm keeps quiet: in the fair order, at most `limit`."""
        return [row["id"] for row in self._ask(_WAITING, {"storm": storm, "limit": limit})]

    def crowd(self, storm: UUID) -> int:
        """Return how many open alerts a storm keeps quiet."""
        return int(self._one(_CROWD, {"storm": storm})["crowd"])

    def line_up(self, storm: UUID, now: int, a_minute: int) -> None:
        """Set the time at which each alert that a storm keeps quiet has its turn: the fair order, so many a minute."""
        self._ask(_LINE_UP, {"storm": storm, "now": to_datetime(now), "a_minute": a_minute})

    def maintenance_end(self, household: str, kind: Kind, at: int) -> int | None:
        """Return when the announced work ends that covers a household's alerts of a kind."""
        about = {"household": household, "kind": kind.value, "at": to_datetime(at)}
        ends = self._one(_MAINTENANCE_END, about)["ends"]
        return None if ends is None else to_micros(ends)

    def _ask(self, query: str, parameters: Mapping[str, Any]) -> Cursor[DictRow]:
        return self._conn.cursor(row_factory=dict_row).execute(query, parameters)

    def _one(self, query: str, parameters: Mapping[str, Any]) -> DictRow:
        row = self._ask(query, parameters).fetchone()
        if row is None:  # these are aggregates: there is always one
            raise AssertionError(query)
        return row


def _to_storm(row: Mapping[str, Any]) -> Storm:
    return Storm(
        id=row["id"],
        family=row["family"],
        area=row["area"],
        began_at=to_micros(row["began_at"]),
        heard_at=to_micros(row["heard_at"]),
        told_at=None if row["told_at"] is None else to_micros(row["told_at"]),
        held_by=row["held_by"],
        ended_at=None if row["ended_at"] is None else to_micros(row["ended_at"]),
        part_of=row["part_of"],
    )
