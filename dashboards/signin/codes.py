"""The second factor: codes of a telephone's authenticator (TOTP, RFC 6238), and recovery codes for when it is lost."""

from __future__ import annotations

import secrets
from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Final

import pyotp
import segno
from markupsafe import Markup
from psycopg import Connection

from storage import accounts
from storage.accounts import Account
from storage.sessions import clock

_SECONDS: Final = 30
_ISSUER: Final = "Shouwang"
_RECOVERY_CODES: Final = 10
_RECOVERY_BYTES: Final = 10


@dataclass(frozen=True, slots=True)
class Offer:
    """A second factor to be set up: the secret as text, as a link, and as a picture to be scanned."""

    secret: str
    link: str
    picture: Markup


def new_secret() -> str:
    """Return 160 random bits in base32, as authenticators take them."""
    return pyotp.random_base32()


def offer(secret: str, name: str) -> Offer:
    """Return how the owner of an account puts a secret into their authenticator."""
    link = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=_ISSUER)
    picture = segno.make(link, error="m", micro=False).svg_inline(
        omitsize=True, border=3, dark="#000", light="#fff", svgclass="qr", lineclass=None
    )
    spaced = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return Offer(spaced, link, Markup(picture))  # noqa: S704 - drawn by segno from a base32 secret and a quoted name


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step that a code is of, this one or one to either side of it; None where it is of none."""
    totp, present = pyotp.TOTP(secret), int(now.timestamp()) // _SECONDS
    plain = "".join(code.split())
    fitting = [
        step
        for step in (present - 1, present, present + 1)
        if compare_digest(totp.generate_otp(step).encode(), plain.encode("utf-8", "replace"))
    ]
    return fitting[0] if fitting else None


def recovery_codes() -> list[str]:
    """Return ten codes of 80 random bits, to be shown once."""
    return [_spaced(b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode()) for _ in range(_RECOVERY_CODES)]


def spend(conn: Connection, account: Account, code: str) -> bool:
    """Use up a code of an account's authenticator or one of its recovery codes; False where it is neither, or used."""
    secret = accounts.second_factor(account)
    if secret is None:
        return False
    step = step_of(secret, code, clock(conn))
    if step is not None:
        return accounts.spend_step(conn, account.id, step)
    return accounts.spend_recovery_code(conn, account.id, plain(code))


def set_up(conn: Connection, account: Account, secret: str, code: str) -> list[str] | None:
    """Ask for codes of this secret from now on and return the recovery codes; None where the code is not of it."""
    step = step_of(secret, code, clock(conn))
    if step is None:
        return None
    made = recovery_codes()
    accounts.set_second_factor(conn, account.id, secret, step, [plain(one) for one in made])
    return made


def plain(code: str) -> str:
    """Return a recovery code as it is kept, however it was typed."""
    return "".join(code.split()).replace("-", "").upper()


def _spaced(code: str) -> str:
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))
