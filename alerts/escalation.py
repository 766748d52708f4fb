"""Findings become alerts, and steps that are due are carried out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time
from uuid import UUID
from zoneinfo import ZoneInfo

from alerts import again, lifecycle
from alerts.book import AlertBook, Due
from alerts.cap import Cap, end_wait, make_room, wait_for_room
from alerts.change import Change, Draft
from alerts.model import SYSTEM, Alert, Status, Step, episode_id
from alerts.policy import Do, Policies
from alerts.rungs import Surroundings, climb, keep_going
from detectors.finding import Finding, Kind, Phase
from registry.instants import to_datetime


def take(book: AlertBook, findings: Iterable[Finding], now: int, policies: Policies) -> list[UUID]:
    """Make alerts of findings, within the caller's transaction; return the ids of those that changed.

    Findings may come in any order and any number of times: each is taken once, in `Finding.order`.
    """
    touched: dict[UUID, None] = {}
    for finding in sorted(findings, key=lambda one: (*one.order(), one.phase, one.onset, one.severity)):
        alert = book.open_alert(finding.household, finding.kind)
        if not book.record(finding):
            continue
        change = _taken(book, alert, finding, now, policies)
        if change is not None and not change.empty:
            book.save(change)
            touched[change.alert.id] = None
    return list(touched)


def carry_out(book: AlertBook, due: Due, now: int, channel: str = "handset", cap: Cap | None = None) -> None:
    """Carry out a step that `AlertBook.next_due` gave, in the same transaction."""
    alert, step = book.find(due.alert), book.step(due.alert, due.no)
    if alert is None or step is None:  # it is locked, and steps are never removed
        raise AssertionError(due)
    if step.action.do is Do.VISIT and cap is not None and alert.status is Status.UNACKNOWLEDGED:
        until = make_room(book, alert, cap, now)
        if until is not None:
            book.save(wait_for_room(Draft(alert, now), book.waiting_for_room(), until, step))
            return
    book.save(_carried_out(book, alert, step, now, channel))


def _taken(book: AlertBook, alert: Alert | None, finding: Finding, now: int, policies: Policies) -> Change | None:
    if finding.phase is Phase.CLEARED:
        return None if alert is None else lifecycle.clear(alert, finding, now)
    absence_end = book.absence_end(finding.household, now)
    policy = policies.choose(finding.kind, finding.severity, _local(book, finding))
    if alert is not None:
        return lifecycle.join(alert, finding, policy, absence_end, now)
    if finding.kind is Kind.INACTIVITY:
        rests = book.put_to_rest(finding)
        if rests is not None and policy.reach <= rests.policy.reach:
            return None  # somebody answered for them: the look that is planned will find it grown
    times = _times(book, finding.household, finding.kind, finding.onset)
    return lifecycle.open_alert(finding, policy, absence_end, now, again=times)


def _look_again(book: AlertBook, closed: Alert, now: int) -> str:
    """Open or join an alert if the sources of a closed one still report the condition; return what was found."""
    current = book.open_alert(closed.household, closed.kind)
    still = book.still_so(closed)
    if not still:
        return "over"
    absence_end = book.absence_end(closed.household, now)
    closed = again.grown(closed, book.worst(closed))
    if current is None:
        times = _times(book, closed.household, closed.kind, closed.onset)
        fresh = episode_id(closed.household, closed.kind, closed.onset, times)
        change = again.open_again(closed, fresh, still, absence_end, now)
    else:
        change = again.join_again(current, closed, still, absence_end, now)
    if not change.empty:
        book.save(change)
    return "still so"


def _times(book: AlertBook, household: str, kind: Kind, onset: int) -> int:
    """Return how many alerts of an onset there were, all closed; their household is locked, so no more come."""
    times = 0
    while book.known(episode_id(household, kind, onset, times)):
        times += 1
    return times


def _local(book: AlertBook, finding: Finding) -> time:
    """Return the time of day at the household when it happened; a replay must choose the same ladder."""
    zone = ZoneInfo(book.place(finding.household).zone)
    return to_datetime(finding.time).astimezone(zone).time()


def _carried_out(book: AlertBook, alert: Alert, step: Step, now: int, channel: str) -> Change:
    others = [one for one in book.pending(alert.id) if one.no != step.no]
    if alert.status is Status.CLOSED:
        draft = Draft(alert, now)
        recheck = step.action.do is Do.RECHECK
        draft.finish(step, _look_again(book, alert, now) if recheck else "the alert is closed")
        return draft.change()
    match step.action.do:
        case Do.SETTLE:
            newest = book.newest_reading(alert.household)
            change = lifecycle.settle(alert, step, newest, book.absence_end(alert.household, now), now)
        case Do.ABSENCE_ENDED:
            change = lifecycle.end_absence(alert, step, book.absence_end(alert.household, now), now)
        case Do.UNSHELVE:
            change = lifecycle.unshelve(alert, SYSTEM, now, step)
        case Do.CAP_ENDED:
            change = end_wait(alert, step, now)
        case _:
            place, people = book.place(alert.household), book.people(alert.household)
            return climb(alert, step, Surroundings(place, people, others, book.tasks(alert.id), channel), now)
    return keep_going(Draft.of(change), others)
