"""How the service logs: one line an event, for people or as JSON, on standard error."""

from __future__ import annotations

import logging
import sys
from typing import TextIO, cast

import structlog


class _StandardError:
    """What standard error is when a line is written: who calls a command from Python may replace it for a while."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def set_up(level: str, *, json: bool) -> None:
    """Send structlog's events and the libraries' warnings to standard error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    form = "%(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, format=form)
    # A traceback with everybody's local variables takes minutes to draw, and nothing else is done meanwhile.
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer() if json else console
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if json else structlog.dev.set_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _StandardError())),
        # Not cached: who configures anew while the process runs (a test that listens) is heard by every module.
        cache_logger_on_first_use=False,
    )
