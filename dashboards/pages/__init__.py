"""The pages: the board, one alert, tasks and telephones; live, and readable without a script."""

from __future__ import annotations

from fastapi import APIRouter

from dashboards.pages import (
    account,
    alert,
    answer,
    areas,
    board,
    charts,
    design,
    devices,
    handsets,
    history,
    household,
    household_kept,
    incident,
    lab,
    oncall,
    phone,
    policies,
    reveal,
    signin,
    stream,
    tasks,
    trail,
    welcome,
)
from dashboards.pages.frame import error

__all__ = ["error", "router"]


def router() -> APIRouter:
    """Return everything that is for eyes, which is not part of the API."""
    every = APIRouter(include_in_schema=False)
    topics = (
        design, welcome, signin, account, board, alert, history, incident, areas, devices, tasks, handsets, oncall,
        policies, stream, answer, trail, phone, lab, household, household_kept, charts, reveal,
    )  # fmt: skip
    for topic in topics:
        every.include_router(topic.router())
    return every
