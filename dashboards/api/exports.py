"""`/exports`: what a page shows, as a file for spreadsheets; each one is on the audit trail."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response
from starlette.requests import Request

from dashboards.access import Conn, Scoped, Viewer
from dashboards.api.areas import measured
from dashboards.context import Given
from dashboards.league import MEASURES, Choice, ranked, target
from dashboards.problems import documented
from dashboards.shapes.performance import AreaPerformance
from dashboards.words import performance as performance_words
from dashboards.words import phrases
from dashboards.words.languages import Language, Translate, translator
from storage import trail

CSV: Final = "text/csv; charset=utf-8"
_TARGETS: Final = ("urgent_60s", "urgent_180s", "visit_45min")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes spreadsheet programs take a text for a formula, also in the wide forms of Chinese keyboards."""

Cell = str | int | float | None


def router() -> APIRouter:
    """Return the addresses of files."""
    routes = APIRouter(prefix="/exports", tags=["exports"])
    file: dict[int | str, dict[str, Any]] = {200: {"content": {CSV: {"schema": {"type": "string"}}}}}

    @routes.get(
        "/areas",
        summary="The league table of all areas that lie in no other, as CSV",
        response_class=Response,
        responses={**file, **documented()},
    )
    def everywhere(
        request: Request, who: Viewer, view: Scoped, conn: Conn, given: Given, language: Language, choice: Choice
    ) -> Response:
        return table(request, who, view, conn, given, language, choice, "")

    @routes.get(
        "/areas/{code}",
        summary="The league table of the areas right below one, as CSV",
        response_class=Response,
        responses={**file, **documented(404)},
    )
    def below(
        code: Annotated[str, Path(description="The area")],
        request: Request,
        who: Viewer,
        view: Scoped,
        conn: Conn,
        given: Given,
        language: Language,
        choice: Choice,
    ) -> Response:
        return table(request, who, view, conn, given, language, choice, code)

    def table(
        request: Request,
        who: Viewer,
        view: Scoped,
        conn: Conn,
        given: Given,
        language: Language,
        choice: Choice,
        code: str,
    ) -> Response:
        now = given.now()
        shown = measured(view, code, given, begin=now - timedelta(days=choice.days), end=now)
        areas = ranked(shown.children, choice.sort, descending=choice.order == "desc")
        with conn.transaction():
            trail.record(
                conn,
                actor=who.actor,
                role=who.role,
                action="export",
                detail={"what": "areas", "area": code, "days": str(choice.days), "rows": str(len(areas))},
                address=request.client.host if request.client else "",
                area=who.area or None,
            )
        _ = translator(language)
        name = f"shouwang-areas-{code or 'all'}-{now:%Y%m%d}.csv"
        return Response(
            written(_head(_), (_row(_, one) for one in areas)),
            media_type=CSV,
            headers={"Content-Disposition": f'attachment; filename="{_plain(name)}"'},
        )

    return routes


def written(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return a table as spreadsheet programs take it: UTF-8 with a byte order mark, lines ended by CR LF.

    A text that such a program would take for a formula is preceded by an apostrophe.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([guarded(cell) for cell in head])
    writer.writerows([guarded(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def guarded(cell: Cell) -> Cell:
    """Return a cell that no spreadsheet program computes: what came from people or devices stays a text."""
    if isinstance(cell, str) and cell.lstrip(" \N{NO-BREAK SPACE}\N{ZERO WIDTH NO-BREAK SPACE}").startswith(_FORMULA):
        return f"'{cell}"
    return cell


def _head(_: Translate) -> list[str]:
    words = {code: _(word) for code, word in performance_words.COLUMNS.items()}
    return [
        _("Code"), words["area"], _("Level"), words["alerts"], words["homes"], words["response"],
        *(f"{words[name]} (%)" for name in _TARGETS),
        words["false_visits"], _("False visits for each 1,000 home-days"),
        _("Accepted false visits for each 1,000 home-days"),
        f"{words['false_visits']}: {_('Band')}",
        words["coverage"], f"{words['coverage']} (%)", f"{words['coverage']}: {_('Band')}",
    ]  # fmt: skip


def _row(_: Translate, one: AreaPerformance) -> list[Cell]:
    response, visits, coverage = (_band(_, MEASURES[name](one)) for name in ("response", "false_visits", "coverage"))
    return [
        one.area.code, one.area.name, phrases.word(_, performance_words.LEVELS, one.area.level),
        one.alerts, one.households, response,
        *(_percent(target(one, name).share) for name in _TARGETS),
        one.visits.false, _rounded(one.visits.false_per_1000_days, 3), one.visits.accepted_per_1000_days, visits,
        one.coverage.heard, _percent(one.coverage.share), coverage,
    ]  # fmt: skip


def _band(_: Translate, band: str | None) -> str:
    return _("Nothing to measure") if band is None else phrases.word(_, performance_words.BANDS, band)


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _plain(name: str) -> str:
    """Return a file's name that any system can hold; codes of areas may have any characters but blanks and slashes."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", name)
