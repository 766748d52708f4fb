"""The heart: readings in, findings out, all of it committed together. Used live, by a town's history, and in tests.

One transaction holds a batch of readings, what was refused of it, every alert it caused, and now and then the
detectors' memory. Only after it is committed may the broker hear that the messages arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import psycopg
import structlog

from alerts.escalation import take
from alerts.policy import Policies
from detectors.finding import Finding
from detectors.registers import Registers
from detectors.rules import RuleSet, load
from ingest.decoders import decode
from ingest.records import Message
from ingest.validation import Directory, Refusal, Validated, validate
from registry.instants import to_datetime, to_micros
from registry.readings import ReadingBatch, SensorTable
from shouwang.clock import Clock
from shouwang.errors import AnotherEngineError
from storage import engine_state, readings, registry
from storage.alerts import PostgresAlertBook

log = structlog.get_logger(__name__)

_REGISTERS = "registers"
_ONE_ENGINE = "SELECT pg_try_advisory_lock(20161102)"
REMEMBERED = timedelta(days=31)
"""How much of what is stored a rule set without a memory of its own learns from at its first start."""


@dataclass(slots=True)
class Outcome:
    """What became of a batch."""

    readings: int = 0
    stored: int = 0
    refused: int = 0
    findings: list[Finding] = field(default_factory=list)
    by_message: list[tuple[int, int]] = field(default_factory=list)
    """Per message: readings accepted, records refused."""


class Engine:
    """One rule set over one database. Not for several threads; a second engine on the same database is refused."""

    def __init__(
        self,
        conn: psycopg.Connection,
        rules: str,
        policies: Policies,
        clock: Clock,
        *,
        snapshot_after: int = 100_000,
    ) -> None:
        self._conn = conn
        self._rules_name = rules
        self._policies = policies
        self._clock = clock
        self._snapshot_after = snapshot_after
        self._unsaved = 0
        self._last_batch = 0
        self._sensors = SensorTable()
        self._registers = Registers()
        self._rules: RuleSet
        self._directory: Directory

    def load(self) -> int:
        """Read registry and memory, replay what was stored since, and return how many readings that were.

        Raises:
            AnotherEngineError: an engine is at work on this database.
        """
        row = self._conn.execute(_ONE_ENGINE).fetchone()
        if row is None or not row[0]:
            raise AnotherEngineError
        self._sensors = SensorTable()
        self._registers = Registers()
        self._rules = load(self._rules_name, self._sensors)
        self._read_registry()
        self._last_batch = readings.last_batch(self._conn)
        self._unsaved = 0
        snapshot = engine_state.load_snapshot(self._conn, self._rules_name)
        now = self._clock.now()
        start = 0
        if snapshot is not None:
            states = dict(snapshot.states)
            self._registers.restore(states.pop(_REGISTERS))
            self._rules.restore(states)
            start = snapshot.batch
        else:
            start = readings.batch_before(self._conn, now - REMEMBERED)
        replayed = 0
        for batch in readings.since(self._conn, start):
            self._rules.observe(self._registers.interpret(batch, self._sensors).observations)
            replayed += len(batch)
        heard_until = engine_state.get_clock(self._conn)
        if heard_until is not None and heard_until[1] < now:
            self._rules.deaf(to_micros(heard_until[1]), to_micros(now))
        return replayed

    def process(self, messages: Sequence[Message]) -> Outcome:
        """Decode, check, interpret, judge and store messages in the order they came."""
        now = self._clock.now()
        decoded = [(message, decode(message)) for message in messages]
        validated = self._validate(decoded, now)
        return self._commit(validated.batch, validated.refusals, now)

    def take_readings(self, batch: ReadingBatch) -> Outcome:
        """Judge and store readings that need no decoding, such as a town's history."""
        return self._commit(batch, (), self._clock.now())
