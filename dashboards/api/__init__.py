"""The REST API: one router a topic, all below `/api/v1`."""

from __future__ import annotations

from fastapi import APIRouter

from dashboards.api import (
    alerts,
    areas,
    charts,
    exports,
    handsets,
    incidents,
    maintenance,
    my,
    oncall,
    quarantine,
    registry,
    reveals,
    sensors,
    tasks,
)


def router() -> APIRouter:
    """Return everything below `/api/v1`."""
    every = APIRouter(prefix="/api/v1")
    for topic in (
        alerts,
        tasks,
        my,
        incidents,
        maintenance,
        registry,
        reveals,
        areas,
        exports,
        sensors,
        charts,
        quarantine,
        handsets,
        oncall,
    ):
        every.include_router(topic.router())
    return every
