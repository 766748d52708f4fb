"""`/policies`: every escalation ladder as a picture and in words, and which one an alert would climb, with names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.responses import Response

from alerts.ladders.policy import Policies, Rule
from dashboards.access import Scoped
from dashboards.context import Context, Given
from dashboards.on_call_now import on_call_now
from dashboards.pages.frame import Frame, Framed
from dashboards.pictures.ladder_strip import LANES, Strip, strip
from dashboards.problems import Refusal
from dashboards.words.ladders import Picture, picture, span
from dashboards.words.phrases import KINDS
from detectors.finding import Kind, Severity
from registry.instants import to_micros
from storage.views import View, registry

_SEVERITIES: Final = {severity.label: severity for severity in Severity}


@dataclass(frozen=True, slots=True)
class Asked:
    """An alert that somebody imagines: its kind, severity, local time, and perhaps whose it would be."""

    kind: Kind
    severity: Severity
    at: time
    household: str

    @classmethod
    def of(cls, query: Mapping[str, str], around: Frame) -> Asked | None:
        """Read it from the parameters of an address, None if nothing is asked.

        Raises:
            Refusal: (422) there is no such kind, severity or time.
        """
        if not query.get("kind"):
            return None
        local = f"{around.now.astimezone(ZoneInfo(around.zone)):%H:%M}"
        try:
            return cls(
                Kind(query["kind"]),
                _SEVERITIES[query.get("severity") or "high"],
                time.fromisoformat(query.get("at") or local),
                query.get("household", "").strip()[:200],
            )
        except (KeyError, ValueError) as error:
            raise Refusal(422, "Choose a kind, a severity and a time of day, then ask again") from error


@dataclass(frozen=True, slots=True)
class Shown:
    """One ladder of the page."""

    no: int
    picture: Picture
    strip: Strip
    chosen: bool


def router() -> APIRouter:
    """Return the page of policies."""
    routes = APIRouter()

    @routes.get("/policies")
    def page(around: Framed, view: Scoped, given: Given) -> Response:
        asked = Asked.of(around.request.query_params, around)
        climbed = None if asked is None else _rule(given.policies, asked)
        return around.page(
            "policies.html",
            policies=[
                Shown(no, picture(rule, around.language), strip(rule.policy), rule is climbed)
                for no, rule in enumerate(given.policies.rules, 1)
            ],
            asked=asked,
            named=None if asked is None or climbed is None else _named(around, view, given, climbed, asked.household),
            lanes=LANES,
            kinds=KINDS,
            severities=[severity.label for severity in reversed(Severity)],
            on_call=on_call_now(view, around.now, around.language),
            span=lambda micros: span(micros, around.language),
        )

    return routes


def _rule(policies: Policies, asked: Asked) -> Rule:
    """Return the first rule that applies; a file of policies has one for everything."""
    return next(rule for rule in policies.rules if rule.applies(asked.kind, asked.severity, asked.at))


def _named(around: Frame, view: View, given: Context, rule: Rule, household: str) -> Picture | None:
    """Return a ladder with the names of a household's people, None if none is asked for.

    Raises:
        Refusal: (404) there is no such household for this reader.
    """
    if not household:
        return None
    home = registry.household(view, household)
    if home is None:
        raise Refusal(404, "There is no such household in your area: check the id")
    people = given.book(view.conn).people(household, to_micros(around.now))
    return picture(rule, around.language, people, given.channels, home["address"])
