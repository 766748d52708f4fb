"""The webhook channel against a real HTTPS server on this computer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from alerts.channels.port import ChannelError, Trouble
from alerts.channels.webhook import WebhookChannel, WebhookSecretError, signing_key
from alerts.model import Notification, NotificationStatus
from alerts.people import Medium, Role
from registry.instants import MINUTE, SECOND

LOCALHOST = Path(__file__).parents[1] / "localhost.pem"
NOW = 1_773_115_200 * SECOND
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NOTIFICATION = Notification(
    id=UUID(int=1),
    alert=UUID(int=2),
    step=3,
    person="zhao",
    role=Role.DUTY_OFFICER,
    phone="+8613800000005",
    channel="webhook",
    medium=Medium.MESSAGE,
    language="zh_CN",
    text="守望：尚无人处理。",
    status=NotificationStatus.QUEUED,
    next_attempt_at=NOW,
    created_at=NOW,
    attempts=1,
)


def _link(notification: UUID, _now: int) -> str:
    return f"https://watch.example.org/a/{notification.int}"


@dataclass
class Receiver:
    """A program that is told: what it got, and what it answers."""

    address: str
    tls: ssl.SSLContext
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    silent: threading.Event | None = None
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def channel(self, timeout: float = 10.0) -> WebhookChannel:
        return WebhookChannel(SECRET, "https://watch.example.org", _link, timeout, self.tls)

    def told(self) -> Notification:
        return replace(NOTIFICATION, address=self.address)

    def fails(self) -> ChannelError:
        with pytest.raises(ChannelError) as failed:
            self.channel().send(self.told(), NOW)
        return failed.value


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    trusts = ssl.create_default_context(cafile=str(LOCALHOST))
    serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serves.load_cert_chain(LOCALHOST)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            there.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            if there.silent is not None:
                there.silent.wait(20)
            self.send_response(there.status)
            for name, value in there.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = serves.wrap_socket(server.socket, server_side=True)
    there = Receiver(f"https://localhost:{server.server_address[1]}/hooks/7?k=v", trusts)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield there
    if there.silent is not None:
        there.silent.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_notification_arrives_as_a_cloud_event(receiver: Receiver) -> None:
    assert receiver.channel().send(receiver.told(), NOW).final
    ((path, headers, body),) = receiver.got
    assert path == "/hooks/7?k=v"
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert json.loads(body) == {
        "specversion": "1.0",
        "id": "00000000-0000-0000-0000-000000000001",
        "type": "org.shouwang.notification.v1",
        "source": "https://watch.example.org",
        "subject": "00000000-0000-0000-0000-000000000002",
        "time": "2026-03-10T04:00:00Z",
        "datacontenttype": "application/json",
        "data": {
            "alert": "00000000-0000-0000-0000-000000000002",
            "step": 3,
            "person": "zhao",
            "role": "duty_officer",
            "language": "zh_CN",
            "text": "守望：尚无人处理。",
            "answer": "https://watch.example.org/a/1",
        },
    }


def test_a_receiver_can_check_who_signed_what_and_when(receiver: Receiver) -> None:
    receiver.channel().send(receiver.told(), NOW)
    ((_, headers, body),) = receiver.got
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (str(NOTIFICATION.id), "1773115200")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(bytes(range(32)), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_what_is_sent_again_has_the_same_id_and_a_new_signature(receiver: Receiver) -> None:
    receiver.channel().send(receiver.told(), NOW)
    receiver.channel().send(replace(receiver.told(), attempts=2), NOW + MINUTE)
    (_, first, body), (_, second, again) = receiver.got
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    assert first["webhook-signature"] != second["webhook-signature"]


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (404, Trouble.BAD_ADDRESS),
        (410, Trouble.OPTED_OUT),
        (408, Trouble.LATER),
        (429, Trouble.LATER),
        (500, Trouble.LATER),
        (503, Trouble.LATER),
        (400, Trouble.REFUSED),
        (401, Trouble.REFUSED),
    ],
)
def test_what_each_answer_means(receiver: Receiver, status: int, trouble: Trouble) -> None:
    receiver.status = status
    error = receiver.fails()
    assert (error.trouble, error.retry_at) == (trouble, None)
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("90", 90), ("Tue, 10 Mar 2026 04:02:00 GMT", 120), ("864000", 3600), ("0", None), ("soon", None)],
)
def test_a_receiver_says_when_to_come_back(receiver: Receiver, said: str, seconds: int | None) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": said}
    assert receiver.fails().retry_at == (None if seconds is None else NOW + seconds * SECOND)


def test_a_redirection_is_not_followed(receiver: Receiver) -> None:
    receiver.status, receiver.headers = 302, {"Location": receiver.address}
    assert receiver.fails().trouble is Trouble.REFUSED
    assert len(receiver.got) == 1


def test_a_receiver_that_does_not_answer_may_have_heard_it(receiver: Receiver) -> None:
    receiver.silent = threading.Event()
    with pytest.raises(ChannelError) as failed:
        receiver.channel(timeout=0.2).send(receiver.told(), NOW)
    assert failed.value.trouble is Trouble.UNKNOWN
    assert len(receiver.got) == 1


def test_nobody_who_listens_is_tried_again_and_the_address_is_kept_secret() -> None:
    told = replace(NOTIFICATION, address="https://127.0.0.1:1/secret")
    with pytest.raises(ChannelError) as failed:
        WebhookChannel(SECRET, "urn:shouwang").send(told, NOW)
    assert failed.value.trouble is Trouble.LATER
    assert "secret" not in str(failed.value)


def test_a_receiver_whose_certificate_will_not_do_is_told_nothing(receiver: Receiver) -> None:
    with pytest.raises(ChannelError, match="certificate") as failed:
        WebhookChannel(SECRET, "urn:shouwang").send(receiver.told(), NOW)
    assert failed.value.trouble is Trouble.LATER
    assert receiver.got == []


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "not base64 at all, but long enough to be one"])
def test_a_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(WebhookSecretError, match="openssl rand"):
        signing_key(secret)


def test_an_address_is_not_part_of_what_is_shown_of_a_notification(receiver: Receiver) -> None:
    assert "hooks" not in repr(receiver.told())


def test_the_check_that_is_documented_is_right(receiver: Receiver) -> None:
    page = (Path(__file__).parents[2] / "docs" / "channels.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    documented: dict[str, Any] = {}
    exec(code, documented)  # noqa: S102 - our own page
    now = documented["time"].time()
    receiver.channel().send(receiver.told(), int(now) * SECOND)
    ((_, headers, body),) = receiver.got
    assert documented["genuine"](SECRET, headers, body)
    assert not documented["genuine"](SECRET, headers, body + b" ")
    assert not documented["genuine"](SECRET, headers | {"webhook-timestamp": str(int(now) - 301)}, body)
