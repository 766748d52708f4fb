"""The detection lab behind the pages: experiments as processes of their own, which cannot hold up the web server."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import structlog

from dashboards.experiment import Busy, Experiment, Result, Trial
from shouwang.experimenting import ASKED, ERROR, PROGRESS, RECORDING, RESULT, RULES, Order

log = structlog.get_logger(__name__)

LIMIT: Final = 240
"""Seconds an experiment may take: a year of a dozen homes takes a small part of it."""
AT_ONCE: Final = 2
"""Experiments at work at a time; they are nice to everything else, but memory has no such manners."""
KEPT: Final = 50
"""Finished experiments that are remembered, the latest."""


@dataclass(slots=True)
class _Running:
    experiment: Experiment
    folder: Path
    process: subprocess.Popen[bytes]


class Laboratory:
    """Carries out experiments on a database; one at a time for each asker, few altogether."""

    def __init__(self, database: str, *, limit: int = LIMIT, at_once: int = AT_ONCE) -> None:
        self._database = database
        self._limit = limit
        self._at_once = at_once
        self._of: dict[str, _Running] = {}
        self._lock = threading.Lock()
        weakref.finalize(self, _leave, self._of)  # at the latest when the web server ends

    def begin(self, asker: str, experiment: Experiment, recording: BinaryIO | None = None) -> None:
        """Begin an experiment in a process of its own; what the asker tried before is forgotten.

        Raises:
            Busy: the asker's last one is still at work, or as many of others as there is room for.
        """
        with self._lock:
            at_work = [one for one in self._of.values() if one.process.poll() is None]
            mine = self._of.get(asker)
            if mine is not None and mine.process.poll() is None:
                raise Busy("Your last experiment is still at work: wait for it, or stop it")
            if len(at_work) >= self._at_once:
                raise Busy("Others are trying rules now: try again in a few minutes")
            self._forget(asker)
            for oldest in [name for name, one in self._of.items() if one.process.poll() is not None][: -KEPT + 1]:
                self._forget(oldest)
            self._of[asker] = self._started(experiment, recording)

    def look(self, asker: str) -> Trial | None:
        """Return how far the asker's experiment is, None where there is none."""
        with self._lock:
            one = self._of.get(asker)
            return None if one is None else self._seen(one)

    def stop(self, asker: str) -> None:
        """End the asker's experiment and forget it."""
        with self._lock:
            self._forget(asker)

    def _started(self, experiment: Experiment, recording: BinaryIO | None) -> _Running:
        folder = Path(tempfile.mkdtemp(prefix="shouwang-lab-"))  # nobody else may look into it
        order = Order(self._database, self._limit, experiment)
        (folder / ASKED).write_bytes(msgspec.json.encode(order))
        if experiment.toml is not None:
            (folder / RULES).write_text(experiment.toml, encoding="utf-8")
        if recording is not None:
            with (folder / RECORDING).open("wb") as kept:
                shutil.copyfileobj(recording, kept)
        with (folder / "log").open("wb") as said:
            process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "shouwang.experimenting", str(folder)], stdin=subprocess.DEVNULL, stdout=said,
                stderr=said,
            )  # fmt: skip
        return _Running(experiment, folder, process)

    def _seen(self, one: _Running) -> Trial:
        code = one.process.poll()
        if code is None:
            return Trial(one.experiment, "running", self._share(one.folder))
        if code == 0:
            result = msgspec.json.decode((one.folder / RESULT).read_bytes(), type=Result)
            return Trial(one.experiment, "done", 1.0, result=result)
        return Trial(one.experiment, "failed", error=self._why(one.folder, code))

    def _why(self, folder: Path, code: int) -> str:
        if code == -signal.SIGALRM:
            return f"It took longer than {self._limit} seconds: try fewer rules, or a shorter file"
        if (folder / ERROR).exists():
            return (folder / ERROR).read_text(encoding="utf-8")
        said = (folder / "log").read_text(encoding="utf-8", errors="replace")
        log.error("an experiment of the detection lab fell over", code=code, said=said[-2000:])
        return "It fell over: the log of the web server says why"

    @staticmethod
    def _share(folder: Path) -> float:
        try:
            return float((folder / PROGRESS).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0.0

    def _forget(self, asker: str) -> None:
        one = self._of.pop(asker, None)
        if one is not None:
            _end(one)


def _leave(running: dict[str, _Running]) -> None:
    for one in running.values():
        _end(one)


def _end(one: _Running) -> None:
    one.process.kill()
    one.process.wait()
    shutil.rmtree(one.folder, ignore_errors=True)
