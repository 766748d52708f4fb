"""Schedules as files: what is written is what is read, and an error says where it is and what to write instead."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from alerts.errors import ScheduleError
from alerts.oncall import calendar_file
from alerts.oncall.rota import on_call, shifts
from alerts.oncall.schedule import HOLIDAY, Override, Rotation, Schedule, Window
from alerts.oncall.schedule_file import parse
from alerts.oncall.told import told
from registry.instants import DAY, HOUR, MINUTE, to_micros
from tests.unit.test_alerts_oncall_rota import BEGIN, schedules

GOOD = """
[shiqiao]
name = "石桥街道值班"
area = "990101001"
zone = "Asia/Shanghai"
holidays = [
    { day = 2026-10-01, until = 2026-10-03, name = "国庆节" },
    { day = 2026-10-10, as = "Mon", name = "make-up day" },
]

[[shiqiao.rotations]]
name = "days"
people = ["ann", "ben"]
shift = "2 weeks"
starts = 2026-11-02
hand_over = "08:30"
when = ["Mon-Fri 08:00-18:00", "Sat,holiday 22:00-06:00"]

[[shiqiao.rotations]]
level = 2
people = ["cho"]
shift = "slot"
starts = 2026-11-02
when = ["daily", "Fri-Mon 18:00-24:00"]
"""


def test_a_file_is_read_as_it_was_meant() -> None:
    [one] = parse(GOOD, "duty.toml")
    assert (one.id, one.name, one.area, one.zone) == ("shiqiao", "石桥街道值班", "990101001", "Asia/Shanghai")
    first, second = one.rotations
    assert first == Rotation(
        "days", ("ann", "ben"), 14, date(2026, 11, 2), time(8, 30),
        (Window(frozenset(range(5)), time(8), time(18)), Window(frozenset({5, HOLIDAY}), time(22), time(6))),
    )  # fmt: skip
    assert (second.name, second.level, second.days) == ("rotation 2", 2, 0)
    assert second.when == (Window(frozenset(range(8))), Window(frozenset({4, 5, 6, 0}), time(18), time(0)))
    assert [(holiday.day.day, holiday.counts_as) for holiday in one.holidays] == [(1, 7), (2, 7), (3, 7), (10, 0)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('zone = "Asia/Shanghai"', 'zone = "Asia/Shanghi"'), r"shiqiao.zone is 'Asia/Shanghi'.*Asia/Shanghai"),
        (('"2 weeks"', '"fortnight"'), r"rotations\[1\].shift is 'fortnight'; write '1 day'"),
        (('"2 weeks"', '"0 days"'), r"rotations\[1\].shift"),
        (('"2 weeks"', '"99 weeks"'), "a year at most"),
        (("2026-11-02\nhand", '"2026-11-02"\nhand'), r"rotations\[1\].starts .*without quotation marks"),
        (('"08:30"', '"8.30"'), r"rotations\[1\].hand_over is '8.30'; write a local time such as '08:00'"),
        (('"ann", "ben"', ""), r"rotations\[1\].people is missing"),
        (("Mon-Fri 08:00-18:00", "weekdays 08:00-18:00"), r"rotations\[1\].when\[1\] is 'weekdays"),
        (("Mon-Fri 08:00-18:00", "Mon-Fri 08:00"), r"rotations\[1\].when\[1\]"),
        (("level = 2", "level = 0"), r"rotations\[2\].level is 0; write 1"),
        (("level = 2", 'name = "days"'), r"rotations\[2\].name is 'days' again"),
        (('when = ["daily", "Fri-Mon 18:00-24:00"]', ""), r"rotations\[2\].when is missing"),
        (("level = 2", 'level = 2\nhand_over = "08:00"'), r"rotations\[2\].hand_over has no meaning"),
        (("level = 2", "lvel = 2"), r"rotations\[2\].lvel is unknown; did you mean level"),
        (("until = 2026-10-03", "until = 2026-09-03"), r"holidays\[1\].until is 2026-09-03"),
        (("2026-10-10", "2026-10-02"), r"holidays\[2\] has 2026-10-02 a second time"),
        (('as = "Mon"', 'as = "workday"'), r"holidays\[2\].as is 'workday'; write the weekday"),
        (("[shiqiao]", "[Shi_qiao]"), "Shi_qiao is no id"),
        (("[shiqiao]", "[shiqiao"), "duty.toml is not TOML"),
    ],
)
def test_an_error_says_where_it_is_and_what_to_write(change: tuple[str, str], says: str) -> None:
    wrong = GOOD.replace(*change)
    assert wrong != GOOD
    with pytest.raises(ScheduleError, match=says):
        parse(wrong, "duty.toml")


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(ScheduleError, match="holds no schedule"):
        parse("# nothing", "duty.toml")


def test_a_schedule_is_told_in_words() -> None:
    [one] = parse(GOOD, "duty.toml")
    monday = to_micros(datetime(2026, 11, 2, 1, tzinfo=UTC))
    lines = list(told(one, {"ann": "安"}, monday, monday + DAY))
    assert "level 1, days: ann, ben; a turn is 14 days from 2026-11-02, handed over at 08:30, on Mon-Fri" in lines[1]
    assert any(line.endswith("ann 安") and "Mon 2026-11-02 08:30" in line for line in lines)
    assert any("NOBODY" in line for line in lines)


# Calendars ----------------------------------------------------------------------------------------------------------

PEOPLE = ("ann", "ben", "cho", "dan", "x", "y", "z")


@settings(max_examples=25, deadline=None)
@given(schedules, st.integers(0, 250), st.data())
def test_what_is_exported_and_read_back_is_the_same_duty(one: Schedule, day: int, data: st.DataObject) -> None:
    start = BEGIN + day * DAY
    end = start + 3 * DAY
    exported = calendar_file.export(one, {"ann": "安 · level 9", "ben": "ann"}, start, end, start)
    again = calendar_file.read(exported, one, PEOPLE, "f")
    assert (again.overrides, again.cancelled) == ((), ()), "what holds anyway changes nothing"
    bare = replace(one, rotations=(), holidays=(), overrides=())
    into = replace(bare, overrides=calendar_file.read(exported, bare, PEOPLE, "f").overrides)
    for level in one.levels:
        for shift in shifts(one, start, end, level):
            for moment in (shift.start, data.draw(st.integers(shift.start, shift.end - 1)), shift.end - 1):
                assert on_call(into, moment, level) == shift.person


NOVEMBER = to_micros(datetime(2026, 10, 31, tzinfo=UTC))


def test_each_shift_is_one_event_with_a_uid_that_stays_whoever_takes_it() -> None:
    daily = Rotation("daily", ("ann", "ben"), 1, date(2026, 1, 1))
    one = Schedule("s", "44", "S", "America/New_York", (daily,))
    taken = shifts(one, NOVEMBER + DAY, NOVEMBER + DAY + 1)[0]
    other = replace(one, overrides=(Override(UUID(int=1), "cho", taken.start, taken.end),))
    uids = []
    for plan in (one, other):
        exported: Any = Calendar.from_ical(calendar_file.export(plan, {}, NOVEMBER, NOVEMBER + 90 * DAY, NOVEMBER))
        events = exported.walk("VEVENT")
        assert len(events) == 91
        assert {event["dtstart"].params["TZID"] for event in events} == {"America/New_York"}
        assert [str(zone["tzid"]) for zone in exported.walk("VTIMEZONE")] == ["America/New_York"]
        assert {event["dtstart"].dt.hour for event in events} == {8}
        uids.append([str(event["uid"]) for event in events])
    assert uids[0] == uids[1]
    assert len(set(uids[0])) == 91


def test_the_second_of_two_equal_local_times_is_written_in_utc() -> None:
    second = to_micros(datetime(2026, 11, 1, 6, 30, tzinfo=UTC))  # 01:30 in New York for the second time
    swap = Override(UUID(int=1), "cho", second, second + HOUR)
    one = Schedule("s", "44", "S", "America/New_York", overrides=(swap,))
    exported = calendar_file.export(one, {}, second, second + HOUR, second)
    assert b"DTSTART:20261101T063000Z" in exported
    assert b"DTEND;TZID=America/New_York:20261101T023000" in exported


def calendar(*events: str) -> bytes:
    body = "".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{body}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def event(uid: str = "1", summary: str = "ann", span: str = "DTSTART:20261106T080000\nDTEND:20261106T100000") -> str:
    return f"UID:{uid}\nSUMMARY:{summary}\n{span}"


PLAN = Schedule("s", "44", "S", "Asia/Shanghai", (Rotation("r", ("ben",), 7, date(2026, 1, 1)),))
EIGHT = to_micros(datetime(2026, 11, 6, tzinfo=UTC))


@pytest.mark.parametrize(
    "written",
    [
        event(),
        event(summary="安 (ann) covers"),
        event(summary="swap\nATTENDEE;CN=Ann:mailto:ann@example.org"),
        event(summary="swap\nATTENDEE;CN=ann:mailto:someone@example.org"),
        event(span="DTSTART:20261106T000000Z\nDTEND:20261106T020000Z"),
        event(span="DTSTART;TZID=America/New_York:20261105T190000\nDURATION:PT2H"),
    ],
)
def test_an_event_that_names_somebody_is_an_override(written: str) -> None:
    found = calendar_file.read(calendar(written), PLAN, PEOPLE, "f")
    [one] = found.overrides
    assert (one.person, one.start, one.end, one.level) == ("ann", EIGHT, EIGHT + 2 * HOUR, 1)
    assert calendar_file.read(calendar(written), PLAN, PEOPLE, "f").overrides[0].id == one.id


def test_an_event_of_a_whole_day_lasts_from_local_midnight_to_midnight() -> None:
    [one] = calendar_file.read(calendar(event(span="DTSTART;VALUE=DATE:20261106")), PLAN, PEOPLE, "f").overrides
    assert (one.start, one.end) == (EIGHT - 8 * HOUR, EIGHT + 16 * HOUR)


def test_an_event_that_is_cancelled_takes_its_override_back() -> None:
    [kept] = calendar_file.read(calendar(event()), PLAN, PEOPLE, "f").overrides
    gone = calendar_file.read(calendar(event() + "\nSTATUS:CANCELLED"), PLAN, PEOPLE, "f")
    assert (gone.overrides, gone.cancelled) == ((), (kept.id,))


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (event(summary="Mr X"), r"event 1 \(Mr X, 20261106T080000, UID 1\) names nobody"),
        (event(summary="ann, ben"), "names ann and ben; name one person a shift"),
        (event(summary="swap with ben\nATTENDEE:mailto:ann@x.org"), "names ann and ben"),
        (event(uid=""), "has no UID"),
        (event() + "\nRRULE:FREQ=DAILY", "repeats; write each shift"),
        (event(span="DTSTART:20261106T080000\nDTEND:20261106T080030"), "does not end after it starts"),
        (event(span="DTSTART:20261106T080000"), "has no DTEND"),
        (event(span="DTEND:20261106T080000"), "has no single DTSTART"),
        (event(span="DTSTART:20261106T080000\nDTEND;VALUE=DATE:20261107"), "mixes a date and a time"),
        (event(span="DTSTART;TZID=Mars/Base:20261106T080000\nDTEND:20261106T090000"), "zone 'Mars/Base'"),
        (event(span="DTSTART:20261106T080000\nDTEND:20281106T080000"), "longer than a year"),
        (event(span="DTSTART:99991231T080000\nDTEND:99991231T090000"), "in the year 9999"),
        (event(span="DTSTART:soon\nDTEND:later"), "holds what cannot be read"),
        (event(summary="ann level 2"), "is of level 2; s has 1"),
    ],
)
def test_an_event_that_makes_no_sense_is_named(written: str, says: str) -> None:
    with pytest.raises(ScheduleError, match=says):
        calendar_file.read(calendar(written), PLAN, PEOPLE, "f")


def test_every_event_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ScheduleError) as refused:
        calendar_file.read(calendar(event(), event(), event("2", "Mr X")), PLAN, PEOPLE, "f.ics")
    assert "f.ics: event 2" in str(refused.value)
    assert "has the UID of an event before it" in str(refused.value)
    assert "f.ics: event 3" in str(refused.value)


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\xff\xfe\x00", b"BEGIN:VEVENT\r\nEND:VEVENT\r\n", b"BEGIN:VCALENDAR"]
)
def test_what_is_no_calendar_is_refused(data: bytes) -> None:
    with pytest.raises(ScheduleError, match="is no iCalendar file"):
        calendar_file.read(data, PLAN, PEOPLE, "f")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_bytes_at_all_bring_the_reader_down(noise: bytes, at: int) -> None:
    good = calendar(event())
    with suppress(ScheduleError):  # anything else that is raised fails the test
        calendar_file.read(good[:at] + noise + good[at:], PLAN, PEOPLE, "f")


def test_a_shift_is_written_to_the_minute() -> None:
    moved = Override(UUID(int=1), "ann", EIGHT + 7 * MINUTE, EIGHT + HOUR)
    one = replace(PLAN, overrides=(moved,))
    exported = calendar_file.export(one, {}, EIGHT, EIGHT + HOUR, EIGHT)
    assert b"DTSTART;TZID=Asia/Shanghai:20261106T080700" in exported
