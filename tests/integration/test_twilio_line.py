"""Ladders over Twilio, from the finding to somebody's answer and back: emulated telephones, real everything else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from detectors.finding import Kind, Severity
from simulators.twilio.script import Callbacks, Fault, Pickup, Reception, Script, Telephone
from tests.integration.twilio_line import CHEN, DAUGHTER, HUANG, LI_WEI, OWN, Line, open_line


@pytest.fixture
def line(database: str) -> Iterator[Line]:
    with open_line(database) as opened:
        yield opened


def _calls(*pickups: Pickup) -> Telephone:
    return Telephone(calls=pickups)


def _answers(*keys: str, by: str = "human") -> Pickup:
    return Pickup(fate="answered", keys=keys, by=by)  # type: ignore[arg-type]


NOBODY = Pickup(fate="no-answer")


def test_one_by_sms_closes_and_is_confirmed(line: Line) -> None:
    line.says(CHEN, Telephone(sms=(Reception(reply="1", reply_after=20),)))
    alert = line.site.alert()
    line.pass_time(1)
    assert line.status(alert) == ("closed", "resident_fine")
    [text] = line.sent(CHEN, "sms")
    assert (text["status"], text["answer"]) == ("answered", "1")
    assert text["reference"].startswith("SM")
    confirmed = [one for one in line.exchange.messages.values() if one.direction == "outbound-reply"]
    assert ["fine" in one.body for one in confirmed] == [True]
    assert [one["actor"] for one in line.told(alert, "closed")] == ["person:r-1"]


def test_a_keypress_on_the_second_call_closes(line: Line) -> None:
    line.says(CHEN, _calls(NOBODY, _answers("1")))
    alert = line.site.alert()
    line.pass_time(5)
    assert line.status(alert) == ("closed", "resident_fine")
    assert [one["status"] for one in line.sent(CHEN, "call")] == ["missed", "answered"]
    assert len(line.told(alert, "missed")) == 1


def test_rings_unanswered_climb_to_contact_caseworker_and_visit(line: Line) -> None:
    alert = line.site.alert()
    line.pass_time(10)
    assert [one["status"] for one in line.sent(CHEN, "call")] == ["missed", "missed"]
    assert [one["status"] for one in line.sent(DAUGHTER, "call")] == ["missed"]
    assert [one["status"] for one in line.sent(LI_WEI, "sms")] == ["delivered"]
    assert line.rows("SELECT kind, status FROM task WHERE alert = %s", alert) == [{"kind": "visit", "status": "open"}]
    assert line.status(alert) == ("unacknowledged", None)


@pytest.mark.parametrize("by", ["machine_start", "machine_end_beep", "fax"])
def test_a_machine_never_counts_as_an_answer(line: Line, by: str) -> None:
    line.says(CHEN, _calls(_answers(by=by)))
    line.says(DAUGHTER, _calls(_answers("4")))
    alert = line.site.alert()
    line.pass_time(2)
    assert [one["status"] for one in line.sent(CHEN, "call")] == ["missed"]
    line.pass_time(5)
    assert line.status(alert) == ("acknowledged", None)
    assert [one["status"] for one in line.sent(CHEN, "call")] == ["missed", "missed"]
    assert [one["status"] for one in line.sent(DAUGHTER, "call")] == ["answered"]


def test_listening_to_the_end_is_no_answer(line: Line) -> None:
    line.says(CHEN, _calls(_answers()))
    alert = line.site.alert()
    line.pass_time(2)
    assert [one["status"] for one in line.sent(CHEN, "call")] == ["missed"]
    said = line.heard("/webhooks/twilio/voice")
    assert [one.get("Digits") for one in said] == [None, "", ""]  # picked up, and asked twice
    assert line.status(alert)[0] == "unacknowledged"


def test_help_by_key_sends_somebody_and_calls_the_officer(line: Line) -> None:
    line.says(CHEN, _calls(_answers("2")))
    alert = line.site.alert()
    line.pass_time(1)
    [row] = line.rows("SELECT severity, help_at FROM alert WHERE id = %s", alert)
    assert row["severity"] == 4
    assert row["help_at"] is not None
    assert [one["status"] for one in line.sent(HUANG, "call")] != []
    assert [one["kind"] for one in line.rows("SELECT kind FROM task WHERE alert = %s", alert)] == ["visit"]


def test_star_repeats_and_a_wrong_key_asks_again(line: Line) -> None:
    line.says(CHEN, _calls(_answers("*", "7", "*", "1")))
    alert = line.site.alert()
    line.pass_time(2)
    assert line.status(alert) == ("closed", "resident_fine")
    assert [one["Digits"] for one in line.heard("/webhooks/twilio/voice") if "Digits" in one] == ["*", "7", "*", "1"]
    assert [one["detail"]["answer"] for one in line.told(alert, "answered")] == ["1"]


def test_a_contact_takes_charge_by_key(line: Line) -> None:
    line.says(DAUGHTER, _calls(_answers("4")))
    alert = line.site.alert()
    line.pass_time(6)
    assert line.status(alert) == ("acknowledged", None)
    line.pass_time(20)
    assert line.sent(HUANG, "call") == []  # whatever was to come has stopped


def test_a_contact_has_the_next_in_line_told_at_once(line: Line) -> None:
    line.says(DAUGHTER, _calls(_answers("5")))
    alert = line.site.alert()
    line.pass_time(5.5)
    [asked] = line.told(alert, "answered")
    assert (asked["actor"], asked["detail"]["meaning"]) == ("person:c-1", "escalate")
    [planned] = line.told(alert, "task_planned")
    assert timedelta() <= planned["at"] - asked["at"] < timedelta(seconds=30)  # and not three minutes later
    assert line.status(alert) == ("unacknowledged", None)


def test_staff_close_by_key_but_not_a_contact(line: Line) -> None:
    line.says(DAUGHTER, _calls(_answers("6")))
    line.says(HUANG, _calls(_answers("6")))
    alert = line.site.alert()
    line.pass_time(7)
    assert line.status(alert) == ("unacknowledged", None)
    line.pass_time(10)
    assert line.status(alert) == ("closed", "other")
    [row] = line.rows("SELECT held_by, note FROM alert WHERE id = %s", alert)
    assert row == {"held_by": "person:do-1", "note": "closed by telephone"}


def test_smoke_that_is_reported_is_closed_by_no_key(line: Line) -> None:
    for number in (CHEN, DAUGHTER, HUANG):
        line.says(number, _calls(_answers("1" if number == CHEN else "6")))
    alert = line.site.alert(kind=Kind.SMOKE, severity=Severity.URGENT)
    line.pass_time(2)
    assert line.status(alert)[0] == "unacknowledged"
    meanings = [one["detail"]["meaning"] for one in line.told(alert, "answered")]
    assert meanings.count("fine") == 1
    assert meanings.count("close") >= 2


def test_a_reply_after_the_alert_was_closed(line: Line) -> None:
    line.says(CHEN, _calls(_answers("1")))
    alert = line.site.alert()
    line.pass_time(1)
    assert line.status(alert)[0] == "closed"
    line.exchange.text(CHEN, "1", OWN)
    line.pass_time(1)
    assert line.status(alert) == ("closed", "resident_fine")
    line.exchange.text(CHEN, "HELP", OWN)
    line.pass_time(1)
    opened = line.rows("SELECT severity, status FROM alert WHERE id <> %s", alert)
    assert opened == [{"severity": 4, "status": "unacknowledged"}]


def test_a_reply_names_the_message_it_answers(line: Line) -> None:
    first = line.site.alert("hh-1")
    line.pass_time(9)
    second = line.site.alert("hh-2")
    line.pass_time(9)
    to_first, to_second = (
        next(one for one in line.sent(LI_WEI, "sms") if one["alert"] == alert) for alert in (first, second)
    )
    bodies = {one.sid: one.body for one in line.exchange.messages.values()}
    reference = bodies[to_first["reference"]].rpartition(" ")[2]
    line.exchange.text(LI_WEI, f"4 {reference}", OWN)
    assert (line.status(first)[0], line.status(second)[0]) == ("acknowledged", "unacknowledged")
    line.exchange.text(LI_WEI, "4", OWN)  # without one it is for what is newest
    assert line.status(second)[0] == "acknowledged"
    assert to_second["reference"] in bodies


def test_an_unknown_number_is_answered_and_changes_nothing(line: Line) -> None:
    alert = line.site.alert()
    line.pass_time(0)
    stranger = "+8613899999999"
    for _ in range(2):
        line.exchange.text(stranger, "1", OWN)
    replies = [one for one in line.exchange.messages.values() if one.to == stranger]
    assert len(replies) == 1  # once an hour: it might be a machine
    assert line.told(alert, "answered") == []
    assert line.status(alert)[0] == "unacknowledged"
    assert line.counted("shouwang_twilio_unknown_numbers_total") == 2


@pytest.mark.parametrize(("phone", "person", "word"), [(CHEN, "r-1", "help"), (DAUGHTER, "c-1", "2")])
def test_help_from_somebody_who_was_asked_nothing_sends_somebody(
    line: Line, phone: str, person: str, word: str
) -> None:
    for _ in range(2):
        line.exchange.text(phone, word, OWN)
        line.pass_time(0)
    [alert] = line.rows("SELECT id, household, kind, severity, help_at, facts FROM alert")
    assert (alert["household"], alert["kind"], alert["severity"]) == ("hh-1", "inactivity", 4)
    assert alert["help_at"] is not None
    assert [one["actor"] for one in line.told(alert["id"], "help_asked")] == [f"person:{person}"], "once"
    assert line.rows("SELECT kind, assignee FROM task") == [{"kind": "visit", "assignee": "cw-west"}]
    assert line.sent(HUANG, "call"), "the duty officer is called"
    replies = [one.body for one in line.exchange.messages.values() if one.direction == "outbound-reply"]
    assert len(replies) == 2
    assert all("We have heard that you need help" in one for one in replies)
    story = line.site.get(f"/api/v1/alerts/{alert['id']}")
    assert story["sentence"] == "Somebody of this household asked for help by SMS at Thu 12:00."
    assert line.counted("shouwang_twilio_unknown_numbers_total") == 0
    line.pass_time(30)
    assert line.status(alert["id"])[0] == "unacknowledged", "no sensor ends it"
    assert len(line.sent(HUANG, "call")) > 1, "and the ladder goes on"


def test_whoever_was_asked_nothing_is_told_how_to_ask_for_help(line: Line) -> None:
    for _ in range(2):
        line.exchange.text(CHEN, "hello?", OWN)
    [reply] = [one.body for one in line.exchange.messages.values() if one.direction == "outbound-reply"]
    assert "If you need help, reply 2" in reply
    assert line.rows("SELECT * FROM alert") == []


def test_stop_is_kept_to_and_start_takes_it_back(line: Line) -> None:
    line.exchange.text(CHEN, "Stop", OWN)
    assert line.rows("SELECT person, channel, medium FROM opted_out") == [
        {"person": "r-1", "channel": "twilio", "medium": "sms"}
    ]
    alert = line.site.alert()
    line.pass_time(1)
    assert line.sent(CHEN, "sms") == []
    assert line.sent(CHEN, "call") != []
    assert line.status(alert)[0] == "unacknowledged"
    line.exchange.text(CHEN, "START", OWN)
    assert line.rows("SELECT 1 FROM opted_out") == []


def test_who_told_twilio_only_is_not_written_to_again(line: Line) -> None:
    line.exchange.script(CHEN, Telephone(opted_out=True))
    line.site.alert()
    line.pass_time(1)
    assert [one["status"] for one in line.sent(CHEN, "sms")] == ["failed"]
    assert line.rows("SELECT person, medium FROM opted_out") == [{"person": "r-1", "medium": "sms"}]


def test_an_undelivered_sms_is_written_down_with_its_code(line: Line) -> None:
    line.says(CHEN, Telephone(sms=(Reception(fate="undelivered", error=30003),)))
    line.site.alert()
    line.pass_time(1)
    [text] = line.sent(CHEN, "sms")
    assert text["status"] == "failed"
    assert "30003" in text["error"]


def test_a_number_that_does_not_exist_becomes_a_task(line: Line) -> None:
    line.says(CHEN, Telephone(exists=False))
    alert = line.site.alert()
    line.pass_time(1)
    assert {one["status"] for one in line.sent(CHEN, "call")} == {"failed"}
    kinds = [one["kind"] for one in line.rows("SELECT kind FROM task WHERE alert = %s", alert)]
    assert kinds == ["contact"]


def test_what_twilio_took_without_an_answer_is_settled_by_its_webhooks(database: str) -> None:
    with open_line(database, timeout=1.5) as line:
        line.exchange.ail(Fault(kind="slow", to=CHEN, times=2))
        line.site.alert()
        line.pass_time(2)
        assert [one.to for one in line.exchange.messages.values()] == [CHEN]
        assert [one.to for one in line.exchange.calls.values()] == [CHEN]
        [text], [call] = line.sent(CHEN, "sms"), line.sent(CHEN, "call")
        assert (text["status"], call["status"]) == ("delivered", "missed")


def test_what_twilio_took_without_an_answer_is_looked_up_before_it_is_sent_again(database: str) -> None:
    with open_line(database, script=Script(callbacks=Callbacks(delay=600)), timeout=1.5) as line:
        line.exchange.ail(Fault(kind="slow", to=CHEN, times=2))
        line.site.alert()
        line.pass_time(1)
        [text], [call] = line.sent(CHEN, "sms"), line.sent(CHEN, "call")
        [taken] = line.exchange.messages.values()
        assert (text["status"], text["attempts"], text["reference"]) == ("sent", 2, taken.sid)
        assert len(line.exchange.calls) == 1  # it rang meanwhile: nobody is called twice at a time
        assert (call["status"], call["attempts"]) == ("queued", 2)


def test_twilio_down_for_an_hour_stops_no_ladder(line: Line) -> None:
    line.exchange.ail(Fault(kind="down", lasts=3600.0))
    alert = line.site.alert()
    line.pass_time(20, step=30)
    tasks = line.rows("SELECT kind FROM task WHERE alert = %s", alert)
    assert {"kind": "visit"} in tasks
    assert line.status(alert)[0] == "unacknowledged"
    assert line.exchange.messages == {}
    line.pass_time(55, step=30)
    assert {one.to for one in line.exchange.messages.values()} >= {CHEN}
    sids = [one["reference"] for one in line.sent(CHEN, "sms") if one["reference"]]
    assert len(sids) == len(set(sids))


def test_throttled_messages_go_out_later(line: Line) -> None:
    line.exchange.ail(Fault(kind="throttled", to=CHEN, lasts=45.0))
    line.site.alert()
    line.pass_time(0.5)
    assert [one["status"] for one in line.sent(CHEN, "sms")] == ["queued"]
    line.pass_time(2)
    assert [one["status"] for one in line.sent(CHEN, "sms")] == ["delivered"]


def test_news_that_comes_late_twice_and_in_the_wrong_order_says_the_same(database: str) -> None:
    script = Script(callbacks=Callbacks(delay=3, copies=2, reordered=True))
    with open_line(database, script=script) as line:
        line.says(CHEN, _calls(NOBODY, _answers("1")))
        alert = line.site.alert()
        line.pass_time(6)
        assert [one["status"] for one in line.sent(CHEN, "sms")] == ["delivered"]
        assert [one["status"] for one in line.sent(CHEN, "call")] == ["missed", "answered"]
        assert len(line.told(alert, "missed")) == 1
        assert len(line.told(alert, "delivered")) == 1
        assert line.counted("shouwang_twilio_webhooks_again_total") > 0


def test_every_request_conforms_to_twilios_description(line: Line) -> None:
    line.site.alert()
    line.pass_time(3)
    assert [code for code, _ in line.exchange.debugger] == []
    assert len(line.exchange.messages) >= 1
    assert len(line.exchange.calls) >= 1
    call = next(iter(line.exchange.calls.values()))
    assert call.order("MachineDetection") == "Enable"
    assert call.order("AsyncAmd") == "true"
    assert call.order("Timeout") == "30"
