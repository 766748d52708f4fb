"""Tells somebody outside that all is well: who hears nothing any more knows that something is wrong here."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

import structlog

from shouwang.errors import SettingsError

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
TIMEOUT_SECONDS = 10.0


class Heartbeat:
    """Asks for a URL every minute while all is well, and for the same with `/fail` while it is not.

    That is what healthchecks.io and its likes expect. Nobody here waits for them: each ping has a thread of its own,
    and while one is under way no other begins.
    """

    def __init__(
        self,
        url: str,
        *,
        every: float = EVERY_SECONDS,
        timeout: float = TIMEOUT_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`every` and `timeout` are seconds.

        Raises:
            SettingsError: the URL is none that can be asked for.
        """
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise SettingsError("heartbeat_url must be an address such as https://hc-ping.com/your-uuid")
        self._url = url
        self._every = every
        self._timeout = timeout
        self._monotonic = monotonic
        self._last: tuple[float, bool] | None = None
        self._under_way: threading.Thread | None = None

    def beat(self, *, well: bool) -> None:
        """Tell how it is, if it is time to or if that has changed; return at once."""
        now = self._monotonic()
        if self._last is not None and self._last[1] == well and now - self._last[0] < self._every:
            return
        if self._under_way is not None and self._under_way.is_alive():
            return
        self._last = (now, well)
        address = self._url if well else _failing(self._url)
        self._under_way = threading.Thread(target=self._ask_for, args=(address,), name="heartbeat", daemon=True)
        self._under_way.start()

    def rest(self, seconds: float) -> None:
        """Wait for the ping that is under way, at most so many seconds."""
        if self._under_way is not None:
            self._under_way.join(seconds)

    def _ask_for(self, address: str) -> None:
        try:
            with urllib.request.urlopen(address, timeout=self._timeout) as answer:  # noqa: S310 - only http(s), see above
                answer.read(1024)
        except (urllib.error.URLError, OSError, ValueError) as error:
            # The address itself is a secret: who knows it can say that all is well.
            log.warning("the heartbeat was not heard", error=type(error).__name__, host=urlsplit(address).hostname)


def _failing(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/fail"))
