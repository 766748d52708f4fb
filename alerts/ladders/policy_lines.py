"""Where in a file of policies something stands, so that an error can name the line.

`tomllib` does not say. What is found here is for readers only: where the file is written in an unusual way it is not
found, and the error goes without a line.
"""

from __future__ import annotations

import re

_STEP = re.compile(r"steps\[(\d+)\](?:\.(\w+))?")
_UNSEEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*')
"""Strings and comments: what is inside them is no syntax."""


def line_of(text: str, policy: str, key: str = "") -> int | None:
    """Return the line (from 1) of a policy, or of its `key` such as `repeat`, `steps[2]` or `steps[2].who`."""
    bare = _UNSEEN.sub(lambda found: "_" * len(found[0]), text)
    section = re.search(rf"^[ \t]*\[[ \t]*([\"']?){re.escape(policy)}\1[ \t]*\]", text, re.MULTILINE)
    if section is None:
        return _line(text, re.search(rf"^[ \t]*{re.escape(policy)}[ \t]*=", text, re.MULTILINE))
    following = re.search(r"^[ \t]*\[[ \t]*[\w\"'-]+[ \t]*\]", bare[section.end() :], re.MULTILINE)
    end = len(text) if following is None else section.end() + following.start()
    step = _STEP.match(key)
    if step is None:
        return _line(text, _key(bare, key, section.end(), end) if key else section) or _line(text, section)
    return _step_line(bare, policy, int(step[1]), step[2] or "", section.end(), end) or _line(text, section)


def _step_line(bare: str, policy: str, number: int, key: str, start: int, end: int) -> int | None:
    """Return the line of a step, in one list or in tables of their own."""
    tables = list(re.compile(rf"^[ \t]*\[\[[ \t]*{re.escape(policy)}\.steps[ \t]*\]\]", re.MULTILINE).finditer(bare))
    if number <= len(tables):
        stop = tables[number].start() if number < len(tables) else end
        found = _key(bare, key, tables[number - 1].end(), stop) if key else None
        return _line(bare, found or tables[number - 1])
    steps = _key(bare, "steps", start, end)
    if steps is None:
        return None
    braces = list(re.compile(r"\{[^{}]*\}").finditer(bare, steps.end(), end))
    if number > len(braces):
        return _line(bare, steps)
    step = braces[number - 1]
    inside = re.compile(rf"\b{re.escape(key)}[ \t]*=").search(bare, step.start(), step.end()) if key else None
    return _line(bare, inside or step)


def _key(bare: str, key: str, start: int, end: int) -> re.Match[str] | None:
    return re.compile(rf"^[ \t]*{re.escape(key)}[ \t]*=", re.MULTILINE).search(bare, start, end)


def _line(text: str, found: re.Match[str] | None) -> int | None:
    if found is None:
        return None
    written = found.start() + len(found[0]) - len(found[0].lstrip())
    return text.count("\n", 0, written) + 1
