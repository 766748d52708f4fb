"""The quarter of an hour on a household's own clock."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.calendar.local_slots import SLOTS, LocalSlots
from registry.instants import DAY, MINUTE, to_datetime, to_micros
from tests.unit.detector_streams import house

ZONES = ("Asia/Shanghai", "Europe/Madrid", "Asia/Kathmandu", "America/St_Johns", "UTC")
SLOT = 15 * MINUTE


def slot_of(year: int, month: int, day: int, hour: int = 0) -> int:
    return to_micros(datetime(year, month, day, hour, tzinfo=ZoneInfo("UTC"))) // SLOT


@settings(max_examples=25, deadline=None)
@given(
    home=st.integers(0, len(ZONES) - 1),
    slots=st.lists(st.integers(slot_of(2025, 1, 1), slot_of(2026, 1, 1)), min_size=1, max_size=5),
)
def test_it_is_what_a_clock_on_the_wall_says_at_noon_of_that_day(home: int, slots: list[int]) -> None:
    clocks = LocalSlots(house(*ZONES))
    asked = np.array(slots)
    clocks.reach(asked[:1], asked[:1] + 1)
    clocks.reach(asked, asked + 1)
    got = clocks.local(np.full(len(asked), home), asked)
    for one, local in zip(slots, got.tolist(), strict=True):
        noon = to_datetime(one * SLOT // DAY * DAY + DAY // 2).astimezone(ZoneInfo(ZONES[home]))
        offset = noon.utcoffset()
        assert offset is not None
        assert (local - one) * SLOT == offset.total_seconds() * 1_000_000


def test_midnight_is_the_households_own() -> None:
    clocks = LocalSlots(house(*ZONES))
    slot = np.array([slot_of(2026, 1, 5, 16), slot_of(2026, 1, 5, 23), slot_of(2026, 7, 5, 22)])
    clocks.reach(slot, slot + 1)
    local = clocks.local(np.array([0, 1, 1]), slot)
    assert (local % SLOTS).tolist() == [0, 0, 0]
    day = slot_of(2026, 1, 6) // SLOTS
    assert (local // SLOTS).tolist()[:2] == [day, day]


def test_a_household_that_is_new_has_its_clock() -> None:
    table = house("UTC")
    clocks = LocalSlots(table)
    slot = np.array([slot_of(2026, 1, 5)])
    clocks.reach(slot, slot + 1)
    table.add(99, "late", table.quantity[1], "home-late", "Asia/Shanghai")
    clocks.reach(slot, slot + 1)
    assert (clocks.local(np.array([1]), slot) - slot).tolist() == [32]
    assert (clocks.local(np.array([0]), slot) - slot).tolist() == [0]


def test_a_household_whose_zone_is_corrected_has_the_new_one() -> None:
    table = house("UTC", "Asia/Shanghai")
    clocks = LocalSlots(table)
    slot = np.array([slot_of(2026, 1, 5)])
    clocks.reach(slot, slot + 1)
    table.add(1, "m-0", table.quantity[1], table.households[0], "Asia/Shanghai")
    clocks.reach(slot, slot + 1)
    assert (clocks.local(np.array([0]), slot) - slot).tolist() == [32]
