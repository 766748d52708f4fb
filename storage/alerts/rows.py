"""How the values of `alerts.model` look as rows, there and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from alerts.ladders.policy import Action, Policy
from alerts.model import (
    Alert,
    AlertEvent,
    FalseAlarm,
    HandsetMessage,
    MessageStatus,
    Notification,
    NotificationStatus,
    Outcome,
    Status,
    Step,
    StepStatus,
    Suppression,
    Task,
    TaskKind,
    TaskStatus,
)
from alerts.people import Medium, Role
from detectors.finding import Finding, Kind, Phase, Severity
from registry.instants import to_datetime, to_micros
from storage import sealing

Row = Mapping[str, Any]


def to_alert(row: Row) -> Alert:
    """Return the alert in a row of `alert`."""
    return Alert(
        id=row["id"],
        household=row["household"],
        kind=Kind(row["kind"]),
        rule=row["rule"],
        severity=Severity(row["severity"]),
        status=Status(row["status"]),
        onset=to_micros(row["onset"]),
        raised_at=to_micros(row["raised_at"]),
        opened_at=to_micros(row["opened_at"]),
        score=row["score"],
        facts=row["facts"],
        sources=row["sources"],
        policy=Policy.from_json(row["policy"]),
        held_by=row["held_by"],
        suppressed_why=None if row["suppressed_why"] is None else Suppression(row["suppressed_why"]),
        returned_at=_micros(row["returned_at"]),
        acknowledged_at=_micros(row["acknowledged_at"]),
        shelved_until=_micros(row["shelved_until"]),
        help_at=_micros(row["help_at"]),
        closed_at=_micros(row["closed_at"]),
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        note=row["note"],
        why=_false_alarm(row["why"]),
        event_count=row["event_count"],
        step_count=row["step_count"],
        woken_at=_micros(row["woken_at"]),
        storm=row["storm"],
        flaps=tuple(row["flaps"]),
        part_of=row["part_of"],
        incident=row["incident"],
    )


def from_alert(alert: Alert) -> dict[str, Any]:
    """Return an alert as parameters."""
    return {**changes_of(alert), "policy": Jsonb(alert.policy.to_json())}


def changes_of(alert: Alert) -> dict[str, Any]:
    """Return an alert as parameters, all but its policy: to write that costs as much as the rest together."""
    return {
        "id": alert.id,
        "household": alert.household,
        "kind": alert.kind.value,
        "rule": alert.rule,
        "severity": int(alert.severity),
        "status": alert.status.value,
        "onset": to_datetime(alert.onset),
        "raised_at": to_datetime(alert.raised_at),
        "opened_at": to_datetime(alert.opened_at),
        "score": alert.score,
        "facts": Jsonb(dict(alert.facts)),
        "sources": Jsonb(dict(alert.sources)),
        "held_by": alert.held_by,
        "suppressed_why": alert.suppressed_why and alert.suppressed_why.value,
        "returned_at": _moment(alert.returned_at),
        "acknowledged_at": _moment(alert.acknowledged_at),
        "shelved_until": _moment(alert.shelved_until),
        "help_at": _moment(alert.help_at),
        "closed_at": _moment(alert.closed_at),
        "outcome": alert.outcome and alert.outcome.value,
        "note": alert.note,
        "why": alert.why and alert.why.value,
        "event_count": alert.event_count,
        "step_count": alert.step_count,
        "woken_at": _moment(alert.woken_at),
        "storm": alert.storm,
        "flaps": Jsonb(list(alert.flaps)),
        "part_of": alert.part_of,
        "incident": alert.incident,
    }


def from_event(event: AlertEvent) -> dict[str, Any]:
    """Return a line of a timeline as parameters."""
    return {
        "alert": event.alert,
        "seq": event.seq,
        "at": to_datetime(event.at),
        "actor": event.actor,
        "kind": event.kind.value,
        "detail": Jsonb(dict(event.detail)),
    }


def from_finding(finding: Finding) -> dict[str, Any]:
    """Return a finding as parameters."""
    return {
        "household": finding.household,
        "kind": finding.kind.value,
        "rule": finding.rule,
        "source": finding.source,
        "onset": to_datetime(finding.onset),
        "phase": finding.phase.value,
        "severity": int(finding.severity),
        "time": to_datetime(finding.time),
        "score": finding.score,
        "facts": Jsonb(dict(finding.facts)),
    }


def to_finding(row: Row) -> Finding:
    """Return the finding in a row of `finding`."""
    return Finding(
        household=row["household"],
        kind=Kind(row["kind"]),
        rule=row["rule"],
        source=row["source"],
        phase=Phase(row["phase"]),
        severity=Severity(row["severity"]),
        onset=to_micros(row["onset"]),
        time=to_micros(row["time"]),
        score=row["score"],
        facts=row["facts"],
    )


def from_verdict(alert: Alert, *, real: bool) -> dict[str, Any]:
    """Return what a closed alert teaches as parameters."""
    return {
        "alert": alert.id,
        "household": alert.household,
        "kind": alert.kind.value,
        "at": _moment(alert.closed_at),
        "real": real,
    }


def to_step(row: Row) -> Step:
    """Return the step in a row of `step`."""
    return Step(
        alert=row["alert"],
        no=row["no"],
        due=to_micros(row["due"]),
        action=Action.from_json(row["action"]),
        status=StepStatus(row["status"]),
        ran_at=_micros(row["ran_at"]),
        result=row["result"],
    )


def from_step(step: Step) -> dict[str, Any]:
    """Return a step as parameters."""
    return {
        "alert": step.alert,
        "no": step.no,
        "due": to_datetime(step.due),
        "action": Jsonb(step.action.to_json()),
        "status": step.status.value,
        "ran_at": _moment(step.ran_at),
        "result": step.result,
    }


def to_notification(row: Row) -> Notification:
    """Return the notification in a row of `notification`."""
    return Notification(
        id=row["id"],
        alert=row["alert"],
        step=row["step"],
        person=row["person"],
        role=Role(row["role"]),
        phone=_opened("notification.phone", row),
        channel=row["channel"],
        medium=Medium(row["medium"]),
        language=row["language"],
        text=_opened("notification.text", row),
        status=NotificationStatus(row["status"]),
        next_attempt_at=to_micros(row["next_attempt_at"]),
        created_at=to_micros(row["created_at"]),
        attempts=row["attempts"],
        sent_at=_micros(row["sent_at"]),
        error=row["error"],
        reference=row["reference"],
        address=_opened("notification.address", row),
        answer=row["answer"],
    )


def from_notification(notification: Notification) -> dict[str, Any]:
    """Return a notification as parameters."""
    return {
        "id": notification.id,
        "alert": notification.alert,
        "step": notification.step,
        "person": notification.person,
        "role": notification.role.value,
        "phone": sealing.sealed("notification.phone", notification.id, notification.phone),
        "phone_index": sealing.indexed(notification.phone),
        "channel": notification.channel,
        "medium": notification.medium.value,
        "language": notification.language,
        "text": sealing.sealed("notification.text", notification.id, notification.text),
        "status": notification.status.value,
        "next_attempt_at": to_datetime(notification.next_attempt_at),
        "created_at": to_datetime(notification.created_at),
        "attempts": notification.attempts,
        "sent_at": _moment(notification.sent_at),
        "error": notification.error,
        "reference": notification.reference,
        "address": sealing.sealed("notification.address", notification.id, notification.address),
        "answer": notification.answer,
    }


def to_task(row: Row) -> Task:
    """Return the task in a row of `task`."""
    return Task(
        id=row["id"],
        alert=row["alert"],
        step=row["step"],
        kind=TaskKind(row["kind"]),
        household=row["household"],
        area=row["area"],
        assignee=row["assignee"],
        status=TaskStatus(row["status"]),
        created_at=to_micros(row["created_at"]),
        due=to_micros(row["due"]),
        accepted_at=_micros(row["accepted_at"]),
        accepted_by=row["accepted_by"],
        done_at=_micros(row["done_at"]),
        done_by=row["done_by"],
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        note=row["note"],
        why=_false_alarm(row["why"]),
        follow_up=row["follow_up"],
        refused=tuple(row["refused"]),
        offered_to=row["offered_to"],
        reference=row["reference"],
        partner_address=_opened("task.partner_address", row),
        set_out_at=_micros(row["set_out_at"]),
        arrived_at=_micros(row["arrived_at"]),
    )


def from_task(task: Task) -> dict[str, Any]:
    """Return a task as parameters."""
    return {
        "id": task.id,
        "alert": task.alert,
        "step": task.step,
        "kind": task.kind.value,
        "household": task.household,
        "area": task.area,
        "assignee": task.assignee,
        "status": task.status.value,
        "created_at": to_datetime(task.created_at),
        "due": to_datetime(task.due),
        "accepted_at": _moment(task.accepted_at),
        "accepted_by": task.accepted_by,
        "done_at": _moment(task.done_at),
        "done_by": task.done_by,
        "outcome": task.outcome and task.outcome.value,
        "note": task.note,
        "why": task.why and task.why.value,
        "follow_up": task.follow_up,
        "refused": list(task.refused),
        "offered_to": task.offered_to,
        "reference": task.reference,
        "partner_address": sealing.sealed("task.partner_address", task.id, task.partner_address),
        "set_out_at": _moment(task.set_out_at),
        "arrived_at": _moment(task.arrived_at),
    }


def to_message(row: Row) -> HandsetMessage:
    """Return the message in a row of `handset_message`."""
    return HandsetMessage(
        id=row["id"],
        phone=_opened("handset_message.phone", row),
        person=row["person"],
        medium=Medium(row["medium"]),
        text=_opened("handset_message.text", row),
        at=to_micros(row["at"]),
        status=MessageStatus(row["status"]),
        rings_until=_micros(row["rings_until"]),
        answer=row["answer"],
        answered_at=_micros(row["answered_at"]),
    )


def from_message(message: HandsetMessage) -> dict[str, Any]:
    """Return a message on a handset as parameters."""
    return {
        "id": message.id,
        "phone": sealing.sealed("handset_message.phone", message.id, message.phone),
        "phone_index": sealing.indexed(message.phone),
        "person": message.person,
        "medium": message.medium.value,
        "text": sealing.sealed("handset_message.text", message.id, message.text),
        "at": to_datetime(message.at),
        "status": message.status.value,
        "rings_until": _moment(message.rings_until),
        "answer": message.answer,
        "answered_at": _moment(message.answered_at),
    }


def _opened(column: str, row: Row) -> Any:
    return sealing.opened(column, row["id"], row[column.rpartition(".")[2]])


def _false_alarm(code: str | None) -> FalseAlarm | None:
    return None if code is None else FalseAlarm(code)


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else to_micros(moment)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else to_datetime(micros)
