"""What the default rules say of a town's ordinary troubles: one alert or incident, of the right kind, and true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from detectors.explanation import sentence
from detectors.finding import Finding, Kind, Phase, Severity
from detectors.incident import Cause, Incident
from detectors.registers import Registers
from detectors.rules import load
from registry.instants import DAY, HOUR, MINUTE, to_micros
from registry.quantities import Quantity
from registry.readings import ReadingBatch, SensorTable
from simulators.events import TOWN_ZONE, parse
from simulators.town import Town
from tests.unit.town_reception import heard, table_of

ZONE = ZoneInfo(TOWN_ZONE)
GATEWAY = "gw-990102001001"
AWAY, KNOWN_AWAY, WATER_RESET, POWER_RESET, EXCHANGED = (f"household-{number:03}" for number in (16, 5, 7, 8, 6))
EVENTS = (
    f"fall@{AWAY}@2026-03-08T10:00", f"help@{AWAY}@2026-03-11T10:00",  # to the meters the same as being away
    f"fall@{KNOWN_AWAY}@2026-03-08T10:00", f"help@{KNOWN_AWAY}@2026-03-11T10:00",
    "replace@wm-007@2026-03-09T11:00?amount=0", "replace@em-008@2026-03-09T11:00?amount=0",
    f"uplink@{GATEWAY}@2026-03-09T09:00",
)  # fmt: skip


def at(text: str) -> int:
    return to_micros(datetime.fromisoformat(text).replace(tzinfo=ZONE))


LEFT, BACK, SWAPPED, CUT = (
    at(text) for text in ("2026-03-08T10:00", "2026-03-11T10:00", "2026-03-09T11:00", "2026-03-09T09:00")
)


@dataclass
class Told:
    """What was said of a town."""

    town: Town
    findings: list[Finding] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)

    def alerts(self, household: str, since: int, until: int = 2**62) -> list[list[Finding]]:
        """Return a household's alerts that began within a time: what was said of each, in order."""
        alerts: dict[tuple[Kind, str, str, int], list[Finding]] = {}
        for one in self.findings:
            if one.household == household:
                alerts.setdefault((one.kind, one.rule, one.source, one.onset), []).append(one)
        return [own for own in alerts.values() if since <= own[0].time < until]


Fit = Callable[[ReadingBatch], ReadingBatch]


def listen(
    homes: int, start: str, until: str, events: Sequence[str], absences: Sequence[tuple[str, int, int]] = (),
    fitter: Callable[[SensorTable], Fit] | None = None,
) -> Told:  # fmt: skip
    """Let a town live, and tell the default rules what is received."""
    begin, end = (datetime.fromisoformat(text).replace(tzinfo=ZONE) for text in (start, until))
    town = Town(5, homes, begin, events=[parse(one) for one in events])
    table = table_of(town)
    for household, leaves, returns in absences:
        number = table.household_number(household)
        assert number is not None
        table.absences.add(number, leaves, returns)
    fit = None if fitter is None else fitter(table)
    rules, registers, told = load("default", table), Registers(), Told(town)
    for batch in heard(town, begin, end):
        arrived = batch if fit is None else fit(batch)
        told.findings += rules.observe(registers.interpret(arrived, table).observations())
        told.findings += rules.tick(int(batch.received[0]))
        told.incidents += rules.incidents()
    return told


def exchanged(table: SensorTable) -> Fit:
    """Return who puts a device of another name, whose register begins at 0, in the place of a water meter."""
    home = table.household_number(EXCHANGED)
    assert home is not None
    old = {
        Quantity(table.quantity[one]): int(one)
        for one in np.flatnonzero((table.household == home) & (table.quantity > 0))
        if table.devices[int(table.device[one])] == "wm-006"
    }
    gateway = table.gateways[int(table.device[old[Quantity.VOLUME]])]
    new: dict[int, int] = {}
    stood: dict[int, float] = {}

    def fit(batch: ReadingBatch) -> ReadingBatch:
        sensor, value = batch.sensor.copy(), batch.value.copy()
        for quantity, number in old.items():
            rows = (batch.sensor == number) & (batch.time >= SWAPPED)
            if not rows.any():
                continue
            if number not in new:
                new[number] = len(table)
                table.add(
                    len(table), "wm-new", quantity, EXCHANGED, TOWN_ZONE, area=table.areas[home], gateway=gateway
                )  # fmt: skip
                stood[number] = float(batch.value[rows][0]) if quantity.cumulative else 0.0
            sensor[rows], value[rows] = new[number], batch.value[rows] - stood[number]
        return ReadingBatch(sensor, batch.time, value, batch.received)

    return fit


@pytest.fixture(scope="module")
def told() -> Told:
    return listen(
        40, "2026-03-02T00:00", "2026-03-11T13:00", EVENTS, [(KNOWN_AWAY, LEFT, BACK)], exchanged
    )  # fmt: skip


def test_three_days_away_that_nobody_registered_are_one_alert_that_grows(told: Told) -> None:
    [alert] = told.alerts(AWAY, LEFT)
    assert {one.kind for one in alert} == {Kind.INACTIVITY}
    raised = [one for one in alert if one.phase is Phase.RAISED]
    assert [one.severity for one in raised] == [Severity.MEDIUM, Severity.HIGH, Severity.URGENT]
    assert alert[-1].phase is Phase.CLEARED
    assert BACK <= alert[-1].time < BACK + 3 * HOUR
    assert raised[0].time - LEFT < 14 * HOUR
    used = told.town.used(
        AWAY, datetime.fromtimestamp(raised[0].onset / 1e6, ZONE), datetime.fromtimestamp(BACK / 1e6, ZONE)
    )
    assert used == []
    english = sentence(Kind.INACTIVITY, raised[-1].facts, "en", TOWN_ZONE)
    since = datetime.fromtimestamp(raised[0].onset / 1e6, ZONE)
    assert english.startswith("No water or electricity use for ")
    assert f"(since Sun {since:%H:%M})" in english


def test_three_days_away_that_are_registered_are_nothing(told: Told) -> None:
    assert told.alerts(KNOWN_AWAY, LEFT, BACK) == []


@pytest.mark.parametrize(
    ("household", "source", "said"),
    [(WATER_RESET, "wm-007/volume", "The water register restarted"),
     (POWER_RESET, "em-008/energy", "The electricity register restarted")],
)  # fmt: skip
def test_a_register_that_begins_anew_is_one_ticket(told: Told, household: str, source: str, said: str) -> None:
    [alert] = told.alerts(household, SWAPPED)
    found = alert[0]
    assert (found.kind, found.source, found.severity) == (Kind.METER, source, Severity.LOW)
    assert SWAPPED <= found.time < SWAPPED + HOUR
    assert sentence(found.kind, found.facts, "en", TOWN_ZONE).startswith(f"{said} (since Mon 11:")


def test_a_meter_exchanged_for_another_is_one_ticket_for_the_old_one(told: Told) -> None:
    [alert] = told.alerts(EXCHANGED, SWAPPED)
    found = alert[0]
    assert (found.kind, found.source, found.severity) == (Kind.OFFLINE, "wm-006", Severity.LOW)
    assert DAY <= found.time - SWAPPED + 2 * HOUR < DAY + 4 * HOUR
    assert sentence(found.kind, found.facts, "en", TOWN_ZONE).startswith("Nothing heard from the device for 24 h")


def test_a_gateway_off_for_a_day_is_one_incident_and_no_alert(told: Told) -> None:
    [begun, ended] = told.incidents
    assert (begun.cause, begun.source, begun.homes, begun.phase) == (Cause.GATEWAY, GATEWAY, 10, Phase.RAISED)
    assert (ended.id, ended.phase) == (begun.id, Phase.CLEARED)
    assert abs(begun.onset - CUT) < 15 * MINUTE
    behind = {device.household for device in told.town.registry.devices if device.gateway == GATEWAY}
    assert len(behind) == 10
    assert [alert for home in sorted(behind) for alert in told.alerts(home, CUT, CUT + 30 * HOUR)] == []
    assert "10" in sentence(Kind.OFFLINE, begun.facts, "en", TOWN_ZONE)


def test_a_blackout_of_200_homes_is_one_incident_over_all_rules() -> None:
    dark = at("2026-03-01T14:07")
    told = listen(200, "2026-03-01T00:00", "2026-03-01T18:00", ["blackout@9901@2026-03-01T14:07?for=2h"])
    [begun] = {one.id: one for one in told.incidents if one.phase is Phase.RAISED}.values()
    assert (begun.cause, begun.area, begun.of) == (Cause.POWER, "9901", 200)
    assert sentence(Kind.OUTAGE, begun.facts, "en", TOWN_ZONE).startswith(
        f"No electricity in {begun.homes} of 200 homes since about Sun 14:0"
    )
    alerts = {home: told.alerts(home, dark) for home in told.town.households}
    assert max(len(own) for own in alerts.values()) == 1
    of_the_dark = [own for each in alerts.values() for own in each if own[0].time < dark + 140 * MINUTE]
    assert {own[0].kind for own in of_the_dark} == {Kind.OUTAGE}
    kinds = {own[0].kind for each in alerts.values() for own in each}
    assert kinds <= {Kind.OUTAGE, Kind.INACTIVITY, Kind.CLOCK}
    for own in of_the_dark:
        said = sentence(own[0].kind, own[0].facts, "en", TOWN_ZONE)
        assert said.startswith("The electricity has failed here since about Sun 14:0")
