"""`/handsets`: the simulated telephones, ringing ones first, and the keys one can press; the board beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from alerts import desk
from dashboards.access import Conn, Operator, Scoped
from dashboards.api.handsets import answerable
from dashboards.context import Given
from dashboards.pages.board import board_of
from dashboards.pages.frame import Form, Framed
from dashboards.problems import Refusal
from registry.instants import to_micros
from storage.views import Row, View, handsets

_MESSAGES: Final = 200
_LONGEST_ANSWER: Final = 160


@dataclass(slots=True)
class Telephone:
    """One telephone and what lies on it, the newest first."""

    handset: str
    phone: str
    person: str
    role: str
    household: str | None
    messages: list[Row] = field(default_factory=list)

    @property
    def ringing(self) -> bool:
        """Whether it rings now."""
        return any(message["status"] == "ringing" for message in self.messages)


def router() -> APIRouter:
    """Return the page of telephones, the piece of it that refreshes, and answering."""
    routes = APIRouter()

    @routes.get("/handsets")
    def page(around: Framed, _who: Operator, view: Scoped) -> Response:
        return around.page("handsets.html", telephones=telephones(view), **board_of(around, view))

    @routes.get("/parts/handsets")
    def part(around: Framed, _who: Operator, view: Scoped) -> Response:
        return around.page("parts/handsets.html", telephones=telephones(view))

    @routes.post("/handsets/messages/{message_id}/answer")
    def answer(
        message_id: UUID, around: Framed, fields: Form, _who: Operator, view: Scoped, conn: Conn, given: Given
    ) -> Response:
        answerable(view, message_id)
        said = fields.get("answer", "").strip()
        if not 0 < len(said) <= _LONGEST_ANSWER:
            raise Refusal(422, f"Write an answer of 1 to {_LONGEST_ANSWER} characters, then send it again")
        with conn.transaction():
            desk.answer(given.book(conn), message_id, said, to_micros(around.now))
        return around.done("/handsets")

    return routes


def telephones(view: View) -> list[Telephone]:
    """Return the telephones with the newest messages, ringing ones first."""
    found: dict[str, Telephone] = {}
    for row in handsets.recent(view, limit=_MESSAGES):
        person = row["person_name"] or row["person"] or row["phone"]
        telephone = found.setdefault(
            row["handset"], Telephone(row["handset"], row["phone"], person, row["role"], row["household"])
        )
        telephone.messages.append(row)
    return list(found.values())
