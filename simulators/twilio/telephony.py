"""Calls: what the API takes, how a telephone rings, and what is said when it is answered."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from registry.instants import SECOND
from simulators.twilio.problems import RefusedError
from simulators.twilio.resources import API, Call, date
from simulators.twilio.script import Pickup
from simulators.twilio.texting import is_web_address, refuse_number
from simulators.twilio.twiml import Gather, Hangup, Pause, Redirect, Reply, Say, TwimlError, Verb, parse

if TYPE_CHECKING:
    from simulators.twilio.exchange import Exchange

_TO_DIAL = 0.5
_TO_RING = 1.0
_BUSY_TONE = 2.0
_TO_DETECT = 4.0
"""Until it is known whether a machine answered; nothing is said before, unless detection is asynchronous."""
_MOST_DOCUMENTS = 100
"""Documents in one call, after which it is ended: a redirect may go round in a circle."""
_LONGEST = 14_400


def take(exchange: Exchange, form: Mapping[str, list[str]]) -> tuple[Call, Pickup]:
    """Return a call as it was asked for, and what will become of it.

    Raises:
        RefusedError: it cannot be made.
    """
    to, sender = form.get("To", [""])[-1], form.get("From", [""])[-1]
    if not to:
        raise RefusedError(21201)
    if not sender:
        raise RefusedError(21213)
    if not exchange.owns(sender):
        raise RefusedError(21212, sender)
    for name in ("Url", "StatusCallback", "FallbackUrl", "AsyncAmdStatusCallback"):
        url = form.get(name, [""])[-1]
        if url and not is_web_address(url):
            raise RefusedError(21205 if name == "Url" else 21609, url)
    if not any(form.get(name, [""])[-1] for name in ("Url", "Twiml", "ApplicationSid")):
        raise RefusedError(21205)
    refuse_number(exchange, to)
    pickup = exchange.pickup(to)
    if pickup.refused is not None:
        raise RefusedError(pickup.refused, to)
    return Call(
        sid=exchange.sid("CA"),
        account=exchange.account,
        sender=sender,
        to=to,
        created=exchange.now,
        number_sid=exchange.sid("PN"),
        orders={name: list(values) for name, values in form.items()},
    ), pickup


def dial(exchange: Exchange, call: Call, pickup: Pickup) -> Iterator[float]:
    """Let a call ring, and be talked or not, as its number's script says."""
    yield _TO_DIAL
    if call.is_over():
        return
    tell_progress(exchange, call, "initiated")
    yield _TO_RING
    if call.is_over():
        return
    _becomes(exchange, call, "ringing")
    rings = float(call.order("Timeout", "60"))
    fate = "no-answer" if pickup.fate == "answered" and pickup.after >= rings else pickup.fate
    yield {"answered": pickup.after, "no-answer": rings, "busy": _BUSY_TONE, "failed": _BUSY_TONE}[fate]
    if call.is_over():
        return
    if fate != "answered":
        _end(exchange, call, fate)
        return
    yield from _talk(exchange, call, pickup)


def mark_ended(exchange: Exchange, call: Call, status: str) -> None:
    """Write down that a call is over."""
    call.ended = call.updated = exchange.now
    call.status = status


def _end(exchange: Exchange, call: Call, status: str) -> None:
    if not call.is_over():
        mark_ended(exchange, call, status)
        tell_progress(exchange, call, status)


class _HungUp(Exception):  # noqa: N818 - not an error: whoever answered has had enough
    """Whoever answered is gone."""


def _talk(exchange: Exchange, call: Call, pickup: Pickup) -> Iterator[float]:
    call.answered = exchange.now
    _becomes(exchange, call, "in-progress")
    try:
        yield from _find_out_who(exchange, call, pickup)
        yield from _Conversation(exchange, call, pickup).held()
    except _HungUp:
        pass
    _end(exchange, call, "completed")


def _find_out_who(exchange: Exchange, call: Call, pickup: Pickup) -> Iterator[float]:
    if call.order("MachineDetection") not in {"Enable", "DetectMessageEnd"}:
        return
    found = pickup.by
    if found.startswith("machine"):
        waits = call.order("MachineDetection") == "DetectMessageEnd"
        found = "machine_start" if not waits else "machine_end_beep" if found == "machine_start" else found
    if call.order("AsyncAmd") != "true":
        yield _TO_DETECT
        call.answered_by = found
        return

    def tell() -> None:
        call.answered_by = found
        url = call.order("AsyncAmdStatusCallback")
        if url:
            form = {
                "CallSid": call.sid,
                "AccountSid": call.account,
                "AnsweredBy": found,
                "MachineDetectionDuration": str(round(_TO_DETECT * 1000)),
            }
            exchange.tell(url, call.order("AsyncAmdStatusCallbackMethod", "POST"), form, last=True)

    exchange.later(_TO_DETECT, tell)


class _Conversation:
    """What is said and pressed while a call lasts."""

    def __init__(self, exchange: Exchange, call: Call, pickup: Pickup) -> None:
        self._exchange = exchange
        self._call = call
        self._keys = iter(pickup.keys)
        self._press_after = pickup.press_after
        answered = call.answered if call.answered is not None else exchange.now
        longest = min(pickup.patience, float(call.order("TimeLimit", str(_LONGEST))))
        self._until = answered + round(longest * SECOND)
        self._url = call.order("Url")
        self._documents = 0

    def held(self) -> Iterator[float]:
        """Carry out documents one after another until there is none."""
        written = self._call.order("Twiml")
        verbs = self._read(written) if written else self._fetch(self._url, self._call.order("Method", "POST"), {})
        while verbs is not None:
            verbs = yield from self._carry_out(verbs)

    def _carry_out(self, verbs: tuple[Verb, ...]) -> Generator[float, None, tuple[Verb, ...] | None]:
        """Carry out one document; return the next one, None when the call is over."""
        for verb in verbs:
            match verb:
                case Say() | Pause():
                    yield from self._wait(verb.seconds)
                case Gather():
                    pressed = yield from self._gather(verb)
                    if pressed["Digits"] or verb.even_if_empty:
                        return self._fetch(verb.action or self._url, verb.method, pressed)
                case Redirect():
                    return self._fetch(verb.url, verb.method, {})
                case Hangup():
                    return None
                case Reply():
                    self._exchange.debugger.append((12200, "Schema validation warning: <Message> in a call"))
        return None

    def _gather(self, gather: Gather) -> Generator[float, None, dict[str, str]]:
        """Return what a `<Gather>` posts of the keys that were pressed while it spoke and waited."""
        keys = next(self._keys, "")
        spoken = sum(one.seconds for one in gather.said)
        if not keys or self._press_after > spoken + gather.timeout:
            yield from self._wait(spoken + gather.timeout)
            return {"Digits": "", "FinishedOnKey": "", "msg": "Gather End"}
        yield from self._wait(self._press_after)
        digits, finished_on = keys, ""
        for key in gather.finish_on:
            before, pressed, _ = digits.partition(key)
            digits, finished_on = before, pressed or finished_on
        if gather.num_digits is not None and len(digits) >= gather.num_digits:
            digits, finished_on = digits[: gather.num_digits], ""
        elif not finished_on:
            yield from self._wait(gather.timeout)
        return {"Digits": digits, "FinishedOnKey": finished_on, "msg": "Gather End"}

    def _wait(self, seconds: float) -> Iterator[float]:
        left = (self._until - self._exchange.now) / SECOND
        yield max(0.0, min(seconds, left))
        if self._call.is_over() or seconds > left:
            raise _HungUp

    def _fetch(self, url: str, method: str, more: Mapping[str, str]) -> tuple[Verb, ...] | None:
        self._documents += 1
        if self._documents > _MOST_DOCUMENTS:
            return None
        url = urljoin(self._url, url)
        answer = self._exchange.ask(url, method, {**_about(self._call), **more})
        if answer is None and self._call.order("FallbackUrl"):
            url, method = self._call.order("FallbackUrl"), self._call.order("FallbackMethod", "POST")
            failed = {"ErrorCode": "11200", "ErrorUrl": self._url}
            answer = self._exchange.ask(url, method, {**_about(self._call), **failed})
        if answer is None:
            return None
        if "xml" not in answer.kind:
            self._exchange.debugger.append((12300, f"{url}: Invalid Content-Type: {answer.kind}"))
            return None
        self._url = url
        return self._read(answer.text)

    def _read(self, document: str) -> tuple[Verb, ...] | None:
        try:
            return parse(document)
        except TwimlError as error:
            self._exchange.debugger.append((error.code, f"{self._url}: {error}"))
            return None


def _about(call: Call) -> dict[str, str]:
    form = {
        "CallSid": call.sid,
        "AccountSid": call.account,
        "From": call.sender,
        "To": call.to,
        "Caller": call.sender,
        "Called": call.to,
        "CallStatus": call.status,
        "ApiVersion": API,
        "Direction": "outbound-api",
    }
    if call.answered_by is not None:
        form["AnsweredBy"] = call.answered_by
    return form


def _becomes(exchange: Exchange, call: Call, status: str) -> None:
    call.status = status
    call.updated = exchange.now
    tell_progress(exchange, call, status)


def tell_progress(exchange: Exchange, call: Call, status: str) -> None:
    """Tell how a call gets on, if that was asked for; without asking, only that it is over."""
    url = call.order("StatusCallback")
    event = "completed" if call.is_over() else {"in-progress": "answered"}.get(status, status)
    wanted = {word for written in call.orders.get("StatusCallbackEvent", ["completed"]) for word in written.split()}
    if not url or event not in wanted:
        return
    form = {
        **_about(call),
        "CallStatus": status,
        "Timestamp": date(exchange.now),
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(call.news),
    }
    call.news += 1
    if call.is_over():
        form |= {"CallDuration": str(call.seconds), "Duration": str(-(-call.seconds // 60))}
    if status == "failed":
        form["SipResponseCode"] = "404"
    exchange.tell(url, call.order("StatusCallbackMethod", "POST"), form, last=call.is_over())
