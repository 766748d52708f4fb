"""The heart: readings in, findings out, all of it committed together. Used live, by a town's history, and in tests.

One transaction holds a batch of readings, what was refused of it, every alert it caused, and now and then the
detectors' memory. Only after it is committed may the broker hear that the messages arrived.

Of very many findings the gravest become alerts in that transaction; the others are written down in it as they are, and
become alerts a slice at a time, between the batches that come next (`Engine.go_on`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import psycopg
import structlog

from alerts.ladders.policy import Policies
from detectors.area_incidents import AreaIncidents
from detectors.budget import FALSE_VISITS
from detectors.columns.bank import StateError
from detectors.finding import Finding, Phase
from detectors.registers import Interpreted, Registers
from detectors.rules import RuleSet, load
from ingest.decoders import decode
from ingest.records import Message, Reason
from ingest.validation import Refusal, Tally
from registry.instants import to_datetime, to_micros
from registry.readings import NO_READINGS, ReadingBatch
from registry.shards import WHOLE, Shard
from shouwang.clock import Clock
from shouwang.errors import AnotherEngineError
from shouwang.raising import Raising
from shouwang.roster import Roster
from storage import engine_state, incidents, lessons, readings
from storage.database import blames_data
from storage.engine_state import Refused, Snapshot
from storage.lessons import Lesson
from storage.shards import Tenure

log = structlog.get_logger(__name__)

_REGISTERS = "registers"
_NUMBERING = "numbering"
_LESSON = "lesson"
_ONE_ENGINE = "SELECT pg_try_advisory_lock(20161102)"
_TIDY_EVERY = timedelta(hours=1)
_SAVE_EVERY = timedelta(minutes=1)
_DEAF_AFTER = timedelta(hours=1)  # the engine ticks every second; a machine that slept for less hides no silence
_BREATH = timedelta(minutes=1)
_CLOCK_TOLERANCE = timedelta(minutes=5)
REMEMBERED = timedelta(days=31)
"""How much of what is stored a rule set without a memory of its own learns from at its first start."""


@dataclass(slots=True)
class Outcome:
    """What became of a batch."""

    readings: int = 0
    stored: int = 0
    refused: int = 0
    findings: list[Finding] = field(default_factory=list)
    tallies: Sequence[Tally] = ()
    """Per message: readings accepted, records refused."""


class Engine:
    """One rule set over one database, on a connection of its own. Not for several threads.

    After an exception it is of no use: throw it away and load another, which finds everything in the database.
    """

    def __init__(
        self,
        conn: psycopg.Connection,
        rules: str,
        policies: Policies,
        clock: Clock,
        *,
        snapshot_after: int = 100_000,
        quarantine: timedelta = timedelta(days=30),
        false_visits: float = FALSE_VISITS,
        shard: Shard = WHOLE,
        tenure: Tenure | None = None,
        present: Clock | None = None,
    ) -> None:
        """Take a connection of the engine's own, and how many readings and how long a quarantine it may hold.

        `false_visits` for each household-day is the budget of the detectors. `shard` are the households it watches;
        where several engines share them, `tenure` is the right to commit for this one. `present` is the time at which
        alerts open, where that may be later than the clock of the stream that the engine follows.
        """
        self._conn = conn
        self._rules_name = rules
        self._clock = clock
        self._snapshot_after = snapshot_after
        self._quarantine = quarantine
        self._tidied: datetime | None = None
        self._saved: datetime | None = None
        self._heard: datetime | None = None
        self._unsaved = 0
        self._last_batch = 0
        self._shard = shard
        self._present = present or clock
        self._tenure = tenure
        self._lesson = 0  # the number of the last verdict that was learned from
        self._roster = Roster(conn, shard)
        self._raising = Raising(conn, policies, shard)
        self._registers = Registers()
        self._rules: RuleSet = load(rules, self._roster.sensors)
        self._rules.allow(false_visits)

    def load(self) -> int:
        """Read registry and memory, replay what was stored since, and return how many readings that were.

        Raises:
            AnotherEngineError: an engine is at work on this database.
        """
        if self._tenure is None:
            row = self._conn.execute(_ONE_ENGINE).fetchone()
            if row is None or not row[0]:
                raise AnotherEngineError
        self._raising.load()
        self._last_batch = readings.last_batch(self._conn, self._shard)
        now = self._clock.now()
        snapshot = engine_state.load_snapshot(self._conn, self._rules_name, self._shard)
        if snapshot is not None and _NUMBERING in snapshot.states:
            self._roster.numbering.restore(snapshot.states[_NUMBERING])
        self._roster.read()
        if snapshot is not None:
            try:
                self._registers.restore(snapshot.states[_REGISTERS])
            except StateError as wrong:  # written by another version: the detectors' memory follows from the registers'
                log.warning("a memory of another version is left aside; learning from what is stored", why=str(wrong))
                snapshot = None
        if snapshot is None:
            start = readings.batch_before(self._conn, now - REMEMBERED)
        else:
            states = {name: state for name, state in snapshot.states.items() if name not in (_REGISTERS, _NUMBERING)}
            self._lesson = int(states.pop(_LESSON, b"0"))
            empty = self._rules.restore(states)
            if empty:
                log.warning("these rules begin without a memory: they are new, or were changed", rules=empty)
            start = snapshot.batch
        replayed = self._replay(start, now)
        self._excuse_own_silence(now)
        return replayed

    @property
    def waiting(self) -> bool:
        """Whether findings wait to become alerts: `go_on` with them as soon as nothing else is to be done."""
        return self._raising.first is not None

    def read_registry(self) -> None:
        """Take over what is registered now; what changes while the engine runs it notices by itself."""
        self._roster.read()

    def process(self, messages: Sequence[Message]) -> Outcome:
        """Decode, check, interpret, judge and store messages in the order they came; commit."""
        now = self._clock.now()
        validated = self._roster.check(messages, now)
        # One moment for the whole batch, as it is stored, so that a restart replays what was lived through.
        received = np.full(len(validated.batch), to_micros(now))
        outcome = self._commit(replace(validated.batch, received=received), validated.refusals, now)
        outcome.tallies = validated.tallies
        return outcome

    def hear(self, batch: ReadingBatch) -> Outcome:
        """Judge and store readings that another process has checked; commit.

        They count as heard when the newest of them was, if that is in the past.
        """
        now = self._clock.now()
        heard = min(now, to_datetime(int(batch.received.max()))) if len(batch) else now
        return self._commit(batch, (), now, heard)

    def take_readings(self, batch: ReadingBatch) -> Outcome:
        """Do the same with a town's history, whose clock stands still: nothing is left to wait."""
        outcome = self.hear(batch)
        while self.waiting:
            self.go_on()
        return outcome

    def rehearse(self, batches: Iterable[ReadingBatch]) -> list[Finding]:
        """Return what the rules would say of single households if these readings came next; nothing is remembered."""
        registers, rules, sensors = deepcopy((self._registers, self._rules, self._roster.sensors))
        # Many people who fall on trial at once would pass for a failure of their area's supply.
        alone = RuleSet([one for one in rules.detectors if not isinstance(one, AreaIncidents)])
        return [
            found
            for batch in batches
            for found in alone.observe(registers.interpret(self._roster.numbered(batch), sensors).observations())
        ]

    def refuse(self, message: Message, why: str) -> Outcome:
        """Put a message that cannot be processed into quarantine; commit."""
        gateway = decode(message).gateway
        detail = f"this message could not be processed ({why}): please report it to whoever runs this service"
        refusal = Refusal(gateway, message.topic, message.payload, Reason.MALFORMED, "$", detail)
        return self._commit(NO_READINGS, (refusal,), self._clock.now())

    def tick(self, *, hearing: bool = True) -> Outcome:
        """Look at the clock: what only time can show, a changed registry; commit.

        `hearing` says whether messages can reach us; a time in which they could not is nobody's silence.
        """
        now = self._clock.now()
        if self._roster.stale:
            self._roster.read()
        findings = self._silence(now) if hearing else []
        with self._conn.transaction():
            left = self._raising.take(findings, self._opening(now))
            incidents.save(self._conn, self._rules.incidents())
            if (lesson := lessons.take(self._conn, self._last_batch, now, self._shard)) is not None:
                self._learn(lesson)
            if self._saved is None or (findings and now - self._saved > _SAVE_EVERY):
                self._save_snapshot(now)
            engine_state.set_clock(self._conn, self._clock.kind, now, self._shard)
            self._hold()
            if self._tidied is None or now - self._tidied > _TIDY_EVERY:
                engine_state.forget_quarantine(self._conn, now - self._quarantine)
                engine_state.forget_batches(self._conn, now - 2 * REMEMBERED)
                self._tidied = now
        self._raising.settle(left)
        return Outcome(findings=findings)

    def go_on(self) -> None:
        """Make alerts of the findings that have waited longest; commit.

        One that nothing can be made of is put aside with the reason, and keeps no other waiting.
        """
        first = self._raising.first
        if first is None:
            return
        try:
            with self._conn.transaction():
                self._raising.make_alerts(first)
                self._hold()
        except Exception as error:
            if isinstance(error, psycopg.Error) and not blames_data(error):
                raise
            log.exception(
                "findings could not be taken together; they are tried one by one", findings=len(first.findings)
            )
            with self._conn.transaction():
                self._raising.make_alerts_one_by_one(first)
                self._hold()
        self._raising.done()

    def save(self) -> None:
        """Write the detectors' memory down; commit. The next start has that much less to replay."""
        with self._conn.transaction():
            self._save_snapshot(self._clock.now())
            self._hold()

    def close(self) -> None:
        """Leave the database to another engine."""
        self._conn.close()

    def _replay(self, start: int, now: datetime) -> int:
        """Live again through what was stored after a batch; return how many readings that were."""
        replayed = 0
        holding: dict[tuple[str, str, str], Finding] = {}
        for upto, lesson in self._learned(start):
            for stored in readings.since(self._conn, start, upto, shard=self._shard):
                batch = self._roster.ours(stored)
                for finding in self._rules.observe(self._interpret(batch).observations()):
                    about = finding.household, finding.rule, finding.source
                    if finding.phase is Phase.RAISED:
                        holding[about] = finding
                    else:
                        holding.pop(about, None)
                replayed += len(batch)
            if lesson is not None:
                self._learn(lesson)
            start = max(start, upto or 0)
        with self._conn.transaction():
            # What a rule that is new here already holds against somebody; what was known before changes nothing.
            left = self._raising.take(list(holding.values()), self._opening(now))
            incidents.save(self._conn, self._rules.incidents())
        self._raising.settle(left)
        return replayed

    def _learned(self, start: int) -> Iterator[tuple[int | None, Lesson | None]]:
        """Yield up to which batch to replay from `start` on, and what was learned there; at last all that is left."""
        for lesson in lessons.since(self._conn, self._lesson, self._shard):
            yield max(start, lesson.batch), lesson
        yield None, None

    def _learn(self, lesson: Lesson) -> None:
        self._rules.learn(lesson.verdicts, lesson.learned_at)
        self._lesson = lesson.no

    def _excuse_own_silence(self, now: datetime) -> None:
        """Take out of every device's silence the time in which this service was not running."""
        last = engine_state.get_clock(self._conn, self._shard)
        if last is None:
            return
        self._heard = last[1]
        if last[1] > now + _CLOCK_TOLERANCE:
            log.critical("the clock has gone back since the last run", then=str(last[1]), now=str(now))
        elif last[1] < now:
            self._rules.deaf(to_micros(last[1]), to_micros(now))
            self._heard = now
            # Written down with the clock that it reaches to, or the next restart would excuse its own silence only.
            with self._conn.transaction():
                self._save_snapshot(now)
                engine_state.set_clock(self._conn, self._clock.kind, now, self._shard)
                self._hold()

    def _silence(self, now: datetime) -> list[Finding]:
        """Return what the time since the last look shows, after taking out a time in which we heard nothing."""
        if self._heard is not None and now - self._heard > max(_DEAF_AFTER, _BREATH * self._clock.speed):
            self._rules.deaf(to_micros(self._heard), to_micros(now))
            self._saved = None  # and write that down at once, for the same reason as at the start
        self._heard = now
        return self._rules.tick(to_micros(now))

    def _commit(
        self, batch: ReadingBatch, refusals: Sequence[Refusal], now: datetime, heard: datetime | None = None
    ) -> Outcome:
        batch = self._roster.ours(batch)
        interpreted = self._interpret(batch)
        findings = self._rules.observe(interpreted.observations())
        outcome = Outcome(readings=len(batch), refused=len(refusals), findings=findings)
        with self._conn.transaction():
            if len(batch):
                self._last_batch = readings.next_batch(self._conn)
                outcome.stored = readings.write(
                    self._conn, self._last_batch, heard or now, batch, interpreted.use, interpreted.flags, self._shard
                )
            engine_state.quarantine(self._conn, [Refused(*refusal) for refusal in refusals], now)
            left = self._raising.take(findings, self._opening(now))
            incidents.save(self._conn, self._rules.incidents())
            engine_state.set_clock(self._conn, self._clock.kind, now, self._shard)
            self._hold()
            self._unsaved += len(batch)
            if self._unsaved >= self._snapshot_after:
                self._save_snapshot(now)
        self._raising.settle(left)
        return outcome

    def _interpret(self, batch: ReadingBatch) -> Interpreted:
        return self._registers.interpret(self._roster.numbered(batch), self._roster.sensors)

    def _hold(self) -> None:
        """Make sure within the transaction that no other engine has taken these households over."""
        if self._tenure is not None:
            self._tenure.hold(self._conn)

    def _opening(self, now: datetime) -> int:
        """Return when an alert of this moment of the stream opens, microseconds: what waited on its way is late."""
        return to_micros(max(now, self._present.now()))

    def _save_snapshot(self, now: datetime) -> None:
        states = {
            _REGISTERS: self._registers.snapshot(),
            _NUMBERING: self._roster.numbering.save(),
            _LESSON: str(self._lesson).encode(),
            **self._rules.snapshot(),
        }
        engine_state.save_snapshot(self._conn, self._rules_name, Snapshot(self._last_batch, now, states), self._shard)
        self._unsaved = 0
        self._saved = now
