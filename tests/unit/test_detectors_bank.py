from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.columns.bank import Bank, Column, QuantityBank, StateError, pack, unpack

sensors = st.lists(st.integers(0, 2000), min_size=1, max_size=40)


def counted(batches: list[list[int]]) -> QuantityBank:
    bank = QuantityBank(Column("times", "i4", 0))
    for batch in batches:
        at = bank.at(np.array(batch, np.int32))
        np.add.at(bank["times"], at, 1)
    return bank


@given(batches=st.lists(sensors, min_size=1, max_size=8))
def test_what_is_saved_does_not_depend_on_the_order_in_which_sensors_were_met(batches: list[list[int]]) -> None:
    saved = counted(batches).saved()
    assert np.array_equal(saved, counted(batches[::-1]).saved())
    every = sorted(one for batch in batches for one in batch)
    assert saved["sensor"].tolist() == sorted(set(every))
    assert saved["times"].tolist() == [every.count(one) for one in sorted(set(every))]


@given(batches=st.lists(sensors, min_size=1, max_size=8), more=sensors)
def test_a_bank_goes_on_with_what_another_saved(batches: list[list[int]], more: list[int]) -> None:
    restored = QuantityBank(Column("times", "i4", 0))
    restored.take(counted(batches).saved())
    at = restored.at(np.array(more, np.int32))
    np.add.at(restored["times"], at, 1)
    assert np.array_equal(restored.saved(), counted([*batches, more]).saved())


def test_a_bank_holds_rows_for_the_sensors_it_met_only() -> None:
    bank = QuantityBank(Column("wide", "f8", 7.0, 100))
    bank.at(np.array([90_000, 3, 50_000]))
    assert len(bank.rows()) == 3
    assert bank.one(3)["wide"].tolist() == [7.0] * 100
    bank.one(3)["wide"][0] = 1.0
    assert bank["wide"][bank.at(np.array([3]))[0], 0] == 1.0


def test_rows_of_other_columns_are_refused() -> None:
    with pytest.raises(StateError, match="other columns"):
        QuantityBank(Column("times", "i4", 0)).take(QuantityBank(Column("times", "i8", 0)).saved())


def test_equal_states_are_equal_bytes_whatever_lies_between_their_columns() -> None:
    one, other = (Bank(Column("small", "u1", 0), Column("large", "f8", 0.0)) for _ in range(2))
    other.rows().view(np.uint8)[1:8] = 0xFF  # the gap before `large`
    assert pack("it", {"rows": one.rows()}) == pack("it", {"rows": other.rows()})


def test_what_was_packed_is_unpacked_as_it_was() -> None:
    bank = Bank(Column("at", "i8", 1), Column("few", "u1", 0, 3), Column("level", "f4", 2.5))
    bank.reach(5)
    arrays = {
        "rows": bank.rows(), "none": bank.rows()[:0], "names": np.array(["ab", "c"], np.str_), "one": np.array(3.0),
        "odd": np.frombuffer(b"abc", np.uint8), "table": np.arange(6, dtype=np.float32).reshape(3, 2).T,
    }  # fmt: skip
    again = unpack(pack("it", arrays), "it")
    assert list(again) == list(arrays)
    for name, array in arrays.items():
        assert again[name].dtype == array.dtype
        assert np.array_equal(again[name], array)


@pytest.mark.parametrize(
    "damaged", [b"", b"PK\x03\x04", b"1\n", b"[]\n", b"{}\n", pack("it", {"a": np.arange(3)})[:-1], pack("x", {})]
)
def test_what_is_no_state_is_refused(damaged: bytes) -> None:
    with pytest.raises(StateError):
        unpack(damaged, "it")
