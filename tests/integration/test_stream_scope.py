"""What the stream sends is what its reader may fetch, whoever else looks at the same, and nothing once they are let go.

Parts are drawn once for many. Whoever draws first must not decide what others see.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import AsyncExitStack
from itertools import product
from typing import Any, Final
from urllib.parse import urlencode

import psycopg
import pytest
from fastapi import FastAPI

from dashboards.access import COOKIE
from dashboards.live.shared import Shared
from dashboards.signin import standing
from storage import sessions, tokens
from tests.integration.dashboards_site import EAST, WEST, Site, open_site
from tests.integration.districts import District, befallen
from tests.integration.event_stream import following

PARTS: Final = ("/parts/alerts", "/parts/alerts?held=mine", "/parts/alerts?q=hh", "/parts/beside")
ROLES: Final = ("viewer", "caseworker", "officer", "operator")
LANGUAGES: Final = ("en", "zh-CN")
AREAS: Final = ("", WEST, EAST)
Next = Callable[[], Awaitable[Any]]


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


@pytest.fixture
def districts(site: Site) -> tuple[District, District]:
    return befallen(site)


def _app(site: Site) -> FastAPI:
    assert isinstance(site.client.app, FastAPI)
    return site.client.app


async def _sent(next_message: Next, parts: int) -> dict[str, str]:
    """Return so many parts that the stream sends, as they come."""
    found: dict[str, str] = {}
    while len(found) < parts:
        for line in (await next_message()).get("body", b"").decode().splitlines():
            if line.startswith("data: {"):
                one = json.loads(line.removeprefix("data: "))
                found[one["part"]] = one["html"]
    return found


def _readers(site: Site) -> dict[tuple[str, ...], dict[str, str]]:
    """Return readers of every role, area and language, two of each, who are different people."""
    with site.pool.connection() as conn:
        conn.execute("UPDATE alert SET held_by = 'person:cw-west', status = 'acknowledged', acknowledged_at = opened_at"
                     " WHERE household = 'hh-1' AND kind = 'leak'")  # fmt: skip
    return {
        (role, area, language, person): {**site.token(role, area, person), "Accept-Language": language}
        for role, area, language, person in product(ROLES, AREAS, LANGUAGES, ("cw-west", "do-1"))
    }


class Kept(Shared[Any]):
    """Draws each part once and for all, as if everybody always looked in the same moment."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[Hashable, asyncio.Task[Any]] = {}

    async def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was drawn for the first who asked."""
        if key not in self._made:
            self._made[key] = asyncio.create_task(asyncio.to_thread(make))
        return await self._made[key]


def test_everybody_is_sent_what_they_may_fetch_though_all_look_at_once(
    site: Site, districts: tuple[District, District]
) -> None:
    """Of all who look in the same moment those share a drawing who may see the same."""
    app, readers = _app(site), _readers(site)
    app.state.drawings = Kept()

    async def look(headers: dict[str, str]) -> dict[str, str]:
        query = urlencode([("part", one) for one in PARTS])
        async with following(app, headers, query) as next_message:
            assert (await next_message())["status"] == 200
            return await _sent(next_message, len(PARTS))

    async def all_at_once() -> list[dict[str, str]]:
        return await asyncio.gather(*(look(headers) for headers in readers.values()))

    sent = dict(zip(readers, asyncio.run(all_at_once()), strict=True))
    for reader, headers in readers.items():
        assert sent[reader] == {one: site.client.get(one, headers=headers).text for one in PARTS}, reader
    for there in districts:
        outside = [text for (_, area, *_), text in sent.items() if area not in ("", there.code)]
        assert len(outside) == len(readers) // 3
        assert [mark for mark in there.marks() if mark in str(outside)] == []
        within = str([text for (_, area, *_), text in sent.items() if area == there.code])
        assert str(there.alert) in within
    his, hers = (sent["officer", WEST, "en", person][PARTS[1]] for person in ("cw-west", "do-1"))
    assert ("Taken by Li Wei" in his, "Taken by" in hers) == (True, False)
    shown = {role: sent[role, WEST, "en", "do-1"] for role in ROLES}
    assert [("I take it" in shown[role]["/parts/alerts"]) for role in ROLES] == [False, True, True, True]
    assert [("on the telephones" in shown[role]["/parts/beside"]) for role in ROLES] == [False, False, False, True]


def test_parts_that_change_reach_each_as_they_may_see_them(site: Site, districts: tuple[District, District]) -> None:
    here, there = districts
    readers = {area: site.token("officer", area) for area in AREAS}
    app = _app(site)

    async def watch() -> dict[str, str]:
        async with app.state.context.events.running(), AsyncExitStack() as open_streams:
            streams = {
                area: await open_streams.enter_async_context(following(app, headers, "part=/parts/alerts"))
                for area, headers in readers.items()
            }
            for next_message in streams.values():
                await _sent(next_message, 1)
            [raised] = [await asyncio.to_thread(site.alert, "hh-2")]
            seen: dict[str, str] = {}
            async with await psycopg.AsyncConnection.connect(site.database, autocommit=True) as conn:
                for area, next_message in streams.items():
                    while str(raised) not in seen.get(area, "") and (area != EAST or area not in seen):
                        await conn.execute("SELECT pg_notify('alerts', '')")
                        seen[area] = (await _sent(next_message, 1))["/parts/alerts"]
            return {**seen, "raised": str(raised)}

    seen = asyncio.run(watch())
    assert [seen["raised"] in seen[area] for area in AREAS] == [True, True, False]
    assert [mark for mark in there.marks() if mark in seen[WEST]] == []
    assert [mark for mark in here.marks() if mark in seen[EAST]] == []


@pytest.mark.parametrize("end", ["session", "token"])
def test_who_is_let_go_is_sent_nothing_more_not_even_once(
    site: Site, districts: tuple[District, District], end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that it is looked at now and then who is let in must tell, but each time before something is sent."""
    assert districts
    monkeypatch.setattr(standing, "EVERY", 3600.0)
    app, secret = _app(site), site.token("officer", WEST)["Authorization"].removeprefix("Bearer ")
    with site.pool.connection() as conn:
        cookie = sessions.of_token(conn, secret, "", "")
    headers = {"Cookie": f"{COOKIE}={cookie}"} if end == "session" else site.token("officer", WEST)

    def let_go() -> None:
        with site.pool.connection() as conn:
            if end == "session":
                sessions.end(conn, cookie)
            else:
                tokens.revoke(conn, f"officer@{WEST}")

    async def watch() -> list[bytes]:
        async with following(app, headers, "part=/parts/alerts") as next_message:
            await _sent(next_message, 1)
            app.state.context.events._tell()
            await _sent(next_message, 1)  # they were looked after a moment ago
            await asyncio.to_thread(let_go)
            app.state.context.events._tell()
            heard: list[bytes] = []
            while b"signed-out" not in (body := (await next_message())["body"]) and b"part" not in body:
                heard.append(body)
            return [*heard, body]

    assert asyncio.run(watch()) == [b"event: signed-out\ndata: 0\n\n"]


@pytest.mark.parametrize("role", ["nobody", "vendor", "calendar"])
def test_who_may_not_see_alerts_gets_no_stream_of_them(site: Site, role: str) -> None:
    headers: dict[str, str] = {}
    if role != "nobody":
        with site.pool.connection() as conn:
            made = tokens.create(conn, role, "", "x", gateways=["gw-west"] if role == "vendor" else ())
        headers = {"Authorization": f"Bearer {made}"}
    answer = site.client.get("/events?part=/parts/alerts", headers=headers)
    assert answer.status_code == (403 if role == "vendor" else 401)
    assert "hh-" not in answer.text


@pytest.mark.parametrize(
    "part",
    [
        "/handsets", "/parts/tasks", "/parts/handsets", "/audit", "/api/v1/people", "/parts/alerts/", "/parts//alerts",
        "/parts/alerts/../beside", "//evil.example/parts/alerts", "https://evil.example/parts/alerts",
        "/parts/alerts;x", "/%70arts/alerts", "parts/alerts", "/PARTS/alerts", "",
    ],
)  # fmt: skip
def test_no_other_address_is_drawn_for_the_stream(site: Site, part: str) -> None:
    answer = site.client.get("/events", params={"part": part}, headers=site.token("operator"))
    assert answer.status_code == 422, answer.text


def test_a_part_is_sent_in_one_line_whatever_somebody_wrote(site: Site) -> None:
    """Else a note could begin an event of its own, and say what it likes."""
    evil = "x\n\nevent: signed-out\ndata: 0\n\r\n\u2028event: part\rdata: {}"
    site.alert("hh-1")
    with site.pool.connection() as conn:
        conn.execute("UPDATE area SET name = %s", [evil])
    app, who = _app(site), site.token("viewer", WEST)

    async def look() -> list[bytes]:
        async with following(app, who, "part=/parts/alerts") as next_message:
            assert (await next_message())["status"] == 200
            return [(await next_message())["body"] for _ in range(2)]

    change, part = asyncio.run(look())
    assert change.startswith(b"event: change\n")
    event, data, *rest = part.split(b"\n")
    assert (event, rest, b"\r" in part) == (b"event: part", [b"", b""], False)
    assert "signed-out" in json.loads(data.removeprefix(b"data: "))["html"]
