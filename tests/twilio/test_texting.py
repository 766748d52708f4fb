"""The emulator's SMS: answered as Twilio describes it, and what becomes of a message is told as Twilio tells it."""

from __future__ import annotations

import pytest

from simulators.twilio.script import Callbacks, Fault, Reception, Script, Telephone
from tests.twilio.town import ACCOUNT, LI, NOBODY, OWN, WANG, Town, sms

REFERENCE = "https://www.twilio.com/docs/errors/"


@pytest.fixture
def town() -> Town:
    return Town()


def told(town: Town) -> list[str]:
    return [form["MessageStatus"] for form in town.service.forms("/status")]


def test_a_message_is_queued_sent_and_delivered(town: Town) -> None:
    made = town.texts().json()
    assert (made["status"], made["date_sent"], made["to"], made["from"]) == ("queued", None, LI, OWN)
    assert made["date_created"] == "Mon, 02 Mar 2026 00:00:00 +0000"
    town.wait(1)
    assert told(town) == ["sent"]
    town.wait(3)
    assert told(town) == ["sent", "delivered"]
    shown = town.http.get(made["uri"]).json()
    assert (shown["status"], shown["date_sent"]) == ("delivered", "Mon, 02 Mar 2026 00:00:01 +0000")
    form = town.service.forms("/status")[-1]
    assert (form["MessageSid"], form["SmsSid"], form["AccountSid"]) == (made["sid"], made["sid"], ACCOUNT)
    assert "ErrorCode" not in form
    assert town.proxy.violations == []


@pytest.mark.parametrize(
    ("fate", "error", "reason", "news"),
    [
        ("undelivered", 30003, "Unreachable destination handset", ["sent", "undelivered"]),
        ("undelivered", 30005, "Unknown destination handset", ["sent", "undelivered"]),
        ("failed", 30008, "Unknown error", ["failed"]),
    ],
)
def test_what_does_not_arrive_says_why(town: Town, fate: str, error: int, reason: str, news: list[str]) -> None:
    town.exchange.script(LI, sms(fate=fate, error=error))
    made = town.texts().json()
    town.wait(60)
    assert told(town) == news
    assert town.service.forms("/status")[-1]["ErrorCode"] == str(error)
    shown = town.http.get(made["uri"]).json()
    assert (shown["status"], shown["error_code"], shown["error_message"]) == (fate, error, reason)
    assert town.proxy.violations == []


def test_of_some_messages_nothing_more_is_heard(town: Town) -> None:
    town.exchange.script(LI, sms(fate="sent"))
    town.texts()
    town.wait(3600)
    assert told(town) == ["sent"]


def test_somebody_replies(town: Town) -> None:
    town.exchange.script(LI, Telephone(sms=(Reception(reply="1", reply_after=20), Reception())))
    town.texts()
    town.wait(23)
    assert town.service.forms("/inbound") == []
    town.wait(1)
    [form] = town.service.forms("/inbound")
    assert (form["From"], form["To"], form["Body"], form["SmsStatus"]) == (LI, OWN, "1", "received")
    town.texts()  # the second finds nobody at it
    town.wait(3600)
    assert len(town.service.forms("/inbound")) == 1
    listed = town.listed("Messages", From=LI).json()["messages"]
    assert [(one["direction"], one["status"]) for one in listed] == [("inbound", "received")]
    assert town.proxy.violations == []


def test_the_service_replies_to_a_reply(town: Town) -> None:
    town.service.says("/inbound", "<Response><Message>Thank you 谢谢</Message></Response>")
    town.exchange.text(LI, "1", OWN)
    town.wait(10)
    [back] = town.listed("Messages", To=LI).json()["messages"]
    assert (back["body"], back["direction"], back["status"]) == ("Thank you 谢谢", "outbound-reply", "delivered")
    assert town.proxy.violations == []


@pytest.mark.parametrize(
    ("to", "telephone", "code"),
    [
        (NOBODY, Telephone(exists=False), 21211),
        (LI, Telephone(opted_out=True), 21610),
        (LI, sms(refused=21614), 21614),
        (LI, sms(refused=30006), 30006),
    ],
)
def test_a_refusal_has_twilios_shape(town: Town, to: str, telephone: Telephone, code: int) -> None:
    town.exchange.script(to, telephone)
    answer = town.texts(to)
    assert answer.status_code == 400
    problem = answer.json()
    assert (problem["code"], problem["status"]) == (code, 400)
    assert problem["more_info"] == f"{REFERENCE}{code}"
    assert town.exchange.messages == {}
    assert town.proxy.violations == []


def test_stop_means_stop_until_start(town: Town) -> None:
    town.exchange.text(LI, " Stop ", OWN)
    assert town.texts().json()["code"] == 21610
    assert town.texts(WANG).status_code == 201
    town.exchange.text(LI, "START", OWN)
    assert town.texts().status_code == 201


def test_what_is_no_message_is_refused_with_its_own_code(town: Town) -> None:
    path = f"{town.base}/Messages.json"
    codes = [
        town.plain.post(path, data=form).json()["code"]
        for form in (
            {"From": OWN, "Body": "x"},
            {"To": LI, "Body": "x"},
            {"To": LI, "From": OWN},
            {"To": "138", "From": OWN, "Body": "x"},
            {"To": LI, "From": WANG, "Body": "x"},
            {"To": LI, "From": OWN, "Body": "x" * 1601},
            {"To": LI, "From": OWN, "Body": "x", "StatusCallback": "nowhere"},
        )
    ]
    assert codes == [21604, 21603, 21602, 21211, 21606, 21617, 21609]


@pytest.mark.parametrize(("text", "parts"), [("x" * 160, "1"), ("x" * 161, "2"), ("好" * 70, "1"), ("好" * 71, "2")])
def test_long_texts_are_counted_in_segments(town: Town, text: str, parts: str) -> None:
    assert town.texts(body=text).json()["num_segments"] == parts


def test_a_wrong_password_and_what_is_not_there(town: Town) -> None:
    town.http.auth = (ACCOUNT, "guessed")
    refused = town.texts()
    assert (refused.status_code, refused.json()["code"]) == (401, 20003)
    town.http.auth = (ACCOUNT, town.exchange.auth_token)
    missing = town.http.get(f"{town.base}/Messages/SM{'0' * 32}.json")
    assert (missing.status_code, missing.json()["code"]) == (404, 20404)
    assert town.proxy.violations == []
    assert town.plain.put(f"{town.base}/Messages.json").json()["code"] == 20004


def test_throttled_for_a_while_and_for_one_number(town: Town) -> None:
    town.exchange.ail(Fault(kind="throttled", to=LI, lasts=60))
    answer = town.texts()
    assert (answer.status_code, answer.json()["code"]) == (429, 20429)
    assert town.texts(WANG).status_code == 201
    town.wait(60)
    assert town.texts().status_code == 201
    assert town.proxy.violations == []


def test_down_for_an_hour_then_up_again() -> None:
    town = Town(Script(faults=(Fault(kind="down", start=600, lasts=3600),)))
    assert town.texts().status_code == 201
    town.wait(600)
    assert town.texts().status_code == 503
    assert town.listed("Messages").status_code == 503
    town.wait(3599)
    assert town.texts().status_code == 503
    town.wait(1)
    assert town.texts().status_code == 201
    assert len(town.exchange.messages) == 2


def test_a_fault_strikes_so_often_and_says_no_json(town: Town) -> None:
    town.exchange.ail(Fault(kind="down", times=2, status=502, garbled=True))
    answers = [town.texts() for _ in range(3)]
    assert [one.status_code for one in answers] == [502, 502, 201]
    assert answers[0].text.startswith("upstream")


def test_callbacks_come_late_twice_and_the_last_first() -> None:
    town = Town(Script(callbacks=Callbacks(delay=10, copies=2, reordered=True)))
    town.texts()
    town.wait(13)
    assert told(town) == []
    town.wait(120)
    assert told(town) == ["delivered", "delivered", "sent", "sent"]
    tokens = [letter.headers["I-Twilio-Idempotency-Token"] for letter in town.service.letters]
    assert len(set(tokens)) == 2  # a repetition says that it is one


def test_a_service_that_is_away_is_noted(town: Town) -> None:
    town.texts(StatusCallback="https://elsewhere.example/status")
    town.wait(60)
    assert [code for code, _ in town.exchange.debugger] == [11200, 11200]
    assert [one.status for one in town.exchange.office.posted] == [None, None]


def test_lists_are_filtered_by_number_and_date(town: Town) -> None:
    town.texts(LI, "first")
    town.wait(86_400)
    town.texts(WANG, "second")
    town.texts(LI, "third")
    town.wait(60)
    town.texts(LI, "queued")

    def bodies(**query: str) -> list[str]:
        return [one["body"] for one in town.listed("Messages", **query).json()["messages"]]

    assert bodies(To=WANG) == ["second"]
    assert bodies(To=LI) == ["queued", "third", "first"]
    assert bodies(To=LI, DateSent="2026-03-02") == ["first"]
    assert bodies(To=LI, **{"DateSent>": "2026-03-03T00:00:01Z"}) == ["third"]
    assert bodies(To=LI, **{"DateSent>": "2026-03-03T00:00:02Z"}) == []
    assert bodies(To=LI, **{"DateSent<": "2026-03-02"}) == ["first"]
    assert bodies(From=LI) == []
    assert town.proxy.violations == []
    assert town.plain.get(f"{town.base}/Messages.json", params={"DateSent": "today"}).json()["code"] == 20001


def test_lists_come_in_pages(town: Town) -> None:
    for number in range(5):
        town.texts(body=str(number))
        town.wait(1)
    page = town.listed("Messages", PageSize=2, To=LI).json()
    seen = [[one["body"] for one in page["messages"]]]
    assert (page["page"], page["start"], page["end"], page["previous_page_uri"]) == (0, 0, 1, None)
    while page["next_page_uri"]:
        page = town.http.get(page["next_page_uri"]).json()
        seen.append([one["body"] for one in page["messages"]])
    assert seen == [["4", "3"], ["2", "1"], ["0"]]
    assert (page["page"], page["page_size"], page["start"], page["end"]) == (2, 2, 4, 4)
    assert town.proxy.violations == []


def test_a_message_is_emptied_cancelled_and_deleted(town: Town) -> None:
    uri = town.texts().json()["uri"]
    assert town.http.post(uri, data={"Status": "canceled"}).json()["status"] == "canceled"
    town.wait(60)
    assert told(town) == []
    other = town.texts().json()["uri"]
    town.wait(60)
    assert town.http.post(other, data={"Status": "canceled"}).status_code == 400
    assert town.http.post(other, data={"Body": ""}).json()["body"] == ""
    assert town.http.delete(other).status_code == 204
    assert town.http.get(other).status_code == 404
    assert town.proxy.violations == []


def test_a_messaging_service_chooses_the_number(town: Town) -> None:
    path, service = f"{town.base}/Messages.json", "MG" + "0" * 32
    made = town.http.post(path, data={"To": LI, "MessagingServiceSid": service, "Body": "x"}).json()
    assert (made["status"], made["from"], made["messaging_service_sid"]) == ("accepted", None, service)
    town.wait(60)
    assert town.service.letters == []
    assert town.proxy.violations == []


def test_time_does_not_run_backwards(town: Town) -> None:
    town.wait(1)
    with pytest.raises(ValueError, match="cannot go back"):
        town.exchange.advance(town.exchange.now - 1)
