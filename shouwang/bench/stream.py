"""What do a hundred thousand sensors send? Homes' readings made in memory, fast enough not to be what is measured."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from registry.instants import DAY, HOUR, MINUTE, SECOND
from registry.quantities import Quantity
from registry.readings import ReadingBatch, SensorTable

START = 1_767_139_200 * SECOND
"""2025-12-31 00:00 UTC, a Wednesday of winter."""

_QUARTER = 15 * MINUTE
_ZONES = ("Asia/Shanghai", "Asia/Shanghai", "Asia/Shanghai", "Europe/Madrid")
_OFFSETS = (8, 8, 8, 1)  # of those zones in winter, hours; only for when people are awake
_AWAKE = np.array([1, 1, 1, 1, 1, 2, 6, 10, 9, 7, 6, 8, 9, 6, 5, 5, 6, 9, 10, 9, 8, 7, 5, 2]) / 10
_KITS = (
    (Quantity.VOLUME, Quantity.ENERGY, Quantity.SMOKE, Quantity.TEMPERATURE),
    (Quantity.VOLUME, Quantity.ENERGY, Quantity.ALARM),
    (Quantity.VOLUME, Quantity.ENERGY, Quantity.SMOKE, Quantity.BATTERY),
    (Quantity.VOLUME, Quantity.ENERGY, Quantity.ALARM),
)
_EVERY = {Quantity.TEMPERATURE: 4, Quantity.BATTERY: 96}  # quarters between readings; 1 for all others


class Homes:
    """Homes of three or four sensors that report every 15 minutes, a temperature hourly and a battery daily.

    Water runs in about a fifth of the waking quarters, electricity always; 2 % of the homes are away. About 1 %
    of the devices are silent at any time for 5 hours on average, 0.3 % of the readings are lost, 0.1 % come twice.
    """

    def __init__(self, sensors: int, seed: int = 1) -> None:
        self._chance = np.random.default_rng(seed)
        members = [
            (home, quantity) for home in range(sensors) for quantity in _KITS[home % len(_KITS)] if home * 3 <= sensors
        ][:sensors]
        self.table = SensorTable()
        for sensor in range(sensors, 0, -1):  # the last first: a table that needs no room to grow
            home, quantity = members[sensor - 1]
            device = {Quantity.VOLUME: "water", Quantity.ENERGY: "electricity"}.get(quantity, "smoke")
            zone = _ZONES[home // 200 % len(_ZONES)]
            self.table.add(
                sensor, f"{device}-{home:06}", quantity, f"home-{home:06}", zone,
                area=f"area-{home // 200:03}", gateway=f"gateway-{home // 50:04}",
            )  # fmt: skip
        at = np.array([home for home, _ in members])
        self._quantity = np.array([quantity for _, quantity in members], np.int8)
        self._every = np.array([_EVERY.get(quantity, 1) for _, quantity in members])
        self._offset = np.array(_OFFSETS)[at // 200 % len(_OFFSETS)]
        self._turn = at % 96
        self._away = at % 50 == 7
        phase = self._chance.integers(0, _QUARTER // SECOND, int(at.max()) + 1)[at] * SECOND
        self._order = np.argsort(phase, kind="stable")
        self._phase = phase
        self._device = self.table.device[1:]
        self._silent = np.zeros(len(self.table.devices), np.bool_)
        self._register = np.floor(self._chance.uniform(1e4, 5e5, sensors))
        self._now = START

    def quarter(self) -> ReadingBatch:
        """Return what the next 15 minutes bring, in order of arrival."""
        chance, count = self._chance, len(self._quantity)
        awake = _AWAKE[(self._now // HOUR + self._offset) % 24]
        value = np.zeros(count)
        water = self._quantity == Quantity.VOLUME
        runs = water & ~self._away & (chance.random(count) < 0.3 * awake)
        self._register[runs] += np.ceil(chance.exponential(8.0, int(runs.sum())))
        electric = self._quantity == Quantity.ENERGY
        load = np.where(self._away, 15.0, 25.0 + 100.0 * awake)
        self._register[electric] += np.floor(load[electric] * chance.gamma(2.0, 0.5, int(electric.sum())))
        value[water | electric] = self._register[water | electric]
        smoke = self._quantity == Quantity.SMOKE
        value[smoke] = np.round(np.abs(chance.normal(0.0, 0.1, int(smoke.sum()))), 2)
        warm = self._quantity == Quantity.TEMPERATURE
        value[warm] = np.round(20.0 + chance.normal(0.0, 1.0, int(warm.sum())), 1)
        value[self._quantity == Quantity.BATTERY] = 100.0 - (self._now - START) // (10 * DAY)

        draw = chance.random(len(self._silent))
        self._silent = np.where(self._silent, draw > 0.05, draw < 0.0005)
        due = (self._now // _QUARTER + self._turn) % self._every == 0
        sent = due & ~self._silent[self._device] & (chance.random(count) > 0.003)
        rows = self._order[sent[self._order]]
        twice = rows[chance.random(len(rows)) < 0.001]
        time = self._now + self._phase + chance.integers(0, 5, count) * SECOND
        received = self._now + self._phase + 10 * SECOND
        rows = np.concatenate((rows, twice))
        rows = rows[np.argsort(self._phase[rows], kind="stable")]
        self._now += _QUARTER
        return ReadingBatch((rows + 1).astype(np.int32), time[rows], value[rows], received[rows])

    def batches(self, size: int, until: int) -> Iterator[ReadingBatch]:
        """Yield readings up to an instant, `size` rows at a time; what is left of the last quarter is dropped."""
        rest: list[ReadingBatch] = []
        while self._now < until:
            rest.append(self.quarter())
            whole = _joined(rest)
            for at in range(0, len(whole) - size + 1, size):
                yield _part(whole, at, at + size)
            rest = [_part(whole, len(whole) // size * size, len(whole))]


def _joined(parts: list[ReadingBatch]) -> ReadingBatch:
    return ReadingBatch(
        np.concatenate([part.sensor for part in parts]),
        np.concatenate([part.time for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.received for part in parts]),
    )


def _part(batch: ReadingBatch, low: int, high: int) -> ReadingBatch:
    return ReadingBatch(batch.sensor[low:high], batch.time[low:high], batch.value[low:high], batch.received[low:high])
