"""`/`: the board. What is open, who holds it, what happens next; who is on call, telephones and visits beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dashboards import present
from dashboards.access import Caller, Conn, Known, Scoped, caller
from dashboards.board_filter import MOST, Filter
from dashboards.context import Given
from dashboards.on_call_now import on_call_now
from dashboards.pages.doorway import AtTheDoor
from dashboards.pages.frame import Frame, Framed, frame
from dashboards.pages.signin import by_link
from dashboards.signin.onward import HOME
from dashboards.words.languages import Language, translator
from dashboards.words.phrases import KINDS
from detectors.finding import Severity
from storage.tokens import VENDOR
from storage.views import Row, View, alerts, handsets, incidents, service, tasks

_SEARCHED: Final = 2000
"""How many open alerts a text is looked for in, the most pressing first: their sentences are in no table."""
_QUIET: Final = 50
_BESIDE: Final = 12
_LATEST: Final = 5
_INCIDENTS: Final = 20
_HOMES: Final = 8
_ENDANGERED: Final = 100
_ALARMING: Final = 99
_AREAS: Final = 300


@dataclass(frozen=True, slots=True)
class Found:
    """The open alerts that answer a filter; `total` counts those that were not shown too."""

    loud: list[Row]
    quiet: list[Row]
    loud_total: int
    quiet_total: int
    waiting: int


def router() -> APIRouter:
    """Return the front page and the pieces of it that refresh."""
    routes = APIRouter()

    @routes.get("/")
    def front(
        request: Request,
        given: Given,
        conn: Conn,
        language: Language,
        known: Known,
        at: AtTheDoor,
        token: str | None = None,
        next: str = HOME,  # noqa: A002 - its name in the address
    ) -> Response:
        if token is not None:
            return by_link(at, token, next)
        who = caller(known)
        if who.role == VENDOR:
            return RedirectResponse("/devices", 303)
        around = frame(request, who, language, given)
        view, chosen = View(conn, who.area), Filter.of(request.query_params)
        return around.page(
            "board.html",
            areas=_areas(view, chosen),
            kinds=KINDS,
            embedded=given.embedded,
            severities=[severity.label for severity in reversed(Severity)],
            **_alerts(around, view, chosen),
            **_beside(around, view),
        )

    @routes.get("/parts/alerts")
    def part_alerts(around: Framed, view: Scoped) -> HTMLResponse:
        return HTMLResponse(_alerts_part(around, view, around.request.query_params))

    @routes.get("/parts/beside")
    def part_beside(around: Framed, view: Scoped) -> HTMLResponse:
        return HTMLResponse(_beside_part(around, view, around.request.query_params))

    @routes.get("/parts/keys")
    def part_keys(around: Framed) -> Response:
        return around.page("parts/keys.html")

    return routes


def board_of(around: Frame, view: View) -> dict[str, Any]:
    """Return the board's alerts for a page that shows them beside something else."""
    return _alerts(around, view, Filter())


def _alerts_part(around: Frame, view: View, query: Mapping[str, str]) -> str:
    return around.text("parts/alerts.html", **_alerts(around, view, Filter.of(query)))


def _beside_part(around: Frame, view: View, _query: Mapping[str, str]) -> str:
    return around.text("parts/beside.html", **_beside(around, view))


SENT: Final[Mapping[str, Callable[[Frame, View, Mapping[str, str]], str]]] = {
    "/parts/alerts": _alerts_part,
    "/parts/beside": _beside_part,
}
"""What the stream sends to everybody who looks at it, by its address: how it is drawn, given the address's query."""


def _alerts(around: Frame, view: View, chosen: Filter) -> dict[str, Any]:
    with view.together() as asked:
        found = _found(asked, chosen, around.who, around.language)
        endangered: defaultdict[UUID, list[Row]] = defaultdict(list)
        for home in incidents.endangered(asked, limit=_ENDANGERED):
            endangered[home["incident"]].append(home)
        befallen = incidents.listed(asked, limit=_INCIDENTS, status="open")
        homes: defaultdict[UUID, list[Row]] = defaultdict(list)
        for home in incidents.homes(asked, each=_HOMES) if befallen else ():
            homes[home["incident"]].append(home)
        return {
            "found": found,
            "chosen": chosen,
            "most": MOST,
            "alarming": alerts.alarming(asked, limit=_ALARMING),
            "incidents": befallen,
            "endangered": endangered,
            "homes": homes,
            "flaws": service.flaws(asked),
        }


def _found(view: View, chosen: Filter, who: Caller, language: str) -> Found:
    asked = chosen.chosen(who.actor)
    if not chosen.text:
        counts = alerts.open_counts(view, asked)
        quiet_total = counts.get("shelved", 0) + counts.get("suppressed", 0)
        return Found(
            alerts.board(view, asked, limit=chosen.show),
            alerts.quiet(view, asked, limit=_QUIET) if quiet_total else [],
            sum(counts.values()) - quiet_total,
            quiet_total,
            counts.get("unacknowledged", 0),
        )
    _ = translator(language)

    def searched(rows: list[Row]) -> list[Row]:
        return [
            row
            for row in rows
            if chosen.finds(
                (row["household"], row["area_name"], _(KINDS[row["kind"]]), present.sentence_of(row, language))
            )
        ]

    loud = searched(alerts.board(view, asked, limit=_SEARCHED))
    quiet = searched(alerts.quiet(view, asked, limit=_SEARCHED))
    waiting = sum(row["status"] == "unacknowledged" for row in loud)
    return Found(loud[: chosen.show], quiet[:_QUIET], len(loud), len(quiet), waiting)


def _areas(view: View, chosen: Filter) -> list[Row]:
    """Return the areas one can choose: those with something open, and the one that is chosen."""
    found = alerts.areas(view, limit=_AREAS)
    if chosen.area and all(row["code"] != chosen.area for row in found):
        found.append({"code": chosen.area, "name": chosen.area, "level": ""})
    return found


def _beside(around: Frame, view: View) -> dict[str, Any]:
    calls = handsets.recent(view, limit=_BESIDE) if around.who.may("operator") else []
    return {
        "on_call": on_call_now(view, around.now, around.language),
        "visits": tasks.to_do(view, limit=_BESIDE),
        "ringing": [call for call in calls if call["status"] == "ringing"],
        "latest": [call for call in calls if call["status"] != "ringing"][:_LATEST],
    }
