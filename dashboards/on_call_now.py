"""Who is on call at this moment, line by line, for those who look at the board."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.oncall.calendar_file import AHEAD
from alerts.oncall.rota import now_and_next
from dashboards.words.languages import Translate, translator
from registry.instants import to_datetime, to_micros
from storage.views import View, oncall

MOST: Final = 12
"""Schedules told beside the board, the largest areas first; the page of schedules has all of them."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One line of a schedule: who stands in it, until when, and who follows. Names are None for nobody."""

    schedule: str
    area_name: str
    line: str
    first: bool
    person: str | None
    name: str | None
    until: datetime | None
    following: str | None
    zone: str


def on_call_now(view: View, now: datetime, language: str, *, most: int = MOST) -> list[Standing]:
    """Return who is on call in the reader's areas: the schedules of the largest areas, each with its lines."""
    _ = translator(language)
    found = oncall.widest(view, limit=most)
    names = oncall.names(view, found)
    standing = []
    for plan, area_name in found:
        for level in plan.levels:
            running, following = now_and_next(plan, to_micros(now), level, AHEAD)
            standing.append(
                Standing(
                    schedule=plan.id,
                    area_name=area_name,
                    line=line_name(_, level),
                    first=level == min(plan.levels),
                    person=running.person if running else None,
                    name=names.get(running.person or "", running.person) if running else None,
                    until=to_datetime(running.end) if running else None,
                    following=names.get(following.person or "", following.person) if following else None,
                    zone=plan.zone,
                )
            )
    return standing


def line_name(_: Translate, level: int) -> str:
    """Return what a line of a schedule is called."""
    return {1: _("First line"), 2: _("Second line")}.get(level) or _("Line {n}").format(n=level)
