"""What a message that did not get through leads to: another way, a task, or the ladder's next rung."""

from __future__ import annotations

from dataclasses import replace

from alerts.book import AlertBook
from alerts.change import Draft
from alerts.channels.choice import ONLY_HANDSETS, Channels, instead_of
from alerts.channels.port import Trouble
from alerts.ladders.policy import Action, Do
from alerts.ladders.rungs import Surroundings, pull_forward, wanted
from alerts.messages.limits import presses
from alerts.messages.wording import text_for
from alerts.model import (
    Alert,
    EventKind,
    Notification,
    NotificationStatus,
    Status,
    Step,
    StepStatus,
    Task,
    TaskKind,
    TaskStatus,
    notification_id,
    task_id,
)
from alerts.people import Medium, Recipient
from registry.instants import DAY

CORRECT = Action(Do.REVIEW, who="caseworker", message="correct-contact", within=3 * DAY)
"""Somebody finds out the right number and enters it into the registry."""


def fail(
    book: AlertBook, draft: Draft, notification: Notification, error: str, trouble: Trouble, channels: Channels
) -> None:
    """Write down that a message did not get through, and do what that leads to.

    A wrong address becomes a task to correct it, a forbidden way is remembered. Then the same words go to the same
    person by another medium; where there is none, and the whole step has reached nobody, the ladder's next rung is
    climbed at once.
    """
    about = {"step": notification.step, "person": notification.person, "medium": notification.medium.value}
    draft.notifications.append(replace(notification, status=NotificationStatus.FAILED, error=error))
    draft.tell(EventKind.SEND_FAILED, **about, error=error)
    learn(book, draft, notification, trouble)
    if _still_wanted(draft.alert, notification) and not _other_way(book, draft, notification):
        _go_on(book, draft, notification, channels)


def try_beside(book: AlertBook, draft: Draft, waiting: Notification) -> None:
    """Have the next way tried at once while a message about what cannot wait is put off; it keeps its own retry.

    Not while another message of the step is on its way to that person, or has reached them.
    """
    mine = [one for one in book.sent_by(waiting.alert, waiting.step) if one.person == waiting.person]
    in_vain = all(_is_in_vain(one) for one in mine if one.id != waiting.id)
    if presses(draft.alert) and in_vain and _still_wanted(draft.alert, waiting):
        _other_way(book, draft, waiting)


def next_rungs(book: AlertBook, alert: Alert, now: int, channels: Channels = ONLY_HANDSETS) -> list[Step]:
    """Return the pending steps of a locked alert that would be carried out, were they due now."""
    place, people = book.place(alert.household), book.people(alert.household, now)
    forbidden = book.opted_out([one.person for one in people.everybody])
    return wanted(alert, Surroundings(place, people, book.pending(alert.id), (), channels, forbidden), now)


def learn(book: AlertBook, draft: Draft, notification: Notification, trouble: Trouble) -> None:
    """Remember what a failure says of somebody's address or wishes; the second time changes nothing."""
    match trouble:
        case Trouble.OPTED_OUT:
            way = (notification.channel, notification.medium)
            if book.forbid(notification.person, way, draft.now):
                draft.tell(EventKind.OPTED_OUT, person=notification.person, medium=notification.medium.value)
        case Trouble.BAD_ADDRESS:
            address = notification.address if notification.medium is Medium.MESSAGE else notification.phone
            if book.note_wrong(notification.person, notification.channel, address, draft.now):
                _plan_correction(book, draft, notification)


def _still_wanted(alert: Alert, notification: Notification) -> bool:
    """Say whether these words are still wanted: not when somebody has taken the alert since they were written."""
    if alert.status is Status.ACKNOWLEDGED:
        return notification.created_at >= (alert.acknowledged_at or 0)
    return alert.status in (Status.UNACKNOWLEDGED, Status.RETURNED)


def _other_way(book: AlertBook, draft: Draft, failed: Notification) -> bool:
    """Queue the same words for the same person by a medium that the step has not tried; its channel is chosen then."""
    people = book.people(draft.alert.household, draft.now).everybody
    to = next((one for one in people if one.person == failed.person), None)
    if to is None:
        return False
    tried = {one.medium for one in book.sent_by(failed.alert, failed.step) if one.person == failed.person}
    forbidden = book.opted_out([failed.person]).get(failed.person, frozenset())
    for medium in instead_of(to, failed.medium, tried):
        if (failed.channel, medium) not in forbidden:
            draft.notifications.append(_the_same_by(failed, to, medium, draft.now))
            draft.tell(
                EventKind.NOTIFIED,
                step=failed.step, person=to.person, role=failed.role.value, medium=medium.value,
                instead_of=failed.medium.value,
            )  # fmt: skip
            return True
    return False


def _the_same_by(failed: Notification, to: Recipient, medium: Medium, now: int) -> Notification:
    return replace(
        failed,
        id=notification_id(failed.alert, failed.step, failed.person, medium),
        phone=to.phone or "",
        address=(to.address or "") if medium is Medium.MESSAGE else "",
        channel="",
        medium=medium,
        status=NotificationStatus.QUEUED,
        next_attempt_at=now,
        created_at=now,
        attempts=0,
        sent_at=None,
        error=None,
        reference="",
        answer=None,
    )


def _is_in_vain(one: Notification) -> bool:
    """Say whether a message failed, or was tried and waits to be tried again."""
    waits = one.status is NotificationStatus.QUEUED and one.error is not None
    return waits or one.status is NotificationStatus.FAILED


def _go_on(book: AlertBook, draft: Draft, failed: Notification, channels: Channels) -> None:
    """Have the ladder's next rung climbed at once if a step has reached nobody.

    The same rung once more would fail the same way, at once and for ever: it keeps its time.
    """
    others = [one for one in book.sent_by(failed.alert, failed.step) if one.id != failed.id]
    step = book.step(failed.alert, failed.step)
    if step is not None and all(one.status is NotificationStatus.FAILED for one in others):
        following = next_rungs(book, draft.alert, draft.now, channels)
        pull_forward(draft, [one for one in following if one.action != step.action])


def _plan_correction(book: AlertBook, draft: Draft, wrong: Notification) -> None:
    """Plan the task to correct a number or address, and tell who is to do it; it outlives the alert that met it."""
    place, people = book.place(draft.alert.household), book.people(draft.alert.household, draft.now)
    name = next((one.name for one in people.everybody if one.person == wrong.person), wrong.person)
    no = draft.alert.step_count + 1
    draft.plan(CORRECT, draft.now)
    step = Step(draft.alert.id, no, draft.now, CORRECT, StepStatus.DONE, draft.now, "planned")
    draft.steps[no] = step
    assignee = people.caseworker
    task = Task(
        id=task_id(draft.alert.id, no),
        alert=draft.alert.id,
        step=no,
        kind=TaskKind.CONTACT,
        household=draft.alert.household,
        area=place.area,
        assignee=assignee.person if assignee else None,
        status=TaskStatus.OPEN,
        created_at=draft.now,
        due=draft.now + CORRECT.within,
        note=f"{name} ({wrong.person}): {wrong.medium.value}",
    )
    draft.tasks[task.id] = task
    draft.tell(
        EventKind.TASK_PLANNED,
        task=str(task.id), kind=task.kind.value, assignee=task.assignee, due=task.due, step=no, about=wrong.person,
    )  # fmt: skip
    told = assignee if assignee and assignee.person != wrong.person else next(iter(people.duty_officers), None)
    if told is None or told.person == wrong.person or not (told.phone or told.address):
        return
    medium = Medium.SMS if told.phone else Medium.MESSAGE
    text = text_for(CORRECT.message, replace(told, name=name), draft.alert, place)
    draft.queue(no, told, ("", medium), text, CORRECT.message)
