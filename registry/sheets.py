"""What each file of a registry looks like: its columns, its key, and what its columns refer to.

A sheet turns an entry into text cells and cells into checked values; CSV files and the REST API both pass
through it, so that neither can let in what the other would refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

from registry import checks
from registry.model import (
    CATEGORIES,
    CHANNELS,
    LEVELS,
    RISKS,
    ROLES,
    STAFF,
    Absence,
    Area,
    Contact,
    Device,
    Household,
    Person,
)
from registry.refusals import InvalidEntryError, InvalidValueError

T = TypeVar("T")

Cells = Mapping[str, Any]
"""Checked values by column. Times of an absence may still be dates or naive."""

Advice = tuple[str, str]
"""A column ('' is the whole entry) and what to write there instead."""


def _nothing(_cells: Cells) -> Iterator[Advice]:
    return iter(())


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of the registry.

    `table` is its name in `Registry` and, with `.csv`, its file; `what` one entry of it; `columns` the check
    of each column, in the order they are written; `keys` the columns that identify an entry, each alone a
    reason to call two entries the same; `references` the table that a column names an entry of; `together`
    what columns must agree on; `may_lack` the columns that files written before there were such may lack: what is
    registered stays.
    """

    table: str
    what: str
    kind: type
    columns: Mapping[str, Callable[[str], object]]
    keys: Sequence[tuple[str, ...]]
    references: Mapping[str, str] = field(default_factory=dict)
    together: Callable[[Cells], Iterator[Advice]] = _nothing
    may_lack: Sequence[str] = ()

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.table}.csv"

    def check(self, texts: Mapping[str, str]) -> tuple[dict[str, Any], list[Advice]]:
        """Return the values that are right, by column, and what to write where one is not."""
        cells: dict[str, Any] = {}
        wrong: list[Advice] = []
        for column, check in self.columns.items():
            try:
                cells[column] = check(texts[column])
            except InvalidValueError as error:
                wrong.append((column, str(error)))
        if not wrong:
            wrong.extend(self.together(cells))
        return cells, wrong

    def texts(self, entry: object) -> dict[str, str]:
        """Return an entry as text by column, as it is written to its file."""
        return {column: _text(getattr(entry, column)) for column in self.columns}

    def canonical(self, entry: T) -> T:
        """Return an entry with its values in canonical form; an absence's times as they are.

        Raises:
            InvalidEntryError: with every field that holds what the registry cannot.
        """
        cells, wrong = self.check(self.texts(entry))
        if wrong:
            raise InvalidEntryError(self.what, wrong)
        return cast("T", self.kind(**cells))


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _home_or_area(cells: Cells) -> Iterator[Advice]:
    role = cells["role"]
    belongs = {"resident": "household"} | dict.fromkeys(STAFF, "area")
    for column in ("household", "area"):
        if belongs.get(role) == column and cells[column] is None:
            yield column, f"is empty; write the {column} of this {role}"
        if belongs.get(role) != column and cells[column] is not None:
            yield column, f'"{cells[column]}" is more than a {role} has; leave it empty'


def _person(cells: Cells) -> Iterator[Advice]:
    yield from _home_or_area(cells)
    if cells["channel"] == "message" and cells["address"] is None:
        yield "address", "is empty; write where messages go, or prefer sms or call"


def sheets(region: str = "CN") -> tuple[Sheet, ...]:
    """Return the six sheets, those referred to first; `region` is the country of national telephone numbers.

    Raises:
        InvalidValueError: no such country.
    """
    key, key_or_none = checks.identifier, checks.optional(checks.identifier)
    return (
        Sheet(
            "areas", "area", Area,
            {"code": key, "level": checks.choice("level", LEVELS), "name": checks.name},
            keys=[("code",)],
        ),
        Sheet(
            "households", "household", Household,
            {
                "id": key,
                "area": key,
                "zone": checks.zone,
                "language": checks.language,
                "category": checks.choice("category", CATEGORIES),
                "risk": checks.choice("risk", RISKS),
                "address": checks.text,
                "caseworker": key_or_none,
                "note": checks.text,
                "coordinates": checks.coordinates,
            },
            keys=[("id",)],
            references={"area": "areas", "caseworker": "people"},
            may_lack=("coordinates",),
        ),
        Sheet(
            "people", "person", Person,
            {
                "id": key,
                "name": checks.name,
                "role": checks.choice("role", ROLES),
                "household": key_or_none,
                "area": key_or_none,
                "phone": checks.optional(checks.phone(region)),
                "language": checks.language,
                "channel": checks.choice("channel", CHANNELS, default="sms"),
                "address": checks.optional(checks.message_address),
            },
            keys=[("id",)],
            references={"household": "households", "area": "areas"},
            together=_person,
            may_lack=("address",),
        ),
        Sheet(
            "contacts", "contact", Contact,
            {"household": key, "position": checks.position, "person": key, "relation": checks.text},
            keys=[("household", "position"), ("household", "person")],
            references={"household": "households", "person": "people"},
        ),
        Sheet(
            "devices", "device", Device,
            {"id": key, "household": key, "gateway": key, "model": checks.text},
            keys=[("id",)],
            references={"household": "households"},
        ),
        Sheet(
            "absences", "absence", Absence,
            {"household": key, "starts": checks.moment, "ends": checks.moment, "reason": checks.text},
            keys=[("household", "starts")],
            references={"household": "households"},
        ),
    )  # fmt: skip
