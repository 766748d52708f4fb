"""Who saw or did what: each request is on the audit trail before its answer goes out.

What an open page fetches again and again by itself is there once an hour, and not at all where its page is already.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
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
_REFRESHED: Final = ("/parts/", "/events")
"""What a page fetches again and again by itself; who fetches it without the page sees as much."""
_PAGES: Final = {
    **{f"/parts/{page}": f"/{page}" for page in ("tasks", "oncall", "handsets", "lab", "welcome")},
    **dict.fromkeys(("/parts/alerts", "/parts/beside", "/parts/keys", "/events"), "/"),
}
"""Of which page they are a part; that of one household or alert is known by these."""
_AN_HOUR: Final = 3600.0
_MOST_KEPT: Final = 50_000
_REVEALED: Final = ("/reveal/", "/call/", "/api/v1/reveals")
"""What shows a number or an address writes that down itself, with the reason (`dashboards.privacy.revealing`)."""
_OF_ITSELF: Final = "/api/v1/my/tasks"
"""What a phone asks for every minute: it writes down itself which homes it shows for the first time."""
_SECRET: Final = frozenset({"token", "secret", "phone", "cursor", "reason"})
"""What an address may hold that has no place on the trail, or stands there already."""


class Lately:
    """Who looked at what within the last hour. It may forget: then somebody is on the trail once more."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Go by a clock of seconds, which never goes back."""
        self._clock = clock
        self._until: dict[tuple[str, str], float] = {}

    def saw(self, actor: str, what: str) -> None:
        """Remember that it is on the trail that somebody looked at something."""
        if len(self._until) >= _MOST_KEPT:
            self._until = {}
        self._until[actor, what] = self._clock() + _AN_HOUR

    def has_seen(self, actor: str, what: str) -> bool:
        """Say whether that is on the trail, less than an hour ago."""
        return self._until.get((actor, what), 0.0) > self._clock()


def trailed(request: Request, who: Known, conn: Conn) -> Iterator[None]:
    """Record a request that was answered; what is refused raises here, and nobody saw anything."""
    yield
    path = request.url.path
    if who is None or path.startswith(_REVEALED) or path == _OF_ITSELF or _tells_the_time_alone(request):
        return
    about = {**request.query_params, **{name: str(value) for name, value in request.path_params.items()}}
    alert = _alert(about)
    lately: Lately = request.app.state.lately
    seen = str(alert or about.get("household_id") or about.get("household") or _PAGES.get(path, path))
    if path.startswith(_REFRESHED) and lately.has_seen(who.actor, seen):
        return
    trail.record(
        conn,
        actor=who.actor,
        role=who.role,
        action=_action(request),
        household=_household(conn, about),
        alert=alert,
        detail={"address": _pattern(request), **{name: one for name, one in about.items() if name not in _SECRET}},
        address=request.client.host if request.client else "",
        area=_area(who),
    )
    lately.saw(who.actor, seen)


def _tells_the_time_alone(request: Request) -> bool:
    return request.url.path == "/events" and "part" not in request.query_params


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
