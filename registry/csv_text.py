"""CSV as spreadsheets write it: bytes to rows that know their line, and rows to text."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from registry.refusals import Problem

Row = tuple[int, Mapping[str, str]]
"""The line a row begins on, counted from 1, and its cells by column."""


def rows(
    file: str, content: bytes, columns: Sequence[str], problems: list[Problem], may_lack: Sequence[str] = ()
) -> list[Row]:
    """Return the rows of a file; what is wrong with its form is added to `problems`.

    The content is UTF-8, with or without a byte order mark, its lines ended in any way; the first line names
    every column but those it `may_lack`, in any order. Rows without any content are not there.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        advice = f'is not UTF-8 (byte 0x{content[error.start]:02X}); in a spreadsheet, save it as "CSV UTF-8"'
        problems.append(Problem(file, line, "", advice))
        return []
    records = _records(file, text, problems)
    line, header = next(records, (1, []))
    header = [cell.strip() for cell in header]
    while header and not header[-1]:
        header.pop()
    wrong = [Problem(file, line, "", advice) for advice in _header_advice(header, columns, may_lack)]
    if wrong:
        problems.extend(wrong)
        return []
    found: list[Row] = []
    for line, cells in records:
        if not any(cell.strip() for cell in cells):
            continue
        beyond = [cell for cell in cells[len(header) :] if cell.strip()]
        if beyond or len(cells) < len(header):
            advice = f"has {len(cells)} cells where the first line has {len(header)}"
            hint = (
                "put quotation marks around a cell that holds a comma"
                if beyond
                else "write a comma for each empty cell"
            )
            problems.append(Problem(file, line, "", f"{advice}; {hint}"))
            continue
        found.append((line, dict(zip(header, cells, strict=False))))
    return found


def _records(file: str, text: str, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            advice = (
                f'cannot be read from here on ({error}); close every quotation mark and write one inside a cell as ""'
            )
            problems.append(Problem(file, line, "", advice))
            return
        yield line, record


def _header_advice(header: Sequence[str], columns: Sequence[str], may_lack: Sequence[str]) -> Iterator[str]:
    whole = f"the first line must be {','.join(columns)}"
    if not header:
        yield f"is empty; {whole}"
        return
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        yield f"its columns are not separated by commas; {whole}"
        return
    for column in dict.fromkeys(header):
        if header.count(column) > 1:
            yield f'column "{column}" is there {header.count(column)} times; {whole}'
        if column not in columns:
            near = difflib.get_close_matches(column.lower(), columns, 1)
            meant = f'write "{near[0]}"' if near else whole
            yield f'column "{column}" is not known; {meant}'
    for column in columns:
        if column not in header and column not in may_lack:
            yield f'column "{column}" is missing; {whole}'


def written(columns: Sequence[str], entries: Iterable[Mapping[str, str]]) -> bytes:
    """Return a file: UTF-8 without a byte order mark, lines ended by a line feed."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(entries)
    return text.getvalue().encode()
