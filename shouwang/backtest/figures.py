"""How figures are written, on a terminal and on a page."""

from __future__ import annotations

import math


def hours(value: float | None) -> str:
    """Return a delay: a dash where it was not measured, or not found within 72 h, or minutes, hours or days."""
    if value is None:
        return "–"
    if 100 <= value < math.inf:
        return f"{value / 24:.0f} d"
    if value < 1:
        return f"{60 * value:.0f} min"
    return f"{value:.1f} h" if math.isfinite(value) else "> 72 h"


def pair(median: float | None, p90: float | None) -> str:
    """Return two delays."""
    return "–" if median is None else f"{hours(median)} / {hours(p90)}"


def number(value: float | None) -> str:
    """Return a rate or a factor, a dash where there is none."""
    return "–" if value is None else f"{value:,.2f}"
