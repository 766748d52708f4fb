"""`/my`: the caller's own tasks, and what their phone sends about them, each of it done once however often it comes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request
from psycopg import Connection

from alerts import desk
from alerts.book import AlertBook
from alerts.errors import AlertError, Conflict, Invalid, NotFound
from dashboards import present
from dashboards.access import Caller, Caseworker, Conn, Scoped
from dashboards.api.tasks import Found, Handover, required
from dashboards.context import Context, Given
from dashboards.problems import Refusal, documented
from dashboards.shapes.my import Acceptance, Done, MyTask, MyTasks, Passage, Refusing
from dashboards.shapes.terms import Asked, severity_word
from dashboards.words.languages import Language, translator
from dashboards.words.refusals import persons_in, retold, with_names
from registry.instants import to_micros
from storage import phones, receipts, trail
from storage.alerts import people
from storage.receipts import KeyReusedError, Receipt
from storage.views import Row, View, my, tasks

_MOST: Final = 200
_LATELY: Final = timedelta(days=1)
_DONE: Final = 10
_STATUS: Final[tuple[tuple[type[AlertError], int], ...]] = ((NotFound, 404), (Invalid, 422), (Conflict, 409))

Verb = Literal["accept", "on-my-way", "arrived", "outcome", "refuse", "handover"]
Act = Callable[[AlertBook, str, int], object]
"""Does what is asked at the alert desk, given the caller's id in the registry and the present (microseconds UTC)."""


def person(who: Caseworker) -> str:
    """Return the caller's id in the registry.

    Raises:
        Refusal: (403) the caller's account or token belongs to nobody there.
    """
    if who.person is None:
        raise Refusal(403, "Tasks go to people of the registry: ask an operator to link your account to one")
    return who.person


Myself = Annotated[str, Depends(person)]


@dataclass(frozen=True, slots=True)
class Sender:
    """A phone that asks for something, under a key of its own for each request."""

    who: Caller
    person: str
    view: View
    conn: Connection
    given: Context
    language: str
    key: UUID

    def once(self, verb: Verb, task: UUID, asked: Asked, act: Act) -> Done:
        """Do what is asked unless it was done already, and return what it was answered the first time.

        Raises:
            Refusal: as the alert desk refused it the first time, in the caller's language; (404) there is no such task
                in their area; (422) the key stands for another request.
        """
        said = f"{verb} {task} {asked.model_dump_json(exclude={'waited'})}"  # how long it took differs, what it is not
        at = self.given.now()
        try:
            with self.conn.transaction():
                receipt = receipts.claim(self.conn, self.who.actor, self.key, sha256(said.encode()).digest(), at)
                if receipt is None:
                    receipt = self._done(verb, task, act, at)
                    receipts.keep(self.conn, self.who.actor, self.key, receipt)
        except KeyReusedError as error:
            raise Refusal(422, str(error)) from error
        if receipt.status != 200:
            raise Refusal(receipt.status, self._told(receipt.answer["detail"]))
        return Done.model_validate(receipt.answer)

    def _done(self, verb: Verb, task: UUID, act: Act, at: datetime) -> Receipt:
        required(self.view, task)
        try:
            with self.conn.transaction():
                act(self.given.book(self.conn), self.person, to_micros(at))
        except AlertError as error:
            status = next((status for kind, status in _STATUS if isinstance(error, kind)), 409)
            return Receipt(status, {"detail": str(error)})
        return Receipt(200, Done(task=task, done=verb, at=at).model_dump(mode="json"))

    def _told(self, text: str) -> str:
        """Return what the alert desk says as the caller reads it: a phone shows it as it is."""
        names = people.names(self.conn, persons_in(text))
        return retold(self.language, with_names(translator(self.language), text, names))


def sender(
    who: Caseworker,
    myself: Myself,
    view: Scoped,
    conn: Conn,
    given: Given,
    language: Language,
    idempotency_key: Annotated[
        UUID, Header(description="Made by the sender for each request; sent again with it, the request is done once")
    ],
) -> Sender:
    """Return who sends a request, with everything it takes to do it."""
    return Sender(who, myself, view, conn, given, language, idempotency_key)


Sent = Annotated[Sender, Depends(sender)]


def router() -> APIRouter:
    """Return the addresses of a caseworker's phone."""
    routes = APIRouter(tags=["my tasks"], prefix="/my/tasks")

    @routes.get("", summary="The caller's own tasks, what is due soonest first", responses=documented())
    def list_mine(
        request: Request, who: Caseworker, myself: Myself, view: Scoped, conn: Conn, given: Given, language: Language
    ) -> MyTasks:
        rows = my.tasks(view.unmasked(), myself, limit=_MOST)  # they have to go there, and to call
        _write_down(conn, who, myself, rows, request.client.host if request.client else "")
        homes = sorted({row["household"] for row in rows})
        around = {"people": my.people(view.unmasked(), homes), "colleagues": tasks.colleagues(view, homes)}
        now = given.now()
        return MyTasks.model_validate(
            {
                "now": now,
                "speed": given.speed,
                "person": myself,
                "tasks": [_task(row, language, around, myself) for row in rows],
                "done": my.done(view, myself, now - _LATELY, limit=_DONE),
                "seal": b64encode(phones.seal(conn, myself)).decode(),
            }
        )

    @routes.post("/{task_id}/accept", summary="Take a task on, or over", responses=documented(404, 409))
    def accept(task_id: UUID, asked: Acceptance, sent: Sent) -> Done:
        return sent.once(
            "accept", task_id, asked, lambda book, me, now: desk.accept(book, task_id, sent.who.actor, me, now)
        )

    @routes.post("/{task_id}/on-my-way", summary="Say that one is on the way", responses=documented(404, 409))
    def on_my_way(task_id: UUID, asked: Passage, sent: Sent) -> Done:
        return sent.once(
            "on-my-way",
            task_id,
            asked,
            lambda book, _me, now: desk.set_out(book, task_id, sent.who.actor, _then(asked, sent.given, now), now),
        )

    @routes.post("/{task_id}/arrived", summary="Say that one is there", responses=documented(404, 409))
    def arrived(task_id: UUID, asked: Passage, sent: Sent) -> Done:
        return sent.once(
            "arrived",
            task_id,
            asked,
            lambda book, _me, now: desk.arrive(book, task_id, sent.who.actor, _then(asked, sent.given, now), now),
        )

    @routes.post("/{task_id}/outcome", summary="Write down what was found", responses=documented(404, 409))
    def outcome(task_id: UUID, asked: Found, sent: Sent) -> Done:
        return sent.once(
            "outcome",
            task_id,
            asked,
            lambda book, _me, now: desk.record_outcome(
                book, task_id, sent.who.actor, asked.outcome, asked.note, now, asked.why, asked.follow_up_on
            ),
        )

    @routes.post("/{task_id}/refuse", summary="Give a task back", responses=documented(404, 409))
    def refuse(task_id: UUID, asked: Refusing, sent: Sent) -> Done:
        return sent.once(
            "refuse",
            task_id,
            asked,
            lambda book, me, now: desk.refuse(book, task_id, sent.who.actor, me, asked.reason, now),
        )

    @routes.post("/{task_id}/handover", summary="Offer a task to a colleague", responses=documented(404, 409))
    def handover(task_id: UUID, asked: Handover, sent: Sent) -> Done:
        return sent.once(
            "handover",
            task_id,
            asked,
            lambda book, me, now: desk.hand_over(book, task_id, sent.who.actor, me, asked.person, asked.note, now),
        )

    return routes


def _then(asked: Passage, given: Context, now: int) -> int:
    """Return the instant (microseconds UTC) that somebody without a network speaks of, on the engine's clock."""
    return now - int(asked.waited * given.speed * 1e6)


def _task(row: Row, language: str, around: dict[str, dict[str, list[Row]]], myself: str) -> MyTask:
    colleagues = [
        one for one in around["colleagues"][row["household"]] if one["id"] not in row["refused"] and one["id"] != myself
    ]
    sentence = present.sentence_of({**row, "kind": row["alert_kind"]}, language)
    north, _, east = row["coordinates"].partition(",")
    told: dict[str, Any] = {
        **row,
        "latitude": north or None,
        "longitude": east or None,
        "severity": severity_word(row["severity"]),
        "sentence": sentence,
        "people": around["people"][row["household"]],
        "colleagues": colleagues,
    }
    return MyTask.model_validate(told)


def _write_down(conn: Connection, who: Caller, myself: str, rows: list[Row], address: str) -> None:
    """Put on the audit trail which homes a phone is shown for the first time; it asks anew every minute."""
    with conn.transaction():
        new = phones.show(conn, myself, [row["id"] for row in rows])
        for row in rows:
            if row["id"] in new:
                detail = {"address": "/api/v1/my/tasks", "task": str(row["id"])}
                trail.record(
                    conn,
                    actor=who.actor,
                    role=who.role,
                    action="viewed",
                    household=row["household"],
                    alert=row["alert"],
                    detail=detail,
                    address=address,
                )
