"""What an SMS that somebody sends us means: an answer to the newest message they got, or no more messages please."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg import Connection

from alerts import desk
from alerts.book import AlertBook
from alerts.channels.twilio import voice
from alerts.channels.twilio.channel import NAME
from alerts.channels.twilio.reference import reference_of, referred, without_reference
from alerts.ladders.policy import Policies
from alerts.life.answers import Meaning, understand
from alerts.messages.replies import REPLIES, phrase, reply_to
from alerts.people import Medium, Role
from registry.instants import to_micros
from storage import twilio
from storage.twilio import Said

_LONGEST: Final = 160
_STOP: Final = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "revoke", "退订", "td"})
_START: Final = frozenset({"start", "unstop", "yes"})
"""https://help.twilio.com/articles/223134027. Twilio itself keeps to them whether we do or not, and tells what it made
of an SMS (`OptOutType`) only where Advanced Opt-Out is set up. Its third word, HELP, is not for us to swallow."""
_STRANGERS_WAIT: Final = timedelta(hours=1)


def received(
    conn: Connection, book: AlertBook, policies: Policies, phone: str, text: str, opt_out: str | None, at: datetime
) -> tuple[str, Said]:
    """Take an SMS from a number; return what it was and the answer to it.

    It was an `answer`, `stop`, `start`, `unasked` from somebody of a household whom nothing was sent to, or a
    `stranger`.

    It answers the message whose reference it names, or else the newest one of an alert that is open, or else the newest
    of all. An SMS that was not understood is not written back to: the ladder asks again, and machines do not stop.
    Help that somebody of a household asks for is never without an alert, whatever they were sent or not.
    """
    wish = _wish(text, opt_out)
    now = to_micros(at)
    if wish is not None:
        for person in twilio.people(conn, phone):
            if wish == "stop":
                book.forbid(person, (NAME, Medium.SMS), now)
            else:
                book.allow(person, (NAME, Medium.SMS))
        return wish, Said(voice.message(), None, phone, wish)
    meant = _meant(twilio.answerable(conn, phone, NAME), referred(text))
    said = without_reference(text)[:_LONGEST]
    if meant is not None:
        return "answer", _answered(book, meant, phone, said, now)
    homes = twilio.at_home(conn, phone)
    if homes and understand(said, Role.RESIDENT) is Meaning.HELP:
        for one in homes:
            desk.ask_for_help(book, one.household, one.person, said, policies, now)
        return "unasked", Said(voice.message(phrase("help", homes[0].language)), None, phone, said)
    reply = phrase("unasked", homes[0].language) if homes else " ".join(REPLIES["stranger"].values())
    told = twilio.stranger_told(conn, phone, at - _STRANGERS_WAIT)
    return "unasked" if homes else "stranger", Said("" if told else voice.message(reply), None, phone)


def _answered(book: AlertBook, meant: UUID, phone: str, said: str, now: int) -> Said:
    meaning = desk.answer_to(book, meant, said, now)
    notification = book.notification(meant)
    alert = None if notification is None else book.find(notification.alert)
    if notification is None or alert is None or meaning is Meaning.UNCLEAR:
        return Said(voice.message(), meant, phone, said)
    key = reply_to(meaning, notification.role, f"person:{notification.person}", alert)
    return Said(voice.message(phrase(key, notification.language)), meant, phone, said)


def _meant(candidates: list[UUID], reference: str | None) -> UUID | None:
    named = [one for one in candidates if reference_of(one) == reference]
    return next(iter(named or candidates), None)


def _wish(text: str, opt_out: str | None) -> str | None:
    """Return `stop` or `start` where an SMS is nothing else; a HELP that Twilio knows is a cry for help to us."""
    word = (opt_out or text).strip().lower()
    if word in _STOP:
        return "stop"
    return "start" if word in _START else None
