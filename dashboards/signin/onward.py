"""Where somebody goes once they are signed in: a page of ours and nowhere else."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

HOME: Final = "/"
DOOR: Final = "/sign-in"

_LOCAL: Final = re.compile(r"/(?!/)[!-\[\]-~]*")
"""One slash and what may stand in an address: no second slash, no backslash, no blanks or control characters, all of
which browsers read as the beginning of another host."""
_LONGEST: Final = 2000


def onward(asked: str) -> str:
    """Return where `next` leads if that is a page of ours, else the front page."""
    local = len(asked) <= _LONGEST and _LOCAL.fullmatch(asked) is not None
    return asked if local and not asked.startswith(DOOR) else HOME


def door(after: str) -> str:
    """Return the address of the sign-in page that leads on to `after`."""
    return f"{DOOR}?next={quote(onward(after), safe='/')}" if onward(after) != HOME else DOOR
