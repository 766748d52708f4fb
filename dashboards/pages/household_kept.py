"""What people keep of a household on its page: when it is away, and what one should know of it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from dashboards.access import Caseworker, Conn, Operator, Scoped
from dashboards.pages.frame import Form, Framed
from dashboards.problems import Refusal, not_found
from registry.model import Absence
from registry.refusals import AlreadyRegisteredError, InvalidEntryError
from storage.registry import add_absence
from storage.registry.amendments import NoteChangedError, end_absence, write_note
from storage.views import Row, View
from storage.views import household as queries
from storage.views import registry as homes

_SHOWN: Final = 30


def router() -> APIRouter:
    """Return the piece of a household's page that can be written on, and its forms."""
    routes = APIRouter()

    @routes.get("/parts/households/{household_id}/kept")
    def part_kept(household_id: str, around: Framed, view: Scoped) -> Response:
        return around.page("parts/household_kept.html", **kept(view, required(view, household_id), around.now))

    @routes.post("/households/{household_id}/note")
    def note(household_id: str, around: Framed, fields: Form, _who: Caseworker, view: Scoped, conn: Conn) -> Response:
        required(view, household_id)
        try:
            write_note(conn, household_id, fields.get("note", ""), was=fields.get("was", ""))
        except NoteChangedError as error:
            raise Refusal(409, str(error)) from error
        return around.done(f"/households/{household_id}")

    @routes.post("/households/{household_id}/absences")
    def absences(household_id: str, around: Framed, fields: Form, _who: Operator, view: Scoped, conn: Conn) -> Response:
        required(view, household_id)
        starts, ends = _moment(fields.get("starts", "")), _moment(fields.get("ends", ""))
        try:
            add_absence(conn, Absence(household_id, starts, ends, fields.get("reason", "")))
        except AlreadyRegisteredError as error:
            raise Refusal(409, "An absence that begins at this moment is entered already") from error
        except InvalidEntryError as error:
            raise Refusal(422, "Write a return that is later than the departure, then send the form again") from error
        return around.done(f"/households/{household_id}")

    @routes.post("/households/{household_id}/absences/{number}/end")
    def back(household_id: str, number: int, around: Framed, _who: Operator, view: Scoped, conn: Conn) -> Response:
        required(view, household_id)
        if not end_absence(conn, household_id, number, around.now):
            raise Refusal(409, "This absence is over or was taken back already")
        return around.done(f"/households/{household_id}")

    return routes


def required(view: View, household: str) -> Row:
    """Return a household in the reader's area.

    Raises:
        Refusal: (404) there is none.
    """
    home = homes.household(view, household)
    if home is None:
        raise not_found("household")
    return home


def kept(view: View, home: Row, now: datetime) -> dict[str, object]:
    """Return a household's absences, and whether it is `away` now; its note is its own."""
    absences = queries.absences(view, home["id"], limit=_SHOWN)
    return {"home": home, "absences": absences, "away": any(row["starts"] <= now < row["ends"] for row in absences)}


def _moment(text: str) -> datetime:
    """Return what a reader wrote, without a zone: it is the household's.

    Raises:
        Refusal: (422) it is no moment.
    """
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError as error:
        raise Refusal(422, "Choose when they leave and when they come back, then send the form again") from error
