"""More visits than a day has: who waits, and who never does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts import desk
from alerts.model import Outcome, Status, Suppression, TaskKind, TaskStatus
from alerts.tasks.cap import Cap
from detectors.finding import Finding, Kind, Severity
from registry.instants import DAY, MINUTE, SECOND
from tests.alerts_world import EMPTY, HOME, MUTE, NOON, World, finding


class VisitCap:
    def test_beyond_the_days_limit_the_weakest_waits_and_it_is_said(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        weak = replace(finding(household=MUTE), score=1.2)
        world.take(weak)
        world.run()  # nobody there has a telephone: the visit is planned at once
        world.take(replace(finding(), score=1.5))
        world.wait(16 * MINUTE)
        waits, goes = sorted(world.shelves.all_alerts(), key=lambda one: one.score)
        assert (waits.status, waits.suppressed_why) == (Status.SUPPRESSED, Suppression.CAP)
        assert goes.status is Status.UNACKNOWLEDGED
        assert [(task.alert, task.status) for task in world.shelves.all_tasks()] == [
            (waits.id, TaskStatus.CANCELLED),
            (goes.id, TaskStatus.OPEN),
        ]
        [said] = [one for one in world.shelves.all_events(waits.id) if one.kind.value == "suppressed"]
        assert said.detail == {"why": "cap", "until": NOON + DAY}
        notices = [one for one in world.shelves.all_notifications() if one.person == "zhao"]
        assert [(one.alert, one.medium.value) for one in notices] == [(waits.id, "sms")]

    def test_the_weaker_does_not_push_the_stronger_aside(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=1.5))
        world.run()
        world.take(replace(finding(), score=1.2))
        world.wait(16 * MINUTE)
        stays, waits = sorted(world.shelves.all_alerts(), key=lambda one: -one.score)
        assert (stays.household, stays.status) == (MUTE, Status.UNACKNOWLEDGED)
        assert (waits.household, waits.suppressed_why) == (HOME, Suppression.CAP)

    def test_who_has_set_out_is_not_called_back(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=1.2))
        world.run()
        (visit,) = world.shelves.all_tasks()
        with world.books() as book:
            desk.accept(book, visit.id, "person:wang", "wang", world.now)
        world.take(replace(finding(), score=1.5))
        world.wait(16 * MINUTE)
        weak, strong = sorted(world.shelves.all_alerts(), key=lambda one: one.score)
        assert (weak.status, strong.suppressed_why) == (Status.ACKNOWLEDGED, Suppression.CAP)

    def test_who_has_been_there_goes_again_whoever_comes(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=1.2))
        world.run()
        (visit,) = world.shelves.all_tasks()
        with world.books() as book:
            desk.record_outcome(book, visit.id, "person:wang", Outcome.COULD_NOT_ENTER, "", world.now)
        world.take(replace(finding(), score=1.5))
        world.wait(16 * MINUTE)
        went, waits = sorted(world.shelves.all_alerts(), key=lambda one: one.score)
        assert (went.status, waits.suppressed_why) == (Status.UNACKNOWLEDGED, Suppression.CAP)

    def test_the_duty_officer_hears_of_the_first_that_waits_only(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=9.0))
        world.run()
        world.take(finding(), finding(Kind.TAP, severity=Severity.MEDIUM), finding(household=EMPTY))
        world.wait(20 * MINUTE)
        waiting = [one for one in world.shelves.all_alerts() if one.suppressed_why is Suppression.CAP]
        assert {one.household for one in waiting} == {HOME, EMPTY}
        notices = [step for one in waiting for step in world.shelves.all_steps(one.id) if step.action.message == "cap"]
        assert len(notices) == 1

    @pytest.mark.parametrize(
        "spared",
        [
            finding(Kind.SMOKE, onset=NOON, severity=Severity.LOW),
            finding(severity=Severity.HIGH),
            finding(Kind.BURST, severity=Severity.URGENT),
        ],
        ids=["smoke", "severe", "burst"],
    )
    def test_what_must_not_wait_does_not(self, world: World, spared: Finding) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=9.0))
        world.run()
        world.take(spared)
        world.wait(21 * MINUTE)
        assert {one.status for one in world.shelves.all_alerts()} == {Status.UNACKNOWLEDGED}
        assert {task.household for task in world.shelves.all_tasks()} == {HOME, MUTE}

    def test_help_does_not_wait(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=9.0))
        world.run()
        world.take(finding())
        world.wait(16 * MINUTE)
        sms = next(one for one in world.shelves.all_messages() if one.person == "li" and one.medium.value == "sms")
        with world.books() as book:
            desk.answer(book, sms.id, "2", world.now)
        world.run()
        helped = next(one for one in world.shelves.all_alerts() if one.household == HOME)
        assert (helped.status, helped.severity) == (Status.UNACKNOWLEDGED, Severity.URGENT)
        assert HOME in {task.household for task in world.shelves.all_tasks() if task.status is TaskStatus.OPEN}

    def test_what_waited_is_asked_anew_when_there_is_room(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=1.5))
        world.run()
        world.take(replace(finding(), score=1.2))
        world.wait(DAY - SECOND)
        before = [one for one in world.sent() if one[1] == "li"]
        world.wait(SECOND)
        assert [one for one in world.sent() if one[1] == "li"][len(before) :] == [
            (86400, "li", "call"),
            (86400, "li", "sms"),
        ]
        world.wait(15 * MINUTE)
        assert [task.household for task in world.shelves.all_tasks()] == [MUTE, HOME]

    def test_what_grows_while_it_waits_is_ranked_anew(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=9.0))
        world.run()
        world.take(finding())
        world.wait(16 * MINUTE)
        world.take(replace(finding(severity=Severity.HIGH), time=world.now))
        world.wait(16 * MINUTE)
        assert {one.status for one in world.shelves.all_alerts()} == {Status.UNACKNOWLEDGED}

    def test_what_ends_while_it_waits_is_reviewed_like_any_other(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(replace(finding(household=MUTE), score=9.0))
        world.run()
        world.take(finding())
        world.wait(16 * MINUTE)
        world.take(replace(finding(cleared=True), time=world.now))
        world.run()
        ended = next(one for one in world.shelves.all_alerts() if one.household == HOME)
        assert (ended.status, ended.suppressed_why) == (Status.RETURNED, None)
        assert [task.kind for task in world.shelves.all_tasks() if task.household == HOME] == [TaskKind.REVIEW]

    def test_going_again_to_a_closed_door_counts_as_the_same_visit(self, world: World) -> None:
        world.cap = Cap(per_1000=0, fewest=1)
        world.take(finding())
        world.wait(15 * MINUTE)
        (visit,) = world.shelves.all_tasks()
        with world.books() as book:
            desk.record_outcome(book, visit.id, "person:wang", Outcome.NOT_AT_HOME, "dark", world.now)
        world.wait(30 * MINUTE)
        assert len(world.shelves.all_tasks()) == 2
