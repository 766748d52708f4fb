"""A street with three households, a clock that a test turns, and everybody's telephones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from alerts import desk
from alerts.book import Books
from alerts.channels.choice import ONLY_HANDSETS, Channels
from alerts.channels.handset import HandsetChannel
from alerts.channels.port import Channel
from alerts.checks.audit import audit
from alerts.escalation import STORMS, take
from alerts.ladders.policy import Policies
from alerts.ladders.policy_file import built_in
from alerts.messages.limits import Limits
from alerts.model import Alert, AlertEvent, HandsetMessage, Notification, Step, Task
from alerts.people import Medium, People, Place, Recipient, Role
from alerts.tasks.cap import Cap
from detectors.finding import Finding, Kind, Phase, Severity
from detectors.verdict import Verdict
from registry.instants import HOUR, SECOND, to_micros
from tests.alerts_rounds import deliver_due, give_up_silent, miss_calls, run_due

NOON = to_micros(datetime(2026, 3, 10, 4, 0, tzinfo=UTC))
"""Twelve o'clock in Shanghai."""

LI = Recipient("li", "李奶奶", Role.RESIDENT, "+8613800000001", "zh_CN", Medium.SMS)
SON = Recipient("son", "李明", Role.CONTACT, "+8613800000002", "zh_CN", Medium.CALL)
DAUGHTER = Recipient("daughter", "Li Hua", Role.CONTACT, "+8613800000003", "en", Medium.SMS)
WANG = Recipient("wang", "王社工", Role.CASEWORKER, "+8613800000004", "zh_CN", Medium.SMS)
ZHAO = Recipient("zhao", "赵值班", Role.DUTY_OFFICER, "+8613800000005", "zh_CN", Medium.CALL)

FARTHER = Recipient("farther", "远", Role.DUTY_OFFICER, "+8613800000009", "zh_CN", Medium.CALL)
QIAN = Recipient("qian", "钱社工", Role.CASEWORKER, "+8613800000006", "zh_CN", Medium.SMS)
SUN = Recipient("sun", "孙社工", Role.CASEWORKER, "+8613800000007", "en", Medium.SMS)
ANSWER_FOR: Mapping[str, str] = {
    "wang": "44010300", "zhao": "44010300", "qian": "44010300", "sun": "4401", "farther": "4401",
}  # fmt: skip
"""The areas that the staff answer for."""

OFFICER = "token:desk"
"""Who acts at the desk without being one of the neighbours."""

HOME = "home"
EMPTY = "nobody-known"
MUTE = "no-telephones"

PLACES: Mapping[str, Place] = {
    HOME: Place(HOME, "440103001", "Asia/Shanghai", "和平路1号"),
    EMPTY: Place(EMPTY, "990000000", "Asia/Shanghai", ""),
    MUTE: Place(MUTE, "440103001", "Asia/Shanghai", "和平路2号"),
}
NEIGHBOURS: Mapping[str, People] = {
    HOME: People((LI,), (SON, DAUGHTER), WANG, (ZHAO,), above=((FARTHER,),), colleagues=(QIAN, SUN)),
    EMPTY: People(),
    MUTE: People(
        (Recipient("old", "陈爷爷", Role.RESIDENT, None, "zh_CN", Medium.SMS),),
        (Recipient("far", "陈远", Role.CONTACT, None, "zh_CN", Medium.SMS),),
        WANG,
        (ZHAO,),
        above=((FARTHER,),),
        colleagues=(QIAN, SUN),
    ),
}


_BUILT_IN = built_in()


class Shelves(Protocol):
    """Everything a book holds, to look at."""

    def all_alerts(self) -> list[Alert]: ...
    def all_events(self, alert: UUID) -> list[AlertEvent]: ...
    def all_steps(self, alert: UUID) -> list[Step]: ...
    def all_notifications(self) -> list[Notification]: ...
    def all_tasks(self) -> list[Task]: ...
    def all_verdicts(self) -> list[Verdict]: ...
    def all_messages(self) -> list[HandsetMessage]: ...
    def awaited(self, patience: int) -> list[int]: ...


def finding(
    kind: Kind = Kind.INACTIVITY,
    *,
    household: str = HOME,
    at: int = NOON,
    onset: int | None = None,
    cleared: bool = False,
    source: str = "meter/volume",
    rule: str = "rule",
    severity: Severity = Severity.MEDIUM,
) -> Finding:
    """Return what a detector might say; by default that it began 12 h ago."""
    return Finding(
        household=household,
        kind=kind,
        rule=rule,
        source=source,
        phase=Phase.CLEARED if cleared else Phase.RAISED,
        severity=severity,
        onset=at - 12 * HOUR if onset is None else onset,
        time=at,
        score=1.0,
        facts={"window": 43200, "limit": 10.0},
    )


class World:
    """Drives alerts as the engine and the escalation loop do, one instant at a time."""

    def __init__(
        self,
        books: Books,
        shelves: Shelves,
        *,
        reads: Callable[[str, int], None],
        leaves: Callable[[str, int, int], None],
        works: Callable[[str, int, int], None] = lambda *_: None,
        now: int = NOON,
    ) -> None:
        self.books = books
        self.shelves = shelves
        self.now = now
        self.policies: Policies = _BUILT_IN
        self.cap: Cap | None = None
        self.storms = STORMS
        self.limits = Limits()
        self.choice: Channels = ONLY_HANDSETS
        self.channels: dict[str, Channel] = {"handset": HandsetChannel(books)}
        self.reads = reads
        """Gives a household a reading at an instant."""
        self.works = works
        """Announces work at a household from one instant to another."""
        self.leaves = leaves
        """Registers a household's absence from one instant to another."""

    def take(self, *findings: Finding) -> list[UUID]:
        with self.books() as book:
            return take(book, findings, self.now, self.policies, self.storms)

    def run(self) -> None:
        """Do all that is due now, and let the auditor look: nobody may be forgotten."""
        while (
            self._climbs()
            or deliver_due(self.books, self.channels, self.now, limits=self.limits)
            or miss_calls(self.books, self.now)
            or give_up_silent(self.books, self.now, self.limits)
        ):
            pass
        with self.books() as book:
            assert audit(book.watched(), self.now, 0) == []

    def _climbs(self) -> int:
        with self.books() as book:
            return run_due(book, self.now, 10, self.cap, self.choice, self.storms)

    def wait(self, duration: int) -> None:
        """Let time pass, stopping wherever something is due."""
        self.run()
        end = self.now + duration
        while self.now < end:
            self.now = min(end, self._next() or end)
            self.run()

    def alert(self) -> Alert:
        (one,) = self.shelves.all_alerts()
        return one

    def steps(self) -> list[Step]:
        return self.shelves.all_steps(self.alert().id)

    def story(self) -> list[str]:
        return [event.kind.value for event in self.shelves.all_events(self.alert().id)]

    def sent(self, since: int = 0) -> list[tuple[int, str, str]]:
        """Return (seconds since noon, person, medium) of what lies on telephones."""
        return [
            ((one.at - NOON) // SECOND, one.person, one.medium.value)
            for one in self.shelves.all_messages()
            if one.at >= since
        ]

    def last_message(self, person: str) -> HandsetMessage:
        return [one for one in self.shelves.all_messages() if one.person == person][-1]

    def answers(self, person: str, said: str) -> str:
        with self.books() as book:
            meaning = desk.answer(book, self.last_message(person).id, said, self.now)
        return meaning.value

    def _next(self) -> int | None:
        return min((due for due in self.shelves.awaited(self.limits.patience) if due > self.now), default=None)
