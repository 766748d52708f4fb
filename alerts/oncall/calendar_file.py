"""On-call schedules as iCalendar (RFC 5545): shifts out, one event each; events in, each an override.

What was exported may be edited in any calendar and given back: events that say what holds anyway change nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event
from icalendar.error import BrokenCalendarProperty

from alerts.errors import ScheduleError
from alerts.oncall.civil import instant, local
from alerts.oncall.rota import shifts
from alerts.oncall.schedule import Override, Schedule, Shift, override_id, whole_minutes
from registry.instants import DAY, MINUTE, to_datetime, to_micros

AHEAD = 90 * DAY
"""How far an export looks ahead: nobody plans further, and a calendar fetches it again every day."""
LONGEST = 366 * DAY
MOST_EVENTS = 5000
_PRODUCT: Final = "-//Shouwang//On-call schedules//EN"
_LEVEL = re.compile(r"\blevel ([1-9])\W*$", re.IGNORECASE)
"""At the end of a summary, where an export writes it; a person's name may hold anything."""
_BETWEEN_WORDS = re.compile(r"[\s·,;:/()（）、，：]+")


@dataclass(frozen=True, slots=True)
class Imported:
    """What a calendar's events mean: overrides to keep, ids of those called off, and how many change nothing."""

    overrides: tuple[Override, ...]
    cancelled: tuple[UUID, ...]
    unchanged: int


def export(schedule: Schedule, names: Mapping[str, str], start: int, end: int, now: int) -> bytes:
    """Return the shifts that touch [`start`, `end`) as a calendar; `names` are those of people by id.

    Times are local with their TZID. The second of two equal local times cannot be said so, and is written in UTC.
    """
    return feed(schedule.name, [schedule], names, start, end, now)


def feed(
    title: str,
    schedules: Iterable[Schedule],
    names: Mapping[str, str],
    start: int,
    end: int,
    now: int,
    person: str | None = None,
) -> bytes:
    """Return the shifts of several schedules as one calendar; only those of one `person` if one is named."""
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("name", title)
    calendar.add("x-wr-calname", title)  # what calendars read that do not know RFC 7986
    told = [
        (shift, schedule)
        for schedule in schedules
        for level in schedule.levels
        for shift in shifts(schedule, start, end, level)
        if shift.person is not None and person in (None, shift.person)
    ]
    for shift, schedule in sorted(told, key=lambda one: (one[0].start, one[0].level, one[1].id)):
        calendar.add_component(_event(schedule, shift, names, ZoneInfo(schedule.zone), now))
    first = min((shift.start for shift, _ in told), default=start)
    last = max((shift.end for shift, _ in told), default=end)
    calendar.add_missing_timezones(date(to_datetime(first).year, 1, 1), date(to_datetime(last).year + 1, 12, 31))
    return bytes(calendar.to_ical())


def read(data: bytes, schedule: Schedule, people: Collection[str], file: str) -> Imported:
    """Return what the events of a calendar change about a schedule; `people` are the ids that may be named.

    The same event read twice is the same override (by its UID). Times without a zone are the schedule's own.

    Raises:
        ScheduleError: the file is no calendar, or some events make no sense; it names each of them.
    """
    calendars = _calendars(data, file)
    events = [event for calendar in calendars for event in calendar.walk("VEVENT")]
    if len(events) > MOST_EVENTS:
        raise ScheduleError(f"{file} has {len(events)} events; take fewer, {MOST_EVENTS} at most")
    overrides: dict[UUID, Override] = {}
    cancelled: list[UUID] = []
    seen: set[UUID] = set()
    problems: list[str] = []
    unchanged = 0
    for no, event in enumerate(events, 1):
        try:
            one = _override(event, schedule, people, seen)
        except (ScheduleError, BrokenCalendarProperty) as error:
            told = error if isinstance(error, ScheduleError) else f"holds what cannot be read: {error}"
            problems.append(f"{file}: event {no} ({_called(event)}) {told}")
            continue
        seen.add(one.id)
        if str(event.get("status", "")).upper() == "CANCELLED":
            cancelled.append(one.id)
        elif all(shift.person == one.person for shift in shifts(schedule, one.start, one.end, one.level)):
            unchanged += 1
        else:
            overrides[one.id] = one
    if problems:
        raise ScheduleError("\n".join(problems))
    return Imported(tuple(overrides.values()), tuple(cancelled), unchanged)


def _calendars(data: bytes, file: str) -> list[Any]:
    try:
        parsed: Any = Calendar.from_ical(data, multiple=True)
    except (ValueError, LookupError, TypeError, AttributeError) as error:  # what its parser may raise
        raise ScheduleError(f"{file} is no iCalendar file: {error}") from error
    calendars = list(parsed)
    if not calendars or any(one.name != "VCALENDAR" for one in calendars):
        raise ScheduleError(f"{file} is no iCalendar file: it must begin with BEGIN:VCALENDAR")
    return calendars


def _event(schedule: Schedule, shift: Shift, names: Mapping[str, str], zone: ZoneInfo, now: int) -> Event:
    event = Event()
    event.add("uid", f"{shift.uid}@shouwang")
    event.add("dtstamp", to_datetime(whole_minutes(now)))
    event.add("dtstart", _stamp(shift.start, zone))
    event.add("dtend", _stamp(shift.end, zone))
    event.add("summary", _summary(shift, names))
    event.add("description", schedule.name)
    event.add("transp", "TRANSPARENT")  # being on call does not make anybody's day busy
    return event


def _summary(shift: Shift, names: Mapping[str, str]) -> str:
    """Return id, name and level, so that reading it back gives the same id and level whatever the name is."""
    person = shift.person or ""
    name = names.get(person, "")
    ambiguous = any(word in names for word in _BETWEEN_WORDS.split(name))
    said = person if ambiguous or not name else f"{person} · {name}"
    return f"{said} · level {shift.level}" if shift.level > 1 or _LEVEL.search(said) else said


def _stamp(at: int, zone: ZoneInfo) -> datetime:
    there = local(at, zone)
    return there if not there.fold else there.astimezone(UTC)


def _override(event: Any, schedule: Schedule, people: Collection[str], seen: Collection[UUID]) -> Override:
    uid = str(event.get("uid", "")).strip()
    if not uid:
        raise ScheduleError("has no UID, so it could not be told from others; give it one")
    if "rrule" in event or "rdate" in event:
        raise ScheduleError("repeats; write each shift as an event of its own, or a rotation in the schedule's file")
    start, end = _span(event, schedule)
    if end <= start:
        raise ScheduleError("does not end after it starts; shifts are counted in whole minutes")
    if end - start > LONGEST:
        raise ScheduleError("is longer than a year; write a rotation in the schedule's file instead")
    summary = str(event.get("summary", ""))
    found = _LEVEL.search(summary)
    level = int(found[1]) if found else 1
    if schedule.rotations and level not in schedule.levels:
        raise ScheduleError(f"is of level {level}; {schedule.id} has {' and '.join(map(str, schedule.levels))}")
    recurrence = event.get("recurrence-id")
    key = uid if recurrence is None else f"{uid} {recurrence.to_ical().decode()}"
    if override_id(schedule.id, key) in seen:
        raise ScheduleError("has the UID of an event before it; give each event its own")
    return Override(
        id=override_id(schedule.id, key),
        person=_person(event, summary, people),
        start=start,
        end=end,
        level=level,
        note=str(event.get("comment", "")) if not isinstance(event.get("comment"), list) else "",
    )


def _person(event: Any, summary: str, people: Collection[str]) -> str:
    """Return the one person whose id an event names, as an attendee or in its summary."""
    given = event.get("attendee", [])
    attendees = [word for one in (given if isinstance(given, list) else [given]) for word in _ids(one)]
    named = {word for word in attendees if word in people}
    named |= {word for word in _BETWEEN_WORDS.split(summary) if word in people}
    if len(named) > 1:
        raise ScheduleError(f"names {' and '.join(sorted(named))}; name one person a shift")
    if not named:
        raise ScheduleError("names nobody who may be on call here; write a person's id into its summary")
    return named.pop()


def _ids(attendee: Any) -> Iterator[str]:
    """Yield what may be an id in an attendee: the address, its part before the @, and the common name's words."""
    address = str(attendee).rpartition(":")[2]
    yield address
    yield address.partition("@")[0]
    yield from _BETWEEN_WORDS.split(str(getattr(attendee, "params", {}).get("CN", "")))


def _span(event: Any, schedule: Schedule) -> tuple[int, int]:
    zone = ZoneInfo(schedule.zone)
    begins, ends, lasts = event.get("dtstart"), event.get("dtend"), event.get("duration")
    if begins is None or isinstance(begins, list):
        raise ScheduleError("has no single DTSTART; write when the shift begins")
    start = _instant(begins, zone)
    whole_day = not isinstance(begins.dt, datetime)
    if ends is not None and not isinstance(ends, list):
        if whole_day == isinstance(ends.dt, datetime):
            raise ScheduleError("mixes a date and a time; write both as dates or both as times")
        return start, _instant(ends, zone)
    if lasts is not None and isinstance(getattr(lasts, "dt", None), timedelta):
        length: timedelta = lasts.dt
        return start, whole_minutes(start + length // timedelta(minutes=1) * MINUTE)
    if whole_day:
        return start, instant(begins.dt + timedelta(days=1), time(0), zone)
    raise ScheduleError("has no DTEND; write when the shift ends")


def _instant(value: Any, zone: ZoneInfo) -> int:
    moment = getattr(value, "dt", None)
    if isinstance(moment, datetime):
        if moment.tzinfo is None and "TZID" in value.params:
            raise ScheduleError(f"has the zone {value.params['TZID']!r}, which is not known; write an IANA zone")
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
        return _in_range(whole_minutes(to_micros(aware)), moment)
    if isinstance(moment, date):
        return _in_range(instant(moment, time(0), zone), moment)
    raise ScheduleError(f"has a time that cannot be read: {value}")


def _in_range(at: int, moment: date) -> int:
    if not 1970 < moment.year < 2199:
        raise ScheduleError(f"is in the year {moment.year}; write one from 1971 to 2198")
    return at


def _called(event: Any) -> str:
    summary = str(event.get("summary", "")).strip()[:60] or "no summary"
    uid = str(event.get("uid", "")).strip()[:60]
    starts = event.get("dtstart")
    begins = "" if starts is None or isinstance(starts, list) else starts.to_ical().decode()
    return ", ".join(part for part in (summary, begins, f"UID {uid}" if uid else "") if part)
