"""`/households`, `/households/{id}`: find a home, and all that is known of it: its people, devices, habits and past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from babel.dates import get_day_names
from fastapi import APIRouter, Query
from starlette.responses import Response

from dashboards.access import Scoped
from dashboards.api.charts import cells_of
from dashboards.pages.frame import Frame, Framed
from dashboards.pages.household_kept import kept, required
from dashboards.paging import Paged
from dashboards.pictures.week_map import WEEKS, WeekMap, week_map
from dashboards.words import households as household_words
from registry.instants import HOUR, to_micros
from storage.views import Row, View, alerts, habits
from storage.views import household as queries
from storage.views import registry as people

PERIODS: Final = {"day": 1, "week": 7, "month": 31, "year": 365}
"""How many days a chart on the page shows, by the word in the address."""
_CHARTED: Final = ("volume", "energy", "power", "smoke", "temperature")
_MAPPED: Final = ("volume", "energy")
_SHOWN: Final = 30
_LATELY: Final = timedelta(days=7)
_YEAR: Final = timedelta(days=365)


def router() -> APIRouter:
    """Return the pages of households, their pieces and their forms."""
    routes = APIRouter()

    @routes.get("/households")
    def find(around: Framed, view: Scoped, paging: Paged, q: Annotated[str, Query(max_length=200)] = "") -> Response:
        rows = queries.found(view, q.strip(), limit=paging.limit + 1, after=paging.after(str))
        shown = paging.page(rows, lambda row: row, lambda row: row["id"])
        return around.page(
            "households.html", homes=shown.items, next=shown.next, asked=q.strip(), spoken=household_words
        )

    @routes.get("/households/{household_id}")
    def page(
        household_id: str,
        around: Framed,
        view: Scoped,
        period: str = "week",
        at: Annotated[str, Query(max_length=10)] = "",
    ) -> Response:
        with view.together() as asked:
            home = required(asked, household_id)
            known = {**_portrait(asked, around, home), **_happened(asked, home), **kept(asked, home, around.now)}
            maps = _maps(asked, home, around.now)
        names = get_day_names("abbreviated", locale=around.language)
        return around.page(
            "household.html",
            **known,
            weekdays=[names[day] for day in range(7)],
            span=Shown.of(period, at, around.now, home["zone"]),
            maps=maps,
        )

    @routes.get("/parts/households/{household_id}/happened")
    def part_happened(household_id: str, around: Framed, view: Scoped) -> Response:
        return around.page("parts/household_happened.html", **_happened(view, required(view, household_id)))

    return routes


@dataclass(frozen=True, slots=True)
class Shown:
    """The time that the charts show: a number of whole days in the household's zone, the last of them `last`."""

    period: str
    first: date
    last: date
    today: date
    zone: str

    @classmethod
    def of(cls, period: str, at: str, now: datetime, zone: str) -> Shown:
        """Return what an address asks for; what it does not say or says wrongly is the week up to today."""
        today = now.astimezone(ZoneInfo(zone)).date()
        try:
            last = min(date.fromisoformat(at), today)
        except ValueError:
            last = today
        last = max(last, date(1971, 1, 1))
        period = period if period in PERIODS else "week"
        return cls(period, last - timedelta(days=PERIODS[period] - 1), last, today, zone)

    @property
    def start(self) -> datetime:
        """The midnight with which the first day begins."""
        return datetime.combine(self.first, time(), ZoneInfo(self.zone))

    @property
    def stop(self) -> datetime:
        """The midnight with which the last day ends."""
        return datetime.combine(self.last + timedelta(days=1), time(), ZoneInfo(self.zone))

    @property
    def before(self) -> date:
        """The last day of the stretch before."""
        return self.first - timedelta(days=1)

    @property
    def after(self) -> date | None:
        """The last day of the stretch behind, None where that has not come yet."""
        return None if self.last >= self.today else min(self.last + timedelta(days=PERIODS[self.period]), self.today)


def _portrait(view: View, around: Frame, home: Row) -> dict[str, object]:
    sensors = queries.sensors(view, home["id"])
    everybody = {row["id"]: row for row in people.people(view, limit=_SHOWN, household=home["id"])}
    return {
        "home": home,
        "areas": queries.areas_around(view, home["area"]),
        "residents": [row for row in everybody.values() if row["household"] == home["id"]],
        "contacts": [
            (row, everybody[row["person"]]) for row in queries.contacts(view, home["id"]) if row["person"] in everybody
        ],
        "caseworker": queries.caseworker(view, home["id"]),
        "record": queries.record(view, home["id"], since=around.now - _YEAR),
        "devices": _devices(view, home["id"], sensors, around),
        "charted": [row for name in _CHARTED for row in sensors if row["quantity"] == name],
        "spoken": household_words,
    }


def _devices(view: View, household: str, sensors: list[Row], around: Frame) -> list[Row]:
    """Return the devices, each with when it was last `heard`, its `battery`, its `troubles` and what was `refused`."""
    refused = {row["device"]: row for row in queries.refused(view, household, since=around.now - _LATELY)}
    troubles = queries.troubles(view, household)
    found = []
    for device in queries.devices(view, household):
        own = [row for row in sensors if row["device"] == device["id"]]
        times = [row["time"] for row in own if row["time"] is not None]
        found.append(
            {
                **device,
                "quantities": [row["quantity"] for row in own],
                "heard": max(times, default=None),
                "battery": next((row["value"] for row in own if row["quantity"] == "battery"), None),
                "troubles": [row for row in troubles if row["device"] == device["id"]],
                "refused": refused.get(device["id"]),
            }
        )
    return found


def _maps(view: View, home: Row, now: datetime) -> list[tuple[Row, WeekMap]]:
    """Return when water and electricity are used, by sensor, from the last weeks."""
    clock = ZoneInfo(home["zone"])
    midnight = datetime.combine(now.astimezone(clock).date(), time(), clock)
    start = midnight - timedelta(weeks=WEEKS)
    away = [
        (to_micros(row["starts"]), to_micros(row["ends"]))
        for row in habits.away(view, home["id"], start=start, stop=now)
    ]
    found = []
    for sensor in queries.sensors(view, home["id"]):
        if sensor["quantity"] in _MAPPED:
            cells = cells_of(view, sensor["id"], start, now, HOUR, "use")
            standby = sensor["quantity"] == "energy"
            found.append((sensor, week_map(cells, home["zone"], away=away, standby=standby)))
    return sorted(found, key=lambda one: (_MAPPED.index(one[0]["quantity"]), one[0]["device"]))


def _happened(view: View, home: Row) -> dict[str, object]:
    return {
        "home": home,
        "alerts": alerts.listed(view, household=home["id"], limit=_SHOWN),
        "work": queries.work(view, home["id"], limit=_SHOWN),
    }
