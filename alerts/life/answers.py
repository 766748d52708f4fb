"""What an answer on a telephone means, and what it does to the alert it answers."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from uuid import UUID

from alerts.change import Change, Draft
from alerts.ladders.policy import TIMERS, Action, Do, Policy
from alerts.ladders.rungs import pull_forward
from alerts.life.again import fresh_alert
from alerts.life.handling import refuse_closed
from alerts.life.lifecycle import raise_severity, source_of
from alerts.model import Alert, EventKind, Outcome, Status, Step, Task, TaskKind, TaskStatus
from alerts.people import Medium, Role
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from registry.instants import MINUTE

HELP = (
    Action(Do.VISIT, who="caseworker", message="help", within=45 * MINUTE),
    Action(Do.CALL, who="duty_officer", message="help"),
)
"""What a call for help does at once, whatever the ladder. 45 min to arrive: DESIGN §7 (90 % of telecare visits)."""

SUPPORT = Action(Do.CALL, who="duty_officer", message="escalated")
"""What asking for more does where no rung is ahead: somebody holds the alert, or it is put aside."""

BY_TELEPHONE = "closed by telephone"
"""The note of an alert closed by a key: nobody has written down yet what they found."""

ASK_AGAIN = "again"
"""The message that asks once more after an answer that was not understood."""

_CLOSED_BY_FINE = frozenset(
    {
        Kind.INACTIVITY, Kind.COLD, Kind.TAP, Kind.BURST, Kind.EXCESS, Kind.LEAK, Kind.SURGE, Kind.DROP,
        Kind.APPLIANCE, Kind.OUTAGE,
    }
)  # fmt: skip
"""What a resident can judge; where it is still so, it is looked at again (`recheck`)."""

_FINE = frozenset(
    {"1", "fine", "ok", "okay", "i am fine", "i'm fine", "好", "好的", "没事", "我没事", "平安", "我很好"}
)
_HELP = frozenset({"2", "help", "help me", "帮助", "帮帮我", "救命", "需要帮助", "帮"})
_TAKEN = frozenset({"4", "1", "ack", "ok", "知道了", "收到", "好", "好的"})
_MORE = frozenset({"5", "escalate", "升级"})
_DONE = frozenset({"6", "close", "关闭"})


class Meaning(StrEnum):
    """What somebody meant."""

    FINE = "fine"
    HELP = "help"
    ACKNOWLEDGE = "acknowledge"
    ESCALATE = "escalate"  # have the next in line told at once
    CLOSE = "close"
    UNCLEAR = "unclear"


def understand(answer: str, role: Role) -> Meaning:
    """Read an answer; full-width digits, case, spaces and final punctuation do not matter."""
    said = unicodedata.normalize("NFKC", answer).strip().lower().rstrip(".!。 #*,")
    if role is not Role.RESIDENT:
        if said in _MORE:
            return Meaning.ESCALATE
        if said in _DONE:
            return Meaning.CLOSE
        return Meaning.ACKNOWLEDGE if said in _TAKEN else Meaning.UNCLEAR
    if said in _HELP:
        return Meaning.HELP
    return Meaning.FINE if said in _FINE else Meaning.UNCLEAR


def say_fine(alert: Alert, actor: str, answer: str, now: int) -> Change:
    """A resident says that they are well.

    That closes an alert about what a resident can judge, such as inactivity or a leak. It never closes smoke that is
    still reported, nor an alert in which somebody asked for help: those it is only written down in.
    """
    draft = Draft(alert, now)
    draft.tell(EventKind.ANSWERED, actor, answer=answer, meaning=Meaning.FINE.value)
    smoke_gone = alert.kind is Kind.SMOKE and not alert.sources
    if alert.status is not Status.CLOSED and alert.help_at is None and (alert.kind in _CLOSED_BY_FINE or smoke_gone):
        draft.close(actor, Outcome.RESIDENT_FINE)
    return draft.change()


def ask_for_help(alert: Alert, actor: str, answer: str, now: int) -> Change:
    """A resident asks for help: urgent, and the ladder jumps to the visit and the duty officer.

    Asked again while that is under way it is only written down. The alert must not be closed; for one that is,
    see `help_after_close`.
    """
    draft = Draft(alert, now)
    draft.tell(EventKind.ANSWERED, actor, answer=answer, meaning=Meaning.HELP.value)
    if alert.help_at is not None and alert.status is Status.UNACKNOWLEDGED:
        return draft.change()
    _jump(draft, actor)
    return draft.change()


def help_after_close(closed: Alert, onset_id: UUID, actor: str, now: int) -> Change:
    """A resident asks for help by an old message: it is never too late, so a new alert opens under `onset_id`.

    No sensor reports it, so none can clear it.
    """
    finding = Finding(closed.household, closed.kind, "resident", actor, Phase.RAISED, Severity.URGENT, now, now, 0.0)
    alert = replace(
        fresh_alert(closed, onset_id, now),
        rule=finding.rule,
        severity=Severity.URGENT,
        onset=now,
        score=0.0,
        sources={source_of(finding): now},
    )
    return _opened(alert, actor, now)


def help_unasked(household: str, kind: Kind, alert_id: UUID, policy: Policy, actor: str, now: int) -> Change:
    """Somebody of a household asks for help though nothing was asked of them: an alert opens that no sensor reports."""
    facts: Mapping[str, Fact] = {"template": "help", "since_at": now}
    finding = Finding(household, kind, "resident", actor, Phase.RAISED, Severity.URGENT, now, now, 0.0, facts)
    alert = Alert(
        id=alert_id,
        household=household,
        kind=kind,
        rule=finding.rule,
        severity=Severity.URGENT,
        status=Status.UNACKNOWLEDGED,
        onset=now,
        raised_at=now,
        opened_at=now,
        score=0.0,
        facts=facts,
        sources={source_of(finding): now},
        policy=policy,
    )
    return _opened(alert, actor, now)


def _opened(alert: Alert, actor: str, now: int) -> Change:
    draft = Draft(alert, now)
    draft.tell(EventKind.RAISED, actor, rule=alert.rule, severity=alert.severity.label, onset=now)
    _jump(draft, actor)
    return draft.change()


def take_charge(alert: Alert, person: str, answer: str, tasks: Sequence[Task], now: int) -> Change:
    """A contact or somebody of the staff takes the alert; if another holds it or it is over, that stands.

    Those of its undone `tasks` that were asked of them they have accepted by that, until then they hold the alert. So
    they do what was handed over to them, although the giver held it so far.
    """
    actor = f"person:{person}"
    draft = Draft(alert, now)
    draft.tell(EventKind.ANSWERED, actor, answer=answer, meaning=Meaning.ACKNOWLEDGE.value)
    asked = [task for task in tasks if not task.apart and _is_asked(task, person)]
    offered = any(task.offered_to == person for task in asked)
    held = alert.status is Status.ACKNOWLEDGED and not offered and (alert.held_by != actor or not asked)
    if alert.status is not Status.CLOSED and not held:
        draft.hold(actor, min((task.until(now) for task in asked), default=None))
        if alert.status is not Status.ACKNOWLEDGED or alert.held_by != actor:
            draft.tell(EventKind.ACKNOWLEDGED, actor)
        for task in asked:
            draft.accept(task, actor, actor, person)
    return draft.change()


def escalate(alert: Alert, actor: str, answer: str, pending: Sequence[Step], now: int) -> Change:
    """A contact or somebody of the staff has the next in line told at once; `pending` are the steps wanted now.

    The ladder's next rung is climbed now. Where none is ahead, because somebody holds the alert, it is put aside or
    nothing is meant for this hour, the duty officer is called; whoever holds it keeps it.
    """
    draft = Draft(alert, now)
    draft.tell(EventKind.ANSWERED, actor, answer=answer, meaning=Meaning.ESCALATE.value)
    if alert.status is not Status.CLOSED:
        _press_on(draft, pending)
    return draft.change()


def escalate_at_desk(alert: Alert, actor: str, pending: Sequence[Step], now: int) -> Change:
    """Do what `escalate` does for somebody who looks at the alert.

    Raises:
        Conflict: it is closed.
    """
    draft = Draft(alert, now)
    refuse_closed(alert)
    draft.tell(EventKind.ESCALATED, actor)
    _press_on(draft, pending)
    return draft.change()


def close_by_telephone(alert: Alert, role: Role, actor: str, answer: str, now: int) -> Change:
    """Somebody of the staff closes the alert without saying what they found, where `why_not_close` allows it."""
    draft = Draft(alert, now)
    draft.tell(EventKind.ANSWERED, actor, answer=answer, meaning=Meaning.CLOSE.value)
    if alert.status is not Status.CLOSED and why_not_close(alert, role) is None:
        draft.close(actor, Outcome.OTHER, BY_TELEPHONE)
    return draft.change()


def why_not_close(alert: Alert, role: Role) -> str | None:
    """Return why an alert is not closed by telephone: `role`, `smoke` or `help`; None where it may be.

    What may be burning and who has called for help need a look and an outcome, not a key.
    """
    if role not in (Role.CASEWORKER, Role.DUTY_OFFICER):
        return "role"
    if alert.help_at is not None:
        return "help"
    return "smoke" if alert.kind is Kind.SMOKE and alert.sources else None


def note_answer(alert: Alert, actor: str, answer: str, meaning: Meaning, now: int) -> Change:
    """Write an answer down that changes nothing else."""
    draft = Draft(alert, now)
    draft.tell(EventKind.ANSWERED, actor, answer=answer, meaning=meaning.value)
    return draft.change()


def not_understood(alert: Alert, person: str, answer: str, medium: Medium, now: int, *, ask_again: bool) -> Change:
    """Write down an answer that was not understood and, while the ladder runs, ask that person once more."""
    draft = Draft(alert, now)
    draft.tell(EventKind.ANSWERED, f"person:{person}", answer=answer, meaning=Meaning.UNCLEAR.value)
    if ask_again and alert.status in (Status.UNACKNOWLEDGED, Status.RETURNED):
        draft.plan(Action(Do(medium.value), who=f"person:{person}", message=ASK_AGAIN), now)
    return draft.change()


def _press_on(draft: Draft, pending: Sequence[Step]) -> None:
    """Climb the next rung now, or call the duty officer where none is ahead."""
    if any(step.action.do not in TIMERS for step in pending):
        pull_forward(draft, pending)
    else:
        draft.plan(SUPPORT, draft.now)


def _is_asked(task: Task, person: str) -> bool:
    """Say whether a task waits for somebody's word: it is in their list, or was handed over to them."""
    return task.offered_to == person or (task.status is TaskStatus.OPEN and task.assignee == person)


def _jump(draft: Draft, actor: str) -> None:
    """Whoever held the alert may not know: it is everybody's again until somebody takes it."""
    draft.stop()
    draft.cancel_tasks = frozenset({TaskKind.REVIEW})
    draft.wake()
    draft.alert = replace(draft.alert, help_at=draft.now)
    raise_severity(draft, Severity.URGENT)
    draft.tell(EventKind.HELP_ASKED, actor)
    visits = [rung.action.within for rung in draft.alert.policy.rungs if rung.action.do is Do.VISIT]
    for action in HELP:
        # Never later than this ladder would have been there anyway.
        within = min([action.within, *visits]) if action.do is Do.VISIT else action.within
        draft.plan(replace(action, within=within), draft.now)
