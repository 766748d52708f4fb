"""What a backtest found out, before anybody counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from alerts.life.episodes import Episode, fold
from detectors.finding import Finding, Kind
from detectors.incident import Incident
from shouwang.backtest.roster import YEAR, Watched
from shouwang.backtest.trials import Played


@dataclass(frozen=True)
class Said:
    """What one voice said: a rule set (`rule` None), or one of its rules asked for other `rates`.

    `alerts` are episodes as the service would have opened them, over all rules of the set together; `incidents` what
    befell areas, as each began, grew and ended.
    """

    rules: str
    rule: str | None
    rates: Sequence[float]
    findings: Sequence[Finding]
    incidents: Sequence[Incident] = ()

    @cached_property
    def alerts(self) -> Sequence[Episode]:
        """One alert is one open episode of a kind in a household, whichever rules report it."""
        # Batches are cut anywhere, findings have one order: without this, which of two sensors of a household
        # raised first could depend on the cut. Sorting is stable: a sensor's own findings stay in their order.
        return fold(sorted(self.findings, key=Finding.order))

    @cached_property
    def by_rule(self) -> Mapping[tuple[str, Kind], Sequence[Episode]]:
        """Episodes of each rule and kind, as if no other rule had been there."""
        apart: dict[tuple[str, Kind], list[Finding]] = {}
        for one in sorted(self.findings, key=Finding.order):
            apart.setdefault((one.rule, one.kind), []).append(one)
        return {key: fold(apart[key]) for key in sorted(apart)}


@dataclass(frozen=True)
class Report:
    """What rule sets said about the same readings. `late` readings were older than their sensor's last: not scored.

    `said` holds the rule sets in the order asked for, each followed by its variants at other rates. `played` are
    the injected events; `notices` what the reader should know.
    """

    readings: int
    late: int
    households: Mapping[str, Watched]
    said: Sequence[Said]
    played: Sequence[Played] = ()
    targets: Sequence[float] = ()
    notices: Sequence[str] = ()

    @property
    def sets(self) -> Sequence[Said]:
        """The rule sets themselves."""
        return [one for one in self.said if one.rule is None]

    @property
    def household_years(self) -> float:
        """How long all households together were watched."""
        return sum(one.span for one in self.households.values()) / YEAR

    @property
    def settled_years(self) -> float:
        """The same from each household's second month on."""
        return sum(max(one.last - one.settled, 0) for one in self.households.values()) / YEAR

    @property
    def coverage(self) -> float:
        """The share of household time in which readings came often enough to be judged."""
        span = sum(one.span for one in self.households.values())
        return sum(one.covered for one in self.households.values()) / span if span else 0.0
