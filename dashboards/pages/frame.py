"""What all pages share: templates with their filters, the reader's surroundings, forms and error pages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from fastapi import Depends
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context as Surroundings
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from alerts.model import SYSTEMS_OWN, FalseAlarm, Outcome
from dashboards import present
from dashboards.access import Caller, VendorOrViewer, Viewer
from dashboards.context import Given
from dashboards.privacy import masking
from dashboards.problems import Refusal
from dashboards.shapes.terms import severity_word
from dashboards.signin.onward import HOME, door
from dashboards.words import devices as device_words
from dashboards.words import performance as performance_words
from dashboards.words import phrases
from dashboards.words import rules as rules_words
from dashboards.words.languages import CHINESE, ENGLISH, Language, Translate, reader_language, translator
from dashboards.words.refusals import retold
from registry.instants import to_datetime, to_micros

_LARGEST_FORM: Final = 64 * 1024
_LATE: Final = timedelta(minutes=15)

OUTCOMES: Final = tuple(outcome.value for outcome in Outcome if outcome not in SYSTEMS_OWN)
"""What people can write down; the one left out is the system's own."""
FALSE_ALARMS: Final = tuple(why.value for why in FalseAlarm)


@dataclass(frozen=True, slots=True)
class Frame:
    """Who looks at a page, in which language, at which moment of the engine's clock."""

    request: Request
    who: Caller
    language: str
    now: datetime
    speed: float
    zone: str

    def page(self, template: str, **values: object) -> Response:
        """Return a template filled with values and with what every page needs."""
        return HTMLResponse(self.text(template, **values))

    def text(self, template: str, **values: object) -> str:
        """Return what `page` answers with."""
        return _fill(template, self.language, frame=self, **values)

    def done(self, address: str, said: str = "", undo: str = "") -> Response:
        """Return the answer to a form that did its work: script refreshes in place, a bare browser goes on.

        With script the reader is told what was `said`; `undo` is the address that takes it back.
        """
        if "hx-request" not in self.request.headers:
            return RedirectResponse(address, 303)
        told = {"done": {"text": said, "undo": undo}} if said else {}
        return Response(
            status_code=204, headers={"HX-Trigger": json.dumps({"refresh": "", **told}) if told else "refresh"}
        )


def frame(request: Request, who: Viewer, language: Language, given: Given) -> Frame:
    """Return the surroundings of a page for whoever is signed in."""
    return Frame(request, who, language, given.now(), given.speed, given.zone)


def vendor_frame(request: Request, who: VendorOrViewer, language: Language, given: Given) -> Frame:
    """Return the surroundings of a page that gateways' vendors see as well."""
    return frame(request, who, language, given)


Framed = Annotated[Frame, Depends(frame)]
VendorFramed = Annotated[Frame, Depends(vendor_frame)]


async def form(request: Request) -> dict[str, str]:
    """Return the fields of a form.

    Raises:
        Refusal: (413) it is larger than any form of ours; (422) it is no form.
    """
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_FORM:
            raise Refusal(413, "The form is too large: shorten the note")
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True))
    except (UnicodeDecodeError, ValueError) as error:
        raise Refusal(422, "The form cannot be read: send it from the page again") from error


Form = Annotated[dict[str, str], Depends(form)]


def outcome(fields: dict[str, str]) -> Outcome:
    """Return the outcome chosen in a form.

    Raises:
        Refusal: (422) none was.
    """
    if fields.get("outcome") not in OUTCOMES:
        raise Refusal(422, "Choose what was found, then send the form again")
    return Outcome(fields["outcome"])


def why_false(found: Outcome, fields: dict[str, str]) -> FalseAlarm | None:
    """Return why an alarm was false; what was chosen before another outcome was does not count.

    Raises:
        Refusal: (422) it was, and nothing is chosen.
    """
    if found is not Outcome.FALSE_ALARM:
        return None
    if fields.get("why") not in FALSE_ALARMS:
        raise Refusal(422, "Choose why it was a false alarm, then send the form again")
    return FalseAlarm(fields["why"])


def error(request: Request, status: int, advice: str) -> Response | None:
    """Return an error page for somebody who asked for a page, None for the API and for scripts.

    Whoever has to sign in is sent to the door, and from there back to the page they asked for.
    """
    if request.url.path.startswith("/api/") or "hx-request" in request.headers:
        return None
    if "text/html" not in request.headers.get("accept", ""):
        return None
    if status == HTTPStatus.UNAUTHORIZED:
        asked = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        return RedirectResponse(door(asked if request.method == "GET" else HOME), 303)
    title = HTTPStatus(status).phrase
    return HTMLResponse(_fill("error.html", reader_language(request), title=title, advice=advice), status)


def bare(template: str, language: str, **values: object) -> str:
    """Return a page for somebody who is not signed in, filled with values."""
    return _fill(template, language, **values)


def _fill(template: str, language: str, **values: object) -> str:
    _ = translator(language)
    return _TEMPLATES.get_template(template).render(_=_, lang="zh-CN" if language != ENGLISH else "en", **values)


@pass_context
def _moment(around: Surroundings, when: datetime, zone: str) -> str:
    return moment(when, zone, _frame(around).now, _frame(around).language)


def moment(when: datetime, zone: str, now: datetime, language: str = ENGLISH) -> str:
    """Return a moment in a zone: `14:32`, with the day when that is not today's, with the year when not this."""
    there, today = when.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    if there.date() == today.date():
        return f"{there:%H:%M}"
    if language == CHINESE:
        year = "" if there.year == today.year else f"{there.year}年"
        return f"{year}{there.month}月{there.day}日 {there:%H:%M}"
    return f"{there:%-d %b %H:%M}" if there.year == today.year else f"{there:%-d %b %Y %H:%M}"


def _heard_late(row: dict[str, Any]) -> bool:
    """Say whether an alert came in so long after it was raised that its figures would seem wrong."""
    late: timedelta = row["opened_at"] - row["raised_at"]
    return late >= _LATE


@pass_context
def _until(around: Surroundings, when: datetime) -> str:
    return span(around["_"], when - _frame(around).now)


@pass_context
def _since(around: Surroundings, when: datetime) -> str:
    return span(around["_"], _frame(around).now - when)


def span(_: Translate, length: timedelta) -> str:
    """Return a length of time as people say it: `4 min`, `2 h 5 min`, `3 d 4 h`; `app.js` says it the same way."""
    seconds = max(0, int(length.total_seconds()))
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return _("{days} d {hours} h").format(days=days, hours=hours)
    if hours:
        return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes)
    if minutes:
        return _("{minutes} min").format(minutes=minutes)
    return _("{seconds} s").format(seconds=seconds)


@pass_context
def _seconds(around: Surroundings, length: float) -> str:
    return span(around["_"], timedelta(seconds=length))


def _epoch(when: datetime) -> int:
    return to_micros(when) // 1000


@pass_context
def _words(around: Surroundings, code: str, which: str) -> str:
    return phrases.word(around["_"], _WORDS[which], code)


@pass_context
def _sentence(around: Surroundings, row: dict[str, Any]) -> str:
    return present.sentence_of(row, _frame(around).language)


@pass_context
def _retold(around: Surroundings, text: str) -> str:
    return retold(_frame(around).language, text)


@pass_context
def _step(around: Surroundings, action: dict[str, Any]) -> str:
    return phrases.step(around["_"], action)


@pass_context
def _actor(around: Surroundings, actor: str, name: str | None) -> str:
    return phrases.actor(around["_"], actor, name)


@pass_context
def _why_quiet(around: Surroundings, code: str) -> str:
    return phrases.why_quiet(around["_"], code)


@pass_context
def _event(around: Surroundings, row: dict[str, Any], zone: str) -> str:
    frame = _frame(around)

    def when(micros: int) -> str:
        return moment(to_datetime(micros), zone, frame.now, frame.language)

    return phrases.event(around["_"], row["kind"], row["detail"], row["about_name"], when)


def _frame(around: Surroundings) -> Frame:
    found: Frame = around["frame"]
    return found


_WORDS: Final = {
    "status": phrases.STATUSES,
    "kind": phrases.KINDS,
    "severity": phrases.SEVERITIES,
    "outcome": phrases.OUTCOMES,
    "why": phrases.FALSE_ALARMS,
    "role": phrases.ROLES,
    "task": phrases.TASKS,
    "cause": phrases.CAUSES,
    "effect": phrases.EFFECTS,
    "action": phrases.ACTIONS,
    "band": performance_words.BANDS,
    "band_meaning": performance_words.BAND_MEANINGS,
    "target": performance_words.TARGETS,
    "flaw": performance_words.FLAWS,
    "column": performance_words.COLUMNS,
    "level": performance_words.LEVELS,
    "problem": device_words.PROBLEMS,
    "trouble": device_words.TROUBLES,
    "reason": device_words.REASONS,
    "format": device_words.FORMATS,
    "quantity": device_words.QUANTITIES,
    "rules": rules_words.RULES,
}

_TEMPLATES: Final = Environment(
    loader=PackageLoader("dashboards"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals["reveal_reasons"] = masking.REASONS
_TEMPLATES.filters.update(
    **masking.FILTERS,
    moment=_moment,
    heard_late=_heard_late,
    until=_until,
    since=_since,
    epoch=_epoch,
    words=_words,
    sentence=_sentence,
    step=_step,
    actor=_actor,
    why_quiet=_why_quiet,
    event=_event,
    retold=_retold,
    seconds=_seconds,
    severity_word=severity_word,
)
