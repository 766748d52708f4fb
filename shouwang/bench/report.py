"""What every part of `shouwang bench` hands over: figures as JSON in SI units, and as tables for people to read."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

from rich.console import RenderableType

Progress = Callable[[str], None]
"""Told in a line what is being done now."""


class Report(Protocol):
    """What one part measured. A part is a module with frozen `Options` and `run(options, progress) -> Report`."""

    def to_json(self) -> dict[str, Any]:
        """Return all figures, in SI units, with the options they were measured with."""
        ...

    def table(self) -> RenderableType:
        """Return what somebody wants to know at a glance: a table, or a `rich.console.Group` of them."""
        ...


def finite(figure: float) -> float | None:
    """Return a figure to the millisecond as JSON can write it: None where there is none, or no end to it."""
    return round(figure, 3) if math.isfinite(figure) else None


def silent(_line: str) -> None:
    """Tell nobody."""
