"""The pages: the board, one alert, tasks and telephones; live, and readable without a script."""

from __future__ import annotations

from fastapi import APIRouter

from dashboards.pages import alert, answer, areas, board, handsets, incident, oncall, policies, signin, stream, tasks
from dashboards.pages.frame import error

__all__ = ["error", "router"]


def router() -> APIRouter:
    """Return everything that is for eyes, which is not part of the API."""
    every = APIRouter(include_in_schema=False)
    for topic in (signin, board, alert, incident, areas, tasks, handsets, oncall, policies, stream, answer):
        every.include_router(topic.router())
    return every
