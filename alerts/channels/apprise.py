"""Messengers and e-mail through Apprise: WeCom, DingTalk, Feishu, mail and a hundred more, one URL each.

The URL is somebody's `address` in the registry and holds passwords and keys: it is neither logged nor part of an error.
Apprise tells of failures in its log only, so what a service answered is read from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import apprise

from alerts.channels.port import ChannelError, Link, Receipt, Trouble
from alerts.model import Notification
from alerts.people import Medium

TIMEOUT_SECONDS = 20.0
"""For the whole of it; a connection and an answer have 4 s each by Apprise's own defaults (`cto`, `rto` in the URL)."""

_TITLES = {"zh": "守望", "en": "Shouwang"}
_ANSWERED = re.compile(r"error=(\d{3})\b")
_NO_LONGER_VALID = frozenset({401, 403, 404, 410})
_BUSY = frozenset({408, 425, 429})


class AppriseChannel:
    """Delivers to Apprise URLs. It takes no answers itself: where there are signed links, each message ends with one.

    Its services cannot be asked what they have sent, so after a timeout a message may come twice: better than never.
    """

    name = "apprise"
    media = frozenset({Medium.MESSAGE})

    def __init__(self, link: Link | None = None, timeout: float = TIMEOUT_SECONDS) -> None:
        """`link` makes what a message ends with, `timeout` is in seconds."""
        self._link = link
        self._timeout = timeout
        apprise.logger.propagate = False  # it names keys; what it says is read where it is captured
        # Nothing is kept on disk, nothing is loaded from it; no pictures, no styling of our text.
        self._asset = apprise.AppriseAsset(
            storage_mode=apprise.PersistentStoreMode.MEMORY, secure_logging=True, image_url_mask="", app_id="Shouwang"
        )

    def send(self, notification: Notification, now: int) -> Receipt:
        """Send one message.

        Raises:
            ChannelError: an address that is none, or that its service does not know any more, is wrong; a service that
                is busy or falls over comes later; a timeout, or a connection that broke, may have gone out.
        """
        service = apprise.Apprise(asset=self._asset)
        if not service.add(notification.address):
            why = f"{scheme(notification.address)} with what follows is no address that Apprise knows"
            raise ChannelError(why, trouble=Trouble.BAD_ADDRESS)
        title = _TITLES["zh" if notification.language.lower().startswith(("zh", "yue")) else "en"]
        body = notification.text if self._link is None else f"{notification.text}\n{self._link(notification.id, now)}"
        result = service.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT, timeout=self._timeout)
        with result:
            if result:
                return Receipt()
            late = result.status is apprise.AppriseResultStatus.TIMEOUT
            raise _failed(scheme(notification.address), [entry.message for entry in result.logs()], late=late)


def scheme(address: str) -> str:
    """Return what of an address may be shown: what it begins with, such as `wecombot://`."""
    before, found, _ = address.partition("://")
    return f"{before}://" if found and len(before) <= 20 and before.isalnum() else "an address"


def _failed(where: str, said: Iterable[str], *, late: bool) -> ChannelError:
    """Read from Apprise's log what went wrong; none of it is passed on, for it may name keys or people."""
    if late:
        return ChannelError(f"{where} did not answer in time", trouble=Trouble.UNKNOWN)
    lines = list(said)
    statuses = [int(number) for line in lines for number in _ANSWERED.findall(line)]
    if statuses:
        status = statuses[-1]
        why = f"{where} answered {status}"
        if status in _NO_LONGER_VALID:
            return ChannelError(why, trouble=Trouble.BAD_ADDRESS)
        return ChannelError(why, trouble=Trouble.LATER if status in _BUSY or status >= 500 else Trouble.REFUSED)
    if any("onnection error" in line for line in lines):
        return ChannelError(f"the connection to {where} broke or did not come about", trouble=Trouble.UNKNOWN)
    return ChannelError(f"{where} took it not", trouble=Trouble.REFUSED)
