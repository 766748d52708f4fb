"""The emulator's calls: they ring, are answered or not, press keys, and everything is told as Twilio tells it."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

import pytest

from simulators.twilio.script import Pickup, Telephone
from tests.twilio.town import LI, NOBODY, OWN, SERVICE, WANG, Town, call

EVENTS = ["initiated", "ringing", "answered", "completed"]
ASK = (
    '<Response><Gather numDigits="1" action="/key?turn=1" timeout="5"><Say language="cmn-CN">您好吗？</Say></Gather>'
    "<Say>No key.</Say></Response>"
)


@pytest.fixture
def town() -> Town:
    made = Town()
    made.service.says("/voice", ASK)
    made.service.says("/key", "<Response><Say>Thank you.</Say><Hangup/></Response>")
    return made


def told(town: Town) -> list[str]:
    return [form["CallStatus"] for form in town.service.forms("/status")]


def ring(town: Town, *pickups: Pickup, events: Sequence[str] = (), **more: str) -> dict[str, object]:
    """Place a call and return what became of it."""
    town.exchange.script(LI, call(*pickups))
    made = town.calls(events=events, **more).json()
    assert made["status"] == "queued"
    town.wait(600)
    shown: dict[str, object] = town.http.get(made["uri"]).json()
    assert town.proxy.violations == []
    return shown


def test_a_call_that_is_answered_asks_and_hears_a_key(town: Town) -> None:
    shown = ring(town, Pickup(fate="answered", keys=("1",)), events=EVENTS)
    assert told(town) == ["initiated", "ringing", "in-progress", "completed"]
    assert [form["SequenceNumber"] for form in town.service.forms("/status")] == ["0", "1", "2", "3"]
    [asked], [pressed] = town.service.forms("/voice"), town.service.forms("/key")
    assert (asked["CallStatus"], asked["To"], asked["CallSid"]) == ("in-progress", LI, shown["sid"])
    assert "AnsweredBy" not in asked
    assert (pressed["Digits"], pressed["CallSid"]) == ("1", shown["sid"])
    assert shown["status"] == "completed"
    assert shown["answered_by"] is None
    last = town.service.forms("/status")[-1]
    assert last["CallDuration"] == shown["duration"]
    assert int(str(shown["duration"])) > 0


def test_only_the_end_is_told_where_no_events_were_asked_for(town: Town) -> None:
    ring(town, Pickup(fate="answered", keys=("1",)))
    assert told(town) == ["completed"]


@pytest.mark.parametrize("fate", ["no-answer", "busy", "failed"])
def test_a_call_that_is_not_answered(town: Town, fate: str) -> None:
    shown = ring(town, Pickup(fate=fate), events=EVENTS)  # type: ignore[arg-type]
    assert (shown["status"], shown["duration"]) == (fate, "0")
    assert told(town) == ["initiated", "ringing", fate]
    assert town.service.forms("/voice") == []


def test_a_call_rings_as_long_as_was_asked_for(town: Town) -> None:
    town.exchange.script(LI, call(Pickup(fate="answered", after=20)))
    town.calls(Timeout="15")
    town.wait(16)
    assert told(town) == []
    town.wait(1)
    assert told(town) == ["no-answer"]


def test_the_second_call_is_answered(town: Town) -> None:
    town.exchange.script(LI, call(Pickup(), Pickup(fate="answered", keys=("1",))))
    for _ in range(2):
        town.calls()
        town.wait(300)
    assert told(town) == ["no-answer", "completed"]
    assert [form["Digits"] for form in town.service.forms("/key")] == ["1"]


def test_nobody_presses_anything(town: Town) -> None:
    ring(town, Pickup(fate="answered"))
    assert town.service.forms("/key") == []
    town.service.says("/voice", ASK.replace("<Gather", '<Gather actionOnEmptyResult="true"'))
    ring(town, Pickup(fate="answered"))
    assert [form["Digits"] for form in town.service.forms("/key")] == [""]


def test_keys_too_late_are_not_heard(town: Town) -> None:
    ring(town, Pickup(fate="answered", keys=("1",), press_after=30))
    assert town.service.forms("/key") == []


@pytest.mark.parametrize(
    ("gather", "keys", "heard"),
    [
        ('numDigits="1"', "12", ("1", "")),
        ('numDigits="1"', "*", ("*", "")),
        ('numDigits="4"', "12", ("12", "")),
        ("", "12#", ("12", "#")),
        ('numDigits="2" finishOnKey=""', "1#", ("1#", "")),
        ('finishOnKey="*"', "7*", ("7", "*")),
    ],
)
def test_digits_end_by_number_by_key_or_by_waiting(town: Town, gather: str, keys: str, heard: tuple[str, str]) -> None:
    town.service.says("/voice", f'<Response><Gather {gather} action="/key"><Say>Well?</Say></Gather></Response>')
    ring(town, Pickup(fate="answered", keys=(keys,)))
    assert [(form["Digits"], form["FinishedOnKey"]) for form in town.service.forms("/key")] == [heard]


def test_a_document_asks_itself_again_and_redirects(town: Town) -> None:
    again = '<Response><Gather numDigits="1"><Say>Well?</Say></Gather><Redirect method="GET">/voice?again=1</Redirect>'
    town.service.says("/voice", f"{again}</Response>")
    town.exchange.script(LI, call(Pickup(fate="answered", keys=("", "3"), patience=30)))
    town.calls()
    town.wait(300)
    asked = [letter for letter in town.service.letters if urlsplit(letter.url).path == "/voice"]
    assert [letter.method for letter in asked[:3]] == ["POST", "GET", "POST"]
    assert dict(parse_qsl(asked[2].body))["Digits"] == "3"  # the gathering's action is its own document
    assert dict(parse_qsl(urlsplit(asked[1].url).query))["again"] == "1"
    assert told(town) == ["completed"]  # whoever listened has had enough after half a minute
    assert town.service.forms("/status")[0]["CallDuration"] == "30"


def test_a_circle_without_time_ends(town: Town) -> None:
    town.service.says("/voice", "<Response><Redirect>/voice</Redirect></Response>")
    ring(town, Pickup(fate="answered"))
    assert told(town) == ["completed"]
    assert len(town.service.forms("/voice")) == 100


def test_a_machine_is_found_only_by_whoever_asks_for_that(town: Town) -> None:
    machine = Pickup(fate="answered", by="machine_start")
    shown = ring(town, machine)
    assert shown["answered_by"] is None
    shown = ring(town, machine, MachineDetection="Enable")
    assert shown["answered_by"] == "machine_start"
    assert [form.get("AnsweredBy") for form in town.service.forms("/voice")] == [None, "machine_start"]
    assert town.service.forms("/status")[-1]["AnsweredBy"] == "machine_start"
    shown = ring(town, machine, MachineDetection="DetectMessageEnd")
    assert shown["answered_by"] == "machine_end_beep"
    ring(town, Pickup(fate="answered", by="machine_start", keys=("1",)))
    assert [form["Digits"] for form in town.service.forms("/key")] == ["1"]  # a greeting may sound like one


def test_detection_beside_the_call_is_told_while_it_speaks(town: Town) -> None:
    more = {"MachineDetection": "Enable", "AsyncAmd": "true", "AsyncAmdStatusCallback": f"{SERVICE}/machine"}
    ring(town, Pickup(fate="answered", by="machine_start"), **more)
    ring(town, Pickup(fate="answered", by="human", keys=("1",)), **more)
    assert [form["AnsweredBy"] for form in town.service.forms("/machine")] == ["machine_start", "human"]
    assert [form.get("AnsweredBy") for form in town.service.forms("/voice")] == [None, None]


def test_a_call_can_carry_its_own_document(town: Town) -> None:
    town.exchange.script(LI, call(Pickup(fate="answered", keys=("2",))))
    path = f"{town.base}/Calls.json"
    twiml = f'<Response><Gather numDigits="1" action="{SERVICE}/key"><Say>Well?</Say></Gather></Response>'
    assert town.http.post(path, data={"To": LI, "From": OWN, "Twiml": twiml}).status_code == 201
    town.wait(60)
    assert [form["Digits"] for form in town.service.forms("/key")] == ["2"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("<Response><Say>", 12100),
        ("<!DOCTYPE r [<!ENTITY a 'b'>]><Response><Say>&a;</Say></Response>", 12100),
        ("<Answer/>", 12102),
        ("<Response><Dance/></Response>", 12200),
        ('<Response><Gather numDigits="one"/></Response>', 12200),
        ('<Response><Gather method="PUT"/></Response>', 12200),
        ("<Response><Gather><Hangup/></Gather></Response>", 12200),
        ("<Response><Message>hello</Message></Response>", 12200),
    ],
)
def test_what_is_no_twiml_ends_the_call_and_is_noted(town: Town, document: str, code: int) -> None:
    town.service.says("/voice", document)
    ring(town, Pickup(fate="answered", keys=("1",)))
    assert [found for found, _ in town.exchange.debugger] == [code]
    assert told(town) == ["completed"]


def test_a_service_that_fails_is_asked_at_its_fallback(town: Town) -> None:
    ring(town, Pickup(fate="answered"), Url="https://elsewhere.example/voice", FallbackUrl=f"{SERVICE}/voice")
    [asked] = town.service.forms("/voice")
    assert asked["ErrorCode"] == "11200"
    ring(town, Pickup(fate="answered"), Url="https://elsewhere.example/voice")
    assert told(town) == ["completed", "completed"]


def test_what_is_no_call_is_refused_with_its_own_code(town: Town) -> None:
    town.exchange.script(NOBODY, Telephone(exists=False))
    town.exchange.script(WANG, call(Pickup(refused=21215)))
    path, url = f"{town.base}/Calls.json", f"{SERVICE}/voice"
    codes = [
        town.plain.post(path, data=form).json()["code"]
        for form in (
            {"From": OWN, "Url": url},
            {"To": LI, "Url": url},
            {"To": LI, "From": WANG, "Url": url},
            {"To": LI, "From": OWN, "Url": "voice"},
            {"To": LI, "From": OWN},
            {"To": LI, "From": OWN, "Url": url, "StatusCallback": "status"},
            {"To": NOBODY, "From": OWN, "Url": url},
            {"To": WANG, "From": OWN, "Url": url},
        )
    ]
    assert codes == [21201, 21213, 21212, 21205, 21205, 21609, 21211, 21215]
    assert town.calls(NOBODY).json()["code"] == 21211
    assert town.proxy.violations == []


def test_a_call_is_cancelled_while_it_rings_and_ended_while_it_speaks(town: Town) -> None:
    town.exchange.script(LI, call(Pickup(fate="answered")))
    uri = town.calls(events=EVENTS).json()["uri"]
    town.wait(2)
    assert town.http.post(uri, data={"Status": "canceled"}).json()["status"] == "canceled"
    town.wait(60)
    assert told(town) == ["initiated", "ringing", "canceled"]
    assert town.http.post(uri, data={"Status": "completed"}).json()["code"] == 21220
    uri = town.calls().json()["uri"]
    town.wait(9)
    assert town.http.post(uri, data={"Status": "canceled"}).json()["code"] == 21220
    assert town.http.post(uri, data={"Status": "completed"}).json()["status"] == "completed"
    town.wait(60)
    assert told(town)[3:] == ["completed"]
    assert town.http.delete(uri).status_code == 204
    assert town.proxy.violations == []


def test_calls_are_listed_by_number_and_status(town: Town) -> None:
    town.exchange.script(LI, call(Pickup(fate="busy"), Pickup(fate="answered")))
    for to in (LI, LI, WANG):
        town.calls(to)
        town.wait(30)

    def statuses(**query: str) -> list[str]:
        return [one["status"] for one in town.listed("Calls", **query).json()["calls"]]

    assert statuses(To=LI) == ["completed", "busy"]
    assert statuses(Status="ringing") == ["ringing"]
    assert statuses(**{"StartTime>": "2026-03-02T00:00:30Z"}) == ["completed"]
    assert statuses(EndTime="2026-03-01") == []
    assert town.proxy.violations == []
