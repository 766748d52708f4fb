"""Quarter hours of random streams are those that a plain loop finds, household by household and slot by slot."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from detectors.columns.bank import pack, unpack
from detectors.registers import Registers
from detectors.silence.open_slots import RING
from detectors.silence.quarter_hours import PATIENCE, SLOT, Closed, QuarterHours
from registry.instants import DAY, HOUR, MINUTE, SECOND
from registry.quantities import Quantity
from registry.readings import Observations, SensorTable
from tests.unit.detector_streams import NOON, Sent, batch, cut

Told = dict[tuple[int, int], tuple[int, float, int, bool]]
"""By household and slot: water, watts, told, spent, as in `Closed`."""
METER = {Quantity.VOLUME: 0, Quantity.ENERGY: 1, Quantity.POWER: 1}
COARSE = 130 * MINUTE
LONGEST = 960
HOMES: tuple[tuple[tuple[Quantity, int], ...], ...] = (
    ((Quantity.VOLUME, 15 * MINUTE), (Quantity.ENERGY, 15 * MINUTE)),
    ((Quantity.VOLUME, 15 * MINUTE), (Quantity.ENERGY, 15 * MINUTE)),
    ((Quantity.VOLUME, HOUR), (Quantity.ENERGY, 5 * MINUTE)),
    ((Quantity.VOLUME, 7 * HOUR), (Quantity.POWER, 10 * MINUTE)),
    ((Quantity.VOLUME, DAY),),
    ((Quantity.ENERGY, 30 * MINUTE), (Quantity.POWER, 20 * MINUTE)),
    ((Quantity.VOLUME, 20 * MINUTE), (Quantity.VOLUME, 35 * MINUTE), (Quantity.ENERGY, 29 * MINUTE)),
)
"""What meters homes have, and how often those report."""


@dataclass
class Slot:
    known: bool = False
    used: bool = False
    spent: bool = False
    watts: float = math.nan  # of single precision
    told: int = 0


@dataclass
class Home:
    """A household as the words of `QuarterHours` and `Closed` have it."""

    meters: set[int]
    begin: int | None = None
    last: int = -1
    closed: bool = False
    seen: dict[int, int] = field(default_factory=lambda: {0: -1, 1: -1})
    heard: dict[int, int] = field(default_factory=dict)
    deaf: set[int] = field(default_factory=set)
    slots: dict[int, Slot] = field(default_factory=lambda: defaultdict(Slot))

    def reach(self, slots: list[int]) -> None:
        """Have every slot open up to the latest of these; before any has closed, from the earliest on."""
        self.last = max(self.last, *slots)
        if not self.closed:
            self.begin = min(slots) if self.begin is None else min(self.begin, *slots)
        assert self.begin is not None
        self.begin = max(self.begin, self.last - LONGEST)

    def say(self, quantity: Quantity, since: int, until: int, use: float) -> None:
        assert self.begin is not None
        if since <= 0 or not math.isfinite(use) or until - since >= LONGEST * SLOT:
            return
        close = until - since <= COARSE
        for number in range(max(since // SLOT, self.begin), until // SLOT + 1):
            slot, ended, begun = self.slots[number], (number + 1) * SLOT <= until, number * SLOT < until
            final = (number + 1) * SLOT >= until
            if ended and (close or (METER[quantity] == 0 and use <= 0)):
                slot.known |= METER[quantity] == 0
                slot.told = max(slot.told, until // SECOND * SECOND)
            if METER[quantity] == 1 and begun and close:
                watts = use / ((until - since) / HOUR) if quantity.cumulative else use
                slot.watts = float(np.fmax(slot.watts, np.float32(watts)))
            if METER[quantity] == 0 and begun and use > 0 and (close or final):
                if close and number * SLOT < since and not final:
                    slot.spent = True
                else:
                    slot.used = True

    def close(self) -> Iterator[tuple[int, tuple[int, float, int, bool]]]:
        assert self.begin is not None
        waited = [self.seen[meter] for meter in self.meters - self.deaf]
        end = min(waited) if waited else max(self.seen.values())
        end = max(min(end, self.last + 1), self.last + 1 - LONGEST)
        for number in range(self.begin, end):
            slot = self.slots.pop(number, Slot())
            water = 1 if slot.used else 0 if slot.known else -1
            yield number, (water, slot.watts, slot.told, slot.spent)
        self.closed |= end > self.begin
        self.begin = max(self.begin, end)


class Plain:
    """`QuarterHours`, one reading after another."""

    def __init__(self, table: SensorTable) -> None:
        self.table = table
        self.homes: dict[int, Home] = {}
        self.looked = -1

    def take(self, batch: Observations) -> Told:
        readings = defaultdict(list)
        for row, sensor in enumerate(batch.sensor.tolist()):
            quantity = Quantity(int(self.table.quantity[sensor]))
            if quantity in METER:
                readings[int(self.table.household[sensor])].append((quantity, row))
        told: Told = {}
        for number, rows in readings.items():
            home = self.homes.setdefault(number, Home(set()))
            own = np.flatnonzero(self.table.household == number)
            home.meters = {METER[Quantity(int(one))] for one in self.table.quantity[own] if one in METER}
            for meter in (0, 1):
                received = [int(batch.received[row]) for quantity, row in rows if METER[quantity] == meter]
                if received:
                    home.heard[meter] = max(home.heard.get(meter, 0), *received)
                    home.heard.setdefault(1 - meter, min(received))
                    home.deaf.discard(meter)
            slots = [int(batch.time[row]) // SLOT for _, row in rows]
            home.reach(slots)
            for slot, (quantity, row) in zip(slots, rows, strict=True):
                home.seen[METER[quantity]] = max(home.seen[METER[quantity]], slot)
                use = batch.use[row] if quantity.cumulative else batch.value[row]
                home.say(quantity, int(batch.previous[row]), int(batch.time[row]), float(use))
            told |= {(number, slot): what for slot, what in home.close()}
        return told

    def tick(self, now: int) -> Told:
        told: Told = {}
        if now // (5 * MINUTE) != self.looked:
            self.looked = now // (5 * MINUTE)
            for number, home in self.homes.items():
                deaf = {meter for meter, heard in home.heard.items() if now - heard > PATIENCE} - home.deaf
                home.deaf |= deaf
                told |= {(number, slot): what for slot, what in home.close()} if deaf else {}
        return told


def told_of(closed: Closed | None) -> Told:
    told: Told = {}
    if closed is not None:
        assert (np.diff(closed.household) > 0).all()
        rows = zip(*(column.tolist() for column in closed[:4]), strict=True)
        for home, first, length, start in rows:
            for turn in range(length):
                at = start + turn
                what = int(closed.water[at]), float(closed.watts[at]), int(closed.told[at]), bool(closed.spent[at])
                told[home, first + turn] = what
    return told


def same(one: Told, other: Told) -> bool:
    return repr(sorted(one.items())) == repr(sorted(other.items()))  # NaN is NaN


def table_of() -> SensorTable:
    table = SensorTable()
    for number, meters in enumerate(HOMES):
        for turn, (quantity, _) in enumerate(meters):
            table.add(10 * number + turn + 1, f"meter-{number}-{turn}", quantity, f"home-{number}", "UTC")
    return table


def stream(seed: int, days: float) -> list[Sent]:
    """Let the homes report: gaps, late and repeated readings, clocks that stand still, uses that stop."""
    chance = np.random.default_rng(seed)
    sent = []
    for number, meters in enumerate(HOMES):
        for turn, (quantity, step) in enumerate(meters):
            clock, register = NOON + int(chance.integers(0, 2 * HOUR)), float(chance.integers(0, 1000))
            end, slow, silent = NOON + int(days * DAY), 0, 0
            now = clock
            while now < end:
                now += step + int(chance.integers(-5, 6)) * SECOND
                if slow <= now:  # else it is heard, and says nothing new
                    clock = now
                    slow = now + int(chance.choice([2 * HOUR, 9 * HOUR, DAY])) if chance.random() < 0.02 else 0
                if days > 10 and (number, turn) == (1, 0) and now > NOON + DAY:
                    slow = end  # for longer than anything is waited for
                clock += SECOND
                register += float(chance.choice([0, 0, 0, 0, 1, 12]))
                if chance.random() < 0.004:
                    register = 0.0
                if chance.random() < 0.01:
                    silent = now + int(chance.choice([HOUR, 4 * HOUR, 11 * HOUR, 3 * DAY]))
                if now < silent and slow < end:
                    continue
                value = register if quantity.cumulative else float(chance.integers(0, 2000))
                skew = int(chance.choice([0, 0, 0, 0, 0, -3 * HOUR, 40 * MINUTE])) if chance.random() < 0.1 else 0
                delay = int(chance.choice([0, 10 * SECOND, HOUR])) if chance.random() < 0.1 else 0
                one = Sent(10 * number + turn + 1, clock + skew, value, now + delay)
                sent += [one] * (1 + int(chance.random() < 0.01))
    return sorted(sent, key=lambda one: one.received)


def told_in_pieces(readings: list[Sent], cuts: list[int]) -> Told:
    table = table_of()
    registers, slots = Registers(), QuarterHours(table)
    told: Told = {}
    for piece in cut(readings, cuts):
        if piece:
            told |= told_of(slots.take(registers.interpret(batch(piece), table).observations()))
    return told


@pytest.mark.parametrize("seed", range(8))
def test_a_plain_loop_finds_the_same(seed: int) -> None:
    chance = np.random.default_rng(1000 + seed)
    readings, table = stream(seed, 14 if seed == 0 else 3), table_of()
    registers, slots, plain = Registers(), QuarterHours(table), Plain(table)
    cuts = np.cumsum(chance.choice([1, 7, 40, 400], len(readings))).tolist()
    again = int(chance.integers(0, 20))
    count = waiting = 0
    for turn, piece in enumerate(cut(readings, cuts)):
        if not piece:
            break
        seen = registers.interpret(batch(piece), table).observations()
        told, expected = told_of(slots.take(seen)), plain.take(seen)
        assert same(told, expected)
        now = piece[-1].received
        assert same(told_of(slots.tick(now)), plain.tick(now))
        count += len(told)
        waiting = max(waiting, *(home.last + 1 - (home.begin or 0) for home in plain.homes.values()))
        if turn == again:  # a restart in the middle
            state = unpack(pack("slots", slots.rows()), "slots")
            slots = QuarterHours(table)
            slots.take_rows(state, {home: home for home in range(len(HOMES))})
            slots.tick(now)
    assert count > 500
    assert waiting > 2 * RING  # some waited so long that they were kept aside


@pytest.mark.parametrize("seed", range(4))
def test_slots_are_the_same_in_any_pieces(seed: int) -> None:
    # Of homes with one meter of a kind: with two, one that reports beyond a slot speaks for both.
    readings = [one for one in stream(seed, 1.5) if one.sensor < 50]
    cuts = np.random.default_rng(seed).integers(0, len(readings), 30).tolist()
    whole = told_in_pieces(readings, [])
    assert same(told_in_pieces(readings, cuts), whole)
    assert same(told_in_pieces(readings, list(range(len(readings)))), whole)
    assert len(whole) > 100
