"""`/oncall`: who is on call now and next, area by area, and the week as a strip; exceptions are entered here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import ValidationError
from starlette.responses import Response

from alerts.oncall import calendar_file
from alerts.oncall.civil import instant, local
from alerts.oncall.rota import now_and_next
from alerts.oncall.schedule import Override, Rotation, Shift
from alerts.oncall.told import hours
from dashboards.access import Officer, Scoped
from dashboards.api.oncall import eligible, put, required
from dashboards.on_call_now import line_name
from dashboards.pages.frame import Form, Frame, Framed
from dashboards.pictures.duty_strip import Piece, Week, pieces, week
from dashboards.problems import Refusal, not_found
from dashboards.shapes.oncall import NewOverride
from dashboards.words import duty as duty_words
from dashboards.words.languages import CHINESE, Translate, translator
from registry.instants import to_datetime, to_micros
from storage import oncall
from storage.views import View
from storage.views import oncall as queries

_MOST: Final = 100
"""Schedules on one page; a city has one a street."""

Monday = Annotated[date | None, Query(alias="week", description="The first day of the strip")]


@dataclass(frozen=True, slots=True)
class Line:
    """One level of a schedule: who is on call, who is next, and the week's pieces."""

    level: int
    title: str
    now: Shift | None
    following: Shift | None
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class Duty:
    """One schedule as the page shows it."""

    id: str
    name: str
    area: str
    area_name: str
    zone: str
    lines: list[Line]
    week: Week
    present: float | None
    """Where now stands on the strip, in hundredths; None if it is not on it."""
    overrides: list[Override]
    turns: list[str]
    able: list[Mapping[str, str]]
    """Who may be put on call, if the reader may do that."""
    first_free: str
    """What the form proposes as beginning and end: the next full hour, and 24 h on."""
    then_free: str


def router() -> APIRouter:
    """Return the page of schedules, the piece of it that refreshes, and its forms."""
    routes = APIRouter()

    @routes.get("/oncall")
    def page(around: Framed, view: Scoped, first: Monday = None) -> Response:
        return around.page("oncall.html", **_shown(around, view, first))

    @routes.get("/parts/oncall")
    def part(around: Framed, view: Scoped, first: Monday = None) -> Response:
        return around.page("parts/oncall.html", **_shown(around, view, first))

    @routes.post("/oncall/{schedule_id}/overrides")
    def add(schedule_id: str, around: Framed, fields: Form, who: Officer, view: Scoped) -> Response:
        zone = ZoneInfo(required(view, schedule_id).schedule.zone)
        try:
            asked = NewOverride(
                person=fields.get("person", ""),
                starts=_moment(fields.get("starts", ""), zone),
                ends=_moment(fields.get("ends", ""), zone),
                level=int(fields.get("level", "1")),
                note=fields.get("note", ""),
            )
        except (ValidationError, ValueError) as error:
            raise Refusal(422, "Choose who is on call, from when and until when, then send the form again") from error
        put(view, schedule_id, asked, who.actor, around.now)
        return around.done("/oncall")

    @routes.post("/oncall/{schedule_id}/overrides/{override_id}/remove")
    def remove(schedule_id: str, override_id: UUID, around: Framed, _who: Officer, view: Scoped) -> Response:
        required(view, schedule_id)
        if not oncall.remove_override(view.conn, schedule_id, override_id):
            raise not_found("override")
        return around.done("/oncall")

    return routes


def _shown(around: Frame, view: View, first: date | None) -> dict[str, Any]:
    found = queries.schedules(view, limit=_MOST)
    names, chinese = queries.names(view, found), around.language == CHINESE
    if first is not None and not 1971 <= first.year < 2199:
        raise Refusal(422, "query.week: write a date from 1971 to 2198")
    begin = first or around.now.astimezone(ZoneInfo(around.zone)).date()
    return {
        "duties": [_duty(around, view, one, first) for one in found],
        "names": names,
        "first": first,
        "begin": begin,
        "before": begin - timedelta(days=7),
        "after": begin + timedelta(days=7),
        "day": lambda of: duty_words.day(of, chinese=chinese),
        "short_day": lambda of: duty_words.short_day(of, chinese=chinese),
        "when": lambda at, zone: duty_words.moment(local(at, ZoneInfo(zone)), chinese=chinese),
    }


def _duty(around: Frame, view: View, found: queries.Named, first: date | None) -> Duty:
    plan, now, _ = found.schedule, to_micros(around.now), translator(around.language)
    today = local(now, ZoneInfo(plan.zone))
    strip = week(first or today.date(), plan.zone)
    lines = []
    for level in plan.levels:
        running, following = now_and_next(plan, now, level, calendar_file.AHEAD)
        lines.append(Line(level, line_name(_, level), running, following, pieces(plan, level, strip)))
    hour = today.replace(minute=0, second=0, microsecond=0, fold=0, tzinfo=None) + timedelta(hours=1)
    return Duty(
        id=plan.id,
        name=plan.name,
        area=plan.area,
        area_name=found.area_name,
        zone=plan.zone,
        lines=lines,
        week=strip,
        present=strip.place(now) if strip.start <= now < strip.end else None,
        overrides=[one for one in plan.overrides if one.end > now],
        turns=[_turns(_, one) for one in plan.rotations],
        able=[*eligible(view, found)] if around.who.may("officer") else [],
        first_free=f"{hour:%Y-%m-%dT%H:%M}",
        then_free=f"{hour + timedelta(days=1):%Y-%m-%dT%H:%M}",
    )


def _turns(_: Translate, rotation: Rotation) -> str:
    """Return how turns are taken, in the reader's language; people by their ids, as files and calendars name them."""
    alone = len(set(rotation.people)) == 1
    people = ", ".join(dict.fromkeys(rotation.people))
    weeks, rest = divmod(rotation.days, 7)
    said = [(_("{people} alone") if alone else _("{people} take turns")).format(people=people)]
    if not alone and rotation.days == 0:
        said.append(_("each window is a turn"))
    elif not alone:
        units = (weeks, _("a turn is a week"), _("a turn is {n} weeks"))
        n, one, many = units if not rest else (rotation.days, _("a turn is a day"), _("a turn is {n} days"))
        said.append(one if n == 1 else many.format(n=n))
        said.append(_("handed over at {time}").format(time=f"{rotation.hand_over:%H:%M}"))
    if rotation.when:
        said.append(_("on {hours}").format(hours="; ".join(hours(window) for window in rotation.when)))
    return " · ".join(said)


def _moment(written: str, zone: ZoneInfo) -> datetime:
    """Return the moment of a local date and time as a browser sends it.

    Raises:
        ValueError: it is none.
    """
    at = datetime.fromisoformat(written)
    if at.tzinfo is not None or not 1971 <= at.year < 2199:
        raise ValueError(written)
    return to_datetime(instant(at.date(), at.time(), zone))
