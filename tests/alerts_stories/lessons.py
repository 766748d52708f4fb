"""What detectors learn of how an alert ended."""

from __future__ import annotations

import pytest

from alerts import desk
from alerts.model import Outcome, Status
from detectors.finding import Kind, Severity
from detectors.verdict import Verdict
from registry.instants import HOUR, MINUTE
from tests.alerts_world import EMPTY, HOME, NOON, OFFICER, World, finding


class Lessons:
    @pytest.mark.parametrize(
        ("outcome", "real"),
        [
            (Outcome.HELPED, True),
            (Outcome.EMERGENCY_SERVICES, True),
            (Outcome.FOUND_WELL, False),
            (Outcome.FALSE_ALARM, False),
            (Outcome.RESIDENT_FINE, False),
            (Outcome.OTHER, None),
        ],
    )
    def test_how_an_alert_ends_is_what_detectors_learn(
        self,
        world: World,
        outcome: Outcome,
        real: bool | None,  # noqa: FBT001 - of a table
    ) -> None:
        world.take(finding())
        world.wait(15 * MINUTE)
        (visit,) = world.shelves.all_tasks()
        with world.books() as book:
            desk.accept(book, visit.id, "person:wang", "wang", world.now)
            desk.record_outcome(book, visit.id, "person:wang", outcome, "", world.now)
        expected = [] if real is None else [Verdict(HOME, Kind.INACTIVITY, world.now, real, visited=True)]
        assert world.shelves.all_verdicts() == expected
        world.wait(7 * HOUR)  # whoever closed it had the last word for six
        assert world.shelves.all_verdicts()[: len(expected)] == expected

    def test_an_answer_is_a_false_alarm_and_no_false_visit(self, world: World) -> None:
        world.take(finding())
        world.wait(20 * MINUTE)  # a visit is planned, but nobody has set out
        sms = next(one for one in world.shelves.all_messages() if one.medium.value == "sms")
        with world.books() as book:
            desk.answer(book, sms.id, "1", world.now)
        assert world.shelves.all_verdicts() == [Verdict(HOME, Kind.INACTIVITY, world.now, real=False, visited=False)]

    def test_a_closed_door_says_nothing_until_somebody_knows(self, world: World) -> None:
        world.take(finding())
        world.wait(15 * MINUTE)
        (visit,) = world.shelves.all_tasks()
        with world.books() as book:
            desk.record_outcome(book, visit.id, "person:wang", Outcome.NOT_AT_HOME, "dark", world.now)
        assert world.shelves.all_verdicts() == []
        with world.books() as book:
            desk.close(book, world.alert().id, OFFICER, Outcome.FOUND_WELL, "at her daughter's", world.now)
        assert world.shelves.all_verdicts() == [Verdict(HOME, Kind.INACTIVITY, world.now, real=False, visited=True)]

    def test_what_the_system_closes_says_nothing(self, world: World) -> None:
        world.take(finding(severity=Severity.LOW))
        world.take(finding(severity=Severity.LOW, cleared=True))
        world.reads(EMPTY, NOON)
        world.take(finding(household=EMPTY, at=NOON - 6 * HOUR))
        world.take(finding(household=EMPTY, at=NOON - 2 * HOUR, onset=NOON - 18 * HOUR, cleared=True))
        assert {one.status for one in world.shelves.all_alerts()} == {Status.CLOSED}
        assert world.shelves.all_verdicts() == []

    def test_a_call_for_help_by_mistake_is_no_false_alarm_of_a_detector(self, world: World) -> None:
        world.take(finding())
        world.run()
        world.answers("li", "2")
        with world.books() as book:
            desk.close(book, world.alert().id, OFFICER, Outcome.FALSE_ALARM, "wrong key", world.now)
        assert world.shelves.all_verdicts() == []
