"""What the provider sends to the service: signed requests, late, twice or in the wrong order where a script says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from simulators.twilio.script import Callbacks
from simulators.twilio.signature import sign

_HOLD = 60.0
"""How long news that is not the last waits where callbacks are reordered, in seconds."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One request to the service; `url` has its query, `body` is a form, empty for GET."""

    method: str
    url: str
    body: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service said to it."""

    status: int
    kind: str
    text: str


class Carrier(Protocol):
    """Whatever carries a letter to where it goes."""

    def __call__(self, letter: Letter) -> Answer:
        """Carry it.

        Raises:
            OSError: nobody is there.
        """
        ...


@dataclass(frozen=True, slots=True)
class Posted:
    """A request that was made, and its status; None where nobody was there."""

    at: int
    method: str
    url: str
    form: Mapping[str, str]
    signature: str
    status: int | None


class PostOffice:
    """Signs, sends and remembers."""

    def __init__(self, auth_token: str, carrier: Carrier, callbacks: Callbacks) -> None:
        self._auth_token = auth_token
        self._carrier = carrier
        self.callbacks = callbacks
        self.posted: list[Posted] = []

    def ask(self, url: str, method: str, form: Mapping[str, str], token: str, now: int) -> Answer | None:
        """Send a form at once and return the answer; None where nobody was there.

        `token` names the request; Twilio sends the same again when it repeats one.
        """
        url, _, _ = url.partition("#")
        body = urlencode(form)
        if method == "GET":
            url, signed, body = f"{url}{'&' if '?' in url else '?'}{body}", {}, ""
        else:
            signed = dict(form)
        signature = sign(self._auth_token, url, signed)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "Accept": "*/*",
            "User-Agent": "TwilioProxy/1.1",
            "I-Twilio-Idempotency-Token": token,
            "X-Twilio-Signature": signature,
        }
        try:
            answer = self._carrier(Letter(method, url, body, headers))
        except OSError:
            answer = None
        self.posted.append(Posted(now, method, url, dict(form), signature, None if answer is None else answer.status))
        return answer

    def tell(
        self, tell_later: Callable[[float, Callable[[], None]], None], send: Callable[[], None], *, last: bool
    ) -> None:
        """Send news as the script has them travel; `last` is whether no more will follow."""
        wait = self.callbacks.delay + (_HOLD if self.callbacks.reordered and not last else 0.0)
        for copy in range(self.callbacks.copies):
            if wait or copy:
                tell_later(wait + copy, send)
            else:
                send()
