"""The broker as it is shipped: Mosquitto with `ingest/mosquitto/`, its certificates, passwords and access list."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from ingest.mqtt import Endpoint, Subscriber
from tests.e2e.service import free_port, until

SHIPPED = Path(__file__).parents[2] / "ingest" / "mosquitto"
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
USERS = {"shouwang": "of the service", "gateway-a": "of a", "gateway-b": "of b"}

pytestmark = pytest.mark.skipif(
    (MOSQUITTO is None or shutil.which("openssl") is None) and not os.environ.get("CI"),
    reason="starts Mosquitto as docker-compose.yml does: install the packages mosquitto and openssl to run it",
)


@dataclass(frozen=True, slots=True)
class Broker:
    """A running Mosquitto: `plain` is the service's port, `tls` the gateways'."""

    plain: int
    tls: int
    secrets: Path


def certificates(secrets: Path, *hosts: str) -> None:
    subprocess.run(["sh", SHIPPED / "certificates.sh", secrets, *hosts], check=True)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    folder = tmp_path_factory.mktemp("mosquitto")
    made = Broker(free_port(), free_port(), folder / "secrets")
    certificates(made.secrets, "localhost", "127.0.0.1")
    for name, secret in USERS.items():
        subprocess.run(["sh", SHIPPED / "password.sh", made.secrets / "passwords", name, secret], check=True)
    config = (SHIPPED / "mosquitto.conf").read_text(encoding="utf-8")
    for shipped, here in {
        "/mosquitto/secrets": str(made.secrets),
        "/mosquitto/config": str(SHIPPED),
        "/mosquitto/data": str(folder),
        "listener 8883": f"listener {made.tls} 127.0.0.1",
        "listener 1883": f"listener {made.plain} 127.0.0.1",
    }.items():
        assert shipped in config
        config = config.replace(shipped, here)
    (folder / "here.conf").write_text(f"{config}\nuser {getpass.getuser()}\n", encoding="utf-8")
    assert MOSQUITTO is not None, "CI installs it"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([MOSQUITTO, "-c", folder / "here.conf"], stdout=log, stderr=log)
        try:
            until(lambda: process.poll() is not None or _open(made.plain), "Mosquitto listens", 20)
            assert process.poll() is None, (folder / "log").read_text(encoding="utf-8")
            yield made
        finally:
            process.terminate()
            process.wait(20)


def _open(port: int) -> bool:
    probe = paho.Client(CallbackAPIVersion.VERSION2)
    try:
        probe.connect("127.0.0.1", port)
    except OSError:
        return False
    probe.disconnect()
    return True


class Gateway:
    """An MQTT 5 client over TLS; `heard` are the topics that came to it."""

    def __init__(self, broker: Broker, name: str) -> None:
        self.heard: list[str] = []
        self.admitted: ReasonCode | None = None
        self._said: dict[int, ReasonCode] = {}
        self._subscribed = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv5)
        self.client.username_pw_set(name, USERS.get(name, "guessed"))
        self.client.tls_set(str(broker.secrets / "ca.crt"))
        self.client.on_connect = lambda _c, _u, _f, reason, _p: setattr(self, "admitted", reason)
        self.client.on_message = lambda _c, _u, message: self.heard.append(message.topic)
        self.client.on_publish = lambda _c, _u, mid, reason, _p: self._said.update({mid: reason})
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.connect("localhost", broker.tls)
        self.client.loop_start()
        until(lambda: self.admitted is not None, f"{name} is answered", 20)

    def publish(self, topic: str) -> str:
        """Publish and return what the broker said of it."""
        mid = self.client.publish(topic, b"[]", qos=1).mid
        until(lambda: mid in self._said, "the broker answers", 20)
        return str(self._said[mid])

    def listen(self, topic: str) -> None:
        self.client.subscribe(topic, 1)
        assert self._subscribed.wait(20)


@contextmanager
def gateway(broker: Broker, name: str) -> Iterator[Gateway]:
    made = Gateway(broker, name)
    try:
        yield made
    finally:
        made.client.disconnect()
        made.client.loop_stop()


@contextmanager
def service(broker: Broker) -> Iterator[Subscriber]:
    """Connect as ingest does where several share the work."""
    endpoint = Endpoint("127.0.0.1", broker.plain, "shouwang", USERS["shouwang"], tls=False)
    made = Subscriber(endpoint, ["$share/shouwang/telemetry/#"], client_id="ingest-of-a-test", now=lambda: 0)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def test_a_gateway_publishes_below_its_own_name_only(broker: Broker) -> None:
    with service(broker) as ingest, gateway(broker, "gateway-a") as a:
        assert a.publish("telemetry/gateway-b/senml") == "Not authorized"
        assert a.publish("telemetry/gateway-a-and-more/senml") == "Not authorized"
        assert a.publish("receipts/gateway-a") == "Not authorized"
        assert a.publish("application/1/device/2/event/up") == "Not authorized"
        assert a.publish("telemetry/gateway-a/senml") == "Success"
        heard: list[str] = []

        def taken() -> bool:
            deliveries = ingest.take(10, 0.1)
            ingest.acknowledge(deliveries)
            heard.extend(delivery.message.topic for delivery in deliveries)
            return bool(heard)

        until(taken, "the one message arrives", 20)
    assert heard == ["telemetry/gateway-a/senml"]


def test_a_gateway_hears_its_own_receipts_and_nothing_else(broker: Broker) -> None:
    with gateway(broker, "shouwang") as ingest, gateway(broker, "gateway-a") as a, gateway(broker, "gateway-b") as b:
        b.listen("#")
        assert a.publish("telemetry/gateway-a/senml") == "Success"
        assert ingest.publish("receipts/gateway-a") == "Success"
        assert ingest.publish("receipts/gateway-b") == "Success"
        until(lambda: b.heard, "the receipt arrives", 20)
    assert b.heard == ["receipts/gateway-b"]


@pytest.mark.parametrize("name", ["gateway-c", ""])
def test_who_has_no_password_is_not_let_in(broker: Broker, name: str) -> None:
    with gateway(broker, name) as stranger:
        assert str(stranger.admitted) == "Not authorized"


def test_who_does_not_know_the_authority_does_not_send_its_password(broker: Broker) -> None:
    trusting_others = ssl.create_default_context()
    with socket.create_connection(("127.0.0.1", broker.tls)) as wire, pytest.raises(ssl.SSLCertVerificationError):
        trusting_others.wrap_socket(wire, server_hostname="localhost")


def test_a_certificate_is_kept_while_it_holds_and_made_anew_by_the_same_authority_before_it_ends(
    tmp_path: Path,
) -> None:
    certificates(tmp_path, "localhost")
    first = {name: (tmp_path / name).read_bytes() for name in ("ca.crt", "server.crt", "server.key")}
    certificates(tmp_path, "localhost")
    assert {name: (tmp_path / name).read_bytes() for name in first} == first
    request = ["openssl", "req", "-x509", "-key", "server.key", "-days", "29", "-subj", "/CN=old", "-out", "server.crt"]
    subprocess.run(request, cwd=tmp_path, check=True)
    certificates(tmp_path, "localhost")
    assert (tmp_path / "ca.crt").read_bytes() == first["ca.crt"]
    # Strictly, as Python 3.13 does.
    verify = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "ca.crt", "server.crt"]
    assert "OK" in subprocess.run(verify, cwd=tmp_path, check=True, capture_output=True, text=True).stdout


def test_a_certificate_of_another_authority_is_left_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    certificates(tmp_path, "localhost")
    (tmp_path / "ca.key").unlink()
    request = [
        "openssl",
        "req",
        "-x509",
        "-key",
        "server.key",
        "-days",
        "29",
        "-subj",
        "/CN=bought",
        "-out",
        "server.crt",
    ]
    subprocess.run(request, cwd=tmp_path, check=True)
    bought = (tmp_path / "server.crt").read_bytes()
    certificates(tmp_path, "localhost")
    assert (tmp_path / "server.crt").read_bytes() == bought
    assert "ends within 30 days" in capfd.readouterr().err


def test_only_its_owner_reads_keys_and_passwords(broker: Broker) -> None:
    assert {(broker.secrets / name).stat().st_mode & 0o077 for name in ("ca.key", "server.key", "passwords")} == {0}
