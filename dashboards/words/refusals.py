"""What refusals and results say to a reader of pages in their language; the API says them in English."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from dashboards.words.languages import Translate, catalogue

_PERSON: Final = re.compile(r"\bperson:([^\s,;]+)")
_OTHER: Final = re.compile(r"\b(?:token|account|partner):([^,;]+?)(?= (?:holds|has)\b|[,;]|$)")


def persons_in(text: str) -> list[str]:
    """Return the ids of the people whom a refusal of the alert desk speaks of."""
    return _PERSON.findall(text)


def with_names(_: Translate, text: str, names: Mapping[str, str]) -> str:
    """Return what the alert desk says with people's names for their ids; tokens and organisations have only names."""
    text = _PERSON.sub(lambda found: names.get(found[1], found[1]), text)
    return _OTHER.sub(lambda found: _(found[1]), text)


def retold(language: str, text: str) -> str:
    """Return a sentence with values in it in the reader's language; one that is not known stands as it is."""
    for pattern, translated in _patterns(language):
        found = pattern.fullmatch(text)
        if found:
            return translated.format(**found.groupdict())
    return text


@cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    # What holds no value comes first: `reached nobody` is not `reached {n}`.
    every = sorted(catalogue(language, "*refusals").items(), key=lambda one: one[0].count("{"))
    return [(re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(one)), re.DOTALL), two) for one, two in every]
