"""Every page in both languages, light and dark, at a desk and on a telephone: usable by all, within its screen.

The pages of the lived-in town are those of a busy morning: 5,000 households and 300 open alerts beside its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser import lived_in, rooms
from tests.browser.conftest import Town, Visit
from tests.browser.visitor import Visitor, visitor

ROOMS: Final = rooms.patterns()
LOOKS: Final = [(language, width) for language in ("zh", "en") for width in (1440, 390)]
_COLOURS: Final = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""What the lights change; it is the same in both languages."""

_WIDER: Final = """() => {
  const wide = document.documentElement.clientWidth;
  const inside = (element) => { // what scrolls by itself may be as wide as it likes
    for (let at = element.parentElement; at; at = at.parentElement)
      if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(at).overflowX)) return true;
    return false;
  };
  const all = document.documentElement.scrollWidth;
  const found = all > wide ? [`the page: ${all} px`] : [];
  for (const element of document.querySelectorAll("main *, header *, footer *")) {
    const box = element.getBoundingClientRect();
    if (box.width && box.right > wide + 1 && !inside(element))
      found.push(`${element.tagName} ${element.getAttribute("class") || ""}: to ${Math.round(box.right)} px`);
  }
  return found.slice(0, 5);
}"""
_SAID: Final = """() => {
  const said = [], names = "code, kbd, script, noscript, style, template, [lang='en'], textarea";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    if (!node.parentElement.closest(names)) said.push(node.data);
  const heard = ["title", "aria-label", "placeholder", "alt", "data-waiting", "data-late", "data-in"];
  for (const element of document.querySelectorAll(heard.map((name) => `[${name}]`).join()))
    for (const name of heard)
      if (element.hasAttribute(name) && !element.closest(names)) said.push(element.getAttribute(name));
  return [document.title, ...said];
}"""

NAMES: Final = frozenset({
    "Shouwang", "operator", "CSV", "TOML", "MQTT", "SenML", "CBOR", "JSON", "API", "URL", "ID", "SIM", "UTC", "LoRaWAN",
    "ChirpStack", "zigbee2mqtt", "QoS", "HTTP", "Prometheus", "Grafana", "OpenStreetMap", "Leaflet", "English", "TOTP",
    "OIDC", "PIN", "Asia", "Shanghai", "SHA", "AES", "GCM", "PWA", "Ctrl", "Enter", "Esc", "Tab", "Shift",
    "kWh", "Wh", "kW", "W", "L", "h", "m", "px", "kB", "KiB", "MB", "ms", "dBm", "gzip",
})  # fmt: skip
"""What is written in Latin letters in Chinese, too: names, keys and units."""
_WORD: Final = re.compile(r"(?a:[A-Za-z][A-Za-z0-9_./:@+#-]*)")
_IDENTIFIER: Final = re.compile(r"\d|_|/|@|:|\w-\w")
"""What somebody was registered as, a rule, a sensor: `household-003`, `wm-003/volume`, `shanghai-12h`."""


@pytest.fixture(scope="module")
def windows(town: Town, browser: Browser) -> Iterator[Visit]:
    """Lend a window that has been signed in at for each look: all rooms are gone through in the same few."""
    with ExitStack() as open_:

        @cache
        def window(language: str, width: int, area: str = "") -> Visitor:
            bearer = town.site.token("operator", area)["Authorization"].removeprefix("Bearer ")
            return open_.enter_context(visitor(browser, town.home, bearer, language=language, width=width))

        yield window


@pytest.fixture(params=ROOMS)
def room(request: pytest.FixtureRequest, town: Town) -> str:
    with town.site.pool.connection() as conn:
        return rooms.address(conn, request.param)


def _violations(who: Visitor, **options: Any) -> list[str]:
    found = Axe().run(who.page, options={"resultTypes": ["violations"], **options}).response["violations"]
    return [
        f"{one['id']}: {node['target']} {node['html'][:160]} — {'; '.join(part['message'] for part in node['any'])}"
        for one in found
        for node in one["nodes"][:3]
    ]


@pytest.mark.parametrize(("language", "width"), LOOKS)
def test_everybody_can_use_it(room: str, windows: Visit, language: str, width: int) -> None:
    """Nobody is shut out, nothing sticks out of the screen, and the browser has nothing to complain of."""
    who = windows(language, width)
    who.scheme("light")
    who.open(room)
    assert who.page.evaluate(_WIDER) == []
    assert who.complaints == []  # before what axe does with colours, which the browser may find slow and say so
    assert _violations(who) == []
    if language == "zh":
        who.scheme("dark")
        assert _violations(who, **_COLOURS) == []
    who.complaints.clear()


def test_a_chinese_page_is_chinese(room: str, windows: Visit) -> None:
    who = windows("zh", 1440, lived_in.TOWN)
    who.open(room)
    words = {word.rstrip(".:/-") for text in who.page.evaluate(_SAID) for word in _WORD.findall(text)}
    assert sorted(word for word in words if word not in NAMES and not _IDENTIFIER.search(word)) == []
