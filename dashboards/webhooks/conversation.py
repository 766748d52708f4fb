"""What somebody on the telephone hears, and what their key does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import structlog

from alerts import desk
from alerts.book import AlertBook
from alerts.channels.twilio import paths, voice
from alerts.life.answers import Meaning, understand
from alerts.messages.delivery import note_result
from alerts.messages.replies import keys_of, phrase, reply_to
from alerts.model import Alert, Notification, NotificationStatus, Status
from alerts.people import Role
from dashboards.problems import Refusal

_log = structlog.get_logger(__name__)

_CALMS = frozenset({Meaning.FINE, Meaning.ACKNOWLEDGE, Meaning.CLOSE})
"""What ends a ladder: a call that a machine took never does. Help and more support may be asked for by anything."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One call about one message, within the transaction of its webhook.

    `machine` says whether no person took it; None as long as answering-machine detection has not told.
    """

    book: AlertBook
    notification: Notification
    alert: Alert
    now: int
    public_url: str
    machine: Callable[[], bool | None]

    @classmethod
    def about(
        cls, book: AlertBook, notification: UUID, now: int, public_url: str, machine: Callable[[], bool | None]
    ) -> Conversation:
        """Return the call about a message, its alert locked.

        Raises:
            Refusal: (404) there is no such message here.
        """
        told = book.notification(notification)
        alert = None if told is None else book.find(told.alert)
        if told is None or alert is None:
            raise Refusal(404, "There is no such message here: check which service this Twilio number is set up for")
        return cls(book, told, alert, now, public_url.rstrip("/"), machine)

    def picked_up(self) -> str:
        """Return what is said when the call is taken."""
        if self.machine():
            return self.missed()
        note_result(self.book, self.notification.id, NotificationStatus.SENT, self.now)
        if self.alert.status is Status.CLOSED and self.notification.role is not Role.RESIDENT:
            return voice.say_and_hang_up(self._phrase("over"), self._voice)
        return self._ask(1)

    def pressed(self, key: str, turn: int, waited: int = 0) -> str:
        """Return what is said after a key, or after none ('').

        `turn` is how often the call has asked so far, `waited` how often this key has waited for the verdict on who
        took the call: what ends a ladder counts only from a person.
        """
        meaning = understand(key, self.notification.role) if key else None
        machine = self.machine()
        if machine and (meaning is None or meaning in _CALMS):
            return self.missed()
        if machine is None and meaning in _CALMS:
            return self._wait(key, turn, waited)
        if meaning is None:
            return self._ask(turn + 1) if turn < voice.READINGS else self._goodbye()
        if meaning is Meaning.UNCLEAR:
            return self._again(key, turn)
        return voice.say_and_hang_up(self._answered(key), self._voice)

    def count(self, key: str) -> None:
        """Take a key that was pressed before it was known that a person took the call; they may have hung up since."""
        if understand(key, self.notification.role) in _CALMS:
            desk.answer_to(self.book, self.notification.id, key, self.now)

    def missed(self) -> str:
        """Write down that no person took the call, and end it."""
        note_result(self.book, self.notification.id, NotificationStatus.MISSED, self.now)
        return voice.hang_up()

    def _wait(self, key: str, turn: int, waited: int) -> str:
        if waited >= voice.MOST_PAUSES:
            _log.warning("nothing told who took a call, so its key was not counted", message=str(self.notification.id))
            return self._goodbye()
        said = "" if waited else self._phrase("moment")
        address = self.public_url + paths.waiting(self.notification.id, turn, key, waited + 1)
        return voice.wait_and_ask_on(said, self._voice, address)

    def _answered(self, key: str) -> str:
        meaning = desk.answer_to(self.book, self.notification.id, key, self.now)
        after = self.book.find(self.alert.id) or self.alert
        actor = f"person:{self.notification.person}"
        return self._phrase(reply_to(meaning, self.notification.role, actor, after))

    def _again(self, key: str, turn: int) -> str:
        if turn >= voice.MOST_TURNS:
            return self._goodbye()
        if key == "*":
            return self._ask(turn + 1)
        return voice.confirm_and_ask(self._phrase("unclear"), self._text, self._voice, self._key(turn + 1))

    def _ask(self, turn: int) -> str:
        return voice.ask(self._text, self._voice, self._key(turn))

    def _goodbye(self) -> str:
        return voice.say_and_hang_up(self._phrase("no-answer"), self._voice)

    def _key(self, turn: int) -> str:
        return self.public_url + paths.key(self.notification.id, turn)

    def _phrase(self, key: str) -> str:
        return phrase(key, self.notification.language)

    @property
    def _text(self) -> str:
        if self.alert.status is Status.CLOSED:
            return self._phrase("over-resident")
        return f"{self.notification.text} {self._phrase(keys_of(self.notification.role))}"

    @property
    def _voice(self) -> voice.Voice:
        return voice.voice_of(self.notification.language)
