"""What the detection lab is asked and what it answers: rules tried on the past, beside what was raised. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO, Final, Literal, Protocol
from zoneinfo import ZoneInfo

from detectors.finding import Fact

REAL: Final = frozenset({"helped", "emergency_services"})
"""Outcomes after which an alert was right: somebody needed help."""
FALSE: Final = frozenset({"false_alarm", "found_well", "resident_fine"})
"""Outcomes after which it was not needed: nothing was the matter."""

State = Literal["running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is to be tried: a built-in rule set's name or the text of a TOML file, on a household's past or a recording.

    `scope` is the area code prefix that its asker answers for, `zone` (IANA) that of devices nobody knows; readings
    of a household are those before `until`. `called` is what the rules are called on the page.
    """

    scope: str
    zone: str
    until: datetime
    called: str
    rules: str | None = None
    toml: str | None = None
    household: str | None = None
    recording: str | None = None
    """The name of a recorded file, whose contents are handed over beside it."""


@dataclass(frozen=True, slots=True)
class Would:
    """An alert that the rules would have raised; it lasts until `ended_at`, None where it had not ended."""

    household: str
    kind: str
    severity: int
    rule: str
    onset: datetime
    raised_at: datetime
    ended_at: datetime | None
    facts: dict[str, Fact]
    zone: str


@dataclass(frozen=True, slots=True)
class Watched:
    """How long one household was watched, days, and the zone it lives in."""

    days: float
    zone: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it: readings read, from when to when, of whom, and what would have been raised.

    `coverage` is the share of the time in which readings came often enough to be judged, `more` how many alerts are
    left out because they are too many to look at, `neighbours` how many homes were learned from and are not shown.
    """

    begin: datetime
    end: datetime
    readings: int
    coverage: float
    households: dict[str, Watched]
    alerts: list[Would]
    more: int = 0
    neighbours: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """An experiment and how far it is: `share` done, 0 to 1; a `result` when it is done, an `error` if it failed."""

    experiment: Experiment
    state: State
    share: float = 0.0
    error: str = ""
    result: Result | None = None


class Busy(Exception):  # noqa: N818 - it is a state, not a mistake
    """Somebody's experiment is still at work; the message says whose."""


class Laboratory(Protocol):
    """Where experiments are carried out, apart from the web server; one at a time for each asker."""

    def begin(self, asker: str, experiment: Experiment, recording: BinaryIO | None = None) -> None:
        """Begin; what the asker tried before is forgotten.

        Raises:
            Busy: the asker's last one is still at work, or as many of others as there is room for.
        """
        ...

    def look(self, asker: str) -> Trial | None:
        """Return how far the asker's experiment is, None where there is none."""
        ...

    def stop(self, asker: str) -> None:
        """End the asker's experiment and forget it."""
        ...


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert that was raised in fact; `outcome` None while it is open."""

    id: str
    household: str
    kind: str
    severity: int
    rule: str
    onset: datetime
    raised_at: datetime
    closed_at: datetime | None
    outcome: str | None
    facts: Mapping[str, Fact]
    zone: str


@dataclass(frozen=True, slots=True)
class Beside:
    """One line of the comparison: what was raised, what would have been, or both of the same matter."""

    raised: Raised | None
    would: Would | None

    @property
    def at(self) -> datetime:
        """The earlier of the two."""
        return min(one.raised_at for one in (self.raised, self.would) if one is not None)

    @property
    def sooner(self) -> timedelta | None:
        """How much sooner the rules would have said it than it was said; negative if later, None without both."""
        return None if self.raised is None or self.would is None else self.raised.raised_at - self.would.raised_at


@dataclass(frozen=True, slots=True)
class Figures:
    """What the comparison comes to.

    `real` alerts had somebody in need, `false` ones nobody; of those `real_found` and `false_again` would be raised
    again. `delay` and `delay_would` are the median times from onset to alarm of the real ones that both say. `unknown`
    would be raised where nobody went. `per_1000` and `per_1000_would` are alerts that were not needed, or are not
    known to have been, in 1,000 household-days; None of what was not watched.
    """

    raised: int
    would: int
    real: int
    real_found: int
    false: int
    false_again: int
    unknown: int
    delay: timedelta | None
    delay_would: timedelta | None
    per_1000: float | None
    per_1000_would: float | None


@dataclass(frozen=True, slots=True)
class Month:
    """How many alerts a month of the reader's calendar had: (year, month), raised and would."""

    year: int
    month: int
    raised: int
    would: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that the page shows."""

    lines: Sequence[Beside]
    months: Sequence[Month]
    figures: Figures


def compare(result: Result, raised: Sequence[Raised], zone: str) -> Comparison:
    """Put what was raised beside what would have been.

    Two are the same matter if they are of one kind in one household and overlap; each is used once, the earliest
    first. Months are those of the reader's `zone` (IANA).
    """
    lines = _paired(result.alerts, raised, result.end)
    return Comparison(lines, _months(result, raised, ZoneInfo(zone)), _figures(result, raised, lines))


def _paired(would: Sequence[Would], raised: Sequence[Raised], end: datetime) -> list[Beside]:
    left = sorted(would, key=lambda one: one.raised_at)
    lines = []
    for one in sorted(raised, key=lambda each: each.raised_at):
        twin = next((other for other in left if _same(one, other, end)), None)
        if twin is not None:
            left.remove(twin)
        lines.append(Beside(one, twin))
    lines += [Beside(None, other) for other in left]
    return sorted(lines, key=lambda line: line.at)


def _same(raised: Raised, would: Would, end: datetime) -> bool:
    overlap = would.onset <= (raised.closed_at or end) and raised.onset <= (would.ended_at or end)
    return (raised.household, raised.kind) == (would.household, would.kind) and overlap


def _figures(result: Result, raised: Sequence[Raised], lines: Sequence[Beside]) -> Figures:
    real = [line for line in lines if line.raised is not None and line.raised.outcome in REAL]
    false = [line for line in lines if line.raised is not None and line.raised.outcome in FALSE]
    both = [(line.raised, line.would) for line in real if line.raised is not None and line.would is not None]
    again = sum(line.would is not None for line in false)
    unknown = sum(line.raised is None for line in lines)
    days = sum(one.days for one in result.households.values())
    return Figures(
        len(raised),
        len(result.alerts) + result.more,
        len(real),
        len(both),
        len(false),
        again,
        unknown + result.more,
        _median([was.raised_at - was.onset for was, _ in both]),
        _median([would.raised_at - was.onset for was, would in both]),
        1000 * len(false) / days if days else None,
        1000 * (again + unknown + result.more) / days if days else None,
    )


def _median(lengths: Sequence[timedelta]) -> timedelta | None:
    return sorted(lengths)[(len(lengths) - 1) // 2] if lengths else None


def _months(result: Result, raised: Sequence[Raised], zone: ZoneInfo) -> list[Month]:
    def month(moment: datetime) -> tuple[int, int]:
        there = moment.astimezone(zone)
        return there.year, there.month

    was = Counter(month(one.raised_at) for one in raised)
    would = Counter(month(one.raised_at) for one in result.alerts)
    months, at = [], month(result.begin)
    while at <= month(result.end):
        months.append(Month(*at, was[at], would[at]))
        at = (at[0] + at[1] // 12, at[1] % 12 + 1)
    return months
