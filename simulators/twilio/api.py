"""The emulated REST API: an ASGI app with the paths, fields and refusals of Twilio's."""

from __future__ import annotations

import secrets
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from simulators.twilio import lists
from simulators.twilio.exchange import Exchange
from simulators.twilio.problems import RefusedError
from simulators.twilio.resources import API, Call, Message

_ACCOUNT = f"/{API}/Accounts/{{account}}"
_METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH"]
_FORM = "application/x-www-form-urlencoded"

_T = TypeVar("_T", Message, Call)
Form = Mapping[str, list[str]]
Endpoint = Callable[[Request], Awaitable[Response]]


def make_api(exchange: Exchange) -> Starlette:
    """Return the API of an exchange."""
    api = _Api(exchange)
    return Starlette(
        routes=[
            Route(f"{_ACCOUNT}/Messages.json", api.guarded(api.messages), methods=_METHODS),
            Route(f"{_ACCOUNT}/Messages/{{sid}}.json", api.guarded(api.message), methods=_METHODS),
            Route(f"{_ACCOUNT}/Calls.json", api.guarded(api.calls), methods=_METHODS),
            Route(f"{_ACCOUNT}/Calls/{{sid}}.json", api.guarded(api.call), methods=_METHODS),
            Route("/{rest:path}", api.guarded(api.nothing), methods=_METHODS),
        ]
    )


class _Api:
    """The endpoints; each is told only of requests that were let through."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def guarded(self, endpoint: Callable[[Request, Form], Response]) -> Endpoint:
        """Return an endpoint behind the account's password and whatever ails the provider."""

        async def guard(request: Request) -> Response:
            form = await _form(request)
            fault = self._exchange.fault(form.get("To", [None])[-1] if request.method == "POST" else None)
            if fault is not None and fault.kind == "down":
                if fault.garbled:
                    return PlainTextResponse("upstream connect error or disconnect/reset before headers", fault.status)
                return _problem(RefusedError(20503), fault.status)
            try:
                self._let_in(request, throttled=fault is not None and fault.kind == "throttled")
                answer = endpoint(request, form)
            except RefusedError as refused:
                answer = _problem(refused, refused.status)
            if fault is not None and fault.kind == "slow":
                await _gone(request)
            answer.headers["Twilio-Request-Id"] = f"RQ{secrets.token_hex(16)}"
            return answer

        return guard

    def messages(self, request: Request, form: Form) -> Response:
        """List messages, or take one on."""
        if request.method == "POST":
            return JSONResponse(self._exchange.create_message(form).as_json(), 201)
        _only(request, "GET")
        return JSONResponse(lists.messages(self._exchange, request.url.path, _query(request)))

    def message(self, request: Request, form: Form) -> Response:
        """Show, cancel, empty or delete a message."""
        message = self._known(self._exchange.messages, request)
        if request.method == "DELETE":
            del self._exchange.messages[message.sid]
            return Response(status_code=204)
        if request.method == "POST":
            self._change_message(message, form)
        else:
            _only(request, "GET")
        return JSONResponse(message.as_json())

    def calls(self, request: Request, form: Form) -> Response:
        """List calls, or make one."""
        if request.method == "POST":
            return JSONResponse(self._exchange.create_call(form).as_json(), 201)
        _only(request, "GET")
        return JSONResponse(lists.calls(self._exchange, request.url.path, _query(request)))

    def call(self, request: Request, form: Form) -> Response:
        """Show, end or delete a call."""
        call = self._known(self._exchange.calls, request)
        if request.method == "DELETE":
            del self._exchange.calls[call.sid]
            return Response(status_code=204)
        if request.method == "POST":
            self._change_call(call, form)
        else:
            _only(request, "GET")
        return JSONResponse(call.as_json())

    def nothing(self, request: Request, form: Form) -> Response:  # noqa: ARG002 - an endpoint like the others
        """Answer what is not emulated as the API answers what is not there."""
        raise RefusedError(20404, request.url.path)

    def _let_in(self, request: Request, *, throttled: bool) -> None:
        kind, _, written = request.headers.get("authorization", "").partition(" ")
        try:
            account, _, password = b64decode(written, validate=True).decode().partition(":")
        except ValueError:
            account = password = ""
        mine = self._exchange.account
        if kind.lower() != "basic" or (account, password) != (mine, self._exchange.auth_token):
            raise RefusedError(20003)
        if throttled:
            raise RefusedError(20429)
        if request.path_params.get("account", mine) != mine:
            raise RefusedError(20404, request.url.path)

    def _known(self, there: Mapping[str, _T], request: Request) -> _T:
        found = there.get(request.path_params["sid"])
        if found is None:
            raise RefusedError(20404, request.url.path)
        return found

    def _change_message(self, message: Message, form: Form) -> None:
        if form.get("Status", [""])[-1] == "canceled":
            if message.status not in {"queued", "accepted", "scheduled"}:
                raise RefusedError(30409)
            message.status = "canceled"
        elif form.get("Body") == [""]:
            message.body = ""
        message.updated = self._exchange.now

    def _change_call(self, call: Call, form: Form) -> None:
        status = form.get("Status", [""])[-1]
        if status not in {"canceled", "completed"}:
            raise RefusedError(20001, "the emulator changes nothing of a call but its Status, to canceled or completed")
        self._exchange.end_call(call, status)


async def _form(request: Request) -> dict[str, list[str]]:
    body = await request.body()
    if not body or not request.headers.get("content-type", "").startswith(_FORM):
        return {}
    return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)


def _query(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(request.url.query, keep_blank_values=True).items()}


def _only(request: Request, method: str) -> None:
    if request.method not in {method, "HEAD"}:
        raise RefusedError(20004)


def _problem(refused: RefusedError, status: int) -> JSONResponse:
    return JSONResponse({**refused.as_json(), "status": status}, status)


async def _gone(request: Request) -> None:
    """Wait until whoever asked has given up."""
    event: Mapping[str, Any] = {}
    while event.get("type") != "http.disconnect":
        event = await request.receive()
