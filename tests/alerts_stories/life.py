"""What comes and goes: flapping, reopening, announced work, and evidence that grows weaker."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts import desk
from alerts.errors import Conflict, Invalid
from alerts.life.flapping import FLAPPING_WITHIN, FLAPS
from alerts.model import Alert, EventKind, Outcome, Status, StepStatus, Suppression, TaskKind
from detectors.finding import Finding, Kind, Phase, Severity
from registry.instants import DAY, HOUR, MINUTE
from tests.alerts_world import HOME, MUTE, NOON, OFFICER, World, finding


def _again_and_again(world: World, times: int, every: int = 5 * MINUTE, kind: Kind = Kind.LEAK) -> Finding:
    """Raise a condition and end it so many times, and raise it once more; return that last time."""
    for _ in range(times):
        raised = finding(kind, at=world.now, onset=world.now)
        world.take(raised)
        world.wait(every)
        world.take(replace(raised, phase=Phase.CLEARED, time=world.now))
        world.wait(every)
    last = finding(kind, at=world.now, onset=world.now)
    world.take(last)
    return last


def _two(world: World) -> tuple[Alert, Alert]:
    """Raise a silence that leads to a visit, and a leak that does not; return both as they climb."""
    world.take(finding(severity=Severity.HIGH), finding(Kind.LEAK, severity=Severity.LOW))
    world.run()
    silence, leak = sorted(world.shelves.all_alerts(), key=lambda one: one.kind is Kind.LEAK)
    world.now += MINUTE
    return silence, leak


class Life:
    def test_what_flaps_begins_its_ladder_no_more_and_says_so_once(self, world: World) -> None:
        last = _again_and_again(world, FLAPS + 1)
        assert world.story().count("flapping") == 1
        steps = len(world.steps())
        for _ in range(4):
            world.wait(5 * MINUTE)
            world.take(replace(last, phase=Phase.CLEARED, time=world.now))
            assert world.alert().status is Status.UNACKNOWLEDGED  # not returned: it is the same story all the time
            world.wait(5 * MINUTE)
            last = finding(Kind.LEAK, at=world.now, onset=world.now)
            world.take(last)
        assert world.story().count("flapping") == 1
        planned = [step for step in world.steps()[steps:] if step.action.do.value in ("sms", "call", "review")]
        assert planned == []

    def test_what_flapped_returns_when_it_has_been_quiet_for_long_enough(self, world: World) -> None:
        last = _again_and_again(world, FLAPS + 1)
        world.take(replace(last, phase=Phase.CLEARED, time=world.now))
        world.wait(FLAPPING_WITHIN - MINUTE)
        assert world.alert().status is Status.UNACKNOWLEDGED
        world.wait(MINUTE)
        assert world.alert().status is Status.RETURNED
        assert "settled" in world.story()
        # From then on a new beginning is news.
        sent = len(world.sent())
        world.take(finding(Kind.LEAK, at=world.now, onset=world.now))
        world.run()
        assert len(world.sent()) > sent

    def test_who_holds_what_flaps_keeps_it(self, world: World) -> None:
        last = _again_and_again(world, FLAPS + 1)
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.wait(MINUTE)
        world.take(replace(last, phase=Phase.CLEARED, time=world.now))
        world.take(finding(Kind.LEAK, at=world.now, onset=world.now))
        assert (world.alert().status, world.alert().held_by) == (Status.ACKNOWLEDGED, OFFICER)

    def test_what_grows_worse_is_news_even_while_it_flaps(self, world: World) -> None:
        last = _again_and_again(world, FLAPS + 1, kind=Kind.APPLIANCE)
        sent = len(world.sent())
        world.take(replace(last, severity=Severity.URGENT, time=world.now))
        world.run()
        assert world.alert().severity is Severity.URGENT
        assert len(world.sent()) > sent

    def test_smoke_never_flaps(self, world: World) -> None:
        _again_and_again(world, FLAPS + 2, kind=Kind.SMOKE)
        assert "flapping" not in world.story()

    def test_what_the_system_closed_a_moment_ago_goes_on_as_the_same_episode(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        world.wait(MINUTE)
        world.take(finding(cleared=True))
        assert world.alert().status is Status.CLOSED
        world.wait(29 * MINUTE)
        world.take(finding(at=world.now))
        alert = world.alert()
        assert (alert.status, alert.severity, alert.closed_at, alert.outcome) == (
            Status.UNACKNOWLEDGED, Severity.MEDIUM, None, None,
        )  # fmt: skip
        assert "reopened" in world.story()
        assert [one for one in world.steps() if one.status is StepStatus.PENDING]

    def test_what_begins_again_later_is_another_episode(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        world.take(finding(cleared=True))
        world.wait(31 * MINUTE)
        world.take(finding(at=world.now))
        assert len(world.shelves.all_alerts()) == 2

    def test_what_a_person_closed_is_not_reopened(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "1")
        world.take(finding(cleared=True))
        world.wait(MINUTE)
        world.take(finding(at=world.now))
        assert [one.status for one in world.shelves.all_alerts()] == [Status.CLOSED, Status.UNACKNOWLEDGED]

    def test_announced_work_keeps_alerts_quiet_and_what_is_still_so_at_its_end_is_raised(self, world: World) -> None:
        world.works(HOME, NOON - HOUR, NOON + HOUR)
        world.take(finding(Kind.LEAK), finding())
        world.wait(HOUR - MINUTE)
        assert {one.suppressed_why for one in world.shelves.all_alerts()} == {Suppression.MAINTENANCE}
        assert world.sent() == []
        world.take(finding(Kind.LEAK, cleared=True))
        world.wait(MINUTE)
        leak, silence = sorted(world.shelves.all_alerts(), key=lambda one: one.kind is Kind.INACTIVITY)
        assert (leak.status, leak.outcome) == (Status.CLOSED, "ended_by_itself")
        assert silence.status is Status.UNACKNOWLEDGED
        assert {who for _, who, _ in world.sent()} == {"li"}

    def test_announced_work_keeps_no_fire_quiet(self, world: World) -> None:
        world.works(HOME, NOON - HOUR, NOON + HOUR)
        world.take(finding(Kind.SMOKE, onset=NOON))
        world.run()
        assert world.sent()

    def test_work_that_takes_longer_is_waited_for(self, world: World) -> None:
        world.works(HOME, NOON - HOUR, NOON + HOUR)
        world.take(finding(Kind.LEAK))
        world.works(HOME, NOON, NOON + 3 * HOUR)
        world.wait(2 * HOUR)
        assert world.alert().status is Status.SUPPRESSED
        world.wait(HOUR)
        assert world.alert().status is Status.UNACKNOWLEDGED

    def test_weaker_evidence_is_shown_and_shortens_no_ladder_that_nobody_holds(self, world: World) -> None:
        world.take(finding(severity=Severity.HIGH))
        before = world.steps()
        world.now += MINUTE
        weaker = finding(severity=Severity.LOW, at=world.now, onset=NOON - 12 * HOUR)
        world.take(weaker)
        assert (world.alert().severity, world.steps()) == (Severity.HIGH, before)
        assert world.shelves.all_events(world.alert().id)[-1].kind is EventKind.EASED

    def test_a_merged_alert_closes_with_a_link_and_is_looked_at_again_when_the_other_is_over(
        self, world: World
    ) -> None:
        world.take(finding(Kind.TAP, severity=Severity.HIGH), finding(Kind.LEAK))
        tap, leak = sorted(world.shelves.all_alerts(), key=lambda one: one.kind is Kind.LEAK)
        with world.books() as book:
            desk.merge(book, tap.id, leak.id, OFFICER, world.now)
            desk.merge(book, tap.id, leak.id, OFFICER, world.now)  # the second time changes nothing
        tap, leak = sorted(world.shelves.all_alerts(), key=lambda one: one.kind is Kind.LEAK)
        assert (tap.status, tap.outcome, tap.part_of) == (Status.CLOSED, "part_of_another", leak.id)
        assert (leak.status, leak.severity) == (Status.UNACKNOWLEDGED, Severity.HIGH)
        counted = [one for one in world.shelves.all_events(leak.id) if one.kind is EventKind.MERGED]
        assert [one.detail["sources"] for one in counted] == [["rule meter/volume"]]
        assert world.shelves.all_verdicts() == []
        world.wait(tap.policy.recheck + MINUTE)
        assert len(world.shelves.all_alerts()) == 2  # the other one stands for it
        with world.books() as book:
            desk.close(book, leak.id, OFFICER, Outcome.FOUND_WELL, "", world.now)
        world.wait(tap.policy.recheck)
        again = [one for one in world.shelves.all_alerts() if one.kind is Kind.TAP and one.status is not Status.CLOSED]
        assert len(again) == 1

    def test_what_a_graver_alert_is_merged_into_climbs_the_ladder_of_that(self, world: World) -> None:
        silence, leak = _two(world)
        assert leak.policy.reach_at(leak.severity) < silence.policy.reach_at(silence.severity)
        with world.books() as book:
            desk.merge(book, silence.id, leak.id, OFFICER, world.now)
            whole = book.find(leak.id)
        assert whole is not None
        assert (whole.status, whole.policy, whole.woken_at) == (Status.UNACKNOWLEDGED, silence.policy, world.now)
        rungs = [step for step in world.shelves.all_steps(leak.id) if step.status is StepStatus.PENDING]
        assert [step.action.do for step in rungs] == [rung.action.do for rung in silence.policy.rungs]
        world.wait(DAY)
        assert [task.kind for task in world.shelves.all_tasks() if task.alert == leak.id][:1] == [TaskKind.VISIT]

    def test_a_gentler_alert_changes_no_ladder_by_being_merged(self, world: World) -> None:
        silence, leak = _two(world)
        before = world.shelves.all_steps(silence.id)
        with world.books() as book:
            desk.merge(book, leak.id, silence.id, OFFICER, world.now)
        assert world.shelves.all_steps(silence.id) == before

    @pytest.mark.parametrize(
        ("holder", "status"), [(OFFICER, Status.ACKNOWLEDGED), ("person:lin", Status.UNACKNOWLEDGED)]
    )
    def test_whoever_merges_what_is_graver_into_their_own_alert_knows_of_it(
        self, world: World, holder: str, status: Status
    ) -> None:
        silence, leak = _two(world)
        with world.books() as book:
            desk.acknowledge(book, leak.id, holder, world.now)
            desk.merge(book, silence.id, leak.id, OFFICER, world.now)
            whole = book.find(leak.id)
        assert whole is not None
        assert (whole.status, whole.policy) == (status, silence.policy)  # who lets it rest hears of it by that ladder

    def test_what_ended_climbs_again_for_what_is_merged_into_it(self, world: World) -> None:
        world.take(finding(Kind.TAP), finding(Kind.BURST, severity=Severity.HIGH))
        world.run()
        world.take(replace(finding(Kind.BURST, cleared=True), time=world.now))
        tap, burst = sorted(world.shelves.all_alerts(), key=lambda one: one.kind is Kind.BURST)
        assert burst.status is Status.RETURNED
        with world.books() as book:
            desk.merge(book, tap.id, burst.id, OFFICER, world.now)
            whole = book.find(burst.id)
        assert whole is not None
        assert whole.status is Status.UNACKNOWLEDGED

    def test_what_was_merged_by_mistake_is_taken_apart_again(self, world: World) -> None:
        world.take(finding(Kind.TAP), finding(Kind.LEAK))
        tap, leak = sorted(world.shelves.all_alerts(), key=lambda one: one.kind is Kind.LEAK)
        with world.books() as book:
            desk.merge(book, tap.id, leak.id, OFFICER, world.now)
            back = desk.split(book, tap.id, OFFICER, world.now)
        assert (back.status, back.part_of, back.closed_at) == (Status.UNACKNOWLEDGED, None, None)
        assert world.shelves.all_events(leak.id)[-1].kind is EventKind.SPLIT
        with world.books() as book, pytest.raises(Conflict, match="not merged"):
            desk.split(book, tap.id, OFFICER, world.now)

    def test_alerts_of_two_households_have_two_causes(self, world: World) -> None:
        world.take(finding(Kind.TAP), finding(Kind.TAP, household=MUTE))
        one, other = world.shelves.all_alerts()
        with world.books() as book, pytest.raises(Invalid, match="same household"):
            desk.merge(book, one.id, other.id, OFFICER, world.now)

    def test_weaker_evidence_lowers_what_somebody_holds(self, world: World) -> None:
        world.take(finding(severity=Severity.HIGH))
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.now += MINUTE
        world.take(finding(severity=Severity.LOW, at=world.now, onset=NOON - 12 * HOUR))
        assert world.alert().severity is Severity.LOW
