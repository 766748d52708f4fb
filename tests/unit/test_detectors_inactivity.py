"""Silence becomes an alarm when it is longer than chance, and only what is known to be silent counts."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.explanation import sentence
from detectors.finding import Finding, Kind, Phase, Severity
from detectors.inactivity import Inactivity, severity_of
from detectors.rules import RuleSet
from detectors.silence.quarter_hours import SLOT
from detectors.verdict import Verdict
from registry.instants import DAY, HOUR, MINUTE, to_datetime
from registry.quantities import Quantity
from registry.readings import SensorTable
from tests.unit.detector_streams import Sent, batch
from tests.unit.inactivity_street import MONDAY, RATES, Street, raised, table_of


def lived(days: float, homes: int = 6, step: int = 15 * MINUTE) -> Street:
    street = Street(table_of(homes), step)
    street.live(24 * days)
    street.findings.clear()
    return street


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
