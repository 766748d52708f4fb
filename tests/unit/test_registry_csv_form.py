"""The form of a registry's files: encodings, headers, lines, and which files a directory may hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from registry.csv_files import read_directory, read_files, write_files
from registry.model import Registry
from registry.refusals import InvalidValueError, RegistryFileError

HEADERS = {
    "areas": "code,level,name",
    "households": "id,area,zone,language,category,risk,address,caseworker,note,coordinates",
    "people": "id,name,role,household,area,phone,language,channel,address",
    "contacts": "household,position,person,relation",
    "devices": "id,household,gateway,model",
    "absences": "household,starts,ends,reason",
}

PERSON = "p2,Li,contact,,,,zh_CN,sms,"


def problems(**tables: bytes) -> list[str]:
    """Return the lines of the error that files raise."""
    with pytest.raises(RegistryFileError) as refused:
        read_files({f"{table}.csv": content for table, content in tables.items()})
    return [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "devices.csv:1: is empty; the first line must be id,household,gateway,model"),
        (b"\n", "devices.csv:1: is empty; the first line must be id,household,gateway,model"),
        (
            b"id;household;gateway;model\n",
            "devices.csv:1: its columns are not separated by commas; the first line must be id,household,gateway,model",
        ),
        (
            b"id,household,gateway\n",
            'devices.csv:1: column "model" is missing; the first line must be id,household,gateway,model',
        ),
        (
            b"id,household,gateway,model,colour\n",
            'devices.csv:1: column "colour" is not known; the first line must be id,household,gateway,model',
        ),
        (
            b"id,household,gateway,model,id\n",
            'devices.csv:1: column "id" is there 2 times; the first line must be id,household,gateway,model',
        ),
        (
            "id,household,gateway,model\nd1,h1,g1,水表\n".encode("gbk"),
            'devices.csv:2: is not UTF-8 (byte 0xB1); in a spreadsheet, save it as "CSV UTF-8"',
        ),
        (
            b'id,household,gateway,model\nd1,h1,g1,"\nnever closed\n',
            (
                "devices.csv:2: cannot be read from here on (unexpected end of data); close every quotation mark and "
                'write one inside a cell as ""'
            ),
        ),
    ],
)
def test_an_error_of_form_names_its_line(content: bytes, expected: str) -> None:
    assert problems(devices=content) == [expected]


def test_a_column_misspelt_is_told_with_what_was_meant() -> None:
    assert problems(devices=b"id,Household,gateway,model\n") == [
        'devices.csv:1: column "Household" is not known; write "household"',
        'devices.csv:1: column "household" is missing; the first line must be id,household,gateway,model',
    ]


def test_lines_are_those_of_the_file_whatever_stands_in_cells() -> None:
    rows = (
        'h2,5001,Asia/Shanghai,en,other,low,"two\r\nlines",,"and\nthree\nmore",\r\n'
        "\r\n"
        ",,,,,,,,,\r\n"
        "h3,5001,Asia/Shanghai,en,other,low,,,,\r\n"
    )
    content = f"\ufeff{HEADERS['households']}\r\n{rows}".encode()
    assert problems(households=content) == [
        'households.csv:2: area: "5001" is not a known area; write one of the codes in areas.csv, or add it there',
        'households.csv:8: area: "5001" is not a known area; write one of the codes in areas.csv, or add it there',
    ]


def test_a_directory_is_read_and_its_missing_files_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_bytes(b"\xef\xbb\xbf" + f"{HEADERS['people']}\r\n{PERSON}\r\n,,,,,,,,\r\n".encode())
    (tmp_path / "readings.csv").write_text("not ours")
    registry = read_directory(tmp_path)
    assert [person.id for person in registry.people] == ["p2"]
    assert replace(registry, people=()) == Registry()


def test_a_directory_without_a_registry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryFileError, match=r"holds no registry; put at least one of absences\.csv, areas\.csv"):
        read_directory(tmp_path)
    with pytest.raises(RegistryFileError, match=r"cannot be read \(No such file or directory\)"):
        read_directory(tmp_path / "nowhere")


def test_a_misnamed_file_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(f"{HEADERS['people']}\n{PERSON}\n")
    (tmp_path / "device.csv").write_text(f"{HEADERS['devices']}\n")
    with pytest.raises(
        RegistryFileError, match=r"device\.csv: is none of the files of a registry; rename it to devices"
    ):
        read_directory(tmp_path)


def test_a_directory_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "areas.csv").mkdir()
    with pytest.raises(RegistryFileError, match=r"areas\.csv: cannot be read \(Is a directory\)"):
        read_directory(tmp_path)


def test_a_default_region_that_is_no_country_is_refused() -> None:
    with pytest.raises(InvalidValueError, match='default region cannot be used: "XX" is not a country'):
        read_files({}, region="XX")


def test_the_headers_documented_here_are_those_that_are_written() -> None:
    written = {name: content.decode().split("\n")[0] for name, content in write_files(Registry()).items()}
    assert written == {f"{table}.csv": header for table, header in HEADERS.items()}
