"""SMS: what the API takes, what becomes of it, and what people send back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from simulators.twilio.problems import RefusedError
from simulators.twilio.resources import API, Message, segments
from simulators.twilio.script import Reception
from simulators.twilio.twiml import Reply, TwimlError, parse

if TYPE_CHECKING:
    from simulators.twilio.exchange import Exchange

_TO_SEND = 1.0
_LONGEST = 1600
_STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
_START = frozenset({"START", "YES", "UNSTOP"})


def take(exchange: Exchange, form: Mapping[str, list[str]]) -> tuple[Message, Reception]:
    """Return a message as it was asked for, and what will become of it.

    Raises:
        RefusedError: it cannot be sent.
    """
    to, body = _field(form, "To"), _field(form, "Body")
    sender, service = _field(form, "From"), _field(form, "MessagingServiceSid")
    callback = _field(form, "StatusCallback")
    if not to:
        raise RefusedError(21604)
    if not sender and not service:
        raise RefusedError(21603)
    if sender and not exchange.owns(sender):
        raise RefusedError(21606, sender)
    if not body and not _field(form, "MediaUrl") and not _field(form, "ContentSid"):
        raise RefusedError(21602)
    if len(body) > _LONGEST:
        raise RefusedError(21617)
    if callback and not is_web_address(callback):
        raise RefusedError(21609, callback)
    refuse_number(exchange, to)
    if exchange.telephone(to).opted_out:
        raise RefusedError(21610)
    reception = exchange.reception(to)
    if reception.refused is not None:
        raise RefusedError(reception.refused, to)
    return (
        Message(
            sid=exchange.sid("SM"),
            account=exchange.account,
            sender=sender or None,
            to=to,
            body=body,
            created=exchange.now,
            service=service or None,
            status="accepted" if service else "queued",
            callback=callback or None,
        ),
        reception,
    )


def deliver(exchange: Exchange, message: Message, reception: Reception) -> Iterator[float]:
    """Let a message travel as its number's script says."""
    yield _TO_SEND
    if message.status == "canceled":
        return
    message.sender = message.sender or "+15005550006"
    if reception.fate != "failed":
        message.sent = exchange.now
        _becomes(exchange, message, "sent", last=reception.fate == "sent")
        if reception.fate == "sent":
            return
        yield reception.after
    if reception.fate != "delivered":
        message.error = reception.error
    _becomes(exchange, message, reception.fate, last=True)
    if reception.fate == "delivered" and reception.reply is not None:
        yield reception.reply_after
        receive(exchange, message.to, reception.reply, message.sender)


def receive(exchange: Exchange, sender: str, body: str, to: str) -> None:
    """Take an SMS from somebody to one of the account's numbers, tell the service, and send what it says back."""
    word = body.strip().upper()
    if word in _STOP | _START:
        exchange.opt(sender, out=word in _STOP)
    message = Message(
        exchange.sid("SM"), exchange.account, sender, to, body, exchange.now,
        direction="inbound", status="received", sent=exchange.now,
    )  # fmt: skip
    exchange.messages[message.sid] = message
    if exchange.sms_url is None:
        return
    form = {
        "ToCountry": "", "ToState": "", "ToCity": "", "ToZip": "",
        "FromCountry": "", "FromState": "", "FromCity": "", "FromZip": "",
        "SmsMessageSid": message.sid,
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "AccountSid": exchange.account,
        "SmsStatus": "received",
        "From": sender,
        "To": to,
        "Body": body,
        "NumMedia": "0",
        "NumSegments": str(segments(body)),
        "ApiVersion": API,
    }  # fmt: skip
    answer = exchange.ask(exchange.sms_url, "POST", form)
    if answer is not None and answer.text.strip() and "xml" in answer.kind:
        _send_back(exchange, message, answer.text)


def _send_back(exchange: Exchange, received: Message, document: str) -> None:
    try:
        verbs = parse(document)
    except TwimlError as error:
        exchange.debugger.append((error.code, str(error)))
        return
    for reply in verbs:
        if isinstance(reply, Reply) and received.sender is not None:
            to = reply.to or received.sender
            back = Message(
                exchange.sid("SM"), exchange.account, received.to, to, reply.text, exchange.now,
                direction="outbound-reply",
            )  # fmt: skip
            exchange.messages[back.sid] = back
            exchange.begin(deliver(exchange, back, Reception()))


def refuse_number(exchange: Exchange, to: str) -> None:
    """Refuse a number that is none.

    Raises:
        RefusedError: 21211.
    """
    digits = to[1:]
    written = to.startswith("+") and digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15
    if not written or not exchange.telephone(to).exists:
        raise RefusedError(21211, to)


def is_web_address(url: str) -> bool:
    """Say whether Twilio could ask there."""
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _becomes(exchange: Exchange, message: Message, status: str, *, last: bool) -> None:
    message.status = status
    message.updated = exchange.now
    if message.callback is None:
        return
    form = {
        "AccountSid": exchange.account,
        "ApiVersion": API,
        "From": message.sender or "",
        "To": message.to,
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "MessageStatus": status,
        "SmsStatus": status,
    }
    if message.service is not None:
        form["MessagingServiceSid"] = message.service
    if message.error is not None:
        form["ErrorCode"] = str(message.error)
    exchange.tell(message.callback, "POST", form, last=last)


def _field(form: Mapping[str, list[str]], name: str) -> str:
    return form.get(name, [""])[-1]
