"""Who saw or did what: each request is on the audit trail before its answer goes out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.routing import Route

from dashboards.access import Caller, Conn, Known
from storage import trail

_OF_A_HOME: Final = {
    "household_id": "household",
    "household": "household",
    "task_id": "task",
    "device_id": "device",
    "person_id": "person",
    "message_id": "message",
}
"""Which parameters of an address, or of its query, lead to a household."""
_REFRESHED: Final = ("/parts/", "/events", "/static/")
"""What a page that was recorded fetches again and again by itself."""
_REVEALED: Final = ("/reveal/", "/call/", "/api/v1/reveals")
"""What shows a number or an address writes that down itself, with the reason (`dashboards.privacy.revealing`)."""
_OF_ITSELF: Final = "/api/v1/my/tasks"
"""What a phone asks for every minute: it writes down itself which homes it shows for the first time."""
_SECRET: Final = frozenset({"token", "secret", "phone", "cursor", "reason"})
"""What an address may hold that has no place on the trail, or stands there already."""


def trailed(request: Request, who: Known, conn: Conn) -> Iterator[None]:
    """Record a request that was answered; what is refused raises here, and nobody saw anything."""
    yield
    if who is None or request.url.path.startswith((*_REFRESHED, *_REVEALED)) or request.url.path == _OF_ITSELF:
        return
    about = {**request.query_params, **{name: str(value) for name, value in request.path_params.items()}}
    trail.record(
        conn,
        actor=who.actor,
        role=who.role,
        action=_action(request),
        household=_household(conn, about),
        alert=_alert(about),
        detail={"address": _pattern(request), **{name: one for name, one in about.items() if name not in _SECRET}},
        address=request.client.host if request.client else "",
        area=_area(who),
    )


def _action(request: Request) -> str:
    """Return `viewed` or `listed`, and of a change the last word of its address: `acknowledge`, `outcome`."""
    if request.method in ("GET", "HEAD"):
        return "viewed" if request.path_params else "listed"
    if request.method == "DELETE":
        return "removed"
    last = _pattern(request).rsplit("/", 1)[-1]
    return "changed" if last.startswith("{") else last


def _pattern(request: Request) -> str:
    """Return the address without what stands in it."""
    route = request.scope.get("route")
    path = request.url.path
    if not isinstance(route, Route):
        return path
    own = route.path_format.format_map(request.path_params)
    return f"{path.removesuffix(own)}{route.path_format}" if path.endswith(own) else route.path_format


def _household(conn: Conn, about: dict[str, str]) -> str | None:
    for name, kind in _OF_A_HOME.items():
        if (key := about.get(name)) is not None:
            return trail.home_of(conn, kind, key)
    if (sensor := about.get("sensor_id")) is not None:
        return trail.home_of(conn, "device", sensor.rpartition("/")[0])
    return None


def _alert(about: dict[str, str]) -> UUID | None:
    try:
        return UUID(about["alert_id"]) if "alert_id" in about else None
    except ValueError:
        return None


def _area(who: Caller) -> str | None:
    return who.area or None
