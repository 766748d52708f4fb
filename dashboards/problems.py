"""Errors as RFC 9457 problem details: what went wrong, and in `detail` what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg import DataError, OperationalError
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from alerts.errors import AlertError, Invalid, NotFound
from dashboards.context import context_of
from dashboards.words.languages import ENGLISH, reader_language, translator
from dashboards.words.refusals import persons_in, retold, with_names
from registry.errors import RegistryError, ShouwangError
from registry.refusals import AlreadyRegisteredError, InvalidEntryError, UnknownEntryError
from storage.alerts import people

MEDIA_TYPE: Final = "application/problem+json"

_log = structlog.get_logger(__name__)


class Fault(BaseModel):
    """One value that cannot be accepted."""

    field: str = Field(description="Where it is: `query.limit`, `body.outcome` …", examples=["query.limit"])
    advice: str = Field(description="What to write instead", examples=["Input should be less than or equal to 500"])


class Problem(BaseModel):
    """An error as RFC 9457 describes it."""

    type: str = Field(default="about:blank", description="Always `about:blank`: the status says it all")
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(
        description="What to do about it", examples=["There is no such alert in your area: check the id"]
    )
    errors: list[Fault] = Field(default=[], description="Of a request that does not fit: every value concerned")


class Refusal(HTTPException):
    """A request that is refused; `detail` says what its sender can do."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)


def not_found(what: str) -> Refusal:
    """Return the refusal for what does not exist or lies outside the caller's area: nobody learns which."""
    return Refusal(404, f"There is no such {what} in your area: check the id")


def response(status: int, detail: str, errors: list[Fault] | None = None, **headers: str) -> JSONResponse:
    """Return a problem as a response."""
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors or [])
    return JSONResponse(problem.model_dump(), status, headers, MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what an endpoint declares of its errors: the statuses given, and those any endpoint has."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": f"{HTTPStatus(status).phrase}: `detail` says what to do", "content": content}
        for status in sorted({401, 403, 422, 503, *statuses})
    }


ErrorPage = Callable[[Request, int, str], Response | None]
"""Shows a status and its advice to a reader of pages; None for everybody else."""


def install(app: FastAPI, page: ErrorPage) -> None:
    """Make every error of an application a problem, or a page for those who asked for one."""

    def told(request: Request, status: int, detail: str, faults: list[Fault] | None = None, **headers: str) -> Response:
        advice = _in_their_language(request, detail)
        return page(request, status, advice) or response(status, advice, faults, **headers)

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        if error.status_code == 400:  # what the framework says of a body that is no UTF-8; of bad JSON it says 422
            return told(request, 422, "The body cannot be read: send JSON in UTF-8")
        return told(request, error.status_code, _advice(error), None, **(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        return told(request, *_misfit(request, error))

    @app.exception_handler(DataError)
    def unstorable(request: Request, error: DataError) -> Response:
        return told(request, 422, f"The request holds a value that cannot be stored: {str(error).strip()}")

    @app.exception_handler(UnicodeEncodeError)
    def unwritable(request: Request, error: UnicodeEncodeError) -> Response:
        return told(request, 422, f"The request holds characters that are no text: send Unicode ({error.reason})")

    @app.exception_handler(ShouwangError)
    def impossible(request: Request, error: ShouwangError) -> Response:
        faults = (
            [Fault(field=f"body.{field}", advice=advice) for field, advice in error.problems]
            if isinstance(error, InvalidEntryError)
            else None
        )
        advice = _with_names(request, str(error)) if isinstance(error, AlertError) else str(error)
        return told(request, _status(error), advice, faults)

    @app.exception_handler(OperationalError)
    @app.exception_handler(PoolTimeout)
    def unreachable(request: Request, error: Exception) -> Response:
        _log.error("database unreachable", error=str(error))
        advice = "The database does not answer: try again in a moment"
        return told(request, 503, advice, None, **{"Retry-After": "5"})

    @app.exception_handler(Exception)
    def failed(request: Request, error: Exception) -> Response:
        _log.error("request failed", exc_info=error)
        return told(request, 500, "The service failed on this request: report it with the time it happened")


def _in_their_language(request: Request, detail: str) -> str:
    """Return what a reader of pages is told; the API speaks English, as its documents do."""
    if request.url.path.startswith("/api/"):
        return detail
    return retold(reader_language(request), detail)


def _misfit(request: Request, error: RequestValidationError) -> tuple[int, str, list[Fault] | None]:
    """Return status, advice and faults of a request that does not fit; a broken link to a page just leads nowhere."""
    faults = [Fault(field=".".join(str(part) for part in one["loc"]), advice=one["msg"]) for one in error.errors()]
    if not request.url.path.startswith("/api/") and all(fault.field.startswith("path.") for fault in faults):
        return 404, "There is nothing at this address: what is open stands on the board", None
    summary = "; ".join(f"{fault.field}: {fault.advice}" for fault in faults)
    return 422, f"The request does not fit: {summary}", faults


def _with_names(request: Request, text: str) -> str:
    """Return what the alert desk says, which knows people by their ids, with names as the reader knows them."""
    ids = persons_in(text)
    names: dict[str, str] = {}
    if ids:
        with context_of(request).pool.connection() as conn:
            names = people.names(conn, ids)
    language = ENGLISH if request.url.path.startswith("/api/") else reader_language(request)
    return with_names(translator(language), text, names)


def _status(error: ShouwangError) -> int:
    if isinstance(error, AlreadyRegisteredError):
        return 409
    if isinstance(error, UnknownEntryError | NotFound):
        return 404
    return 422 if isinstance(error, RegistryError | Invalid) else 409


_BY_STATUS = {
    404: "There is nothing at this address: see /openapi.json for what there is",
    405: "This address does not take this method: see /openapi.json for what it takes",
}


def _advice(error: HTTPException) -> str:
    phrase = HTTPStatus(error.status_code).phrase
    return error.detail if error.detail != phrase else _BY_STATUS.get(error.status_code, phrase)
