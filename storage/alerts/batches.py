"""Many findings at once: what they need is read with a few queries, and written with a few.

Asked one by one, each would cost a dozen round trips to the server; for a slice of 200 there are some twenty in all.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from alerts.change import Change
from alerts.life.lessons import was_real
from alerts.life.lifecycle import source_of
from alerts.model import Alert, Status, Step, StepStatus
from detectors.finding import Finding, Kind
from registry.instants import HOUR, to_datetime, to_micros
from storage.alerts import rows
from storage.alerts.book import SAVE_ALERT, SAVE_STEP, STEPS, PostgresAlertBook
from storage.alerts.outbox import ALERTS
from storage.alerts.people import PLACE_COLUMNS, to_place

_LOCK = "SELECT 1 FROM household WHERE id = ANY (%(homes)s) ORDER BY id FOR NO KEY UPDATE"
_OPEN = """
SELECT * FROM alert WHERE household = ANY (%(homes)s) AND kind = ANY (%(kinds)s) AND status <> 'closed'
ORDER BY id FOR UPDATE
"""
_RECORD = """
INSERT INTO finding (household, kind, rule, source, onset, phase, severity, time, score, facts)
SELECT * FROM jsonb_to_recordset(%(findings)s) AS told (
    household text, kind text, rule text, source text, onset timestamptz, phase text, severity smallint,
    time timestamptz, score double precision, facts jsonb
)
ON CONFLICT DO NOTHING
RETURNING household, kind, rule, source, onset, phase, severity
"""
_PLACES = f"SELECT {PLACE_COLUMNS} FROM household WHERE id = ANY (%(homes)s)"
_ABSENCES = """
SELECT household, max(ends) AS ends FROM absence
WHERE household = ANY (%(homes)s) AND starts <= %(at)s AND ends > %(at)s GROUP BY household
"""
_WORK = "SELECT 1 FROM maintenance WHERE starts <= %(at)s AND ends > %(at)s LIMIT 1"
_KNOWN = "SELECT id FROM alert WHERE household = ANY (%(homes)s) AND onset = ANY (%(onsets)s)"
_AT_REST = """
SELECT alert.* FROM alert JOIN step ON step.alert = alert.id
WHERE alert.household = ANY (%(homes)s) AND alert.kind = 'inactivity' AND alert.status = 'closed'
  AND step.status = 'pending' AND step.action ->> 'do' = 'recheck'
ORDER BY alert.closed_at
"""
_LATELY = """
SELECT * FROM alert WHERE household = ANY (%(homes)s) AND kind = ANY (%(kinds)s) AND closed_at > %(since)s
ORDER BY closed_at FOR UPDATE SKIP LOCKED
"""
_SINCE = HOUR

_COLUMNS = SAVE_ALERT[SAVE_ALERT.index("(") + 1 : SAVE_ALERT.index(")")]
_ALERTS = f"""
INSERT INTO alert ({_COLUMNS}) SELECT {_COLUMNS} FROM jsonb_populate_recordset(NULL::alert, %(rows)s)
{SAVE_ALERT[SAVE_ALERT.index("ON CONFLICT") :]}
"""
_EVENTS = """
INSERT INTO alert_event (alert, seq, at, actor, kind, detail)
SELECT alert, seq, at, actor, kind, detail FROM jsonb_populate_recordset(NULL::alert_event, %(rows)s)
"""
_STEPS = f"""
INSERT INTO step (alert, no, due, action, status, ran_at, result)
SELECT alert, no, due, action, status, ran_at, result FROM jsonb_populate_recordset(NULL::step, %(rows)s)
{SAVE_STEP[SAVE_STEP.index("ON CONFLICT") :]}
"""
_CANCEL_STEPS = """
UPDATE step SET status = 'cancelled'
WHERE alert = ANY (%(alerts)s) AND status = 'pending' AND action ->> 'do' <> 'follow_up'
  AND NOT EXISTS (
      SELECT FROM unnest(%(of)s::uuid[], %(no)s::integer[]) AS kept (alert, no)
      WHERE (kept.alert, kept.no) = (step.alert, step.no)
  )
"""
_CANCEL_NOTIFICATIONS = """
UPDATE notification SET status = 'cancelled' WHERE alert = ANY (%(alerts)s) AND status = 'queued'
"""
_CANCEL_TASKS = """
UPDATE task SET status = 'cancelled'
WHERE alert = ANY (%(alerts)s) AND kind = ANY (%(kinds)s)
  AND (status = 'open' OR (status = 'accepted' AND (kind <> 'visit' OR %(closed)s)))
"""

Key: TypeAlias = tuple[str, Kind]
Told: TypeAlias = tuple[str, str, str, str, int, str, int]


class BatchedAlertBook(PostgresAlertBook):
    """A book for one batch of findings; whatever it was not made for is written first, and then asked as ever.

    `flush` it at the end. What 10,000 findings cost is measured by `tests/benchmarks/storm.py`.
    """

    def __init__(self, conn: Connection[Any], findings: Sequence[Finding], now: int) -> None:
        super().__init__(conn)
        self._now = now
        homes = {
            "homes": sorted({one.household for one in findings}),
            "kinds": sorted({one.kind.value for one in findings}),
            "onsets": sorted({to_datetime(one.onset) for one in findings}),
            "at": to_datetime(now),
            "since": to_datetime(now - _SINCE),
        }
        self._ask(_LOCK, homes)
        self._homes = frozenset(one.household for one in findings)
        opened = [rows.to_alert(row) for row in self._ask(_OPEN, homes)]
        self._open: dict[Key, Alert | None] = {(one.household, one.kind): one for one in opened}
        self._stored = {one.id for one in opened}
        self._told = self._recorded(findings)
        self._places = {row["household"]: to_place(row) for row in self._ask(_PLACES, homes)}
        self._away = {row["household"]: to_micros(row["ends"]) for row in self._ask(_ABSENCES, homes)}
        self._work = self._ask(_WORK, homes).fetchone() is not None
        self._known = {row["id"] for row in self._ask(_KNOWN, homes)}
        self._resting: dict[str, list[Alert]] = defaultdict(list)
        for row in self._ask(_AT_REST, homes):
            self._resting[row["household"]].append(rows.to_alert(row))
        lately = [rows.to_alert(row) for row in self._ask(_LATELY, homes)]
        self._closed: dict[Key, Alert] = {(one.household, one.kind): one for one in lately}
        self._stored |= {one.id for one in lately}
        self._waiting: list[Change] = []

    def open_alert(self, household: str, kind: Kind) -> Alert | None:
        """Return the open alert of a kind of a household that is locked already."""
        return self._open.get((household, kind))

    def record(self, finding: Finding) -> bool:
        """Say whether a finding was new; the second time it is not."""
        key = _told(finding)
        new = key in self._told
        self._told.discard(key)
        return new

    def absence_end(self, household: str, at: int) -> int | None:
        """Return when the absence that covers this instant ends."""
        return self._away.get(household) if self._mine(household, at) else super().absence_end(household, at)

    def maintenance_end(self, household: str, kind: Kind, at: int) -> int | None:
        """Return when the announced work ends that covers a household's alerts of a kind."""
        return super().maintenance_end(household, kind, at) if self._work or at != self._now else None

    def known(self, alert: UUID) -> bool:
        """Say whether there is such an alert; only those of these findings' onsets are asked for."""
        return alert in self._known

    def put_to_rest(self, finding: Finding) -> Alert | None:
        """Return the closed alert that has a finding's condition among its sources and will be looked at again."""
        told = (source_of(finding), finding.onset)
        return next((one for one in self._resting[finding.household][::-1] if told in one.sources.items()), None)

    def lately_closed(self, household: str, kind: Kind, since: int) -> Alert | None:
        """Return the alert of a kind that was closed last, if that was after an instant of the last hour."""
        one = self._closed.get((household, kind))
        return one if one is not None and (one.closed_at or 0) > since else None

    def find_free(self, alert: UUID) -> Alert | None:
        """Return an alert, locked, unless somebody else works on it."""
        self.flush()
        self._stored.add(alert)
        return super().find_free(alert)

    def pending(self, alert: UUID) -> Sequence[Step]:
        """Return the pending steps of a locked alert."""
        self.flush()
        return super().pending(alert)

    def woken(self, kinds: Sequence[Kind], area: str, since: int) -> Sequence[UUID]:
        """Return the alerts of these kinds in an area whose ladder has started since, without those of storms."""
        self.flush()
        return super().woken(kinds, area, since)

    def save(self, change: Change) -> None:
        """Remember a change; `flush` writes it down."""
        alert, key = change.alert, (change.alert.household, change.alert.kind)
        self._waiting.append(change)
        self._known.add(alert.id)
        if alert.status is not Status.CLOSED:
            self._open[key] = alert
        elif (current := self._open.get(key)) is not None and current.id == alert.id:
            self._open[key] = None
            self._closed[key] = alert

    def flush(self) -> None:
        """Write down what is remembered, in its order."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        generation: dict[UUID, Change] = {}
        for change in waiting:
            if change.alert.id in generation or _needs_more(change):
                self._write_all(list(generation.values()))
                generation = {}
            if _needs_more(change):
                self._write(change)
            else:
                generation[change.alert.id] = change
        self._write_all(list(generation.values()))
        self._notify({ALERTS: str(waiting[-1].alert.id)})
        if any(step.status is StepStatus.PENDING and step.due <= self._now for one in waiting for step in one.steps):
            self._notify({STEPS: ""})

    def _mine(self, household: str, at: int) -> bool:
        return at == self._now and household in self._homes

    def _recorded(self, findings: Iterable[Finding]) -> set[Told]:
        return {
            (row["household"], row["kind"], row["rule"], row["source"], to_micros(row["onset"]), row["phase"],
             row["severity"])
            for row in self._ask(_RECORD, {"findings": _rows(rows.from_finding(one) for one in findings)})
        }  # fmt: skip

    def _write_all(self, changes: Sequence[Change]) -> None:
        """Write down changes of as many alerts, with one statement for each table."""
        if not changes:
            return
        self._ask(_ALERTS, {"rows": _rows(rows.from_alert(one.alert) for one in changes)})
        stopped = [one.alert.id for one in changes if one.cancel_steps and one.alert.id in self._stored]
        if stopped:
            kept = [step for one in changes for step in one.steps]
            about = {"alerts": stopped, "of": [step.alert for step in kept], "no": [step.no for step in kept]}
            self._ask(_CANCEL_STEPS, about)
            silenced = [one.alert.id for one in changes if one.cancel_notifications]
            self._ask(_CANCEL_NOTIFICATIONS, {"alerts": silenced})
        for kinds, closed in {(one.cancel_tasks, _closed(one)) for one in changes if one.cancel_tasks}:
            alerts = [one.alert.id for one in changes if (one.cancel_tasks, _closed(one)) == (kinds, closed)]
            about = {"alerts": alerts, "kinds": [kind.value for kind in kinds], "closed": closed}
            self._ask(_CANCEL_TASKS, about)
        self._ask(_EVENTS, {"rows": _rows(rows.from_event(event) for one in changes for event in one.events)})
        self._ask(_STEPS, {"rows": _rows(rows.from_step(step) for one in changes for step in one.steps)})
        for one in changes:
            self._stored.add(one.alert.id)
            self._policies[one.alert.id] = one.alert.policy


def _needs_more(change: Change) -> bool:
    """Say whether a change has what findings seldom cause: it is written by itself."""
    learned = _closed(change) and was_real(change.alert) is not None
    return bool(change.tasks or change.notifications or change.messages or learned)


def _closed(change: Change) -> bool:
    return change.alert.status is Status.CLOSED


def _rows(rows: Iterable[Mapping[str, Any]]) -> Jsonb:
    return Jsonb(list(rows), dumps=_DUMPS)


def _plain(value: object) -> object:
    if isinstance(value, Jsonb):
        return value.obj
    return value.isoformat() if isinstance(value, datetime) else str(value)


_DUMPS = partial(json.dumps, default=_plain)


def _told(finding: Finding) -> Told:
    return (
        finding.household, finding.kind.value, finding.rule, finding.source, finding.onset, finding.phase.value,
        int(finding.severity),
    )  # fmt: skip
