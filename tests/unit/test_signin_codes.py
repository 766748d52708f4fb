"""Codes of an authenticator as RFC 6238 makes them, for a time step and its neighbours; recovery codes as typed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from dashboards.signin import codes

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""`12345678901234567890`, of the test vectors in RFC 6238, appendix B."""


@pytest.mark.parametrize(
    ("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_the_vectors_of_the_rfc(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    assert codes.step_of(SECRET, code, now) == seconds // 30
    assert codes.step_of(SECRET, f" {code[:3]} {code[3:]}\n", now) == seconds // 30


def test_a_step_to_either_side_is_taken_and_no_more() -> None:
    now = datetime(2026, 11, 5, 4, 0, 10, tzinfo=UTC)
    code = pyotp.TOTP(SECRET).at(now)
    here = int(now.timestamp()) // 30
    taken = {
        seconds: codes.step_of(SECRET, code, now + timedelta(seconds=seconds)) for seconds in (-60, -30, 0, 30, 49, 60)
    }
    assert taken == {-60: None, -30: here, 0: here, 30: here, 49: here, 60: None}


@pytest.mark.parametrize("code", ["", "1", "00000a", "１２３", "\udc80", "0" * 40])
def test_what_is_no_code_is_of_no_step(code: str) -> None:
    assert codes.step_of(SECRET, code, datetime(2026, 11, 5, tzinfo=UTC)) is None


def test_an_offer_is_text_link_and_picture_without_anything_a_policy_forbids() -> None:
    secret = codes.new_secret()
    offer = codes.offer(secret, '李 "wei"<script>')
    assert offer.secret.replace(" ", "") == secret
    assert len(secret) == 32
    parsed = pyotp.parse_uri(offer.link)
    assert (parsed.secret, parsed.issuer, parsed.name) == (secret, "Shouwang", '李 "wei"<script>')
    assert offer.picture.startswith("<svg ")
    assert "style=" not in offer.picture
    assert "script" not in offer.picture
    assert "viewBox" in offer.picture


def test_recovery_codes_are_ten_different_ones_however_they_are_typed() -> None:
    made = codes.recovery_codes()
    assert len({*made}) == 10
    assert {len(one) for one in made} == {19}
    assert codes.plain(f" {made[0].lower()} ") == made[0].replace("-", "") == codes.plain(made[0])
