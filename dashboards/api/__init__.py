"""The REST API: one router a topic, all below `/api/v1`."""

from __future__ import annotations

from fastapi import APIRouter

from dashboards.api import alerts, areas, handsets, incidents, maintenance, oncall, quarantine, registry, sensors, tasks


def router() -> APIRouter:
    """Return everything below `/api/v1`."""
    every = APIRouter(prefix="/api/v1")
    for topic in (alerts, tasks, incidents, maintenance, registry, areas, sensors, quarantine, handsets, oncall):
        every.include_router(topic.router())
    return every
