"""What many want at once is made once for all of them, and never for anybody from before they asked."""

from __future__ import annotations

import asyncio
from threading import Event

import pytest

from dashboards.live.shared import Shared


def test_a_hundred_who_ask_at_once_share_one() -> None:
    made: list[int] = []

    def make() -> int:
        made.append(len(made))
        return made[-1]

    async def ask() -> list[int]:
        shared: Shared[int] = Shared()
        return await asyncio.gather(*(shared.get("board", make) for _ in range(100)))

    assert asyncio.run(ask()) == [0] * 100
    assert made == [0]


def test_who_asks_while_it_is_made_gets_the_next_and_shares_that() -> None:
    begun, go_on, made = Event(), Event(), []

    def slow() -> str:
        begun.set()
        assert go_on.wait(20)
        return "old"

    def make() -> str:
        made.append("new")
        return "new"

    async def ask() -> list[str]:
        shared: Shared[str] = Shared()
        first = asyncio.create_task(shared.get("board", slow))
        assert await asyncio.to_thread(begun.wait, 20)
        later = [asyncio.create_task(shared.get("board", make)) for _ in range(50)]
        await asyncio.sleep(0)
        assert made == [], "one at a time"
        go_on.set()
        return await asyncio.gather(first, *later)

    assert asyncio.run(ask()) == ["old"] + ["new"] * 50
    assert made == ["new"]


def test_different_sights_are_made_apart() -> None:
    async def ask() -> list[str]:
        shared: Shared[str] = Shared()
        return list(await asyncio.gather(shared.get("east", lambda: "east"), shared.get("west", lambda: "west")))

    assert asyncio.run(ask()) == ["east", "west"]


def test_who_goes_away_takes_it_from_nobody_else() -> None:
    go_on = Event()

    def slow() -> str:
        assert go_on.wait(20)
        return "made"

    async def ask() -> str:
        shared: Shared[str] = Shared()
        gone, stays = (asyncio.create_task(shared.get("board", slow)) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await gone
        return await stays

    assert asyncio.run(ask()) == "made"


def test_an_error_reaches_all_who_asked_and_the_next_one_starts_afresh() -> None:
    async def ask() -> tuple[list[str | BaseException], str]:
        shared: Shared[str] = Shared()

        def fail() -> str:
            raise LookupError

        failed = await asyncio.gather(*(shared.get("board", fail) for _ in range(3)), return_exceptions=True)
        return failed, await shared.get("board", lambda: "made")

    failed, made = asyncio.run(ask())
    assert [type(one) for one in failed] == [LookupError] * 3
    assert made == "made"
