"""`/my`: a caseworker's own tasks on their phone, which keeps what it shows and sends what it was told when it can.

The page itself holds nothing of any household: `phone.js` fills it with what the API says or the phone has kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from dashboards.pages.frame import FALSE_ALARMS, OUTCOMES, Framed
from dashboards.pages.tasks import REASONS
from dashboards.words import phrases
from dashboards.words.languages import Language, Translate, translator
from detectors.finding import Severity

_STATIC: Final = Path(__file__).parents[1] / "static"
SHELL: Final = (
    "theme.js",
    "style.css",
    "phone.css",
    "phone-queue.js",
    "phone-words.js",
    "phone.js",
    "icon.svg",
    "icon-192.png",
)
"""What the page is made of; the phone keeps all of it, and all of it anew when any of it changes."""
_MANIFEST: Final = {
    "id": "/my",
    "start_url": "/my",
    "scope": "/",
    "display": "standalone",
    "background_color": "#14606f",
    "theme_color": "#14606f",
    "icons": [
        {"src": "/static/icon-192.png", "sizes": "192x192", "type": "image/png"},
        {"src": "/static/icon-512.png", "sizes": "512x512", "type": "image/png"},
        {"src": "/static/icon-512-maskable.png", "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
        {"src": "/static/icon.svg", "sizes": "any", "type": "image/svg+xml"},
    ],
}
WORDS: Final[Mapping[str, str]] = {
    "in": "due in",
    "late": "overdue by",
    "days": "{days} d {hours} h",
    "hours": "{hours} h {minutes} min",
    "minutes": "{minutes} min",
    "seconds": "{seconds} s",
    "metres": "{n} m away",
    "kilometres": "{n} km away",
    "follow-up": "Follow-up",
    "go": "I'll go",
    "do": "I'll do it",
    "take-over": "I take it over",
    "on-my-way": "On my way",
    "arrived": "I have arrived",
    "write-down": "Write down what you found",
    "save": "Save",
    "choose": "Choose what you found first.",
    "choose-why": "Choose why it was a false alarm first.",
    "choose-who": "Choose a colleague first.",
    "choose-reason": "Choose why you cannot do it first.",
    "resident": "Lives there",
    "call": "Call {who}",
    "waiting": "Waiting to be sent",
    "waiting-n": "{n} waiting to be sent.",
    "refused": "Could not be done",
    "offline": "No network: as of {time}.",
    "busy": "The service does not answer: as of {time}.",
    "never": "No network, and nothing has been kept on this phone yet. Open this page once with a network.",
    "fresh": "As of {time}",
    "offered": "A colleague asks you to take it over",
    "offered-to": "{who} was asked to take it over and has not accepted yet",
    "accepted": "Accepted",
    "set-out": "On the way",
    "there": "Arrived",
    "outcome": "Outcome",
    "leave": "{n} entries have not been sent yet. If you sign out now they are lost. Sign out all the same?",
    "no-place": "This phone does not say where it is. Allow it in the browser's settings.",
    "did-accept": "Accepting the task",
    "did-on-my-way": "On my way",
    "did-arrived": "I have arrived",
    "did-outcome": "Outcome: {what}",
    "did-refuse": "Refusing the task",
    "did-handover": "Handing over the task",
    "nobody": "Your account is no person of the registry, so no task can come to you. An operator can link the two.",
}
"""What `phone-words.js` says, by the names it says it under."""


def router() -> APIRouter:
    """Return the page, and what makes an application of it: manifest and service worker."""
    routes = APIRouter()

    @routes.get("/my")
    def page(around: Framed) -> Response:
        return around.page(
            "phone.html",
            words=_words(translator(around.language)),
            version=version(),
            levels=[int(level) for level in Severity],
            outcomes=OUTCOMES,
            false_alarms=FALSE_ALARMS,
            reasons=REASONS,
        )

    @routes.get("/worker.js")
    def worker() -> Response:
        source = (_STATIC / "worker.js").read_text().replace("VERSION", version())
        addresses = json.dumps([address(name) for name in SHELL])
        return Response(source.replace("SHELL", addresses), media_type="text/javascript")

    @routes.get("/manifest.webmanifest")
    def manifest(language: Language) -> Response:
        _ = translator(language)
        named = {"name": _("Shouwang: my tasks"), "short_name": _("Shouwang"), "lang": language.replace("_", "-")}
        return Response(json.dumps({**named, **_MANIFEST}, ensure_ascii=False), media_type="application/manifest+json")

    return routes


@cache
def version() -> str:
    """Return a name for this very state of what the page is made of."""
    digest = sha256()
    for name in (*SHELL, "worker.js"):
        digest.update((_STATIC / name).read_bytes())
    return digest.hexdigest()[:12]


def address(name: str) -> str:
    """Return where a file of the shell is; a changed one has another address, so that old and new never mix."""
    return f"/static/{name}?v={version()}"


def _words(_: Translate) -> dict[str, str]:
    tables = {"kind": phrases.TASKS, "outcome": phrases.OUTCOMES, "severity": phrases.SEVERITIES}
    codes = {f"{table}-{code}": _(text) for table, words in tables.items() for code, text in words.items()}
    return {name: _(text) for name, text in WORDS.items()} | codes
