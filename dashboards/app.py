"""The web application: API, pages and health in one FastAPI app, made from a `Context` and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import BaseRoute

from dashboards import api, health, pages, problems
from dashboards.api import feeds
from dashboards.context import Context
from dashboards.headers import Counting, SecurityHeaders
from dashboards.live.shared import Shared
from dashboards.privacy.trailing import Lately, trailed
from dashboards.readiness import Check, Readiness
from dashboards.signin.standing import Standing
from dashboards.webhooks import twilio
from dashboards.webhooks.fields import WebhookMetrics

__all__ = ["Check", "Context", "Readiness", "create_app"]

_KEPT: Final = 2
"""Connections that no endpoint is lent: for what asks the pool itself, such as the stream and its drawings."""
STATIC: Final = Path(__file__).parent / "static"

_ABOUT = """
Alerts, tasks and telemetry of households that are watched.

Send `Authorization: Bearer TOKEN` with a token made by `shouwang token create`. A token sees and does what its
role and area allow; what lies outside its area does not exist for it. Errors are RFC 9457 problems whose `detail`
says what to do. Lists are `{"items": […], "next": URL or null}`. Times are ISO 8601 in UTC.
"""


def create_app(context: Context) -> FastAPI:
    """Return an application that serves `context`; several may live in one process."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with context.events.running():
            yield

    app = FastAPI(
        title="Shouwang",
        version="1",
        description=_ABOUT.strip(),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        # The documentation pages of the framework load scripts from elsewhere, which our own policy forbids.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.context = context
    app.state.standing = Standing(context.pool)
    app.state.drawings = Shared()
    app.state.lately = Lately()
    app.state.lent = asyncio.Semaphore(max(1, context.pool.max_size - _KEPT))
    problems.install(app, pages.error)
    if context.twilio is not None:
        app.state.webhook_metrics = WebhookMetrics(context.metrics)
    app.router.routes.extend(_routes(webhooks=context.twilio is not None))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Counting, metrics=context.metrics)
    app.add_middleware(SecurityHeaders, pictures=None if context.tiles is None else context.tiles.origin)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign] # the documented way to extend it
    return app


@cache
def _routes(*, webhooks: bool) -> list[BaseRoute]:
    """Return everything that can be asked for; no route knows its context, so all applications of a process share it.

    To make it takes a second, for each of 170 signatures is read anew.
    """
    every = APIRouter()
    for topic in (feeds, health, *([twilio] if webhooks else [])):
        every.include_router(topic.router())
    for topic in (api, pages):
        every.include_router(topic.router(), dependencies=[Depends(trailed, scope="function")])
    return every.routes


def _described(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document with the shape of errors, which no endpoint returns by itself."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            license_info=app.license_info,
            routes=app.routes,
        )
        schema = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = document["components"]["schemas"]
        schemas |= schema.pop("$defs", {})
        schemas["Problem"] = schema
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = document
    return app.openapi_schema
