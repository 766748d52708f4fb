"""What messages say, and what answers mean."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.checks.audit import TOLERANCE, Watched, audit
from alerts.ladders.policy_file import built_in
from alerts.life.answers import Meaning, understand
from alerts.life.lifecycle import open_alert
from alerts.messages.wording import MESSAGES, text_for
from alerts.model import Alert, Status, episode_id
from alerts.people import Medium, Recipient, Role
from detectors.finding import Kind
from registry.instants import HOUR, MINUTE
from tests.alerts_world import DAUGHTER, HOME, LI, NOON, PLACES, WANG, finding


def some_alert() -> Alert:
    return open_alert(finding(), built_in().rules[0].policy, None, NOON).alert


@pytest.mark.parametrize("message", sorted(MESSAGES))
def test_every_message_is_there_in_both_languages(message: str) -> None:
    alert, place = some_alert(), PLACES[HOME]
    chinese = text_for(message, WANG, alert, place)
    english = text_for(message, DAUGHTER, alert, place)
    assert "守望" in chinese
    assert "Shouwang" in english
    assert chinese.isascii() is False
    for text in (chinese, english):
        assert "{" not in text


def test_residents_are_asked_by_name_and_told_what_to_press() -> None:
    text = text_for("check", LI, some_alert(), PLACES[HOME])
    assert "李奶奶" in text
    assert "平安请按1" in text
    assert "需要帮助请按2" in text
    assert "和平路" not in text


def test_staff_are_told_where_and_why() -> None:
    alert = some_alert()
    text = text_for("visit", WANG, alert, PLACES[HOME])
    assert "和平路1号" in text
    assert HOME in text_for("visit", WANG, alert, replace(PLACES[HOME], address=""))


def test_facts_that_make_no_sentence_do_not_keep_a_message_back() -> None:
    alert = replace(some_alert(), facts={"window": "long", "limit": "little"})
    assert text_for("officer", WANG, alert, PLACES[HOME])


def test_names_with_braces_are_names() -> None:
    strange = Recipient("x", "{sentence}", Role.RESIDENT, None, "en", Medium.SMS)
    assert "{sentence}" in text_for("check", strange, some_alert(), PLACES[HOME])


@pytest.mark.parametrize(
    ("said", "role", "meaning"),
    [
        ("1", Role.RESIDENT, Meaning.FINE),
        (" １ ", Role.RESIDENT, Meaning.FINE),
        ("I'm fine.", Role.RESIDENT, Meaning.FINE),
        ("2", Role.RESIDENT, Meaning.HELP),
        ("救命！", Role.RESIDENT, Meaning.HELP),
        ("4", Role.RESIDENT, Meaning.UNCLEAR),
        ("12", Role.RESIDENT, Meaning.UNCLEAR),
        ("not fine", Role.RESIDENT, Meaning.UNCLEAR),
        ("", Role.RESIDENT, Meaning.UNCLEAR),
        ("4", Role.CONTACT, Meaning.ACKNOWLEDGE),
        ("1", Role.CASEWORKER, Meaning.ACKNOWLEDGE),
        ("知道了。", Role.DUTY_OFFICER, Meaning.ACKNOWLEDGE),
        ("2", Role.CONTACT, Meaning.UNCLEAR),
    ],
)
def test_answers(said: str, role: Role, meaning: Meaning) -> None:
    assert understand(said, role) is meaning


@given(st.text(max_size=30), st.sampled_from(Role))
def test_any_answer_is_taken_for_something(said: str, role: Role) -> None:
    meaning = understand(said, role)
    assert (meaning is Meaning.ACKNOWLEDGE) <= (role is not Role.RESIDENT)
    assert (meaning in (Meaning.FINE, Meaning.HELP)) <= (role is Role.RESIDENT)


def watched(status: Status, held_by: str | None, next_due: int | None) -> Watched:
    return Watched(episode_id(HOME, Kind.LEAK, 0), HOME, status, held_by, next_due)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (watched(Status.UNACKNOWLEDGED, None, None), "no step is planned"),
        (watched(Status.RETURNED, None, None), "no step is planned"),
        (watched(Status.SHELVED, "token:desk", None), "no step is planned"),
        (watched(Status.SUPPRESSED, None, NOON - HOUR), "60 min overdue"),
    ],
)
def test_the_auditor_finds_who_is_forgotten(one: Watched, words: str) -> None:
    (violation,) = audit([one], NOON)
    assert words in violation.detail
    assert violation.household == HOME


def test_the_auditor_is_content_with_a_holder_or_a_step_ahead() -> None:
    content = [
        watched(Status.ACKNOWLEDGED, "person:wang", None),
        watched(Status.UNACKNOWLEDGED, None, NOON + MINUTE),
        watched(Status.UNACKNOWLEDGED, None, NOON - TOLERANCE),
        watched(Status.SHELVED, "token:desk", NOON + HOUR),
    ]
    assert audit(content, NOON) == []
