"""`/healthz`, `/readyz`, `/metrics`: for those who run it; they name no household and ask for no token."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from starlette.responses import Response

from dashboards.context import Given


class Alive(BaseModel):
    """The process answers."""

    status: str = Field(examples=["alive"])


class Part(BaseModel):
    """One part and whether it can do its job."""

    ok: bool
    why: str = Field(description="What is missing and what to do about it; empty if nothing is")
    degraded: bool = Field(default=False, description="It does its job still, but somebody should look")


class Ready(BaseModel):
    """Whether everything can do its job."""

    ready: bool
    parts: dict[str, Part]


def router() -> APIRouter:
    """Return the addresses that watch the watch."""
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz", summary="Whether the process is alive")
    def alive() -> Alive:
        return Alive(status="alive")

    @routes.get(
        "/readyz",
        summary="Whether it can do its job",
        responses={503: {"model": Ready, "description": "Not yet: `parts` says why"}},
        response_model=Ready,
    )
    def ready(given: Given) -> Response:
        parts = {
            name: Part(ok=check.ok, why=check.why, degraded=check.degraded) for name, check in given.ready().items()
        }
        answer = Ready(ready=all(part.ok for part in parts.values()), parts=parts)
        return JSONResponse(answer.model_dump(), 200 if answer.ready else 503)

    @routes.get(
        "/metrics",
        summary="Counters for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def metrics(given: Given) -> Response:
        return Response(generate_latest(given.metrics), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return routes
