"""Who of a town's officers is on call when: each district's streets take turns by day, the districts by week."""

from __future__ import annotations

from datetime import date, timedelta

from alerts.oncall.schedule import Rotation, Schedule
from registry.model import LEVELS, Area, Registry
from simulators.events import TOWN_ZONE

_DESKS = {"city": "市值班 City desk", "district": "区值班 District desk", "street": "街道值班 Street desk"}


def duties(registry: Registry, founded: date) -> tuple[Schedule, ...]:
    """Return the on-call schedules of a town that was founded on a date; turns have been taken for weeks by then.

    A district's first line are the officers of its streets, a day each; its second line is its own. The city's first
    line are the officers of its districts, a week each.
    """
    officers = {one.area: one.id for one in registry.people if one.role == "duty_officer" and one.area}
    monday = founded - timedelta(days=founded.weekday() + 35)
    areas = [one for one in registry.areas if one.code in officers]
    found = []
    for area in areas:
        below = [officers[one.code] for one in areas if _just_below(one, area)]
        if not below:
            continue
        turn = 1 if area.level == "district" else 7
        lines = (
            Rotation("turns", tuple(below), turn, monday),
            Rotation("behind", (officers[area.code],), 7, monday, level=2),
        )
        found.append(Schedule(f"{area.level}-{area.code}", area.code, _DESKS[area.level], TOWN_ZONE, lines))
    return tuple(found)


def _just_below(one: Area, area: Area) -> bool:
    return one.code.startswith(area.code) and LEVELS.index(one.level) == LEVELS.index(area.level) + 1
