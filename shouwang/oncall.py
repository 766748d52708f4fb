"""`shouwang oncall`: schedules from files, and what is on, in words or as a calendar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg

from alerts.errors import ScheduleError
from alerts.oncall import calendar_file, schedule_file
from alerts.oncall.schedule import Schedule
from alerts.oncall.told import told
from registry.instants import DAY, to_micros
from shouwang.clock import LiveClock, micros
from storage import engine_state, oncall

_ACTOR = "token:command line"


def take(conn: psycopg.Connection, file: Path, schedule: str | None) -> str:
    """Take schedules over from a TOML file, or exceptions to one schedule from an .ics file; return what was done.

    Raises:
        ShouwangError: something in the file is wrong; the message names each place.
    """
    if file.suffix.lower() == ".ics":
        return _take_calendar(conn, file, schedule)
    if schedule is not None:
        raise ScheduleError("--schedule is for calendars (.ics); a TOML file names its schedules itself")
    found = schedule_file.parse(_text(file), str(file))
    oncall.save(conn, found)
    schedules = "1 schedule" if len(found) == 1 else f"{len(found)} schedules"
    return f"{schedules}: {', '.join(one.id for one in found)}"


def show(conn: psycopg.Connection, schedule: str | None, days: int) -> Iterator[str]:
    """Yield schedules in words with the shifts of so many days from now on.

    Raises:
        ScheduleError: there is no such schedule.
    """
    now = _now(conn)
    names = oncall.staff(conn)
    wanted = (_one(conn, schedule),) if schedule is not None else oncall.load(conn)
    if not wanted:
        yield "there is no schedule; write one as docs/oncall.md shows and run `shouwang oncall import FILE`"
    for one in wanted:
        yield from told(one, names, now, now + days * DAY)


def export(conn: psycopg.Connection, schedule: str) -> bytes:
    """Return the shifts of the next 90 days as an iCalendar file.

    Raises:
        ScheduleError: there is no such schedule.
    """
    now = _now(conn)
    return calendar_file.export(_one(conn, schedule), oncall.staff(conn), now, now + calendar_file.AHEAD, now)


def remove(conn: psycopg.Connection, schedule: str) -> str:
    """Remove a schedule; return what was done.

    Raises:
        ScheduleError: there is no such schedule.
    """
    _one(conn, schedule)
    oncall.remove(conn, schedule)
    return f"{schedule} removed"


def _take_calendar(conn: psycopg.Connection, file: Path, schedule: str | None) -> str:
    if schedule is None:
        raise ScheduleError("say whose shifts these are: --schedule ID")
    with conn.transaction():
        one = _one(conn, schedule)
        try:
            data = file.read_bytes()
        except OSError as error:
            raise ScheduleError(f"{file} cannot be read: {error.strerror}") from error
        found = calendar_file.read(data, one, oncall.staff(conn), str(file))
        oncall.put_overrides(conn, one.id, found.overrides, found.cancelled, _ACTOR, _now(conn))
    return (
        f"{schedule}: {len(found.overrides)} overrides taken, {len(found.cancelled)} called off, "
        f"{found.unchanged} events change nothing"
    )


def _one(conn: psycopg.Connection, schedule: str) -> Schedule:
    found = oncall.load(conn, schedule)
    if not found:
        known = ", ".join(one.id for one in oncall.load(conn)) or "none yet"
        raise ScheduleError(f"there is no schedule {schedule!r}; there are: {known}")
    return found[0]


def _now(conn: psycopg.Connection) -> int:
    """Return the instance's present: a town's own time, or the real one."""
    known = engine_state.get_clock(conn)
    if known is not None and known[0] == "town":
        return to_micros(known[1])
    return micros(LiveClock())


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ScheduleError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ScheduleError(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from error
