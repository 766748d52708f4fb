"""Where alerts rest: the port `alerts.book.AlertBook` on PostgreSQL.

Whoever touches what belongs to an alert holds the alert's row first; steps are claimed together with their alert and
never waited for. So two loops, an engine and a hundred answers at once cannot wait in a circle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from alerts.book import AlertBook, Books, Due
from alerts.change import Change
from alerts.checks.audit import Watched
from alerts.ladders.policy import Policy
from alerts.life.lessons import was_real
from alerts.life.lifecycle import source_of
from alerts.model import Alert, Asked, Status, Step, StepStatus, Task
from alerts.people import People, Place
from alerts.tasks.assignment import Candidate
from detectors.finding import Finding, Kind
from registry.instants import to_datetime, to_micros
from storage import lessons
from storage.alerts import findings, people, rows, visits
from storage.alerts.outbox import ALERTS, OutboxTables
from storage.alerts.storms import PostgresStorms

STEPS = "steps"
"""Notified when a step is due at once."""
NOTIFICATIONS = "notifications"
"""Notified when a message is queued."""

_PUT_TO_REST = """
SELECT alert.* FROM alert JOIN step ON step.alert = alert.id
WHERE alert.household = %(household)s AND alert.kind = %(kind)s AND alert.status = 'closed'
  AND alert.sources @> %(source)s AND step.status = 'pending' AND step.action ->> 'do' = 'recheck'
ORDER BY alert.closed_at DESC
LIMIT 1
"""

# A household's row stands for the alert that is not there yet: two engines do not open it twice.
_LOCK_HOUSEHOLD = "SELECT 1 FROM household WHERE id = %(household)s FOR NO KEY UPDATE"
_OPEN_ALERT = """
SELECT * FROM alert WHERE household = %(household)s AND kind = %(kind)s AND status <> 'closed' FOR UPDATE
"""
# Whoever works on a closed alert may wait for its household, so it is not waited for.
_LATELY_CLOSED = """
SELECT * FROM alert WHERE household = %(household)s AND kind = %(kind)s AND closed_at > %(since)s
ORDER BY closed_at DESC LIMIT 1
FOR UPDATE SKIP LOCKED
"""
_LOCK_ALERT = "SELECT 1 FROM alert WHERE id = %(id)s FOR UPDATE"
_FIND_ALERT = "SELECT * FROM alert WHERE id = %(id)s FOR UPDATE"
_FIND_FREE = "SELECT * FROM alert WHERE id = %(id)s FOR UPDATE SKIP LOCKED"
_KNOWN = "SELECT 1 FROM alert WHERE id = %(id)s"

SAVE_ALERT = """
INSERT INTO alert (
    id, household, kind, rule, severity, status, onset, raised_at, opened_at, score, facts, sources, policy,
    held_by, suppressed_why, returned_at, acknowledged_at, shelved_until, help_at, closed_at, outcome, note,
    event_count, step_count, why, woken_at, storm, flaps, part_of, incident
)
VALUES (
    %(id)s, %(household)s, %(kind)s, %(rule)s, %(severity)s, %(status)s, %(onset)s, %(raised_at)s, %(opened_at)s,
    %(score)s, %(facts)s, %(sources)s, %(policy)s, %(held_by)s, %(suppressed_why)s, %(returned_at)s,
    %(acknowledged_at)s, %(shelved_until)s, %(help_at)s, %(closed_at)s, %(outcome)s, %(note)s, %(event_count)s,
    %(step_count)s, %(why)s, %(woken_at)s, %(storm)s, %(flaps)s, %(part_of)s, %(incident)s
)
ON CONFLICT (id) DO UPDATE SET
    rule = excluded.rule, severity = excluded.severity, score = excluded.score, facts = excluded.facts,
    policy = excluded.policy, status = excluded.status, sources = excluded.sources,
    held_by = excluded.held_by, suppressed_why = excluded.suppressed_why, returned_at = excluded.returned_at,
    acknowledged_at = excluded.acknowledged_at, shelved_until = excluded.shelved_until,
    help_at = excluded.help_at, closed_at = excluded.closed_at, outcome = excluded.outcome,
    note = excluded.note, why = excluded.why, event_count = excluded.event_count, step_count = excluded.step_count,
    woken_at = excluded.woken_at, storm = excluded.storm, flaps = excluded.flaps, part_of = excluded.part_of,
    incident = excluded.incident
"""
# What an alert keeps for life, and its ladder unless it took another one, need not be sent again.
_CHANGED = (
    "rule", "severity", "score", "facts", "status", "sources", "held_by", "suppressed_why", "returned_at",
    "acknowledged_at", "shelved_until", "help_at", "closed_at", "outcome", "note", "why", "event_count", "step_count",
    "woken_at", "storm", "flaps", "part_of", "incident",
)  # fmt: skip
_CHANGE_ALERT = f"UPDATE alert SET {', '.join(f'{name} = %({name})s' for name in _CHANGED)} WHERE id = %(id)s"
_SAVE_EVENT = """
INSERT INTO alert_event (alert, seq, at, actor, kind, detail)
VALUES (%(alert)s, %(seq)s, %(at)s, %(actor)s, %(kind)s, %(detail)s)
"""

_CANCEL_STEPS = """
UPDATE step SET status = 'cancelled'
WHERE alert = %(alert)s AND status = 'pending' AND no <> ALL (%(but)s) AND action ->> 'do' <> 'follow_up'
"""
SAVE_STEP = """
INSERT INTO step (alert, no, due, action, status, ran_at, result)
VALUES (%(alert)s, %(no)s, %(due)s, %(action)s, %(status)s, %(ran_at)s, %(result)s)
ON CONFLICT (alert, no) DO UPDATE SET
    due = excluded.due, status = excluded.status, ran_at = excluded.ran_at, result = excluded.result
"""
_NEXT_DUE = f"""
SELECT alert.*, step.no AS step_no, step.due AS step_due, step.action AS step_action, step.status AS step_status,
    step.ran_at AS step_ran_at, step.result AS step_result, place.*
FROM step JOIN alert ON alert.id = step.alert
CROSS JOIN LATERAL (SELECT {people.PLACE_COLUMNS} FROM household WHERE household.id = alert.household) place
WHERE step.status = 'pending' AND step.due <= %(now)s
  AND (step.aside_until IS NULL OR step.aside_until <= %(now)s)
ORDER BY step.rank DESC, step.due, step.alert, step.no
LIMIT 1
FOR UPDATE OF alert, step SKIP LOCKED
"""
_PUT_ASIDE = """
UPDATE step SET aside_until = %(until)s WHERE alert = %(alert)s AND no = %(no)s AND status = 'pending'
"""
_PENDING = "SELECT * FROM step WHERE alert = %(alert)s AND status = 'pending' ORDER BY no"
_STEP = "SELECT * FROM step WHERE alert = %(alert)s AND no = %(no)s"

_CANCEL_TASKS = """
UPDATE task SET status = 'cancelled'
WHERE alert = %(alert)s AND kind = ANY (%(kinds)s) AND id <> ALL (%(but)s)
  AND (status = 'open' OR (status = 'accepted' AND (kind <> 'visit' OR %(closed)s)))
"""
_SAVE_TASK = """
INSERT INTO task (
    id, alert, step, kind, household, area, assignee, status, created_at, due, accepted_at, accepted_by, done_at,
    done_by, outcome, note, why, follow_up, refused, offered_to, reference, partner_address,
    set_out_at, arrived_at
)
VALUES (
    %(id)s, %(alert)s, %(step)s, %(kind)s, %(household)s, %(area)s, %(assignee)s, %(status)s, %(created_at)s,
    %(due)s, %(accepted_at)s, %(accepted_by)s, %(done_at)s, %(done_by)s, %(outcome)s, %(note)s, %(why)s,
    %(follow_up)s, %(refused)s, %(offered_to)s, %(reference)s, %(partner_address)s, %(set_out_at)s, %(arrived_at)s
)
ON CONFLICT (id) DO UPDATE SET
    assignee = excluded.assignee, status = excluded.status, accepted_at = excluded.accepted_at,
    accepted_by = excluded.accepted_by, done_at = excluded.done_at, done_by = excluded.done_by,
    outcome = excluded.outcome, note = excluded.note, why = excluded.why, refused = excluded.refused,
    offered_to = excluded.offered_to, reference = excluded.reference, partner_address = excluded.partner_address,
    set_out_at = excluded.set_out_at, arrived_at = excluded.arrived_at
"""
_TASKS = "SELECT * FROM task WHERE alert = %(alert)s AND status IN ('open', 'accepted') ORDER BY created_at, id"
_TASK = "SELECT * FROM task WHERE id = %(id)s"
_LOCK_ALERT_OF_TASK = "SELECT 1 FROM alert WHERE id = (SELECT alert FROM task WHERE id = %(id)s) FOR UPDATE"

_CANCEL_NOTIFICATIONS = """
UPDATE notification SET status = 'cancelled'
WHERE alert = %(alert)s AND status = 'queued' AND id <> ALL (%(but)s)
"""
_SAVE_NOTIFICATION = """
INSERT INTO notification (
    id, alert, step, person, role, phone, phone_index, channel, medium, language, text, status, attempts,
    next_attempt_at, created_at, sent_at, error, reference, address, answer
)
VALUES (
    %(id)s, %(alert)s, %(step)s, %(person)s, %(role)s, %(phone)s, %(phone_index)s, %(channel)s, %(medium)s,
    %(language)s, %(text)s, %(status)s, %(attempts)s, %(next_attempt_at)s, %(created_at)s, %(sent_at)s, %(error)s,
    %(reference)s, %(address)s, %(answer)s
)
ON CONFLICT (id) DO UPDATE SET
    status = excluded.status, next_attempt_at = excluded.next_attempt_at, sent_at = excluded.sent_at,
    error = excluded.error, channel = excluded.channel, reference = excluded.reference, answer = excluded.answer
"""
_SAVE_MESSAGE = """
UPDATE handset_message SET status = %(status)s, answer = %(answer)s, answered_at = %(answered_at)s
WHERE id = %(id)s
"""

_WATCHED = """
SELECT alert.id, alert.household, alert.status, alert.held_by, min(step.due) AS next_due
FROM alert LEFT JOIN step ON step.alert = alert.id AND step.status = 'pending'
WHERE alert.status <> 'closed'
GROUP BY alert.id
"""


class PostgresAlertBook(PostgresStorms, OutboxTables):
    """An alert book on one connection, within whatever transaction its caller has opened."""

    many = 50
    """From how many findings on they are taken all at once."""

    def __init__(self, conn: Connection[Any]) -> None:
        super().__init__(conn)
        self._places: dict[str, Place] = {}
        self._policies: dict[UUID, Policy] = {}  # the ladders of alerts as they are stored
        self._due: Mapping[str, Any] | None = None  # the row of `next_due`, for as long as nothing was saved

    def place(self, household: str) -> Place:
        """Return where a registered household is."""
        if household not in self._places:
            self._places[household] = people.place(self._conn, household)
        return self._places[household]

    def people(self, household: str, at: int) -> People:
        """Return whom to tell about a household at an instant."""
        return people.people(self._conn, household, at, self.place(household).area)

    def crew(self, household: str) -> Sequence[Candidate]:
        """Return the caseworkers of the areas around a household, and what each has in hand."""
        return people.crew(self._conn, household)

    def newest_reading(self, household: str) -> int | None:
        """Return the time of the household's newest reading."""
        return people.newest_reading(self._conn, household)

    def absence_end(self, household: str, at: int) -> int | None:
        """Return when the absence that covers an instant ends."""
        return people.absence_end(self._conn, household, at)

    def record(self, finding: Finding) -> bool:
        """Write a finding down; False if it was there already."""
        return findings.record(self._conn, finding)

    def still_so(self, alert: Alert) -> Mapping[str, int]:
        """Return those of an alert's sources that were neither cleared nor raised anew since they were raised."""
        return findings.still_so(self._conn, alert)

    def worst(self, alert: Alert) -> Finding | None:
        """Return the most severe of what an alert's sources were raised with."""
        return findings.worst(self._conn, alert)

    def put_to_rest(self, finding: Finding) -> Alert | None:
        """Return the closed alert that has a finding's condition among its sources and will be looked at again."""
        source = Jsonb({source_of(finding): finding.onset})
        about = {"household": finding.household, "kind": finding.kind.value, "source": source}
        row = self._run(_PUT_TO_REST, about).fetchone()
        return None if row is None else self._read(row)

    @contextmanager
    def together(self, findings: Sequence[Finding], now: int) -> Iterator[AlertBook]:
        """Open a book of the same transaction that reads and writes at once what many findings need."""
        if len(findings) < self.many:
            yield self
            return
        from storage.alerts.batches import BatchedAlertBook  # noqa: PLC0415 - it is made of this class

        batched = BatchedAlertBook(self._conn, findings, now)
        yield batched
        batched.flush()

    def lately_closed(self, household: str, kind: Kind, since: int) -> Alert | None:
        """Return the alert of a kind that was closed last in a household, unless somebody is at work on it."""
        about = {"household": household, "kind": kind.value, "since": to_datetime(since)}
        row = self._run(_LATELY_CLOSED, about).fetchone()
        return None if row is None else self._read(row)

    def open_alert(self, household: str, kind: Kind) -> Alert | None:
        """Lock a household for new alerts and return its open alert of a kind, locked."""
        self._run(_LOCK_HOUSEHOLD, {"household": household})
        row = self._run(_OPEN_ALERT, {"household": household, "kind": kind.value}).fetchone()
        return None if row is None else self._read(row)

    def find(self, alert: UUID) -> Alert | None:
        """Return an alert, locked."""
        row = self._locked.pop(alert, None) or self._run(_FIND_ALERT, {"id": alert}).fetchone()
        return None if row is None else self._read(row)

    def find_free(self, alert: UUID) -> Alert | None:
        """Return an alert, locked, unless somebody else works on it."""
        row = self._run(_FIND_FREE, {"id": alert}).fetchone()
        return None if row is None else self._read(row)

    def households(self) -> int:
        """Return how many households are watched."""
        return visits.households(self._conn)

    def visits(self, since: int) -> Sequence[Asked]:
        """Return the first visit each alert asked for since an instant; those called off do not count."""
        return visits.asked(self._conn, since)

    def waiting_for_room(self) -> int:
        """Return how many open alerts wait because of the limit of visits."""
        return visits.waiting_for_room(self._conn)

    def known(self, alert: UUID) -> bool:
        """Say whether there is such an alert, without locking it."""
        return self._run(_KNOWN, {"id": alert}).fetchone() is not None

    def save(self, change: Change) -> None:
        """Write a change down and tell whoever listens."""
        self._locked.clear()
        self._due = None
        with self._conn.pipeline():  # nothing here reads an answer, so none is waited for
            self._write(change)
            told = {ALERTS: str(change.alert.id)}
            if any(step.status is StepStatus.PENDING and step.due <= change.at for step in change.steps):
                told[STEPS] = ""
            if change.notifications:
                told[NOTIFICATIONS] = ""
            self._notify(told)

    def _write(self, change: Change) -> None:
        alert = change.alert.id
        if self._policies.get(alert) is change.alert.policy:
            self._run(_CHANGE_ALERT, rows.changes_of(change.alert))
        else:
            self._run(SAVE_ALERT, rows.from_alert(change.alert))
            self._policies[alert] = change.alert.policy
        if change.cancel_steps:
            self._run(_CANCEL_STEPS, {"alert": alert, "but": [step.no for step in change.steps]})
        if change.cancel_notifications:
            but = [notification.id for notification in change.notifications]
            self._run(_CANCEL_NOTIFICATIONS, {"alert": alert, "but": but})
        if change.cancel_tasks:
            kinds = [kind.value for kind in change.cancel_tasks]
            but = [task.id for task in change.tasks]
            closed = change.alert.status is Status.CLOSED
            self._run(_CANCEL_TASKS, {"alert": alert, "kinds": kinds, "but": but, "closed": closed})
        self._run_each(_SAVE_EVENT, [rows.from_event(event) for event in change.events])
        self._run_each(SAVE_STEP, [rows.from_step(step) for step in change.steps])
        self._run_each(_SAVE_TASK, [rows.from_task(task) for task in change.tasks])
        if change.alert.status is Status.CLOSED and (real := was_real(change.alert)) is not None:
            self._run(lessons.SAVE, rows.from_verdict(change.alert, real=real))
        self._run_each(_SAVE_NOTIFICATION, [rows.from_notification(one) for one in change.notifications])
        self._run_each(_SAVE_MESSAGE, [rows.from_message(message) for message in change.messages])

    def next_due(self, now: int) -> Due | None:
        """Return the pending step of the most severe alert that has been due longest, locked with its alert."""
        row = self._run(_NEXT_DUE, {"now": to_datetime(now)}).fetchone()
        if row is None:
            return None
        self._due = self._locked[row["id"]] = row
        self._places[row["household"]] = people.to_place(row)
        return Due(row["id"], row["step_no"])

    def put_aside(self, due: Due, until: int) -> None:
        """Keep a step that could not be carried out from `next_due` for a while; its due time stays."""
        self._run(_LOCK_ALERT, {"id": due.alert})
        self._run(_PUT_ASIDE, {"alert": due.alert, "no": due.no, "until": to_datetime(until)})

    def pending(self, alert: UUID) -> Sequence[Step]:
        """Return the pending steps of a locked alert."""
        return [rows.to_step(row) for row in self._run(_PENDING, {"alert": alert})]

    def step(self, alert: UUID, no: int) -> Step | None:
        """Return one step of a locked alert."""
        if self._due is not None and (self._due["id"], self._due["step_no"]) == (alert, no):
            columns = ("no", "due", "action", "status", "ran_at", "result")
            return rows.to_step({"alert": alert} | {name: self._due[f"step_{name}"] for name in columns})
        row = self._run(_STEP, {"alert": alert, "no": no}).fetchone()
        return None if row is None else rows.to_step(row)

    def tasks(self, alert: UUID) -> Sequence[Task]:
        """Return the open and accepted tasks of a locked alert."""
        return [rows.to_task(row) for row in self._run(_TASKS, {"alert": alert})]

    def task(self, task: UUID) -> Task | None:
        """Return a task, its alert locked."""
        self._run(_LOCK_ALERT_OF_TASK, {"id": task})
        row = self._run(_TASK, {"id": task}).fetchone()
        return None if row is None else rows.to_task(row)

    def watched(self) -> Sequence[Watched]:
        """Return what the auditor needs to know of every alert that is not closed."""
        return [
            Watched(
                alert=row["id"],
                household=row["household"],
                status=Status(row["status"]),
                held_by=row["held_by"],
                next_due=None if row["next_due"] is None else to_micros(row["next_due"]),
            )
            for row in self._run(_WATCHED, {})
        ]

    def _read(self, row: Mapping[str, Any]) -> Alert:
        alert = rows.to_alert(row)
        self._policies[alert.id] = alert.policy
        return alert

    def _run_each(self, query: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self._conn.cursor().executemany(query, rows)


def books_on(pool: ConnectionPool) -> Books:
    """Return what opens a book on a connection of a pool, in a transaction of its own."""

    @contextmanager
    def opened() -> Iterator[AlertBook]:
        with pool.connection() as conn, conn.transaction():
            yield PostgresAlertBook(conn)

    return opened
