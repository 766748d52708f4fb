"""What maps lie on: pictures from one tile server that an operator has named, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Tiles:
    """Where tiles come from, such as `https://tiles.example.org/{z}/{x}/{y}.png`, and whom to thank for them."""

    url: str
    credit: str = ""

    @property
    def origin(self) -> str:
        """The one place beside ourselves that pages with a map may load pictures from."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def wrong_with(url: str) -> str | None:
    """Return what is to be written instead of a tile server's address, None where it can be used."""
    if any(f"{{{part}}}" not in url for part in "zxy"):
        return "write the address with {z}, {x} and {y}, such as https://tiles.example.org/{z}/{x}/{y}.png"
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc:
        return "write an address that begins with https:// and a server's name"
    if any(mark in parts.netloc for mark in "{}*;,'\" ") or any(character.isspace() for character in url):
        return "name one server: pages are allowed to load pictures from one place, not from {s}"
    return None
