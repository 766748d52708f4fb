"""Silence becomes an alarm when it is longer than chance, and only what is known to be silent counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from detectors.explanation import sentence
from detectors.finding import Finding, Kind, Phase, Severity
from detectors.inactivity import Inactivity, severity_of
from detectors.registers import Registers
from detectors.rules import RuleSet
from detectors.silence.quarter_hours import SLOT
from detectors.verdict import Verdict
from registry.instants import DAY, HOUR, MINUTE, to_datetime
from registry.quantities import Quantity
from registry.readings import Observations, SensorTable
from tests.unit.detector_streams import Sent, batch

MONDAY = 1_767_571_200_000_000
"""Midnight UTC, Monday 2026-01-05."""
RATES = (12.0, 4.0, 1.0, 0.365)
DRAWS = (0.1, 0.1, 0.1, 0.1, 0.1, 0.3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.2)
"""How likely a home of these tests draws water in a quarter of each hour, over 0.35."""


def table_of(homes: int, *quantities: Quantity) -> SensorTable:
    """Return homes with one meter of each quantity; sensor = 10 * home + quantity."""
    table = SensorTable()
    for home in range(homes):
        for quantity in quantities or (Quantity.VOLUME,):
            table.add(10 * home + quantity, f"m-{home}-{quantity}", quantity, f"home-{home}", "UTC")
    return table


@dataclass
class Street:
    """Homes that live their days, and the detector that listens; one reading for each `step`."""

    table: SensorTable
    step: int = 15 * MINUTE
    seed: int = 7
    now: int = MONDAY
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rules = RuleSet([Inactivity(self.table, rates=RATES)])
        self.registers = Registers()
        self.random = np.random.default_rng(self.seed)
        self.register = np.full(len(self.table.households), 1000.0)

    @property
    def eye(self) -> Inactivity:
        [detector] = self.rules.detectors
        assert isinstance(detector, Inactivity)
        return detector

    def live(self, hours: float, *, still: Sequence[int] = (), mute: Sequence[int] = ()) -> list[Finding]:
        """Let time pass; `still` homes use nothing, `mute` meters do not report. Return what is new."""
        told: list[Finding] = []
        sent: list[Sent] = []
        end = self.now + round(hours * HOUR)
        while self.now < end:
            quarters = max(self.step // SLOT, 1)
            share = 0.35 * DRAWS[self.now // HOUR % 24] * min(self.step / SLOT, 1)
            uses = 5.0 * self.random.binomial(quarters, share, len(self.register))
            uses[list(still)] = 0
            self.register += uses
            self.now += self.step
            sent += [
                Sent(10 * home + Quantity.VOLUME, self.now, float(self.register[home]), self.now)
                for home in range(len(self.register))
                if home not in mute
            ]
            if self.now % (3 * HOUR) == 0 or self.now == end:
                told += self.see(sent)
                sent = []
        return told

    def see(self, sent: list[Sent]) -> list[Finding]:
        told = self.rules.observe(self.registers.interpret(batch(sent), self.table).observations())
        told += self.rules.tick(self.now)
        self.findings += told
        return told

    def of(self, home: int, phase: Phase | None = None) -> list[Finding]:
        return [
            one for one in self.findings if one.household == f"home-{home}" and (phase is None or one.phase is phase)
        ]


def lived(days: float, homes: int = 6, step: int = 15 * MINUTE) -> Street:
    street = Street(table_of(homes), step)
    street.live(24 * days)
    street.findings.clear()
    return street


def raised(findings: Sequence[Finding]) -> list[Finding]:
    return [one for one in findings if one.phase is Phase.RAISED]


def evidence(street: Street, home: int = 0) -> float:
    return float(street.eye._bank["evidence"][home])


@pytest.fixture(scope="module")
def told() -> tuple[Street, list[Finding]]:
    """Let one home of six stay silent for a day and a half after three weeks, and then go on."""
    street = lived(21)
    street.live(10)
    street.findings.clear()
    street.live(36, still=[0])
    street.live(14)
    return street, street.of(0)


def test_levels_raise_severity_with_the_same_onset_and_clear_once(told: tuple[Street, list[Finding]]) -> None:
    _, findings = told
    assert [one.severity for one in raised(findings)] == list(Severity)
    [end] = [one for one in findings if one.phase is Phase.CLEARED]
    assert end is findings[-1]
    assert {one.onset for one in findings} == {end.onset}
    assert end.severity is Severity.URGENT
    begin = MONDAY + 21 * DAY + 10 * HOUR
    assert begin - HOUR <= end.onset <= begin
    assert [one.time for one in findings] == sorted(one.time for one in findings)
    assert {(one.kind, one.rule, one.source) for one in findings} == {(Kind.INACTIVITY, "inactivity", "m-0-1/volume")}


def test_the_call_comes_within_hours_by_day(told: tuple[Street, list[Finding]]) -> None:
    call = next(one for one in raised(told[1]) if one.severity is Severity.MEDIUM)
    assert 2 * HOUR < call.time - call.onset < 8 * HOUR


def test_nobody_else_is_alarmed(told: tuple[Street, list[Finding]]) -> None:
    street, _ = told
    assert {one.household for one in street.findings if one.severity > Severity.MEDIUM} == {"home-0"}


def test_the_sentence_has_its_numbers(told: tuple[Street, list[Finding]]) -> None:
    found = raised(told[1])[0]
    since = to_datetime(found.onset)
    lasted = (found.time - found.onset) // MINUTE
    english = sentence(found.kind, found.facts, "en", "UTC")
    hours = f"{lasted // 60} h" + (f" {lasted % 60} min" if lasted % 60 else "")
    assert english.startswith(f"No water use for {hours} (since Mon {since:%H:%M}).")
    assert "on a Monday" in english
    assert english.endswith(("months.", "weeks.", "month."))
    chinese = sentence(found.kind, found.facts, "zh_CN", "UTC")
    assert f"自周一 {since:%H:%M}起" in chinese
    assert 1 <= float(found.facts["rarity"]) / (365.25 / 12 * 86400) < 3


def test_a_rarer_level_is_told_to_be_rarer(told: tuple[Street, list[Finding]]) -> None:
    rarities = [float(one.facts["rarity"]) for one in raised(told[1])]
    assert rarities == sorted(rarities)
    for one in raised(told[1]):
        assert float(one.facts["rarity"]) >= 0.99 * 365.25 * 86400 / float(one.facts["rate"])


def test_a_pause_that_was_longer_is_told_as_such() -> None:
    street = lived(14, homes=2)
    street.live(8)
    street.live(14, still=[0])
    street.live(24 * 7 - 14 + 2)  # what was known fades a little, so the next one begins later in the day
    street.findings.clear()
    street.live(12, still=[0])
    [first, *_] = raised(street.of(0))
    usual = float(first.facts["usual"])
    assert usual >= float(first.facts["lasted"])
    assert first.facts["template"] == "inactivity_water_before"
    english = sentence(first.kind, first.facts, "en", "UTC")
    assert "has been seen here, but rarely" in english
    assert sentence(first.kind, first.facts, "zh_CN", "UTC").count("曾有过") == 1


def test_where_no_pause_is_known_none_is_told() -> None:
    street = Street(table_of(1))
    street.live(30, still=[0])
    [first, *_] = raised(street.findings)
    assert first.facts["usual"] == 0
    assert "No pause is known here" in sentence(first.kind, first.facts, "en", "UTC")


def test_a_meter_that_does_not_report_adds_no_evidence() -> None:
    street = lived(3)
    street.live(12)
    street.live(1, still=[0])
    before = evidence(street)
    assert street.live(48, mute=[0]) == [one for one in street.findings if one.household != "home-0"]
    assert evidence(street) == before > 0
    assert street.of(0) == []


def test_an_absence_and_an_outage_freeze_the_evidence_and_do_not_reset_it() -> None:
    for spans in ("absences", "outages"):
        street = lived(3)
        street.live(12)
        street.live(1, still=[0])
        before = evidence(street)
        getattr(street.table, spans).add(0, street.now, street.now + 2 * DAY)
        street.live(48, still=[0])
        assert evidence(street) == before > 0
        assert street.of(0) == []
        street.live(12, still=[0])
        assert evidence(street) > before + 1
        assert raised(street.of(0))


def test_use_ends_a_pause_even_in_an_absence() -> None:
    street = lived(3)
    street.live(10)
    street.live(12, still=[0])
    assert raised(street.of(0))
    street.table.absences.add(0, street.now, street.now + 2 * DAY)
    street.live(24)
    assert street.of(0)[-1].phase is Phase.CLEARED
    assert evidence(street) < 2


@pytest.mark.parametrize("step", [MINUTE, HOUR])
def test_fine_and_coarse_meters_are_heard(step: int) -> None:
    street = lived(7, homes=3, step=step)
    street.live(10)
    street.live(48, still=[0])
    assert raised(street.of(0))[-1].severity is Severity.URGENT
    assert not [one for one in street.findings if one.household != "home-0" and one.severity is Severity.URGENT]


def test_a_daily_meter_is_heard_too() -> None:
    street = lived(20, homes=2, step=DAY)
    street.live(24 * 12, still=[0])
    [first, *_] = raised(street.of(0))
    assert first.time - (MONDAY + 20 * DAY) <= 8 * DAY
    assert first.time % DAY == 0
    assert street.of(1) == []


def test_nothing_is_judged_until_both_meters_have_reported() -> None:
    table = table_of(1, Quantity.VOLUME, Quantity.POWER)
    street = Street(table)
    street.live(24, mute=[0])
    street.see([Sent(1, street.now, 1000.0, street.now)])
    for quarter in range(1, 100):  # power says nothing
        at = street.now + quarter * SLOT
        assert street.rules.observe(
            street.registers.interpret(batch([Sent(1, at, 1000.0, at)]), table).observations()
        ) == []  # fmt: skip
    told = street.rules.tick(street.now + 100 * SLOT)
    assert raised(told)
    assert {one.facts["template"] for one in raised(told)} == {"inactivity_water"}


def test_what_one_meter_did_not_say_is_not_told() -> None:
    """The water meter died, the power stands at its quiet level: nothing is known of water."""
    street = Street(table_of(1, Quantity.VOLUME, Quantity.POWER))

    def power(hours: int, watts: float, water: float | None) -> list[Finding]:
        told = []
        for _ in range(4 * hours):
            street.now += SLOT
            sent = [
                Sent(Quantity.POWER, street.now, watts + 900 * (street.now // SLOT % 3 == 0 and not still), street.now)
            ]
            if water is not None:
                sent.append(Sent(Quantity.VOLUME, street.now, water + street.now / HOUR, street.now))
            told += street.see(sent)
        return told

    still = False
    power(24 * 4 + 9, 100, 0)
    still = True
    told = raised(power(30, 100, None))
    assert {one.facts["template"] for one in told} <= {"inactivity_electricity", "inactivity_electricity_before"}
    assert told
    assert "water" not in sentence(told[0].kind, told[0].facts, "en", "UTC")


def test_a_restart_in_the_middle_changes_nothing_though_households_have_other_numbers() -> None:
    street = lived(4, homes=3)
    street.live(10)
    street.live(5, still=[0])
    table = SensorTable()
    table.add(99, "new", Quantity.VOLUME, "home-new", "UTC")
    for home in (2, 0, 1):
        table.add(10 * home + 1, f"m-{home}-1", Quantity.VOLUME, f"home-{home}", "UTC")
    again = Street(table, now=street.now)
    assert again.rules.restore(street.rules.snapshot()) == []
    again.registers.restore(street.registers.snapshot())
    first, second = [], []
    register = street.register.copy()
    for hour in range(30):
        street.now = again.now = street.now + HOUR
        register[1:] += 5
        register[0] += 5 * (hour > 25)
        sent = [Sent(10 * home + 1, street.now, float(register[home]), street.now) for home in range(3)]
        first += street.see(sent)
        second += again.see(sent)
    assert second == first
    assert len(raised(first)) >= 2
    assert first[-1].phase is Phase.CLEARED


def test_a_rule_with_fewer_levels_takes_the_state_of_one_with_more() -> None:
    street = lived(3, homes=1)
    street.live(10)
    street.live(30, still=[0])
    one_level = Street(street.table, now=street.now)
    one_level.rules = RuleSet([Inactivity(street.table, rates=[1])])
    one_level.rules.restore(street.rules.snapshot())
    one_level.registers.restore(street.registers.snapshot())
    one_level.register = street.register
    [end] = one_level.live(16)
    assert (end.phase, end.onset) == (Phase.CLEARED, street.of(0)[-1].onset)


def test_levels_that_fall_in_a_pause_end_nothing_that_was_not_begun() -> None:
    street = lived(3, homes=1)
    false = [Verdict("home-0", Kind.INACTIVITY, street.now, real=False)] * 30
    street.rules.learn(false, street.now)
    street.live(12)
    while not 6.5 < evidence(street) < 8:
        street.live(0.25, still=[0])
    assert street.of(0) == []
    street.rules.learn([Verdict("home-0", Kind.INACTIVITY, street.now, real=True)], street.now)
    street.register += 5
    street.now += SLOT
    told = street.see([Sent(1, street.now, float(street.register[0]), street.now)])
    assert told == []


def test_a_false_alarm_raises_thresholds_and_a_real_case_never_does() -> None:
    street = lived(3, homes=3)

    def thresholds(home: int) -> np.ndarray:
        return street.eye._ascending + float(street.eye._budget.delta(np.array([home], np.int32))[0])

    before = thresholds(0)
    street.rules.learn([Verdict("home-0", Kind.INACTIVITY, street.now, real=True)], street.now)
    assert (thresholds(0) <= before).all()
    street.rules.learn([Verdict("home-0", Kind.INACTIVITY, street.now, real=False)] * 3, street.now)
    assert (thresholds(0) > before).all()
    raised_to, others = thresholds(0), thresholds(1)
    street.rules.learn([Verdict("home-0", Kind.INACTIVITY, street.now, real=True)], street.now)
    assert (thresholds(0) < raised_to).all()
    assert (thresholds(1) <= others).all()


def test_rates_are_severities() -> None:
    assert [severity_of(rate) for rate in RATES] == list(Severity)


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
