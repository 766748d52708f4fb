"""What the validating proxy lets pass, and what it must not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from tests.twilio.proxy import ValidatingProxy
from tests.twilio.town import ACCOUNT, LI, OWN, SERVICE, TOKEN, Town

MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
CALLS = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json"
SMS = {"To": LI, "From": OWN, "Body": "Are you well?"}
CALL = {"To": LI, "From": OWN, "Url": f"{SERVICE}/voice"}


@pytest.mark.parametrize(
    ("path", "change", "why"),
    [
        (MESSAGES, {"Text": "1"}, "'Text' was unexpected"),
        (MESSAGES, {"StatusCallbackEvent": "sent"}, "'StatusCallbackEvent' was unexpected"),
        (MESSAGES, {"To": "13812340001"}, "body.To: '13812340001' is not a 'phone-number'"),
        (MESSAGES, {"To": "+86 138 1234 0001"}, "is not a 'phone-number'"),
        (MESSAGES, {"To": "+8612"}, "is not a 'phone-number'"),
        (MESSAGES, {"To": None}, "'To' is a required property"),
        (MESSAGES, {"From": None}, "one of From, MessagingServiceSid is needed"),
        (MESSAGES, {"From": None, "MessagingServiceSid": "MG12"}, "'MG12' does not match"),
        (MESSAGES, {"Body": None}, "one of Body, MediaUrl, ContentSid is needed"),
        (MESSAGES, {"Body": "好" * 1601}, "body.Body: more than 1600 characters"),
        (MESSAGES, {"StatusCallback": "/webhooks/twilio"}, "is not a 'uri'"),
        (MESSAGES, {"ValidityPeriod": "an hour"}, "'an hour' is not of type 'integer'"),
        (MESSAGES, {"SmartEncoded": "yes"}, "'yes' is not of type 'boolean'"),
        (MESSAGES, {"SendAt": "tomorrow"}, "is not a 'date-time'"),
        (MESSAGES, {"Body": ["one", "two"]}, "is not of type 'string'"),
        (CALLS, {"Url": None}, "one of Url, Twiml, ApplicationSid is needed"),
        (CALLS, {"Url": None, "Twiml": "<Response><Say>"}, "is not a 'twiml'"),
        (CALLS, {"To": "0138"}, "body.To: '0138' is not a 'endpoint'"),
        (CALLS, {"Timeout": "half a minute"}, "is not of type 'integer'"),
        (CALLS, {"Method": "PUT"}, "'PUT' is not one of ['GET', 'POST']"),
        (CALLS, {"Record": "1"}, "is not of type 'boolean'"),
        (CALLS, {"Body": "hello"}, "'Body' was unexpected"),
    ],
)
def test_a_request_that_is_not_as_described_does_not_pass(path: str, change: dict[str, Any], why: str) -> None:
    town = Town()
    form = {**(SMS if path == MESSAGES else CALL), **change}
    answer = town.http.post(path, data={name: value for name, value in form.items() if value is not None})
    assert answer.status_code == 422
    assert any(why in error for error in answer.json()["errors"]), answer.json()
    assert [one.side for one in town.proxy.violations] == ["request"] * len(answer.json()["errors"])
    assert not town.exchange.messages
    assert not town.exchange.calls


def test_what_is_as_described_passes() -> None:
    town = Town()
    assert town.http.post(MESSAGES, data=SMS).status_code == 201
    events = {"StatusCallbackEvent": ["ringing", "answered", "completed"], "StatusCallback": f"{SERVICE}/status"}
    full = {**CALL, **events, "Timeout": "30", "MachineDetection": "Enable", "AsyncAmd": "true", "Record": "false"}
    assert town.http.post(CALLS, data=full).status_code == 201
    assert (town.proxy.violations, town.proxy.passed) == ([], 2)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({"Too": LI}, "'Too' was unexpected"),
        ({"PageSize": "1001"}, "greater than the maximum"),
        ({"PageSize": "many"}, "is not of type 'integer'"),
        ({"DateSent>": "1 March"}, "is not a 'date-time'"),
    ],
)
def test_a_list_is_asked_for_as_described(query: dict[str, str], why: str) -> None:
    answer = Town().http.get(MESSAGES, params=query)
    assert answer.status_code == 422
    assert why in answer.json()["errors"][0]


def test_a_form_is_a_form_and_a_get_has_no_body() -> None:
    town = Town()
    assert town.http.post(MESSAGES, json=SMS).json()["errors"] == [
        "the body is application/json, not application/x-www-form-urlencoded"
    ]
    assert town.http.request("GET", MESSAGES, data=SMS).json()["errors"] == ["a body where none is described"]
    assert (
        town.http.post(MESSAGES, content="To", headers={"Content-Type": "application/x-www-form-urlencoded"})
        .json()["errors"][0]
        .startswith("the body is no form")
    )


def test_nothing_passes_without_a_password_or_to_other_paths() -> None:
    town = Town()
    stranger = TestClient(town.proxy)
    assert "no basic authentication" in stranger.post(MESSAGES, data=SMS).json()["errors"]
    assert town.http.put(MESSAGES, data=SMS).status_code == 422
    assert town.http.get("/2010-04-01/Accounts.json").status_code == 422
    assert town.http.get("/2010-04-01/Accounts/AC1/Messages.json").status_code == 422


def _message() -> dict[str, Any]:
    town = Town()
    made: dict[str, Any] = town.http.post(MESSAGES, data=SMS).json()
    return made


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda told: told.update(status="posted"), "'posted' is not one of"),
        (lambda told: told.update(date_created="2026-03-02T00:00:00Z"), "is not a 'date-time-rfc-2822'"),
        (lambda told: told.update(date_created="Tue, 02 Mar 2026 00:00:00 +0000"), "is not a 'date-time-rfc-2822'"),
        (lambda told: told.update(error_code="30003"), "is not of type 'integer'"),
        (lambda told: told.update(num_segments=1), "is not of type 'string'"),
        (lambda told: told.update(sid="SM1"), "does not match"),
        (lambda told: told.update(colour="red"), "'colour' was unexpected"),
        (lambda told: told.pop("price_unit"), "'price_unit' is a required property"),
        (lambda told: told.update(price_unit="dollars"), "is not a 'currency'"),
        (lambda told: told.update(subresource_uris={"media": 1}), "is not a 'uri-map'"),
    ],
)
def test_an_answer_that_is_not_as_described_does_not_pass(spoil: Callable[[dict[str, Any]], None], why: str) -> None:
    told = _message()
    spoil(told)
    answer = _answered(JSONResponse(told, 201))
    assert answer.status_code == 502
    assert any(why in error for error in answer.json()["errors"]), answer.json()


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (JSONResponse({}, 200), "status 200 is not described"),
        (Response("created", 201), "no JSON"),
        (JSONResponse({"error": "no such number"}, 400), "'code' is a required property"),
        (JSONResponse({"code": 21211, "message": "", "more_info": "", "status": 400}, 400), "does not match"),
        (
            JSONResponse(
                {
                    "code": 21211,
                    "message": "no",
                    "more_info": "https://www.twilio.com/docs/errors/21211",
                    "status": 404,
                },
                400,
            ),
            "the status is 400, and 404 in the body",
        ),
    ],
)
def test_nor_does_a_refusal_in_another_shape(response: Response, why: str) -> None:
    answer = _answered(response)
    assert answer.status_code == 502
    assert any(why in error for error in answer.json()["errors"]), answer.json()


def test_what_a_broken_provider_says_passes_as_it_is() -> None:
    answer = _answered(Response("upstream connect error", 503))
    assert (answer.status_code, answer.text) == (503, "upstream connect error")


def _answered(response: Response) -> Any:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await response(scope, receive, send)

    http = TestClient(ValidatingProxy(app))
    http.auth = (ACCOUNT, TOKEN)
    return http.post(MESSAGES, data=SMS)
