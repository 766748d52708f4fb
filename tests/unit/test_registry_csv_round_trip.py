"""Whatever registry can exist comes back from its files as it was, and the sample is one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import registry
from registry.csv_files import read_directory, read_files, write_directory, write_files
from registry.model import (
    CATEGORIES,
    CHANNELS,
    LEVELS,
    RISKS,
    Absence,
    Area,
    Contact,
    Device,
    Household,
    Person,
    Registry,
)

SAMPLE = Path(registry.__file__).parent / "sample"

_texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")) | st.sampled_from("\n\t,\"'\ufeff\u2028;="),
    max_size=20,
).map(str.strip)
_names = _texts.map(lambda text: text.replace("\n", " ").strip()).filter(bool)
_ids = st.text(st.sampled_from("abcXYZ019-_.:仪表\"',;=\ufeff"), min_size=1, max_size=8)
_languages = st.sampled_from(["zh_CN", "en", "yue", "zh_Hant_HK"])
_zones = st.sampled_from(["Asia/Shanghai", "Asia/Urumqi", "Europe/Berlin", "America/St_Johns", "UTC"])
_places = st.sampled_from(["", "23.12911,113.26439", "-33.86880,-151.20930"])
_phones = st.none() | st.integers(100, 199).map(lambda number: f"+12025550{number}")
_addresses = st.sampled_from(["https://example.org/hook?x=1", "https://[2001:db8::1]:8443/"])
_moments = st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30)).map(  # noqa: DTZ001 (zone follows)
    lambda naive: naive.replace(tzinfo=UTC)
)


@st.composite
def registries(draw: st.DrawFn) -> Registry:
    """Draw a registry in which everything that is referred to is there."""
    areas: list[Area] = []
    for depth in range(draw(st.integers(1, 4))):
        within = [area.code + digit for area in areas if area.level == LEVELS[depth - 1] for digit in "12"] or [
            "7",
            "8",
        ]
        areas += [Area(code, LEVELS[depth], draw(_names)) for code in within]
    codes = st.sampled_from([area.code for area in areas])
    staff = [
        Person(f"s-{id_}", draw(_names), draw(st.sampled_from(["caseworker", "duty_officer"])), None,
               draw(codes), draw(_phones), draw(_languages), draw(st.sampled_from(CHANNELS)), draw(_addresses))
        for id_ in draw(st.lists(_ids, max_size=3, unique=True))
    ]  # fmt: skip
    caseworkers = [person.id for person in staff if person.role == "caseworker"]
    households = [
        Household(id_, draw(codes), draw(_zones), draw(_languages), draw(st.sampled_from(CATEGORIES)),
                  draw(st.sampled_from(RISKS)), draw(_texts), draw(st.sampled_from([None, *caseworkers])), draw(_texts),
                  draw(_places))
        for id_ in draw(st.lists(_ids, max_size=4, unique=True))
    ]  # fmt: skip
    residents, contacts, devices, absences = [], [], [], []
    for number, household in enumerate(households):
        name, language = draw(_names), draw(_languages)
        residents.append(Person(f"r-{number}", name, "resident", household.id, None, draw(_phones), language))
        residents.append(Person(f"c-{number}", name, "contact", None, None, draw(_phones), language, "call"))
        contacts.append(Contact(household.id, draw(st.integers(1, 9)), f"c-{number}", draw(_texts)))
        devices.append(Device(f"d-{number}", household.id, draw(_ids), draw(_texts)))
        starts = draw(_moments)
        length = draw(st.timedeltas(timedelta(microseconds=1), timedelta(hours=20)))
        absences.append(Absence(household.id, starts, starts + length, draw(_texts)))
    return Registry(
        tuple(areas), tuple(households), (*staff, *residents), tuple(contacts), tuple(devices), tuple(absences)
    )


@given(registries())
def test_a_registry_comes_back_from_its_files(drawn: Registry) -> None:
    files = write_files(drawn)
    again = read_files(files)
    assert again == drawn
    assert write_files(again) == files


@given(registries())
def test_a_spreadsheet_may_change_what_carries_no_meaning(drawn: Registry) -> None:
    def through_a_spreadsheet(content: bytes) -> bytes:
        return b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n") + b",,,\r\n,,,\r\n"

    files = {name: through_a_spreadsheet(content) for name, content in write_files(drawn).items()}
    assert read_files(files) == drawn


def test_a_file_without_addresses_leaves_those_that_are_registered() -> None:
    known = Registry(people=(Person("p", "P", "contact", None, None, None, "en", "sms", "https://example.org/"),))
    lines = write_files(known)["people.csv"].decode().splitlines()
    old = "\n".join(line.rpartition(",")[0] for line in lines).encode()
    assert b"address" not in old
    assert read_files({"people.csv": old}, known) == known
    assert read_files({"people.csv": old}).people[0].address is None


def test_the_columns_of_a_file_may_stand_in_any_order() -> None:
    assert read_files({"areas.csv": b"name,code,level\nX,1,city\n"}).areas == (Area("1", "city", "X"),)


def test_rows_stand_in_the_order_of_their_keys() -> None:
    one, two = Area("1", "city", "One"), Area("2", "city", "Two")
    assert Registry(areas=(two, one)) == Registry(areas=(one, two))


def test_the_sample_is_a_registry_of_all_that_there_is(tmp_path: Path) -> None:
    sample = read_directory(SAMPLE)
    assert {area.level for area in sample.areas} == set(LEVELS)
    assert len(sample.households) == 3
    assert {person.role for person in sample.people} == {"resident", "contact", "caseworker", "duty_officer"}
    assert {contact.household for contact in sample.contacts} == {"YZ-0001", "YZ-0002"}
    assert {device.household for device in sample.devices} == {home.id for home in sample.households}
    assert sample.absences[1].starts == datetime(2026, 9, 30, 16, tzinfo=UTC)
    assert sample.absences[1].ends == datetime(2026, 10, 7, 16, tzinfo=UTC)
    write_directory(sample, tmp_path / "new" / "folder")
    assert read_directory(tmp_path / "new" / "folder") == sample
    assert sorted(file.name for file in (tmp_path / "new" / "folder").iterdir()) == sorted(write_files(sample))


def test_nobody_real_is_called_by_the_sample() -> None:
    sample = read_directory(SAMPLE)
    # 555-0100 to 555-0199 belong to nobody in any area of the North American plan.
    assert all(person.phone and person.phone.startswith("+120255501") for person in sample.people)


def test_a_written_directory_replaces_what_was_there(tmp_path: Path) -> None:
    sample = read_directory(SAMPLE)
    write_directory(sample, tmp_path)
    write_directory(replace(sample, absences=()), tmp_path)
    assert read_directory(tmp_path).absences == ()
