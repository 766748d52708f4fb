"""The heart: readings in, findings out, all of it committed together. Used live, by a town's history, and in tests.

One transaction holds a batch of readings, what was refused of it, every alert it caused, and now and then the
detectors' memory. Only after it is committed may the broker hear that the messages arrived.

Of very many findings the gravest become alerts in that transaction; the others are written down in it as they are, and
become alerts a slice at a time, between the batches that come next (`Engine.go_on`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from heapq import merge

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
from ingest.validation import Refusal
from registry.instants import to_datetime, to_micros
from registry.readings import NO_READINGS, ReadingBatch
from registry.shards import WHOLE, Shard
from shouwang.clock import Clock
from shouwang.errors import AnotherEngineError
from shouwang.housekeeping import Housekeeping
from shouwang.memory import Memory
from shouwang.outcome import Judged, Outcome
from shouwang.raising import Raising
from shouwang.roster import Roster
from storage import deaf_times, engine_state, incidents, lessons, readings
from storage.database import blames_data
from storage.deaf_times import DeafTime
from storage.engine_state import Refused
from storage.lessons import Lesson
from storage.retention import NEEDED_DAYS, READINGS_DAYS
from storage.shards import Tenure

log = structlog.get_logger(__name__)

_REGISTERS, _NUMBERING, _LIVED = "registers", "numbering", "lesson"
_DEAF_AFTER = timedelta(hours=1)  # the engine ticks every second; a machine that slept for less hides no silence
_BREATH = timedelta(minutes=1)
_CLOCK_TOLERANCE = timedelta(minutes=5)
REMEMBERED = timedelta(days=NEEDED_DAYS)
"""How much of what is stored a rule set without a memory of its own learns from at its first start."""


class Engine:
    """One rule set over one database, on a connection of its own; for one thread, but that another may `commit`.

    After an exception it is of no use: throw it away and load another, which finds everything in the database.
    """

    def __init__(
        self,
        conn: psycopg.Connection,
        rules: str,
        policies: Policies,
        clock: Clock,
        *,
        snapshot_after: int | None = None,
        quarantine: timedelta = timedelta(days=30),
        kept: timedelta = timedelta(days=READINGS_DAYS),
        false_visits: float = FALSE_VISITS,
        shard: Shard = WHOLE,
        tenure: Tenure | None = None,
        present: Clock | None = None,
    ) -> None:
        """Take a connection of the engine's own, and how long a quarantine it may hold.

        Readings are `kept` for so long, where the service has to forget them itself.

        The detectors' memory is written down after `snapshot_after` readings; the larger it is the later, if that is
        left out. `false_visits` for each household-day is the budget of the detectors. `shard` are the households it
        watches; where several engines share them, `tenure` is the right to commit for this one. `present` is the time
        at which alerts open, where that may be later than the clock of the stream that the engine follows.
        """
        self._conn = conn
        self._clock = clock
        self.memory = Memory(conn, rules, shard, snapshot_after)
        self._housekeeping = Housekeeping(quarantine, kept, shard)
        self._heard: datetime | None = None
        self._last_batch = 0
        self._shard = shard
        self._present = present or clock
        self._tenure = tenure
        self._lived = 0  # the number of the last verdict that was learned from, or time in which we were deaf
        self._turn = threading.RLock()
        """Of the connection: one thread's at a time, from the beginning of a transaction to its end."""
        self._roster = Roster(conn, shard, self._turn)
        self._raising = Raising(conn, policies, shard)
        self._registers = Registers()
        self._rules: RuleSet = load(rules, self._roster.sensors)
        self._rules.allow(false_visits)

    def load(self) -> int:
        """Read registry and memory, replay what was stored since, and return how many readings that were.

        Raises:
            AnotherEngineError: an engine is at work on this database.
        """
        if self._tenure is None and not engine_state.take_over(self._conn):
            raise AnotherEngineError
        self._raising.load()
        self._last_batch = readings.last_batch(self._conn, self._shard)
        now = self._clock.now()
        snapshot = self.memory.load()
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
            self.memory.saved = None
            start = readings.batch_before(self._conn, now - REMEMBERED)
        else:
            self._lived = int(snapshot.states.get(_LIVED, b"0"))
            empty = self._rules.restore(snapshot.states)
            if empty:
                self.memory.saved = None
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
        """Judge and store messages in the order they came; commit."""
        return self._stored(self.judge(messages))

    def judge(self, messages: Sequence[Message]) -> Judged:
        """Decode, check, interpret and judge messages in the order they came; what comes of it is to be committed.

        The detectors have seen them then: if they are not committed, the engine is of no use.
        """
        now = self._clock.now()
        validated = self._roster.check(messages, now)
        # One moment for the whole batch, as it is stored, so that a restart replays what was lived through.
        received = np.full(len(validated.batch), to_micros(now))
        judged = self._judge(replace(validated.batch, received=received), now, now)
        return replace(judged, refusals=validated.refusals, tallies=validated.tallies)

    def commit(self, judged: Judged) -> Outcome:
        """Store what was judged, with the alerts that come of it; commit.

        Meanwhile another thread may `judge` what comes next: it waits where it needs the database.
        """
        batch, now = judged.batch, judged.now
        outcome = Outcome(len(batch), 0, len(judged.refusals), judged.findings, judged.tallies)
        with self._turn:
            with self._conn.transaction():
                if len(batch):
                    self._last_batch = readings.next_batch(self._conn)
                    use, flags = judged.interpreted.use, judged.interpreted.flags
                    outcome.stored = readings.write(
                        self._conn, self._last_batch, judged.heard, batch, use, flags, self._shard
                    )
                engine_state.quarantine(self._conn, [Refused(*refusal) for refusal in judged.refusals], now)
                left = self._raising.take(judged.findings, self._opening(now))
                incidents.save(self._conn, judged.incidents, self._shard)
                engine_state.set_clock(self._conn, self._clock.kind, now, self._shard)
                self._hold()
                if judged.look:
                    self._housekeeping.tidy(self._conn, now)
                    outcome.due = self._roster.stale or lessons.waiting(self._conn, self._shard)
            self.memory.stored(len(batch))
            if judged.look and judged.findings:
                self.memory.looked(now)
            self._raising.settle(left)
        return outcome

    def hear(self, batch: ReadingBatch) -> Outcome:
        """Judge and store readings that another process has checked; commit.

        They count as heard when the newest of them was, if that is in the past.
        """
        now = self._clock.now()
        heard = min(now, to_datetime(int(batch.received.max()))) if len(batch) else now
        return self._stored(self._judge(batch, now, heard))

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
        now = self._clock.now()
        return self._stored(replace(self._judge(NO_READINGS, now, now), refusals=(refusal,)))

    def tick(self, *, hearing: bool = True) -> Outcome:
        """Look at the clock: what only time can show, a changed registry; commit.

        `hearing` says whether messages can reach us; a time in which they could not is nobody's silence.
        """
        if self._roster.stale:
            self._roster.read()
        now = self._clock.now()
        if hearing and self._slept(now):
            with self.together():
                self._live_through(deaf_times.save(self._conn, self._last_batch, self._heard or now, now, self._shard))
        judged = self.look(hearing=hearing)
        with self.together():
            outcome = self.commit(judged)
            if (lesson := lessons.take(self._conn, self._last_batch, judged.now, self._shard)) is not None:
                self._live_through(lesson)
            if self.memory.saved is None:
                self.memory.save(self._last_batch, judged.now, self._states())
        return outcome

    @property
    def looks_ahead(self) -> bool:
        """Whether `look` may be used instead of `tick`: nothing waits for which nothing else may be under way."""
        return self.memory.saved is not None and not self._slept(self._clock.now())

    def look(self, *, hearing: bool = True) -> Judged:
        """Look at the clock as `tick` does, while another thread commits; what it shows is to be committed next."""
        now = self._clock.now()
        findings = []
        if hearing:
            self._heard = now
            findings = self._rules.tick(to_micros(now))
        nothing = self._interpret(NO_READINGS)
        return Judged(now, now, NO_READINGS, nothing, findings, self._rules.incidents(), look=True)

    def go_on(self) -> None:
        """Make alerts of the findings that have waited longest; commit.

        One that nothing can be made of is put aside with the reason, and keeps no other waiting.
        """
        first = self._raising.first
        if first is None:
            return
        try:
            with self.together():
                self._raising.make_alerts(first)
                self._hold()
        except Exception as error:
            if isinstance(error, psycopg.Error) and not blames_data(error):
                raise
            log.exception(
                "findings could not be taken together; they are tried one by one", findings=len(first.findings)
            )
            with self.together():
                self._raising.make_alerts_one_by_one(first)
                self._hold()
        self._raising.done()

    def save(self) -> None:
        """Write the detectors' memory down; commit. The next start has that much less to replay.

        Nothing may be judged then that is not committed: the memory would know of it twice.
        """
        with self.together():
            self.memory.save(self._last_batch, self._clock.now(), self._states())
            self._hold()

    def begin_saving(self) -> None:
        """Copy the detectors' memory, to be written down piece by piece while the engine goes on; commit.

        As with `save`, nothing may be judged then that is not committed.
        """
        with self.together():
            self.memory.copy(self._last_batch, self._clock.now(), self._states())

    def go_on_saving(self) -> None:
        """Write the next piece of the copy down; commit. Another thread may judge meanwhile."""
        with self.together():
            done = self.memory.write_next()
            self._hold()
        if done:
            self.memory.written()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Commit what is done within all at once, or nothing of it; no other thread commits meanwhile."""
        with self._turn, self._conn.transaction():
            yield

    def in_office(self) -> bool:
        """Whether nobody else has taken these households over since."""
        return self._tenure is None or self._tenure.lasts(self._conn)

    def close(self) -> None:
        """Leave the database to another."""
        self._conn.close()

    def _replay(self, start: int, now: datetime) -> int:
        """Live again through what was stored after a batch; return how many readings that were."""
        replayed = 0
        holding: dict[tuple[str, str, str], Finding] = {}
        for upto, event in self._events(start):
            for stored in readings.since(self._conn, start, upto, shard=self._shard):
                batch = self._roster.ours(stored)
                for finding in self._rules.observe(self._interpret(batch).observations()):
                    about = finding.household, finding.rule, finding.source
                    if finding.phase is Phase.RAISED:
                        holding[about] = finding
                    else:
                        holding.pop(about, None)
                replayed += len(batch)
            if event is not None:
                self._live_through(event)
            start = max(start, upto or 0)
        with self.together():
            # What a rule that is new here already holds against somebody; what was known before changes nothing.
            left = self._raising.take(list(holding.values()), self._opening(now))
            incidents.save(self._conn, self._rules.incidents(), self._shard)
        self._raising.settle(left)
        return replayed

    def _events(self, start: int) -> Iterator[tuple[int | None, Lesson | DeafTime | None]]:
        """Yield up to which batch to replay from `start` on, and what happened there; at last all that is left."""
        happened: tuple[Iterator[Lesson | DeafTime], ...] = (
            lessons.since(self._conn, self._lived, self._shard),
            deaf_times.since(self._conn, self._lived, self._shard),
        )
        for event in merge(*happened, key=lambda one: one.no):
            yield max(start, event.batch), event
        yield None, None

    def _live_through(self, event: Lesson | DeafTime) -> None:
        """Learn from how alerts ended, or excuse everybody for a time in which we could not hear them."""
        if isinstance(event, Lesson):
            self._rules.learn(event.verdicts, event.learned_at)
        else:
            self._rules.deaf(event.since, event.until)
        self._lived = event.no

    def _excuse_own_silence(self, now: datetime) -> None:
        """Take out of every device's silence the time in which this service was not running."""
        last = engine_state.get_clock(self._conn, self._shard)
        if last is None:
            return
        self._heard = last[1]
        if last[1] > now + _CLOCK_TOLERANCE:
            log.critical("the clock has gone back since the last run", then=str(last[1]), now=str(now))
        elif last[1] < now:
            self._heard = now
            # Written down with the clock that it reaches to, or the next restart would excuse its own silence only.
            with self.together():
                self._live_through(deaf_times.save(self._conn, self._last_batch, last[1], now, self._shard))
                engine_state.set_clock(self._conn, self._clock.kind, now, self._shard)
                self._hold()

    def _slept(self, now: datetime) -> bool:
        """Whether so long has passed since the last look that nobody could have been heard."""
        return self._heard is not None and now - self._heard > max(_DEAF_AFTER, _BREATH * self._clock.speed)

    def _judge(self, batch: ReadingBatch, now: datetime, heard: datetime) -> Judged:
        batch = self._roster.ours(batch)
        interpreted = self._interpret(batch)
        findings = self._rules.observe(interpreted.observations())
        return Judged(now, heard, batch, interpreted, findings, self._rules.incidents())

    def _stored(self, judged: Judged) -> Outcome:
        with self.together():
            outcome = self.commit(judged)
            if self.memory.due:
                self.save()
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

    def _states(self) -> Iterator[tuple[str, bytes]]:
        """Yield everything that is remembered, one after the other: of a million sensors it is 2 GB."""
        yield _REGISTERS, self._registers.snapshot()
        yield _NUMBERING, self._roster.numbering.save()
        yield _LIVED, str(self._lived).encode()
        yield from self._rules.states()
