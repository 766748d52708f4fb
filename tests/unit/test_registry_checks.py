"""One value at a time: what is taken, what it becomes, and what is said where it is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from registry import checks
from registry.errors import RegistryError
from registry.model import Household, Person
from registry.refusals import InvalidEntryError, InvalidValueError
from registry.sheets import Sheet, sheets


@pytest.mark.parametrize(
    ("check", "given", "canonical"),
    [
        (checks.identifier, "  meter-1 ", "meter-1"),
        (checks.identifier, "仪表-1", "仪表-1"),
        (checks.text, " two\r\nlines\rand more ", "two\nlines\nand more"),
        (checks.text, "", ""),
        (checks.position, " 2", 2),
        (checks.coordinates, "", ""),
        (checks.coordinates, " 23.1291123, 113.26439 ", "23.12911,113.26439"),
        (checks.coordinates, "-33,-180", "-33.00000,-180.00000"),
        (checks.language, "zh-CN", "zh_CN"),
        (checks.language, "ZH_cn", "zh_CN"),
        (checks.language, "zh-hans-cn", "zh_Hans_CN"),
        (checks.language, "EN", "en"),
        (checks.language, "yue", "yue"),
        (checks.language, "es-419", "es_419"),
        (checks.zone, "Asia/Shanghai", "Asia/Shanghai"),
        (checks.zone, "UTC", "UTC"),
        (checks.phone("CN"), "138 0013 8000", "+8613800138000"),
        (checks.phone("CN"), "+86-138-0013-8000", "+8613800138000"),
        (checks.phone("CN"), "8613800138000", "+8613800138000"),
        (checks.phone("CN"), "(023) 6380 1234", "+862363801234"),
        (checks.phone("CN"), "+1 202 555 0123", "+12025550123"),
        (checks.phone("US"), "(202) 555-0123", "+12025550123"),
        (checks.moment, "2026-05-01", date(2026, 5, 1)),
        (checks.moment, "2026-05-01T08:30", datetime(2026, 5, 1, 8, 30)),  # noqa: DTZ001 (naive is meant)
        (checks.moment, "2026-05-01 08:30+08:00", datetime(2026, 5, 1, 0, 30, tzinfo=UTC)),
        (checks.moment, "2026-05-01T00:30Z", datetime(2026, 5, 1, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_value_is_taken_in_canonical_form(check: Callable[[str], object], given: str, canonical: object) -> None:
    assert check(given) == canonical
    assert check(str(check(given))) == canonical


@pytest.mark.parametrize(
    ("check", "given", "advice"),
    [
        (checks.identifier, " ", "is empty; write an id"),
        (checks.identifier, "a/b", '"a/b" holds "/"; write an id without blanks and without /, + and #'),
        (checks.identifier, "a b", '"a b" holds a blank; write an id without blanks and without /, + and #'),
        (checks.identifier, "a#", '"a#" holds "#"; write an id without blanks and without /, + and #'),
        (checks.identifier, "+a", '"+a" holds "+"; write an id without blanks and without /, + and #'),
        (checks.identifier, "x" * 201, "has 201 characters; write an id of at most 200"),
        (checks.text, "a\x00b", "holds the control character U+0000; remove it"),
        (checks.text, "a\ud800b", "holds the control character U+D800; remove it"),
        (checks.name, "", "is empty; write a name"),
        (checks.name, "a" * 401, "has 401 characters; write a name of at most 400"),
        (checks.name, "a\nb", "holds a line break; write the name on one line"),
        (checks.position, "0", '"0" is not a position; write 1 for who is asked first, 2 for the next'),
        (checks.position, "1.5", '"1.5" is not a position; write 1 for who is asked first, 2 for the next'),
        (checks.position, "²", '"²" is not a position; write 1 for who is asked first, 2 for the next'),
        (checks.position, "9" * 5000, "is not a position; write 1 for who is asked first, 2 for the next"),
        (checks.language, "chinese", '"chinese" is not a language; write it as zh_CN, en or yue'),
        (checks.zone, "chongqing", '"chongqing" is not a time zone; write Asia/Chongqing'),
        (checks.zone, "asia/shanghai", '"asia/shanghai" is not a time zone; write Asia/Shanghai'),
        (checks.zone, "Asia/Shangai", '"Asia/Shangai" is not a time zone; write Asia/Shanghai'),
        (checks.zone, "Mars/Base", '"Mars/Base" is not a time zone; write an IANA zone such as Asia/Shanghai'),
        (checks.zone, "", '"" is not a time zone; write an IANA zone such as Asia/Shanghai'),
        (checks.zone, "Asia", '"Asia" is not a time zone; write'),
        (checks.zone, "../etc/passwd", '"../etc/passwd" is not a time zone; write'),
        (checks.zone, "right/UTC", '"right/UTC" is not a time zone; write'),
        (checks.zone, "localtime", '"localtime" is not a time zone; write'),
        (
            checks.phone("CN"),
            "1380013",
            '"1380013" is not a telephone number; write it as +8613123456789, or within CN as 131 2345 6789',
        ),
        (checks.phone("CN"), "8.6138E+12", '"8.6138E+12" is not a telephone number; write it as +8613123456789'),
        (checks.phone("CN"), "120", '"120" is not a telephone number; write it as +8613123456789'),
        (checks.phone("CN"), "023 6380 1234 ext. 5", "is not a telephone number; write it as"),
        (checks.moment, "2026/5/1", '"2026/5/1" is not a time; write it as 2026-05-01, 2026-05-01T08:00 or'),
        (checks.moment, "2026-02-30", '"2026-02-30" is not a time; write it as'),
        (checks.moment, "0206-05-01", '"0206-05-01" is out of range; write a year from 1970 to 2199'),
        (checks.moment, "9999-12-31T23:00-10:00", "is out of range; write a year from 1970 to 2199"),
        (checks.coordinates, "90.1,0", '"90.1,0" is no place; write degrees north and east as 23.12911,113.26439'),
        (checks.coordinates, "0,180.1", "is no place"),
        (checks.coordinates, "23.1", "is no place"),
        (
            checks.choice("risk", ("low", "medium", "high")),
            "High",
            '"High" is not a risk; write low, medium or high',
        ),
    ],
)
def test_a_refusal_says_what_to_write(check: Callable[[str], object], given: str, advice: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        check(given)
    assert advice in str(refused.value)


def test_a_default_region_that_is_no_country_is_refused() -> None:
    with pytest.raises(InvalidValueError, match='"XX" is not a country; write its two letters, such as CN'):
        checks.phone("XX")


def test_dates_mean_whole_days_in_the_zone() -> None:
    day = date(2026, 5, 1)
    starts = checks.instant(day, "Asia/Shanghai", end=False)
    ends = checks.instant(day, "Asia/Shanghai", end=True)
    assert starts == datetime(2026, 4, 30, 16, tzinfo=UTC)
    assert ends - starts == timedelta(days=1)


def test_a_day_on_which_clocks_change_is_as_long_as_it_is() -> None:
    day = date(2026, 3, 29)  # Berlin goes to summer time
    starts, ends = (checks.instant(day, "Europe/Berlin", end=end) for end in (False, True))
    assert ends - starts == timedelta(hours=23)


def _sheet(table: str) -> Sheet:
    return next(sheet for sheet in sheets() if sheet.table == table)


def test_an_entry_is_made_canonical() -> None:
    given = Person("p1", " 王秀兰 ", "caseworker", None, "50", "138 0013 8000", "zh-CN", "call")
    assert _sheet("people").canonical(given) == Person(
        "p1", "王秀兰", "caseworker", None, "50", "+8613800138000", "zh_CN", "call"
    )


def test_every_field_of_an_entry_that_is_wrong_is_named() -> None:
    given = Household("h 1", "50", "Asia/Shangai", "zh_CN", "other", "low")
    with pytest.raises(InvalidEntryError) as refused:
        _sheet("households").canonical(given)
    assert [field for field, _ in refused.value.problems] == ["id", "zone"]
    assert "write Asia/Shanghai" in str(refused.value)
    assert isinstance(refused.value, RegistryError)
