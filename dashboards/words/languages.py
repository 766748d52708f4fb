"""Which language a reader gets, and the one place through which every text of the pages goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from babel.messages.pofile import read_po
from fastapi import Depends
from starlette.requests import HTTPConnection

Translate = Callable[[str], str]

CHINESE: Final = "zh_CN"
ENGLISH: Final = "en"

_CATALOGUES: Final = Path(__file__).parents[1] / "translations"


@cache
def catalogue(language: str, domain: str = "*") -> Mapping[str, str]:
    """Return what a language says for each English text, in one file of its folder or in all; a test misses none."""
    texts: dict[str, str] = {}
    for file in sorted((_CATALOGUES / language).glob(f"{domain}.po")):
        with file.open("rb") as lines:
            texts |= {str(one.id): str(one.string) for one in read_po(lines, language) if one.id}
    return texts


def preferred(accept: str | None) -> str:
    """Return `zh_CN` or `en`, whichever an Accept-Language header (RFC 9110 §12.5.4) puts first; `en` if neither."""
    wishes: list[tuple[float, int, str]] = []
    for place, wish in enumerate((accept or "").split(",")):
        tag, _, weight = wish.partition(";")
        quality = weight.replace(" ", "").removeprefix("q=") if weight else "1"
        try:
            rank = float(quality)
        except ValueError:
            continue
        tongue = tag.strip().lower().split("-")[0].split("_")[0]
        if rank > 0 and tongue in ("zh", "en"):
            wishes.append((-rank, place, tongue))
    return CHINESE if wishes and min(wishes)[2] == "zh" else ENGLISH


def remember(request: HTTPConnection, language: str | None) -> None:
    """Keep the language that whoever sent the request has chosen, None where they chose none, for all who answer it."""
    request.state.language = language


def reader_language(request: HTTPConnection) -> str:
    """Return the language of whoever sent the request: the one they chose, else the one their browser asks for."""
    chosen: str | None = getattr(request.state, "language", None)
    return chosen or preferred(request.headers.get("accept-language"))


Language = Annotated[str, Depends(reader_language)]


def translator(language: str) -> Translate:
    """Return the `_` of pages and phrases; a text without a translation stands for itself."""
    texts = catalogue(language)
    return lambda text: texts.get(text, text)
