"""`/lab`: try a rule set on the past of a household or a recording, beside what was raised, before switching it on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, BinaryIO, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from dashboards.access import Caller, Officer, Scoped
from dashboards.context import Given
from dashboards.experiment import Busy, Comparison, Experiment, Laboratory, Raised, Trial, compare
from dashboards.pages.frame import Frame, Framed
from dashboards.pictures.lab_lanes import draw
from dashboards.problems import Refusal, not_found
from detectors.rules import names
from storage.views import View, lab

_LARGEST: Final = 32 << 20
_LARGEST_RULES: Final = 64 << 10
_YEAR: Final = timedelta(days=365)
_RAISED: Final = 2_000
_SHOWN: Final = 200
_TROUBLED: Final = 50
_OWN: Final = "own"


@dataclass(frozen=True, slots=True)
class Filled:
    """A form that may bring files: its fields, and a recording by its name."""

    fields: dict[str, str]
    name: str = ""
    recording: BinaryIO | None = None


async def filled(request: Request, _who: Officer) -> AsyncIterator[Filled]:
    """Lend what the form of the lab brings; large files lie on disk until the answer goes out.

    Raises:
        Refusal: (411, 413) nobody knows how much it is, or it is too much; (422) it is no form.
    """
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise Refusal(411, "Say how long the form is: send it with Content-Length")
    if int(length) > _LARGEST:
        raise Refusal(413, "The file is larger than 32 MB: pack it with gzip, or run `shouwang backtest`")
    try:
        form = await request.form(max_files=2, max_fields=10, max_part_size=_LARGEST_RULES)
    except HTTPException as error:
        raise Refusal(422, "The form cannot be read: send it from the page again") from error
    try:
        yield await _read(form)
    finally:
        await form.close()


async def _read(form: FormData) -> Filled:
    fields = {name: value.strip() for name, value in form.items() if isinstance(value, str)}
    rules, recording = form.get("rules_file"), form.get("recording")
    if isinstance(rules, UploadFile) and rules.size:
        if rules.size > _LARGEST_RULES:
            raise Refusal(413, "The rules are larger than 64 kB: that is no rule set")
        fields["toml"] = (await rules.read()).decode("utf-8", errors="replace")
    if isinstance(recording, UploadFile) and recording.size:
        return Filled(fields, recording.filename or "", recording.file)
    return Filled(fields)


def router() -> APIRouter:
    """Return the page of the lab, the piece of it that refreshes, and its forms."""
    routes = APIRouter()

    @routes.get("/lab")
    def page(around: Framed, who: Officer, view: Scoped, given: Given, household: str = "") -> Response:
        troubled = lab.troubled(view, around.now - _YEAR, limit=_TROUBLED)
        trial = _laboratory(given).look(_asker(who))
        chosen = household or (trial and trial.experiment.household) or ""
        return around.page(
            "lab.html", sets=names(), troubled=troubled, household=chosen, own=_OWN, **_shown(around, view, trial)
        )

    @routes.get("/parts/lab")
    def part(around: Framed, who: Officer, view: Scoped, given: Given) -> Response:
        return around.page("parts/lab.html", **_shown(around, view, _laboratory(given).look(_asker(who))))

    @routes.post("/lab")
    def begin(
        around: Framed,
        who: Officer,
        view: Scoped,
        given: Given,
        form: Annotated[Filled, Depends(filled, scope="function")],
    ) -> Response:
        experiment = _experiment(around, who, view, form)
        try:
            _laboratory(given).begin(_asker(who), experiment, form.recording)
        except Busy as busy:
            raise Refusal(409, str(busy)) from busy
        return around.done(
            "/lab" + (f"?{urlencode({'household': experiment.household})}" if experiment.household else "")
        )

    @routes.post("/lab/stop")
    def stop(around: Framed, who: Officer, given: Given) -> Response:
        _laboratory(given).stop(_asker(who))
        return around.done("/lab")

    return routes


def _laboratory(given: Given) -> Laboratory:
    if given.laboratory is None:
        raise Refusal(404, "This service has no detection lab")
    return given.laboratory


def _asker(who: Caller) -> str:
    """Return whose experiment it is: somebody who answers for another area now does not see what they saw before."""
    return f"{who.actor} {who.role} {who.area}"


def _experiment(around: Frame, who: Caller, view: View, form: Filled) -> Experiment:
    """Return what a form asks for.

    Raises:
        Refusal: (404) there is no such household in the asker's area; (422) something is not chosen.
    """
    fields = form.fields
    household = None if form.recording is not None else fields.get("household", "")
    if household == "":
        raise Refusal(422, "Choose a household or a recorded file, then send the form again")
    if household is not None and lab.home(view, household) is None:
        raise not_found("household")
    rules, toml = fields.get("rules", ""), fields.get("toml", "")
    if rules == _OWN and not toml:
        raise Refusal(422, "Write or choose a TOML file with rules, then send the form again")
    if rules != _OWN and rules not in names():
        raise Refusal(422, "Choose one of the rule sets, then send the form again")
    return Experiment(
        scope=who.area,
        zone=around.zone,
        until=around.now,
        called="" if rules == _OWN else rules,
        rules=None if rules == _OWN else rules,
        toml=toml if rules == _OWN else None,
        household=household,
        recording=form.name if form.recording is not None else None,
    )


def _shown(around: Frame, view: View, trial: Trial | None) -> dict[str, Any]:
    """Return what the page says of an experiment: nothing of it yet, or all that came of it."""
    if trial is None or trial.result is None:
        return {"trial": trial, "found": None}
    result = trial.result
    rows = lab.raised(view, sorted(result.households), result.begin, result.end, limit=_RAISED)
    found: Comparison = compare(result, [Raised(**row) for row in rows], around.zone)
    return {
        "trial": trial,
        "found": found,
        "result": result,
        "lines": found.lines[-_SHOWN:][::-1],
        "picture": draw(found.lines, result.begin, result.end, around.zone),
        "most": max([1, *(max(month.raised, month.would) for month in found.months)]),
    }
