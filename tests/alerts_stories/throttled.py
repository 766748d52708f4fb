"""How much one person is sent in an hour, and what never waits."""

from __future__ import annotations

from alerts import desk
from alerts.messages.delivery import SAID_AGAIN
from alerts.messages.limits import Limits
from alerts.model import NotificationStatus
from detectors.finding import Kind, Severity
from registry.instants import HOUR, MINUTE, SECOND
from tests.alerts_world import OFFICER, World, finding

_ONE = Limits(texts=1, calls=1)


def _calls_to_zhao(world: World) -> list[int]:
    return [at for at, person, medium in world.sent() if (person, medium) == ("zhao", "call")]


class Throttled:
    def test_the_first_message_of_an_alert_goes_at_once_and_what_follows_waits_for_room(self, world: World) -> None:
        world.limits = _ONE
        world.take(finding())
        world.wait(3 * HOUR)
        first, *others = _calls_to_zhao(world)
        assert first == 1800, "as the ladder says"
        assert others, "it goes on"
        assert [after - before for before, after in zip([first, *others], others, strict=False)] == [3600] * len(others)
        assert "held_back" in world.story()

    def test_what_is_held_back_counts_no_attempt_and_the_same_words_are_said_once(self, world: World) -> None:
        world.limits = _ONE
        world.take(finding())
        world.wait(80 * MINUTE)
        waiting = [one for one in world.shelves.all_notifications() if one.status is NotificationStatus.QUEUED]
        assert {one.attempts for one in waiting} == {0}
        assert all("held back" in (one.error or "") for one in waiting)
        world.wait(20 * MINUTE)
        called_back = [one for one in world.shelves.all_notifications() if one.status is NotificationStatus.CANCELLED]
        assert called_back
        assert {one.error for one in called_back} == {SAID_AGAIN}
        assert "not_sent" in world.story()

    def test_what_is_held_back_is_called_back_when_somebody_takes_the_alert(self, world: World) -> None:
        world.limits = _ONE
        world.take(finding())
        world.wait(50 * MINUTE)
        sent = len(_calls_to_zhao(world))
        with world.books() as book:
            desk.acknowledge(book, world.alert().id, OFFICER, world.now)
        world.wait(41 * MINUTE)  # by now there is room, and whoever holds it has still four minutes
        assert len(_calls_to_zhao(world)) == sent
        assert NotificationStatus.QUEUED not in {one.status for one in world.shelves.all_notifications()}

    def test_an_urgent_alert_never_waits(self, world: World) -> None:
        world.limits = _ONE
        world.take(finding(Kind.SMOKE, severity=Severity.URGENT))
        world.wait(HOUR)
        assert "held_back" not in world.story()

    def test_a_call_for_help_never_waits(self, world: World) -> None:
        world.limits = _ONE
        world.take(finding())
        world.wait(45 * MINUTE + SECOND)
        world.answers("li", "2")
        world.run()
        assert _calls_to_zhao(world)[-1] == 2701

    def test_texts_and_calls_have_limits_of_their_own(self, world: World) -> None:
        world.limits = Limits(texts=6, calls=1)
        world.take(finding(), finding(Kind.LEAK))
        world.wait(2 * HOUR)
        held = [event.detail["medium"] for one in world.shelves.all_alerts() for event in
                world.shelves.all_events(one.id) if event.kind.value == "held_back"]  # fmt: skip
        assert set(held) == {"call"}
