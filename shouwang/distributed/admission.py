"""What may go on to the workers: messages checked and the refused quarantined, on a connection that is made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import psycopg
import structlog

from ingest.records import Message, Reason
from ingest.validation import Validated
from shouwang.clock import Clock
from shouwang.reception import Reception
from storage import engine_state
from storage.database import blames_data
from storage.engine_state import Refused
from storage.errors import StorageError
from storage.registry import DirectoryRow

log = structlog.get_logger(__name__)

_T = TypeVar("_T")


class Admission:
    """Stands between messages and the registry. While the database is away, everything here waits and tries again.

    `connect` makes a connection; `met` is told of each device with sensors, whenever it is read; `pause` waits so many
    seconds and says whether we are told to stop, and then None is returned instead of an answer.
    """

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection],
        met: Callable[[DirectoryRow], None],
        clock: Clock,
        pause: Callable[[float], bool],
    ) -> None:
        self._connect = connect
        self._met = met
        self._clock = clock
        self._pause = pause
        self._conn: psycopg.Connection | None = None
        self._reception: Reception | None = None

    def open(self) -> None:
        """Read the registry if it was not read yet, or was changed since."""
        self._until_done(lambda _, reception: reception.read() if reception.stale else None)

    def admit(self, messages: Sequence[Message]) -> Validated | None:
        """Return what is good of messages; what is not lies in quarantine by then."""

        def work(conn: psycopg.Connection, reception: Reception) -> Validated:
            now = self._clock.now()
            validated = reception.check(messages, now)
            with conn.transaction():
                engine_state.quarantine(conn, [Refused(*refusal) for refusal in validated.refusals], now)
            return validated

        return self._until_done(work)

    def refuse(self, message: Message, why: str) -> bool:
        """Put a message into quarantine that we cannot even check; say whether that is done."""
        levels = message.topic.split("/")
        gateway = levels[1] if levels[0] == "telemetry" and len(levels) > 2 else ""
        detail = f"this message could not be processed ({why}): please report it to whoever runs this service"
        refused = Refused(gateway, message.topic, message.payload, Reason.MALFORMED, "$", detail)

        def work(conn: psycopg.Connection, _: Reception) -> bool:
            engine_state.quarantine(conn, [refused], self._clock.now())
            return True

        return self._until_done(work) is True

    def close(self) -> None:
        """Give the connection back."""
        conn, self._conn, self._reception = self._conn, None, None
        if conn is not None:
            conn.close()

    def _until_done(self, work: Callable[[psycopg.Connection, Reception], _T]) -> _T | None:
        wait = 0.2
        while True:
            try:
                if self._conn is None or self._reception is None:
                    self._conn = self._connect()
                    reception = Reception(self._conn, self._met)
                    reception.read()
                    self._reception = reception
                return work(self._conn, self._reception)
            except (psycopg.Error, StorageError) as error:
                self.close()
                if isinstance(error, psycopg.Error) and blames_data(error):
                    raise
                log.warning("the database cannot do this now; trying again", error=str(error).strip(), seconds=wait)
            if self._pause(wait):
                return None
            wait = min(10.0, 2 * wait)
