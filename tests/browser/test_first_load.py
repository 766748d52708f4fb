"""What a first visit to the board costs on the wire: at a cheap telephone's price, and with a city's alerts on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.visitor import Visitor

LIMIT = 80_000
"""Bytes, with everything the page asks for before anybody does anything."""


@pytest.mark.parametrize("area", ["9901", ""], ids=["town", "city"])
def test_the_board_comes_in_eighty_kilobytes(area: str, town: Any, visit: Callable[..., Visitor]) -> None:
    who = visit(town, area=area)
    wire = who.page.context.new_cdp_session(who.page)
    wire.send("Network.enable")
    wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    names: dict[str, str] = {}
    sizes: dict[str, float] = {}
    wire.on("Network.responseReceived", lambda told: names.update({told["requestId"]: told["response"]["url"]}))
    wire.on("Network.loadingFinished", lambda told: sizes.update({told["requestId"]: told["encodedDataLength"]}))
    who.open("/")
    each = {names[one].removeprefix(town.home): round(size) for one, size in sizes.items() if one in names}
    assert "/" in each
    assert "/static/vendor/htmx.min.js" in each
    assert sum(each.values()) <= LIMIT, each
