"""Words for what the audit trail says beside who did what: each thing by the name it is recorded under."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

DETAILS: Final[Mapping[str, str]] = {
    "account": "Account",
    "area": "Area",
    "at": "Moment",
    "by": "Signed in by",
    "changed": "Lines changed",
    "code": "Area",
    "days": "Days",
    "device": "Device",
    "from": "From",
    "gateway": "Gateway",
    "households": "Homes",
    "kind": "Kind",
    "measure": "On the map",
    "of": "Whose",
    "order": "Order",
    "page": "Page",
    "part": "Part",
    "people": "People",
    "period": "Period",
    "problem": "Problem",
    "q": "Words searched for",
    "reason": "Reason",
    "role": "Role",
    "rows": "Lines",
    "session": "Session",
    "severity": "Severity",
    "sort": "Ordered by",
    "status": "Status",
    "to": "To",
    "token": "Token",
    "week": "Week",
    "what": "What",
    "why": "Why",
}
"""What is not among them is shown by the name it is recorded under."""

_BLANK: Final = re.compile(r"\{(\w+)\}")


class Told(NamedTuple):
    """What a line of the trail says more: the address that was asked for, '' if none, and the rest by name."""

    address: str
    rest: Mapping[str, str]


def told(detail: Mapping[str, str]) -> Told:
    """Return what a line says more, the address with its blanks filled in; what is empty says nothing."""
    pattern = detail.get("address", "")
    blanks = {name for name in _BLANK.findall(pattern) if name in detail}
    address = _BLANK.sub(lambda blank: str(detail.get(blank[1], blank[0])), pattern)
    rest = {name: one for name, one in detail.items() if one and name != "address" and name not in blanks}
    return Told(address, rest)
