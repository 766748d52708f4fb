"""`/events`: tells a page that something changed, and what time it is; parts that many look at come with it.

What a page names as `part` is drawn once for all who see the same of it, and sent to each. Anything else it fetches.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Query
from psycopg import OperationalError
from psycopg_pool import PoolTimeout
from starlette.requests import HTTPConnection, Request
from starlette.responses import StreamingResponse

from dashboards.access import Caller, Viewer
from dashboards.board_filter import Filter
from dashboards.context import Context, Given, Subscription
from dashboards.live.news import BEGIN, News
from dashboards.live.shared import Shared
from dashboards.pages import board
from dashboards.pages.frame import frame
from dashboards.problems import Refusal
from dashboards.signin.standing import GuardedEar, SignedOut, Standing, Watched
from dashboards.words.languages import Language
from registry.instants import to_micros
from storage.views import View

_QUIET: Final = 15.0
"""Seconds after which a silent connection says the time, so that nobody on the way takes it for dead."""
_LONGEST: Final = 600.0
"""Seconds after which a page has to connect anew and prove who it is."""
_PARTS: Final = 4
_NOTHING: Final[tuple[News, ...]] = ()


def router() -> APIRouter:
    """Return the address of the event stream."""
    routes = APIRouter()

    @routes.get("/events")
    async def events(
        request: Request,
        who: Viewer,
        given: Given,
        language: Language,
        standing: Watched,
        part: Annotated[list[str], Query(max_length=_PARTS)] = [],  # noqa: B006 - it is only read
    ) -> StreamingResponse:
        parts = [_Part.at(address) for address in part]
        # Whatever happens from here on is heard, also before the first byte goes out.
        ear = GuardedEar(given.events.subscribe(), standing, who.credential)

        async def drawn() -> AsyncIterator[News]:
            for one in parts:
                yield await _drawn(request, given, who, language, one)

        news = watched(told(given, ear, drawn), standing, who.credential)
        packed = "gzip" in request.headers.get("accept-encoding", "")
        return StreamingResponse(
            _sent(news, packed=packed),
            media_type="text/event-stream",
            headers={
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
                "Vary": "Accept-Encoding",
                **({"Content-Encoding": "gzip"} if packed else {}),
            },
        )

    return routes


async def watched(news: AsyncIterator[News], standing: Standing, credential: bytes) -> AsyncIterator[News]:
    """Yield what is told for as long as its viewer is let in; the last event tells their page that they are not.

    It ends when the database is away and nobody can say whether they are.
    """
    with standing.following(credential):
        try:
            async for one in news:
                yield one
        except SignedOut:
            yield News("signed-out", "0")
        except (OperationalError, PoolTimeout):
            return


async def nothing() -> AsyncIterator[News]:
    """Draw no part."""
    for one in _NOTHING:
        yield one


async def told(
    given: Context, ear: Subscription, drawn: Callable[[], AsyncIterator[News]] = nothing
) -> AsyncIterator[News]:
    """Yield `change` at once and whenever there is news, each time with what is `drawn`, and `clock` in between.

    It ends when the database is away: the page says so to its reader, and connects again.
    """
    begin = asyncio.get_running_loop().time()
    changed = True
    while asyncio.get_running_loop().time() - begin < _LONGEST:
        yield News("change" if changed else "clock", str(to_micros(given.now()) // 1000))
        if changed:
            try:
                async for one in drawn():
                    yield one
            except (OperationalError, PoolTimeout):
                return
        changed = await ear.wait(_QUIET)


async def _sent(news: AsyncIterator[News], *, packed: bool) -> AsyncIterator[bytes]:
    if packed:
        yield BEGIN
    async for one in news:
        yield one.packed if packed else one.plain


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a page that is sent, by the very `address` that the page fetches it at."""

    address: str
    path: str
    query: Mapping[str, str]
    only_mine: bool
    """Whether it shows what is its reader's own, and nobody else's."""

    @classmethod
    def at(cls, address: str) -> _Part:
        """Return what an address names.

        Raises:
            Refusal: (422) there is none, or it asks for what it does not know.
        """
        sent = Refusal(422, f"This part of a page is not sent: take one of {', '.join(board.SENT)}, or fetch it")
        try:
            asked = urlsplit(address)
        except ValueError as error:
            raise sent from error
        if asked.netloc or asked.path not in board.SENT:
            raise sent
        query = dict(parse_qsl(asked.query))
        return cls(address, asked.path, query, Filter.of(query).held == "mine")


async def _drawn(request: Request, given: Context, who: Caller, language: str, part: _Part) -> News:
    def draw() -> News:
        around = frame(request, who, language, given)
        with given.pool.connection() as conn:
            html = board.SENT[part.path](around, View(conn, who.area), part.query)
        one = News("part", json.dumps({"part": part.address, "html": html}, ensure_ascii=False))
        _ = one.packed  # here, in a thread of its own, once for all
        return one

    # All that decides how a part looks; who asks does so only where they look for what is theirs.
    sight = part.address, who.role, who.area, language, who.actor if part.only_mine else ""
    return await _shared(request).get(sight, draw)


def _shared(request: HTTPConnection) -> Shared[News]:
    found: Shared[News] = request.app.state.drawings
    return found
