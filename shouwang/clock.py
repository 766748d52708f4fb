"""The engine's clock: the real one, or a town's, which runs faster. Everything else is told what time it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from registry.instants import to_micros


class Clock(Protocol):
    """What time it is for the engine, and how fast that time runs."""

    kind: str
    speed: float

    def now(self) -> datetime:
        """Return the present as an aware datetime in UTC."""
        ...


class LiveClock:
    """The real time."""

    kind = "live"
    speed = 1.0

    def now(self) -> datetime:
        """Return the present in UTC."""
        return datetime.now(UTC)


class StreamClock:
    """The time as a stream of readings tells it; it never goes back."""

    kind = "live"
    speed = 1.0

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the newest time that was heard, UTC."""
        return self._now

    def hear(self, at: datetime) -> None:
        """Take a time as the stream says it."""
        self._now = max(self._now, at)


class TownClock:
    """A clock that stands at `start` until it is told to begin, then runs `speed` times as fast as the real one.

    It never goes back: what is prepared before it begins takes no time in the town.
    """

    kind = "town"

    def __init__(self, start: datetime, speed: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.speed = speed
        self._start = start
        self._monotonic = monotonic
        self._zero: float | None = None

    def now(self) -> datetime:
        """Return the town's present in UTC."""
        if self._zero is None:
            return self._start
        return self._start + timedelta(seconds=(self._monotonic() - self._zero) * self.speed)

    def begin(self) -> None:
        """Let time pass from now on; a clock that runs already runs on."""
        if self._zero is None:
            self._zero = self._monotonic()


def micros(clock: Clock) -> int:
    """Return the present in microseconds since 1970, as columns hold it."""
    return to_micros(clock.now())
