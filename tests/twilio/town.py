"""An emulated account, and a service that keeps what it is sent and answers what a test says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import httpx2 as httpx
from starlette.testclient import TestClient

from registry.instants import SECOND, to_micros
from simulators.twilio.api import make_api
from simulators.twilio.exchange import Exchange
from simulators.twilio.post import Answer, Letter
from simulators.twilio.script import Pickup, Reception, Script, Telephone
from tests.twilio.proxy import ValidatingProxy

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "a secret of ours"
OWN = "+12025550142"
LI = "+8613812340001"
WANG = "+8613812340002"
NOBODY = "+8613812340404"
SERVICE = "https://shouwang.example"
NOW = to_micros(datetime(2026, 3, 2, tzinfo=UTC))


@dataclass
class Service:
    """What stands at the public address: it keeps every letter, and answers by the path."""

    answers: dict[str, Answer] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)

    def __call__(self, letter: Letter) -> Answer:
        if urlsplit(letter.url).hostname != urlsplit(SERVICE).hostname:
            raise ConnectionRefusedError(letter.url)
        self.letters.append(letter)
        return self.answers.get(urlsplit(letter.url).path, Answer(204, "", ""))

    def says(self, path: str, document: str) -> None:
        self.answers[path] = Answer(200, "text/xml; charset=utf-8", document)

    def forms(self, path: str) -> list[dict[str, str]]:
        """Return what was posted to a path, oldest first."""
        return [
            dict(parse_qsl(letter.body, keep_blank_values=True))
            for letter in self.letters
            if urlsplit(letter.url).path == path
        ]


class Town:
    """An account with its telephones, behind the proxy, and a clock that is turned by hand."""

    def __init__(self, script: Script | None = None) -> None:
        self.service = Service()
        self.exchange = Exchange(ACCOUNT, TOKEN, self.service, NOW, script, numbers={OWN}, sms_url=f"{SERVICE}/inbound")
        api = make_api(self.exchange)
        self.plain = TestClient(api)
        """Past the proxy, for what must not pass it."""
        self.plain.auth = (ACCOUNT, TOKEN)
        self.proxy = ValidatingProxy(api)
        self.http = TestClient(self.proxy, raise_server_exceptions=False)
        self.http.auth = (ACCOUNT, TOKEN)
        self.base = f"/2010-04-01/Accounts/{ACCOUNT}"

    def wait(self, seconds: float) -> None:
        self.exchange.advance(self.exchange.now + round(seconds * SECOND))

    def texts(self, to: str = LI, body: str = "Are you well? 1 yes, 2 help", **more: str) -> httpx.Response:
        form = {"To": to, "From": OWN, "Body": body, "StatusCallback": f"{SERVICE}/status", **more}
        return self.http.post(f"{self.base}/Messages.json", data=form)

    def calls(self, to: str = LI, *, events: Sequence[str] = (), **more: str) -> httpx.Response:
        form = {"To": to, "From": OWN, "Url": f"{SERVICE}/voice", "StatusCallback": f"{SERVICE}/status", **more}
        if events:
            return self.http.post(f"{self.base}/Calls.json", data={**form, "StatusCallbackEvent": list(events)})
        return self.http.post(f"{self.base}/Calls.json", data=form)

    def listed(self, what: str, **query: str | int) -> httpx.Response:
        return self.http.get(f"{self.base}/{what}.json", params=query)


def sms(**reception: object) -> Telephone:
    return Telephone(sms=(Reception(**reception),))  # type: ignore[arg-type]


def call(*pickups: Pickup) -> Telephone:
    return Telephone(calls=pickups)
