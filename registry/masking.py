"""What may be shown of a telephone number, of where somebody lives, of where messages go, and of what a message said.

Each may be given what is masked already, and returns it as it is.
"""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = "****"
_LAST: Final = 4
_MIDDLE: Final = 4
_FEWEST: Final = _LAST + _MIDDLE
"""Of a shorter number the last four digits would say nearly all."""

_DIGIT: Final = re.compile(r"\d")  # of any script: also those that are as wide as a Chinese character
_HAN: Final = re.compile(r"[\u3400-\u9fff]")
# In a Chinese address everything from the first figure on leads to a door.
_DOOR: Final = re.compile(
    r"\d"
    r"|[〇零一二三四五六七八九十百甲乙丙丁]+(?=[号號栋棟幢座楼樓弄巷单單室户戶组組门門])"
    r"|(?<![A-Za-z])[A-Za-z](?=[号號栋棟幢座楼樓单單室门門])"
)
_BEFORE_A_DOOR: Final = " ,，、;；#-—第附No.no．"
# In others it is whatever has a figure, and a letter by itself.
_PART: Final = re.compile(r"[^\s,;/]*\d[^\s,;/]*|(?<![^\s,;/])[A-Za-z](?![^\s,;/])")

_NUMBER: Final = re.compile(r"(?<![\d+])(?:\+\d{8,15}|1[3-9]\d{9}|0\d{2,3}-?\d{7,8})(?!\d)")
_WHERE: Final = re.compile(r"(地址：|Address: )(.+)", re.DOTALL)
"""How the words of our messages go on with an address (`alerts.messages.wording`)."""


def phone(text: str) -> str:
    """Return a number with its middle hidden, `+86138****0001`; the whole of one with fewer than eight digits."""
    if not text or HIDDEN in text:
        return text
    digits = "".join(_DIGIT.findall(text))
    if len(digits) < _FEWEST:
        return HIDDEN
    plus = "+" if text.lstrip().startswith("+") else ""
    return f"{plus}{digits[:-_FEWEST]}{HIDDEN}{digits[-_LAST:]}"


def address(text: str) -> str:
    """Return where somebody lives without the door: `和平路****`, `**** West Street`; nothing of what has no number."""
    if not text or (HIDDEN in text and not _DIGIT.search(text)):
        return text
    if _HAN.search(text):
        door = _DOOR.search(text)
        return (text[: door.start()].rstrip(_BEFORE_A_DOOR) if door else "") + HIDDEN
    shown, hidden = _PART.subn(HIDDEN, text)
    return shown if hidden else HIDDEN


def messenger(text: str) -> str:
    """Return how the address of a messenger begins, `wecombot://****`: the rest is a secret."""
    if not text:
        return text
    scheme, found, _ = text.partition("://")
    return f"{scheme}://{HIDDEN}" if found else HIDDEN


def message(text: str, home: str = "") -> str:
    """Return what a message said without numbers, and without the door of `home`, which its receiver was told.

    A home that has moved since is not found in the words; then all that follows the word for it is left out.
    """
    if home and home in text:
        text = text.replace(home, address(home))
    else:
        text = _WHERE.sub(lambda found: found[1] + HIDDEN, text)
    return _NUMBER.sub(lambda found: phone(found[0]), text)
