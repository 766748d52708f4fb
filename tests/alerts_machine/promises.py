"""What must hold whatever befalls the street: nobody is forgotten, no step is lost, none runs twice (promises 2, 3)."""

from __future__ import annotations

import sys
from collections import Counter
from uuid import UUID

from hypothesis.stateful import invariant

from alerts import desk
from alerts.checks.audit import audit
from alerts.ladders.policy import DEADLINES, Do
from alerts.life.lifecycle import source_of
from alerts.model import EventKind, Outcome, Status, StepStatus, Suppression, TaskKind, TaskStatus
from detectors.finding import Kind, Phase, Severity
from registry.instants import MINUTE, SECOND
from tests.alerts_machine.ledger import final
from tests.alerts_machine.street import Street

_AFTERWARDS = DEADLINES | {Do.TELL, Do.FOLLOW_UP}
_BY_STEPS = frozenset({EventKind.NOTIFIED, EventKind.TASK_PLANNED, EventKind.TASK_RECALLED, EventKind.REACHED_NOBODY})


class Promises(Street):
    """Looked at after every rule, and once more when the day is over."""

    @invariant()
    def nobody_is_forgotten(self) -> None:
        # Steps due this very instant are still ahead; `World.run` audits again once they have run.
        assert audit(self.book.watched(), self.world.now, 0) == []

    @invariant()
    def what_nobody_holds_goes_on_climbing(self) -> None:
        for one in self.book.by_id.values():
            if one.status in (Status.UNACKNOWLEDGED, Status.RETURNED):
                planned = [step.action.do for step in self.book.pending(one.id)]
                climbs = any(do not in DEADLINES | {Do.FOLLOW_UP} for do in planned)
                watched = Do.OVERDUE in planned and self.book.tasks(one.id)
                assert climbs or watched, "a ladder never ends in silence"

    @invariant()
    def no_storm_swallows_fire_help_or_what_is_urgent(self) -> None:
        for one in self.book.by_id.values():
            if one.status is Status.SUPPRESSED and one.suppressed_why is Suppression.STORM:
                planned = [step.action.do for step in self.book.pending(one.id)]
                assert one.kind is not Kind.SMOKE
                assert one.severity is not Severity.URGENT or Do.SETTLE in planned, "late news is looked at first"
                assert one.help_at is None
                assert planned.count(Do.STORM_ENDED) == 1, "it has its turn, once"

    @invariant()
    def what_is_over_is_over(self) -> None:
        for alert in self.book.by_id.values():
            if alert.status is Status.CLOSED:
                looks = [step.action.do for step in self.book.pending(alert.id) if step.action.do not in _AFTERWARDS]
                assert looks in ([], [Do.RECHECK]), "a closed alert may be looked at again, once"
                assert all(task.apart for task in self.book.tasks(alert.id))
            if alert.status is Status.ACKNOWLEDGED:
                assert self.climbing(alert.id) == []

    @invariant()
    def what_is_still_so_is_on_an_open_alert_or_will_be_looked_at_again(self) -> None:
        raised: dict[tuple[str, Kind, str], set[int]] = {}
        for one in self.told:
            raised.setdefault((one.household, one.kind, source_of(one)), set()).add(one.onset)
        for (household, kind, source), onsets in raised.items():
            onset, *others = onsets
            told = self.book.findings[household, kind].values()
            over = any(one.phase is Phase.CLEARED and (source_of(one), one.onset) == (source, onset) for one in told)
            if others or over:
                continue
            mine = [self.book.by_id[each] for each in self.book.kinds[household, kind]]
            saying = [one for one in mine if one.sources.get(source) == onset]
            assert any(one.status is not Status.CLOSED or self.book.pending(one.id) for one in saying)

    @invariant()
    def at_most_one_task_of_a_kind_is_under_way(self) -> None:
        under_way = Counter(
            (task.alert, task.kind, task.follow_up)
            for task in self.book.work.values()
            if task.status in (TaskStatus.OPEN, TaskStatus.ACCEPTED) and task.kind is not TaskKind.CONTACT
        )
        assert all(times == 1 for times in under_way.values())

    @invariant()
    def nobody_is_sent_what_they_have_forbidden(self) -> None:
        if not self.book.forbidden:
            return
        for one in self.book.outbox.values():
            way = (one.channel, one.medium)
            if way in self.book.forbidden.get(one.person, ()):
                # A provider may tell late of what it had taken before: what counts is whether we tried again.
                before = self.book.attempts_when_forbidden[one.person, way]
                assert one.sent_at is None or one.attempts <= before.get(one.id, 0)

    def teardown(self) -> None:
        """End the day: somebody closes all there is, and what was sent gets its time to be told of."""
        if self.told and sys.exc_info()[0] is None:
            self._end_the_day()
            for alert in self.book.by_id:
                self._no_step_ran_twice(alert)
        super().teardown()

    def _end_the_day(self) -> None:
        self.broken = None
        self.world.run()
        for alert in list(self.book.by_id.values()):
            if self.book.by_id[alert.id].status is not Status.CLOSED:
                desk.close(self.book, alert.id, "person:zhao", Outcome.FOUND_WELL, "", self.world.now)
        self.world.run()
        self.world.wait(self.world.limits.patience + MINUTE + SECOND)
        closed = self.closed()
        for one in self.book.outbox.values():
            held_back = one.status.value == "queued" and "held back" in (one.error or "")
            # The reminder of a follow-up visit may leave in this very half hour: its provider has its time left.
            fresh = one.sent_at is not None and self.world.now - one.sent_at <= self.world.limits.patience
            known = final(one.status) or held_back or fresh
            assert known or one.alert not in closed, "nobody knows what became of it"
        for climbed, steps in self.book.ladders.items():
            for step in steps.values():
                assert step.status is not StepStatus.PENDING or step.due > self.world.now
                if climbed in closed and step.status is StepStatus.PENDING:
                    assert step.action.do in _AFTERWARDS | {Do.RECHECK}

    def _no_step_ran_twice(self, alert: UUID) -> None:
        done: Counter[tuple[object, ...]] = Counter()
        for event in self.book.timeline[alert]:
            if event.kind in _BY_STEPS:
                about = event.detail
                assert self.book.ladders[alert][int(str(about["step"]))].status is StepStatus.DONE
                done[event.kind, about["step"], about.get("person"), about.get("medium")] += 1
        assert all(times == 1 for times in done.values())
