"""Alarms of silence come as often as asked for, over months: a habit alarms nobody, and nothing hides a fall."""

from __future__ import annotations

import numpy as np

from detectors.finding import Phase, Severity
from detectors.inactivity import Inactivity
from detectors.registers import Registers
from detectors.rules import RuleSet
from detectors.silence.quarter_hours import SLOT
from registry.instants import DAY, HOUR
from registry.quantities import Quantity
from registry.readings import Observations
from tests.unit.detector_streams import Sent, batch
from tests.unit.inactivity_street import DRAWS, MONDAY, RATES, raised, table_of


def rows(sensor: np.ndarray, at: int, uses: np.ndarray) -> Observations:
    """Return what registers say a quarter of an hour after they last spoke."""
    count = len(sensor)
    time = np.full(count, at)
    nothing = np.zeros(count)
    return Observations(
        sensor.astype(np.int32), time, nothing, time, uses, time - SLOT, nothing, np.zeros(count, np.int16)
    )  # fmt: skip


def test_outings_every_day_become_ordinary() -> None:
    """Home 0 is out from 9 to 15 h every day, home 1 of the same street never was."""
    homes = 30
    table = table_of(homes)
    rules = RuleSet([Inactivity(table, rates=(4,))])
    random = np.random.default_rng(2)
    sensor = 10 * np.arange(homes) + 1
    told = []
    for day in range(43):
        uses = 5.0 * (random.random((96, homes)) < 0.5 * np.repeat(DRAWS, 4)[:, None])
        uses[36:60, 0] = 0
        if day == 42:
            uses[36:60, 1] = 0
        begin = MONDAY + day * DAY
        every = [rows(sensor, begin + (quarter + 1) * SLOT, use) for quarter, use in enumerate(uses)]
        told += rules.observe(joined(every[:95])) + rules.observe(every[95])
    alarms = raised(told)
    out = [one for one in alarms if one.household == "home-0" and one.time > MONDAY + 28 * DAY]
    assert [one for one in out if 9 <= one.time // HOUR % 24 < 16] == []
    assert [one.household for one in alarms if one.time > MONDAY + 42 * DAY + 9 * HOUR] == ["home-1"]


def test_a_calibrated_level_holds_its_rate_from_the_second_month_on() -> None:
    homes, days = 300, 90
    table = table_of(homes)
    rules = RuleSet([Inactivity(table, rates=(12, 4))])
    random = np.random.default_rng(11)
    sensor = 10 * np.arange(homes) + 1
    busy = random.uniform(0.6, 1.4, homes)
    pause = np.zeros(homes)
    alarms = {Severity.LOW: 0, Severity.MEDIUM: 0}
    for day in range(days):
        every = []
        for quarter in range(96):
            # Who has been out for 4 h stays out for longer: the tail is no exponential's.
            chance = 0.3 * DRAWS[quarter // 4] * busy * np.where(pause > 16, 0.4, 1)
            used = random.random(homes) < chance
            pause = np.where(used, 0, pause + 1)
            every.append(rows(sensor, MONDAY + day * DAY + (quarter + 1) * SLOT, 5.0 * used))
        told = rules.observe(joined(every[:95])) + rules.observe(every[95])
        if day >= 30:
            for one in raised(told):
                alarms[one.severity] += 1
    years = homes * (days - 30) / 365.25
    assert 12 / 1.5 < alarms[Severity.LOW] / years < 12 * 1.5
    assert 4 / 1.5 < alarms[Severity.MEDIUM] / years < 4 * 1.5


def joined(parts: list[Observations]) -> Observations:
    columns = ("sensor", "time", "value", "received", "use", "previous", "total", "flags")
    whole: list[np.ndarray] = [np.concatenate([getattr(part, name) for part in parts]) for name in columns]
    return Observations(*whole)  # type: ignore[arg-type]


def test_a_boiler_on_a_timer_does_not_hide_that_nobody_draws_water() -> None:
    table = table_of(1, Quantity.VOLUME, Quantity.ENERGY)
    rules, registers = RuleSet([Inactivity(table, rates=RATES)]), Registers()
    random = np.random.default_rng(5)
    water, energy, now, found = 1000.0, 5000.0, MONDAY, []
    for quarter in range(24 * 4 * 18):
        hour, now = quarter // 4 % 24, now + SLOT
        at_home = quarter < 24 * 4 * 14
        water += 5.0 * (at_home and random.random() < 0.35 * DRAWS[hour])
        boils = hour % 3 == 0 and quarter % 4 == 0  # every three hours, whether or not anybody lives
        energy += 25.0 + 400.0 * boils + 200.0 * (at_home and random.random() < 0.3 * DRAWS[hour])
        sent = [Sent(Quantity.VOLUME, now, water, now), Sent(Quantity.ENERGY, now, energy, now)]
        found += rules.observe(registers.interpret(batch(sent), table).observations())
    dry = [one for one in found if one.onset > MONDAY + 14 * DAY]
    last = [one for one in dry if one.onset == dry[-1].onset]
    assert [one.phase for one in last] == [Phase.RAISED] * len(last)
    assert last[0].onset < MONDAY + 15 * DAY + HOUR
