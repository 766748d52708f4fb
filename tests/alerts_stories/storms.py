"""What a storm keeps quiet, and how that meets what else may befall an alert."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from alerts import desk
from alerts.model import Alert, Status, StepStatus, Suppression
from alerts.storms.storm import Limits
from detectors.finding import Finding, Kind, Phase, Severity
from registry.instants import DAY, HOUR, MINUTE
from tests.alerts_world import HOME, MUTE, OFFICER, World, finding


def _storm(world: World) -> tuple[Finding, Finding]:
    """Raise leaks in two homes at once, which are a storm here; return both."""
    world.storms = Limits(fewest=1, share=0.0)
    leaks = (
        finding(Kind.LEAK, household=HOME, at=world.now, onset=world.now),
        finding(Kind.LEAK, household=MUTE, at=world.now, onset=world.now),
    )
    world.take(*leaks)
    assert {one.suppressed_why for one in world.shelves.all_alerts()} == {Suppression.STORM}
    return leaks


def _of(world: World, household: str) -> Alert:
    (alert,) = [one for one in world.shelves.all_alerts() if one.household == household]
    return alert


class Storms:
    def test_what_begins_again_in_a_storm_keeps_the_steps_it_has_had(self, world: World) -> None:
        _, leak = _storm(world)
        world.wait(MINUTE)
        world.take(replace(leak, phase=Phase.CLEARED, time=world.now))
        before = _of(world, MUTE)
        assert before.status is Status.CLOSED
        had = world.shelves.all_steps(before.id)
        world.take(replace(leak, onset=world.now, time=world.now))
        alert = _of(world, MUTE)
        assert (alert.id, alert.suppressed_why) == (before.id, Suppression.STORM)
        steps = world.shelves.all_steps(alert.id)
        assert steps[: len(had)] == had
        assert [step.status for step in steps[len(had) :]] == [StepStatus.PENDING]
        assert alert.step_count == len(steps)

    def test_late_news_that_is_urgent_wakes_what_a_storm_keeps_quiet(self, world: World) -> None:
        _storm(world)
        world.reads(HOME, world.now)
        late = world.now - HOUR
        world.take(finding(Kind.LEAK, at=late, onset=late, source="b/volume", severity=Severity.URGENT))
        assert _of(world, HOME).status is Status.SUPPRESSED  # it may be over already
        world.wait(3 * MINUTE)
        assert _of(world, HOME).status is Status.UNACKNOWLEDGED
        assert "li" in {person for _, person, _ in world.sent()}

    def test_urgent_news_wakes_what_flaps_in_a_storm(self, world: World) -> None:
        _, leak = _storm(world)
        for _ in range(5):
            world.wait(MINUTE)
            world.take(replace(leak, phase=Phase.CLEARED, time=world.now))
            leak = replace(leak, onset=world.now, time=world.now)
            world.take(leak)
        assert _of(world, MUTE).suppressed_why is Suppression.STORM
        world.take(replace(leak, severity=Severity.URGENT))
        assert _of(world, MUTE).status is Status.UNACKNOWLEDGED

    def test_what_a_storm_kept_quiet_waits_on_for_announced_work(self, world: World) -> None:
        _storm(world)
        world.works(HOME, world.now, world.now + DAY)
        world.wait(HOUR)
        alert = _of(world, HOME)
        assert (alert.status, alert.suppressed_why) == (Status.SUPPRESSED, Suppression.MAINTENANCE)
        assert _of(world, MUTE).status is Status.UNACKNOWLEDGED
        world.wait(DAY)
        assert _of(world, HOME).status is Status.UNACKNOWLEDGED

    def test_nobody_is_silenced_by_merging_into_what_a_storm_keeps_quiet(self, world: World) -> None:
        _storm(world)
        world.take(finding(Kind.TAP, at=world.now, onset=world.now, severity=Severity.URGENT))
        (tap,) = [one for one in world.shelves.all_alerts() if one.kind is Kind.TAP]
        (leak,) = [one for one in world.shelves.all_alerts() if (one.household, one.kind) == (HOME, Kind.LEAK)]
        with world.books() as book:
            desk.merge(book, tap.id, leak.id, OFFICER, world.now)
        (leak,) = [one for one in world.shelves.all_alerts() if one.id == leak.id]
        assert (leak.status, leak.severity) == (Status.UNACKNOWLEDGED, Severity.URGENT)
        world.run()
        assert "li" in {person for _, person, _ in world.sent()}

    def test_each_has_its_turn_once(self, world: World) -> None:
        _storm(world)
        world.wait(2 * HOUR)
        turns = [
            step
            for alert in _ids(world)
            for step in world.shelves.all_steps(alert)
            if step.action.do.value == "storm_ended"
        ]
        assert [step.status for step in turns] == [StepStatus.DONE, StepStatus.DONE]


def _ids(world: World) -> list[UUID]:
    return [alert.id for alert in world.shelves.all_alerts()]
