"""Areas side by side: by which of their figures, over which time, and which of them comes first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from fastapi import Depends

from alerts.checks.performance import Band
from dashboards.shapes.performance import AreaPerformance, Target


class Column(NamedTuple):
    """What a column is ordered by, None where an area has nothing there, and whether its largest is the worst."""

    value: Callable[[AreaPerformance], Any]
    largest_first: bool


def _response(one: AreaPerformance) -> float | None:
    """Return how bad the answering is: its band, and within a band the share of misses of its worst target."""
    if one.band is None:
        return None
    return _FROM_BEST[one.band] + max(1 - target.share for target in one.targets if target.share is not None) / 2


def _share(name: str) -> Callable[[AreaPerformance], float | None]:
    return lambda one: target(one, name).share


def target(one: AreaPerformance, name: str) -> Target:
    """Return how an area did against one target."""
    return next(target for target in one.targets if target.name == name)


_FROM_BEST: Final = {band: place for place, band in enumerate(Band)}

COLUMNS: Final[Mapping[str, Column]] = {
    "area": Column(lambda one: one.area.code, largest_first=False),
    "response": Column(_response, largest_first=True),
    "urgent_60s": Column(_share("urgent_60s"), largest_first=False),
    "urgent_180s": Column(_share("urgent_180s"), largest_first=False),
    "visit_45min": Column(_share("visit_45min"), largest_first=False),
    "false_visits": Column(lambda one: one.visits.false_per_1000_days, largest_first=True),
    "coverage": Column(lambda one: one.coverage.share, largest_first=False),
    "alerts": Column(lambda one: one.alerts, largest_first=True),
    "homes": Column(lambda one: one.households, largest_first=True),
}
"""What a league table can be ordered by; the first click shows the worst first, the next turns it round."""

PERIODS: Final = (1, 7, 30, 90)
"""How many days back a page can look."""
_USUAL: Final = "response"

MEASURES: Final[Mapping[str, Callable[[AreaPerformance], Band | None]]] = {
    "response": lambda one: one.band,
    "false_visits": lambda one: one.visits.band,
    "coverage": lambda one: one.coverage.band,
}
"""What a map can show: each has a band. They are columns, too."""


def ranked(areas: Sequence[AreaPerformance], column: str, *, descending: bool) -> list[AreaPerformance]:
    """Return areas in the order of a column, those of one value by their code; without a value they come last."""
    value = COLUMNS[column].value
    by_code = sorted(areas, key=lambda one: one.area.code)
    with_one = [one for one in by_code if value(one) is not None]
    without = [one for one in by_code if value(one) is None]
    return [*sorted(with_one, key=value, reverse=descending), *without]


class Chosen(NamedTuple):
    """What is chosen in the address: days back, what the map shows, and the order of the table."""

    days: int
    measure: str
    sort: str
    order: str

    def address(self, code: str, path: str = "/areas", **other: str | int) -> str:
        """Return the address of an area with the same choice, or with another one of it; what is usual is left out."""
        that = self._replace(**other)  # type: ignore[arg-type] # mypy takes each value for a name's type
        told: dict[str, str | int] = {"days": that.days}
        if that.measure != _USUAL:
            told["measure"] = that.measure
        if (that.sort, that.order) != (that.measure, worst_first(that.measure)):
            told |= {"sort": that.sort, "order": that.order}
        return f"{path}{code and '/'}{quote(code)}?{urlencode(told)}"

    def ordered(self, code: str, column: str) -> str:
        """Return the address of the table in the order of a column: the worst first, at the second click the best."""
        turned = {"asc": "desc", "desc": "asc"}[self.order]
        return self.address(code, sort=column, order=turned if column == self.sort else worst_first(column))

    def showing(self, code: str, measure: str) -> str:
        """Return the address of the map that shows something else, the table in its order."""
        return self.address(code, measure=measure, sort=measure, order=worst_first(measure))


def worst_first(column: str) -> str:
    """Return the order in which a column begins with what is worst."""
    return "desc" if COLUMNS[column].largest_first else "asc"


def chosen(days: str = "30", measure: str = _USUAL, sort: str | None = None, order: str | None = None) -> Chosen:
    """Return what an address chooses; what it does not, or what there is not, is as usual."""
    length = next((period for period in PERIODS if str(period) == days), 30)
    shown = measure if measure in MEASURES else _USUAL
    by = sort if sort is not None and sort in COLUMNS else shown
    return Chosen(length, shown, by, order if order in ("asc", "desc") else worst_first(by))


Choice = Annotated[Chosen, Depends(chosen)]
