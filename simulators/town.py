"""A virtual town: its registry, everything its devices measure, and every message its gateways send."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

import numpy as np

from registry.instants import SECOND, to_micros
from registry.model import Registry
from registry.quantities import Quantity
from simulators.census import census
from simulators.days import WIDTH
from simulators.errors import EventError, SimulationError
from simulators.events import FORMS, Event, Happening, Span, spans
from simulators.lives import day_of, midnight
from simulators.meters import Columns, Kinds, Meters, in_order
from simulators.residents import habits
from simulators.transmission import LOOKBACK, Radio, TownMessage, Transmission, Uplink, sensor_names

_DAYS_KEPT = 3


class State(StrEnum):
    """How the people of a household are."""

    AWAKE = "awake"
    ASLEEP = "asleep"
    AWAY = "away"
    DOWN = "down"
    DEAD = "dead"


class Town:
    """A town of so many households that begins at `start`; the same seed is the same town.

    Days are generated when they are asked for, in any order, and a few are kept. What a household's day holds
    depends on (seed, household, day) and its own events alone, so a town can be resumed at any time: build it
    again with the same arguments and events. May be used by several threads.
    """

    def __init__(
        self, seed: int, households: int, start: datetime, *,
        events: Iterable[Event] = (), transmission: Transmission | None = None,
    ) -> None:  # fmt: skip
        """Build a town.

        Raises:
            SimulationError: there are no households, or more than 99,000; or `start` has no zone.
        """
        if not 1 <= households <= 99_000:
            raise SimulationError(f"{households} households are no town; choose 1 to 99,000")
        if start.tzinfo is None:
            raise SimulationError(f"the town's start {start} has no zone; give an aware datetime")
        self.seed = seed
        self.start = start
        self.habits = habits(seed, np.arange(households))
        self._first_day = day_of(to_micros(start))
        self._census = census(seed, self.habits, self._first_day)
        self.sensors: Sequence[tuple[str, Quantity]] = sensor_names(self._census.numbers)
        """Which sensor each number in the columns is: its device and quantity."""
        gateway_of = np.repeat(np.array(self._census.gateway_of), Kinds.COUNT)
        names = [f"{device}/{quantity.label}" for device, quantity in self.sensors]
        self._transmission = transmission or Transmission()
        self._radio = Radio(seed, self._transmission, names, self._census.gateways, gateway_of)
        self._household_of = {device.id: device.household for device in self.registry.devices}
        self._row_of = {home: row for row, home in enumerate(self._census.households)}
        self._lock = threading.RLock()
        self._kept: OrderedDict[int, Columns] = OrderedDict()
        self._events: tuple[Event, ...] = ()
        self._spans: tuple[Span, ...] = ()
        self._meters = Meters(seed, self.habits, self._first_day, ())
        self.inject(*events)

    @property
    def registry(self) -> Registry:
        """Who and what is registered."""
        return self._census.registry

    @property
    def households(self) -> Sequence[str]:
        """The households' ids, in the order in which the columns number them."""
        return self._census.households

    @property
    def gateways(self) -> Sequence[str]:
        """The gateways' ids; each is its own user name at the broker."""
        return self._census.gateways

    @property
    def events(self) -> Sequence[Event]:
        """Everything injected so far."""
        return self._events

    def inject(self, *events: Event) -> None:
        """Let something happen. What was reported before an event's time does not change; the same event twice is one.

        Registers stand fixed at the town's first midnight: an event of earlier days changes earlier registers.

        Raises:
            EventError: the target is not of this town, or not of the kind this event befalls.
        """
        for each in events:
            self._check(each)
        with self._lock:
            new = [each for each in events if each not in self._events]
            if not new:
                return
            self._events = (*self._events, *dict.fromkeys(new))
            self._spans = spans(self._events, self._household_of)
            since = min(day_of(each.at) for each in new)
            self._kept = OrderedDict((day, kept) for day, kept in self._kept.items() if self._first_day <= day < since)
            self._meters.befall(self._by_row(self._spans), since)

    def readings(self, begin: datetime, end: datetime, households: Sequence[str] | None = None) -> Columns:
        """Return everything the devices measure in [begin, end), in event order, as if nothing were lost.

        `households` asks for some only; their readings are the same as in the whole town. Ask for a long time
        in pieces: a household-day is about 300 readings of 20 bytes.

        Raises:
            SimulationError: so far back a meter would not have been installed.
        """
        first, last = to_micros(begin), to_micros(end)
        if households is None:
            return self._between(first, last)
        rows = np.array([self._row(home) for home in households])
        own = {int(row): at for at, row in enumerate(rows)}
        told = [(own[row], span) for row, span in self._by_row(self._spans) if row in own]
        meters = Meters(self.seed, self.habits.only(rows), self._first_day, told)
        return in_order([meters.columns(day) for day in range(day_of(first), day_of(last) + 1)]).between(first, last)

    def messages(self, begin: datetime, end: datetime) -> list[TownMessage]:
        """Return what the gateways publish in [begin, end), in order: packs of readings, some late, some twice.

        Cut as you like: the messages of adjoining times are those of the whole.
        """
        first, last = to_micros(begin), to_micros(end)
        with self._lock:
            since = first - LOOKBACK
            uplinks = self._uplinks()
            for each in sorted(uplinks, key=lambda uplink: -uplink.end):
                if since <= each.end and each.begin < last:
                    since = min(since, each.begin - LOOKBACK)
            return self._radio.messages(self._between(since, last), uplinks, first, last)

    def reaches(self, sensor: int, time: int) -> int | None:
        """Return when a reading is published (microseconds UTC), None if it is lost on its way or was never made."""
        day = self._between(time, time + 1)
        rows = day.sensor == sensor
        got = self._radio.received(Columns(day.sensor[rows], day.time[rows], day.value[rows]))
        if not len(got):
            return None
        return int(self._radio.departures(got, self._uplinks())[2][0])

    def state(self, household: str, at: datetime) -> State:
        """Return how somebody in a household is at a moment; of two, the one who could answer."""
        moment, row = to_micros(at), self._row(household)
        kinds = {span.event.kind for span in self.at_work(household, at)}
        if Happening.DEATH in kinds:
            return State.DEAD
        if Happening.FALL in kinds:
            return State.DOWN
        day = day_of(moment)
        plan = self._meters.lives(day, slice(row, row + 1)).plan
        now = (moment - midnight(day)) // SECOND // WIDTH
        if plan.active[0, :, now].any():
            return State.AWAKE
        return State.ASLEEP if plan.inside[0, :, now].any() else State.AWAY

    def at_work(self, household: str, at: datetime) -> list[Span]:
        """Return what befalls a household (or its devices, or its area) at a moment."""
        moment, row = to_micros(at), self._row(household)
        return [span for own, span in self._by_row(self._spans) if own == row and span.begin <= moment < span.end]

    def used(self, household: str, begin: datetime, end: datetime) -> list[tuple[int, int, float]]:
        """Return the draws of water that begin in [begin, end): begin and end (microseconds UTC), litres."""
        first, last, row = to_micros(begin), to_micros(end), self._row(household)
        found = []
        for day in range(day_of(first), day_of(last) + 1):
            uses = self._meters.lives(day, slice(row, row + 1)).water
            for start, lasts, amount in zip(
                uses.start.tolist(), uses.duration.tolist(), uses.amount.tolist(), strict=True
            ):
                at = midnight(day) + start * SECOND
                if first <= at < last:
                    found.append((at, at + lasts * SECOND, amount / 1000))
        return sorted(found)

    def untouched(self) -> Town:
        """Return the same town as if nothing had been injected into it."""
        return Town(self.seed, len(self.households), self.start, transmission=self._transmission)

    def _between(self, first: int, last: int) -> Columns:
        days = range(day_of(first), day_of(max(first, last - 1)) + 1)
        parts = [self._day(day).between(first, last) for day in days]
        return parts[0] if len(parts) == 1 else Columns(
            np.concatenate([part.sensor for part in parts]),
            np.concatenate([part.time for part in parts]),
            np.concatenate([part.value for part in parts]),
        )  # fmt: skip

    def _day(self, day: int) -> Columns:
        with self._lock:
            if day not in self._kept:
                self._kept[day] = self._meters.columns(day)
                while len(self._kept) > _DAYS_KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(day)
            return self._kept[day]

    def _row(self, household: str) -> int:
        try:
            return self._row_of[household]
        except KeyError:
            raise SimulationError(
                f'"{household}" is no household of this town; its last is {self.households[-1]}'
            ) from None

    def _check(self, event: Event) -> None:
        target = FORMS[event.kind].target
        if target == "household" and event.target not in self._row_of:
            raise EventError(f'"{event.target}" is no household; write one such as {self.households[-1]}')
        if target == "device" and event.target not in self._household_of:
            raise EventError(f'"{event.target}" is no device; write one such as wm-{self._census.numbers[-1]}')
        if target == "area" and not self._rows_in(event.target):
            raise EventError(
                f'nobody lives in "{event.target}"; write an area\'s code such as {self._census.communities[-1]}'
            )
        if event.kind == Happening.REPLACE and event.target.startswith("sd-"):
            raise EventError(f'"{event.target}" has no register to restart; write a water or electricity meter')
        if event.kind == Happening.BATTERY and event.target.startswith("em-"):
            raise EventError(f'"{event.target}" has no battery; write a water meter or a smoke detector')

    def _rows_in(self, area: str) -> list[int]:
        if area in self._row_of:
            return [self._row_of[area]]
        if area in self._census.gateways:
            own = self._census.gateways.index(area)
            return [row for row, gateway in enumerate(self._census.gateway_of) if gateway == own]
        return [row for row, code in enumerate(self._census.communities) if area and code.startswith(area)]

    def _by_row(self, told: Iterable[Span]) -> list[tuple[int, Span]]:
        found = []
        for span in told:
            home = self._household_of.get(span.event.target, span.event.target)
            found += [(row, span) for row in self._rows_in(home)]
        return found

    def _uplinks(self) -> list[Uplink]:
        found = []
        for span in self._spans:
            if span.event.kind == Happening.UPLINK:
                own = {self._census.gateway_of[row] for row in self._rows_in(span.event.target)}
                found += [Uplink(gateway, span.begin, span.end) for gateway in sorted(own)]
        return found
