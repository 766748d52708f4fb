"""Findings become alerts, and steps that are due are carried out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time
from uuid import UUID
from zoneinfo import ZoneInfo

from alerts import lifecycle
from alerts.book import AlertBook
from alerts.change import Change, Draft
from alerts.model import SYSTEM, Alert, Status, Step, episode_id
from alerts.policy import Do, Policies
from alerts.rungs import Surroundings, climb, keep_going
from detectors.finding import Finding, Phase
from registry.instants import to_datetime


def take(book: AlertBook, findings: Iterable[Finding], now: int, policies: Policies) -> list[UUID]:
    """Make alerts of findings, within the caller's transaction; return the ids of those that changed.

    Findings may come in any order and any number of times: each is taken once, in `Finding.order`.
    """
    touched: dict[UUID, None] = {}
    for finding in sorted(findings, key=lambda one: (*one.order(), one.phase, one.onset)):
        alert = book.open_alert(finding.household, finding.kind)
        if not book.record(finding):
            continue
        change = _taken(book, alert, finding, now, policies)
        if change is not None and not change.empty:
            book.save(change)
            touched[change.alert.id] = None
    return list(touched)


def run_due(book: AlertBook, now: int, limit: int = 100, channel: str = "handset") -> int:
    """Carry out up to `limit` due steps within the caller's transaction; return how many there were.

    `channel` carries the messages. A caller that gets `limit` back should ask again.
    """
    for done in range(limit):
        step = book.next_due(now)
        if step is None:
            return done
        alert = book.find(step.alert)
        if alert is None:  # a step without its alert cannot be: the schema forbids it
            raise AssertionError(step)
        book.save(_carried_out(book, alert, step, now, channel))
    return limit


def _taken(book: AlertBook, alert: Alert | None, finding: Finding, now: int, policies: Policies) -> Change | None:
    if finding.phase is Phase.CLEARED:
        return None if alert is None else lifecycle.clear(alert, finding, now)
    absence_end = book.absence_end(finding.household, now)
    if alert is not None:
        return lifecycle.join(alert, finding, absence_end, now)
    again = 0
    while book.find(episode_id(finding.household, finding.kind, finding.onset, again)) is not None:
        again += 1
    policy = policies.choose(finding.kind, finding.severity, _local(book, finding))
    return lifecycle.open_alert(finding, policy, absence_end, now, again=again)


def _local(book: AlertBook, finding: Finding) -> time:
    """Return the time of day at the household when it happened; a replay must choose the same ladder."""
    zone = ZoneInfo(book.place(finding.household).zone)
    return to_datetime(finding.time).astimezone(zone).time()


def _carried_out(book: AlertBook, alert: Alert, step: Step, now: int, channel: str) -> Change:
    others = [one for one in book.pending(alert.id) if one.no != step.no]
    if alert.status is Status.CLOSED:
        draft = Draft(alert, now)
        draft.finish(step, "the alert is closed")
        return draft.change()
    match step.action.do:
        case Do.SETTLE:
            newest = book.newest_reading(alert.household)
            change = lifecycle.settle(alert, step, newest, book.absence_end(alert.household, now), now)
        case Do.ABSENCE_ENDED:
            change = lifecycle.end_absence(alert, step, book.absence_end(alert.household, now), now)
        case Do.UNSHELVE:
            change = lifecycle.unshelve(alert, SYSTEM, now, step)
        case _:
            place, people = book.place(alert.household), book.people(alert.household)
            return climb(alert, step, Surroundings(place, people, others, book.tasks(alert.id), channel), now)
    return keep_going(Draft.of(change), others)
