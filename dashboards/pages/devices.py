"""`/devices`: what is wrong with which device, what was refused of whom, and what would become of a payload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from dashboards.access import VendorScoped
from dashboards.pages.frame import Frame, VendorFramed
from dashboards.payloads import trial
from dashboards.payloads.shown import Shown, shown
from dashboards.problems import Refusal, not_found
from dashboards.words import devices as device_words
from detectors.explanation import sentence
from detectors.finding import Kind
from storage.tokens import VENDOR
from storage.views import Row, View, incidents
from storage.views import devices as queries
from storage.views import quarantine as refused

_PAGE: Final = 100
_COUNTED: Final = 60
_FAILURES: Final = 50
_MESSAGES: Final = 200
_SHOWN: Final = 10
_MOST_PAGES: Final = 10_000
_READINGS: Final = 20
_OF_EACH: Final = 5
_BEHIND: Final = 50
_LARGEST_FORM: Final = 4 * trial.LARGEST
"""Bytes: every character of a payload may be escaped."""


class Chosen(NamedTuple):
    """What an address chooses; '' is everything."""

    problem: str = ""
    gateway: str = ""
    device: str = ""
    area: str = ""
    reason: str = ""
    page: int = 1

    def address(self, **other: str | int) -> str:
        """Return the address of the same choice, or of another one; what is not chosen is left out."""
        that = self._replace(**{"page": 1, **other})  # type: ignore[arg-type] # mypy takes each value for a name's type
        told = {name: value for name, value in that._asdict().items() if value and (name, value) != ("page", 1)}
        return f"/devices?{urlencode(told)}" if told else "/devices"


class Refusals(NamedTuple):
    """A message of which something was refused: what it was, and each thing that was wrong."""

    row: Row
    payload: Shown | None
    wrong: tuple[Row, ...]


def router() -> APIRouter:
    """Return the pages of devices and gateways."""
    routes = APIRouter()

    @routes.get("/devices")
    def devices(around: VendorFramed, view: VendorScoped, request: Request) -> Response:
        choice = _chosen(request.query_params)
        where: dict[str, Any] = {
            "area": choice.area, "gateway": choice.gateway or None, "device": choice.device or None,
        }  # fmt: skip
        found = queries.troubled(
            view, limit=_PAGE + 1, offset=(choice.page - 1) * _PAGE, problem=choice.problem or None, **where
        )
        counts = queries.counts(view, **where)
        return around.page(
            "devices.html",
            choice=choice,
            troubled=[_with_sentence(row, around.language) for row in found[:_PAGE]],
            more=len(found) > _PAGE,
            counts=counts,
            failures=_failures(view, choice.area),
            refused=_counted(around, view, choice) if _integrates(around) else None,
            reasons=device_words.REASONS,
        )

    @routes.get("/gateways/{gateway}")
    def gateway(gateway: str, around: VendorFramed, view: VendorScoped, page: int = 1) -> Response:
        about = queries.gateway(view, gateway)
        messages = _messages(view, gateway) if _integrates(around) else []
        if not about["devices"] and not messages:
            raise not_found("gateway")
        page = min(max(page, 1), _MOST_PAGES)
        own = queries.of_gateway(view, gateway, limit=_BEHIND + 1, offset=(page - 1) * _BEHIND)
        readings = queries.last_readings(view, [row["id"] for row in own[:_BEHIND]], most=_OF_EACH)
        return around.page(
            "gateway.html",
            gateway=gateway,
            about=about,
            devices=own[:_BEHIND],
            page=page,
            more=len(own) > _BEHIND,
            last=_last_heard(readings),
            readings=readings[:_READINGS],
            heard=max((row["heard_at"] or row["time"] for row in readings), default=None),
            failure=queries.failure(view, gateway),
            messages=messages,
            told=_integrates(around),
            units=device_words.UNITS,
        )

    @routes.get("/devices/try")
    def empty(around: VendorFramed, gateway: str = "") -> Response:
        topic = f"telemetry/{gateway}/senml" if gateway and not set(gateway) & set("/+#") else ""
        return _trial_page(around, {"topic": topic}, None, None)

    @routes.post("/devices/try")
    def attempt(around: VendorFramed, view: VendorScoped, fields: Payload) -> Response:
        def owners(devices: Sequence[str]) -> Sequence[Mapping[str, Any]]:
            return queries.owners(view, devices)

        try:
            payload = trial.payload_of(fields.get("payload", ""), fields.get("encoding", ""))
            named = fields.get("format", "")
            form = named if named in trial.FORMATS else trial.format_of(payload)
            topic = fields.get("topic", "").strip() or trial.topic_of(payload, form, owners, around.who.gateways)
            return _trial_page(around, fields, trial.tried(topic, payload, owners, around.now), None)
        except Refusal as wrong:
            return _trial_page(around, fields, None, wrong)

    return routes


async def _payload(request: Request) -> dict[str, str]:
    """Return the fields of the form that a payload is tried with.

    Raises:
        Refusal: (413) it is larger than any payload that can be tried; (422) it is no form.
    """
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_FORM:
            raise Refusal(413, f"The payload has more than {trial.LARGEST // 1024} KiB: try a part of it")
    try:
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True))
    except (UnicodeDecodeError, ValueError) as error:
        raise Refusal(422, "The form cannot be read: send it from the page again") from error


Payload = Annotated[dict[str, str], Depends(_payload)]


def _trial_page(
    around: Frame, fields: Mapping[str, str], result: trial.Trial | None, wrong: Refusal | None
) -> Response:
    answer = around.page(
        "try.html",
        fields=fields,
        result=result,
        shown=None if result is None else shown(result.payload, [(one.place, one.detail) for one in result.refusals]),
        wrong=None if wrong is None else wrong.detail,
        formats=trial.FORMATS,
        topics=trial.TOPICS,
        largest=trial.LARGEST // 1024,
    )
    answer.status_code = 200 if wrong is None else wrong.status_code
    return answer


def _integrates(around: Frame) -> bool:
    """Whether somebody may see what was refused: who runs the service, and whose gateway it came from."""
    return around.who.may("operator") or around.who.role == VENDOR


def _chosen(query: Mapping[str, str]) -> Chosen:
    problem, reason, page = query.get("problem", ""), query.get("reason", ""), query.get("page", "")[:6]
    gateway, device, area = (
        query.get(name, "").strip()[:200].replace("\0", "") for name in ("gateway", "device", "area")
    )
    return Chosen(
        problem if problem in queries.PROBLEMS else "",
        gateway,
        device,
        area,
        reason if reason in device_words.REASONS else "",
        min(max(int(page), 1), _MOST_PAGES) if page.isascii() and page.isdigit() else 1,
    )


def _failures(view: View, area: str) -> list[Row]:
    """Return the open incidents that keep devices of an area from being heard; what they explain is no device's own."""
    if view.gateways is not None:
        return []
    found = incidents.listed(view, limit=_FAILURES, area=area, status="open")
    return [row for row in found if row["cause"] in ("gateway", "radio", "power") and row["part_of"] is None]


def _counted(around: Frame, view: View, choice: Chosen) -> list[Row]:
    return refused.counted(
        view,
        around.now,
        limit=_COUNTED,
        gateway=choice.gateway or None,
        reason=choice.reason or None,
        device=choice.device or None,
    )


def _with_sentence(row: Row, language: str) -> Row:
    """Return a device's trouble with its sentence; of silence the figures are enough."""
    told = None
    if row["kind"] not in queries.PROBLEMS["silent"]:
        told = sentence(Kind(row["kind"]), row["facts"], language, row["zone"])
    return {**row, "sentence": told}


def _messages(view: View, gateway: str) -> list[Refusals]:
    """Return the last messages of which something was refused, the newest first, each with all that was wrong."""
    found = refused.listed(view, limit=_MESSAGES, gateway=gateway)
    by_message: dict[tuple[Any, ...], list[Row]] = {}
    for row in found:
        by_message.setdefault((row["at"], row["topic"], row["payload"]), []).append(row)
    return [
        Refusals(
            rows[0],
            None
            if rows[0]["payload"] is None
            else shown(bytes(rows[0]["payload"]), [(row["place"], row["detail"]) for row in rows]),
            tuple(reversed(rows)),  # as they stand in the message
        )
        for rows in list(by_message.values())[:_SHOWN]
    ]


def _last_heard(readings: Sequence[Row]) -> dict[str, Row]:
    """Return the last reading of each device; they come with those heard last first."""
    last: dict[str, Row] = {}
    for row in readings:
        last.setdefault(row["device"], row)
    return last
