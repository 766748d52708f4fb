"""What people do with alerts at a desk: take, give back, escalate, shelve, close, merge and split, two at once too."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from alerts import desk
from alerts.errors import AlertError, Conflict
from alerts.model import NotificationStatus, Outcome, Status
from registry.instants import DAY, HOUR, MINUTE
from tests.alerts_machine.street import ACTORS, PICK, Street, newest
from tests.alerts_rounds import run_due


class PeopleAct(Street):
    """Alerts in the hands of people."""

    @rule(pick=PICK, actor=ACTORS)
    def somebody_acknowledges(self, pick: int, actor: str) -> None:
        alert = self.newest_alert(pick)
        if alert is None:
            return
        with self.world.books() as book:
            run_due(book, self.world.now, channels=self.world.choice, storms=self.world.storms)
        # What that queues has not left yet.
        before = self.book.by_id[alert]
        try:
            with self.world.books() as book:
                held = desk.acknowledge(book, alert, actor, self.world.now)
        except AlertError:
            return
        assert held.held_by == actor
        assert self.climbing(alert) == []
        if before.held_by == actor:
            return  # it was theirs, so nothing was to be stopped
        queued = [one for one in self.book.outbox.values() if one.status is NotificationStatus.QUEUED]
        assert alert not in {one.alert for one in queued}

    @rule(pick=PICK)
    def two_acknowledge_in_the_same_instant(self, pick: int) -> None:
        """One of them holds it, the other hears who does."""
        alert = self.newest_alert(pick)
        if alert is None or self.book.by_id[alert].status in (Status.CLOSED, Status.ACKNOWLEDGED):
            return
        desk.acknowledge(self.book, alert, "person:zhao", self.world.now)
        try:
            desk.acknowledge(self.book, alert, "person:wang", self.world.now)
        except Conflict as error:
            assert "person:zhao" in str(error)  # noqa: PT017 - in a rule of a state machine
        assert self.book.by_id[alert].held_by == "person:zhao"
        self.book.met["two at once"] += 1

    @rule(pick=PICK, actor=ACTORS)
    def somebody_gives_back(self, pick: int, actor: str) -> None:
        held = [
            one.id for one in self.book.by_id.values() if one.held_by == actor and one.status is Status.ACKNOWLEDGED
        ]
        alert = newest(held, pick) if held else self.newest_alert(pick)
        if alert is not None:
            self.attempt(lambda: desk.give_back(self.book, alert, actor, self.world.now))

    @rule(pick=PICK, actor=ACTORS)
    def somebody_escalates(self, pick: int, actor: str) -> None:
        alert = self.newest_alert(pick)
        if alert is not None:
            self.attempt(lambda: desk.escalate(self.book, alert, actor, self.world.now))

    @rule(pick=PICK, actor=ACTORS, duration=st.sampled_from([MINUTE, HOUR, 30 * DAY]))
    def somebody_shelves(self, pick: int, actor: str, duration: int) -> None:
        alert = self.newest_alert(pick)
        if alert is not None:
            self.attempt(lambda: desk.shelve(self.book, alert, actor, self.world.now + duration, "why", self.world.now))

    @rule(pick=PICK, actor=ACTORS)
    def somebody_unshelves(self, pick: int, actor: str) -> None:
        shelved = [one.id for one in self.book.by_id.values() if one.status is Status.SHELVED]
        alert = newest(shelved, pick) if shelved else self.newest_alert(pick)
        if alert is not None:
            self.attempt(lambda: desk.unshelve(self.book, alert, actor, self.world.now))

    @rule(pick=PICK, actor=ACTORS, outcome=st.sampled_from(Outcome))
    def somebody_closes(self, pick: int, actor: str, outcome: Outcome) -> None:
        alert = self.newest_alert(pick)
        if alert is not None:
            self.attempt(lambda: desk.close(self.book, alert, actor, outcome, "", self.world.now))

    @rule(pick=PICK, other=PICK, actor=ACTORS)
    def somebody_merges(self, pick: int, other: int, actor: str) -> None:
        one, into = self.newest_alert(pick), self.newest_alert(other)
        if one is not None and into is not None:
            self.attempt(lambda: desk.merge(self.book, one, into, actor, self.world.now))

    @rule(pick=PICK, actor=ACTORS)
    def somebody_splits(self, pick: int, actor: str) -> None:
        merged = [one.id for one in self.book.by_id.values() if one.part_of is not None]
        if merged:
            self.attempt(lambda: desk.split(self.book, newest(merged, pick), actor, self.world.now))
