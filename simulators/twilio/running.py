"""The emulator in real time, for people: an HTTP server, letters that really go out, and a log of what happens."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from urllib.parse import parse_qs, urlsplit

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from simulators.errors import SimulationError
from simulators.twilio.api import make_api
from simulators.twilio.exchange import Exchange
from simulators.twilio.post import Answer, Letter

log = structlog.get_logger(__name__)

_PATIENCE_SECONDS = 15
"""How long Twilio waits for a webhook."""
_TICK_SECONDS = 0.2


def carry(letter: Letter) -> Answer:
    """Carry a letter over HTTP or HTTPS; redirects are answers, not followed.

    Raises:
        OSError: nobody is there, or who is there talks no HTTP.
    """
    address = urlsplit(letter.url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=_PATIENCE_SECONDS)
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    try:
        connection.request(letter.method, target, letter.body.encode(), dict(letter.headers))
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers.get("Content-Type", ""), answer.read().decode("utf-8", "replace"))
    except http.client.HTTPException as error:
        raise ConnectionError(f"{letter.url}: {type(error).__name__} {error}") from error
    finally:
        connection.close()


def make_app(exchange: Exchange) -> Starlette:
    """Return the API, and beside it `POST /simulator/texts` (From, To, Body): somebody sends an SMS of their own."""

    async def text(request: Request) -> Response:
        form = {
            name: values[-1] for name, values in parse_qs((await request.body()).decode("utf-8", "replace")).items()
        }
        if not {"From", "To", "Body"} <= set(form):
            return PlainTextResponse("post From, To and Body as a form\n", 400)
        await run_in_threadpool(exchange.text, form["From"], form["Body"], form["To"])
        return PlainTextResponse("sent\n", 201)

    return Starlette(routes=[Route("/simulator/texts", text, methods=["POST"]), Mount("/", make_api(exchange))])


@dataclass(slots=True)
class Watched:
    """How much of what happens has been logged."""

    posted: int = 0
    noted: int = 0
    messages: int = 0
    calls: int = 0

    def look(self, exchange: Exchange) -> None:
        """Log what is new."""
        for message in islice(list(exchange.messages.values()), self.messages, None):
            log.info("SMS", sender=message.sender, to=message.to, body=message.body, sid=message.sid)
            self.messages += 1
        for call in islice(list(exchange.calls.values()), self.calls, None):
            log.info("call", sender=call.sender, to=call.to, sid=call.sid)
            self.calls += 1
        for letter in exchange.office.posted[self.posted :]:
            news = {
                name: letter.form[name] for name in ("MessageStatus", "CallStatus", "Digits") if name in letter.form
            }
            log.info("told the service", url=letter.url, status=letter.status, **news)
            self.posted += 1
        for code, what in exchange.debugger[self.noted :]:
            log.warning("Twilio's debugger would say", code=code, what=what)
            self.noted += 1


def run(exchange: Exchange, now: Callable[[], int], host: str, port: int, stop: threading.Event) -> None:
    """Serve an exchange until `stop` is set; `now` returns microseconds UTC.

    Raises:
        SimulationError: the port is taken.
    """
    config = uvicorn.Config(make_app(exchange), log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise SimulationError(f"port {port} is taken; choose another with --port ({error})") from error
    serving = threading.Thread(target=server.run, args=([listening],), daemon=True)
    serving.start()
    log.info("Twilio is emulated", url=f"http://{host}:{listening.getsockname()[1]}", account=exchange.account)
    watched = Watched()
    try:
        while not stop.wait(_TICK_SECONDS):
            exchange.advance(max(now(), exchange.now))
            watched.look(exchange)
    finally:
        server.should_exit = True
        serving.join()
