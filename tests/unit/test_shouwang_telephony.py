"""What the settings of Twilio must be before anybody relies on them."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.ladders.policy_file import built_in
from shouwang.doctor import Examined, examine
from shouwang.errors import SettingsError
from shouwang.settings import Settings
from shouwang.telephony import links, signatures, twilio_channel

WHOLE: dict[str, Any] = {
    "twilio_account_sid": "AC" + "0" * 32,
    "twilio_auth_token": "token",
    "twilio_from": "+12025550142",
    "public_url": "https://shouwang.example",
}


def test_without_any_of_it_there_is_no_twilio() -> None:
    assert twilio_channel(Settings()) is None
    assert signatures(Settings()) is None
    assert links(Settings()) is None


def test_all_of_it_makes_a_channel_and_the_check_of_its_webhooks() -> None:
    settings = Settings(**WHOLE)
    assert twilio_channel(settings) is not None
    signed = signatures(settings)
    assert signed is not None
    assert signed.public_url == "https://shouwang.example"


@pytest.mark.parametrize("missing", sorted(WHOLE))
def test_a_part_of_it_names_what_is_missing(missing: str) -> None:
    settings = Settings(**{name: value for name, value in WHOLE.items() if name != missing})
    for make in (twilio_channel, signatures):
        with pytest.raises(SettingsError, match=f"SHOUWANG_{missing.upper()}"):
            make(settings)


@pytest.mark.parametrize(
    "address", ["http://shouwang.example", "shouwang.example", "https://", "https://shouwang.example/?a=1"]
)
def test_the_public_address_is_https(address: str) -> None:
    with pytest.raises(SettingsError, match="https://"):
        twilio_channel(Settings(**{**WHOLE, "public_url": address}))


def test_a_test_against_another_api_may_do_without_tls() -> None:
    settings = Settings(**{**WHOLE, "public_url": "http://127.0.0.1:8080", "twilio_api_url": "http://127.0.0.1:9"})
    assert twilio_channel(settings) is not None


def test_a_messaging_service_needs_a_number_to_call_from() -> None:
    with pytest.raises(SettingsError, match="SHOUWANG_TWILIO_CALLER_ID"):
        twilio_channel(Settings(**{**WHOLE, "twilio_from": "MG" + "0" * 32}))
    called = Settings(**{**WHOLE, "twilio_from": "MG" + "0" * 32, "twilio_caller_id": "+12025550142"})
    assert twilio_channel(called) is not None


def test_without_replies_there_must_be_links() -> None:
    with pytest.raises(SettingsError, match="SHOUWANG_LINK_SECRET"):
        twilio_channel(Settings(**WHOLE, twilio_two_way=False))
    with pytest.raises(SettingsError, match="32 characters"):
        twilio_channel(Settings(**WHOLE, twilio_two_way=False, link_secret="short"))
    assert twilio_channel(Settings(**WHOLE, twilio_two_way=False, link_secret="s" * 32)) is not None


def test_links_need_to_lead_somewhere() -> None:
    with pytest.raises(SettingsError, match="SHOUWANG_PUBLIC_URL"):
        links(Settings(link_secret="s" * 32))


def _examined(settings: Settings, name: str) -> Examined:
    return next(one for one in examine(settings, built_in) if one.name == name)


def test_the_doctor_says_what_is_missing() -> None:
    assert _examined(Settings(), "Twilio").ok
    assert _examined(Settings(**WHOLE), "Twilio") == Examined(
        "Twilio", ok=True, found="complete, webhooks at https://shouwang.example, replies by SMS"
    )
    part = _examined(Settings(twilio_from="+12025550142"), "Twilio")
    assert not part.ok
    assert "SHOUWANG_TWILIO_AUTH_TOKEN" in part.found
    assert not _examined(Settings(**{**WHOLE, "public_url": "http://shouwang.example"}), "Twilio").ok
    assert not _examined(Settings(link_secret="short"), "links in texts").ok
