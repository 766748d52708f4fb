"""What grows worse, and what turns out to be part of something else."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from alerts import desk
from alerts.model import EventKind, Outcome, Status, Suppression, TaskKind, TaskStatus
from detectors.finding import Kind, Phase, Severity
from registry.instants import DAY, HOUR, MINUTE, SECOND
from tests.alerts_world import HOME, NOON, OFFICER, World, finding


class Growth:
    def test_a_silence_longer_than_usual_is_on_the_board_and_disturbs_nobody(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        world.wait(12 * HOUR - SECOND)
        assert (world.alert().status, world.alert().severity) == (Status.UNACKNOWLEDGED, Severity.LOW)
        assert world.sent() == []
        assert world.shelves.all_tasks() == []
        world.wait(SECOND)
        (review,) = world.shelves.all_tasks()
        assert (review.kind, review.assignee) == (TaskKind.REVIEW, "wang")
        assert world.sent() == []

    def test_one_that_ends_by_itself_is_closed_and_asks_nothing_of_anybody(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        world.wait(13 * HOUR)
        world.take(replace(finding(cleared=True, severity=Severity.LOW), time=world.now))
        world.wait(2 * DAY)
        alert = world.alert()
        assert (alert.status, alert.outcome, alert.held_by) == (Status.CLOSED, Outcome.ENDED_BY_ITSELF, None)
        assert [task.status for task in world.shelves.all_tasks()] == [TaskStatus.CANCELLED]
        assert world.sent() == []

    def test_grown_worse_the_ladder_it_had_not_begins(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        world.wait(2 * HOUR)
        worse = replace(finding(), time=world.now, score=2.0, facts={"window": 50_400, "limit": 10.0})
        world.take(worse)
        world.wait(16 * MINUTE)
        assert world.sent() == [
            (7200, "li", "call"),
            (7200, "li", "sms"),
            (7500, "li", "call"),
            (7800, "son", "call"),
            (8100, "wang", "sms"),
        ]
        alert = world.alert()
        assert (alert.severity, alert.score, alert.facts) == (Severity.MEDIUM, 2.0, worse.facts)
        assert (alert.onset, alert.sources) == (worse.onset, {"rule meter/volume": worse.onset})
        [grew] = [one for one in world.shelves.all_events(alert.id) if one.kind.value == "grew_worse"]
        assert (grew.detail["before"], grew.detail["severity"], grew.at) == ("low", "medium", NOON + 2 * HOUR)
        world.take(replace(worse, phase=Phase.CLEARED, time=world.now))
        assert world.alert().status is Status.RETURNED, "it ends once"

    def test_grown_worse_a_running_ladder_goes_on(self, world: World) -> None:
        world.take(finding())
        world.wait(11 * MINUTE)
        world.take(replace(finding(severity=Severity.HIGH), time=world.now))
        world.wait(20 * MINUTE)
        assert [at for at, _, _ in world.sent()] == [0, 0, 300, 600, 900, 1800]
        assert (world.alert().severity, world.alert().policy.name) == (Severity.HIGH, "inactivity")
        assert "ladder_started" not in world.story()

    def test_grown_worse_twice_at_once_is_told_in_order(self, world: World) -> None:
        grown = [finding(severity=one) for one in (Severity.URGENT, Severity.LOW, Severity.MEDIUM)]
        world.take(*grown)
        assert world.story().count("grew_worse") == 2
        assert (world.alert().severity, world.alert().policy.name) == (Severity.URGENT, "inactivity")
        before = world.story()
        assert world.take(*grown) == []
        assert world.story() == before

    def test_less_than_is_known_changes_nothing(self, world: World) -> None:
        world.take(finding(severity=Severity.HIGH))
        story = world.story()
        assert world.take(finding(severity=Severity.LOW)) == []
        assert (world.story(), world.alert().severity) == (story, Severity.HIGH)

    def test_who_holds_a_silence_that_rang_keeps_it_when_it_grows(self, world: World) -> None:
        world.take(finding())
        world.run()
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.take(replace(finding(severity=Severity.URGENT), time=world.now + 1))
        alert = world.alert()
        assert (alert.status, alert.held_by, alert.severity) == (Status.ACKNOWLEDGED, OFFICER, Severity.URGENT)
        assert world.story()[-1] == "grew_worse"

    def test_who_holds_what_disturbed_nobody_does_not_hold_what_it_grows_into(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.wait(HOUR)
        world.take(replace(finding(), time=world.now))
        world.run()
        assert (world.alert().status, world.alert().held_by) == (Status.UNACKNOWLEDGED, None)
        assert world.sent() == [(3600, "li", "call"), (3600, "li", "sms")]

    def test_what_grows_comes_off_the_shelf(self, world: World) -> None:
        world.take(finding(Kind.LEAK))
        world.run()
        with world.books() as book:
            desk.shelve(book, world.alert().id, OFFICER, world.now + 7 * DAY, "plumber comes", world.now)
        world.take(replace(finding(Kind.LEAK, severity=Severity.HIGH), time=world.now))
        assert (world.alert().status, world.alert().severity) == (Status.UNACKNOWLEDGED, Severity.HIGH)

    def test_what_grows_in_an_absence_waits_for_its_end_and_climbs_the_higher_ladder(self, world: World) -> None:
        world.leaves(HOME, NOON - DAY, NOON + 3 * HOUR)
        world.take(finding(severity=Severity.LOW))
        world.wait(HOUR)
        world.take(replace(finding(), time=world.now))
        assert (world.alert().status, world.alert().suppressed_why) == (Status.SUPPRESSED, Suppression.ABSENCE)
        world.wait(2 * HOUR - SECOND)
        assert world.sent() == []
        world.wait(SECOND)
        assert len(world.sent()) == 2

    def test_growth_that_is_told_late_waits_before_it_wakes(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        world.wait(2 * HOUR)
        world.reads(HOME, world.now)
        world.take(replace(finding(), time=world.now - HOUR))
        world.wait(2 * MINUTE - SECOND)
        assert world.sent() == []
        world.wait(SECOND)
        assert len(world.sent()) == 2

    def test_growth_that_is_over_before_anybody_heard_of_it_asks_nothing_of_anybody(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        world.wait(2 * HOUR)
        world.reads(HOME, world.now)
        world.take(replace(finding(), time=world.now - HOUR))
        assert (world.alert().status, world.alert().suppressed_why) == (Status.SUPPRESSED, Suppression.BACKLOG)
        world.take(replace(finding(cleared=True), time=world.now - MINUTE))
        world.wait(DAY)
        assert (world.alert().status, world.alert().outcome) == (Status.CLOSED, Outcome.OVER_BEFORE_ARRIVAL)
        assert (world.sent(), world.shelves.all_tasks()) == ([], [])

    @pytest.mark.parametrize("reason", ["joined", "incident"])
    def test_what_something_else_tells_of_by_now_is_closed(self, world: World, reason: str) -> None:
        world.take(finding(Kind.TAP))
        world.run()
        world.take(replace(finding(Kind.TAP, cleared=True), time=world.now, facts={"reason": reason, "into": "burst"}))
        world.wait(2 * DAY)
        assert (world.alert().status, world.alert().outcome) == (Status.CLOSED, Outcome.PART_OF_ANOTHER)
        (ended,) = [one for one in world.shelves.all_events(world.alert().id) if one.kind is EventKind.RETURNED]
        assert (ended.detail["explained_by"], ended.detail["into"]) == (reason, "burst")
        assert world.shelves.all_tasks() == []

    def test_what_an_incident_explains_names_it_until_it_is_raised_again(self, world: World) -> None:
        blackout = uuid4()
        world.take(finding())
        world.run()
        facts = {"reason": "incident", "incident": str(blackout)}
        world.take(replace(finding(cleared=True), time=world.now, facts=facts))
        assert (world.alert().status, world.alert().incident) == (Status.CLOSED, blackout)
        (ended,) = [one for one in world.shelves.all_events(world.alert().id) if one.kind is EventKind.RETURNED]
        assert ended.detail["incident"] == str(blackout)

    def test_who_deals_with_what_is_part_of_something_else_keeps_it(self, world: World) -> None:
        world.take(finding(Kind.TAP))
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.take(replace(finding(Kind.TAP, cleared=True), facts={"reason": "joined"}))
        assert (world.alert().status, world.alert().held_by) == (Status.ACKNOWLEDGED, OFFICER)

    def test_who_said_fine_is_not_asked_again_at_every_level(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "1")
        closed = world.alert()
        world.wait(2 * HOUR)
        told = len(world.sent())
        worse = replace(finding(severity=Severity.URGENT), time=world.now, facts={"window": 99_999})
        assert world.take(worse) == []
        world.wait(4 * HOUR - SECOND)
        assert (len(world.sent()), world.alert().severity) == (told, closed.severity)
        world.wait(SECOND)
        _, again = world.shelves.all_alerts()
        assert (again.severity, again.facts) == (Severity.URGENT, worse.facts)
        assert len(world.sent()) == told + 2

    def test_what_was_tidied_off_the_board_still_rings_when_it_grows(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        with world.books() as book:
            desk.close(book, world.alert().id, OFFICER, Outcome.OTHER, "", world.now)
        world.wait(HOUR)
        world.take(replace(finding(), time=world.now))
        world.run()
        assert [one.status for one in world.shelves.all_alerts()] == [Status.CLOSED, Status.UNACKNOWLEDGED]
        assert len(world.sent()) == 2

    def test_a_tap_that_runs_on_sends_somebody(self, world: World) -> None:
        world.take(finding(Kind.TAP))
        world.wait(40 * MINUTE)
        assert [person for _, person, _ in world.sent()] == ["li", "li", "li", "son"]
        world.take(replace(finding(Kind.TAP, severity=Severity.HIGH), time=world.now))
        world.wait(20 * MINUTE)
        assert [task.kind for task in world.shelves.all_tasks()] == [TaskKind.VISIT]
