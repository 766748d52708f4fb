"""`/welcome`: the story that the virtual town plays, for somebody who sees all this for the first time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from dashboards import present
from dashboards.access import Scoped
from dashboards.context import Given
from dashboards.pages.frame import Frame, Framed, moment
from dashboards.problems import Refusal
from dashboards.words import phrases
from dashboards.words.languages import translator
from storage.views import Row, View, welcome


@dataclass(frozen=True, slots=True)
class Chapter:
    """One of the five things that happen: whether it has in this town, what there is to say, and where to see it."""

    title: str
    told: str
    at: datetime | None
    address: str
    place: str
    underway: bool = False


def router() -> APIRouter:
    """Return the page for newcomers and the piece of it that refreshes."""
    routes = APIRouter()

    @routes.get("/welcome")
    def page(around: Framed, view: Scoped, given: Given) -> Response:
        return around.page("welcome.html", **_told(around, view, embedded=given.embedded))

    @routes.get("/parts/welcome")
    def part(around: Framed, view: Scoped, given: Given, story: UUID | None = None) -> Response:
        return around.page("parts/welcome.html", **_told(around, view, story, embedded=given.embedded))

    return routes


def _told(around: Frame, view: View, followed: UUID | None = None, *, embedded: bool) -> dict[str, Any]:
    if not embedded:
        raise Refusal(404, "There is nothing at this address: what is open stands on the board")
    story = welcome.story(view, followed)
    quietest = None if story else welcome.quietest(view, around.now)
    chapters = [
        _silence(around, story, quietest),
        _alert(around, story),
        _telephone(around, story),
        _visit(around, story),
        _outcome(around, story),
    ]
    return {"chapters": chapters, "zone": story["zone"] if story else around.zone, "story": story and story["id"]}


def _silence(around: Frame, story: Row | None, quietest: Row | None) -> Chapter:
    _ = translator(around.language)
    title, place = _("Somebody stops using water"), _("The household")
    if story:
        told = _("{household}: nothing has been used since {when}.")
        said = told.format(household=story["household"], when=_at(around, story["onset"], story["zone"]))
        return Chapter(title, said, story["onset"], f"/households/{story['household']}", place)
    if quietest:
        told = _("Longest without water just now: {household}, since {when}. So far that is nothing unusual there.")
        said = told.format(household=quietest["household"], when=_at(around, quietest["used_at"], quietest["zone"]))
        return Chapter(title, said, None, f"/households/{quietest['household']}", place, underway=True)
    return Chapter(title, _("The meters report what every home uses; each home has habits of its own."), None, "", "")


def _alert(around: Frame, story: Row | None) -> Chapter:
    _ = translator(around.language)
    title = _("The silence becomes unusual: an alert")
    if story is None:
        return Chapter(title, _("It says in one sentence what is unusual, against which habit."), None, "", "")
    sentence = present.sentence_of(story, around.language)
    return Chapter(title, sentence, story["opened_at"], f"/alerts/{story['id']}", _("The alert"))


def _telephone(around: Frame, story: Row | None) -> Chapter:
    _ = translator(around.language)
    title = _("Their telephone rings, and nobody answers")
    handsets = ("/handsets", _("The telephones")) if around.who.may("operator") else ("", "")
    if story is None or story["rung_at"] is None:
        return Chapter(title, _("First the resident is asked by SMS, then called."), None, *handsets)
    name, when = story["person_name"], _at(around, story["rung_at"], story["zone"])
    if story["rung_status"] == "missed":
        return Chapter(
            title,
            _("{name} did not answer the call of {when}.").format(name=name, when=when),
            story["rung_at"],
            *handsets,
        )
    if story["rung_status"] == "ringing":
        said = _("It rings at {name}'s right now. Let it ring, or answer it in their place.").format(name=name)
        return Chapter(title, said, None, *handsets, underway=True)
    return Chapter(
        title, _("{name} was called at {when}.").format(name=name, when=when), None, *handsets, underway=True
    )


def _visit(around: Frame, story: Row | None) -> Chapter:
    _ = translator(around.language)
    title, place = _("Somebody is sent to look"), _("The tasks")
    if story is None or story["visit_at"] is None:
        return Chapter(title, _("While nobody answers, the ladder climbs: contacts, then a visit."), None, "", "")
    said = _("{name} is to be there by {when}.").format(
        name=story["visit_who"] or _("Nobody is named yet"), when=_at(around, story["visit_due"], story["zone"])
    )
    return Chapter(title, said, story["visit_at"], "/tasks", place)


def _outcome(around: Frame, story: Row | None) -> Chapter:
    _ = translator(around.language)
    title = _("They write down what they found")
    if story is None or story["found"] is None:
        return Chapter(title, _("Only that ends the story; and the thresholds learn from it."), None, "", "")
    found = phrases.word(_, phrases.OUTCOMES, story["found"])
    address = f"/alerts/{story['id']}/timeline"
    return Chapter(title, found, story["found_at"], address, _("The whole story"))


def _at(around: Frame, when: datetime, zone: str) -> str:
    return moment(when, zone, around.now, around.language)
