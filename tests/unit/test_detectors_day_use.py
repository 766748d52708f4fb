from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from detectors.day_use import DayUse
from detectors.finding import Finding, Kind, Severity
from registry.instants import to_datetime, to_micros
from tests.unit.detector_streams import Watch, house

MADRID = ZoneInfo("Europe/Madrid")


def watch() -> Watch:
    table = house("Europe/Madrid")
    return Watch(DayUse(table, "day", below=10, above=2000), table)


def at(text: str) -> int:
    return to_micros(datetime.fromisoformat(f"2016-{text}").replace(tzinfo=MADRID))


def wall(micros: int) -> str:
    return f"{to_datetime(micros).astimezone(MADRID):%m-%d %H:%M}"


def brief(findings: list[Finding]) -> list[tuple[str, str, str, str]]:
    return [(one.kind.value, one.phase.value, wall(one.onset), wall(one.time)) for one in findings]


def read(eye: Watch, *readings: tuple[str, float]) -> list[tuple[str, str, str, str]]:
    return brief(eye.water([(at(when), value) for when, value in readings]))


def test_a_day_below_ten_litres_is_told_at_the_first_reading_after_midnight() -> None:
    eye = watch()
    assert read(eye, ("05-01T22:30", 1000), ("05-01T23:30", 1050), ("05-02T08:00", 1053), ("05-02T23:40", 1056)) == []
    found = eye.water([(at("05-03T00:20"), 1059.0)])
    assert brief(found) == [("inactivity", "raised", "05-02 00:00", "05-03 00:20")]
    assert (found[0].severity, found[0].facts["used"]) == (Severity.MEDIUM, 9)
    assert read(eye, ("05-03T06:00", 1059)) == []
    assert read(eye, ("05-03T07:00", 1060)) == [("inactivity", "cleared", "05-02 00:00", "05-03 07:00")]


def test_use_that_may_belong_to_the_day_keeps_it_uncertain() -> None:
    assert read(watch(), ("05-01T23:30", 1050), ("05-02T08:00", 1053), ("05-03T00:20", 1060)) == []


def test_intervals_that_end_at_midnight_belong_to_one_day_alone() -> None:
    found = read(watch(), ("05-01T23:00", 1000), ("05-02T00:00", 1500), ("05-03T00:00", 1509), ("05-03T01:00", 1800))
    assert found == [
        ("inactivity", "raised", "05-02 00:00", "05-03 00:00"),
        ("inactivity", "cleared", "05-02 00:00", "05-03 01:00"),
    ]


def test_the_first_day_is_not_covered_and_so_not_judged() -> None:
    assert read(watch(), ("05-01T01:00", 1000), ("05-02T01:00", 1000)) == []
    assert read(watch(), ("05-01T00:00", 1000), ("05-02T01:00", 1000)) == [
        ("inactivity", "raised", "05-01 00:00", "05-02 01:00")
    ]


def test_days_without_a_reading_are_judged_by_what_the_register_says_afterwards() -> None:
    assert read(watch(), ("05-01T08:00", 1000), ("05-05T08:00", 1300)) == []
    assert read(watch(), ("05-01T08:00", 1000), ("05-05T08:00", 1009)) == [
        ("inactivity", "raised", "05-02 00:00", "05-05 08:00")
    ]


def test_a_reset_leaves_the_day_unknown() -> None:
    eye = watch()
    assert read(eye, ("05-01T23:30", 1050), ("05-02T08:00", 0), ("05-03T00:20", 0)) == []
    assert read(eye, ("05-04T00:20", 0)) == [("inactivity", "raised", "05-03 00:00", "05-04 00:20")]
    assert read(eye, ("05-04T09:00", 800), ("05-04T10:00", 90)) == [
        ("inactivity", "cleared", "05-03 00:00", "05-04 09:00")
    ]


def test_more_than_two_cubic_metres_inside_a_day_are_told_at_once() -> None:
    eye = watch()
    assert read(eye, ("05-01T23:00", 0), ("05-02T01:00", 1900), ("05-02T09:00", 3900)) == []
    found = eye.water([(at("05-02T10:00"), 3901.0), (at("05-02T11:00"), 4500.0)])
    assert brief(found) == [("excess", "raised", "05-02 00:00", "05-02 10:00")]
    assert (found[0].kind, found[0].severity, found[0].facts["used"]) == (Kind.EXCESS, Severity.MEDIUM, 2001)
    assert read(eye, ("05-03T00:30", 4600)) == [("excess", "cleared", "05-02 00:00", "05-03 00:30")]


def test_days_of_summer_times_change_are_whole_days() -> None:
    spring = [("03-26T23:30", 1050), ("03-27T12:00", 1050), ("03-28T00:01", 1053), ("03-28T09:00", 1100)]
    assert read(watch(), *spring)[0] == ("inactivity", "raised", "03-27 00:00", "03-28 00:01")
    autumn = [("10-29T23:30", 1050), ("10-30T23:59", 1050), ("10-31T00:01", 1053)]
    assert read(watch(), *autumn) == [("inactivity", "raised", "10-30 00:00", "10-31 00:01")]


def test_a_question_that_is_not_asked_is_not_answered() -> None:
    table = house("Europe/Madrid")
    days = [("05-01T00:00", 0.0), ("05-02T00:00", 0.0), ("05-02T09:00", 2500.0), ("05-03T00:00", 2500.0)]
    quiet = read(Watch(DayUse(table, above=None), table), *days)
    excess = read(Watch(DayUse(table, below=None), table), *days)
    assert {kind for kind, *_ in quiet} == {"inactivity"}
    assert {kind for kind, *_ in excess} == {"excess"}
