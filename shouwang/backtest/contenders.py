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
from detectors.rule import Rule, RulesError
from detectors.rules import RuleSet, entries, load
from registry.readings import Observations, SensorTable
from registry.spans import Spans

LADDER = ("inactivity", "gap_quantile")
"""Types of rules that are asked for a false-alarm rate, so that variants of them can be compared at equal rates."""


Standing = dict[tuple[str, Kind, str, str], frozenset[float | None]]


class Voice:
    """One rule set that is listened to: a set under test, or one rule of it asked for other rates.

    `standing` are the alarms it has raised and not cleared, by (household, kind, rule, source), and the rates of the
    levels they have reached; `stood` those of the moment at which a copy was made.
    """

    def __init__(self, ruleset: RuleSet, *, rule: str | None = None, rates: Sequence[float] = ()) -> None:
        self.ruleset = ruleset
        self.rule = rule
        self.rates = tuple(rates)
        self.said: list[Finding] = []
        self.incidents: list[Incident] = []
        self.standing: Standing = {}
        self.stood: Standing = {}

    def observe(self, seen: Observations, now: int) -> None:
        """Show readings and then the clock (microseconds UTC), and keep what is said."""
        self.hear(self.ruleset.observe(seen))
        self.hear(self.ruleset.tick(now))
        self.incidents += self.ruleset.incidents()

    def hear(self, findings: Iterable[Finding]) -> None:
        """Keep what was said."""
        for one in findings:
            stands(self.standing, one)
            self.said.append(one)


def stands(standing: Standing, finding: Finding) -> None:
    """Note in `standing` what a finding begins, makes worse or ends."""
    key = finding.household, finding.kind, finding.rule, finding.source
    if finding.phase is Phase.RAISED:
        standing[key] = standing.get(key, frozenset()) | {rate_of(finding)}
    else:
        standing.pop(key, None)


class Contender:
    """A rule set over its own table of sensors, with variants of those of its rules that can be asked for a rate."""

    def __init__(self, name: str, rates: Sequence[float] = (), *, known: set[str] | None = None) -> None:
        """Load a rule set; `rates` are the false alarms a household-year its variants are asked for.

        A rule that differs from a `known` one in name and rates only has no variants again; others become known.

        Raises:
            RulesError: there is no such rule set, or it cannot be read.
        """
        self.name = name
        self.sensors = SensorTable()
        self.voices = [Voice(load(name, self.sensors))]
        known = set() if known is None else known
        for rule in ladders(entries(name)):
            apart = apart_from_rates(rule)
            if apart in known:
                continue
            known.add(apart)
            for some in together(rule, rates):
                built = asked_for(rule, some).build(self.sensors)
                self.voices.append(Voice(RuleSet([built]), rule=rule.name, rates=some))

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
            again = Voice(ruleset, rule=voice.rule, rates=voice.rates)
            again.standing, again.stood = dict(voice.standing), dict(voice.standing)
            twin.voices.append(again)
        return twin


def ladders(rules: Iterable[Rule]) -> list[Rule]:
    """Return the rules that can be asked for a rate."""
    return [rule for rule in rules if rule.__struct_config__.tag in LADDER]


def apart_from_rates(rule: Rule) -> str:
    """Return what a rule is, but for its name and the rates it is asked for."""
    written = msgspec.to_builtins(rule)
    return repr(sorted((key, value) for key, value in written.items() if key not in {"name", "rate", "rates"}))


def together(rule: Rule, rates: Sequence[float]) -> list[tuple[float, ...]]:
    """Share rates out to as few variants of a rule as can have them: a rule with levels has several at once."""
    groups: list[tuple[float, ...]] = []
    for rate in rates:
        for number, group in enumerate(groups):
            if _can_be(rule, (*group, rate)):
                groups[number] = (*group, rate)
                break
        else:
            groups += [(rate,)] if _can_be(rule, (rate,)) else []
    return groups


def _can_be(rule: Rule, rates: Sequence[float]) -> bool:
    try:
        asked_for(rule, rates).build(SensorTable())
    except (msgspec.ValidationError, RulesError):
        return False
    return True


def asked_for(rule: Rule, rates: Sequence[float]) -> Rule:
    """Return the same rule asked for rates: so many false alarms a household-year.

    Raises:
        RulesError: it has one rate only.
        msgspec.ValidationError: it takes no such rate.
    """
    written = msgspec.to_builtins(rule)
    if "rates" in rule.__struct_fields__:
        return msgspec.convert({**written, "rates": list(rates)}, type(rule))
    if len(rates) > 1:
        raise RulesError("it has one `rate`")
    return msgspec.convert({**written, "rate": rates[0]}, type(rule))


def rate_of(finding: Finding) -> float | None:
    """Return the false alarms a household-year that a finding's level was asked for, None of rules without rates."""
    rate = finding.facts.get("rate")
    return None if rate is None or isinstance(rate, str) else float(rate)
