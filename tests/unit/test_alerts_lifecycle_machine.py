"""Whatever sensors and people do, in any order: no step is forgotten, none runs twice (promises 2 and 3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alerts import desk
from alerts.channels.port import ChannelError, Receipt, Trouble
from alerts.checks.audit import audit
from alerts.errors import AlertError
from alerts.ladders.policy import DEADLINES, Do
from alerts.life.lifecycle import source_of
from alerts.messages.delivery import note_result
from alerts.model import (
    EventKind,
    FalseAlarm,
    HandsetMessage,
    Notification,
    NotificationStatus,
    Outcome,
    Status,
    Step,
    StepStatus,
    Suppression,
    TaskKind,
    TaskStatus,
)
from alerts.people import Medium
from alerts.storms.storm import Limits
from alerts.tasks.cap import Cap
from detectors.finding import Finding, Kind, Phase, Severity
from registry.instants import DAY, HOUR, MINUTE, SECOND, to_datetime
from tests.alerts_memory import MemoryBook
from tests.alerts_rounds import run_due
from tests.alerts_world import ANSWER_FOR, EMPTY, HOME, LI, MUTE, NEIGHBOURS, PLACES, World, finding

_T = TypeVar("_T")
_HOUSEHOLDS = st.sampled_from([HOME, HOME, HOME, MUTE, EMPTY])
_KINDS = st.sampled_from([Kind.INACTIVITY, Kind.SMOKE, Kind.LEAK, Kind.OFFLINE])
_SOURCES = st.sampled_from(["a/volume", "b/volume"])
_ACTORS = st.sampled_from(["token:desk", "person:wang", "person:zhao"])
_AFTERWARDS = DEADLINES | {Do.TELL, Do.FOLLOW_UP}
_BY_STEPS = frozenset({EventKind.NOTIFIED, EventKind.TASK_PLANNED, EventKind.TASK_RECALLED, EventKind.REACHED_NOBODY})
_STAFF = st.sampled_from(["wang", "wang", "qian", "zhao"])
_PICK = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5, 8])


def _newest(things: Sequence[_T], pick: int) -> _T:
    """Return one of them, most often of the last few: that is where the action is."""
    return things[-1 - pick % len(things)]


def _climbing(book: MemoryBook, alert: UUID) -> list[Step]:
    """Return what is pending besides a look at news that came late, after the condition had ended once.

    Nor does it climb that somebody is told of a task, reminded, or heard of when nothing is heard of them.
    """
    return [step for step in book.pending(alert) if step.action.do not in DEADLINES | {Do.SETTLE, Do.TELL}]


class Fickle:
    """A handset channel that fails when told to."""

    name = "handset"
    media = frozenset(Medium)

    def __init__(self, world: World) -> None:
        self._inner = world.channels["handset"]
        self.broken: ChannelError | None = None

    def send(self, notification: Notification, now: int) -> Receipt:
        if self.broken is not None:
            raise self.broken
        return self._inner.send(notification, now)


class AlertMachine(RuleBasedStateMachine):
    """One street; rules are what may befall it."""

    def __init__(self) -> None:
        super().__init__()
        self.book = MemoryBook(dict(PLACES), dict(NEIGHBOURS), answers_for=dict(ANSWER_FOR))

        def leaves(household: str, start: int, end: int) -> None:
            self.book.absences.append((household, start, end))

        self.world = World(self.book.opened, self.book, reads=self.book.newest.__setitem__, leaves=leaves)
        self.channel = Fickle(self.world)
        self.world.channels = {"handset": self.channel}
        self.world.cap = Cap(per_1000=0, fewest=1)
        self.world.storms = Limits(fewest=1, share=0.0, a_minute=1)
        self.told: list[Finding] = []

    @rule(
        household=_HOUSEHOLDS,
        kind=_KINDS,
        source=_SOURCES,
        late=st.sampled_from([0, 0, 0, MINUTE, HOUR, 400 * DAY]),
        severity=st.sampled_from(Severity),
    )
    def a_sensor_raises(self, household: str, kind: Kind, source: str, late: int, severity: Severity) -> None:
        at = self.world.now - late
        raised = finding(kind, household=household, at=at, onset=at, source=source, severity=severity)
        self.told.append(raised)
        self.world.take(raised)

    @initialize(kind=_KINDS)
    def something_is_wrong(self, kind: Kind) -> None:
        self.a_sensor_raises(HOME, kind, "a/volume", 0, Severity.HIGH)
        self.world.run()

    @rule(pick=_PICK)
    def a_condition_ends(self, pick: int) -> None:
        if self.told:
            raised = _newest(self.told, pick)
            self.world.take(replace(raised, phase=Phase.CLEARED, time=self.world.now))

    @rule(pick=_PICK, late=st.sampled_from([0, 0, 0, HOUR]))
    def a_condition_grows_worse(self, pick: int, late: int) -> None:
        """Say it again with a higher severity; the alert that has it is never less severe, nor climbs lower again."""
        if not self.told:
            return
        raised = _newest(self.told, pick)
        if raised.severity is Severity.URGENT:
            return
        worse = replace(raised, severity=Severity(raised.severity + 1), time=max(raised.time, self.world.now - late))
        before = {one.id: one for one in self.book.by_id.values() if one.status is not Status.CLOSED}
        self.told.append(worse)
        self.world.take(worse)
        for one in before.values():
            after = self.book.by_id[one.id]
            assert after.severity >= one.severity
            assert after.policy.reach >= one.policy.reach
            if after.status is one.status is Status.UNACKNOWLEDGED and after.policy == one.policy:
                assert after.step_count == one.step_count, "a running ladder goes on as it was"

    @rule(pick=_PICK)
    def a_finding_is_told_again(self, pick: int) -> None:
        if self.told:
            before = (dict(self.book.by_id), len(self.book.timeline), dict(self.book.ladder))
            assert self.world.take(_newest(self.told, pick)) == []
            assert (dict(self.book.by_id), len(self.book.timeline), dict(self.book.ladder)) == before

    @rule(household=_HOUSEHOLDS)
    def a_meter_reports(self, household: str) -> None:
        self.world.reads(household, self.world.now)

    @rule(household=_HOUSEHOLDS, duration=st.sampled_from([HOUR, DAY]))
    def somebody_goes_away(self, household: str, duration: int) -> None:
        self.world.leaves(household, self.world.now, self.world.now + duration)

    @rule(household=_HOUSEHOLDS, duration=st.sampled_from([HOUR, DAY]))
    def work_is_announced(self, household: str, duration: int) -> None:
        self.book.work_announced.append((household, self.world.now, self.world.now + duration))

    @rule(pick=_PICK)
    def a_condition_flaps(self, pick: int) -> None:
        """End it and let it begin again, until that is no news any more."""
        if not self.told:
            return
        raised = _newest(self.told, pick)
        for _ in range(5):
            self.world.take(replace(raised, phase=Phase.CLEARED, time=self.world.now))
            self.world.wait(MINUTE)
            raised = replace(raised, onset=self.world.now, time=self.world.now)
            self.told.append(raised)
            self.world.take(raised)

    @rule(pick=_PICK, other=_PICK, actor=_ACTORS)
    def somebody_merges(self, pick: int, other: int, actor: str) -> None:
        one, into = self._alert(pick), self._alert(other)
        if one is not None and into is not None:
            self._try(lambda: desk.merge(self.book, one, into, actor, self.world.now))

    @rule(pick=_PICK, actor=_ACTORS)
    def somebody_splits(self, pick: int, actor: str) -> None:
        merged = [one.id for one in self.book.by_id.values() if one.part_of is not None]
        if merged:
            self._try(lambda: desk.split(self.book, _newest(merged, pick), actor, self.world.now))

    @rule(kind=_KINDS, severity=st.sampled_from(Severity))
    def a_storm_breaks_out(self, kind: Kind, severity: Severity) -> None:
        """Three homes raise the same at once, where more than one of a kind are a storm."""
        now = self.world.now
        homes = (HOME, MUTE, EMPTY)
        burst = [finding(kind, household=one, at=now, onset=now, source="c/volume", severity=severity) for one in homes]
        self.told += burst
        self.world.take(*burst)

    @rule(duration=st.sampled_from([SECOND, MINUTE, 10 * MINUTE, 47 * MINUTE, 5 * HOUR]))
    def time_passes(self, duration: int) -> None:
        self.world.wait(duration)

    @rule(broken=st.sampled_from([None, None, "for good", "for now", *Trouble]))
    def a_channel_breaks_or_is_mended(self, broken: str | None) -> None:
        retry_at = self.world.now + MINUTE if broken == "for now" else None
        trouble = broken if isinstance(broken, Trouble) else Trouble.REFUSED
        self.channel.broken = None if broken is None else ChannelError(broken, retry_at, trouble)

    @rule(pick=_PICK, status=st.sampled_from(NotificationStatus), trouble=st.sampled_from([None, *Trouble]))
    def a_provider_tells(self, pick: int, status: NotificationStatus, trouble: Trouble | None) -> None:
        gone = [one for one in self.book.outbox.values() if one.status is not NotificationStatus.QUEUED]
        if not gone or status in (NotificationStatus.QUEUED, NotificationStatus.CANCELLED):
            return
        before = _newest(gone, pick)
        with self.world.books() as book:
            note_result(book, before.id, status, self.world.now, trouble=trouble)
            again = note_result(book, before.id, status, self.world.now, trouble=trouble)
        after = self.book.outbox[before.id].status
        assert not again, "what is told twice changes nothing"
        if before.status not in (NotificationStatus.SENT, NotificationStatus.CANCELLED):
            assert after in (before.status, NotificationStatus.ANSWERED), "a final state stays, but for an answer"

    @invariant()
    def nobody_is_sent_what_they_have_forbidden(self) -> None:
        for person, ways in self.book.forbidden.items():
            sent = [one for one in self.book.outbox.values() if one.person == person and one.sent_at is not None]
            for one in sent:
                since = (
                    self.book.forbidden_since[person, (one.channel, one.medium)]
                    if ((one.channel, one.medium) in ways)
                    else None
                )
                assert since is None or (one.sent_at or 0) <= since

    @rule(pick=_PICK, actor=_ACTORS)
    def somebody_acknowledges(self, pick: int, actor: str) -> None:
        alert = self._alert(pick)
        if alert is None:
            return
        with self.world.books() as book:
            run_due(book, self.world.now)  # what that queues has not left yet
        try:
            with self.world.books() as book:
                held = desk.acknowledge(book, alert, actor, self.world.now)
        except AlertError:
            return
        assert held.held_by == actor
        assert _climbing(self.book, alert) == []
        queued = [one for one in self.book.outbox.values() if one.status is NotificationStatus.QUEUED]
        assert alert not in {one.alert for one in queued}

    @rule(pick=_PICK, actor=_ACTORS, duration=st.sampled_from([MINUTE, HOUR, 30 * DAY]))
    def somebody_shelves(self, pick: int, actor: str, duration: int) -> None:
        alert = self._alert(pick)
        if alert is not None:
            self._try(lambda: desk.shelve(self.book, alert, actor, self.world.now + duration, "why", self.world.now))

    @rule(pick=_PICK, actor=_ACTORS)
    def somebody_unshelves(self, pick: int, actor: str) -> None:
        alert = self._alert(pick)
        if alert is not None:
            self._try(lambda: desk.unshelve(self.book, alert, actor, self.world.now))

    @rule(pick=_PICK, actor=_ACTORS, outcome=st.sampled_from(Outcome))
    def somebody_closes(self, pick: int, actor: str, outcome: Outcome) -> None:
        alert = self._alert(pick)
        if alert is not None:
            self._try(lambda: desk.close(self.book, alert, actor, outcome, "", self.world.now))

    @rule(pick=_PICK, person=_STAFF)
    def somebody_accepts_a_task(self, pick: int, person: str) -> None:
        tasks = list(self.book.work.values())
        if tasks:
            task = _newest(tasks, pick)
            self._try(lambda: desk.accept(self.book, task.id, f"person:{person}", person, self.world.now))

    @rule(
        pick=_PICK,
        actor=_ACTORS,
        outcome=st.sampled_from(Outcome),
        why=st.sampled_from([None, None, *FalseAlarm]),
        follow_up_in=st.sampled_from([None, None, None, 1, 3]),
    )
    def somebody_records_an_outcome(
        self, pick: int, actor: str, outcome: Outcome, why: FalseAlarm | None, follow_up_in: int | None
    ) -> None:
        tasks = list(self.book.work.values())
        if tasks:
            task = _newest(tasks, pick)
            today = to_datetime(self.world.now).date()
            day = None if follow_up_in is None else today + timedelta(days=follow_up_in)
            now = self.world.now
            self._try(lambda: desk.record_outcome(self.book, task.id, actor, outcome, "seen", now, why, day))

    @rule(pick=_PICK, person=_STAFF)
    def somebody_refuses_a_task(self, pick: int, person: str) -> None:
        tasks = list(self.book.work.values())
        if tasks:
            task = _newest(tasks, pick)
            self._try(lambda: desk.refuse(self.book, task.id, f"person:{person}", person, "no", self.world.now))
            after = self.book.work[task.id]
            assert after.status is not TaskStatus.OPEN or after.assignee not in after.refused

    @rule(pick=_PICK, person=_STAFF)
    def somebody_hands_a_task_over(self, pick: int, person: str) -> None:
        tasks = list(self.book.work.values())
        if tasks:
            task = _newest(tasks, pick)
            self._try(lambda: desk.hand_over(self.book, task.id, "token:desk", None, person, "", self.world.now))
            assert self.book.work[task.id].accepted_by == task.accepted_by

    @rule(pick=_PICK)
    def a_task_goes_to_a_partner(self, pick: int) -> None:
        tasks = list(self.book.work.values())
        if tasks:
            task, now = _newest(tasks, pick), self.world.now
            self._try(lambda: desk.transfer(self.book, task.id, "token:desk", "Red Cross", "", "", "", now))

    @rule(pick=_PICK, said=st.sampled_from(["1", "2", "4", "喂"]))
    def somebody_answers(self, pick: int, said: str) -> None:
        self._answer(list(self.book.drawer.values()), pick, said)

    @rule(pick=_PICK, said=st.sampled_from(["1", "2"]))
    def a_resident_answers(self, pick: int, said: str) -> None:
        mine = [one for one in self.book.drawer.values() if one.person == LI.person]
        self._answer(mine, pick, said)

    def _answer(self, messages: list[HandsetMessage], pick: int, said: str) -> None:
        if messages:
            message = _newest(messages, pick)
            still = [one for one in self.book.by_id.values() if one.status is not Status.CLOSED]
            smoke = {one.id for one in still if one.kind is Kind.SMOKE and one.sources}
            helped = {one.id for one in still if one.help_at is not None}
            self._try(lambda: desk.answer(self.book, message.id, said, self.world.now))
            assert not smoke & self._closed(), "an answer closed smoke that is still reported"
            assert not helped & self._closed(), "an answer closed what somebody needs help in"

    @invariant()
    def nobody_is_forgotten(self) -> None:
        # Steps due this very instant are still ahead; `World.run` audits again once they have run.
        assert audit(self.book.watched(), self.world.now, 0) == []

    @invariant()
    def no_storm_swallows_fire_help_or_what_is_urgent(self) -> None:
        for one in self.book.by_id.values():
            if one.status is Status.SUPPRESSED and one.suppressed_why is Suppression.STORM:
                assert one.kind is not Kind.SMOKE
                assert one.severity is not Severity.URGENT
                assert one.help_at is None
                timers = [step for step in self.book.pending(one.id) if step.action.do is Do.STORM_ENDED]
                assert len(timers) == 1, "it has its turn, once"

    @invariant()
    def no_step_ran_twice(self) -> None:
        for event in self.book.timeline:
            if event.kind in _BY_STEPS:
                assert self.book.ladder[event.alert, int(str(event.detail["step"]))].status is StepStatus.DONE
        done = Counter(
            (event.alert, event.kind, event.detail["step"], event.detail.get("person"), event.detail.get("medium"))
            for event in self.book.timeline
            if event.kind in _BY_STEPS
        )
        assert all(times == 1 for times in done.values())

    @invariant()
    def what_is_over_is_over(self) -> None:
        for alert in self.book.by_id.values():
            if alert.status is Status.CLOSED:
                looks = [step.action.do for step in self.book.pending(alert.id) if step.action.do not in _AFTERWARDS]
                assert looks in ([], [Do.RECHECK]), "a closed alert may be looked at again, once"
                assert all(task.apart for task in self.book.tasks(alert.id))
            if alert.status is Status.ACKNOWLEDGED:
                assert _climbing(self.book, alert.id) == []
            assert alert.step_count == len(self.book.all_steps(alert.id))
            assert alert.event_count == len(self.book.all_events(alert.id))

    @invariant()
    def what_is_still_so_is_on_an_open_alert_or_will_be_looked_at_again(self) -> None:
        raised: dict[tuple[str, Kind, str], set[int]] = {}
        for one in self.told:
            raised.setdefault((one.household, one.kind, source_of(one)), set()).add(one.onset)
        cleared = {
            (household, kind, f"{rule} {source}", int(onset))
            for household, kind, rule, source, onset, phase, _severity in self.book.findings
            if phase == Phase.CLEARED
        }
        for (household, kind, source), onsets in raised.items():
            onset, *others = onsets
            if others or (household, kind, source, onset) in cleared:
                continue
            saying = [
                one
                for one in self.book.by_id.values()
                if (one.household, one.kind) == (household, kind) and one.sources.get(source) == onset
            ]
            assert any(one.status is not Status.CLOSED or self.book.pending(one.id) for one in saying)

    @invariant()
    def at_most_one_task_of_a_kind_is_under_way(self) -> None:
        under_way = Counter(
            (task.alert, task.kind, task.follow_up)
            for task in self.book.work.values()
            if task.status in (TaskStatus.OPEN, TaskStatus.ACCEPTED) and task.kind is not TaskKind.CONTACT
        )
        assert all(times == 1 for times in under_way.values())

    def _alert(self, pick: int) -> UUID | None:
        alerts = list(self.book.by_id)
        return _newest(alerts, pick) if alerts else None

    def _closed(self) -> set[UUID]:
        return {one.id for one in self.book.by_id.values() if one.status is Status.CLOSED}

    def _try(self, command: Callable[[], object]) -> None:
        """Do what the desk may refuse; a refusal changes nothing."""
        before = (dict(self.book.by_id), len(self.book.timeline), dict(self.book.ladder), dict(self.book.work))
        try:
            command()
        except AlertError:
            after = (dict(self.book.by_id), len(self.book.timeline), dict(self.book.ladder), dict(self.book.work))
            assert after == before


AlertMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestAlertMachine = AlertMachine.TestCase
