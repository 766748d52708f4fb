"""Real servers for the tests that need them: a PostgreSQL and a Kafka for the session, a database, a topic per test."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from confluent_kafka.admin import AdminClient
from hypothesis import settings
from psycopg.conninfo import make_conninfo

from ingest.topic import ensure_topic
from storage import sealing
from storage.embedded import temporary_postgres
from storage.migrate import migrate
from tests.kafka.broker import KafkaBroker, KafkaUnavailableError, fetched
from tests.kafka.shared import shared_kafka
from tests.mosquitto import PROGRAM, Mosquitto

_numbers = count(1)
# `--hypothesis-profile=thorough`: as many runs as the state machines of alerts are judged by.
settings.register_profile("thorough", max_examples=10_000)


# What is sealed in a test's database is opened there, and by the processes that a test starts.
_SEALS = sealing.Seals([os.environ.setdefault("SHOUWANG_SEAL_KEYS", sealing.new_key())])
sealing.hold(_SEALS)


@pytest.fixture(autouse=True)
def _same_seals() -> Iterator[None]:
    """Take the seals back from a test that changed them."""
    yield
    sealing.hold(_SEALS)


# The process that divides the tests reads this first, and those that run them inherit what it has set.
if brokers := os.environ.setdefault("SHOUWANG_TEST_BROKERS", os.environ.get("SHOUWANG_TEST_MQTT_URL", "")).split():
    # Each of the processes that share the tests has a broker of its own: on one, each would hear the others' gateways.
    if len(brokers) < int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")):
        pytest.exit("SHOUWANG_TEST_MQTT_URL: name a broker for each process of the tests, or run them with -n 0", 2)
    os.environ["SHOUWANG_TEST_MQTT_URL"] = brokers[int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Conninfo of a server where tests may create databases: SHOUWANG_TEST_DATABASE_URL, or an embedded one."""
    given = os.environ.get("SHOUWANG_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with temporary_postgres() as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as admin:
            # Nothing here outlives the machine; what must survive a crash of the server starts one of its own.
            for waits_for_the_disk in ("fsync", "full_page_writes"):
                admin.execute(f"ALTER SYSTEM SET {waits_for_the_disk} = off")
            admin.execute("SELECT pg_reload_conf()")
        yield conninfo


@pytest.fixture(scope="session")
def _template(postgres: str) -> Iterator[str]:
    name = f"shouwang_template_{os.getpid()}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}"')
        admin.execute(f'CREATE DATABASE "{name}"')
        with psycopg.connect(make_conninfo(postgres, dbname=name), autocommit=True) as conn:
            migrate(conn)
            if conn.execute("SELECT timescaledb_keeps()").fetchone() == (True,):
                # A database that its scheduler is connected to cannot be copied.
                conn.execute("SELECT _timescaledb_functions.stop_background_workers()")
        yield name
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def database(postgres: str, _template: str) -> Iterator[str]:
    """Conninfo of a freshly migrated, empty database of the test's own."""
    name = f"shouwang_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_template}"')
        yield make_conninfo(postgres, dbname=name)
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def own_kafka() -> None:
    """Say that tests may start a Kafka here: they may where Java and Maven are; with CI=true nothing is skipped.

    Whoever has both tools has Maven fetch things all the time, and a test that runs says more than one that does not.
    """
    try:
        fetched()
    except KafkaUnavailableError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"needs Apache Kafka: {error}; or set KAFKA_BOOTSTRAP_SERVERS to a cluster that tests may use")


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Servers of a cluster where tests may create topics: SHOUWANG_TEST_KAFKA, KAFKA_BOOTSTRAP_SERVERS, or our own.

    Our own is shared by the processes of pytest-xdist, whose folders lie beside each other.
    """
    given = os.environ.get("SHOUWANG_TEST_KAFKA") or os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield given
        return
    request.getfixturevalue("own_kafka")
    folder = tmp_path_factory.getbasetemp()
    beside = "PYTEST_XDIST_WORKER" in os.environ
    with shared_kafka((folder.parent if beside else folder) / "kafka") as servers:
        yield servers


@pytest.fixture
def topic(kafka: str) -> Iterator[str]:
    """Name of a topic of the test's own, with three partitions."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    ensure_topic(kafka, name, 3)
    yield name
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.delete_topics([name])[name].result(30)


@pytest.fixture
def mortal_kafka(own_kafka: None, tmp_path: Path) -> Iterator[KafkaBroker]:  # noqa: ARG001 - it says whether we may
    """Start a Kafka that the test may kill and start again."""
    with KafkaBroker(tmp_path / "kafka") as broker:
        yield broker


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """Start a Mosquitto; where it is not installed the test is skipped, with CI=true it fails."""
    if PROGRAM is None and os.environ.get("CI") != "true":
        pytest.skip("needs Mosquitto: install the package mosquitto")
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker
