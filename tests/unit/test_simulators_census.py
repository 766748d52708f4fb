from __future__ import annotations

import numpy as np
import phonenumbers
import pytest

from registry.csv_files import read_files, write_files
from registry.model import LEVELS
from simulators.census import CITY, census
from simulators.residents import habits


@pytest.mark.parametrize("households", [1, 3, 60, 400])
def test_a_town_can_be_imported_as_it_is(households: int) -> None:
    town = census(7, habits(7, np.arange(households)), 20_513).registry
    assert read_files(write_files(town)) == town


def test_areas_nest_by_their_codes() -> None:
    areas = census(7, habits(7, np.arange(150)), 20_513).registry.areas
    codes = {area.code: LEVELS.index(area.level) for area in areas}
    for code, level in codes.items():
        above = [other for other in codes if code.startswith(other) and other != code]
        assert sorted(codes[other] for other in above) == list(range(level))
    assert set(codes.values()) == set(range(len(LEVELS)))


def test_everybody_is_cared_for() -> None:
    town = census(7, habits(7, np.arange(80)), 20_513)
    registry = town.registry
    people = {person.id: person for person in registry.people}
    staffed = {person.area for person in registry.people if person.area}
    assert staffed == {area.code for area in registry.areas}
    for home in registry.households:
        worker = people[home.caseworker or ""]
        assert (worker.role, worker.area) == ("caseworker", home.area)
        assert [contact for contact in registry.contacts if contact.household == home.id]
        assert [person for person in registry.people if person.household == home.id]
        kinds = [device.id[:2] for device in registry.devices if device.household == home.id]
        assert sorted(kinds) == ["em", "sd", "wm"]
    assert {home.language for home in registry.households} == {"zh_CN", "en"}
    assert len({device.gateway for device in registry.devices}) == len(town.gateways) > 1


def test_telephones_are_valid_different_and_nobodys() -> None:
    people = census(7, habits(7, np.arange(300)), 20_513).registry.people
    phones = [person.phone or "" for person in people]
    assert len(set(phones)) == len(phones)
    for phone in phones:
        assert phonenumbers.is_valid_number(phonenumbers.parse(phone))
        assert phone[5:8] == "555"
        assert 100 <= int(phone[8:]) <= 199


def test_the_town_is_invented() -> None:
    assert CITY.code.startswith("99")
