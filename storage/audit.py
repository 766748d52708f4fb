"""What the auditor reads, and what it writes down: flaws of the service, and that it has looked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from alerts.checks.audit import Held, Looked, Ran, Told, Underway, Undone
from alerts.model import NotificationStatus
from alerts.people import Recipient, Role
from registry.instants import to_datetime, to_micros
from storage.alerts.book import PostgresAlertBook
from storage.alerts.people import to_recipient

_ONE_AUDITOR = "SELECT pg_try_advisory_lock(20161103) AS ours"
_MOST = 1000
"""How many rows of each sort one look reads: what goes wrong a thousand times needs no longer list."""

_RAN = """
SELECT step.alert, alert.household, step.no, step.due, step.ran_at
FROM step JOIN alert ON alert.id = step.alert
WHERE step.ran_at > %(since)s AND step.ran_at - step.due > %(tolerance)s * interval '1 microsecond'
ORDER BY step.ran_at DESC LIMIT %(most)s
"""
_UNDERWAY = """
SELECT n.alert, alert.household, n.step, n.status, n.next_attempt_at,
       CASE n.status WHEN 'sent' THEN n.sent_at ELSE n.admitted_at END AS since
FROM notification n JOIN alert ON alert.id = n.alert
WHERE n.status = 'queued' OR (n.status = 'sent' AND n.sent_at > %(since)s)
ORDER BY n.next_attempt_at LIMIT %(most)s
"""
_HELD = """
SELECT alert.id AS alert, alert.household, alert.held_by,
       greatest(alert.acknowledged_at, (
           SELECT e.at FROM alert_event e WHERE e.alert = alert.id ORDER BY e.seq DESC LIMIT 1
       )) AS last_at,
       (SELECT min(s.due) FROM step s WHERE s.alert = alert.id AND s.status = 'pending') AS next_due
FROM alert WHERE alert.status = 'acknowledged' AND alert.held_by IS NOT NULL
"""
_UNDONE = """
SELECT task.alert, task.household, task.kind, task.due,
       (SELECT max(e.at) FROM alert_event e WHERE e.alert = task.alert) AS told_at,
       (SELECT min(s.due) FROM step s WHERE s.alert = task.alert AND s.status = 'pending') AS next_due
FROM task WHERE task.status IN ('open', 'accepted') AND task.due < %(now)s
ORDER BY task.due LIMIT %(most)s
"""

_OPEN = """
INSERT INTO service_alert (kind, since, count, detail) VALUES (%(kind)s, %(now)s, %(count)s, %(detail)s)
ON CONFLICT (kind) WHERE ended_at IS NULL DO UPDATE SET count = excluded.count, detail = excluded.detail
"""
_END = """
UPDATE service_alert SET ended_at = %(now)s WHERE ended_at IS NULL AND kind <> ALL (%(kinds)s) RETURNING kind
"""
_ROUND = """
INSERT INTO audit_round (at, real_at, speed, flaws) VALUES (%(now)s, clock_timestamp(), %(speed)s, %(flaws)s)
ON CONFLICT (only_row) DO UPDATE SET
    at = excluded.at, real_at = excluded.real_at, speed = excluded.speed, flaws = excluded.flaws
"""
_OPEN_ONES = "SELECT kind, since, count, detail, told_at FROM service_alert WHERE ended_at IS NULL ORDER BY since, kind"
_TOLD = "UPDATE service_alert SET told_at = %(now)s WHERE ended_at IS NULL AND kind = ANY (%(kinds)s)"
_LAST_ROUND = """
SELECT at, speed, extract(epoch FROM clock_timestamp() - real_at)::double precision AS seconds_ago FROM audit_round
"""

# Those who answer for the largest areas: what is wrong with the service is wrong everywhere.
_OFFICERS = """
SELECT id, name, phone, language, channel, address FROM person
WHERE role = 'duty_officer' AND area IS NOT NULL
ORDER BY length(area)
FETCH FIRST 1 ROWS WITH TIES
"""
_NEWS = "SELECT pg_notify('alerts', '')"


@dataclass(frozen=True, slots=True)
class ServiceAlert:
    """A flaw of the service that is not over; `since` and `told_at` are microseconds UTC of the engine's clock."""

    kind: str
    since: int
    count: int
    detail: str
    told_at: int | None


@dataclass(frozen=True, slots=True)
class LastRound:
    """When an auditor last looked: on the engine's clock, and how many real seconds ago."""

    at: int
    speed: float
    seconds_ago: float


def take_over(conn: Connection[Any]) -> bool:
    """Become the one auditor of this database for as long as the connection lives; False while another is."""
    [row] = _rows(conn, _ONE_AUDITOR, {})
    return bool(row["ours"])


def look(conn: Connection[Any], now: int, tolerance: int, window: int, memory: int) -> Looked:
    """Return all that an audit needs.

    Late steps are those that ran within `window` before now; of messages that were sent `memory` is how long ago what
    is still unreported is of interest. All in microseconds of the engine's clock.
    """
    late = {"since": to_datetime(now - window), "tolerance": tolerance, "most": _MOST}
    away = {"since": to_datetime(now - memory), "most": _MOST}
    return Looked(
        watched=PostgresAlertBook(conn).watched(),
        ran=[
            Ran(row["alert"], row["household"], row["no"], to_micros(row["due"]), to_micros(row["ran_at"]))
            for row in _rows(conn, _RAN, late)
        ],
        underway=[
            Underway(
                row["alert"],
                row["household"],
                row["step"],
                NotificationStatus(row["status"]),
                _micros(row["since"]),
                to_micros(row["next_attempt_at"]),
            )
            for row in _rows(conn, _UNDERWAY, away)
        ],
        held=[
            Held(row["alert"], row["household"], row["held_by"], to_micros(row["last_at"]), _micros(row["next_due"]))
            for row in _rows(conn, _HELD, {})
        ],
        undone=[
            Undone(
                row["alert"],
                row["household"],
                row["kind"],
                to_micros(row["due"]),
                _micros(row["told_at"]),
                _micros(row["next_due"]),
            )
            for row in _rows(conn, _UNDONE, {"now": to_datetime(now), "most": _MOST})
        ],
    )


def write_down(conn: Connection[Any], found: Iterable[Told], now: int, speed: float) -> Sequence[str]:
    """Open, bring up to date and end the service's own alerts; return the kinds that are over now."""
    found, at = list(found), to_datetime(now)
    with conn.transaction():
        before = {row["kind"] for row in _rows(conn, _OPEN_ONES, {})}
        kinds = [one.flaw.value for one in found]
        for one in found:
            about = {"kind": one.flaw.value, "now": at, "count": one.count, "detail": one.detail}
            conn.execute(_OPEN, about)
        over = [row["kind"] for row in _rows(conn, _END, {"now": at, "kinds": kinds})]
        conn.execute(_ROUND, {"now": at, "speed": speed, "flaws": sum(one.count for one in found)})
        if over or set(kinds) - before:
            conn.execute(_NEWS)
    return over


def open_ones(conn: Connection[Any]) -> list[ServiceAlert]:
    """Return the service's own alerts that are not over, the oldest first."""
    return [
        ServiceAlert(row["kind"], to_micros(row["since"]), row["count"], row["detail"], _micros(row["told_at"]))
        for row in _rows(conn, _OPEN_ONES, {})
    ]


def note_told(conn: Connection[Any], kinds: Iterable[str], now: int) -> None:
    """Write down that duty officers are told of these; done before they are, so that they are told once."""
    conn.execute(_TOLD, {"now": to_datetime(now), "kinds": list(kinds)})


def last_round(conn: Connection[Any]) -> LastRound | None:
    """Return when an auditor last looked, None if none ever has."""
    rows = _rows(conn, _LAST_ROUND, {})
    return LastRound(to_micros(rows[0]["at"]), rows[0]["speed"], rows[0]["seconds_ago"]) if rows else None


def in_a_town(conn: Connection[Any]) -> bool:
    """Say whether the engine's clock is a town's, and not the real one."""
    return any(row["kind"] == "town" for row in _rows(conn, "SELECT kind FROM engine_clock", {}))


def officers(conn: Connection[Any]) -> list[Recipient]:
    """Return the duty officers of the largest areas that have any."""
    return [to_recipient(row, Role.DUTY_OFFICER) for row in _rows(conn, _OFFICERS, {})]


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else to_micros(moment)


def _rows(conn: Connection[Any], query: str, parameters: dict[str, Any]) -> list[DictRow]:
    return conn.cursor(row_factory=dict_row).execute(query.encode(), parameters).fetchall()
