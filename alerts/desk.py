"""What people do about alerts: acknowledge, shelve, close, go and look, answer a telephone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from alerts.book import AlertBook
from alerts.change import Change, Draft
from alerts.errors import Conflict, NotFound
from alerts.ladders.policy import Policies
from alerts.life import answers, handling, merging
from alerts.life.answers import Meaning
from alerts.messages.fallback import next_rungs
from alerts.model import (
    Alert,
    FalseAlarm,
    HandsetMessage,
    MessageStatus,
    Notification,
    NotificationStatus,
    Outcome,
    Status,
    Task,
    episode_id,
)
from alerts.people import Medium
from alerts.storms import gate
from alerts.tasks import visits
from detectors.finding import Kind, Severity
from registry.instants import to_datetime, to_micros

_WORK_BEGINS = time(9)
_LIFE = Kind.INACTIVITY


def acknowledge(book: AlertBook, alert_id: UUID, actor: str, now: int) -> Alert:
    """Give an alert to an actor, stop everything pending; return the alert.

    Raises:
        NotFound: there is no such alert.
        Conflict: it is closed, or somebody else holds it.
    """
    return _save(book, handling.acknowledge(_alert(book, alert_id), actor, now))


def give_back(book: AlertBook, alert_id: UUID, actor: str, now: int) -> Alert:
    """Make an alert that the actor holds everybody's again; return the alert.

    Raises:
        NotFound: there is no such alert.
        Conflict: it is not theirs, or they have accepted a task of it.
    """
    return _save(book, handling.give_back(_alert(book, alert_id), actor, book.tasks(alert_id), now))


def escalate(book: AlertBook, alert_id: UUID, actor: str, now: int) -> Alert:
    """Have the next in line told of an alert at once; return the alert.

    Raises:
        NotFound: there is no such alert.
        Conflict: it is closed.
    """
    alert = _alert(book, alert_id)
    return _save(book, answers.escalate_at_desk(alert, actor, next_rungs(book, alert, now), now))


def shelve(book: AlertBook, alert_id: UUID, actor: str, until: int, reason: str, now: int) -> Alert:
    """Keep an alert quiet until a time (microseconds UTC), at most a week; return the alert.

    Raises:
        NotFound: there is no such alert.
        Conflict: it is closed.
        Invalid: the time or the reason will not do.
    """
    return _save(book, handling.shelve(_alert(book, alert_id), actor, until, reason, now))


def unshelve(book: AlertBook, alert_id: UUID, actor: str, now: int) -> Alert:
    """Take an alert off the shelf before its time; return the alert.

    Raises:
        NotFound: there is no such alert.
        Conflict: it is not shelved.
    """
    return _save(book, handling.unshelve(_alert(book, alert_id), actor, now))


def close(
    book: AlertBook,
    alert_id: UUID,
    actor: str,
    outcome: Outcome,
    note: str,
    now: int,
    why: FalseAlarm | None = None,
) -> Alert:
    """End an alert with what was found, and `why` if it was a false alarm; return the alert.

    Raises:
        NotFound: there is no such alert.
        Conflict: it is closed with something else.
        Invalid: the outcome closes nothing, or does not go with `why`.
    """
    return _save(book, handling.close(_alert(book, alert_id), actor, outcome, note, now, why))


def merge(book: AlertBook, alert_id: UUID, into_id: UUID, actor: str, now: int) -> Alert:
    """Close an alert as part of another of its household; return the alert.

    Raises:
        NotFound: there is no such alert.
        Conflict: one of them is closed, or somebody is at work on the other just now.
        Invalid: they cannot tell of the same cause.
    """
    alert = _alert(book, alert_id)
    part, whole = merging.merge(alert, _beside(book, into_id), actor, now)
    _save(book, whole)
    return _save(book, part)


def split(book: AlertBook, alert_id: UUID, actor: str, now: int) -> Alert:
    """Take an alert out of the one it was merged into; return the alert.

    Raises:
        NotFound: there is no such alert.
        Conflict: it was not merged, or its household has another open alert of its kind by now.
    """
    alert = _alert(book, alert_id)
    current = book.open_alert(alert.household, alert.kind)
    whole = None if alert.part_of is None else _beside(book, alert.part_of)
    changes = merging.split(alert, whole, current, actor, now)
    for change in changes:
        _save(book, change)
    return changes[0].alert


def _beside(book: AlertBook, alert_id: UUID) -> Alert:
    """Return a second alert, locked; it is not waited for, since others may take the two the other way round."""
    alert = book.find_free(alert_id)
    if alert is not None:
        return alert
    if not book.known(alert_id):
        raise NotFound(f"there is no alert {alert_id}; look it up in the list of alerts")
    raise Conflict("somebody is at work on the other alert just now; try again")


def accept(book: AlertBook, task_id: UUID, actor: str, person: str | None, now: int) -> Task:
    """Take a task on for a person, or for the actor themselves where `person` is None; return the task.

    Raises:
        NotFound: there is no such task.
        Conflict: somebody else has it, or it is over.
    """
    task, alert = _task(book, task_id)
    change = visits.accept(alert, task, actor, person, now)
    _save(book, change)
    return next(iter(change.tasks), task)


def set_out(book: AlertBook, task_id: UUID, actor: str, at: int, now: int) -> Task:
    """Note that the actor, who has accepted a visit, is on the way since `at`; return the task.

    Raises:
        NotFound: there is no such task.
        Conflict: it is over, or not theirs.
        Invalid: nobody goes anywhere for it.
    """
    task, alert = _task(book, task_id)
    return _done(book, visits.set_out(alert, task, actor, at, now), task)


def arrive(book: AlertBook, task_id: UUID, actor: str, at: int, now: int) -> Task:
    """Note that the actor, who has accepted a visit, is at the door since `at`; return the task.

    Raises:
        NotFound: there is no such task.
        Conflict: it is over, or not theirs.
        Invalid: nobody goes anywhere for it.
    """
    task, alert = _task(book, task_id)
    return _done(book, visits.arrive(alert, task, actor, at, now), task)


def refuse(book: AlertBook, task_id: UUID, actor: str, person: str | None, reason: str, now: int) -> Task:
    """Give a task back for a person, or for whoever has it where `person` is None; return the task.

    Raises:
        NotFound: there is no such task.
        Conflict: it is over, or not theirs.
        Invalid: there is no reason.
    """
    task, alert = _task(book, task_id)
    return _done(book, visits.refuse(alert, task, actor, person, reason, book.crew(task.household), now), task)


def hand_over(book: AlertBook, task_id: UUID, actor: str, giver: str | None, person: str, note: str, now: int) -> Task:
    """Offer a task to another person of the area; return the task. `giver` None may give what anybody has.

    Raises:
        NotFound: there is no such task.
        Conflict: it is over, not the giver's, or was refused by that person.
        Invalid: that person is not of the staff around, or has it already.
    """
    task, alert = _task(book, task_id)
    to = next(iter(book.people(task.household, now).named(f"person:{person}")), None)
    return _done(book, visits.hand_over(alert, task, actor, giver, to, note, now), task)


def transfer(
    book: AlertBook, task_id: UUID, actor: str, organisation: str, reference: str, note: str, address: str, now: int
) -> Task:
    """Give a task to a partner organisation; return the task.

    Raises:
        NotFound: there is no such task.
        Conflict: it is over.
        Invalid: the organisation has no name.
    """
    task, alert = _task(book, task_id)
    return _done(book, visits.transfer(alert, task, actor, organisation, reference, note, address, now), task)


def record_outcome(
    book: AlertBook,
    task_id: UUID,
    actor: str,
    outcome: Outcome,
    note: str,
    now: int,
    why: FalseAlarm | None = None,
    follow_up_on: date | None = None,
) -> Task:
    """Write down what was found by a task, and on which day of the household's somebody should call again.

    Return the task.

    Raises:
        NotFound: there is no such task.
        Conflict: something else was recorded, or the task was cancelled.
        Invalid: the outcome is the system's own, or does not go with the rest.
    """
    task, alert = _task(book, task_id)
    follow_up_at = None if follow_up_on is None else _morning(follow_up_on, book.place(task.household).zone)
    return _done(book, visits.record_outcome(alert, task, actor, outcome, note, now, why, follow_up_at), task)


def answer(book: AlertBook, message_id: UUID, said: str, now: int) -> Meaning:
    """Take an answer to a message on a handset; return what it was taken for.

    The same answer twice changes nothing; another answer is heard anew, for somebody who said "fine" may need
    help after all.

    Raises:
        NotFound: there is no such message.
        Conflict: it was a call, and it rings no more.
    """
    message, notification = book.message(message_id), book.notification(message_id)
    if message is None or notification is None:
        raise NotFound(f"there is no message {message_id} on any handset")
    if message.answer is not None and message.answer == said:
        return answers.understand(said, notification.role)
    _refuse_silent_call(message, now)
    answered = replace(message, status=MessageStatus.ANSWERED, answer=said, answered_at=now)
    return _answered(book, notification, said, now, answered)


def answer_to(book: AlertBook, notification_id: UUID, said: str, now: int) -> Meaning:
    """Take an answer to a message that any channel carried; return what it was taken for.

    The same answer twice changes nothing; another answer is heard anew. It is never too late for one: it wins over
    whatever was known of the message before.

    Raises:
        NotFound: there is no such message.
    """
    notification = book.notification(notification_id)
    if notification is None:
        raise NotFound(f"there is no message {notification_id}; nothing was sent under this id")
    if notification.answer is not None and notification.answer == said:
        return answers.understand(said, notification.role)
    return _answered(book, notification, said, now)


def ask_for_help(book: AlertBook, household: str, person: str, said: str, policies: Policies, now: int) -> Alert:
    """Take a call for help by somebody of a household who was asked nothing; return the alert that tells of it.

    It joins the household's open alert of inactivity, the kind that is about a person's life, or opens one.
    """
    actor = f"person:{person}"
    current = book.open_alert(household, _LIFE)
    if current is not None:
        return _save(book, answers.ask_for_help(current, actor, said, now))
    local = to_datetime(now).astimezone(ZoneInfo(book.place(household).zone)).time()
    policy = policies.choose(_LIFE, Severity.URGENT, local)
    fresh = _unknown_id(book, household, _LIFE, now)
    return _save(book, answers.help_unasked(household, _LIFE, fresh, policy, actor, now))


def _answered(
    book: AlertBook, notification: Notification, said: str, now: int, message: HandsetMessage | None = None
) -> Meaning:
    meaning = answers.understand(said, notification.role)
    alert = _alert(book, notification.alert)
    draft = Draft.of(_heard(book, alert, notification, said, meaning, now))
    if message is not None:
        draft.messages.append(message)
    draft.notifications.append(replace(notification, status=NotificationStatus.ANSWERED, answer=said))
    book.save(draft.change())
    if meaning is Meaning.HELP and alert.status is Status.CLOSED:
        _help_after_close(book, alert, f"person:{notification.person}", said, now)
    return meaning


def _heard(book: AlertBook, alert: Alert, notification: Notification, said: str, meaning: Meaning, now: int) -> Change:
    actor = f"person:{notification.person}"
    match meaning:
        case Meaning.FINE:
            return answers.say_fine(alert, actor, said, now)
        case Meaning.HELP if alert.status is not Status.CLOSED:
            return answers.ask_for_help(alert, actor, said, now)
        case Meaning.ACKNOWLEDGE if gate.take_charge(book, alert, notification.step, actor):
            return answers.note_answer(alert, actor, said, meaning, now)
        case Meaning.ACKNOWLEDGE | Meaning.ESCALATE | Meaning.CLOSE:
            return _taken_up(book, alert, notification, said, meaning, now)
        case Meaning.UNCLEAR:
            step = book.step(alert.id, notification.step)
            first = step is not None and step.action.message != answers.ASK_AGAIN
            return answers.not_understood(alert, notification.person, said, notification.medium, now, ask_again=first)
    return answers.note_answer(alert, actor, said, meaning, now)


def _taken_up(
    book: AlertBook, alert: Alert, notification: Notification, said: str, meaning: Meaning, now: int
) -> Change:
    """Return what an answer of a contact or of the staff does."""
    actor = f"person:{notification.person}"
    if meaning is Meaning.ESCALATE:
        return answers.escalate(alert, actor, said, next_rungs(book, alert, now), now)
    if meaning is Meaning.CLOSE:
        return answers.close_by_telephone(alert, notification.role, actor, said, now)
    return answers.take_charge(alert, notification.person, said, book.tasks(alert.id), now)


def _help_after_close(book: AlertBook, closed: Alert, actor: str, said: str, now: int) -> None:
    """Help asked for by an old message joins the household's open alert of that kind, or opens one."""
    current = book.open_alert(closed.household, closed.kind)
    if current is not None:
        _save(book, answers.ask_for_help(current, actor, said, now))
        return
    fresh = _unknown_id(book, closed.household, closed.kind, now)
    _save(book, answers.help_after_close(closed, fresh, actor, now))


def _unknown_id(book: AlertBook, household: str, kind: Kind, onset: int) -> UUID:
    again = 0
    while book.known(fresh := episode_id(household, kind, onset, again)):
        again += 1
    return fresh


def _refuse_silent_call(message: HandsetMessage, now: int) -> None:
    over = message.status is MessageStatus.MISSED or (
        message.status is MessageStatus.RINGING and message.rings_until is not None and message.rings_until <= now
    )
    if message.medium is Medium.CALL and over:
        raise Conflict("this call rings no more; answer a later message, or acknowledge the alert itself")


def _alert(book: AlertBook, alert_id: UUID) -> Alert:
    alert = book.find(alert_id)
    if alert is None:
        raise NotFound(f"there is no alert {alert_id}; look it up in the list of alerts")
    return alert


def _task(book: AlertBook, task_id: UUID) -> tuple[Task, Alert]:
    task = book.task(task_id)
    if task is None:
        raise NotFound(f"there is no task {task_id}; look it up in the list of tasks")
    return task, _alert(book, task.alert)


def _done(book: AlertBook, change: Change, task: Task) -> Task:
    _save(book, change)
    return next((one for one in change.tasks if one.id == task.id), task)


def _morning(day: date, zone: str) -> int:
    """Return the instant (microseconds UTC) at which the working day begins in a zone."""
    return to_micros(datetime.combine(day, _WORK_BEGINS, ZoneInfo(zone)).astimezone(UTC))


def _save(book: AlertBook, change: Change) -> Alert:
    if not change.empty:
        book.save(change)
    return change.alert
