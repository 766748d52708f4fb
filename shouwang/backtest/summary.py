"""Counts what a backtest found: rates per rule, asked against measured, delays, and delays at equal rates. Pure.

Recordings hold no labelled emergency, so every alert of a recording counts as false. Delays are of injected events
only; those at which an alarm of the same kind stood already are left out, since nobody could tell one from the other.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from alerts.life.episodes import Episode
from detectors.finding import Kind
from registry.instants import DAY, HOUR
from shouwang.backtest.inject import EXPECTED, Befallen
from shouwang.backtest.report import Report, Said
from shouwang.backtest.roster import YEAR, Watched
from shouwang.backtest.trials import Played


@dataclass(frozen=True, slots=True)
class Count:
    """Alerts of a rule (None: of the set) and kind in so many household-years, overall and from the second month on.

    `raised_after` is the median time in hours from onset to alarm.
    """

    rule: str | None
    kind: Kind
    alerts: int
    open: int
    homes: int
    years: float
    settled: int
    settled_years: float
    raised_after: float

    @property
    def per_year(self) -> float | None:
        """Alerts a household-year."""
        return self.alerts / self.years if self.years else None

    @property
    def per_1000_days(self) -> float | None:
        """Alerts in 1,000 household-days."""
        return 1000 * self.alerts / (self.years * YEAR / DAY) if self.years else None

    @property
    def settled_per_year(self) -> float | None:
        """Alerts a household-year, from each household's second month on."""
        return self.settled / self.settled_years if self.settled_years else None


@dataclass(frozen=True, slots=True)
class Level:
    """A false-alarm rate a rule was asked for, and what it came to; alarms at this level or a severer one."""

    rule: str
    kind: Kind
    asked: float
    measured: float | None
    settled: float | None


@dataclass(frozen=True, slots=True)
class Delays:
    """Of `events`, how long the alarm took: hours, infinite where the event was not found within 72 h."""

    hours: tuple[float, ...]

    @property
    def events(self) -> int:
        """How many events these are of."""
        return len(self.hours)

    def quantile(self, share: float) -> float:
        """Return the delay within which that share of events was found, hours; infinite if it was not."""
        return sorted(self.hours)[math.ceil(share * len(self.hours)) - 1] if self.hours else math.inf

    def within(self, hours: float) -> float:
        """Return the share of events found within so many hours."""
        return sum(one <= hours for one in self.hours) / len(self.hours) if self.hours else 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """How fast a set, or a level of one of its rules, says what happened, beside its false alarms a household-year."""

    kind: Befallen
    rules: str
    rule: str | None
    asked: float | None
    false: float | None
    delays: Delays


@dataclass(frozen=True, slots=True)
class Point:
    """A rate that was measured, false alarms a household-year, and the delays there."""

    rate: float
    delays: Delays


@dataclass(frozen=True, slots=True)
class Matched:
    """Median and 90th percentile of delays in hours at a rate; None where the ladder does not reach it."""

    rate: float
    median: float | None
    p90: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of comparison at equal rates: a rule's ladder, or a set that has none and is where it is."""

    rules: str
    rule: str | None
    points: tuple[Point, ...]
    matched: tuple[Matched, ...]

    @property
    def fixed(self) -> Point | None:
        """The one point of a set without a ladder."""
        return self.points[0] if self.rule is None else None


def counts(said: Said, report: Report) -> list[Count]:
    """Return the alerts of each kind, then those of each rule and kind as if that rule were alone."""
    kinds: dict[Kind, list[Episode]] = {}
    for one in said.alerts:
        kinds.setdefault(one.kind, []).append(one)
    together = [_count(None, kind, kinds[kind], report) for kind in sorted(kinds)]
    return together + [_count(rule, kind, some, report) for (rule, kind), some in said.by_rule.items()]


def _count(rule: str | None, kind: Kind, episodes: Sequence[Episode], report: Report) -> Count:
    return Count(
        rule,
        kind,
        len(episodes),
        sum(one.ended_at is None for one in episodes),
        len({one.household for one in episodes}),
        report.household_years,
        len(_settled(episodes, report.households)),
        report.settled_years,
        median(one.raised_at - one.onset for one in episodes) / HOUR if episodes else 0.0,
    )


def _settled(episodes: Iterable[Episode], households: Mapping[str, Watched]) -> list[Episode]:
    return [one for one in episodes if one.raised_at >= households[one.household].settled]


def levels(said: Said, report: Report) -> list[Level]:
    """Return asked and measured rates of each level that a rule of the set raised."""
    found = []
    for (rule, kind), episodes in said.by_rule.items():
        asked = {one.rate for episode in episodes for one in episode.levels if one.rate is not None}
        for rate in sorted(asked, reverse=True):
            reached = [(episode.household, at) for episode in episodes if (at := _reached(episode, rate)) is not None]
            settled = sum(at >= report.households[household].settled for household, at in reached)
            every, later = _rate(len(reached), report.household_years), _rate(settled, report.settled_years)
            found.append(Level(rule, kind, rate, every, later))
    return found


def _reached(episode: Episode, rate: float) -> int | None:
    """Return when an episode reached the level of a rate or a severer one."""
    return min((one.raised_at for one in episode.levels if one.rate is not None and one.rate <= rate), default=None)


def _rate(count: int, years: float) -> float | None:
    return count / years if years else None


def worst(said: Said, most: int = 5) -> list[tuple[str, int]]:
    """Return the households with most alerts, and how many."""
    return Counter(one.household for one in said.alerts).most_common(most)


def delays(
    played: Iterable[Played], kind: Befallen, voice: int, rule: str | None = None, rate: float | None = None
) -> Delays:
    """Return how long a voice took to say what happened; or one of its rules, or the rule's level at a rate."""
    hours = []
    for one in played:
        if one.kind is not kind or any(_is_of(told, voice, rule, rate) for told in one.standing):
            continue
        own = (
            answer.delay / HOUR
            for answer in one.answers
            if _is_of((answer.voice, answer.rule, answer.rate), voice, rule, rate)
        )
        hours.append(min(own, default=math.inf))
    return Delays(tuple(hours))


def _is_of(told: tuple[int, str, float | None], voice: int, rule: str | None, rate: float | None) -> bool:
    """Say whether an alarm is one of a voice; of one of its rules; of a level of it or a severer one."""
    number, name, level = told
    severe = rate is None or (level is not None and level <= rate)
    return number == voice and (rule is None or rule == name) and severe


def found(report: Report) -> list[Found]:
    """Return how fast each set says each thing that was injected, and each level of rules that have several."""
    told = []
    for kind in Befallen:
        if not any(one.kind is kind for one in report.played):
            continue
        for voice, said in enumerate(report.said):
            if said.rule is not None:
                continue
            own = delays(report.played, kind, voice)
            told.append(Found(kind, said.rules, None, None, false_rate(said, kind, report), own))
            steps = [one for one in levels(said, report) if one.kind in EXPECTED[kind]]
            for one in steps:
                if sum(other.rule == one.rule for other in steps) > 1:
                    own = delays(report.played, kind, voice, one.rule, one.asked)
                    told.append(Found(kind, said.rules, one.rule, one.asked, one.settled, own))
    return told


def false_rate(said: Said, kind: Befallen, report: Report) -> float | None:
    """Return a voice's alerts of the kinds that say what happened: a household-year, from the second month on."""
    own = [one for one in said.alerts if one.kind in EXPECTED[kind]]
    return _rate(len(_settled(own, report.households)), report.settled_years)


def lines(report: Report, kind: Befallen = Befallen.FALL) -> list[Line]:
    """Return what is compared at equal rates: the ladder of each rule that has one, and sets without any."""
    ladders: dict[tuple[str, str], list[Point]] = {}
    fixed: dict[str, Point] = {}
    for voice, said in enumerate(report.said):
        if said.rule is None:
            rate = false_rate(said, kind, report)
            if rate:
                fixed[said.rules] = Point(rate, delays(report.played, kind, voice))
            continue
        measured = {one.asked: one.settled for one in levels(said, report) if one.kind in EXPECTED[kind]}
        own = ladders.setdefault((said.rules, said.rule), [])
        for asked in said.rates:
            own.append(Point(measured.get(asked) or 0.0, delays(report.played, kind, voice, said.rule, asked)))
    found = []
    for said in report.sets:
        rules_of = [(key, points) for key, points in ladders.items() if key[0] == said.rules]
        for (rules, rule), points in rules_of:
            matches = tuple(matched(points, target) for target in report.targets)
            found.append(Line(rules, rule, tuple(sorted(points, key=lambda point: point.rate)), matches))
        if not rules_of and said.rules in fixed:
            found.append(Line(said.rules, None, (fixed[said.rules],), ()))
    return found


def matched(points: Sequence[Point], target: float) -> Matched:
    """Return the delays at a measured rate, between the two points around it: linear in the logarithm of the rate."""
    ascending = sorted((point for point in points if point.rate > 0), key=lambda point: point.rate)
    below = [point for point in ascending if point.rate <= target]
    above = [point for point in ascending if point.rate >= target]
    if not below or not above:
        return Matched(target, None, None)
    low, high = below[-1], above[0]
    span = math.log(high.rate / low.rate)
    share = math.log(target / low.rate) / span if span else 0.0
    return Matched(target, *(_between(low.delays.quantile(q), high.delays.quantile(q), share) for q in (0.5, 0.9)))


def _between(low: float, high: float, share: float) -> float:
    """Return a value between two; one that is infinite is so up to the point where the other is."""
    if share in {0.0, 1.0} or low == high:
        return high if share == 1.0 else low
    return low + share * (high - low) if math.isfinite(low) and math.isfinite(high) else math.inf
