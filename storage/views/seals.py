"""What of a row is shown: what is sealed comes out masked, or whole for who has said why they need it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from registry import masking
from storage import sealing
from storage.errors import SealError

_LONGEST_ID: Final = 200


def _whole(text: str) -> str:
    return text


def _hidden(_text: str) -> str:
    return masking.HIDDEN


_MASKS: Final[Mapping[str, Callable[[str], str]]] = {
    "household.address": masking.address,
    "household.coordinates": _hidden,
    "person.phone": masking.phone,
    "person.address": masking.messenger,
    "notification.phone": masking.phone,
    "notification.address": masking.messenger,
    "notification.text": masking.message,
    "handset_message.phone": masking.phone,
    "handset_message.text": masking.message,
    "task.partner_address": _whole,  # where an organisation is reached is nobody's secret, once one may see the task
}
"""How each sealed column that is shown at all is masked."""


def masked(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of any query with whatever is sealed in it masked.

    It opens only beside the id that it belongs to, so a query returns that too; else it is hidden altogether.
    """
    return _shown(row, _masked)


def whole(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of any query with whatever is sealed in it opened; likewise."""
    return _shown(row, _opened)


_Show = Callable[[str, dict[str, Any]], str]


def _shown(row: dict[str, Any], show: _Show) -> dict[str, Any]:
    return {name: _part(value, row, show) for name, value in row.items()}


def _part(value: Any, row: dict[str, Any], show: _Show) -> Any:
    match value:
        case str() if value.startswith(sealing.PREFIX) and _column(value):
            return show(value, row)
        case dict():
            return {name: _part(one, {**row, **value}, show) for name, one in value.items()}
        case list():
            return [_part(one, row, show) for one in value]
        case _:
            return value


def _masked(sealed: str, row: dict[str, Any]) -> str:
    text, mask = _opened(sealed, row), _MASKS[_column(sealed)]
    if mask is masking.message and row.get("home"):
        return masking.message(text, _opened(row["home"], row))
    return mask(text)


def _opened(sealed: str, row: dict[str, Any]) -> str:
    column = _column(sealed)
    for key in _ids(row, column):
        with suppress(SealError):
            return sealing.opened(column, key, sealed)
    return masking.HIDDEN


def _column(sealed: str) -> str:
    """Return the column that something sealed names; '' of what somebody has only typed so."""
    named = sealed.rsplit(":", 2)[1]
    return named if named in _MASKS else ""


def _ids(row: Mapping[str, Any], column: str) -> Iterator[str | UUID]:
    """Yield what may be the id that a column's text is bound to, the likeliest first."""
    likely = (column.partition(".")[0], "id")
    for name in (*likely, *(one for one in row if one not in likely)):
        value = row.get(name)
        if isinstance(value, UUID) or (
            isinstance(value, str) and value and len(value) <= _LONGEST_ID and not value.startswith(sealing.PREFIX)
        ):
            yield value
