"""Conditions that end and begin again, whoever dealt with them."""

from __future__ import annotations

from dataclasses import replace

from alerts import desk
from alerts.model import Outcome, Status, TaskKind, TaskStatus
from detectors.finding import Kind, Severity
from registry.instants import DAY, HOUR, MINUTE, SECOND
from tests.alerts_world import HOME, NOON, OFFICER, World, finding


class Episodes:
    # conditions end and begin again ------------------------------------------------------------------------------

    def test_a_condition_that_ends_leaves_a_review(self, world: World) -> None:
        world.take(finding())
        world.wait(16 * MINUTE)
        world.take(replace(finding(cleared=True), time=world.now))
        world.run()
        assert world.alert().status is Status.RETURNED
        visit, review = world.shelves.all_tasks()
        assert (visit.status, review.kind, review.status) == (
            TaskStatus.CANCELLED,
            TaskKind.REVIEW,
            TaskStatus.OPEN,
        )
        world.wait(3 * HOUR)
        assert "zhao" not in [person for _, person, _ in world.sent()]
        with world.books() as book:
            desk.record_outcome(book, review.id, "person:wang", Outcome.FALSE_ALARM, "slept long", world.now)
        assert world.alert().status is Status.CLOSED

    def test_raised_again_the_ladder_starts_anew_under_new_numbers(self, world: World) -> None:
        world.take(finding())
        world.wait(MINUTE)
        world.take(replace(finding(cleared=True), time=world.now))
        world.wait(MINUTE)
        again = finding(at=world.now, onset=world.now - HOUR)
        world.take(again)
        world.wait(MINUTE)
        alert = world.alert()
        assert alert.status is Status.UNACKNOWLEDGED
        assert world.sent(world.now - MINUTE) == [(120, "li", "call"), (120, "li", "sms")]
        assert [step.no for step in world.steps()] == list(range(1, 17))
        assert world.story().count("raised_again") == 1
        (review,) = world.shelves.all_tasks()
        assert review.status is TaskStatus.CANCELLED

    def test_held_alerts_stay_held_when_the_condition_ends(self, world: World) -> None:
        world.take(finding())
        world.run()
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.take(finding(cleared=True))
        alert = world.alert()
        assert (alert.status, alert.held_by, alert.returned_at) == (Status.ACKNOWLEDGED, OFFICER, world.now)

    def test_one_of_two_sources_ends(self, world: World) -> None:
        world.take(
            finding(Kind.SMOKE, onset=NOON, source="kitchen/alarm"),
            finding(Kind.SMOKE, onset=NOON, source="hall/alarm", severity=Severity.URGENT),
        )
        world.take(finding(Kind.SMOKE, onset=NOON, source="kitchen/alarm", cleared=True))
        alert = world.alert()
        assert alert.status is Status.UNACKNOWLEDGED
        assert list(alert.sources.values()) == [NOON]
        assert alert.severity is Severity.URGENT
        assert world.story() == ["raised", "joined", "cleared"]

    def test_a_second_rule_with_the_same_onset_after_a_close_is_an_alert_of_its_own(self, world: World) -> None:
        world.take(finding(rule="12 h"))
        world.run()
        world.answers("li", "1")
        world.wait(5 * HOUR)
        world.take(finding(rule="24 h", at=world.now, onset=NOON - 12 * HOUR))
        first, second = world.shelves.all_alerts()
        assert first.id != second.id
        assert (first.status, second.status) == (Status.CLOSED, Status.UNACKNOWLEDGED)

    # what had ended begins again, whoever dealt with it ----------------------------------------------------------

    def test_who_held_an_alert_that_ended_does_not_hold_what_begins_again(self, world: World) -> None:
        world.take(finding())
        world.wait(10 * MINUTE)
        world.answers("son", "4")
        world.take(replace(finding(cleared=True), time=world.now))
        world.wait(3 * DAY)
        thursday = world.now
        world.take(finding(at=thursday, onset=thursday - HOUR))
        assert world.story()[-2:] == ["raised_again", "ladder_started"]
        alert = world.alert()
        assert (alert.status, alert.held_by, alert.returned_at, alert.acknowledged_at) == (
            Status.UNACKNOWLEDGED,
            None,
            None,
            None,
        )
        world.wait(11 * MINUTE)
        assert [person for _, person, _ in world.sent(thursday)] == ["li", "li", "li", "son"]

    def test_one_more_source_of_what_somebody_deals_with_wakes_nobody(self, world: World) -> None:
        world.take(finding())
        world.run()
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.take(finding(rule="second"))
        assert (world.alert().status, world.alert().held_by) == (Status.ACKNOWLEDGED, OFFICER)
        assert world.story()[-1] == "joined"

    def test_late_news_waits_before_it_takes_an_alert_from_its_holder(self, world: World) -> None:
        world.take(finding())
        world.run()
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.take(replace(finding(cleared=True), time=world.now))
        world.wait(2 * DAY)
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.reads(HOME, world.now)
        late = finding(at=world.now - 2 * HOUR, onset=world.now - 3 * HOUR)
        world.take(late)
        assert world.alert().held_by == OFFICER
        world.take(replace(finding(cleared=True, at=world.now - HOUR), onset=late.onset))
        world.wait(30 * MINUTE)
        assert (world.alert().status, world.alert().held_by) == (Status.ACKNOWLEDGED, OFFICER)
        before = len(world.sent())
        world.reads(HOME, world.now)
        world.take(finding(at=world.now - HOUR, onset=world.now - 2 * HOUR))
        world.wait(2 * MINUTE - SECOND)
        assert len(world.sent()) == before
        world.wait(SECOND)
        assert (world.alert().status, world.alert().held_by) == (Status.UNACKNOWLEDGED, None)
        assert len(world.sent()) == before + 2

    def test_silence_in_an_absence_is_not_taken_from_its_holder_before_its_end(self, world: World) -> None:
        world.take(finding())
        world.run()
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.take(replace(finding(cleared=True), time=world.now))
        world.leaves(HOME, NOON, NOON + DAY + 30 * MINUTE)
        world.wait(DAY)
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.reads(HOME, world.now)
        world.take(finding(at=world.now))
        world.wait(30 * MINUTE - SECOND)
        assert world.alert().held_by == OFFICER
        world.reads(HOME, world.now)
        world.wait(SECOND)
        assert world.alert().status is Status.UNACKNOWLEDGED

    def test_what_begins_again_comes_off_the_shelf(self, world: World) -> None:
        world.take(finding(Kind.LEAK))
        world.run()
        with world.books() as book:
            desk.shelve(book, world.alert().id, OFFICER, world.now + 7 * DAY, "plumber comes", world.now)
        world.take(finding(Kind.LEAK, cleared=True))
        world.wait(2 * DAY)
        before = len(world.sent())
        world.take(finding(Kind.LEAK, at=world.now))
        world.run()
        alert = world.alert()
        assert (alert.status, alert.held_by, alert.shelved_until) == (Status.UNACKNOWLEDGED, None, None)
        assert len(world.sent()) == before + 1
        assert [kind for kind in world.story() if kind not in ("notified", "sent")][-3:] == [
            "raised_again",
            "unshelved",
            "ladder_started",
        ]

    def test_more_of_the_same_stays_on_the_shelf_until_it_is_worse(self, world: World) -> None:
        world.take(finding(Kind.LEAK))
        world.run()
        with world.books() as book:
            desk.shelve(book, world.alert().id, OFFICER, world.now + 7 * DAY, "plumber comes", world.now)
        world.wait(DAY)
        world.take(finding(Kind.LEAK, at=world.now, rule="second"))
        assert world.alert().status is Status.SHELVED
        world.take(finding(Kind.LEAK, at=world.now, rule="third", severity=Severity.URGENT))
        assert (world.alert().status, world.alert().severity) == (Status.UNACKNOWLEDGED, Severity.URGENT)

    def test_no_smoke_is_swallowed_by_the_shelf(self, world: World) -> None:
        world.take(finding(Kind.SMOKE, onset=NOON, source="kitchen/alarm"))
        world.run()
        with world.books() as book:
            desk.shelve(book, world.alert().id, OFFICER, world.now + 7 * DAY, "battery", world.now)
        world.wait(2 * DAY)
        fire = world.now
        world.take(finding(Kind.SMOKE, at=fire, onset=fire, source="hall/alarm"))
        world.wait(MINUTE)
        assert world.alert().status is Status.UNACKNOWLEDGED
        assert [person for _, person, _ in world.sent(fire)] == ["li", "son", "zhao"]

    def test_smoke_that_is_told_late_stays_on_the_shelf_while_it_may_be_over(self, world: World) -> None:
        world.take(finding(Kind.SMOKE, onset=NOON, source="kitchen/alarm"))
        world.run()
        with world.books() as book:
            desk.shelve(book, world.alert().id, OFFICER, world.now + 7 * DAY, "battery", world.now)
        world.wait(DAY)
        world.reads(HOME, world.now)
        world.take(finding(Kind.SMOKE, at=world.now - HOUR, onset=world.now - HOUR, source="hall/alarm"))
        assert world.alert().status is Status.SHELVED
        world.wait(2 * MINUTE)
        assert world.alert().status is Status.UNACKNOWLEDGED
