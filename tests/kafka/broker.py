"""Apache Kafka itself, one node in KRaft mode: fetched from Maven Central once, started for tests, killed by them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from tests.e2e.service import free_port, until

HERE = Path(__file__).parent
POM, SUMS, PROPERTIES = HERE / "pom.xml", HERE / "jars.sha256", HERE / "server.properties"
_CLUSTER = "c2hvdXdhbmctdGVzdHMtMQ"  # 16 bytes in base64, as Kafka writes a cluster's id
_STARTED = "Kafka Server started"  # KafkaRaftServer's line when every listener answers
_JVM = (
    "-Xms96m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.server.KafkaRaftServer=info",
)  # fmt: skip


class KafkaUnavailableError(Exception):
    """Kafka could not be fetched or started; the message tells why."""


def fetched() -> Path:
    """Return the folder of Kafka's jars and of a log that was just formatted, made once for each pom.

    Raises:
        KafkaUnavailableError: a tool is missing, Maven Central cannot be reached, or it sent something else.
    """
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise KafkaUnavailableError(f"no `{tool}` here: install Java 17 and Maven (default-jre-headless, maven)")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shouwang"
    digest = hashlib.sha256(POM.read_bytes() + SUMS.read_bytes() + PROPERTIES.read_bytes())
    kafka = cache / f"kafka-{digest.hexdigest()[:12]}"
    if kafka.is_dir():
        return kafka
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        half = Path(folder, "kafka")
        _run("mvn", "-B", "-q", "-ntp", "-C", "-f", str(POM), "dependency:copy-dependencies",
             "-DincludeScope=runtime", f"-DoutputDirectory={half}/jars")  # fmt: skip
        _check_sums(half / "jars")
        properties = _properties(half / "server.properties", half / "log", 1, 2)
        _run(*_java(half), "kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(properties))
        if not kafka.is_dir():  # another process may have been quicker
            half.rename(kafka)
    return kafka


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise KafkaUnavailableError(f"`{command[0]}` failed: {done.stdout[-2000:]}")


def _check_sums(jars: Path) -> None:
    expected = {name: digest for digest, name in map(str.split, SUMS.read_text().splitlines())}
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in jars.iterdir()}
    if found != expected:
        different = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        raise KafkaUnavailableError(f"Maven fetched other jars than {SUMS.name} lists: {', '.join(different)}")


def _properties(path: Path, data: Path, port: int, controller: int) -> Path:
    path.write_text(PROPERTIES.read_text().format(port=port, controller=controller, data=data))
    return path


def _java(kafka: Path) -> tuple[str, ...]:
    return ("java", *_JVM, "-cp", f"{kafka}/jars/*")


def _with_us() -> tuple[str, ...]:
    """Return what makes the kernel end a command when its parent dies, even by kill -9, where there is such a thing."""
    return ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()


class KafkaBroker:
    """One broker in one process, everything it keeps in `folder`; the same port at each start."""

    def __init__(self, folder: Path) -> None:
        """Take a folder that does not exist yet.

        Raises:
            KafkaUnavailableError: Kafka cannot be fetched.
        """
        kafka = fetched()
        port = free_port()
        self.servers = f"127.0.0.1:{port}"
        shutil.copytree(kafka / "log", folder / "log")
        properties = _properties(folder / "server.properties", folder / "log", port, free_port())
        self._command = (*_java(kafka), "kafka.Kafka", str(properties))
        self._output = folder / "output"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when clients may connect; after a kill it recovers its log.

        Raises:
            KafkaUnavailableError: it ended instead.
        """
        with self._output.open("wb") as output:
            self._process = subprocess.Popen([*_with_us(), *self._command], stdout=output, stderr=output)
        until(self._started, "Kafka starts", 120)

    def _started(self) -> bool:
        said = self._output.read_text(errors="replace")
        if self._process is None or self._process.poll() is not None:
            raise KafkaUnavailableError(f"Kafka did not start: {said[-2000:]}")
        return _STARTED in said

    def stop(self) -> None:
        """End it as an operator would."""
        self._end(kill=False)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(kill=True)

    def _end(self, *, kill: bool) -> None:
        if self._process is not None:
            self._process.kill() if kill else self._process.terminate()
            self._process.wait(60)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
