"""Messages in an alert book in memory: what may leave, what has left, what lies on a telephone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from alerts.channels.choice import HANDSET, Way
from alerts.model import Alert, HandsetMessage, MessageStatus, Notification, NotificationStatus
from alerts.people import Medium
from detectors.finding import Kind
from tests.alerts_shelves import Shelves

_NOT_SENT = frozenset({NotificationStatus.FAILED, NotificationStatus.CANCELLED})


def rank(alert: Alert) -> tuple[int, bool, bool]:
    """Return an alert's place in the fair order, the gravest first."""
    return (-alert.severity, alert.help_at is None, alert.kind is not Kind.SMOKE)


@dataclass
class MemoryOutbox(Shelves):
    """The part of the port that delivery and simulated telephones ask for."""

    forbidden: dict[str, set[Way]] = field(default_factory=dict)
    attempts_when_forbidden: dict[tuple[str, Way], dict[UUID, int]] = field(default_factory=dict)
    wrong: dict[tuple[str, str], str] = field(default_factory=dict)
    let_pass: dict[UUID, int] = field(default_factory=dict)

    def claim(self, now: int, lease_until: int) -> Notification | None:
        waiting = [one for one in self.queued() if one.next_attempt_at <= now]
        if not waiting:
            return None
        first = min(
            waiting, key=lambda one: (rank(self.by_id[one.alert]), one.next_attempt_at, one.created_at, one.id.int)
        )
        claimed = replace(first, attempts=first.attempts + 1, next_attempt_at=lease_until)
        self.put_notification(claimed)
        return claimed

    def put_off(self, notification: UUID, until: int) -> None:
        one = self.outbox[notification]
        self.put_notification(replace(one, attempts=one.attempts + 1, next_attempt_at=until))

    def sent_by(self, alert: UUID, step: int) -> Sequence[Notification]:
        return [one for each in self.sent_of[alert] if (one := self.outbox[each]).step == step]

    def notification(self, notification: UUID) -> Notification | None:
        return self.outbox.get(notification)

    def opted_out(self, people: Sequence[str]) -> Mapping[str, frozenset[Way]]:
        return {one: frozenset(self.forbidden[one]) for one in people if one in self.forbidden}

    def forbid(self, person: str, way: Way, now: int) -> bool:  # noqa: ARG002 - the port's own
        ways = self.forbidden.setdefault(person, set())
        if way in ways:
            return False
        ways.add(way)
        self.attempts_when_forbidden[person, way] = {one.id: one.attempts for one in self.outbox.values()}
        return True

    def allow(self, person: str, way: Way) -> bool:
        known = way in self.forbidden.get(person, set())
        self.forbidden.get(person, set()).discard(way)
        return known

    def note_wrong(self, person: str, channel: str, address: str, now: int) -> bool:  # noqa: ARG002 - the port's own
        new = self.wrong.get((person, channel)) != address
        self.wrong[person, channel] = address
        return new

    def admit(self, notification: UUID, now: int) -> None:
        self.let_pass.setdefault(notification, now)

    def admitted(self, person: str, media: Iterable[Medium], since: int) -> Sequence[int]:
        media = set(media)
        counted = [self.outbox[one] for one, at in self.let_pass.items() if at > since]
        return sorted(
            self.let_pass[one.id]
            for one in counted
            if one.person == person and one.medium in media and one.status not in _NOT_SENT
        )

    def told_of(self, alert: UUID, person: str) -> bool:
        let_pass = [self.outbox[one] for one in self.sent_of[alert] if one in self.let_pass]
        return any(one.person == person and one.status not in _NOT_SENT for one in let_pass)

    def hold_back(self, notification: UUID) -> None:
        one = self.outbox[notification]
        self.put_notification(replace(one, attempts=one.attempts - 1))

    def said_again(self, notification: Notification) -> bool:
        def words(one: Notification) -> tuple[object, ...]:
            return one.person, one.medium, one.text

        others = [self.outbox[one] for one in self.sent_of[notification.alert]]
        mine, since = words(notification), notification.created_at
        return any(one.created_at > since and words(one) == mine and one.status not in _NOT_SENT for one in others)

    def unreported(self, before: int) -> Sequence[UUID]:
        sent = [one for each in self.underway if (one := self.outbox[each]).status is NotificationStatus.SENT]
        return [one.id for one in sent if one.channel != HANDSET and (one.sent_at or 0) <= before]

    def lay(self, message: HandsetMessage) -> None:
        if message.id not in self.drawer:
            self.put_message(message)

    def message(self, message: UUID, *, wait: bool = True) -> HandsetMessage | None:  # noqa: ARG002 - nobody waits
        return self.drawer.get(message)

    def hang_up(self, message: UUID) -> bool:
        over = message in self.ringing
        if over:
            self.put_message(replace(self.drawer[message], status=MessageStatus.MISSED))
        return over

    def rung_out(self, now: int) -> Sequence[UUID]:
        return [each for each in self.ringing if (self.drawer[each].rings_until or now + 1) <= now]
