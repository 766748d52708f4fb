"""Which open alerts the board shows, as its address says it: whoever is sent the address sees the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from dashboards.problems import Refusal
from detectors.finding import Kind, Severity
from storage.views.alerts import Chosen

PAGE: Final = 25
"""Alerts on the board before somebody asks for more."""
MOST: Final = 500
_LONGEST: Final = 200
_HOLDERS: Final = ("", "nobody", "mine")
_SEVERITIES: Final = {severity.label: severity for severity in Severity}


@dataclass(frozen=True, slots=True)
class Filter:
    """What was chosen; empty is everything. `least` is a severity's word, `held` is `nobody` or `mine`."""

    area: str = ""
    kind: str = ""
    least: str = ""
    held: str = ""
    text: str = ""
    show: int = PAGE
    wall: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filter:
        """Read the filter from the parameters of an address.

        Raises:
            Refusal: (422) one of them is none that the board knows.
        """
        kind, least, held = query.get("kind", ""), query.get("severity", ""), query.get("held", "")
        shown = query.get("show", "") or str(PAGE)
        known = kind in ("", *Kind) and least in ("", *_SEVERITIES) and held in _HOLDERS
        if not known or not (shown.isascii() and shown.isdigit() and len(shown) <= len(str(MOST))):
            raise Refusal(422, "This address asks for what the board does not know: choose anew from its filters")
        return cls(
            area=query.get("area", "")[:_LONGEST],
            kind=kind,
            least=least,
            held=held,
            text=query.get("q", "").strip()[:_LONGEST],
            show=min(max(int(shown), PAGE), MOST),
            wall="wall" in query,
        )

    @property
    def narrow(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.area or self.kind or self.least or self.held or self.text)

    @property
    def further(self) -> Filter:
        """The same with one more page of alerts."""
        return replace(self, show=min(self.show + PAGE, MOST))

    @property
    def on_the_wall(self) -> Filter:
        """The same for a screen on the wall."""
        return replace(self, wall=True)

    @property
    def off_the_wall(self) -> Filter:
        """The same for a desk."""
        return replace(self, wall=False)

    def address(self, path: str = "/") -> str:
        """Return the address that shows this."""
        asked = {
            "area": self.area,
            "kind": self.kind,
            "severity": self.least,
            "held": self.held,
            "q": self.text,
            "show": "" if self.show == PAGE else str(self.show),
            "wall": "1" if self.wall else "",
        }
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"{path}?{query}" if query else path

    def chosen(self, actor: str) -> Chosen:
        """Return what the database can choose by itself; `actor` is the reader."""
        return Chosen(
            area=self.area,
            kinds=(self.kind,) if self.kind else (),
            least=_SEVERITIES[self.least] if self.least else 0,
            holder=actor if self.held == "mine" else None,
            unheld=self.held == "nobody",
        )

    def finds(self, texts: Iterable[Any]) -> bool:
        """Say whether each word searched for stands in one of the texts, whatever the case."""
        said = "\n".join(str(text) for text in texts).casefold()
        return all(word in said for word in self.text.casefold().split())
