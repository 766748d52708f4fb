"""`/oncall`: who is on call now and next, schedules, exceptions to them, and calendars in and out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from alerts.oncall import calendar_file, schedule
from alerts.oncall.rota import now_and_next, shifts
from alerts.oncall.told import hours
from dashboards.access import Conn, Officer, Scoped, Viewer
from dashboards.context import Given
from dashboards.paging import Page, Paged
from dashboards.problems import Refusal, documented, not_found
from dashboards.shapes.oncall import Holiday, Line, NewOverride, OnCall, Override, Rotation, Schedule, Shift, Taken
from dashboards.shapes.terms import Instant
from registry.instants import to_datetime, to_micros
from storage import oncall
from storage.views import View
from storage.views import oncall as queries

_LARGEST_CALENDAR: Final = 1024 * 1024
_USUAL: Final = timedelta(days=7)
_LONGEST: Final = timedelta(days=92)

Id = Annotated[str, Path(max_length=63, description="A schedule's id", examples=["wujiang"])]


class CalendarFile(Response):
    """An iCalendar file."""

    media_type = "text/calendar"


async def calendar(request: Request) -> bytes:
    """Return the calendar that was sent.

    Raises:
        Refusal: (413) it is larger than a year's shifts of anybody.
    """
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_CALENDAR:
            raise Refusal(413, "The calendar is larger than 1 MiB: send a shorter time")
    return body


def router() -> APIRouter:
    """Return the addresses of schedules."""
    routes = APIRouter(tags=["on call"])
    for some in (_reads(), _changes(), _calendars()):
        routes.include_router(some)
    return routes


def _reads() -> APIRouter:
    routes = APIRouter()

    @routes.get("/oncall", summary="Who is on call now and who is next, by schedule", responses=documented())
    def who_is_on_call(
        _who: Viewer,
        view: Scoped,
        paging: Paged,
        given: Given,
        area: Annotated[str, Query(max_length=200, description="This area and everything inside it")] = "",
    ) -> Page[OnCall]:
        found = queries.schedules(view, limit=paging.limit + 1, area=area, after=paging.after(str))
        names, now = queries.names(view, found), to_micros(given.now())
        return paging.page(found, lambda one: shown_now(one, names, now), lambda one: one.schedule.id)

    @routes.get("/oncall/schedules", summary="List schedules by id", responses=documented())
    def list_schedules(_who: Viewer, view: Scoped, paging: Paged, given: Given) -> Page[Schedule]:
        found = queries.schedules(view, limit=paging.limit + 1, after=paging.after(str))
        names, now = queries.names(view, found), to_micros(given.now())
        return paging.page(found, lambda one: _schedule(one, names, now), lambda one: one.schedule.id)

    @routes.get("/oncall/schedules/{schedule_id}", summary="One schedule", responses=documented(404))
    def get_schedule(schedule_id: Id, _who: Viewer, view: Scoped, given: Given) -> Schedule:
        found = required(view, schedule_id)
        return _schedule(found, queries.names(view, [found]), to_micros(given.now()))

    @routes.get(
        "/oncall/schedules/{schedule_id}/shifts",
        summary="The shifts of a schedule, stretches with nobody among them",
        responses=documented(404),
    )
    def list_shifts(
        schedule_id: Id,
        _who: Viewer,
        view: Scoped,
        given: Given,
        begin: Annotated[Instant | None, Query(alias="from", description="Now, if left out")] = None,
        end: Annotated[Instant | None, Query(alias="to", description="7 days after `from`, if left out")] = None,
    ) -> Page[Shift]:
        found = required(view, schedule_id)
        start = begin or given.now()
        stop = end or start + _USUAL
        if not timedelta(0) <= stop - start <= _LONGEST:
            raise Refusal(422, "query.to: write a moment after `from`, 92 days later at most")
        names, plan = queries.names(view, [found]), found.schedule
        every = [one for level in plan.levels for one in shifts(plan, to_micros(start), to_micros(stop), level)]
        every.sort(key=lambda one: (one.start, one.level))
        return Page(items=[_shift(one, names) for one in every], next=None)

    return routes


def _changes() -> APIRouter:
    routes = APIRouter()

    @routes.post(
        "/oncall/schedules/{schedule_id}/overrides",
        status_code=201,
        summary="Put somebody on call instead",
        responses=documented(404),
    )
    def add_override(schedule_id: Id, asked: NewOverride, who: Officer, view: Scoped, given: Given) -> Override:
        name, added = put(view, schedule_id, asked, who.actor, given.now())
        return _override(added, {added.person: name})

    @routes.delete(
        "/oncall/schedules/{schedule_id}/overrides/{override_id}",
        status_code=204,
        summary="Take an override back",
        responses=documented(404),
    )
    def remove_override(schedule_id: Id, override_id: UUID, _who: Officer, view: Scoped, conn: Conn) -> None:
        required(view, schedule_id)
        if not oncall.remove_override(conn, schedule_id, override_id):
            raise not_found("override")

    return routes


def _calendars() -> APIRouter:
    routes = APIRouter()

    @routes.get(
        "/oncall/{schedule_id}.ics",
        summary="The shifts of the next 90 days as iCalendar",
        response_class=CalendarFile,
        responses=documented(404),
    )
    def export(schedule_id: Id, _who: Viewer, view: Scoped, given: Given) -> CalendarFile:
        found, now = required(view, schedule_id), to_micros(given.now())
        names = queries.names(view, [found])
        return CalendarFile(calendar_file.export(found.schedule, names, now, now + calendar_file.AHEAD, now))

    @routes.post(
        "/oncall/{schedule_id}.ics",
        summary="Take the events of an iCalendar file as overrides: all or nothing",
        responses=documented(404, 413),
        openapi_extra={"requestBody": {"required": True, "content": {"text/calendar": {"schema": {"type": "string"}}}}},
    )
    def take(
        schedule_id: Id,
        who: Officer,
        view: Scoped,
        given: Given,
        body: Annotated[bytes, Depends(calendar)],
    ) -> Taken:
        with view.conn.transaction():
            found = required(view, schedule_id)
            able = {row["id"] for row in eligible(view, found)}
            read = calendar_file.read(body, found.schedule, able, "the calendar")
            oncall.put_overrides(
                view.conn, schedule_id, read.overrides, read.cancelled, who.actor, to_micros(given.now())
            )
        return Taken(taken=len(read.overrides), cancelled=len(read.cancelled), unchanged=read.unchanged)

    return routes


def required(view: View, schedule_id: str) -> queries.Named:
    """Return a schedule in scope.

    Raises:
        Refusal: (404) there is none for this caller.
    """
    found = queries.schedule(view, schedule_id)
    if found is None:
        raise not_found("schedule")
    return found


def eligible(view: View, found: queries.Named) -> list[dict[str, str]]:
    """Return who may be put on call in a schedule: staff of the caller's area, and those who are on it."""
    return queries.staff(view, limit=2000, also=queries.named_by(found.schedule))


def put(view: View, schedule_id: str, asked: NewOverride, actor: str, now: datetime) -> tuple[str, schedule.Override]:
    """Enter an override; return the person's name and what was entered.

    Raises:
        Refusal: (404) no such schedule or person in the caller's area; (422) the times or the level will not do.
    """
    found = required(view, schedule_id)
    members = {row["id"]: row["name"] for row in eligible(view, found)}
    if asked.person not in members:
        raise not_found("caseworker or duty officer")
    if asked.level not in found.schedule.levels:
        raise Refusal(422, f"body.level: this schedule has {', '.join(map(str, found.schedule.levels))}")
    start, end = (schedule.whole_minutes(to_micros(moment)) for moment in (asked.starts, asked.ends))
    if not 0 < end - start <= calendar_file.LONGEST:
        raise Refusal(422, "body.ends: write a moment after `starts`, a year later at most")
    added = schedule.Override(uuid4(), asked.person, start, end, asked.level, asked.note)
    oncall.put_overrides(view.conn, schedule_id, [added], [], actor, to_micros(now))
    return members[asked.person], added


def shown_now(found: queries.Named, names: Mapping[str, str], now: int) -> OnCall:
    """Return who is on call in a schedule now, and who is next."""
    plan = found.schedule
    lines = []
    for level in plan.levels:
        running, following = now_and_next(plan, now, level, calendar_file.AHEAD)
        lines.append(
            Line(
                level=level,
                now=_shift(running, names) if running else None,
                next=_shift(following, names) if following else None,
            )
        )
    return OnCall(
        schedule=plan.id, name=plan.name, area=plan.area, area_name=found.area_name, zone=plan.zone, levels=lines
    )


def _shift(one: schedule.Shift, names: Mapping[str, str]) -> Shift:
    return Shift(
        level=one.level,
        person=one.person,
        name=names.get(one.person or ""),
        starts=to_datetime(one.start),
        ends=to_datetime(one.end),
        cause=one.cause.value if one.cause else None,
    )


def _override(one: schedule.Override, names: Mapping[str, str]) -> Override:
    return Override(
        id=one.id,
        level=one.level,
        person=one.person,
        name=names.get(one.person),
        starts=to_datetime(one.start),
        ends=to_datetime(one.end),
        note=one.note,
    )


def _schedule(found: queries.Named, names: Mapping[str, str], now: int) -> Schedule:
    plan = found.schedule
    return Schedule(
        id=plan.id,
        name=plan.name,
        area=plan.area,
        area_name=found.area_name,
        zone=plan.zone,
        rotations=[
            Rotation(
                name=one.name,
                level=one.level,
                people=list(one.people),
                days=one.days,
                starts=one.starts,
                hand_over=f"{one.hand_over:%H:%M}",
                when=[hours(window) for window in one.when],
            )
            for one in plan.rotations
        ],
        holidays=[
            Holiday(day=one.day, name=one.name, counts_as=schedule.DAY_NAMES[one.counts_as]) for one in plan.holidays
        ],
        overrides=[_override(one, names) for one in plan.overrides if one.end > now],
    )
