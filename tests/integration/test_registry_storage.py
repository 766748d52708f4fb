"""The registry in PostgreSQL: imported, changed, looked up, and the same again for every second time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import dict_row

import registry as registry_package
from alerts.people import Medium, People, Recipient, Role
from registry.csv_files import read_directory
from registry.instants import to_micros
from registry.model import Absence, Area, Contact, Device, Household, Person, Registry
from registry.quantities import Quantity
from registry.refusals import (
    AlreadyRegisteredError,
    InvalidEntryError,
    RegistryConflictError,
    RegistryFileError,
    UnknownAreaError,
    UnknownDeviceError,
    UnknownHouseholdError,
    UnknownPersonError,
)
from storage import registry
from storage.alerts.people import absence_end, people
from storage.errors import StorageError
from storage.registry import Count

SAMPLE = Path(registry_package.__file__).parent / "sample"


@pytest.fixture
def conn(database: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(database, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("SET TimeZone = 'Asia/Chongqing'")  # no answer may depend on the session's zone
        yield connection


@pytest.fixture
def sampled(conn: Connection[Any]) -> Connection[Any]:
    registry.import_directory(conn, SAMPLE)
    return conn


def test_an_import_is_what_the_files_say(conn: Connection[Any]) -> None:
    changes = registry.import_directory(conn, SAMPLE)
    assert changes.tables == {
        "areas": Count(7), "households": Count(3), "people": Count(10),
        "contacts": Count(3), "devices": Count(7), "absences": Count(2),
    }  # fmt: skip
    assert str(changes).splitlines()[0] == "areas: 7 added, 0 changed, 0 unchanged"
    assert registry.load(conn) == read_directory(SAMPLE)


def test_an_import_twice_changes_nothing(sampled: Connection[Any]) -> None:
    before = registry.version(sampled)
    changes = registry.import_directory(sampled, SAMPLE)
    assert changes.total == Count(added=0, changed=0, unchanged=32)
    assert registry.version(sampled) == before


def test_an_export_imported_changes_nothing(sampled: Connection[Any], tmp_path: Path) -> None:
    registry.export_directory(sampled, tmp_path)
    before = registry.version(sampled)
    assert registry.import_directory(sampled, tmp_path).total == Count(unchanged=32)
    assert registry.version(sampled) == before
    assert registry.load(sampled) == read_directory(tmp_path)


def test_an_export_of_nothing_can_be_imported(conn: Connection[Any], tmp_path: Path) -> None:
    registry.export_directory(conn, tmp_path)
    assert registry.import_directory(conn, tmp_path).total == Count()


def test_only_what_differs_is_touched(sampled: Connection[Any], tmp_path: Path) -> None:
    known = registry.load(sampled)
    before = registry.version(sampled)
    rows = (SAMPLE / "devices.csv").read_text(encoding="utf-8").replace("DN15", "DN20", 1)
    (tmp_path / "devices.csv").write_text(f"{rows}new,YZ-0001,gateway-yuzhong-1,\n", encoding="utf-8")
    changes = registry.import_directory(sampled, tmp_path)
    assert changes.tables["devices"] == Count(added=1, changed=1, unchanged=6)
    assert registry.version(sampled) > before
    after = registry.load(sampled)
    assert replace(after, devices=known.devices) == known
    assert {device.id: device.model for device in after.devices}["yz-0001-water"] == "water meter DN20"


def test_nothing_is_deleted_by_a_file_without_it(sampled: Connection[Any], tmp_path: Path) -> None:
    (tmp_path / "devices.csv").write_text("id,household,gateway,model\n")
    registry.import_directory(sampled, tmp_path)
    assert registry.load(sampled) == read_directory(SAMPLE)


def test_an_import_with_one_error_changes_nothing(conn: Connection[Any], tmp_path: Path) -> None:
    for file in SAMPLE.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "devices.csv").open("a") as devices:
        devices.write("lost,YZ-9999,gateway-yuzhong-1,\n")
    before = registry.version(conn)
    with pytest.raises(RegistryFileError, match=r'devices\.csv:9: household: "YZ-9999" is not a known household'):
        registry.import_directory(conn, tmp_path)
    assert registry.load(conn) == Registry()
    assert registry.version(conn) == before


def test_an_import_knows_what_is_registered(sampled: Connection[Any], tmp_path: Path) -> None:
    (tmp_path / "absences.csv").write_text("household,starts,ends,reason\nYZ-0002,2026-12-01,2026-12-01,\n")
    registry.import_directory(sampled, tmp_path)
    assert [one for one in registry.load(sampled).absences if one.household == "YZ-0002"][-1:] == [
        Absence("YZ-0002", datetime(2026, 11, 30, 16, tzinfo=UTC), datetime(2026, 12, 1, 16, tzinfo=UTC))
    ]


def test_contacts_change_places(sampled: Connection[Any]) -> None:
    def order() -> list[str]:
        return [one.person for one in people(sampled, "YZ-0001", 0).contacts]

    assert order() == ["zhang-min", "zhang-wei"]
    swapped = Registry(
        contacts=(Contact("YZ-0001", 1, "zhang-wei", "儿子"), Contact("YZ-0001", 2, "zhang-min", "女儿"))
    )
    assert registry.save(sampled, swapped).tables["contacts"] == Count(changed=2)
    assert order() == ["zhang-wei", "zhang-min"]
    assert registry.save(sampled, swapped).tables["contacts"] == Count(unchanged=2)
    moved = Registry(contacts=(Contact("YZ-0001", 1, "zhang-min"), Contact("YZ-0001", 3, "zhang-wei")))
    assert registry.save(sampled, moved).tables["contacts"] == Count(added=1, changed=1)
    assert order() == ["zhang-min", "zhang-wei"]
    assert [one.person for one in people(sampled, "YZ-0002", 0).contacts] == ["li-na"]


def test_a_save_of_what_does_not_fit_changes_nothing(sampled: Connection[Any]) -> None:
    before = registry.load(sampled)
    homeless = Registry(areas=(Area("51", "city", "X"),), devices=(Device("d", "nowhere", "g"),))
    with pytest.raises(RegistryConflictError, match="nowhere"):
        registry.save(sampled, homeless)
    with pytest.raises(RegistryConflictError, match="nobody"):
        registry.save(sampled, Registry(households=(replace(before.households[0], caseworker="nobody"),)))
    assert registry.load(sampled) == before


def test_two_saves_of_one_transaction_may_refer_forwards(conn: Connection[Any]) -> None:
    def saved(number: int) -> None:
        home = Household(f"h{number}", "1", "UTC", "en", "other", "low", caseworker=f"p{number}")
        person = Person(f"p{number}", "P", "caseworker", None, "1", None, "en")
        registry.save(conn, Registry(areas=(Area("1", "city", "X"),), households=(home,), people=(person,)))

    with conn.transaction():
        saved(1)
        saved(2)
    assert len(registry.load(conn).households) == 2


def test_each_change_is_seen_as_a_newer_version(sampled: Connection[Any]) -> None:
    versions = [registry.version(sampled)]
    registry.add_device(sampled, Device("d-new", "YZ-0001", "g"))
    versions.append(registry.version(sampled))
    registry.add_sensors(sampled, [("d-new", Quantity.VOLUME)])
    versions.append(registry.version(sampled))
    assert versions[1] > versions[0]
    assert versions[2] == versions[1]


# people to reach


def test_residents_and_contacts_are_found(sampled: Connection[Any]) -> None:
    assert [one.name for one in people(sampled, "YZ-0001", 0).residents] == ["王秀兰"]
    with pytest.raises(StorageError, match="nowhere"):
        people(sampled, "nowhere", 0)
    assert people(sampled, "YZ-0003", 0).contacts == ()
    assert people(sampled, "YZ-0002", 0).contacts == (
        Recipient("li-na", "李娜", Role.CONTACT, "+12025550113", "zh_CN", Medium.SMS),
    )


@pytest.mark.parametrize(
    ("household", "expected"),
    [
        ("YZ-0001", "chen-jing"),  # the household's own
        ("YZ-0002", "zhou-tao"),  # of its street: its community has none
        ("YZ-0003", "liu-yang"),  # of the district
    ],
)
def test_the_nearest_caseworker_is_found(sampled: Connection[Any], household: str, expected: str) -> None:
    found = people(sampled, household, 0).caseworker
    assert found is not None
    assert found.person == expected


def test_of_caseworkers_equally_near_the_first_by_id_is_found(sampled: Connection[Any]) -> None:
    for name in ("Zeta", "alpha", "Alpha"):
        registry.add_person(sampled, Person(name, name, "caseworker", None, "500103003002", None, "en"))
    found = people(sampled, "YZ-0002", 0).caseworker
    assert found is not None
    assert found.person == "Alpha"


def test_a_households_own_caseworker_goes_before_a_nearer_one(sampled: Connection[Any]) -> None:
    sampled.execute("UPDATE household SET caseworker = 'liu-yang' WHERE id = 'YZ-0001'")
    found = people(sampled, "YZ-0001", 0).caseworker
    assert found is not None
    assert (found.person, found.role) == ("liu-yang", Role.CASEWORKER)


def test_the_nearest_duty_officers_are_found(sampled: Connection[Any]) -> None:
    def found(household: str) -> list[str]:
        return [one.person for one in people(sampled, household, 0).duty_officers]

    assert [found(one) for one in ("YZ-0001", "YZ-0003")] == [["huang-lei"], ["huang-lei"]]
    for name in ("b", "a"):
        registry.add_person(sampled, Person(name, name, "duty_officer", None, "500103003", None, "en"))
    assert [found(one) for one in ("YZ-0001", "YZ-0003")] == [["a", "b"], ["huang-lei"]]


def test_a_code_is_no_pattern(sampled: Connection[Any]) -> None:
    for role in ("duty_officer", "caseworker"):
        with sampled.transaction():
            registry.save(sampled, Registry(areas=(Area("5%", "city", "%"),)))
            registry.save(sampled, Registry(people=(Person(role, "X", role, None, "5%", None, "en"),)))
    registry.add_household(sampled, Household("YZ-0004", "50", "Asia/Shanghai", "en", "other", "low", ""))
    assert people(sampled, "YZ-0004", 0) == People()


def test_an_absence_holds_from_its_start_until_before_its_end(sampled: Connection[Any]) -> None:
    (absence,) = [one for one in registry.load(sampled).absences if one.household == "YZ-0001"]
    start, end = to_micros(absence.starts), to_micros(absence.ends)
    assert absence.reason == "医院体检"
    assert [absence_end(sampled, "YZ-0001", at) for at in (start - 1, start, end - 1, end)] == [None, end, end, None]
    assert absence_end(sampled, "YZ-0002", start) is None


# new entries


def test_new_entries_are_registered_in_canonical_form(sampled: Connection[Any]) -> None:
    home = registry.add_household(
        sampled,
        Household("n1", "500103003001", "Asia/Shanghai", "zh-CN", "other", "low", " 1 号楼 ", "chen-jing"),
    )
    assert (home.language, home.address) == ("zh_CN", "1 号楼")
    person = registry.add_person(sampled, Person("n2", "王", "resident", "n1", None, "138 0013 8000", "zh-cn", "call"))
    assert person.phone == "+8613800138000"
    contact = registry.add_contact(sampled, Contact("n1", 1, "zhang-min"))
    device = registry.add_device(sampled, Device("n3", "n1", "g1", "DN15"))
    naive = datetime(2026, 5, 1, 8)  # noqa: DTZ001 (meant in the household's zone)
    absence = registry.add_absence(sampled, Absence("n1", naive, naive + timedelta(days=1)))
    assert absence.starts == datetime(2026, 5, 1, 0, tzinfo=UTC)
    after = registry.load(sampled)
    assert home in after.households
    assert person in after.people
    assert contact in after.contacts
    assert device in after.devices
    assert absence in after.absences


def test_new_entries_are_refused_with_what_to_do(sampled: Connection[Any]) -> None:
    before, version = registry.load(sampled), registry.version(sampled)
    home = Household("n1", "500103003001", "Asia/Shanghai", "zh_CN", "other", "low")
    person = Person("n2", "Li", "resident", "YZ-0001", None, None, "en")
    noon = datetime(2026, 9, 14, 0, tzinfo=UTC)
    with pytest.raises(UnknownAreaError, match='no area "77"; register it first'):
        registry.add_household(sampled, replace(home, area="77"))
    with pytest.raises(UnknownPersonError, match='no person "nobody"'):
        registry.add_household(sampled, replace(home, caseworker="nobody"))
    with pytest.raises(InvalidEntryError, match='caseworker: "zhang-min" is registered as contact'):
        registry.add_household(sampled, replace(home, caseworker="zhang-min"))
    with pytest.raises(AlreadyRegisteredError, match='household "YZ-0001" is already registered'):
        registry.add_household(sampled, replace(home, id="YZ-0001"))
    with pytest.raises(UnknownHouseholdError, match='no household "n9"'):
        registry.add_person(sampled, replace(person, household="n9"))
    with pytest.raises(InvalidEntryError, match="household: is empty"):
        registry.add_person(sampled, replace(person, household=None))
    with pytest.raises(AlreadyRegisteredError, match='person "li-na" is already registered'):
        registry.add_person(sampled, replace(person, id="li-na"))
    with pytest.raises(AlreadyRegisteredError, match='contact "YZ-0001 1 li-na" is already registered'):
        registry.add_contact(sampled, Contact("YZ-0001", 1, "li-na"))
    with pytest.raises(UnknownHouseholdError, match='no household "n9"'):
        registry.add_device(sampled, Device("d", "n9", "g"))
    with pytest.raises(InvalidEntryError, match='id: "a/b" holds "/"'):
        registry.add_device(sampled, Device("a/b", "YZ-0001", "g"))
    with pytest.raises(AlreadyRegisteredError, match='device "yz-0001-water" is already registered'):
        registry.add_device(sampled, Device("yz-0001-water", "YZ-0001", "g"))
    with pytest.raises(InvalidEntryError, match="ends: 2026-09-14T08:00:00"):
        registry.add_absence(sampled, Absence("YZ-0001", noon, noon))
    with pytest.raises(AlreadyRegisteredError, match="absence"):
        registry.add_absence(sampled, Absence("YZ-0001", noon, noon + timedelta(days=1)))
    assert registry.load(sampled) == before
    assert registry.version(sampled) == version


# the directory of devices and sensors


def test_the_directory_tells_devices_and_their_sensors(sampled: Connection[Any]) -> None:
    ids = registry.add_sensors(sampled, [("yz-0001-smoke", Quantity.SMOKE), ("yz-0001-smoke", Quantity.ALARM)])
    rows = {row.device: row for row in registry.directory(sampled)}
    assert len(rows) == 7
    assert rows["yz-0001-smoke"] == registry.DirectoryRow(
        "yz-0001-smoke", "gateway-yuzhong-1", "YZ-0001", "Asia/Shanghai", "500103003001", False,
        {quantity: ids["yz-0001-smoke", quantity] for quantity in (Quantity.SMOKE, Quantity.ALARM)},
    )  # fmt: skip
    assert rows["yz-0002-water"].sensors == {}


def test_a_sensor_comes_into_being_once(sampled: Connection[Any]) -> None:
    first = registry.add_sensors(sampled, [("yz-0001-water", Quantity.VOLUME)])
    again = registry.add_sensors(sampled, [("yz-0001-water", Quantity.VOLUME), ("yz-0001-water", Quantity.BATTERY)] * 2)
    assert again["yz-0001-water", Quantity.VOLUME] == first["yz-0001-water", Quantity.VOLUME]
    assert sorted(again.values()) == [1, 2]  # and no number was drawn in vain
    assert registry.add_sensors(sampled, []) == {}


def test_a_sensor_of_an_unknown_device_is_refused(sampled: Connection[Any]) -> None:
    with pytest.raises(UnknownDeviceError, match='no device "stranger"'):
        registry.add_sensors(sampled, [("yz-0001-water", Quantity.VOLUME), ("stranger", Quantity.VOLUME)])
    assert all(row.sensors == {} for row in registry.directory(sampled))


def test_sensors_added_at_the_same_time_are_the_same(database: str, sampled: Connection[Any]) -> None:
    pairs = [(row.device, quantity) for row in registry.directory(sampled) for quantity in Quantity]
    barrier = threading.Barrier(4)

    def added(turn: int) -> dict[tuple[str, Quantity], int]:
        mine = pairs if turn % 2 else pairs[::-1]
        with psycopg.connect(database, autocommit=True) as own:
            barrier.wait(timeout=30)
            return registry.add_sensors(own, mine)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(added, range(4)))
    assert all(answer == answers[0] for answer in answers)
    assert len(set(answers[0].values())) == len(pairs)


def test_households_added_at_the_same_time_are_registered_once(database: str, sampled: Connection[Any]) -> None:
    home = Household("n1", "500103003001", "Asia/Shanghai", "zh_CN", "other", "low")
    barrier = threading.Barrier(4)

    def added(turn: int) -> bool:
        with psycopg.connect(database, autocommit=True) as own:
            barrier.wait(timeout=30)
            try:
                registry.add_household(own, replace(home, note=str(turn)))
            except AlreadyRegisteredError:
                return False
            return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(added, range(4))) == [False, False, False, True]
    assert sum(known.id == "n1" for known in registry.load(sampled).households) == 1


# recordings


def test_recorded_devices_become_households_of_their_own(sampled: Connection[Any]) -> None:
    recorded = ["home-2", "home-1", "home-1", "yz-0001-water"]
    assert registry.ensure_recorded_devices(sampled, recorded, "Europe/Madrid", "replay") == 2
    after = registry.load(sampled)
    assert Area("recordings", "city", "Recordings") in after.areas
    assert Household("home-1", "recordings", "Europe/Madrid", "en", "other", "low") in after.households
    assert Device("home-1", "home-1", "replay") in after.devices
    assert Device("yz-0001-water", "YZ-0001", "gateway-yuzhong-1", "water meter DN15") in after.devices
    version = registry.version(sampled)
    assert registry.ensure_recorded_devices(sampled, recorded, "Europe/Madrid", "replay") == 0
    assert registry.version(sampled) == version
    assert registry.ensure_recorded_devices(sampled, ["home-3"], "UTC", "other") == 1
    assert registry.ensure_recorded_devices(sampled, [], "UTC", "other") == 0


def test_a_recording_survives_an_export(sampled: Connection[Any], tmp_path: Path) -> None:
    registry.ensure_recorded_devices(sampled, ["home-1"], "UTC", "replay")
    registry.export_directory(sampled, tmp_path)
    assert registry.import_directory(sampled, tmp_path).total == Count(unchanged=35)


def test_a_recorded_device_that_cannot_be_registered_is_refused(conn: Connection[Any]) -> None:
    with pytest.raises(InvalidEntryError, match='id: "a/b" holds "/"'):
        registry.ensure_recorded_devices(conn, ["fine", "a/b"], "UTC", "replay")
    with pytest.raises(InvalidEntryError, match='zone: "Madrid" is not a time zone; write Europe/Madrid'):
        registry.ensure_recorded_devices(conn, ["fine"], "Madrid", "replay")
    assert registry.load(conn) == Registry()
