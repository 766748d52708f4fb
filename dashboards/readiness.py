"""Whether the parts of the house can do their jobs, as `/readyz` says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Check(NamedTuple):
    """Whether one part can do its job; `why` says what is missing and what to do about it.

    What is `degraded` does its job still, but somebody should look.
    """

    ok: bool
    why: str = ""
    degraded: bool = False


Readiness = Mapping[str, Check]
"""By the name of the part: `database`, `broker`, `engine` …"""
