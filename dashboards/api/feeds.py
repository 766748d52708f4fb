"""`/calendars/SECRET.ics`: on-call shifts for calendar programs, which can send no token but in the address.

Only tokens of the role `calendar` are accepted here, and they are accepted nowhere else: whoever comes by such an
address learns who is on call, and nothing of any household.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path

from alerts.oncall import calendar_file
from dashboards.access import Conn
from dashboards.api.oncall import CalendarFile
from dashboards.context import Given
from dashboards.problems import not_found
from registry.instants import to_micros
from storage import tokens
from storage.views import View
from storage.views import oncall as queries

_MOST: Final = 500
"""Schedules in one calendar: a city with all its districts and streets."""


def router() -> APIRouter:
    """Return the address of calendars."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/calendars/{secret}.ics")
    def feed(secret: Annotated[str, Path(max_length=200)], conn: Conn, given: Given) -> CalendarFile:
        token = tokens.find_calendar(conn, secret)
        if token is None:
            raise not_found("calendar")
        view, now = View(conn, token.area), to_micros(given.now())
        found = queries.schedules(view, limit=_MOST)
        names = queries.names(view, found)
        title = names.get(token.person, token.person) if token.person else token.name
        until = now + calendar_file.AHEAD
        plans = [one.schedule for one in found]
        return CalendarFile(calendar_file.feed(title, plans, names, now, until, now, token.person))

    return routes
