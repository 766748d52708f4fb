"""What people do about alerts: acknowledge, shelve, close, go and look, answer a telephone."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from alerts import answers, lifecycle, visits
from alerts.answers import Meaning
from alerts.book import AlertBook
from alerts.change import Change, Draft
from alerts.errors import Conflict, NotFound
from alerts.model import (
    Alert,
    HandsetMessage,
    Medium,
    MessageStatus,
    Notification,
    NotificationStatus,
    Outcome,
    Status,
    Task,
    episode_id,
)


def acknowledge(book: AlertBook, alert_id: UUID, actor: str, now: int) -> Alert:
    """Give an alert to an actor, stop everything pending; return the alert.

    Raises:
        NotFound: there is no such alert.
        Conflict: it is closed, or somebody else holds it.
    """
    return _save(book, lifecycle.acknowledge(_alert(book, alert_id), actor, now))


def shelve(book: AlertBook, alert_id: UUID, actor: str, until: int, reason: str, now: int) -> Alert:
    """Keep an alert quiet until a time (microseconds UTC), at most a week; return the alert.

    Raises:
        NotFound: there is no such alert.
        Conflict: it is closed.
        Invalid: the time or the reason will not do.
    """
    return _save(book, lifecycle.shelve(_alert(book, alert_id), actor, until, reason, now))


def unshelve(book: AlertBook, alert_id: UUID, actor: str, now: int) -> Alert:
    """Take an alert off the shelf before its time; return the alert.

    Raises:
        NotFound: there is no such alert.
        Conflict: it is not shelved.
    """
    return _save(book, lifecycle.unshelve(_alert(book, alert_id), actor, now))


def close(book: AlertBook, alert_id: UUID, actor: str, outcome: Outcome, note: str, now: int) -> Alert:
    """End an alert with what was found; return the alert.

    Raises:
        NotFound: there is no such alert.
        Conflict: it is closed with something else.
        Invalid: the outcome closes nothing.
    """
    return _save(book, lifecycle.close(_alert(book, alert_id), actor, outcome, note, now))


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


def record_outcome(book: AlertBook, task_id: UUID, actor: str, outcome: Outcome, note: str, now: int) -> Task:
    """Write down what was found by a task; return the task.

    Raises:
        NotFound: there is no such task.
        Conflict: something else was recorded, or the task was cancelled.
        Invalid: the outcome is the system's own.
    """
    task, alert = _task(book, task_id)
    change = visits.record_outcome(alert, task, actor, outcome, note, now)
    _save(book, change)
    return next(iter(change.tasks), task)


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
    meaning = answers.understand(said, notification.role)
    if message.answer is not None and message.answer == said:
        return meaning
    _refuse_silent_call(message, now)
    alert = _alert(book, notification.alert)
    draft = Draft.of(_heard(book, alert, notification, said, meaning, now))
    draft.messages.append(replace(message, status=MessageStatus.ANSWERED, answer=said, answered_at=now))
    draft.notifications.append(replace(notification, status=NotificationStatus.ANSWERED))
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
        case Meaning.ACKNOWLEDGE:
            return answers.take_charge(alert, actor, said, now)
        case Meaning.UNCLEAR:
            step = book.step(alert.id, notification.step)
            first = step is not None and step.action.message != answers.ASK_AGAIN
            return answers.not_understood(alert, notification.person, said, notification.medium, now, ask_again=first)
    return answers.note_answer(alert, actor, said, meaning, now)


def _help_after_close(book: AlertBook, closed: Alert, actor: str, said: str, now: int) -> None:
    """Help asked for by an old message joins the household's open alert of that kind, or opens one."""
    current = book.open_alert(closed.household, closed.kind)
    if current is not None:
        _save(book, answers.ask_for_help(current, actor, said, now))
        return
    again = 0
    while book.known(fresh := episode_id(closed.household, closed.kind, now, again)):
        again += 1
    _save(book, answers.help_after_close(closed, fresh, actor, now))


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


def _save(book: AlertBook, change: Change) -> Alert:
    if not change.empty:
        book.save(change)
    return change.alert
