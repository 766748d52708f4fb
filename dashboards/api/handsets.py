"""`/handsets`: the simulated telephones, what lies on them, and answering."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import Field, StringConstraints

from alerts import desk
from dashboards import present
from dashboards.access import Conn, Operator, Scoped
from dashboards.context import Given
from dashboards.paging import Page, Paged
from dashboards.problems import Refusal, documented, not_found
from dashboards.shapes.handsets import Call, Handset, HandsetMessages
from dashboards.shapes.terms import Asked
from registry.instants import to_micros
from storage.views import Row, View
from storage.views import handsets as queries

_NEWEST = 100


class Answer(Asked):
    """What is pressed or written in reply."""

    answer: Annotated[str, StringConstraints(min_length=1, max_length=160)] = Field(examples=["1"])


def router() -> APIRouter:
    """Return the addresses of telephones."""
    routes = APIRouter(tags=["handsets"])

    @routes.get("/handsets", summary="List telephones that ever got a message", responses=documented())
    def list_handsets(_who: Operator, view: Scoped, paging: Paged) -> Page[Handset]:
        rows = queries.phones(view, limit=paging.limit + 1, after=paging.after(str))
        return paging.page(rows, Handset.model_validate, lambda row: row["handset"])

    @routes.get("/handsets/{phone}", summary="One telephone with its SMS and calls", responses=documented(404))
    def get_handset(
        phone: Annotated[str, Path(description="E.164", examples=["+8613812345678"])], _who: Operator, view: Scoped
    ) -> HandsetMessages:
        handset = queries.phone(view, phone)
        if handset is None:
            raise not_found("telephone")
        recent = [present.call(row) for row in queries.messages(view, phone, limit=_NEWEST)]
        return HandsetMessages(**Handset.model_validate(handset).model_dump(), recent=recent)

    @routes.post(
        "/handsets/messages/{message_id}/answer",
        summary="Answer an SMS, or a call by pressing a key",
        responses=documented(404, 409),
    )
    def answer(message_id: UUID, asked: Answer, _who: Operator, view: Scoped, conn: Conn, given: Given) -> Call:
        answerable(view, message_id)
        with conn.transaction():
            desk.answer(given.book(conn), message_id, asked.answer, to_micros(given.now()))
        return present.call(required(view, message_id))

    return routes


def required(view: View, message: UUID) -> Row:
    """Return an SMS or call in scope.

    Raises:
        Refusal: (404) there is none for this caller.
    """
    row = queries.message(view, message)
    if row is None:
        raise not_found("message")
    return row


def answerable(view: View, message: UUID) -> None:
    """Let an answer to an SMS or call pass.

    Raises:
        Refusal: (404) there is none for this caller; (409) it tells of the service itself.
    """
    if required(view, message)["alert"] is None:
        raise Refusal(409, "This tells of the service itself, so no answer is expected: look at the board")
