"""Programs that are told by a webhook: CloudEvents 1.0 in JSON over HTTPS, signed as Standard Webhooks does.

The event is the notification, its `id` the notification's: a receiver that has seen it ignores it the second time, so
sending again after a timeout does no harm. docs/channels.md shows how a receiver checks the signature.
"""

from __future__ import annotations

import base64
import binascii
import email.utils
import hashlib
import hmac
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import IO

from alerts.channels.choice import WEBHOOK
from alerts.channels.port import ChannelError, Link, Receipt, Trouble
from alerts.errors import AlertError
from alerts.model import Notification
from alerts.people import Medium
from registry.instants import SECOND, to_datetime

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
EVENT_TYPE = "org.shouwang.notification.v1"
TIMEOUT_SECONDS = 10.0
_PREFIX = "whsec_"
_LONGEST_WAIT = 3600
"""The longest `Retry-After` that is heeded, seconds: an alert does not wait a day."""


class WebhookSecretError(AlertError):
    """The secret that webhooks are signed with is none."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """What is signed for one address is not handed to another."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: object, newurl: str
    ) -> None:
        """Follow nothing; the answer counts as it is."""


class WebhookChannel:
    """Posts notifications to https:// addresses; where there are signed links, each holds one to answer it by."""

    name = WEBHOOK
    media = frozenset({Medium.MESSAGE})

    def __init__(
        self,
        secret: str,
        source: str,
        link: Link | None = None,
        timeout: float = TIMEOUT_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`secret` is `whsec_` and base64, `source` the URL of this service, `timeout` seconds.

        Raises:
            WebhookSecretError: the secret is too short or no base64.
        """
        self._key = signing_key(secret)
        self._source = source
        self._link = link
        self._timeout = timeout
        https = urllib.request.HTTPSHandler(context=tls or ssl.create_default_context())
        self._opener = urllib.request.build_opener(https, _NoRedirects)

    def send(self, notification: Notification, now: int) -> Receipt:
        """Post one notification.

        Raises:
            ChannelError: 404 and an unknown host are a wrong address, 410 an unsubscription, 408, 425, 429 and 5xx
                come later, a timeout may have arrived; anything else is refused.
        """
        body = event(notification, self._source, None if self._link is None else self._link(notification.id, now))
        headers = sign(self._key, str(notification.id), now // SECOND, body)
        request = urllib.request.Request(  # noqa: S310 - the registry takes no address but https://
            notification.address,
            data=body,
            method="POST",
            headers={
                "Content-Type": "application/cloudevents+json; charset=utf-8",
                "User-Agent": "shouwang",
                **headers,
            },
        )
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                return Receipt(answer.headers.get("X-Request-Id", "")[:200])
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(error.code, error.headers.get("Retry-After"), now) from None
        except TimeoutError:
            raise ChannelError("the receiver did not answer in time", trouble=Trouble.UNKNOWN) from None
        except urllib.error.URLError as error:
            raise _unreachable(error.reason) from None
        except OSError as error:  # while reading the answer
            raise ChannelError(f"the connection broke: {type(error).__name__}", trouble=Trouble.UNKNOWN) from None


def signing_key(secret: str) -> bytes:
    """Return the key in a secret.

    Raises:
        WebhookSecretError: it holds less than 24 bytes, or is no base64.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < 24:
        raise WebhookSecretError(
            "the webhook secret must be 'whsec_' and the base64 of 24 to 64 random bytes; "
            'make one with: echo "whsec_$(openssl rand -base64 32)"'
        )
    return key


def event(notification: Notification, source: str, answer: str | None) -> bytes:
    """Return a notification as a CloudEvent 1.0 in JSON; `answer` is the link by which it can be answered.

    The address it goes to is not in it.
    """
    made = {
        "specversion": "1.0",
        "id": str(notification.id),
        "type": EVENT_TYPE,
        "source": source,
        "subject": str(notification.alert),
        "time": to_datetime(notification.created_at).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {
            "alert": str(notification.alert),
            "step": notification.step,
            "person": notification.person,
            "role": notification.role.value,
            "language": notification.language,
            "text": notification.text,
            "answer": answer,
        },
    }
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()


def sign(key: bytes, message: str, at: int, body: bytes) -> Mapping[str, str]:
    """Return the headers of Standard Webhooks; `at` is seconds since 1970."""
    digest = hmac.new(key, f"{message}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": message,
        "webhook-timestamp": str(at),
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def _refused(status: int, retry_after: str | None, now: int) -> ChannelError:
    said = f"the receiver answered {status}"
    if status == 404:
        return ChannelError(f"{said}: nobody listens at this address", trouble=Trouble.BAD_ADDRESS)
    if status == 410:
        return ChannelError(f"{said}: it wants no more of these", trouble=Trouble.OPTED_OUT)
    if status in (408, 425, 429) or status >= 500:
        return ChannelError(said, _later(retry_after, now), Trouble.LATER)
    return ChannelError(said)


def _later(retry_after: str | None, now: int) -> int | None:
    """Return the instant of a `Retry-After`, which is seconds or a date; None where there is none to be understood."""
    if not retry_after:
        return None
    if retry_after.strip().isdigit():
        seconds = int(retry_after)
    else:
        try:
            then = email.utils.parsedate_to_datetime(retry_after).timestamp()
        except ValueError:
            return None
        seconds = int(then) - now // SECOND
    return now + min(seconds, _LONGEST_WAIT) * SECOND if seconds > 0 else None


def _unreachable(reason: object) -> ChannelError:
    """Say what it means that no connection came about. A name may be unknown for the moment only: nothing was sent."""
    if isinstance(reason, TimeoutError):
        return ChannelError("the receiver could not be connected to in time", trouble=Trouble.LATER)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return ChannelError(f"the receiver's certificate will not do: {reason.verify_message}", trouble=Trouble.LATER)
    return ChannelError(f"the receiver cannot be reached: {type(reason).__name__}", trouble=Trouble.LATER)
