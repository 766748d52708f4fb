"""What the channel asks of Twilio's SDK, and what it makes of the SDK's own errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response

from alerts.channels.port import ChannelError, Trouble
from alerts.channels.twilio import TwilioChannel
from alerts.channels.twilio.reference import reference_of
from alerts.model import Notification, NotificationStatus
from alerts.people import Medium, Role

ONE = UUID("6e8bc430-9c3a-11d9-9669-0800200c9a66")
ACCOUNT = "AC" + "0" * 32


class Wire:
    """Stands in for the network below the SDK: it keeps requests and gives what a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[tuple[str, str, Mapping[str, Any]]] = []
        self.gives: list[Response | Exception] = []
        monkeypatch.setattr(TwilioHttpClient, "request", self._request)

    def _request(self, method: str, url: str, **more: Any) -> Response:
        self.requests.append((method, url, more.get("data") or more.get("params") or {}))
        given = self.gives.pop(0) if self.gives else Response(201, '{"sid": "SM1", "status": "queued"}')
        if isinstance(given, Exception):
            raise given
        return given


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


def _channel(sender: str = "+12025550142", **more: Any) -> TwilioChannel:
    return TwilioChannel(ACCOUNT, "token", sender, "+12025550143", "https://shouwang.example/", **more)


def _message(medium: Medium = Medium.SMS, text: str = "平安请按1", attempts: int = 1) -> Notification:
    return Notification(
        id=ONE, alert=ONE, step=1, person="li", role=Role.RESIDENT, phone="+8613812340001", channel="twilio",
        medium=medium, language="zh_CN", text=text, status=NotificationStatus.QUEUED, next_attempt_at=0, created_at=0,
        attempts=attempts,
    )  # fmt: skip


def test_an_sms_is_asked_for_exactly_so(wire: Wire) -> None:
    receipt = _channel().send(_message(), 0)
    assert (receipt.reference, receipt.final) == ("SM1", False)
    [(method, url, data)] = wire.requests
    assert (method, url) == ("POST", f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
    assert dict(data) == {
        "To": "+8613812340001",
        "From": "+12025550142",
        "Body": "平安请按1 #0S6K6",
        "StatusCallback": f"https://shouwang.example/webhooks/twilio/status/{ONE}",
    }


def test_a_messaging_service_stands_where_a_number_would(wire: Wire) -> None:
    _channel("MG" + "0" * 32).send(_message(), 0)
    [(_, _, data)] = wire.requests
    assert data["MessagingServiceSid"] == "MG" + "0" * 32
    assert "From" not in data


def test_a_call_is_asked_for_exactly_so(wire: Wire) -> None:
    _channel().send(_message(Medium.CALL), 0)
    [(method, url, data)] = wire.requests
    assert (method, url) == ("POST", f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Calls.json")
    assert dict(data) == {
        "To": "+8613812340001",
        "From": "+12025550143",
        "Url": f"https://shouwang.example/webhooks/twilio/voice/{ONE}",
        "StatusCallback": f"https://shouwang.example/webhooks/twilio/status/{ONE}",
        "MachineDetection": "Enable",
        "AsyncAmd": "true",
        "AsyncAmdStatusCallback": f"https://shouwang.example/webhooks/twilio/machine/{ONE}",
        "Timeout": 30,
    }


def test_another_address_of_the_api_is_used(wire: Wire) -> None:
    _channel(base_url="http://127.0.0.1:9/").send(_message(), 0)
    assert wire.requests[0][1] == f"http://127.0.0.1:9/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


def test_link_and_reference_are_never_cut_off() -> None:
    link = "https://shouwang.example/a/" + "x" * 50
    body = _channel(link=lambda *_: link).body_of(_message(text="长" * 3000), 0)
    assert len(body) == 1600
    assert body.endswith(f"长 {link} {reference_of(ONE)}")


@pytest.mark.parametrize(
    ("raised", "trouble"),
    [
        (requests.ReadTimeout(), Trouble.UNKNOWN),
        (requests.ConnectionError("reset"), Trouble.UNKNOWN),
        (requests.ConnectTimeout(), Trouble.LATER),
        (TwilioException("no JSON"), Trouble.UNKNOWN),
        (TwilioRestException(400, "/", "no such number", 21211), Trouble.BAD_ADDRESS),
        (TwilioRestException(400, "/", "stopped", 21610), Trouble.OPTED_OUT),
        (TwilioRestException(429, "/", "too many", 20429), Trouble.LATER),
        (TwilioRestException(503, "/", "busy"), Trouble.UNKNOWN),
        (TwilioRestException(401, "/", "Authenticate", 20003), Trouble.REFUSED),
    ],
)
@pytest.mark.parametrize("medium", [Medium.SMS, Medium.CALL])
def test_what_goes_wrong_is_said_as_what_it_means(
    wire: Wire, medium: Medium, raised: Exception, trouble: Trouble
) -> None:
    wire.gives.append(raised)
    with pytest.raises(ChannelError) as said:
        _channel().send(_message(medium), 0)
    assert said.value.trouble is trouble
    assert said.value.retry_at is None
    assert len(wire.requests) == 1  # nothing below us tries again by itself


def test_a_refusal_on_the_wire_is_understood(wire: Wire) -> None:
    wire.gives.append(Response(400, '{"code": 21614, "message": "not a mobile number", "status": 400}'))
    with pytest.raises(ChannelError, match=r"Twilio 21614: .*not a mobile number") as said:
        _channel().send(_message(), 0)
    assert said.value.trouble is Trouble.BAD_ADDRESS


def _listed(*bodies: str) -> Response:
    rows = ", ".join(
        f'{{"sid": "SM{number}", "body": "{body}", "status": "sent"}}' for number, body in enumerate(bodies)
    )
    return Response(200, f'{{"messages": [{rows}], "next_page_uri": null}}')


def test_a_second_attempt_looks_before_it_sends(wire: Wire) -> None:
    wire.gives.append(_listed("别的 #AAAAA", "平安请按1 #0S6K6"))
    assert _channel().send(_message(attempts=2), 0).reference == "SM1"
    [(method, _, query)] = wire.requests
    assert method == "GET"
    assert query["To"] == "+8613812340001"


def test_what_is_not_there_is_sent(wire: Wire) -> None:
    wire.gives.append(_listed("别的 #AAAAA"))
    _channel().send(_message(attempts=2), 0)
    assert [method for method, _, _ in wire.requests] == ["GET", "POST"]


def test_nothing_is_sent_when_looking_is_impossible(wire: Wire) -> None:
    wire.gives.append(requests.ReadTimeout())
    with pytest.raises(ChannelError) as said:
        _channel().send(_message(attempts=2), 0)
    assert said.value.trouble is Trouble.UNKNOWN
    assert [method for method, _, _ in wire.requests] == ["GET"]


@pytest.mark.parametrize(("status", "asked"), [("ringing", 1), ("in-progress", 1), ("queued", 1), ("no-answer", 2)])
def test_nobody_is_called_while_a_call_to_them_is_under_way(wire: Wire, status: str, asked: int) -> None:
    wire.gives.append(Response(200, f'{{"calls": [{{"sid": "CA1", "status": "{status}"}}], "next_page_uri": null}}'))
    if asked == 1:
        with pytest.raises(ChannelError) as said:
            _channel().send(_message(Medium.CALL, attempts=2), 1_000_000)
        assert (said.value.trouble, said.value.retry_at) == (Trouble.UNKNOWN, 61_000_000)
    else:
        _channel().send(_message(Medium.CALL, attempts=2), 1_000_000)
    assert len(wire.requests) == asked
