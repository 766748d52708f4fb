"""A validating proxy: an ASGI app around another that lets nothing pass but what Twilio's description describes.

Where the description is silent it is stricter than that (see README.md). A request that does not conform is answered
with 422 and does not reach the app; an answer that does not is replaced by a 502. Both are kept in `violations`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import phonenumbers
from jsonschema import FormatChecker
from openapi_schema_validator import OAS30Validator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.twilio.description import VENDORED

_FORM = "application/x-www-form-urlencoded"
_LONGEST_BODY = 1600
_WANTED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "CreateMessage": (("From", "MessagingServiceSid"), ("Body", "MediaUrl", "ContentSid")),
    "CreateCall": (("Url", "Twiml", "ApplicationSid"),),
}
"""Of each group an operation needs one; the description says so only in prose."""
_PROBLEM = {
    "type": "object",
    "required": ["code", "message", "more_info", "status"],
    "properties": {
        "code": {"type": "integer", "minimum": 10000, "maximum": 99999},
        "message": {"type": "string", "minLength": 1},
        "more_info": {"type": "string", "pattern": r"^https://www\.twilio\.com/docs/errors/[0-9]{5}$"},
        "status": {"type": "integer"},
    },
    "additionalProperties": False,
}

_formats = FormatChecker(formats=())


@_formats.checks("phone-number")
def _is_phone_number(value: object) -> bool:
    try:
        return not isinstance(value, str) or (
            re.fullmatch(r"\+[1-9][0-9]{6,14}", value) is not None
            and phonenumbers.is_possible_number(phonenumbers.parse(value))
        )
    except phonenumbers.NumberParseException:
        return False


@_formats.checks("endpoint")
def _is_endpoint(value: object) -> bool:
    return not isinstance(value, str) or value.startswith(("sip:", "client:")) or _is_phone_number(value)


@_formats.checks("uri")
def _is_uri(value: object) -> bool:
    """Say whether this is a web address, or a path at the API's own."""
    if not isinstance(value, str):
        return True
    parts = urlsplit(value)
    absolute = parts.scheme in {"http", "https"} and bool(parts.hostname)
    return (absolute or value.startswith("/2010-04-01/")) and not re.search(r"\s", value)


@_formats.checks("date-time-rfc-2822")
def _is_rfc_2822(value: object) -> bool:
    if not isinstance(value, str):
        return True
    written = re.fullmatch(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} \+0000", value)
    return written is not None and parsedate_to_datetime(value).strftime("%a") == value[:3]


@_formats.checks("date-time")
def _is_date_time(value: object) -> bool:
    """Say whether this is how a time is given to this API: a day, or a second in UTC."""
    return not isinstance(value, str) or bool(re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?", value))


@_formats.checks("twiml")
def _is_twiml(value: object) -> bool:
    try:
        return not isinstance(value, str) or ET.fromstring(value).tag == "Response"  # noqa: S314 - our own documents
    except ET.ParseError:
        return False


@_formats.checks("currency")
def _is_currency(value: object) -> bool:
    return not isinstance(value, str) or bool(re.fullmatch("[A-Z]{3}", value))


@_formats.checks("uri-map")
def _is_uri_map(value: object) -> bool:
    return not isinstance(value, dict) or all(isinstance(one, str) and _is_uri(one) for one in value.values())


@dataclass(frozen=True, slots=True)
class Violation:
    """What did not conform; `side` is request or response."""

    side: str
    method: str
    path: str
    why: str


@dataclass(slots=True)
class _Operation:
    operation_id: str
    path: Mapping[str, str]
    described: Mapping[str, Any]


@dataclass(slots=True)
class ValidatingProxy:
    """Checks what passes between whoever asks and `app`."""

    app: ASGIApp
    violations: list[Violation] = field(default_factory=list)
    passed: int = 0
    _description: dict[str, Any] = field(default_factory=lambda: json.loads(VENDORED.read_text()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = await _read(receive)
        operation = self._operation(scope["method"], scope["path"])
        if operation is None:
            await self._refuse(scope, send, 422, "request", ["nothing like this is described"])
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
        if found := list(self._wrong_request(operation, headers, query, body)):
            await self._refuse(scope, send, 422, "request", found)
            return
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return unread.pop() if unread else await receive()

        await self.app(scope, again, keep)
        start, text = answer[0], b"".join(part.get("body", b"") for part in answer[1:])
        if found := list(self._wrong_response(operation, start["status"], text)):
            await self._refuse(scope, send, 502, "response", found)
            return
        self.passed += 1
        for message in answer:
            await send(message)

    def _operation(self, method: str, path: str) -> _Operation | None:
        for template, described in self._description["paths"].items():
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
            matched = re.fullmatch(pattern, path)
            if matched and method.lower() in described:
                operation = described[method.lower()]
                return _Operation(operation["operationId"], matched.groupdict(), operation)
        return None

    def _wrong_request(
        self, operation: _Operation, headers: Mapping[str, str], query: Mapping[str, list[str]], body: bytes
    ) -> Iterator[str]:
        if not headers.get("authorization", "").startswith("Basic "):
            yield "no basic authentication"
        parameters = operation.described.get("parameters", [])
        for where, given in (("path", {name: [value] for name, value in operation.path.items()}), ("query", query)):
            described = {one["name"]: one for one in parameters if one["in"] == where}
            schema = _closed({name: one["schema"] for name, one in described.items()}, list[str]())
            schema["required"] = [name for name, one in described.items() if one.get("required")]
            yield from self._wrong(schema, _typed(given, schema["properties"], self._resolve), where)
        described_body = operation.described.get("requestBody")
        if described_body is None:
            if body:
                yield "a body where none is described"
            return
        if headers.get("content-type", "").partition(";")[0].strip() != _FORM:
            yield f"the body is {headers.get('content-type', 'of no type')}, not {_FORM}"
            return
        try:
            written = parse_qs(body.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(body))
        except ValueError as error:
            yield f"the body is no form: {error}"
            return
        form = described_body["content"][_FORM]["schema"]
        schema = _closed(form["properties"], form.get("required", []))
        yield from self._wrong(schema, _typed(written, form["properties"], self._resolve), "body")
        yield from _unsaid(operation.operation_id, written)

    def _wrong_response(self, operation: _Operation, status: int, text: bytes) -> Iterator[str]:
        if status >= 500:
            return  # what a broken provider says follows no description
        described = operation.described["responses"].get(str(status))
        if described is None and status < 400:
            yield f"status {status} is not described"
            return
        content = None if described is None else described.get("content")
        if described is not None and content is None:
            if text:
                yield "a body where none is described"
            return
        try:
            told = json.loads(text)
        except ValueError as error:
            yield f"no JSON: {error}"
            return
        if content is None:
            yield from self._wrong(_PROBLEM, told, "problem")
            if isinstance(told, dict) and told.get("status") != status:
                yield f"the status is {status}, and {told.get('status')} in the body"
        else:
            schema = self._exhaustive(content["application/json"]["schema"])
            yield from self._wrong(schema, told, "answer")

    def _exhaustive(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return a schema of an object whose fields are all there, and no others."""
        resolved = self._resolve(schema)
        if resolved.get("type") == "array":
            return {**resolved, "items": self._exhaustive(resolved["items"])}
        if "properties" not in resolved:
            return dict(resolved)
        fields = {name: self._exhaustive(one) for name, one in resolved["properties"].items()}
        return _closed(fields, sorted(fields))

    def _resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = schema.get("$ref")
        if reference is None:
            return schema
        found: Mapping[str, Any] = self._description["components"]["schemas"][reference.rpartition("/")[2]]
        return found

    def _wrong(self, schema: Mapping[str, Any], value: object, where: str) -> Iterator[str]:
        whole = {**schema, "components": self._description["components"]}
        for error in OAS30Validator(whole, format_checker=_formats).iter_errors(value):
            yield f"{'.'.join((where, *map(str, error.path)))}: {error.message}"

    async def _refuse(self, scope: Scope, send: Send, status: int, side: str, found: list[str]) -> None:
        self.violations += [Violation(side, scope["method"], scope["path"], why) for why in found]
        problem = {"type": "about:blank", "title": f"the {side} is not as described", "status": status, "errors": found}
        kind = [(b"content-type", b"application/problem+json")]
        await send({"type": "http.response.start", "status": status, "headers": kind})
        await send({"type": "http.response.body", "body": json.dumps(problem).encode()})


def _closed(properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _unsaid(operation: str, form: Mapping[str, list[str]]) -> Iterator[str]:
    for group in _WANTED.get(operation, ()):
        if not any(form.get(name, [""])[-1] for name in group):
            yield f"body: one of {', '.join(group)} is needed"
    if operation == "CreateMessage":
        if len(form.get("Body", [""])[-1]) > _LONGEST_BODY:
            yield f"body.Body: more than {_LONGEST_BODY} characters"
        if not _is_phone_number(form.get("To", [""])[-1]):
            yield "body.To: no E.164 number"


def _typed(
    written: Mapping[str, list[str]], described: Mapping[str, Mapping[str, Any]], resolve: Any
) -> dict[str, object]:
    """Return what was written in a form or query with the types it is described with; what is no such stays text."""
    return {name: _value(values, resolve(described.get(name, {}))) for name, values in written.items()}


def _value(values: list[str], schema: Mapping[str, Any]) -> object:
    if schema.get("type") == "array":
        return [_value([one], schema["items"]) for one in values]
    if len(values) != 1:
        return values
    written = values[0]
    match schema.get("type"):
        case "integer" if re.fullmatch(r"-?[0-9]{1,18}", written):
            return int(written)
        case "number" if re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]+)?", written):
            return float(written)
        case "boolean" if written.lower() in {"true", "false"}:
            return written.lower() == "true"
    return written


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
