"""Twilio's own library works with the emulator over a real socket, and accepts what it signs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from simulators.twilio.script import Fault, Pickup, Script, Telephone
from simulators.twilio.signature import sign
from tests.twilio.served import Served, served
from tests.twilio.town import ACCOUNT, LI, NOBODY, OWN, SERVICE, TOKEN, WANG, Town, call, sms


@pytest.fixture
def town() -> Town:
    return Town()


@pytest.fixture
def there(town: Town) -> Iterator[Served]:
    with served(town.proxy) as made:
        yield made


@pytest.fixture
def client(there: Served) -> Iterator[Client]:
    transport = TwilioHttpClient(timeout=5)
    made = Client(ACCOUNT, TOKEN, http_client=transport)
    made.api.base_url = there.url
    yield made
    assert transport.session is not None
    transport.session.close()


def test_messages_are_made_listed_and_fetched(town: Town, client: Client) -> None:
    for number in range(3):
        made = client.messages.create(to=LI, from_=OWN, body=f"message {number}", status_callback=f"{SERVICE}/status")
        assert (made.status, made.date_created) == ("queued", datetime(2026, 3, 2, tzinfo=UTC))
    town.wait(60)
    assert {one.body for one in client.messages.list(to=LI, page_size=2)} == {f"message {n}" for n in range(3)}
    assert len(client.messages.list(to=LI, date_sent_after=datetime(2026, 3, 2, tzinfo=UTC))) == 3
    assert client.messages.list(to=LI, date_sent_after=datetime(2026, 3, 2, 0, 1, tzinfo=UTC)) == []
    shown = client.messages(str(made.sid)).fetch()
    assert (shown.status, shown.error_code, shown.num_segments) == ("delivered", None, "1")
    assert shown.date_sent == datetime(2026, 3, 2, 0, 0, 1, tzinfo=UTC)
    assert town.proxy.violations == []


def test_calls_are_made_and_fetched(town: Town, client: Client) -> None:
    town.service.says("/voice", '<Response><Gather numDigits="1" action="/key"/></Response>')
    town.exchange.script(LI, call(Pickup(fate="answered", keys=("1",))))
    made = client.calls.create(
        to=LI, from_=OWN, url=f"{SERVICE}/voice", status_callback=f"{SERVICE}/status",
        status_callback_event=["ringing", "answered", "completed"], machine_detection="Enable", timeout=30,
    )  # fmt: skip
    town.wait(60)
    shown = client.calls(str(made.sid)).fetch()
    assert (shown.status, shown.answered_by) == ("completed", "human")
    assert [form["Digits"] for form in town.service.forms("/key")] == ["1"]
    assert [one.sid for one in client.calls.list(to=LI, status="completed")] == [made.sid]
    assert town.proxy.violations == []


def test_errors_are_the_librarys_own(town: Town, client: Client) -> None:
    town.exchange.script(NOBODY, Telephone(exists=False))
    town.exchange.script(WANG, sms(refused=21610))
    found = {}
    for to in (NOBODY, WANG):
        with pytest.raises(TwilioRestException) as refused:
            client.messages.create(to=to, from_=OWN, body="x")
        found[to] = (refused.value.status, refused.value.code)
    assert found == {NOBODY: (400, 21211), WANG: (400, 21610)}
    town.exchange.ail(Fault(kind="throttled", times=1))
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(to=LI, from_=OWN, body="x")
    assert (refused.value.status, refused.value.code) == (429, 20429)
    town.exchange.ail(Fault(kind="down", times=1))
    with pytest.raises(TwilioException):
        client.messages.create(to=LI, from_=OWN, body="x")
    assert town.proxy.violations == []


def test_after_a_timeout_the_message_exists_all_the_same(town: Town, there: Served) -> None:
    transport = TwilioHttpClient(timeout=0.5)
    hasty = Client(ACCOUNT, TOKEN, http_client=transport)
    hasty.api.base_url = there.url
    town.exchange.ail(Fault(kind="slow", times=1))
    with pytest.raises(requests.ReadTimeout):
        hasty.messages.create(to=LI, from_=OWN, body="once #3F9K2")
    assert [one.body for one in hasty.messages.list(to=LI)] == ["once #3F9K2"]
    assert transport.session is not None
    transport.session.close()


def test_where_nobody_listens_connections_are_refused(town: Town, there: Served, client: Client) -> None:
    there.close()
    with pytest.raises(requests.ConnectionError):
        client.messages.create(to=LI, from_=OWN, body="x")
    there.open()
    assert client.messages.create(to=LI, from_=OWN, body="x").sid in town.exchange.messages


def test_twilios_validator_accepts_every_letter() -> None:
    town = Town(Script(numbers={LI: Telephone(
        sms=sms(reply="好的 & 谢谢").sms, calls=(Pickup(fate="answered", by="human", keys=("1",)),)
    )}))  # fmt: skip
    town.service.says("/voice", '<Response><Gather numDigits="1" method="GET" action="/key?turn=1"/></Response>')
    town.texts()
    town.calls(MachineDetection="Enable", events=["ringing", "completed"])
    town.wait(600)
    validator = RequestValidator(TOKEN)
    assert len(town.service.letters) == 7
    for letter in town.service.letters:
        form = dict(parse_qsl(letter.body, keep_blank_values=True))
        assert validator.validate(letter.url, form, letter.headers["X-Twilio-Signature"])
        assert not validator.validate(letter.url + "x", form, letter.headers["X-Twilio-Signature"])
        assert not RequestValidator("another").validate(letter.url, form, letter.headers["X-Twilio-Signature"])


def test_the_example_of_twilios_documentation() -> None:
    form = {"CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234", "From": "+14158675309",
            "To": "+18005551212"}  # fmt: skip
    signed = sign("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form)
    assert signed == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
