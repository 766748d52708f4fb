"""The street of `tests.alerts_world` in PostgreSQL, and a look into its tables."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from alerts.model import Alert, AlertEvent, EventKind, HandsetMessage, Notification, Step, Task
from detectors.finding import Kind
from detectors.verdict import Verdict
from registry.instants import to_micros
from storage.alerts import rows
from storage.sealing import indexed, sealed
from tests.alerts_world import (
    ANSWER_FOR,
    FARTHER,
    HOME,
    MUTE,
    NEIGHBOURS,
    PLACES,
    QIAN,
    SUN,
    WANG,
    ZHAO,
)


class Tables:
    """Reads everything back, for tests to look at."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def rows(self, query: str, **parameters: object) -> list[dict[str, Any]]:
        with self._pool.connection() as conn:
            return conn.cursor(row_factory=dict_row).execute(query, parameters).fetchall()

    def all_alerts(self) -> list[Alert]:
        return [rows.to_alert(row) for row in self.rows("SELECT * FROM alert ORDER BY opened_at, raised_at")]

    def all_events(self, alert: UUID) -> list[AlertEvent]:
        found = self.rows("SELECT * FROM alert_event WHERE alert = %(alert)s ORDER BY seq", alert=alert)
        return [
            AlertEvent(alert, row["seq"], to_micros(row["at"]), row["actor"], EventKind(row["kind"]), row["detail"])
            for row in found
        ]

    def all_steps(self, alert: UUID) -> list[Step]:
        found = self.rows("SELECT * FROM step WHERE alert = %(alert)s ORDER BY no", alert=alert)
        return [rows.to_step(row) for row in found]

    def all_notifications(self) -> list[Notification]:
        found = self.rows("SELECT * FROM notification ORDER BY created_at, step, medium, person")
        return [rows.to_notification(row) for row in found]

    def all_tasks(self) -> list[Task]:
        return [rows.to_task(row) for row in self.rows("SELECT * FROM task ORDER BY created_at, step")]

    def all_verdicts(self) -> list[Verdict]:
        return [
            Verdict(row["household"], Kind(row["kind"]), to_micros(row["at"]), row["real"], row["visited"])
            for row in self.rows("SELECT * FROM verdict ORDER BY at, household")
        ]

    def all_messages(self) -> list[HandsetMessage]:
        found = self.rows("SELECT * FROM handset_message ORDER BY at, medium, person")
        return [rows.to_message(row) for row in found]

    def awaited(self, patience: int) -> list[int]:
        found = self.rows(
            "SELECT due FROM step WHERE status = 'pending' "
            "UNION SELECT next_attempt_at FROM notification WHERE status = 'queued' "
            "UNION SELECT sent_at + %(patience)s * interval '1 microsecond' FROM notification WHERE status = 'sent' "
            "UNION SELECT rings_until FROM handset_message WHERE status = 'ringing'",
            patience=patience,
        )
        return [to_micros(row["due"]) for row in found]


def settle_street(conn: psycopg.Connection) -> None:
    """Enter the street of `tests.alerts_world` into the registry."""
    areas = ("4401", "44010", "440103001", "990000000", "44010300")
    conn.cursor().executemany(
        "INSERT INTO area (code, level, name) VALUES (%s, 'community', '')", [(code,) for code in areas]
    )
    for place in PLACES.values():
        conn.execute(
            "INSERT INTO household (id, area, zone, language, category, risk, address) "
            "VALUES (%s, %s, %s, 'zh_CN', 'elderly_alone', 'high', %s)",
            (place.household, place.area, place.zone, sealed("household.address", place.household, place.address)),
        )
    for household, people in NEIGHBOURS.items():
        staff = [one for one in (WANG, ZHAO, QIAN, SUN, FARTHER) if household == HOME]
        for one in (*people.residents, *people.contacts, *staff):
            conn.execute(
                "INSERT INTO person (id, name, role, household, area, phone, phone_index, language, channel) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    one.person,
                    one.name,
                    one.role.value,
                    household if one.role.value == "resident" else None,
                    ANSWER_FOR[one.person] if one in staff else None,
                    sealed("person.phone", one.person, one.phone),
                    indexed(one.phone),
                    one.language,
                    one.medium.value,
                ),
            )
    for household, people in NEIGHBOURS.items():
        for position, contact in enumerate(people.contacts, 1):
            conn.execute(
                "INSERT INTO contact (household, position, person) VALUES (%s, %s, %s)",
                (household, position, contact.person),
            )
    conn.execute("UPDATE household SET caseworker = 'wang' WHERE id IN (%s, %s)", (HOME, MUTE))
