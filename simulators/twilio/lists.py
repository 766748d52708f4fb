"""Lists of messages and calls as the API gives them: filtered, newest first, in pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from registry.instants import to_micros
from simulators.twilio.exchange import Exchange
from simulators.twilio.problems import RefusedError
from simulators.twilio.resources import Call, Message

_PAGE = 50
_LARGEST_PAGE = 1000
_DAY = len("2026-03-02")


def messages(exchange: Exchange, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
    """Return a page of messages by To, From and DateSent.

    A message that has not been sent has no such date and is in no list that asks for one.

    Raises:
        RefusedError: a filter cannot be understood.
    """
    found = [
        one
        for one in list(exchange.messages.values())
        if _is(query, "To", one.to) and _is(query, "From", one.sender or "") and _within(query, "DateSent", one.sent)
    ]
    return _page("messages", found, path, query)


def calls(exchange: Exchange, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
    """Return a page of calls by To, From, Status, ParentCallSid, StartTime and EndTime.

    Raises:
        RefusedError: a filter cannot be understood.
    """
    found = [
        one
        for one in list(exchange.calls.values())
        if _is(query, "To", one.to)
        and _is(query, "From", one.sender)
        and _is(query, "Status", one.status)
        and _is(query, "ParentCallSid", "")
        and _within(query, "StartTime", one.answered if one.answered is not None else one.ended)
        and _within(query, "EndTime", one.ended)
    ]
    return _page("calls", found, path, query)


def _is(query: Mapping[str, str], name: str, value: str) -> bool:
    return not query.get(name) or query[name] == value


def _within(query: Mapping[str, str], name: str, at: int | None) -> bool:
    """Say whether an instant fits: on a day, or not before (`>`) and not after (`<`) what is given."""
    for sign in ("", "<", ">"):
        written = query.get(name + sign)
        if not written:
            continue
        first, after = _span(written)
        if at is None or (sign != "<" and at < first) or (sign != ">" and at >= after):
            return False
    return True


def _span(written: str) -> tuple[int, int]:
    """Return the day or the second that is meant, as [first, after) in microseconds UTC."""
    try:
        start = datetime.fromisoformat(written)
    except ValueError as error:
        raise RefusedError(20001, f"write {written} as YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ") from error
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    length = timedelta(days=1) if len(written) == _DAY else timedelta(seconds=1)
    return to_micros(start), to_micros(start + length)


def _page(
    name: str, found: Iterable[Message | Call], path: str, query: Mapping[str, str]
) -> Mapping[str, Sequence[Any] | int | str | None]:
    try:
        size = min(_LARGEST_PAGE, max(1, int(query.get("PageSize", _PAGE))))
        number = max(0, int(query.get("Page", 0)))
    except ValueError as error:
        raise RefusedError(20001, "Page and PageSize are whole numbers") from error
    everything = sorted(found, key=lambda one: (one.day, one.created, one.sid), reverse=True)
    shown = everything[number * size : (number + 1) * size]

    def uri(page: int) -> str:
        filters = {key: value for key, value in query.items() if key not in {"Page", "PageSize", "PageToken"}}
        token = {"PageToken": f"PA{shown[-1].sid}"} if page > number and shown else {}
        return f"{path}?{urlencode({**filters, 'PageSize': size, 'Page': page, **token})}"

    more = len(everything) > (number + 1) * size
    return {
        "first_page_uri": uri(0),
        "end": number * size + max(0, len(shown) - 1),
        "next_page_uri": uri(number + 1) if more else None,
        name: [one.as_json() for one in shown],
        "page": number,
        "page_size": size,
        "previous_page_uri": uri(number - 1) if number else None,
        "start": number * size,
        "uri": uri(number),
    }
