"""Which detectors watch: rule sets by name, or from a user's own TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from detectors.appliance import ApplianceRule
from detectors.area_incidents import AreaIncidents, AreaIncidentsRule
from detectors.budget import Budgeted
from detectors.burst import BurstRule
from detectors.clock_skew import ClockSkewRule
from detectors.cold import ColdRule
from detectors.columns.bank import StateError
from detectors.constant_use import ConstantUseRule
from detectors.day_use import DayUseRule
from detectors.drift import DriftRule
from detectors.electricity import ElectricityRule
from detectors.finding import Finding
from detectors.fusion import Fusion
from detectors.gap_quantile import GapQuantileRule
from detectors.generic import GenericRule
from detectors.inactivity import InactivityRule
from detectors.incident import Incident
from detectors.leak import LeakRule
from detectors.low_use import LowUseRule
from detectors.meter import MeterRule
from detectors.offline import Offline, OfflineRule
from detectors.protocol import Daily, Detector
from detectors.river_models.build import ModelError
from detectors.river_models.rule import RiverRule
from detectors.rule import Rule, RulesError
from detectors.smoke_alarm import SmokeAlarmRule
from detectors.smoke_level import SmokeLevelRule
from detectors.stuck import StuckRule
from detectors.tap import TapRule
from detectors.threshold import BatteryRule, TamperRule
from detectors.verdict import Learner, Verdict
from registry.instants import DAY
from registry.readings import Observations, SensorTable

_ALWAYS = "always"

_TYPES: tuple[type[Rule], ...] = (
    InactivityRule,
    LowUseRule,
    GapQuantileRule,
    DayUseRule,
    ConstantUseRule,
    LeakRule,
    BurstRule,
    TapRule,
    ElectricityRule,
    ApplianceRule,
    ColdRule,
    SmokeAlarmRule,
    SmokeLevelRule,
    BatteryRule,
    TamperRule,
    OfflineRule,
    AreaIncidentsRule,
    StuckRule,
    MeterRule,
    ClockSkewRule,
    DriftRule,
    GenericRule,
    RiverRule,
)
_BY_TAG = {str(one.__struct_config__.tag): one for one in _TYPES}
# For msgspec to look into them while this module is loaded: two threads that make it do so at once crash the process.
_READERS = [msgspec.json.Decoder(one) for one in _TYPES]


class RuleSet:
    """Detectors that watch together over one table of sensors."""

    def __init__(self, detectors: Sequence[Detector], fusion: Fusion | None = None) -> None:
        self.detectors = tuple(detectors)
        self._fusion = fusion
        self._day: int | None = None

    def observe(self, batch: Observations) -> list[Finding]:
        """Show readings to every detector; return what they say, in the one order of findings."""
        findings: list[Finding] = []
        for day, part in _by_day(batch):
            self._dawn(day)
            findings += [found for one in self.detectors for found in one.observe(part)]
        return self._told(findings)

    def tick(self, now: int) -> list[Finding]:
        """Tell every detector the engine's clock, microseconds UTC; return what only time can show."""
        self._dawn(now // DAY)
        return self._told([found for one in self.detectors for found in one.tick(now)])

    def incidents(self) -> list[Incident]:
        """Return what befell areas since the last call: what began, grew or ended."""
        return [told for one in self.detectors if isinstance(one, AreaIncidents) for told in one.incidents()]

    def deaf(self, since: int, until: int) -> None:
        """Tell who waits for somebody to be heard that the service itself heard nobody in this time."""
        for one in self.detectors:
            if isinstance(one, Offline | AreaIncidents):
                one.deaf(since, until)

    def allow(self, rate: float) -> None:
        """Set the budget of every detector that holds one: false visits for each household-day."""
        for one in self.detectors:
            if isinstance(one, Budgeted):
                one.allow(rate)

    def learn(self, verdicts: Sequence[Verdict], now: int) -> None:
        """Tell what people found to every detector whose thresholds follow it; `now` as in `tick`."""
        for one in self.detectors:
            if isinstance(one, Learner):
                one.learn(verdicts, now)

    def snapshot(self) -> dict[str, bytes]:
        """Return the state of every detector by its name."""
        return dict(self.states())

    def states(self) -> Iterator[tuple[str, bytes]]:
        """Yield what `snapshot` returns, one after the other."""
        for one in self.detectors:
            yield one.name, one.snapshot()
        if self._fusion is not None:
            yield self._fusion.name, self._fusion.snapshot()

    def restore(self, states: Mapping[str, bytes]) -> list[str]:
        """Take what `snapshot` returned.

        Returns:
            The names of the rules that start empty: new ones, and those whose parameters have changed.
        """
        empty = []
        for one in self.detectors:
            try:
                one.restore(states[one.name])
            except (KeyError, StateError):
                empty.append(one.name)
        if self._fusion is not None and (fused := states.get(self._fusion.name)) is not None:
            self._fusion.restore(fused)
        return empty

    def _dawn(self, day: int) -> None:
        """Tell that a day of the clock has begun, once."""
        if self._day is None or day > self._day:
            self._day = day
            for one in self.detectors:
                if isinstance(one, Daily):
                    one.dawn(day)

    def _told(self, findings: list[Finding]) -> list[Finding]:
        for one in self.detectors:
            if isinstance(one, AreaIncidents):
                findings = one.explain_away(findings)
        findings = _in_order(findings)
        return findings if self._fusion is None else self._fusion.fuse(findings)


def _by_day(batch: Observations) -> Iterator[tuple[int, Observations]]:
    """Yield the rows received on each day of the clock (days since 1970), in their order."""
    if not len(batch):
        return
    day = np.maximum.accumulate(batch.received // DAY)
    if day[0] == day[-1]:
        yield int(day[0]), batch
        return
    cuts = [0, *(np.flatnonzero(day[1:] != day[:-1]) + 1).tolist(), len(day)]
    for first, end in pairwise(cuts):
        yield int(day[first]), batch.only(np.arange(first, end))


def names() -> list[str]:
    """Return the names of the built-in rule sets."""
    return sorted(set(_presets()) - {_ALWAYS})


def load(name_or_path: str | Path, sensors: SensorTable) -> RuleSet:
    """Return a built-in rule set, or that of a TOML file with `[[rule]]` entries, over a table of sensors.

    Every set has the rules that must always be on, unless it names one of them itself.

    Raises:
        RulesError: there is no such set or file, or an entry cannot be understood; it names file and entry.
    """
    place, entries = _chosen(name_or_path)
    return RuleSet([_built(place, entry, sensors) for entry in entries], Fusion(sensors))


def entries(name_or_path: str | Path) -> list[Rule]:
    """Return the rules of which `load` makes a set; raises `RulesError` as it does."""
    return _chosen(name_or_path)[1]


def _chosen(name_or_path: str | Path) -> tuple[str, list[Rule]]:
    presets = _presets()
    path = Path(name_or_path)
    if str(name_or_path) in names():
        place, chosen = str(name_or_path), presets[str(name_or_path)]
    elif path.suffix == ".toml" or path.is_file():
        place, chosen = str(path), _read(path)
    else:
        raise RulesError(
            f"there is no rule set `{name_or_path}`; write one of {', '.join(names())}, or the path of a TOML file"
        )
    own = {entry.name: entry for entry in _entries(place, chosen)}
    entries = []
    for entry in _entries(_ALWAYS, presets[_ALWAYS]):
        mine = own.pop(entry.name, entry)
        if type(mine) is not type(entry):
            raise RulesError(
                f"{place}: rule `{entry.name}` is always on and may not become another; choose another name"
            )
        entries.append(mine)
    entries += own.values()
    return place, entries


def _presets() -> dict[str, Any]:
    return tomllib.loads(resources.files("detectors").joinpath("presets.toml").read_text(encoding="utf-8"))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as wrong:
        raise RulesError(f"{path}: it cannot be read ({wrong.strerror}); write the path of a TOML file") from wrong
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise RulesError(f"{path}: it is not TOML: {wrong}") from wrong


def _entries(place: str, document: Mapping[str, Any]) -> list[Rule]:
    rules = document.get("rule")
    unknown = sorted(set(document) - {"rule"})
    if unknown or not isinstance(rules, list):
        wrong = f"`{unknown[0]}` is not known" if unknown else "it has no rules"
        raise RulesError(f"{place}: {wrong}; write `[[rule]]` entries")
    entries: list[Rule] = []
    for number, written in enumerate(rules, 1):
        entry = _entry(f"{place}: rule {number}", written)
        if any(entry.name == other.name for other in entries):
            raise RulesError(f"{place}: rule {number}: another rule is named `{entry.name}`; give each its own name")
        entries.append(entry)
    return entries


def _entry(place: str, written: Any) -> Rule:
    if not isinstance(written, dict):
        raise RulesError(f"{place}: it is no table; write `[[rule]]`, and its keys below")
    place = f"{place} (`{written['name']}`)" if "name" in written else place
    kind = _BY_TAG.get(str(written.get("type")))
    if kind is None:
        raise RulesError(f"{place}: its type is not known; write `type` as one of {', '.join(_BY_TAG)}")
    try:
        return msgspec.convert(written, kind)
    except msgspec.ValidationError as wrong:
        keys = ", ".join(kind.__struct_fields__)
        raise RulesError(f"{place}: {wrong}; a rule of type `{written['type']}` may have {keys}") from wrong


def _built(place: str, entry: Rule, sensors: SensorTable) -> Detector:
    try:
        return entry.build(sensors)
    except (ModelError, RulesError) as wrong:
        raise RulesError(f"{place}: rule `{entry.name}`: {wrong}") from wrong


def _in_order(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=Finding.order)
