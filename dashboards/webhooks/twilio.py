"""`/webhooks/twilio/…`: calls that were taken and the keys pressed, what became of messages, and SMS that come in.

Twilio tells things late, twice and in any order. Each webhook is kept under its provider's id and what it tells
(`twilio_event`), in the transaction of whatever it changes: the second time changes nothing and gets the first answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

import structlog
from fastapi import APIRouter
from psycopg import Connection
from starlette.responses import Response

from alerts.channels.port import Trouble
from alerts.channels.twilio import paths
from alerts.channels.twilio.faults import told, trouble_of, trouble_of_call
from alerts.messages.delivery import note_result
from alerts.model import NotificationStatus
from dashboards.access import Conn
from dashboards.context import Context, Given
from dashboards.webhooks.conversation import Conversation
from dashboards.webhooks.fields import Counted, Fields, Signed, WebhookMetrics, number, required
from dashboards.webhooks.texts import received
from registry.instants import to_micros
from storage import twilio
from storage.twilio import Said

_XML: Final = "text/xml; charset=utf-8"
_SMS: Final = {
    "sent": NotificationStatus.SENT,
    "delivered": NotificationStatus.DELIVERED,
    "read": NotificationStatus.DELIVERED,
    "undelivered": NotificationStatus.FAILED,
    "failed": NotificationStatus.FAILED,
    "canceled": NotificationStatus.FAILED,
}
_CALLS: Final = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})
"""How a call can end. A call that was answered by a key stays answered, whatever comes later."""

_log = structlog.get_logger(__name__)


def router() -> APIRouter:
    """Return the addresses that Twilio posts to; paths as `alerts.channels.twilio.paths` names them."""
    routes = APIRouter(include_in_schema=False)
    _calls(routes)
    _messages(routes)
    return routes


def _calls(routes: APIRouter) -> None:
    @routes.post(f"{paths.VOICE}/{{notification}}")
    def picked_up(notification: UUID, fields: Signed, conn: Conn, given: Given, counted: Counted) -> Response:
        call, by = required(fields, "CallSid"), fields.get("AnsweredBy", "")

        def take() -> Said:
            talk = _conversation(conn, given, notification, call, by)
            return Said(talk.picked_up(), notification, said=by)

        return _once(conn, given, counted, call, "voice", take)

    @routes.post(f"{paths.VOICE}/{{notification}}/key")
    def pressed(
        notification: UUID,
        turn: int,
        fields: Signed,
        conn: Conn,
        given: Given,
        counted: Counted,
        pressed: str = "",
        waited: int = 0,
    ) -> Response:
        call, key = required(fields, "CallSid"), fields.get("Digits", "") or pressed

        def take() -> Said:
            talk = _conversation(conn, given, notification, call, fields.get("AnsweredBy", ""))
            return Said(talk.pressed(key, turn, waited), notification, said=key)

        return _once(conn, given, counted, call, f"key {turn}" + (f" {waited}" if waited else ""), take)

    @routes.post(f"{paths.MACHINE}/{{notification}}")
    def detected(notification: UUID, fields: Signed, conn: Conn, given: Given, counted: Counted) -> Response:
        call, by = required(fields, "CallSid"), required(fields, "AnsweredBy")

        def take() -> Said:
            talk = _conversation(conn, given, notification, call, by)
            if _is_machine(by):
                talk.missed()
            else:
                talk.count(twilio.last_key(conn, call))
            return Said("", notification, said=by)

        return _once(conn, given, counted, call, "machine", take)


def _messages(routes: APIRouter) -> None:
    @routes.post(f"{paths.STATUS}/{{notification}}")
    def became(notification: UUID, fields: Signed, conn: Conn, given: Given, counted: Counted) -> Response:
        sid = required(fields, "CallSid", "MessageSid", "SmsSid")
        status = required(fields, "CallStatus", "MessageStatus", "SmsStatus")

        def take() -> Said:
            _note(conn, given, notification, status, fields)
            return Said("", notification, said=status)

        return _once(conn, given, counted, sid, f"status {status}", take)

    @routes.post(paths.INBOUND)
    def text(fields: Signed, conn: Conn, given: Given, counted: Counted) -> Response:
        sid, phone = required(fields, "MessageSid", "SmsSid"), required(fields, "From")

        def take() -> Said:
            body, opt_out = fields.get("Body", ""), fields.get("OptOutType")
            what, said = received(conn, given.book(conn), given.policies, phone, body, opt_out, given.now())
            if what == "stranger":
                counted.strangers.inc()
                _log.warning("an SMS came from a number that nothing was sent to", sid=sid)
            return said

        return _once(conn, given, counted, sid, "inbound", take)


def _once(
    conn: Connection, given: Context, counted: WebhookMetrics, sid: str, what: str, take: Callable[[], Said]
) -> Response:
    """Do what a webhook asks for, or answer it as the first time."""
    with conn.transaction():
        before = twilio.first_answer(conn, sid, what, given.now())
        if before is not None:
            counted.again.inc()
            return _response(before)
        said = take()
        twilio.complete(conn, sid, what, said)
    counted.taken.labels(what.partition(" ")[0]).inc()
    return _response(said.answer)


def _response(answer: str) -> Response:
    return Response(answer, 200, media_type=_XML) if answer else Response(status_code=204)


def _conversation(conn: Connection, given: Context, notification: UUID, call: str, by: str) -> Conversation:
    def machine() -> bool | None:
        told = [by] if by else []
        told += twilio.taken_by(conn, call)
        return any(_is_machine(one) for one in told) if told else None

    public_url = given.twilio.public_url if given.twilio else ""
    return Conversation.about(given.book(conn), notification, to_micros(given.now()), public_url, machine)


def _is_machine(by: str) -> bool:
    return by.startswith("machine") or by == "fax"


def _note(conn: Connection, given: Context, notification: UUID, status: str, fields: Fields) -> None:
    """Write down what became of an SMS or a call; states on the way there say nothing new."""
    code = number(fields, "ErrorCode")
    if "CallStatus" in fields:
        if status not in _CALLS:
            return
        trouble = trouble_of_call(code, number(fields, "SipResponseCode")) if status == "failed" else None
        final = NotificationStatus.MISSED if trouble is None else NotificationStatus.FAILED
        error = "" if status == "completed" else told(code, fields.get("ErrorMessage") or f"the call: {status}")
    else:
        found = _SMS.get(status)
        if found is None:
            return
        final = found
        failed = final is NotificationStatus.FAILED
        trouble = _lasting(trouble_of(code)) if failed else None
        error = told(code, fields.get("ErrorMessage") or f"the SMS: {status}") if failed else ""
    note_result(given.book(conn), notification, final, to_micros(given.now()), error, trouble, given.channels)


def _lasting(trouble: Trouble) -> Trouble:
    """Return what an SMS that was taken and then failed has: it is over, so there is no later for it."""
    return Trouble.REFUSED if trouble in (Trouble.LATER, Trouble.UNKNOWN) else trouble
