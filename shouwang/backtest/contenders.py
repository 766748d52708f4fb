"""The rule sets that are compared in one run, and what each of them says."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec

from detectors.area_incidents import AreaIncidents
from detectors.finding import Finding, Kind, Phase
from detectors.incident import Incident
from detectors.offline import Offline
from detectors.rule import Rule
from detectors.rules import RuleSet, entries, load
from registry.readings import Observations, SensorTable
from registry.spans import Spans

LADDER = ("inactivity", "gap_quantile")
"""Types of rules that are asked for a false-alarm rate, so that variants of them can be compared at equal rates."""


class Voice:
    """One rule set that is listened to: a set under test, or one rule of it asked for another rate.

    `standing` are the alarms it has raised and not cleared, by (household, kind, rule, source); `stood` those of
    the moment at which a copy was made.
    """

    def __init__(self, ruleset: RuleSet, *, rule: str | None = None, rate: float | None = None) -> None:
        self.ruleset = ruleset
        self.rule = rule
        self.rate = rate
        self.said: list[Finding] = []
        self.incidents: list[Incident] = []
        self.standing: dict[tuple[str, Kind, str, str], Finding] = {}
        self.stood: dict[tuple[str, Kind, str, str], Finding] = {}

    def observe(self, seen: Observations, now: int) -> None:
        """Show readings and then the clock (microseconds UTC), and keep what is said."""
        self.hear(self.ruleset.observe(seen))
        self.hear(self.ruleset.tick(now))
        self.incidents += self.ruleset.incidents()

    def hear(self, findings: Iterable[Finding]) -> None:
        """Keep what was said."""
        for one in findings:
            key = one.household, one.kind, one.rule, one.source
            if one.phase is Phase.RAISED:
                self.standing.setdefault(key, one)
            else:
                self.standing.pop(key, None)
            self.said.append(one)


class Contender:
    """A rule set over its own table of sensors, with variants of those of its rules that can be asked for a rate."""

    def __init__(self, name: str, rates: Sequence[float] = ()) -> None:
        """Load a rule set; `rates` are the false alarms a household-year its variants are asked for.

        Raises:
            RulesError: there is no such rule set, or it cannot be read.
        """
        self.name = name
        self.sensors = SensorTable()
        self.voices = [Voice(load(name, self.sensors))]
        for rule in ladders(entries(name)):
            for rate in rates:
                built = asked_for(rule, rate).build(self.sensors)
                self.voices.append(Voice(RuleSet([built]), rule=rule.name, rate=rate))

    def observe(self, seen: Observations, now: int) -> None:
        """Show readings to the set and its variants."""
        own = replace(seen, shared={})
        for voice in self.voices:
            voice.observe(own, now)

    def copy(self) -> Contender:
        """Return a contender that goes on from here by itself; only what is known of the sensors is shared.

        What waits to hear of all households stays behind: a copy hears only some of them.
        """
        twin = object.__new__(Contender)
        twin.name = self.name
        twin.sensors = copy.copy(self.sensors)
        twin.sensors.outages = Spans()
        known = {id(self.sensors): twin.sensors, id(self.sensors.outages): twin.sensors.outages}
        known |= {id(same): same for same in (self.sensors.absences, self.sensors.dependent)}
        twin.voices = []
        for voice in self.voices:
            ruleset = copy.deepcopy(voice.ruleset, dict(known))
            ruleset.detectors = tuple(one for one in ruleset.detectors if not isinstance(one, AreaIncidents | Offline))
            again = Voice(ruleset, rule=voice.rule, rate=voice.rate)
            again.standing, again.stood = dict(voice.standing), dict(voice.standing)
            twin.voices.append(again)
        return twin


def ladders(rules: Iterable[Rule]) -> list[Rule]:
    """Return the rules that can be asked for a rate."""
    return [rule for rule in rules if rule.__struct_config__.tag in LADDER]


def asked_for(rule: Rule, rate: float) -> Rule:
    """Return the same rule asked for one rate: so many false alarms a household-year."""
    if "rates" in rule.__struct_fields__:
        return msgspec.convert({**msgspec.to_builtins(rule), "rates": [rate]}, type(rule))
    return msgspec.convert({**msgspec.to_builtins(rule), "rate": rate}, type(rule))


def rate_of(finding: Finding) -> float | None:
    """Return the false alarms a household-year that a finding's level was asked for, None of rules without rates."""
    rate = finding.facts.get("rate")
    return None if rate is None or isinstance(rate, str) else float(rate)
