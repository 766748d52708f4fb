"""One Kafka for all processes of a test run: whoever comes first starts it, and ends it when the others have left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_SH, LOCK_UN, flock
from pathlib import Path

from tests.kafka.broker import KafkaBroker


@contextmanager
def shared_kafka(folder: Path) -> Iterator[str]:
    """Give the servers of the broker that all processes with this folder share.

    Each holds a shared lock while it uses the broker; the kernel lets it go when a process dies, however it does.
    """
    folder.mkdir(exist_ok=True)
    address = folder / "servers"
    own: KafkaBroker | None = None
    with (folder / "turn").open("a") as turn, (folder / "users").open("a") as users:
        flock(turn, LOCK_EX)
        flock(users, LOCK_SH)  # waits for one that is being ended
        if not address.exists():
            own = KafkaBroker(folder / f"kafka-{os.getpid()}")
            own.start()
            address.write_text(own.servers)
        flock(turn, LOCK_UN)
        try:
            yield address.read_text()
        finally:
            flock(users, LOCK_UN)
            if own is not None:
                flock(users, LOCK_EX)
                address.unlink()
                own.kill()
