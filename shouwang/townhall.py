"""The virtual town of an embedded instance: registered, its past learned, then lived on the town's clock."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import psycopg
import structlog
from numpy.typing import NDArray
from psycopg_pool import ConnectionPool
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from alerts import desk
from alerts.errors import AlertError
from alerts.people import Medium, Role
from detectors.finding import Kind, Phase
from ingest.mqtt import Endpoint
from registry.instants import to_datetime, to_micros
from registry.readings import ReadingBatch
from shouwang.clock import Clock, LiveClock, TownClock
from shouwang.engine import Engine
from shouwang.errors import WrongTimeError
from shouwang.wiring import Threads
from simulators.duties import duties
from simulators.events import Event, Happening, event, parse
from simulators.gateway import Gateways
from simulators.outlines import outlines
from simulators.people import react
from simulators.story import cast, story
from simulators.town import Town
from storage import engine_state, oncall, registry
from storage.alerts.book import PostgresAlertBook
from storage.handsets import Unanswered, unanswered
from storage.visits import helped

log = structlog.get_logger(__name__)

_FILE = "town.json"
_ZONE = ZoneInfo("Asia/Shanghai")
_OPENING = 8.5  # hours after local midnight: a town that is up and about
_OVERLAP = timedelta(minutes=10)
"""Town time published again after a restart: what the broker had not handed on is gone, the rest changes nothing."""
_CHUNK = timedelta(hours=12)
_EVE = timedelta(hours=28)
"""How long before the start the opening story is cast: nobody has fallen earlier."""
_REHEARSED = timedelta(minutes=30)
_LOOK_SECONDS = 0.25

Ids = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class TownOptions:
    """What town it is, and how fast its time runs."""

    households: int
    speed: float
    seed: int
    history_days: int
    events: tuple[str, ...] = ()
    """What else shall befall it, as `simulators.events.parse` reads it."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What makes a town the same town at the next start; kept in the data directory."""

    households: int
    seed: int
    start: datetime
    learned: bool
    fall: str = ""
    """Whom the opening story befalls first, and when; known once the rules know the town."""
    events: tuple[str, ...] = ()
    """What befell the town later, so that somebody who was helped is not on the floor again after a restart."""

    @classmethod
    def read(cls, data_dir: Path) -> Deed | None:
        """Return the deed of the town that lives in a data directory, None if none does."""
        try:
            return msgspec.json.decode((data_dir / _FILE).read_bytes(), type=cls)
        except FileNotFoundError:
            return None

    def write(self, data_dir: Path) -> None:
        """Keep the deed."""
        draft = data_dir / f"{_FILE}.new"
        draft.write_bytes(msgspec.json.encode(asdict(self)))
        draft.replace(data_dir / _FILE)


def live_through(engine: Engine, batch: ReadingBatch) -> None:
    """Take readings of a history, whose clock stands still: nothing is left to wait."""
    engine.hear(batch)
    while engine.waiting:
        engine.go_on()


def _batches(town: Town, begin: datetime, end: datetime, ids: Ids) -> Iterator[ReadingBatch]:
    """Yield what the meters measured, heard at once: silence in the past is judged as it would have been then."""
    while begin < end:
        until = min(begin + _CHUNK, end)
        columns = town.readings(begin, until)
        yield ReadingBatch(ids[columns.sensor], columns.time, columns.value, columns.time)
        begin = until


def _newest(batch: ReadingBatch) -> datetime:
    return to_datetime(int(batch.time.max()))


def opening(today: datetime) -> datetime:
    """Return when a town that is founded today begins: this morning, by its own clocks."""
    midnight = today.astimezone(_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight + timedelta(hours=_OPENING)).astimezone(UTC)


def clock_for(conn: psycopg.Connection, data_dir: Path, town: TownOptions | None) -> Clock:
    """Return the clock that a data directory goes on with: a town's from where it stood.

    Raises:
        WrongTimeError: it lived by the other kind of clock before.
    """
    known = engine_state.get_clock(conn)
    if town is None:
        if known is not None and known[0] == "town":
            raise WrongTimeError("a town lives in this data directory: omit --no-town, or choose another --data-dir")
        return LiveClock()
    if known is not None and known[0] == "live":
        raise WrongTimeError("real meters report to this data directory: add --no-town, or choose another --data-dir")
    deed = Deed.read(data_dir)
    if deed is None or known is None or not deed.learned:
        if deed is None:
            deed = Deed(town.households, town.seed, opening(LiveClock().now()), learned=False)
            deed.write(data_dir)
        return TownClock(deed.start, town.speed)
    return TownClock(known[1], town.speed)


class TownHall:
    """Settles a town in an instance and lets it live there."""

    def __init__(
        self,
        options: TownOptions,
        clock: Clock,
        broker: Endpoint,
        pool: ConnectionPool,
        data_dir: Path,
        console: Console,
    ) -> None:
        self._options = options
        self._clock = clock
        self._broker = broker
        self._pool = pool
        self._data_dir = data_dir
        self._console = console
        self._stop = threading.Event()
        self.founded = False
        """Whether the town began at this start."""
        self._running: list[threading.Thread] = []
        self._town: Town

    def settle(self, engine: Engine) -> None:
        """Register the town, and let the engine learn its past if it has not yet.

        A start that was interrupted goes on where the past was last committed: readings stored already are not
        stored, nor judged, again.
        """
        deed = Deed.read(self._data_dir)
        assert deed is not None  # noqa: S101 - clock_for wrote it
        if (deed.households, deed.seed) != (self._options.households, self._options.seed):
            self._console.print(
                f"The town in {self._data_dir} has {deed.households} households and seed {deed.seed}; it lives on. "
                "For another town choose another --data-dir."
            )
        new = tuple(str(parse(text)) for text in self._options.events)
        deed = replace(deed, events=(*deed.events, *(text for text in new if text not in deed.events)))
        with self._console.status("Founding the town …"):
            town = self._town = Town(deed.seed, deed.households, deed.start)
            town.inject(*(parse(text) for text in deed.events))
            if deed.fall:
                self._begin_story(deed)
            with self._pool.connection() as conn:
                if not deed.learned:
                    registry.save(conn, town.registry)
                    registry.save_shapes(conn, outlines(town.registry.areas))
                    oncall.save(conn, duties(town.registry, deed.start.astimezone(_ZONE).date()))
                ids = registry.add_sensors(conn, town.sensors)
        deed.write(self._data_dir)
        engine.read_registry()
        if not deed.learned:
            self.founded = True
            numbers = np.array([ids[sensor] for sensor in town.sensors], np.int32)
            deed = self._learn(engine, deed, numbers)
            replace(deed, learned=True).write(self._data_dir)

    def begin(self) -> None:
        """Let the town's time run."""
        if isinstance(self._clock, TownClock):
            self._clock.begin()

    def live(self, threads: Threads) -> None:
        """Publish what the meters measure, and let the residents answer their telephones."""
        begin = self._clock.now() - _OVERLAP
        gateways = Gateways(self._town, self._clock, self._broker.host, self._broker.port, begin=begin)
        self._running = [
            threads.start("gateways", lambda: gateways.run(self._stop)),
            threads.start("residents", self._reside),
        ]

    def leave(self) -> None:
        """Let the town fall silent."""
        self._stop.set()
        for thread in self._running:
            thread.join(timeout=10)

    def _learn(self, engine: Engine, deed: Deed, ids: Ids) -> Deed:
        """Live through the past; shortly before its end see whose fall the story begins with."""
        columns = (
            TextColumn("Learning {task.fields[days]} days of {task.fields[households]} households"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[readings]:,} readings"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console) as progress:
            days = self._options.history_days
            bar = progress.add_task("", total=days, days=days, households=deed.households, readings=0)
            total, begin = 0, deed.start - timedelta(days=days)
            eve = max(begin, deed.start - _EVE)
            for since, until in ((begin, eve), (eve, deed.start)):
                if since == eve and not deed.fall:
                    deed = replace(deed, fall=str(self._cast(engine, deed, eve, ids)))
                    deed.write(self._data_dir)
                    self._begin_story(deed)
                for batch in _batches(self._town, since, until, ids):
                    live_through(engine, batch)
                    total += len(batch)
                    progress.update(bar, completed=(_newest(batch) - begin) / timedelta(days=1), readings=total)
        engine.save()
        return deed

    def _cast(self, engine: Engine, deed: Deed, since: datetime, ids: Ids) -> Event:
        """Return the fall that these rules, knowing this town until `since`, notice soon after it begins."""

        def rehearse(falls: Sequence[Event]) -> dict[str, int]:
            town = self._town.untouched()
            town.inject(*falls)
            found = engine.rehearse(_batches(town, since, deed.start + _REHEARSED, ids))
            silences = (one for one in found if one.kind is Kind.INACTIVITY and one.phase is Phase.RAISED)
            noticed: dict[str, int] = {}
            for one in silences:
                noticed[one.household] = min(one.time, noticed.get(one.household, one.time))
            return noticed

        return cast(self._town, deed.start, rehearse)

    def _begin_story(self, deed: Deed) -> None:
        fall = parse(deed.fall)
        self._town.inject(fall, *story(self._town, deed.start, fall.target))

    def _reside(self) -> None:
        """Be the residents: whoever can takes the telephone after a while; whoever was helped gets up again."""
        since = self._clock.now() - timedelta(hours=1)
        answers: dict[UUID, tuple[datetime, str] | None] = {}
        been_there: set[UUID] = set()
        while not self._stop.wait(_LOOK_SECONDS):
            now = self._clock.now()
            try:
                with self._pool.connection() as conn:
                    waiting = unanswered(conn, since)
                    visited = helped(conn, since)
            except psycopg.OperationalError:  # the pool's time-out is one
                continue
            for message in waiting:
                if message.id not in answers:
                    answers[message.id] = self._intention(message)
                plan = answers[message.id]
                if plan is not None and plan[0] <= now:
                    self._say(message.id, plan[1], now)
                    answers[message.id] = None
            for alert in visited.keys() - been_there:
                self._get_up(visited[alert], now)
            been_there = set(visited)
            since = max(since, now - timedelta(hours=6))
            answers = {message.id: answers[message.id] for message in waiting}

    def _intention(self, message: Unanswered) -> tuple[datetime, str] | None:
        role, medium = Role(message.role), Medium(message.medium)
        reaction = react(self._town, message.household, role, medium, message.at)
        return None if reaction is None else (message.at + timedelta(seconds=reaction.after), reaction.answer)

    def _get_up(self, household: str, now: datetime) -> None:
        """End what befell a household, as the person who went there would, and remember that it is over."""
        if self._town.at_work(household, now):
            ended = event(Happening.HELP, household, now), event(Happening.REPAIR, household, now)
            self._town.inject(*ended)
            deed = Deed.read(self._data_dir)
            if deed is not None:
                replace(deed, events=(*deed.events, *map(str, ended))).write(self._data_dir)

    def _say(self, message: UUID, answer: str, now: datetime) -> None:
        try:
            with self._pool.connection() as conn, conn.transaction():
                desk.answer(PostgresAlertBook(conn), message, answer, to_micros(now))
        except (AlertError, psycopg.OperationalError) as error:
            log.info("a resident's answer was not heard", message=str(message), why=str(error))
