"""What an incident explains is held back, taken back, and told after all when it outlasts the incident."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from detectors.areas.explained import Explained, Reason
from detectors.finding import Finding, Kind, Phase, Severity
from registry.instants import HOUR, MINUTE

BEGIN = 1_000 * HOUR
INCIDENT = uuid4()


def silence(onset: int, time: int, kind: Kind = Kind.INACTIVITY, limit: float = 0.0) -> Finding:
    return Finding(
        "home", kind, "rule", "meter/volume", Phase.RAISED, Severity.HIGH, onset, time, 1.0,
        {"template": "x", "lasted": 1.0, "limit": limit},
    )  # fmt: skip


def cleared(found: Finding, time: int) -> Finding:
    return replace(found, phase=Phase.CLEARED, time=time, facts={"lasted": 2.0})


class Blackout:
    """An incident of a test's own, that explains what began within it."""

    def __init__(self) -> None:
        self.explained = Explained()
        self.end: int | None = None
        self.known = False

    def at(self, now: int, *found: Finding) -> list[Finding]:
        return self.explained.sift(found, self._reason, now)

    def _reason(self, found: Finding) -> Reason | None:
        return Reason(BEGIN, self.end, INCIDENT) if self.known and found.onset >= BEGIN else None


def test_what_began_before_the_incident_is_told() -> None:
    world = Blackout()
    world.known = True
    found = silence(BEGIN - HOUR, BEGIN + HOUR)
    assert world.at(BEGIN + HOUR, found) == [found]


def test_what_the_incident_explains_is_never_told_if_it_ends_with_it() -> None:
    world = Blackout()
    world.known = True
    found = silence(BEGIN, BEGIN + HOUR)
    assert world.at(BEGIN + HOUR, found) == []
    world.end = BEGIN + 2 * HOUR
    assert world.at(world.end + MINUTE) == []
    assert world.at(world.end + 2 * MINUTE, cleared(found, world.end)) == []
    assert world.at(world.end + 9 * HOUR) == []


def test_what_outlasts_the_incident_is_told_as_of_then() -> None:
    world = Blackout()
    world.known = True
    found = silence(BEGIN, BEGIN + HOUR)
    world.at(BEGIN + HOUR, found)
    world.end = BEGIN + 2 * HOUR
    assert world.at(BEGIN + 3 * HOUR - MINUTE) == []
    [told] = world.at(BEGIN + 3 * HOUR)
    assert (told.onset, told.time, told.facts["lasted"]) == (BEGIN, BEGIN + 3 * HOUR, 3 * 3600.0)
    end = cleared(found, BEGIN + 4 * HOUR)
    assert world.at(BEGIN + 4 * HOUR, end) == [end]


def test_what_was_told_before_the_incident_was_known_is_taken_back_once() -> None:
    world = Blackout()
    found = silence(BEGIN, BEGIN + 10 * MINUTE, Kind.DROP)
    assert world.at(BEGIN + 10 * MINUTE, found) == [found]
    world.known = True
    [back] = world.at(BEGIN + 30 * MINUTE)
    assert (back.phase, back.onset, back.facts["reason"]) == (Phase.CLEARED, BEGIN, "incident")
    assert back.facts["incident"] == str(INCIDENT)
    assert world.at(BEGIN + 35 * MINUTE) == []
    assert world.at(BEGIN + 40 * MINUTE, cleared(found, BEGIN + 40 * MINUTE)) == []


def test_what_was_taken_back_and_goes_on_after_the_incident_begins_anew() -> None:
    world = Blackout()
    found = silence(BEGIN, BEGIN + 10 * MINUTE)
    world.at(BEGIN + 10 * MINUTE, found)
    world.known = True
    world.at(BEGIN + 30 * MINUTE)
    world.end = BEGIN + 2 * HOUR
    [told] = world.at(BEGIN + 3 * HOUR)
    assert (told.phase, told.onset, told.time) == (Phase.RAISED, world.end, BEGIN + 3 * HOUR)
    [end] = world.at(BEGIN + 5 * HOUR, cleared(found, BEGIN + 5 * HOUR))
    assert (end.phase, end.onset) == (Phase.CLEARED, world.end)


def test_a_device_has_its_own_limit_after_the_incident() -> None:
    world = Blackout()
    world.known = True
    found = silence(BEGIN, BEGIN + HOUR, Kind.OFFLINE, limit=6 * 3600)
    world.end = BEGIN + 2 * HOUR
    assert world.at(BEGIN + 2 * HOUR, found) == []
    assert world.at(BEGIN + 8 * HOUR - MINUTE) == []
    assert [one.kind for one in world.at(BEGIN + 8 * HOUR)] == [Kind.OFFLINE]


def test_other_kinds_pass() -> None:
    world = Blackout()
    world.known = True
    found = silence(BEGIN, BEGIN + HOUR, Kind.SMOKE)
    assert world.at(BEGIN + HOUR, found) == [found]


def test_a_restart_forgets_nothing() -> None:
    first, second = Blackout(), Blackout()
    first.known = second.known = True
    found = silence(BEGIN, BEGIN + HOUR)
    first.at(BEGIN + HOUR, found)
    second.explained.restore(first.explained.state())
    first.end = second.end = BEGIN + 2 * HOUR
    assert second.at(BEGIN + 3 * HOUR) == first.at(BEGIN + 3 * HOUR) != []
