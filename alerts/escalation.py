"""Findings become alerts, and steps that are due are carried out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import time
from uuid import UUID
from zoneinfo import ZoneInfo

from alerts.book import AlertBook, Due
from alerts.change import Change, Draft
from alerts.channels.choice import ONLY_HANDSETS, Channels
from alerts.ladders.conditions import at_this_hour, local_time
from alerts.ladders.policy import TASKS, Do, Policies
from alerts.ladders.rungs import Surroundings, climb, follow_up, keep_going
from alerts.life import again, flapping, handling, lifecycle, quiet
from alerts.life.quiet import Quiet
from alerts.model import SYSTEM, SYSTEMS_OWN, Alert, NotificationStatus, Outcome, Status, Step, Suppression, episode_id
from alerts.storms.gate import MESSAGE as STORM_MESSAGE
from alerts.storms.gate import Gate
from alerts.storms.storm import Limits
from alerts.tasks import deadlines
from alerts.tasks.cap import Cap, make_room, wait_for_room
from detectors.finding import Finding, Kind, Phase
from registry.instants import MINUTE, to_datetime

REOPEN_WITHIN = 30 * MINUTE
"""What the system closed because it had ended, and that begins again so soon, is the same episode."""

_OF_TASKS: Mapping[Do, Callable[[Alert, Step, Surroundings, int], Change]] = {
    Do.REMIND: deadlines.remind,
    Do.OVERDUE: deadlines.escalate,
    Do.TELL: deadlines.tell,
    Do.FOLLOW_UP: follow_up,
}
"""Steps that are carried out for closed alerts too: a follow-up visit belongs to one."""
_ASSIGNS = TASKS | {Do.FOLLOW_UP}
STORMS = Limits()


def take(
    book: AlertBook, findings: Iterable[Finding], now: int, policies: Policies, limits: Limits = STORMS
) -> list[UUID]:
    """Make alerts of findings, within the caller's transaction; return the ids of those that changed.

    Findings may come in any order and any number of times: each is taken once, in `Finding.order`. `limits` say how
    many of a kind in an area are a storm, which keeps all but the gravest quiet (`alerts.storms.gate`).
    """
    touched: dict[UUID, None] = {}
    ordered = sorted(findings, key=lambda one: (*one.order(), one.phase, one.onset, one.severity))
    with book.together(ordered, now) as within:
        gate = Gate(within, now, limits)
        for finding in ordered:
            alert = within.open_alert(finding.household, finding.kind)
            if not within.record(finding):
                continue
            before, change = _taken(within, alert, finding, now, policies)
            if change is not None and not change.empty:
                change = gate.pass_on(before, change)
                within.save(change)
                touched[change.alert.id] = None
    gate.close()
    return list(touched)


def carry_out(
    book: AlertBook,
    due: Due,
    now: int,
    channels: Channels = ONLY_HANDSETS,
    cap: Cap | None = None,
    limits: Limits = STORMS,
) -> None:
    """Carry out a step that `AlertBook.next_due` gave, in the same transaction."""
    alert, step = book.find(due.alert), book.step(due.alert, due.no)
    if alert is None or step is None:  # it is locked, and steps are never removed
        raise AssertionError(due)
    visit = step.action.do is Do.VISIT and not _untimely(book, alert, step, now)
    if visit and cap is not None and alert.status is Status.UNACKNOWLEDGED:
        until = make_room(book, alert, cap, now)
        if until is not None:
            book.save(wait_for_room(Draft(alert, now), book.waiting_for_room(), until, step))
            return
    gate = Gate(book, now, limits)
    book.save(gate.pass_on(alert, _carried_out(book, alert, step, now, channels, gate)))
    gate.close()


def _taken(
    book: AlertBook, alert: Alert | None, finding: Finding, now: int, policies: Policies
) -> tuple[Alert | None, Change | None]:
    """Return what a finding changes, None if nothing, and the alert as it was before, None of a new one."""
    if finding.phase is Phase.CLEARED:
        return alert, None if alert is None else lifecycle.clear(alert, finding, now)
    quiet = _quiet(book, finding.household, finding.kind, now)
    policy = policies.choose(finding.kind, finding.severity, _local(book, finding))
    if alert is not None:
        return alert, lifecycle.join(alert, finding, policy, quiet, now)
    if finding.kind is Kind.INACTIVITY:
        rests = book.put_to_rest(finding)
        if rests is not None and policy.reach_at(finding.severity) <= rests.policy.reach_at(rests.severity):
            return None, None  # somebody answered for them: the look that is planned will find it grown
    before = book.lately_closed(finding.household, finding.kind, now - REOPEN_WITHIN)
    if before is not None and _same_episode(before, finding):
        return before, lifecycle.reopen(before, finding, policy, quiet, now)
    times = _times(book, finding.household, finding.kind, finding.onset)
    return None, lifecycle.open_alert(finding, policy, quiet, now, again=times)


def _same_episode(closed: Alert, finding: Finding) -> bool:
    """Say whether a finding goes on with what the system closed; what a person closed stays as they left it."""
    if closed.outcome not in SYSTEMS_OWN or closed.part_of is not None:
        return False
    return closed.outcome is Outcome.ENDED_BY_ITSELF or closed.onset == finding.onset


def _quiet(book: AlertBook, household: str, kind: Kind, now: int) -> Quiet | None:
    """Return what keeps a household's alerts of a kind quiet just now, and for longest."""
    why = []
    if kind is Kind.INACTIVITY and (away := book.absence_end(household, now)) is not None:
        why.append(Quiet(away, Suppression.ABSENCE))
    if kind is not Kind.SMOKE and (work := book.maintenance_end(household, kind, now)) is not None:
        why.append(Quiet(work, Suppression.MAINTENANCE))
    return max(why, key=lambda one: one.until, default=None)


def _look_again(book: AlertBook, closed: Alert, now: int, gate: Gate) -> str:
    """Open or join an alert if the sources of a closed one still report the condition; return what was found."""
    current = book.open_alert(closed.household, closed.kind)
    still = book.still_so(closed)
    if not still:
        return "over"
    quiet = _quiet(book, closed.household, closed.kind, now)
    closed = again.grown(closed, book.worst(closed))
    if current is None:
        times = _times(book, closed.household, closed.kind, closed.onset)
        fresh = episode_id(closed.household, closed.kind, closed.onset, times)
        change = again.open_again(closed, fresh, still, quiet, now)
    else:
        change = again.join_again(current, closed, still, quiet, now)
    if not change.empty:
        book.save(gate.pass_on(current, change))
    return "still so"


def _is_open(book: AlertBook, alert: UUID) -> bool:
    """Say whether an alert is open; one that somebody is at work on just now may be."""
    other = book.find_free(alert)
    return other is None or other.status is not Status.CLOSED


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


def _untimely(book: AlertBook, alert: Alert, step: Step, now: int) -> bool:
    """Say whether a step will be passed over because of the hour or the severity."""
    if not step.action.when:
        return False
    return at_this_hour(step.action, alert.severity, local_time(now, book.place(alert.household).zone)) is not None


def _answered(book: AlertBook, alert: Alert, step: Step) -> bool:
    """Say whether somebody has answered an earlier time of a step that is repeated."""
    sent = (one for back in step.action.earlier for one in book.sent_by(alert.id, step.no - back))
    return any(one.status is NotificationStatus.ANSWERED for one in sent)


def _carried_out(book: AlertBook, alert: Alert, step: Step, now: int, channels: Channels, gate: Gate) -> Change:
    others = [one for one in book.pending(alert.id) if one.no != step.no]
    if alert.status is Status.CLOSED and step.action.do not in _OF_TASKS:
        draft = Draft(alert, now)
        recheck = step.action.do is Do.RECHECK
        if recheck and alert.part_of is not None and _is_open(book, alert.part_of):
            draft.postpone(step, now + alert.policy.recheck)
            return draft.change()
        draft.finish(step, _look_again(book, alert, now, gate) if recheck else "the alert is closed")
        return draft.change()
    match step.action.do:
        case Do.SETTLE:
            newest = book.newest_reading(alert.household)
            change = quiet.settle(alert, step, newest, _quiet(book, alert.household, alert.kind, now), now)
        case Do.ABSENCE_ENDED | Do.MAINTENANCE_ENDED:
            change = quiet.end_quiet(alert, step, _quiet(book, alert.household, alert.kind, now), now)
        case Do.STORM_ENDED:
            change = quiet.end_storm(alert, step, _quiet(book, alert.household, alert.kind, now), now)
        case Do.FLAPPING_ENDED:
            change = flapping.end_flapping(alert, step, now)
        case Do.UNSHELVE:
            change = handling.unshelve(alert, SYSTEM, now, step)
        case Do.CAP_ENDED:
            change = quiet.end_cap(alert, step, now)
        case _:
            place, people = book.place(alert.household), book.people(alert.household, now)
            if step.action.message == STORM_MESSAGE and alert.storm is not None:
                place = replace(place, crowd=book.crowd(alert.storm))
            forbidden = book.opted_out([one.person for one in people.everybody])
            answered = _answered(book, alert, step)
            crew = book.crew(alert.household) if step.action.do in _ASSIGNS else ()
            around = Surroundings(place, people, others, book.tasks(alert.id), channels, forbidden, answered, crew)
            return _OF_TASKS.get(step.action.do, climb)(alert, step, around, now)
    return keep_going(Draft.of(change), others)
