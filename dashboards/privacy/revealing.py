"""Showing a number or an address whole: who, what, for whom and why is on the audit trail before it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from psycopg import Connection
from starlette.requests import Request

from dashboards.access import Caller
from dashboards.privacy.masking import REASONS
from dashboards.problems import Refusal, not_found
from storage import trail
from storage.views import Row, View, revealed
from storage.views.revealed import Revealed

Kind = Literal["phone", "messenger", "address"]
"""A person's number, where messages to them go, and where a household is."""

_FIND: Final[Mapping[Kind, tuple[str, Callable[[View, str], Revealed | None]]]] = {
    "phone": ("person", revealed.phone),
    "messenger": ("person", revealed.messenger),
    "address": ("household", revealed.address),
}
_SHOWN_LATELY = """
SELECT household FROM audit_event
WHERE actor = %s AND action = 'shown' AND household = ANY(%s) AND at > clock_timestamp() - interval '1 hour'
"""


def reveal(view: View, request: Request, who: Caller, kind: Kind, key: str, reason: str) -> str:
    """Return a number or an address and write down who saw it, and why.

    Raises:
        Refusal: (404) there is none in the caller's area.
    """
    what, find = _FIND[kind]
    with view.conn.transaction():
        found = find(view, key)
        if found is None or not found.text:
            raise not_found(what)
        record(view.conn, request, who, kind, key, reason, found)
    return found.text


def record(
    conn: Connection[Any], request: Request, who: Caller, kind: str, key: str, reason: str, found: Revealed
) -> None:
    """Write down that somebody saw a number or an address, within the transaction in which it is read."""
    trail.record(
        conn,
        actor=who.actor,
        role=who.role,
        action="reveal",
        household=found.household,
        area=found.area,
        detail={"kind": kind, "of": key, "reason": reason},
        address=request.client.host if request.client else "",
    )


def revealing(view: View, who: Caller, reason: str | None) -> View:
    """Return the view of a list whose reader gave a reason to see numbers and addresses whole, or gave none.

    Raises:
        Refusal: (403) they may not.
    """
    if reason is None:
        return view
    if not who.may("caseworker"):
        raise Refusal(403, "Numbers and addresses are shown whole to caseworkers and above: leave out `reveal`")
    return view.unmasked()


def record_homes(conn: Connection[Any], request: Request, who: Caller, reason: str, homes: Sequence[Row]) -> None:
    """Write down whose addresses a list shows whole."""
    for home in homes:
        if home["address"]:
            found = Revealed(home["address"], home["id"], home["area"])
            record(conn, request, who, "address", home["id"], reason, found)


def record_people(conn: Connection[Any], request: Request, who: Caller, reason: str, people: Sequence[Row]) -> None:
    """Write down whose numbers and messengers a list shows whole."""
    for person in people:
        for kind, column in (("phone", "phone"), ("messenger", "address")):
            if person[column]:
                found = Revealed(person[column], person["household"], person["area"] or who.area or None)
                record(conn, request, who, kind, person["id"], reason, found)


def reason(fields: Mapping[str, str]) -> str:
    """Return why something is to be shown, as a form says it.

    Raises:
        Refusal: (422) nothing was chosen, or `other` without words.
    """
    code, words = fields.get("reason", ""), " ".join(fields.get("words", "").split())[:200]
    if code not in REASONS or (code == "other" and not words):
        raise Refusal(422, "Say what you need it for, then send the form again")
    return f"{code}: {words}" if words else code


def with_the_way(view: View, request: Request, who: Caller, tasks: Sequence[Row]) -> list[Row]:
    """Return tasks, those that are the reader's own with the whole address: they have to go there.

    A task is theirs while it is open and they are who it is meant for, or who has accepted it. That they were shown
    where is written down, for each home once an hour.
    """
    homes = sorted({task["household"] for task in tasks if _theirs(task, who)})
    if not homes:
        return list(tasks)
    with view.conn.transaction():
        whole = revealed.addresses(view, homes)
        lately = {home for (home,) in view.conn.execute(_SHOWN_LATELY, [who.actor, homes])}
        for home in homes:
            if home not in lately and whole.get(home):
                trail.record(
                    view.conn,
                    actor=who.actor,
                    role=who.role,
                    action="shown",
                    household=home,
                    detail={"kind": "address", "reason": "task"},
                    address=request.client.host if request.client else "",
                )
    return [{**task, "address": whole.get(task["household"], "")} if _theirs(task, who) else task for task in tasks]


def _theirs(task: Row, who: Caller) -> bool:
    if who.person is None or not who.may("caseworker") or task["status"] not in ("open", "accepted"):
        return False
    if task["accepted_by"] is not None:
        return bool(task["accepted_by"] == f"person:{who.person}")
    return who.person in (task["assignee"], task["offered_to"])
