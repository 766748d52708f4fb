"""What Twilio's error codes mean for whoever is to be reached.

Sources: https://www.twilio.com/docs/api/errors, one page a code. Twilio adds codes without notice, so one that is not
here is refused, and a request's HTTP status decides where no code tells more.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from alerts.channels.port import Trouble

TROUBLES: Final[Mapping[int, Trouble]] = {
    # No such number, or one that cannot receive this.
    13223: Trouble.BAD_ADDRESS,  # dial: invalid phone number format
    13224: Trouble.BAD_ADDRESS,  # dial: not supported, or invalid
    14101: Trouble.BAD_ADDRESS,  # invalid "To" attribute
    21201: Trouble.BAD_ADDRESS,  # no "To" number
    21211: Trouble.BAD_ADDRESS,  # invalid "To" number
    21214: Trouble.BAD_ADDRESS,  # "To" number cannot be reached
    21217: Trouble.BAD_ADDRESS,  # the number does not appear to be valid
    21263: Trouble.BAD_ADDRESS,  # "To" number is no E.164
    21265: Trouble.BAD_ADDRESS,  # "To" number is a short code
    21614: Trouble.BAD_ADDRESS,  # "To" number is no mobile number
    21635: Trouble.BAD_ADDRESS,  # "To" number is a landline
    30005: Trouble.BAD_ADDRESS,  # unknown destination handset
    30006: Trouble.BAD_ADDRESS,  # landline or unreachable carrier
    # They said STOP.
    21610: Trouble.OPTED_OUT,
    # Too much at once, or the provider is busy.
    10004: Trouble.LATER,  # too many calls at the same time
    14107: Trouble.LATER,  # messages too fast
    20429: Trouble.LATER,  # too many requests
    21611: Trouble.LATER,  # the sender's queue is full
    30001: Trouble.LATER,  # queue overflow
    30022: Trouble.LATER,  # the carrier's rate limit
    # Ours to mend, or final: said here so that nobody takes them for something else.
    20003: Trouble.REFUSED,  # wrong account or token
    21212: Trouble.REFUSED,  # invalid "From" number
    21215: Trouble.REFUSED,  # no permission to call this country
    21219: Trouble.REFUSED,  # a trial account, and the number is not verified
    21401: Trouble.REFUSED,  # our sender is not enabled for SMS
    21408: Trouble.REFUSED,  # no permission to text this region
    21606: Trouble.REFUSED,  # our sender cannot send to this number
    21612: Trouble.REFUSED,  # no route between these two numbers
    30002: Trouble.REFUSED,  # account suspended
    30003: Trouble.REFUSED,  # the handset is off or out of reach: the number may be right
    30004: Trouble.REFUSED,  # blocked on the way
    30007: Trouble.REFUSED,  # filtered as spam
    30008: Trouble.REFUSED,  # unknown
}

_OURS: Final[Mapping[int, str]] = {
    20003: "check SHOUWANG_TWILIO_ACCOUNT_SID and SHOUWANG_TWILIO_AUTH_TOKEN",
    21212: "check SHOUWANG_TWILIO_FROM",
    21215: "allow this country in Twilio's console: Voice, Geo permissions",
    21219: "verify this number in Twilio's console, or upgrade the trial account",
    21401: "check SHOUWANG_TWILIO_FROM: it must be a number of this account that can send SMS",
    21408: "allow this region in Twilio's console: Messaging, Geo permissions",
    21606: "check SHOUWANG_TWILIO_FROM: it cannot send SMS to this number",
    30002: "Twilio has suspended the account: see its console",
}
"""What the operator can do about what is not the number's fault."""

_NO_SUCH_NUMBER: Final = frozenset({404, 484, 604})
"""SIP answers to a call (RFC 3261 §21): not found, address incomplete, does not exist anywhere."""


def trouble_of(code: int | None, status: int = 0) -> Trouble:
    """Return what a refused request or an undelivered message means; `status` is the HTTP status, 0 if none.

    A server's own error (5xx) leaves open whether it took the message before it failed.
    """
    if code is not None and code in TROUBLES:
        return TROUBLES[code]
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Trouble.LATER
    return Trouble.UNKNOWN if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Trouble.REFUSED


def trouble_of_call(code: int | None, sip: int | None) -> Trouble | None:
    """Return what is wrong with the number of a call that failed; None where nothing shows that anything is."""
    if sip in _NO_SUCH_NUMBER or (code is not None and trouble_of(code) is Trouble.BAD_ADDRESS):
        return Trouble.BAD_ADDRESS
    return None


def told(code: int | None, message: str) -> str:
    """Return an error as an operator reads it: what Twilio says, its code, and what to do."""
    advice = _OURS.get(code, "") if code is not None else ""
    known = f"Twilio {code}: {message}" if code else f"Twilio: {message}"
    return f"{known}; {advice}" if advice else known
