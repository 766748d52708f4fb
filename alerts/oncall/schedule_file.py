"""On-call schedules as people write them: TOML in, checked schedules out, every error naming file, schedule and key."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, NoReturn
from zoneinfo import available_timezones

from alerts.errors import ScheduleError
from alerts.oncall.schedule import DAY_NAMES, HOLIDAY, MOST_LEVELS, Holiday, Rotation, Schedule, Window

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SCHEDULE_KEYS = frozenset({"name", "area", "zone", "rotations", "holidays"})
_ROTATION_KEYS = frozenset({"name", "people", "shift", "starts", "hand_over", "when", "level"})
_HOLIDAY_KEYS = frozenset({"day", "until", "name", "as"})
_DAYS: Mapping[str, int] = {name: kind for kind, name in enumerate(DAY_NAMES)}
_SHIFT = re.compile(r"([1-9]\d{0,2}) (day|week)s?")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_LONGEST = 366
_WHEN = "write days and local hours such as 'Mon-Fri 18:00-08:00', 'Sat,Sun', 'daily 22:00-06:00' or 'holiday'"


def parse(text: str, file: str) -> tuple[Schedule, ...]:
    """Read schedules from TOML; `file` is what error messages call it.

    Raises:
        ScheduleError: something is wrong.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScheduleError(f"{file} is not TOML: {error}") from error
    if not document:
        raise ScheduleError(f"{file} holds no schedule; write [an-id] with area, zone and rotations below")
    return tuple(_Reader(file, key).schedule(table) for key, table in document.items())


class _Reader:
    """Reads one schedule; knows where it is, so that errors can say so."""

    def __init__(self, file: str, key: str) -> None:
        self._file = file
        self._key = key

    def schedule(self, table: object) -> Schedule:
        if not isinstance(table, dict):
            self._refuse("", "is no schedule; write [its-id] with its keys below")
        if not ID.fullmatch(self._key):
            self._refuse("", "is no id; write small letters, digits and hyphens, 63 at most")
        self._known(table, _SCHEDULE_KEYS, "")
        zone = self._text(table, "zone", "")
        if zone not in available_timezones():
            near = difflib.get_close_matches(zone, available_timezones(), 1)
            self._refuse("zone", f"is {zone!r}; write an IANA zone such as {near[0] if near else 'Asia/Shanghai'}")
        rotations = table.get("rotations")
        if not isinstance(rotations, list) or not rotations:
            self._refuse("rotations", f"is missing; write [[{self._key}.rotations]] with people, shift and starts")
        found = tuple(self._rotation(one, f"rotations[{at}].") for at, one in enumerate(rotations, 1))
        for at, one in enumerate(found, 1):
            if any(one.name == other.name for other in found[: at - 1]):
                self._refuse(f"rotations[{at}].name", f"is {one.name!r} again; give each rotation a name of its own")
        return Schedule(
            id=self._key,
            area=self._text(table, "area", ""),
            name=self._text(table, "name", "", self._key),
            zone=zone,
            rotations=found,
            holidays=self._holidays(table.get("holidays", [])),
        )

    def _rotation(self, table: object, at: str) -> Rotation:
        if not isinstance(table, dict):
            self._refuse(at.rstrip("."), "is no rotation; write a table with people, shift and starts")
        self._known(table, _ROTATION_KEYS, at)
        people = table.get("people")
        if not isinstance(people, list) or not people or not all(isinstance(one, str) and one for one in people):
            self._refuse(f"{at}people", "is missing; write a list of ids of people, in the order of their turns")
        days = self._shift(table.get("shift"), f"{at}shift")
        when = table.get("when", [])
        if not isinstance(when, list):
            self._refuse(f"{at}when", f"is no list; {_WHEN}")
        windows = tuple(self._window(one, f"{at}when[{no}]") for no, one in enumerate(when, 1))
        if days == 0 and not windows:
            self._refuse(f"{at}when", f"is missing, but where a shift is a slot each of these is one; {_WHEN}")
        if days == 0 and "hand_over" in table:
            self._refuse(f"{at}hand_over", "has no meaning where a shift is a slot; leave it out")
        level = table.get("level", 1)
        if not isinstance(level, int) or isinstance(level, bool) or not 1 <= level <= MOST_LEVELS:
            self._refuse(
                f"{at}level", f"is {level!r}; write 1 for the first line, 2 for the second, up to {MOST_LEVELS}"
            )
        return Rotation(
            name=self._text(table, "name", at, f"rotation {at[10:-2]}"),
            people=tuple(people),
            days=days,
            starts=self._day(table.get("starts"), f"{at}starts"),
            hand_over=self._time(table.get("hand_over", "08:00"), f"{at}hand_over"),
            when=windows,
            level=level,
        )

    def _shift(self, value: object, key: str) -> int:
        if value == "slot":
            return 0
        found = _SHIFT.fullmatch(value) if isinstance(value, str) else None
        days = int(found[1]) * (7 if found[2] == "week" else 1) if found else 0
        if not 0 < days <= _LONGEST:
            self._refuse(key, f"is {value!r}; write '1 day', '2 weeks' and so on, a year at most, or 'slot'")
        return days

    def _window(self, value: object, key: str) -> Window:
        words = value.split() if isinstance(value, str) else []
        if not 1 <= len(words) <= 2:
            self._refuse(key, f"is {value!r}; {_WHEN}")
        days = frozenset(kind for part in words[0].split(",") for kind in self._kinds(part, key, value))
        if len(words) == 1:
            return Window(days)
        start, dash, end = words[1].partition("-")
        if not dash:
            self._refuse(key, f"is {value!r}; {_WHEN}")
        # A window up to 24:00 ends where the next day begins.
        ends = time(0) if end == "24:00" else self._time(end, key)
        return Window(days, self._time(start, key), ends)

    def _kinds(self, part: str, key: str, value: object) -> frozenset[int]:
        if part == "daily":
            return frozenset(range(HOLIDAY + 1))
        first, dash, last = part.partition("-")
        if first not in _DAYS or (dash and last not in _DAYS) or (dash and "holiday" in (first, last)):
            self._refuse(key, f"is {value!r}; {_WHEN}")
        if not dash:
            return frozenset({_DAYS[first]})
        # Fri-Mon goes over the end of the week.
        length = (_DAYS[last] - _DAYS[first]) % 7 + 1
        return frozenset((_DAYS[first] + offset) % 7 for offset in range(length))

    def _holidays(self, value: object) -> tuple[Holiday, ...]:
        if not isinstance(value, list):
            self._refuse("holidays", "is no list; write [{ day = 2026-10-01, name = '国庆节' }]")
        found: dict[date, Holiday] = {}
        for at, one in enumerate(value, 1):
            for holiday in self._holiday(one, f"holidays[{at}]"):
                if holiday.day in found:
                    self._refuse(f"holidays[{at}]", f"has {holiday.day} a second time; write each day once")
                found[holiday.day] = holiday
        return tuple(found[day] for day in sorted(found))

    def _holiday(self, value: object, key: str) -> list[Holiday]:
        if not isinstance(value, dict):
            self._refuse(key, "is no holiday; write { day = 2026-10-01, name = '国庆节' }")
        self._known(value, _HOLIDAY_KEYS, f"{key}.")
        first = self._day(value.get("day"), f"{key}.day")
        last = self._day(value["until"], f"{key}.until") if "until" in value else first
        if not timedelta(0) <= last - first <= timedelta(days=_LONGEST):
            self._refuse(f"{key}.until", f"is {last}; write the last day, not before {first} and within a year of it")
        counts_as = value.get("as", "holiday")
        if counts_as not in _DAYS:
            self._refuse(f"{key}.as", f"is {counts_as!r}; write the weekday it counts as, one of {', '.join(_DAYS)}")
        name = self._text(value, "name", f"{key}.", "")
        days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
        return [Holiday(day, name, _DAYS[counts_as]) for day in days]

    def _text(self, table: Mapping[str, Any], key: str, at: str, default: str | None = None) -> str:
        value = table.get(key, default)
        if not isinstance(value, str) or (not value and default is None):
            self._refuse(f"{at}{key}", "is missing; write it as text in quotation marks")
        return value

    def _day(self, value: object, key: str) -> date:
        if not isinstance(value, date) or isinstance(value, datetime) or not 1971 <= value.year < 2199:
            self._refuse(key, f"is {value!r}; write a date such as 2026-11-02, without quotation marks")
        return value

    def _time(self, value: object, key: str) -> time:
        found = _TIME.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            self._refuse(key, f"is {value!r}; write a local time such as '08:00'")
        return time(int(found[1]), int(found[2]))

    def _known(self, table: Mapping[str, object], keys: frozenset[str], at: str) -> None:
        for key in table:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, 1)
                hint = f"did you mean {near[0]}? " if near else ""
                self._refuse(f"{at}{key}", f"is unknown; {hint}the keys here are {', '.join(sorted(keys))}")

    def _refuse(self, key: str, problem: str) -> NoReturn:
        place = f"{self._key}.{key}" if key else self._key
        raise ScheduleError(f"{self._file}: {place} {problem}")
