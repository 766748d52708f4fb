"""What goes out with every response, and the count of what was asked: two pure ASGI layers."""

from __future__ import annotations

from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(self), microphone=()",
}
_UNLESS_SAID: Final = {
    # Not `no-referrer`: with it browsers send `Origin: null` from our own forms.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class SecurityHeaders:
    """Adds the headers that confine pages to this host, and keeps what is personal out of caches.

    Pictures may also come from `pictures`, an origin: where the tiles of maps lie.
    """

    def __init__(self, app: ASGIApp, pictures: str | None = None) -> None:
        self._app = app
        policy = POLICY if pictures is None else f"{POLICY}; img-src 'self' {pictures}"
        self._always = {"Content-Security-Policy": policy, **_ALWAYS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and complete the head of its response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-cache")  # kept, and asked for again only by its mark
                for name, value in self._always.items():
                    headers[name] = value
                for name, value in _UNLESS_SAID.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, complete)


class Counting:
    """Counts requests by method, route and status, and how long they took."""

    def __init__(self, app: ASGIApp, metrics: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "shouwang_http_requests", "Requests answered", ["method", "route", "status"], registry=metrics
        )
        self._seconds = Histogram(
            "shouwang_http_request_seconds",
            "Seconds from a request to the head of its response",
            ["method", "route"],
            registry=metrics,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count its response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = perf_counter()

        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = _pattern(scope)
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._requests.labels(method, route, str(message["status"])).inc()
                self._seconds.labels(method, route).observe(perf_counter() - begin)
            await send(message)

        await self._app(scope, receive, count)


def _pattern(scope: Scope) -> str:
    """Return the route's pattern, not the path: one series a route, whatever ids are asked for."""
    route = scope.get("route")
    if not isinstance(route, Route):
        return "none"
    # A route knows its path within its router; the routers' prefix is what remains of the path asked for.
    own = route.path_format.format_map(scope.get("path_params", {}))
    return f"{scope['path'].removesuffix(own)}{route.path_format}" if scope["path"].endswith(own) else route.path_format


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
