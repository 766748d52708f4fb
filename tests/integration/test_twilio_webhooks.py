"""Twilio's webhooks one by one: who is let in, what happens the second time, and what somebody hears."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest

from simulators.twilio.signature import sign
from tests.integration.dashboards_site import open_site
from tests.integration.twilio_line import CHEN, DAUGHTER, PUBLIC, TOKEN, Line, open_line

CALL = "CA" + "f" * 32


@pytest.fixture
def line(database: str) -> Iterator[Line]:
    with open_line(database) as opened:
        yield opened


def _post(
    line: Line,
    path: str,
    fields: dict[str, str],
    *,
    base: str = PUBLIC,
    token: str = TOKEN,
    headers: dict[str, str] | None = None,
) -> Any:
    """Post as Twilio does, signed for `base`."""
    signed = {"X-Twilio-Signature": sign(token, base + path, fields)}
    return line.site.client.post(
        path,
        content=urlencode(fields),
        headers={"Content-Type": "application/x-www-form-urlencoded", **signed, **(headers or {})},
    )


def _call_to(line: Line, phone: str) -> str:
    """Return the path at which the newest call to a number is talked with."""
    return f"/webhooks/twilio/voice/{line.sent(phone, 'call')[-1]['id']}"


def _document(answer: Any) -> ET.Element:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    return ET.fromstring(answer.text)  # noqa: S314 - our own document


def _said(answer: Any) -> str:
    return " ".join(one.text or "" for one in _document(answer).iter("Say"))


def _next(answer: Any) -> str | None:
    """Return the path a key is posted to, None where the call ends."""
    gather = _document(answer).find("Gather")
    return None if gather is None else str(gather.get("action")).removeprefix(PUBLIC)


def _begin(line: Line) -> str:
    """Raise an alert, let its first messages leave, and return the path of the resident's call."""
    line.site.alert()
    line.round()
    return _call_to(line, CHEN)


def _everything(line: Line) -> list[Any]:
    """Return what a refused webhook must not have changed."""
    return [
        line.rows("SELECT id, status, answer FROM notification ORDER BY id"),
        line.rows("SELECT id, status, event_count FROM alert"),
        line.rows("SELECT * FROM twilio_event"),
        line.rows("SELECT * FROM opted_out"),
    ]


PRESSED = {"CallSid": CALL, "Digits": "1", "AnsweredBy": "human"}
EARLY = {"CallSid": CALL, "Digits": "1"}
"""A key before it is known who took the call."""


@pytest.mark.parametrize(
    "forged",
    [
        {"base": "https://shouwang.example.evil"},
        {"base": "https://elsewhere.example"},
        {"base": "http://shouwang.example"},
        {"token": "another token"},
        {"headers": {"X-Twilio-Signature": "bm9ib2R5"}},
        {"headers": {"X-Twilio-Signature": ""}},
        {"base": "https://elsewhere.example", "headers": {"Host": "elsewhere.example"}},
        {"base": "https://elsewhere.example", "headers": {"X-Forwarded-Host": "elsewhere.example"}},
    ],
)
def test_a_forged_webhook_or_one_for_another_host_changes_nothing(line: Line, forged: dict[str, Any]) -> None:
    path = _begin(line)
    before = _everything(line)
    for where in (f"{path}/key?turn=1", path, path.replace("voice", "status"), "/webhooks/twilio/inbound"):
        answer = _post(line, where, {**PRESSED, "From": CHEN, "Body": "1", "MessageSid": "SM1"}, **forged)
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
        assert "SHOUWANG_PUBLIC_URL" in answer.json()["detail"]
    assert _everything(line) == before
    assert line.counted("shouwang_twilio_webhooks_refused_total") == 4


def test_a_signature_does_not_fit_other_words_or_another_turn(line: Line) -> None:
    path = _begin(line)
    signature = {"X-Twilio-Signature": sign(TOKEN, f"{PUBLIC}{path}/key?turn=1", PRESSED)}
    for where, fields in (
        (f"{path}/key?turn=1", {**PRESSED, "Digits": "2"}),
        (f"{path}/key?turn=2", PRESSED),
        (f"{path}/key", PRESSED),
    ):
        assert _post(line, where, fields, headers=signature).status_code == 403


def test_the_host_header_decides_nothing(line: Line) -> None:
    path = _begin(line)
    answer = _post(line, f"{path}/key?turn=1", PRESSED, headers={"Host": "whatever.example"})
    assert "fine" in _said(answer)


def test_a_replayed_webhook_changes_nothing_and_gets_the_first_answer(line: Line) -> None:
    path = _begin(line)
    first = _post(line, f"{path}/key?turn=1", PRESSED)
    before = _everything(line)
    line.site.now = line.site.now.replace(hour=9)
    for _ in range(3):
        again = _post(line, f"{path}/key?turn=1", PRESSED)
        assert (again.status_code, again.text) == (first.status_code, first.text)
    assert _everything(line) == before
    assert line.counted("shouwang_twilio_webhooks_again_total") == 3


def test_the_same_webhook_many_times_at_once_is_taken_once(line: Line) -> None:
    path = _begin(line)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: _post(line, f"{path}/key?turn=1", PRESSED), range(8)))
    assert {(one.status_code, one.text) for one in answers} == {(200, answers[0].text)}
    [alert] = line.rows("SELECT id FROM alert")
    assert len(line.told(alert["id"], "answered")) == 1
    assert line.counted("shouwang_twilio_webhooks_again_total") == 7


def test_a_replayed_sms_is_answered_once(line: Line) -> None:
    _begin(line)
    fields = {"MessageSid": "SM" + "1" * 32, "From": CHEN, "To": "+12025550142", "Body": "2"}
    first = _post(line, "/webhooks/twilio/inbound", fields)
    assert "<Message>" in first.text
    before = _everything(line)
    assert _post(line, "/webhooks/twilio/inbound", fields).text == first.text
    assert _everything(line) == before


def test_a_webhook_that_went_wrong_is_not_taken_for_done(line: Line) -> None:
    _begin(line)
    nowhere = "/webhooks/twilio/voice/00000000-0000-0000-0000-000000000000"
    assert _post(line, nowhere, {"CallSid": CALL}).status_code == 404
    assert line.rows("SELECT * FROM twilio_event") == []
    assert _post(line, _call_to(line, CHEN), {"Digits": "1"}).status_code == 422  # without an id nothing can be kept


def test_a_call_reads_its_message_twice_and_then_says_goodbye(line: Line) -> None:
    path = _begin(line)
    first = _post(line, path, {"CallSid": CALL})
    assert "Press or reply 1 if you are fine" in _said(first)
    assert "star to hear this again" in _said(first)
    second = _post(line, str(_next(first)), {"CallSid": CALL, "Digits": ""})
    assert _said(second) == _said(first)
    last = _post(line, str(_next(second)), {"CallSid": CALL, "Digits": ""})
    assert "will try again" in _said(last)
    assert _next(last) is None
    assert line.sent(CHEN, "call")[0]["status"] == "sent"  # its end tells that it was missed


def test_a_stuck_star_does_not_keep_a_call_up_for_ever(line: Line) -> None:
    answer = _post(line, _begin(line), {"CallSid": CALL})
    for _ in range(7):
        answer = _post(line, str(_next(answer)), {"CallSid": CALL, "Digits": "*"})
    assert _next(answer) is not None
    answer = _post(line, str(_next(answer)), {"CallSid": CALL, "Digits": "*"})
    assert _next(answer) is None


def test_the_last_turn_still_hears_an_answer(line: Line) -> None:
    assert "fine" in _said(_post(line, f"{_begin(line)}/key?turn=8", PRESSED))


def test_a_machine_that_is_known_when_it_answers_hears_nothing(line: Line) -> None:
    answer = _post(line, _begin(line), {"CallSid": CALL, "AnsweredBy": "machine_end_beep"})
    assert [one.tag for one in _document(answer)] == ["Hangup"]
    assert line.sent(CHEN, "call")[0]["status"] == "missed"


def test_after_a_machine_only_a_cry_for_help_counts(line: Line) -> None:
    path = _begin(line)
    told = _post(line, path.replace("voice", "machine"), {"CallSid": CALL, "AnsweredBy": "machine_start"})
    assert told.status_code == 204
    assert line.sent(CHEN, "call")[0]["status"] == "missed"
    refused = _post(line, f"{path}/key?turn=1", PRESSED)
    assert [one.tag for one in _document(refused)] == ["Hangup"]
    [alert] = line.rows("SELECT id, status, help_at FROM alert")
    assert (alert["status"], alert["help_at"]) == ("unacknowledged", None)
    assert "help" in _said(_post(line, f"{path}/key?turn=2", {"CallSid": CALL, "Digits": "2"}))
    [alert] = line.rows("SELECT help_at FROM alert")
    assert alert["help_at"] is not None


def test_a_person_who_was_detected_is_asked_on(line: Line) -> None:
    path = _begin(line)
    _post(line, path.replace("voice", "machine"), {"CallSid": CALL, "AnsweredBy": "human"})
    assert "fine" in _said(_post(line, f"{path}/key?turn=1", PRESSED))


def _goes_on(answer: Any) -> str:
    """Return the path at which a call asks on by itself."""
    redirect = _document(answer).find("Redirect")
    assert redirect is not None, answer.text
    return str(redirect.text).removeprefix(PUBLIC)


def test_a_key_counts_only_when_it_is_known_that_a_person_took_the_call(line: Line) -> None:
    path = _begin(line)
    first = _post(line, f"{path}/key?turn=1", EARLY)
    assert _said(first) == "One moment, please."
    second = _post(line, _goes_on(first), {"CallSid": CALL})
    assert _said(second) == "", "it is said once"
    assert line.rows("SELECT status FROM alert") == [{"status": "unacknowledged"}]
    _post(line, path.replace("voice", "machine"), {"CallSid": CALL, "AnsweredBy": "human"})
    assert line.rows("SELECT status, outcome FROM alert") == [{"status": "closed", "outcome": "resident_fine"}]
    assert "noted that you are fine" in _said(_post(line, _goes_on(second), {"CallSid": CALL}))
    [alert] = line.rows("SELECT id FROM alert")
    assert len(line.told(alert["id"], "answered")) == 1


def test_the_early_key_of_a_machine_never_counts(line: Line) -> None:
    path = _begin(line)
    first = _post(line, f"{path}/key?turn=1", EARLY)
    _post(line, path.replace("voice", "machine"), {"CallSid": CALL, "AnsweredBy": "machine_start"})
    last = _post(line, _goes_on(first), {"CallSid": CALL})
    assert [one.tag for one in _document(last)] == ["Hangup"]
    assert line.rows("SELECT status FROM alert") == [{"status": "unacknowledged"}]
    assert line.sent(CHEN, "call")[0]["status"] == "missed"


def test_who_pressed_early_and_hung_up_is_heard_when_it_is_known_to_be_a_person(line: Line) -> None:
    path = _begin(line)
    _post(line, f"{path}/key?turn=1", EARLY)
    _post(line, path.replace("voice", "status"), {"CallSid": CALL, "CallStatus": "completed"})
    _post(line, path.replace("voice", "machine"), {"CallSid": CALL, "AnsweredBy": "unknown"})
    assert line.rows("SELECT outcome FROM alert") == [{"outcome": "resident_fine"}]
    assert line.sent(CHEN, "call")[0]["status"] == "answered"


def test_an_early_cry_for_help_waits_for_no_verdict(line: Line) -> None:
    path = _begin(line)
    assert "help" in _said(_post(line, f"{path}/key?turn=1", {"CallSid": CALL, "Digits": "2"}))
    [alert] = line.rows("SELECT help_at FROM alert")
    assert alert["help_at"] is not None


def test_a_key_without_any_verdict_is_not_waited_for_for_ever(line: Line) -> None:
    answer, pauses = _post(line, f"{_begin(line)}/key?turn=1", EARLY), 0
    while _document(answer).find("Redirect") is not None:
        pauses += 1
        answer = _post(line, _goes_on(answer), {"CallSid": CALL})
    assert pauses == 18
    assert "will try again" in _said(answer)
    assert line.rows("SELECT status FROM alert") == [{"status": "unacknowledged"}]


def test_another_call_of_the_same_message_is_no_machine_for_that(line: Line) -> None:
    path = _begin(line)
    _post(line, path.replace("voice", "machine"), {"CallSid": "CA" + "0" * 32, "AnsweredBy": "machine_start"})
    assert "fine" in _said(_post(line, f"{path}/key?turn=1", PRESSED))


@pytest.mark.parametrize(
    ("status", "more", "becomes"),
    [
        ("busy", {}, "missed"),
        ("no-answer", {}, "missed"),
        ("canceled", {}, "missed"),
        ("failed", {}, "missed"),
        ("failed", {"SipResponseCode": "503"}, "missed"),
        ("failed", {"SipResponseCode": "404"}, "failed"),
        ("completed", {}, "missed"),
        ("ringing", {}, "sent"),
        ("in-progress", {}, "sent"),
    ],
)
def test_how_a_call_ended(line: Line, status: str, more: dict[str, str], becomes: str) -> None:
    path = _begin(line).replace("voice", "status")
    assert _post(line, path, {"CallSid": CALL, "CallStatus": status, **more}).status_code == 204
    assert line.sent(CHEN, "call")[0]["status"] == becomes


def test_the_end_of_an_answered_call_takes_nothing_back(line: Line) -> None:
    path = _begin(line)
    _post(line, f"{path}/key?turn=1", PRESSED)
    _post(line, path.replace("voice", "status"), {"CallSid": CALL, "CallStatus": "completed"})
    assert line.sent(CHEN, "call")[0]["status"] == "answered"


@pytest.mark.parametrize(
    ("status", "code", "becomes"),
    [
        ("queued", "", "sent"),
        ("sent", "", "sent"),
        ("delivered", "", "delivered"),
        ("read", "", "delivered"),
        ("undelivered", "30003", "failed"),
        ("failed", "30007", "failed"),
    ],
)
def test_what_became_of_an_sms(line: Line, status: str, code: str, becomes: str) -> None:
    _begin(line)
    [text] = line.sent(CHEN, "sms")
    fields = {"MessageSid": text["reference"], "MessageStatus": status, **({"ErrorCode": code} if code else {})}
    assert _post(line, f"/webhooks/twilio/status/{text['id']}", fields).status_code == 204
    after = line.sent(CHEN, "sms")[0]
    assert after["status"] == becomes
    assert code in (after["error"] or "")


def test_an_sms_blocked_by_their_own_stop_is_remembered(line: Line) -> None:
    _begin(line)
    [text] = line.sent(CHEN, "sms")
    fields = {"MessageSid": text["reference"], "MessageStatus": "failed", "ErrorCode": "21610"}
    _post(line, f"/webhooks/twilio/status/{text['id']}", fields)
    assert line.rows("SELECT person, channel, medium FROM opted_out") == [
        {"person": "r-1", "channel": "twilio", "medium": "sms"}
    ]


def test_a_contact_called_after_it_was_over_is_told_so(line: Line) -> None:
    resident = _begin(line)
    line.pass_time(5.2)
    contact = _call_to(line, DAUGHTER)
    _post(line, f"{resident}/key?turn=1", PRESSED)
    answer = _post(line, contact, {"CallSid": CALL})
    assert "over" in _said(answer)
    assert _next(answer) is None


def test_two_who_take_charge_are_told_which_of_them_has_it(line: Line) -> None:
    _begin(line)
    line.pass_time(8.2)
    first, second = line.sent(DAUGHTER, "call")[0], line.sent("+8613812340021", "sms")[0]
    said = _post(line, f"/webhooks/twilio/voice/{first['id']}/key?turn=1", {**PRESSED, "Digits": "4"})
    assert "it is yours" in _said(said)
    fields = {"MessageSid": "SM" + "2" * 32, "From": second["phone"], "Body": "4"}
    assert "somebody else has taken it" in _post(line, "/webhooks/twilio/inbound", fields).text


@pytest.mark.parametrize(
    ("language", "voice", "word"),
    [
        ("zh_CN", 'language="cmn-CN" voice="Polly.Zhiyu-Neural"', "平安请按1"),
        ("yue", 'language="yue-CN" voice="Polly.Hiujin-Neural"', "平安请按1"),
        ("zh_HK", 'language="yue-CN" voice="Polly.Hiujin-Neural"', "平安请按1"),
        ("en", 'language="en-US" voice="Polly.Joanna-Neural"', "1 if you are fine"),
    ],
)
def test_everybody_is_spoken_to_in_their_own_language(line: Line, language: str, voice: str, word: str) -> None:
    with line.site.pool.connection() as conn:
        conn.execute("UPDATE person SET language = %s WHERE id = 'r-1'", (language,))
    answer = _post(line, _begin(line), {"CallSid": CALL})
    assert voice in answer.text
    assert word in _said(answer)


def test_without_twilio_there_are_no_webhooks(database: str) -> None:
    with open_site(database) as site:
        assert site.client.post("/webhooks/twilio/inbound", data={"Body": "1"}).status_code == 404
