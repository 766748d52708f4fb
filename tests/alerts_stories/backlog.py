"""What is told twice, late, or of a household that is away."""

from __future__ import annotations

from dataclasses import replace

from alerts.model import Outcome, Status, StepStatus, Suppression
from detectors.finding import Kind
from registry.instants import DAY, HOUR, MINUTE, SECOND
from tests.alerts_world import HOME, NOON, World, finding


class Backlog:
    # twice is once -----------------------------------------------------------------------------------------------

    def test_the_same_findings_twice_change_nothing(self, world: World) -> None:
        told = [
            finding(),
            finding(rule="second"),
            finding(Kind.LEAK),
            replace(finding(cleared=True), time=NOON + 1),
            finding(Kind.SMOKE, onset=NOON - DAY, at=NOON - DAY),
            finding(Kind.SMOKE, onset=NOON - DAY, at=NOON - DAY + 1, cleared=True),
        ]
        assert len(world.take(*told)) == 3
        before = [(one, world.shelves.all_events(one.id)) for one in world.shelves.all_alerts()]
        assert world.take(*reversed(told)) == []
        world.now += HOUR
        assert world.take(*told) == []
        assert [(one, world.shelves.all_events(one.id)) for one in world.shelves.all_alerts()] == before

    def test_a_finding_told_again_after_its_alert_was_closed_opens_nothing(self, world: World) -> None:
        world.take(finding(), finding(rule="second", onset=NOON - 11 * HOUR))
        world.run()
        world.answers("li", "1")
        assert world.take(finding(), finding(rule="second", onset=NOON - 11 * HOUR)) == []
        assert world.alert().status is Status.CLOSED

    # backlog and absence -----------------------------------------------------------------------------------------

    def test_what_came_late_and_is_over_wakes_nobody(self, world: World) -> None:
        raised, over = NOON - 6 * HOUR, NOON - 2 * HOUR
        world.reads(HOME, NOON)
        world.take(finding(at=raised))
        alert = world.alert()
        assert (alert.status, alert.suppressed_why) == (Status.SUPPRESSED, Suppression.BACKLOG)
        world.take(finding(at=over, onset=raised - 12 * HOUR, cleared=True))
        world.wait(HOUR)
        alert = world.alert()
        assert (alert.status, alert.outcome, alert.closed_at, alert.held_by) == (
            Status.CLOSED,
            Outcome.OVER_BEFORE_ARRIVAL,
            over,
            None,
        )
        assert world.sent() == []
        assert [
            (event.kind.value, event.at, event.actor)
            for event in world.shelves.all_events(alert.id)
        ] == [
            ("raised", raised, "sensor:meter/volume"),
            ("suppressed", raised, "system"),
            ("returned", over, "sensor:meter/volume"),
            ("closed", over, "system"),
        ]  # fmt: skip

    def test_what_came_late_and_is_not_over_starts_its_ladder(self, world: World) -> None:
        world.reads(HOME, NOON - HOUR)
        world.take(finding(at=NOON - 6 * HOUR))
        world.wait(119 * SECOND)
        assert world.sent() == []
        world.wait(SECOND)
        assert world.alert().status is Status.UNACKNOWLEDGED
        assert world.sent() == [(120, "li", "call"), (120, "li", "sms")]
        assert "ladder_started" in world.story()

    def test_a_recording_stays_quiet_and_leaves_no_trace_of_waiting(self, world: World) -> None:
        world.reads(HOME, NOON - 24 * HOUR)
        world.take(finding(at=NOON - 400 * DAY))
        story = world.story()
        world.wait(30 * HOUR)
        assert world.alert().status is Status.SUPPRESSED
        assert world.story() == story == ["raised", "suppressed"]
        (timer,) = world.steps()
        assert (timer.status, timer.due) == (StepStatus.PENDING, NOON + 2 * MINUTE + 30 * HOUR)

    def test_a_fresh_finding_wakes_a_late_alert(self, world: World) -> None:
        world.take(finding(at=NOON - HOUR), finding(rule="second", at=NOON))
        assert world.alert().status is Status.UNACKNOWLEDGED

    def test_late_news_of_a_returned_alert_waits_before_it_wakes(self, world: World) -> None:
        world.take(finding())
        world.wait(MINUTE)
        world.take(replace(finding(cleared=True), time=world.now))
        world.wait(2 * HOUR)
        world.reads(HOME, world.now)
        before = len(world.sent())
        world.take(finding(at=world.now - HOUR, onset=NOON + MINUTE))
        assert world.alert().status is Status.RETURNED
        world.wait(MINUTE)
        assert len(world.sent()) == before
        world.wait(MINUTE)
        assert world.alert().status is Status.UNACKNOWLEDGED
        assert len(world.sent()) == before + 2

    def test_nobody_is_woken_about_silence_in_a_registered_absence(self, world: World) -> None:
        world.leaves(HOME, NOON - DAY, NOON + 3 * HOUR)
        world.take(finding())
        alert = world.alert()
        assert (alert.status, alert.suppressed_why) == (Status.SUPPRESSED, Suppression.ABSENCE)
        world.wait(3 * HOUR - SECOND)
        assert world.sent() == []
        world.wait(SECOND)
        assert world.alert().status is Status.UNACKNOWLEDGED
        assert len(world.sent()) == 2

    def test_an_absence_that_was_extended_is_waited_for(self, world: World) -> None:
        world.leaves(HOME, NOON - DAY, NOON + 3 * HOUR)
        world.take(finding())
        world.leaves(HOME, NOON + HOUR, NOON + 5 * HOUR)
        world.wait(5 * HOUR - SECOND)
        assert world.alert().status is Status.SUPPRESSED
        world.wait(SECOND)
        assert world.alert().status is Status.UNACKNOWLEDGED

    def test_use_during_an_absence_ends_the_silence(self, world: World) -> None:
        world.leaves(HOME, NOON - DAY, NOON + 3 * HOUR)
        world.take(finding())
        world.take(replace(finding(cleared=True), time=NOON + 1))
        assert (world.alert().status, world.alert().outcome) == (Status.CLOSED, Outcome.OVER_BEFORE_ARRIVAL)
        world.wait(4 * HOUR)
        assert world.sent() == []

    def test_a_leak_in_an_absence_wakes(self, world: World) -> None:
        world.leaves(HOME, NOON - DAY, NOON + 3 * HOUR)
        world.take(finding(Kind.LEAK))
        assert world.alert().status is Status.UNACKNOWLEDGED
