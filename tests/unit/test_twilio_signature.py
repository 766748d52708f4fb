"""Only what Twilio signed for this very address is taken."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from starlette.datastructures import ImmutableMultiDict

from alerts.channels.twilio.signature import Signatures

TOKEN = "12345"
SIGNED = Signatures(TOKEN, "https://shouwang.example/")


def _sign(address: str, fields: list[tuple[str, str]], token: str = TOKEN) -> str:
    """Sign as https://www.twilio.com/docs/usage/security says, without the SDK."""
    written = address + "".join(f"{name}{value}" for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(token.encode(), written.encode(), hashlib.sha1).digest()).decode()


FIELDS = [("From", "+8613812340001"), ("Body", "1 谢谢"), ("Empty", "")]
PATH = "/webhooks/twilio/inbound"
ADDRESS = "https://shouwang.example/webhooks/twilio/inbound"


def test_the_example_of_the_documentation_passes() -> None:
    fields = ImmutableMultiDict(
        [
            ("CallSid", "CA1234567890ABCDE"), ("Caller", "+14158675309"), ("Digits", "1234"),
            ("From", "+14158675309"), ("To", "+18005551212"),
        ]
    )  # fmt: skip
    signed = Signatures("12345", "https://mycompany.com")
    assert signed.genuine("/myapp.php", "foo=1&bar=2", fields, "RSOYDt4T1cUTdK1PDd93/VVr8B8=")


def test_a_genuine_one_passes() -> None:
    assert SIGNED.genuine(PATH, "", ImmutableMultiDict(FIELDS), _sign(ADDRESS, FIELDS))


def test_the_query_is_part_of_it() -> None:
    signature = _sign(f"{ADDRESS}?turn=2", FIELDS)
    assert SIGNED.genuine(PATH, "turn=2", ImmutableMultiDict(FIELDS), signature)
    assert not SIGNED.genuine(PATH, "turn=3", ImmutableMultiDict(FIELDS), signature)
    assert not SIGNED.genuine(PATH, "", ImmutableMultiDict(FIELDS), signature)


@pytest.mark.parametrize(
    "address",
    [
        "https://shouwang.example.evil/webhooks/twilio/inbound",
        "https://other.example/webhooks/twilio/inbound",
        "http://shouwang.example/webhooks/twilio/inbound",
        "https://shouwang.example/webhooks/twilio/status",
    ],
)
def test_one_made_for_another_address_does_not(address: str) -> None:
    assert not SIGNED.genuine(PATH, "", ImmutableMultiDict(FIELDS), _sign(address, FIELDS))


def test_changed_fields_do_not_pass() -> None:
    signature = _sign(ADDRESS, FIELDS)
    for changed in ([*FIELDS, ("More", "x")], FIELDS[1:], [("From", "+8613812340002"), *FIELDS[1:]]):
        assert not SIGNED.genuine(PATH, "", ImmutableMultiDict(changed), signature)


def test_every_value_of_a_repeated_field_counts() -> None:
    twice = [*FIELDS, ("Body", "2")]
    assert SIGNED.genuine(PATH, "", ImmutableMultiDict(twice), _sign(ADDRESS, twice))
    assert not SIGNED.genuine(PATH, "", ImmutableMultiDict(FIELDS), _sign(ADDRESS, twice))


@pytest.mark.parametrize("signature", [None, "", "x", "签名", _sign(ADDRESS, FIELDS, "54321")])
def test_none_or_one_with_another_token_does_not_pass(signature: str | None) -> None:
    assert not SIGNED.genuine(PATH, "", ImmutableMultiDict(FIELDS), signature)


def test_the_token_is_not_shown() -> None:
    assert TOKEN not in repr(SIGNED)
