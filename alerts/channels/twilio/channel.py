"""Sends SMS and places calls through Twilio's REST API, by its own SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from alerts.channels.port import ChannelError, Receipt, Trouble
from alerts.channels.twilio import paths
from alerts.channels.twilio.faults import told, trouble_of
from alerts.channels.twilio.reference import reference_of
from alerts.model import Notification
from alerts.people import Medium
from registry.instants import SECOND

NAME: Final = "twilio"
RINGS_SECONDS: Final = 30
"""How long a call rings before it is missed: most voice mail answers later."""
TIMEOUT_SECONDS: Final = 10.0
"""How long a request may take: well within the lease on a message, so that no other process sends it meanwhile."""
_NEWEST: Final = 50
"""How many of the newest messages to a number are searched for one whose sending got no answer."""
_LONGEST: Final = 1600
"""Characters of an SMS that Twilio takes (error 21617)."""
_SERVICE: Final = "MG"
"""How the id of a messaging service begins, which can stand where a number sends from."""
_UNDER_WAY: Final = frozenset({"queued", "initiated", "ringing", "in-progress"})
_LOOK_AGAIN: Final = 60 * SECOND
"""After a call of which nobody knows: by then it has rung out, or its webhooks have told of it."""

Link = Callable[[UUID, int], str]
"""Makes the link by which a message is answered, from its id and the present (microseconds UTC)."""


class TwilioChannel:
    """One Twilio account, sending from one number.

    Twilio takes no idempotency key. So whenever a message may have gone out already, it is looked up before it is sent
    again: an SMS by the short reference at its end; a call by whether one to that number is under way, and beyond that
    by its own webhooks, which mark it as sent as soon as it exists.
    """

    name = NAME
    media = frozenset({Medium.SMS, Medium.CALL})

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        sender: str,
        caller_id: str | None,
        public_url: str,
        link: Link | None = None,
        base_url: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        """`link` makes what an SMS ends with where replies do not arrive; `base_url` is another API than Twilio's.

        `sender` is E.164 or a messaging service, `caller_id` E.164; calls come from `sender` where there is none.
        Twilio's webhooks go to paths below `public_url`. `timeout` is in seconds, for each request.
        """
        # No `max_retries`: a POST that is repeated by the transport is a second SMS.
        self._client = Client(account_sid, auth_token, http_client=TwilioHttpClient(timeout=timeout))
        if base_url is not None:
            self._client.api.base_url = base_url.rstrip("/")
        self._sender = sender
        self._caller_id = caller_id or sender
        self._public_url = public_url.rstrip("/")
        self._link = link

    def send(self, notification: Notification, now: int) -> Receipt:
        """Hand an SMS or a call to Twilio; what becomes of it, its webhooks tell.

        Raises:
            ChannelError: it was not taken, or nobody knows whether it was.
        """
        with _explained():
            if notification.medium is Medium.CALL:
                return self._call(notification, now)
            return self._text(notification, now)

    def body_of(self, notification: Notification, now: int) -> str:
        """Return the text as it is sent: the message, the link that answers it, its reference, which are never cut."""
        link = f"{self._link(notification.id, now)} " if self._link else ""
        ending = f" {link}{reference_of(notification.id)}"
        return notification.text[: _LONGEST - len(ending)] + ending

    def _text(self, notification: Notification, now: int) -> Receipt:
        if notification.attempts > 1 and (sid := self._sent_before(notification)):
            return Receipt(sid, final=False)
        by = {"messaging_service_sid" if self._sender.startswith(_SERVICE) else "from_": self._sender}
        sent = self._client.messages.create(
            **by,
            to=notification.phone,
            body=self.body_of(notification, now),
            status_callback=self._public_url + paths.status(notification.id),
        )
        return Receipt(str(sent.sid), final=False)

    def _sent_before(self, notification: Notification) -> str | None:
        # Not narrowed down by date: Twilio's filter is for the date of sending, which a queued message has not got.
        reference = reference_of(notification.id)
        for message in self._client.messages.list(to=notification.phone, limit=_NEWEST, page_size=_NEWEST):
            if (message.body or "").endswith(reference) and message.status != "failed":
                return str(message.sid)
        return None

    def _call(self, notification: Notification, now: int) -> Receipt:
        if notification.attempts > 1 and self._rings_already(notification.phone):
            why = f"a call to {notification.phone} is under way, perhaps this one; looking again when it is over"
            raise ChannelError(why, now + _LOOK_AGAIN, Trouble.UNKNOWN)
        # Detection runs beside the call: made to wait for it, people hear silence for seconds and hang up. Only the
        # end of the call is asked for (Twilio's default): the verdict and every key come by webhooks of their own.
        placed = self._client.calls.create(
            to=notification.phone,
            from_=self._caller_id,
            url=self._public_url + paths.voice(notification.id),
            status_callback=self._public_url + paths.status(notification.id),
            machine_detection="Enable",
            async_amd="true",
            async_amd_status_callback=self._public_url + paths.machine(notification.id),
            timeout=RINGS_SECONDS,
        )
        return Receipt(str(placed.sid), final=False)

    def _rings_already(self, phone: str) -> bool:
        calls: list[Any] = self._client.calls.list(to=phone, limit=_NEWEST, page_size=_NEWEST)
        return any(call.status in _UNDER_WAY for call in calls)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn whatever the SDK raises into what it means for the message."""
    try:
        yield
    except TwilioRestException as error:
        raise ChannelError(told(error.code, error.msg), None, trouble_of(error.code, error.status)) from error
    except requests.ConnectTimeout as error:
        raise ChannelError("Twilio cannot be reached; it is tried again", None, Trouble.LATER) from error
    except requests.RequestException as error:
        why = f"Twilio did not answer ({type(error).__name__}); it is looked up before it is sent again"
        raise ChannelError(why, None, Trouble.UNKNOWN) from error
    except TwilioException as error:  # an answer that is none, such as a proxy's page
        why = f"Twilio's answer cannot be read ({error}); it is looked up before it is sent again"
        raise ChannelError(why, None, Trouble.UNKNOWN) from error
