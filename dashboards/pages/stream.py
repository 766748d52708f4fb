"""`/events`: tells a page that something changed, and what time it is; the page then fetches what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from dashboards.access import Viewer
from dashboards.context import Context, Given, Subscription
from dashboards.signin.standing import GuardedEar, SignedOut, Standing, Watched
from registry.instants import to_micros

_QUIET: Final = 15.0
"""Seconds after which a silent connection says the time, so that nobody on the way takes it for dead."""
_LONGEST: Final = 600.0
"""Seconds after which a page has to connect anew and prove who it is."""


def router() -> APIRouter:
    """Return the address of the event stream."""
    routes = APIRouter()

    @routes.get("/events")
    async def events(who: Viewer, given: Given, standing: Watched) -> StreamingResponse:
        # Whatever happens from here on is heard, also before the first byte goes out.
        ear = GuardedEar(given.events.subscribe(), standing, who.credential)
        return StreamingResponse(
            watched(told(given, ear), standing, who.credential),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return routes


async def watched(events: AsyncIterator[str], standing: Standing, credential: bytes) -> AsyncIterator[str]:
    """Yield what is told for as long as its viewer is let in; the last event tells their page that they are not."""
    with standing.following(credential):
        try:
            async for event in events:
                yield event
        except SignedOut:
            yield "event: signed-out\ndata: 0\n\n"


async def told(given: Context, ear: Subscription) -> AsyncIterator[str]:
    """Yield server-sent events: `change` at once and whenever there is news, `clock` in between."""
    begin = asyncio.get_running_loop().time()
    changed = True
    while asyncio.get_running_loop().time() - begin < _LONGEST:
        clock = to_micros(given.now()) // 1000
        yield f"event: {'change' if changed else 'clock'}\ndata: {clock}\n\n"
        changed = await ear.wait(_QUIET)
