"""A registry as a directory of CSV files: read all or nothing, with every error at its place, and written.

A file that is missing says nothing about its table; a file that is there says what its rows are, and nothing
about rows it does not hold.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from registry import csv_text
from registry.model import Registry
from registry.references import Book, Entry, problems_among
from registry.refusals import InvalidValueError, Problem, RegistryFileError
from registry.sheets import Sheet, sheets


def read_directory(path: Path, known: Registry | None = None, region: str = "CN") -> Registry:
    """Return what the files of a directory say.

    Args:
        path: a directory with any of areas.csv, households.csv, people.csv, contacts.csv, devices.csv,
            absences.csv.
        known: what is registered already, so that the files may refer to it.
        region: the country (ISO 3166, `CN`) whose national telephone numbers may be written.

    Raises:
        RegistryFileError: with every problem of every file.
    """
    names = {f"{table}.csv" for table in Registry.__slots__}
    try:
        there = {file.name: file for file in path.iterdir() if file.suffix.lower() == ".csv"}
        files = {name: there[name].read_bytes() for name in sorted(names & there.keys())}
    except OSError as error:
        advice = f"cannot be read ({error.strerror}); name a directory of readable files"
        raise RegistryFileError([Problem(error.filename, 0, "", advice)]) from error
    misnamed = [
        Problem(name, 0, "", f"is none of the files of a registry; rename it to {near[0]}, or move it away")
        for name in sorted(there.keys() - names)
        if (near := difflib.get_close_matches(name.lower(), sorted(names), 1, 0.8)) and near[0] not in there
    ]
    if misnamed:
        raise RegistryFileError(misnamed)
    if not files:
        advice = f"holds no registry; put at least one of {', '.join(sorted(names))} there"
        raise RegistryFileError([Problem(str(path), 0, "", advice)])
    return read_files(files, known, region)


def read_files(files: Mapping[str, bytes], known: Registry | None = None, region: str = "CN") -> Registry:
    """Return what files say, given their content by name; otherwise as `read_directory`."""
    problems: list[Problem] = []
    try:
        books = [Book(sheet, []) for sheet in sheets(region)]
    except InvalidValueError as error:
        raise InvalidValueError(f"the default region cannot be used: {error}") from error
    for book in books:
        if book.sheet.file not in files:
            continue
        of_form: list[Problem] = []
        sheet = book.sheet
        rows = csv_text.rows(sheet.file, files[sheet.file], list(sheet.columns), of_form, sheet.may_lack)
        book.whole = not of_form
        problems.extend(of_form)
        for line, texts in rows:
            cells, wrong = book.sheet.check(_whole(book.sheet, texts, known))
            problems.extend(Problem(book.sheet.file, line, column, advice) for column, advice in wrong)
            book.entries.append(Entry(line, cells))
    problems.extend(problems_among(books, known or Registry()))
    if problems:
        order = {book.sheet.file: place for place, book in enumerate(books)}
        raise RegistryFileError(sorted(problems, key=lambda problem: (order[problem.file], problem.line)))
    tables: dict[str, Any] = {
        book.sheet.table: tuple(book.sheet.kind(**entry.cells) for entry in book.entries) for book in books
    }
    return Registry(**tables)


def _whole(sheet: Sheet, texts: Mapping[str, str], known: Registry | None) -> Mapping[str, str]:
    """Return a row with the columns that its file lacks: as they are registered, or empty."""
    lacking = [column for column in sheet.may_lack if column not in texts]
    if not lacking:
        return texts
    key = sheet.keys[0][0]
    entries: Iterable[object] = getattr(known, sheet.table) if known else ()
    entry = next((one for one in entries if getattr(one, key) == texts[key].strip()), None)
    registered = sheet.texts(entry) if entry else {}
    return {**texts, **{column: registered.get(column, "") for column in lacking}}


def write_directory(registry: Registry, path: Path) -> None:
    """Write the six files into a directory, which is made if need be; files of the same names are replaced."""
    path.mkdir(parents=True, exist_ok=True)
    for name, content in write_files(registry).items():
        unfinished = path / f"{name}.part"
        unfinished.write_bytes(content)
        unfinished.replace(path / name)


def write_files(registry: Registry) -> dict[str, bytes]:
    """Return the six files by name; an absence is written in its household's local time, with the offset."""
    zones = {household.id: ZoneInfo(household.zone) for household in registry.households}
    local = tuple(
        replace(absence, starts=absence.starts.astimezone(zone), ends=absence.ends.astimezone(zone))
        if (zone := zones.get(absence.household))
        else absence
        for absence in registry.absences
    )
    registry = replace(registry, absences=local)
    return {
        sheet.file: csv_text.written(list(sheet.columns), map(sheet.texts, getattr(registry, sheet.table)))
        for sheet in sheets()
    }
