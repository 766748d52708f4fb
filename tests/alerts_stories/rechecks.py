"""What was closed while it was still so, and is looked at again."""

from __future__ import annotations

from dataclasses import replace

from alerts import desk
from alerts.model import Outcome, Status, StepStatus, Suppression, episode_id
from detectors.finding import Kind, Phase
from registry.instants import DAY, HOUR, MINUTE, SECOND
from tests.alerts_world import HOME, NOON, OFFICER, World, finding


class Rechecks:
    def test_who_says_fine_and_uses_no_water_afterwards_is_asked_again(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.wait(MINUTE)
        sms = next(one for one in world.shelves.all_messages() if one.medium.value == "sms")
        with world.books() as book:
            desk.answer(book, sms.id, "1", world.now)
        closed = world.alert()
        assert closed.status is Status.CLOSED
        world.wait(6 * HOUR - SECOND)
        assert world.shelves.all_alerts() == [closed]
        world.wait(SECOND)
        assert world.shelves.all_alerts()[0] == closed
        _, again = world.shelves.all_alerts()
        assert again.id == episode_id(HOME, Kind.INACTIVITY, closed.onset, 1)
        assert (again.status, again.severity, again.rule, again.score) == (
            Status.UNACKNOWLEDGED,
            closed.severity,
            closed.rule,
            closed.score,
        )
        assert (again.onset, again.facts, again.sources, again.policy) == (
            closed.onset,
            closed.facts,
            closed.sources,
            closed.policy,
        )
        assert (again.raised_at, again.opened_at, again.held_by, again.outcome) == (world.now, world.now, None, None)
        assert world.sent(world.now) == [(6 * 3600 + 60, "li", "call"), (6 * 3600 + 60, "li", "sms")]
        raised = world.shelves.all_events(again.id)[0]
        assert (raised.kind.value, raised.actor, raised.at) == ("raised", "system", world.now)
        assert raised.detail["closed"] == str(closed.id)
        # The detector's word that it is over ends it, as it would have ended the first.
        world.take(replace(finding(cleared=True), time=world.now))
        assert world.shelves.all_alerts()[1].status is Status.RETURNED

    def test_who_says_fine_again_is_asked_again(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "1")
        world.wait(6 * HOUR)
        world.answers("li", "1")
        world.wait(6 * HOUR)
        first, second, third = world.shelves.all_alerts()
        assert [one.status for one in (first, second, third)] == [Status.CLOSED, Status.CLOSED, Status.UNACKNOWLEDGED]
        assert third.id == episode_id(HOME, Kind.INACTIVITY, first.onset, 2)

    def test_what_is_over_when_it_is_looked_at_again_wakes_nobody(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "1")
        world.wait(HOUR)
        world.take(replace(finding(cleared=True), time=world.now))
        before, story = world.sent(), world.story()
        world.wait(DAY)
        assert (world.sent(), world.story()) == (before, story)
        assert (world.steps()[-1].status, world.steps()[-1].result) == (StepStatus.DONE, "over")

    def test_only_what_is_still_reported_is_said_again(self, world: World) -> None:
        hall = finding(Kind.SMOKE, onset=NOON, source="hall/alarm")
        world.take(finding(Kind.SMOKE, onset=NOON, source="kitchen/alarm"), hall)
        world.run()
        with world.books() as book:
            desk.close(book, world.alert().id, OFFICER, Outcome.FALSE_ALARM, "toast", world.now)
        world.wait(5 * MINUTE)
        world.take(finding(Kind.SMOKE, at=world.now, onset=NOON, source="kitchen/alarm", cleared=True))
        world.wait(5 * MINUTE)
        _, again = world.shelves.all_alerts()
        assert again.sources == {"rule hall/alarm": NOON}
        assert again.status is Status.UNACKNOWLEDGED

    def test_an_outcome_of_a_visit_is_looked_at_again_too(self, world: World) -> None:
        world.take(finding())
        world.wait(15 * MINUTE)
        (visit,) = world.shelves.all_tasks()
        with world.books() as book:
            desk.record_outcome(book, visit.id, "person:wang", Outcome.FOUND_WELL, "", world.now)
        world.wait(6 * HOUR)
        assert [one.status for one in world.shelves.all_alerts()] == [Status.CLOSED, Status.UNACKNOWLEDGED]

    def test_what_ended_before_it_was_closed_is_not_looked_at_again(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.take(replace(finding(cleared=True), time=world.now))
        with world.books() as book:
            desk.close(book, world.alert().id, OFFICER, Outcome.FOUND_WELL, "", world.now)
        assert [step for step in world.steps() if step.status is StepStatus.PENDING] == []

    def test_what_is_still_so_joins_the_alert_that_was_opened_meanwhile(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "1")
        world.wait(5 * HOUR)
        second = finding(rule="second", at=world.now)
        world.take(second)
        world.run()
        world.take(replace(second, phase=Phase.CLEARED))
        world.wait(HOUR)
        first, current = world.shelves.all_alerts()
        assert first.status is Status.CLOSED
        assert current.status is Status.UNACKNOWLEDGED
        assert current.sources == first.sources
        assert "raised_again" in [event.kind.value for event in world.shelves.all_events(current.id)]

    def test_what_was_raised_anew_is_looked_at_once(self, world: World) -> None:
        world.take(finding(Kind.SMOKE, onset=NOON))
        world.run()
        with world.books() as book:
            desk.close(book, world.alert().id, OFFICER, Outcome.FALSE_ALARM, "", world.now)
        world.wait(MINUTE)
        # A detector that began anew: it will never say that what it said first is over.
        anew = finding(Kind.SMOKE, at=world.now, onset=world.now)
        world.take(anew)
        world.wait(15 * MINUTE)
        assert world.shelves.all_alerts()[1].sources == {"rule meter/volume": anew.onset}
        world.take(replace(anew, phase=Phase.CLEARED, time=world.now))
        assert [one.status for one in world.shelves.all_alerts()] == [Status.CLOSED, Status.RETURNED]

    def test_silence_that_is_looked_at_again_during_an_absence_waits_for_its_end(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "1")
        world.leaves(HOME, NOON + HOUR, NOON + DAY)
        before = world.sent()
        world.wait(DAY - SECOND)
        _, again = world.shelves.all_alerts()
        assert (again.status, again.suppressed_why) == (Status.SUPPRESSED, Suppression.ABSENCE)
        assert world.sent() == before
        world.wait(SECOND)
        assert world.shelves.all_alerts()[1].status is Status.UNACKNOWLEDGED

    def test_a_recording_that_somebody_tidies_away_wakes_nobody(self, world: World) -> None:
        world.reads(HOME, NOON - 400 * DAY)
        world.take(finding(at=NOON - 400 * DAY))
        with world.books() as book:
            desk.close(book, world.alert().id, OFFICER, Outcome.OTHER, "a recording", world.now)
        world.wait(30 * HOUR)
        assert world.sent() == []
        assert [one.status for one in world.shelves.all_alerts()] == [Status.CLOSED, Status.SUPPRESSED]

    def test_help_by_an_old_message_is_said_again_by_nobody(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "1")
        world.take(replace(finding(cleared=True), time=world.now))
        world.wait(MINUTE)
        sms = next(one for one in world.shelves.all_messages() if one.medium.value == "sms")
        with world.books() as book:
            desk.answer(book, sms.id, "2", world.now)
        world.run()
        helped = world.shelves.all_alerts()[1]
        with world.books() as book:
            desk.close(book, helped.id, OFFICER, Outcome.HELPED, "", world.now)
        world.wait(7 * HOUR)
        assert [one.status for one in world.shelves.all_alerts()] == [Status.CLOSED, Status.CLOSED]
