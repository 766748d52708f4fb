"""The Apprise channel against a real HTTP server on this computer (Apprise's own `json://`)."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import pytest

from alerts.channels.apprise import AppriseChannel, scheme
from alerts.channels.port import ChannelError, Trouble
from alerts.model import Notification, NotificationStatus
from alerts.people import Medium, Role

KEY = "a-key-nobody-may-see"
NOTIFICATION = Notification(
    id=UUID(int=1),
    alert=UUID(int=2),
    step=3,
    person="zhao",
    role=Role.DUTY_OFFICER,
    phone="",
    channel="apprise",
    medium=Medium.MESSAGE,
    language="zh_CN",
    text="守望：尚无人处理 <1>。",
    status=NotificationStatus.QUEUED,
    next_attempt_at=0,
    created_at=0,
    attempts=1,
)


@dataclass
class Service:
    """A messenger: what it was told, and what it answers."""

    port: int
    status: int = 200
    silent: threading.Event | None = None
    got: list[dict[str, object]] = field(default_factory=list)

    def told(self, language: str = "zh_CN") -> Notification:
        # Two timeouts of Apprise's: to connect, and to read.
        address = f"json://user:{KEY}@localhost:{self.port}/hook?cto=2&rto=0.3"
        return replace(NOTIFICATION, address=address, language=language)

    def fails(self) -> ChannelError:
        with pytest.raises(ChannelError) as failed:
            AppriseChannel().send(self.told(), 0)
        return failed.value


@pytest.fixture
def service() -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            there.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if there.silent is not None:
                there.silent.wait(20)
            self.send_response(there.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there = Service(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield there
    if there.silent is not None:
        there.silent.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("language", "title"), [("zh_CN", "守望"), ("yue", "守望"), ("en", "Shouwang")])
def test_title_and_text_arrive_as_they_are(service: Service, language: str, title: str) -> None:
    assert AppriseChannel().send(service.told(language), 0).final
    (told,) = service.got
    assert (told["title"], told["message"]) == (title, NOTIFICATION.text)


def test_a_message_ends_with_the_link_by_which_it_is_answered(service: Service) -> None:
    AppriseChannel(lambda one, now: f"https://watch.example.org/a/{one.int}-{now}").send(service.told(), 5)
    assert service.got[0]["message"] == f"{NOTIFICATION.text}\nhttps://watch.example.org/a/1-5"


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (401, Trouble.BAD_ADDRESS),
        (403, Trouble.BAD_ADDRESS),
        (404, Trouble.BAD_ADDRESS),
        (429, Trouble.LATER),
        (500, Trouble.LATER),
        (503, Trouble.LATER),
        (418, Trouble.REFUSED),
    ],
)
def test_what_each_answer_means(service: Service, status: int, trouble: Trouble) -> None:
    service.status = status
    error = service.fails()
    assert error.trouble is trouble
    assert str(error) == f"json:// answered {status}"
    assert len(service.got) == 1, "whether to try again is the ladder's to say"


def test_a_service_that_does_not_answer_may_have_heard_it(service: Service) -> None:
    service.silent = threading.Event()
    assert service.fails().trouble is Trouble.UNKNOWN


def test_a_service_that_is_away_is_tried_again() -> None:
    error = Service(1).fails()
    assert error.trouble is Trouble.UNKNOWN
    assert error.retry_at is None


@pytest.mark.parametrize("address", ["", "nonsense://x", "wecombot://", "mailto://"])
def test_an_address_that_is_none_is_a_wrong_one(address: str) -> None:
    with pytest.raises(ChannelError) as failed:
        AppriseChannel().send(replace(NOTIFICATION, address=address), 0)
    assert failed.value.trouble is Trouble.BAD_ADDRESS


@pytest.mark.parametrize("status", [200, 404, 500])
def test_nothing_that_is_logged_or_raised_holds_the_key(
    service: Service, status: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    service.status = status
    caplog.set_level(logging.INFO)
    said = ""
    try:
        AppriseChannel().send(service.told(), 0)
    except ChannelError as error:
        said = f"{error!r} {error} {error.__context__!r}"
    assert service.got, "it was sent"
    assert KEY not in said + caplog.text + "".join(capfd.readouterr()) + repr(service.told())


def test_of_an_address_only_the_beginning_is_shown() -> None:
    assert scheme(f"wecombot://{KEY}") == "wecombot://"
    assert scheme(KEY) == scheme(f"{KEY}://x") == "an address"
