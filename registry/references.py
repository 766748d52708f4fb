"""What the entries of a registry say about one another: twice the same, unknown, in the wrong place or order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry import checks
from registry.model import LEVELS, Registry
from registry.refusals import Problem
from registry.sheets import Sheet


@dataclass(slots=True)
class Entry:
    """One row of a file: its line and those of its values that are right, by column."""

    line: int
    cells: dict[str, Any]

    def key(self, columns: Sequence[str]) -> tuple[Any, ...] | None:
        """Return the values of some columns, None where one of them is wrong."""
        values = tuple(self.cells.get(column) for column in columns)
        return None if None in values else values


@dataclass(slots=True)
class Book:
    """One sheet with the entries of its file; not `whole` where the file holds more than could be read."""

    sheet: Sheet
    entries: list[Entry]
    whole: bool = True

    def problem(self, entry: Entry, column: str, advice: str) -> Problem:
        """Return a problem at an entry's place."""
        return Problem(self.sheet.file, entry.line, column, advice)


def problems_among(books: Sequence[Book], known: Registry) -> Iterator[Problem]:
    """Yield what is wrong between entries, of one file, of several and of what is known already.

    Dates and naive times of absences become instants on the way, in the zone of their household.
    """
    by_table = {book.sheet.table: book for book in books}
    yield from _times(by_table["absences"], by_table["households"], known)
    for book in books:
        yield from _duplicates(book)
        yield from _unknown(book, by_table, known)
    yield from _misplaced_areas(by_table["areas"], known)
    yield from _caseworkers(by_table["households"], by_table["people"], known)


def _times(absences: Book, households: Book, known: Registry) -> Iterator[Problem]:
    zones = {household.id: household.zone for household in known.households}
    for entry in households.entries:
        if {"id", "zone"} <= entry.cells.keys():
            zones[entry.cells["id"]] = entry.cells["zone"]
    for entry in absences.entries:
        cells = entry.cells
        zone = zones.get(cells.get("household", ""))
        if zone is None:
            continue  # an unknown household, or one whose zone is wrong: said elsewhere
        for column in {"starts", "ends"} & cells.keys():
            cells[column] = checks.instant(cells[column], zone, end=column == "ends")
        if {"starts", "ends"} <= cells.keys():
            advice = checks.not_after(cells["ends"], cells["starts"], zone)
            if advice:
                yield absences.problem(entry, "ends", advice)


def _duplicates(book: Book) -> Iterator[Problem]:
    for columns in book.sheet.keys:
        first: dict[tuple[Any, ...], int] = {}
        for entry in book.entries:
            key = entry.key(columns)
            if key is None:
                continue
            line = first.setdefault(key, entry.line)
            if line != entry.line:
                same = " ".join(str(part) for part in key)
                yield book.problem(entry, columns[-1], f'"{same}" is also on line {line}; keep one of them')


def _unknown(book: Book, by_table: Mapping[str, Book], known: Registry) -> Iterator[Problem]:
    for column, table in book.sheet.references.items():
        target = by_table[table]
        if not target.whole:
            continue  # everything would seem unknown
        key = target.sheet.keys[0]
        there = {getattr(value, key[0]) for value in getattr(known, table)}
        there |= {entry.cells.get(key[0]) for entry in target.entries}
        for entry in book.entries:
            value = entry.cells.get(column)
            if value is not None and value not in there:
                advice = f"write one of the {key[0]}s in {target.sheet.file}, or add it there"
                yield book.problem(entry, column, f'"{value}" is not a known {target.sheet.what}; {advice}')


def _misplaced_areas(book: Book, known: Registry) -> Iterator[Problem]:
    """Areas whose code does not put them into exactly one area of every higher level.

    An area that is known already can only be misplaced by a new one above it; then the new one is named.
    """
    if not book.whole:
        return
    level: dict[str, str] = {area.code: area.level for area in known.areas}
    entries = {entry.cells["code"]: entry for entry in book.entries if "code" in entry.cells}
    level |= {code: entry.cells["level"] for code, entry in entries.items() if "level" in entry.cells}
    # Nothing can be said of what lies below an area that is not rightly written itself.
    unsure = tuple(entry.cells.get("code", "") for entry in book.entries if not {"code", "level"} <= entry.cells.keys())
    for code, own in level.items():
        if code.startswith(unsure):
            continue
        above = [code[:end] for end in range(1, len(code)) if code[:end] in level]
        if [level[prefix] for prefix in above] == list(LEVELS[: LEVELS.index(own)]):
            continue
        if code in entries:
            yield book.problem(entries[code], "code", _place_advice(code, own, [(p, level[p]) for p in above]))
            continue
        for prefix in above:
            if prefix in entries:
                advice = f'"{prefix}" would contain the {own} "{code}", which is known already, at the wrong level'
                yield book.problem(entries[prefix], "code", f"{advice}; write another code or level")


def _place_advice(code: str, own: str, above: list[tuple[str, str]]) -> str:
    here = ", ".join(f'the {level} "{prefix}"' for prefix, level in above) or "no other area"
    wanted = ", ".join(f"one {level}" for level in LEVELS if LEVELS.index(level) < LEVELS.index(own))
    return (
        f'the {own} "{code}" lies in {here} by its code, but must lie in {wanted or "no other area"}; '
        "add what is missing or correct the code"
    )


def _caseworkers(households: Book, people: Book, known: Registry) -> Iterator[Problem]:
    """Households whose caseworker is somebody else: named in the household's row, else in the person's."""
    if not (households.whole and people.whole):
        return
    role: dict[str, str] = {person.id: person.role for person in known.people}
    person_entry = {}
    for entry in people.entries:
        if {"id", "role"} <= entry.cells.keys():
            role[entry.cells["id"]] = entry.cells["role"]
            person_entry[entry.cells["id"]] = entry
    named = {household.id: household.caseworker for household in known.households}
    for entry in households.entries:
        person = entry.cells.get("caseworker")
        if "id" in entry.cells:
            named.pop(entry.cells["id"], None)
        if person in role and role[person] != "caseworker":
            advice = f'"{person}" is registered as {role[person]}; write the id of a caseworker'
            yield households.problem(entry, "caseworker", advice)
    for household, person in named.items():
        if person is not None and person in person_entry and role[person] != "caseworker":
            advice = f'"{role[person]}" will not do: household "{household}" has this person as its caseworker'
            yield people.problem(person_entry[person], "role", f"{advice}; name another one there first")
