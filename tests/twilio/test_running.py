"""The emulator as people run it: a process with a port, letters over real sockets, a clock that is the real one."""

from __future__ import annotations

import contextlib
import http.server
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from urllib.parse import parse_qsl

import pytest
import requests
from twilio.request_validator import RequestValidator

from simulators.errors import SimulationError
from simulators.twilio.exchange import Exchange
from simulators.twilio.post import Letter
from simulators.twilio.running import carry, run
from tests.e2e.service import free_port, until
from tests.twilio.town import ACCOUNT, LI, OWN, TOKEN

SCRIPT = f'[numbers."{LI}"]\nsms = [{{ after = 0.1, reply = "1", reply_after = 0.1 }}]\n'


class Webhooks(http.server.ThreadingHTTPServer):
    """A service that keeps what it is sent."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], str]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Webhooks

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = dict(parse_qsl(body, keep_blank_values=True))
        self.server.heard.append((self.path, form, self.headers["X-Twilio-Signature"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def webhooks() -> Iterator[Webhooks]:
    server = Webhooks()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHOUWANG_")}
    return {**kept, "SHOUWANG_TWILIO_ACCOUNT_SID": ACCOUNT, "SHOUWANG_TWILIO_AUTH_TOKEN": TOKEN}


def _command(port: int, *options: str) -> list[str]:
    return [sys.executable, "-m", "shouwang", "simulate-twilio", "--port", str(port), *options]


@pytest.fixture(scope="module")
def emulator(webhooks: Webhooks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, tmp_path = free_port(), tmp_path_factory.mktemp("emulator")
    (tmp_path / "town.toml").write_text(SCRIPT)
    options = ["--script", str(tmp_path / "town.toml"), "--sms-url", f"{webhooks.url}/inbound"]
    with subprocess.Popen(_command(port, *options), env=_environment(), cwd=tmp_path) as process:
        url = f"http://127.0.0.1:{port}"

        def answers() -> bool:
            with contextlib.suppress(requests.ConnectionError):
                return requests.get(url, timeout=5).status_code == 401
            return False

        until(answers, "the emulator listens")
        yield url
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in {0, 130}


def test_a_message_is_delivered_and_answered(emulator: str, webhooks: Webhooks) -> None:
    webhooks.heard.clear()
    form = {"To": LI, "From": OWN, "Body": "Are you well?", "StatusCallback": f"{webhooks.url}/status"}
    path = f"{emulator}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert requests.post(path, data=form, auth=(ACCOUNT, TOKEN), timeout=10).status_code == 201
    until(lambda: len(webhooks.heard) == 3, "sent, delivered and the reply are told", 20)
    assert [form.get("MessageStatus", form.get("Body")) for _, form, _ in webhooks.heard] == ["sent", "delivered", "1"]
    for where, told, signature in webhooks.heard:
        assert RequestValidator(TOKEN).validate(webhooks.url + where, told, signature)


def test_somebody_sends_an_sms_of_their_own(emulator: str, webhooks: Webhooks) -> None:
    webhooks.heard.clear()
    assert requests.post(f"{emulator}/simulator/texts", data={"From": LI}, timeout=10).status_code == 400
    form = {"From": LI, "To": OWN, "Body": "2"}
    assert requests.post(f"{emulator}/simulator/texts", data=form, timeout=10).status_code == 201
    assert [(where, told["Body"]) for where, told, _ in webhooks.heard] == [("/inbound", "2")]


def test_a_taken_port_is_said(webhooks: Webhooks) -> None:
    exchange = Exchange(ACCOUNT, TOKEN, carry, 0)
    port = int(webhooks.server_address[1])
    with pytest.raises(SimulationError, match=f"port {port} is taken; choose another with --port"):
        run(exchange, lambda: 0, "127.0.0.1", port, threading.Event())


def test_who_talks_no_http_is_nobody(webhooks: Webhooks) -> None:
    dead = free_port()
    with pytest.raises(OSError, match="refused"):
        carry(Letter("POST", f"http://127.0.0.1:{dead}/", "", {}))
    answer = carry(Letter("GET", f"{webhooks.url}/x?y=1", "", {}))
    assert answer.status == 501
