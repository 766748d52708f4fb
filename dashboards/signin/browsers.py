"""What a browser is called, so that somebody knows which of their sessions is which."""

from __future__ import annotations

from typing import Final

_BROWSERS: Final = (
    ("MicroMessenger", "WeChat"),
    ("DingTalk", "DingTalk"),
    ("Edg", "Edge"),
    ("Firefox", "Firefox"),
    ("HuaweiBrowser", "Huawei"),
    ("MiuiBrowser", "Mi"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
"""In this order: most of them also call themselves what comes later."""
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("HarmonyOS", "HarmonyOS"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def browser(agent: str) -> str:
    """Return `Firefox, Windows` for what a browser calls itself, '' where nothing of it is known."""
    known = (next((name for mark, name in marks if mark in agent), "") for marks in (_BROWSERS, _SYSTEMS))
    return ", ".join(name for name in known if name)
