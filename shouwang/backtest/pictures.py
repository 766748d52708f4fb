"""Pictures of a backtest as inline SVG: how delay falls as false alarms rise, and when households had alerts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape

from alerts.life.episodes import Episode
from detectors.finding import Kind
from registry.instants import to_datetime, to_micros
from shouwang.backtest.report import Report
from shouwang.backtest.roster import Watched
from shouwang.backtest.summary import Line, Point

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f6c00", "#6b6b6b")
"""Told apart by the colour-blind too (Okabe and Ito, Color Universal Design, 2008), darkened where needed on white."""
_KINDS = {kind: COLOURS[at % len(COLOURS)] for at, kind in enumerate(Kind)}
_WIDE, _HIGH, _LEFT, _BELOW, _ABOVE = 680, 340, 46, 40, 12


def curves(lines: Sequence[Line]) -> str:
    """Return a picture of median delay against measured false alarms, one line a rule, one dot a rule without rates."""
    points = [point for line in lines for point in line.points if _drawn(point)]
    if not points:
        return ""
    low = 10 ** math.floor(math.log10(min(point.rate for point in points)))
    high = 10 ** math.ceil(math.log10(max(*(point.rate for point in points), 1.1 * low)))
    top = 6 * math.ceil(max(point.delays.quantile(0.5) for point in points) / 6)

    def x(rate: float) -> float:
        return _LEFT + (_WIDE - _LEFT - 12) * math.log(rate / low) / math.log(high / low)

    def y(hours: float) -> float:
        return _ABOVE + (_HIGH - _ABOVE - _BELOW) * (1 - hours / top)

    parts = [
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDE - 12}" y1="{y(hour):.1f}" y2="{y(hour):.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{y(hour) + 4:.1f}" text-anchor="end">{hour}</text>'
        for hour in range(0, top + 1, 6 if top <= 36 else 12)
    ]
    parts += [
        f'<line class="grid" x1="{x(rate):.1f}" x2="{x(rate):.1f}" y1="{_ABOVE}" y2="{_HIGH - _BELOW}"/>'
        f'<text x="{x(rate):.1f}" y="{_HIGH - _BELOW + 18}" text-anchor="middle">{rate:g}</text>'
        for rate in _decades(low, high)
    ]
    parts.append(
        f'<text x="{(_LEFT + _WIDE) / 2}" y="{_HIGH - 4}" text-anchor="middle">'
        "false alarms a household-year, measured</text>"
    )
    parts.append(f'<text x="4" y="{_ABOVE}" dominant-baseline="hanging" class="unit">h</text>')
    for line, colour in zip(lines, _repeated(len(lines)), strict=True):
        drawn = [point for point in line.points if _drawn(point)]
        where = [(x(point.rate), y(point.delays.quantile(0.5))) for point in drawn]
        if len(where) > 1:
            path = " ".join(f"{a:.1f},{b:.1f}" for a, b in where)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        for (a, b), point in zip(where, drawn, strict=True):
            told = f"{_name(line)}: {point.rate:.2f} a household-year, median {point.delays.quantile(0.5):.1f} h"
            size = 4 if line.fixed is None else 7
            parts.append(
                f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{size}" fill="{colour}"><title>{escape(told)}</title></circle>'
            )
    keys = "".join(
        f'<span class="key"><i style="background:{colour}"></i>{escape(_name(line))}</span>'
        for line, colour in zip(lines, _repeated(len(lines)), strict=True)
    )
    return (
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" '
        f'aria-label="Median delay against false alarms">{"".join(parts)}</svg><p class="keys">{keys}</p>'
    )


def timeline(household: str, watched: Watched, report: Report) -> str:
    """Return a picture of when a household had alerts, one row a rule set; the times of the alerts as they lasted."""
    row, left = 22, 130
    high = row * len(report.sets) + 26
    span = max(watched.span, 1)

    def x(moment: int) -> float:
        return left + (_WIDE - left - 8) * min(max((moment - watched.first) / span, 0.0), 1.0)

    parts = []
    for moment, name in _months(watched):
        parts.append(
            f'<line class="grid" x1="{x(moment):.1f}" x2="{x(moment):.1f}" y1="0" y2="{high - 20}"/>'
            f'<text x="{x(moment):.1f}" y="{high - 6}" text-anchor="middle">{name}</text>'
        )
    for at, said in enumerate(report.sets):
        middle = row * at + row / 2
        parts.append(f'<text x="0" y="{middle + 4}">{escape(said.rules[:18])}</text>')
        parts.append(f'<line class="axis" x1="{left}" x2="{_WIDE - 8}" y1="{middle}" y2="{middle}"/>')
        parts += [_mark(one, x, watched, middle) for one in said.alerts if one.household == household]
    return (
        f'<svg viewBox="0 0 {_WIDE} {high}" role="img" aria-label="Alerts of {escape(household, quote=True)}">'
        f"{''.join(parts)}</svg>"
    )


def kinds(report: Report) -> str:
    """Return the colours of the kinds of alert that there are."""
    some = sorted({one.kind for said in report.sets for one in said.alerts})
    keys = [f'<span class="key"><i style="background:{_KINDS[kind]}"></i>{kind.value}</span>' for kind in some]
    return f'<p class="keys">{"".join(keys)}</p>'


def _mark(one: Episode, x: Callable[[int], float], watched: Watched, middle: float) -> str:
    begin, end = x(one.raised_at), x(one.ended_at or watched.last)
    told = f"{one.kind.value}, {one.severity.label}: {to_datetime(one.raised_at):%Y-%m-%d %H:%M} UTC"
    return (
        f'<rect x="{begin:.1f}" y="{middle - 7}" width="{max(end - begin, 2):.1f}" height="14" rx="1" '
        f'fill="{_KINDS[one.kind]}"><title>{escape(told)}</title></rect>'
    )


def _months(watched: Watched) -> list[tuple[int, str]]:
    first, last = to_datetime(watched.first), to_datetime(watched.last)
    number = (last.year - first.year) * 12 + last.month - first.month
    step = max(1, math.ceil(number / 10))
    found = []
    for at in range(1, number + 1, step):
        turn, month = divmod(first.month - 1 + at, 12)
        begin = datetime(first.year + turn, month + 1, 1, tzinfo=UTC)
        found.append((to_micros(begin), f"{begin:%b}" if month or step > 1 else f"{begin:%Y}"))
    return found


def _decades(low: float, high: float) -> list[float]:
    found, rate = [], low
    while rate <= high * 1.001:
        found += [rate * factor for factor in (1, 3) if rate * factor <= high * 1.001]
        rate *= 10
    return found


def _drawn(point: Point) -> bool:
    return point.rate > 0 and math.isfinite(point.delays.quantile(0.5))


def _name(line: Line) -> str:
    return line.rules if line.rule is None or line.rule == line.rules else f"{line.rules}: {line.rule}"


def _repeated(number: int) -> list[str]:
    return [COLOURS[at % len(COLOURS)] for at in range(number)]
