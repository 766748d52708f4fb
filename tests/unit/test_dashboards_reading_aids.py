"""The small pure parts of the dashboards: languages, spans, phrases, buckets, and views that stay in scope."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from alerts.ladders.policy import Do
from alerts.model import EventKind, Outcome
from dashboards.access import Caller
from dashboards.api.sensors import bucket_start
from dashboards.pages.frame import moment, span
from dashboards.words import phrases
from dashboards.words.languages import preferred, translator
from detectors.finding import Kind, Severity
from storage.views import View

_ = translator("en")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("zh-CN", "zh_CN"),
        ("zh", "zh_CN"),
        ("zh-Hant-TW,zh;q=0.9,en;q=0.8", "zh_CN"),
        ("en-GB,zh;q=0.9", "en"),
        ("en;q=0.5, zh;q=0.7", "zh_CN"),
        ("de, zh;q=0.1", "zh_CN"),
        ("zh;q=0, de", "en"),
        ("zh;q=many", "en"),
        ("de,fr", "en"),
    ],
)
def test_the_reader_chooses_between_english_and_chinese(header: str | None, language: str) -> None:
    assert preferred(header) == language


@given(st.text(max_size=80))
def test_any_header_gives_a_language(header: str) -> None:
    assert preferred(header) in ("en", "zh_CN")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "0 s"),
        (0.9, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (7500, "2 h 5 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_spans_are_told_in_two_units_at_most(seconds: float, told: str) -> None:
    assert span(_, timedelta(seconds=seconds)) == told


def test_a_moment_is_told_as_shortly_as_its_distance_allows() -> None:
    now = datetime(2026, 11, 5, 17, 0, tzinfo=UTC)  # one at night on the 6th in Shanghai
    assert moment(now - timedelta(minutes=30), "Asia/Shanghai", now) == "00:30"
    assert moment(now - timedelta(hours=2), "Asia/Shanghai", now) == "5 Nov 23:00"
    assert moment(now - timedelta(hours=2), "UTC", now) == "15:00"
    assert moment(now - timedelta(days=365), "UTC", now) == "5 Nov 2025 17:00"


def test_every_code_there_is_has_its_words() -> None:
    assert set(phrases.KINDS) == {kind.value for kind in Kind}
    chinese = translator("zh_CN")
    assert all(not chinese(word).isascii() for word in (*phrases.KINDS.values(), *phrases.SEVERITIES.values()))
    assert set(phrases.SEVERITIES) == {severity.label for severity in Severity}
    assert set(phrases.OUTCOMES) == {outcome.value for outcome in Outcome}
    assert set(phrases._EVENTS) == {kind.value for kind in EventKind}
    assert set(phrases._STEPS) == {do.value for do in Do}


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ({"do": "call", "who": "resident"}, "Call to the resident"),
        ({"do": "sms", "who": "contact-2"}, "SMS to contact 2"),
        ({"do": "call", "who": "person:c-1"}, "Call to c-1"),
        ({"do": "visit", "who": ""}, "Visit by whoever is there"),
        ({"do": "something_new", "who": "resident"}, "something new"),
    ],
)
def test_a_step_is_told_in_words(action: dict[str, str], told: str) -> None:
    assert phrases.step(_, action) == told


def test_an_event_of_a_kind_nobody_has_put_into_words_is_still_shown() -> None:
    part = {"explained_by": "joined", "into": "inactivity"}
    # What something else tells of did not end by itself.
    assert phrases.event(_, "returned", part, None, str) == "It is part of a graver alert now: No sign of life"
    assert phrases.event(_, "moved_house", {"to": "x"}, None, str) == "moved house"


def test_a_false_alarm_says_on_the_timeline_why_it_was_one() -> None:
    closed = {"outcome": "false_alarm", "note": "asleep", "why_false": "device_fault"}
    assert phrases.event(_, "closed", closed, None, str) == "Closed: False alarm. The device was faulty. asleep"


@pytest.mark.parametrize("kind", list(EventKind))
def test_an_event_that_tells_nothing_more_is_shown_too(kind: EventKind) -> None:
    assert phrases.event(_, kind.value, {}, None, str)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - a bound
    st.sampled_from([60, 900, 3600, 7200, 86400, 7 * 86400]),
    st.sampled_from(["Asia/Shanghai", "Asia/Kathmandu", "America/New_York", "UTC"]),
)
def test_a_bucket_holds_its_moment_and_begins_on_the_households_grid(when: datetime, seconds: int, zone: str) -> None:
    width = timedelta(seconds=seconds)
    start = bucket_start(when, width, zone)
    assert start <= when < start + width
    local = when.astimezone(ZoneInfo(zone))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    assert (start - midnight) % width == timedelta(0)


def test_a_view_refuses_a_query_that_would_show_everybody_everything() -> None:
    view = View(cast("Connection[Any]", None), "4401")
    with pytest.raises(ValueError, match="scope"):
        view.rows("SELECT * FROM alert")


def test_each_role_may_what_those_below_it_may() -> None:
    roles = ("viewer", "caseworker", "officer", "operator")
    for mine, role in enumerate(roles):
        who = Caller("n", role, "4401")
        assert [who.may(other) for other in roles] == [other <= mine for other in range(len(roles))]
        assert who.sees("440101")
        assert not who.sees("44")
        assert not who.sees("4402")


def test_a_caller_with_a_person_acts_in_their_name() -> None:
    assert Caller("night shift", "officer", "").actor == "token:night shift"
    assert Caller("night shift", "officer", "", "do-1").actor == "person:do-1"
