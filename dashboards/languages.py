"""Which language a reader gets, and the one place through which every text of the pages goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Final

from fastapi import Depends, Header

from dashboards.alert_words import CHINESE_ALERTS
from dashboards.channel_words import CHINESE_CHANNELS
from dashboards.duty_words import CHINESE_DUTY
from dashboards.page_words import CHINESE_PAGES
from dashboards.performance_words import CHINESE_PERFORMANCE
from dashboards.task_words import CHINESE_TASKS

Translate = Callable[[str], str]

CHINESE: Final = "zh_CN"
ENGLISH: Final = "en"


_CHINESE: Final[Mapping[str, str]] = {
    **CHINESE_ALERTS, **CHINESE_PAGES, **CHINESE_DUTY, **CHINESE_PERFORMANCE, **CHINESE_TASKS, **CHINESE_CHANNELS
}  # fmt: skip
"""Every text of the pages; a test sees to it that none is missing."""


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


def reader_language(accept_language: Annotated[str | None, Header()] = None) -> str:
    """Return the language of whoever sent the request."""
    return preferred(accept_language)


Language = Annotated[str, Depends(reader_language)]


def translator(language: str) -> Translate:
    """Return the `_` of pages and phrases; a text without a translation stands for itself."""
    return (lambda text: _CHINESE.get(text, text)) if language == CHINESE else (lambda text: text)
