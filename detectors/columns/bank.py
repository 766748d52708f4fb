"""Where a detector's memory lies: one NumPy row per sensor, grown as sensors appear, saved as bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.format import descr_to_dtype, dtype_to_descr
from numpy.typing import NDArray

from registry.errors import ShouwangError

NEVER = -(2**62)
"""The instant before all instants; an instant minus it still fits 64 bits."""


class StateError(ShouwangError):
    """A saved state that this rule did not write; start the rule empty and replay the stored readings."""


class Column(NamedTuple):
    """One column of a bank: NumPy type, the value of a sensor not seen yet, and how many of it a row holds."""

    name: str
    dtype: str
    empty: float
    width: int = 0


class Bank:
    """Columns indexed by sensor id; `nbytes` is the memory one sensor takes."""

    def __init__(self, *columns: Column) -> None:
        fields = [(c.name, c.dtype, (c.width,)) if c.width else (c.name, c.dtype) for c in columns]
        # Aligned: columns are gathered several times faster than out of packed rows. A multiple of 8 bytes, for `add`.
        self._empty = np.zeros(1, np.dtype(fields, align=True))
        for column in columns:
            self._empty[column.name] = column.empty
        self._rows = self._empty.copy()
        self._size = 1

    @property
    def nbytes(self) -> int:
        """Bytes per sensor."""
        return self._empty.itemsize

    def __getitem__(self, column: str) -> NDArray[Any]:
        """Return a column as a view: what is written into it stays."""
        view: NDArray[Any] = self._rows[column]
        return view

    def add(self, column: str, row: NDArray[Any], lane: NDArray[Any] | int, amount: NDArray[Any]) -> None:
        """Add amounts to a column at rows that may repeat; `lane` says where in a column that holds several.

        The whole bank is seen as one column of the type, for which `np.add.at` is ten times faster than for a view.
        """
        form = self._empty[column]
        kind, width = form.dtype, self._rows.dtype.itemsize // form.dtype.itemsize
        fields: Any = self._rows.dtype.fields
        offset = int(fields[column][1]) // kind.itemsize
        np.add.at(self._rows.view(kind), row * width + (lane + offset), amount.astype(kind, copy=False))

    def reach(self, size: int) -> None:
        """Make room for sensor ids below `size`."""
        if size > len(self._rows):
            grown = np.repeat(self._empty, max(size, 9 * len(self._rows) // 8))
            grown[: len(self._rows)] = self._rows
            self._rows = grown
        self._size = max(size, self._size)

    def rows(self) -> NDArray[Any]:
        """Return the whole state as one structured array, for `pack`."""
        return self._rows[: self._size]

    def take(self, rows: NDArray[Any]) -> None:
        """Continue from what `rows` returned.

        Raises:
            StateError: the columns are not this bank's.
        """
        if rows.dtype != self._empty.dtype:
            raise StateError("a saved state has other columns than this version of the rule")
        self._rows = rows.copy()
        self._size = len(rows)


class QuantityBank(Bank):
    """A bank of which only the sensors of some quantities have rows; `at` says where.

    Rows are given out in the order in which sensors are met, so what speaks together lies together. That order is
    a process's own: what is saved is in the order of ids, and equal states are equal bytes. 4 bytes for other sensors.
    """

    def __init__(self, *columns: Column) -> None:
        super().__init__(Column("sensor", "i4", -1), *columns)
        self._at = np.full(1, -1, np.int32)  # by sensor id
        self._met = 0

    def at(self, sensor: NDArray[np.integer]) -> NDArray[np.intp]:
        """Return the row of each sensor (n,); sensors not met yet get the next rows."""
        try:
            at = self._at[sensor]
        except IndexError:
            self._grow(int(sensor.max()) + 1)
            at = self._at[sensor]
        if at.min(initial=0) < 0:
            new = np.unique(sensor[at < 0])
            first, self._met = self._met, self._met + len(new)
            self.reach(self._met)
            self["sensor"][first : self._met] = new
            self._at[new] = np.arange(first, self._met)
            at = self._at[sensor]
        rows: NDArray[np.intp] = at.astype(np.intp)
        return rows

    def one(self, sensor: int) -> NDArray[np.void]:
        """Return the row of one sensor; what is written into it stays."""
        at = int(self.at(np.array([sensor]))[0])
        row: NDArray[np.void] = self._rows[at]
        return row

    def order(self) -> NDArray[np.intp]:
        """Return the rows in the order of sensor ids."""
        return np.argsort(self["sensor"][: self._met])

    def saved(self) -> NDArray[Any]:
        """Return the whole state in the order of sensor ids, for `pack`."""
        return self._rows[self.order()]

    def take(self, rows: NDArray[Any]) -> None:
        """Continue from what `saved` returned; raises `StateError` as `Bank` does."""
        super().take(rows)
        self._met = len(rows)
        self._at = np.full(1 + int(rows["sensor"].max(initial=0)), -1, np.int32)
        self._at[rows["sensor"]] = np.arange(len(rows))

    def _grow(self, size: int) -> None:
        larger = np.full(max(size, 9 * len(self._at) // 8), -1, np.int32)
        larger[: len(self._at)] = self._at
        self._at = larger


def pack(about: str, columns: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as bytes, with what they are about: the rule and its parameters. No pickle.

    A line of JSON says what follows, one array behind the other as it lies in memory: of a million sensors these are
    2 GB, and nothing is done with them but to copy them once.
    """
    plain = {name: np.asarray(_plain(column), order="C") for name, column in columns.items()}
    forms = [(name, dtype_to_descr(column.dtype), column.shape) for name, column in plain.items()]
    head = json.dumps({"about": about, "arrays": forms}).encode() + b"\n"
    return b"".join([head, *(column.reshape(-1).view(np.uint8).data for column in plain.values())])


def _plain(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows with zeros between their columns: equal states are equal bytes."""
    if rows.dtype.names is None or sum(rows.dtype[name].itemsize for name in rows.dtype.names) == rows.itemsize:
        return rows
    plain = np.zeros(rows.shape, rows.dtype)
    for name in rows.dtype.names:
        plain[name] = rows[name]
    return plain


def unpack(state: bytes, about: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of `pack`; they may only be read.

    Raises:
        StateError: the bytes are no state, or of a rule with other parameters.
    """
    try:
        at = state.index(b"\n") + 1
        head = json.loads(state[:at])
        written, arrays = head["about"], {}
        for name, form, shape in head["arrays"]:
            kind = descr_to_dtype(_tuples(form))
            count = math.prod(shape)
            arrays[name] = np.frombuffer(state, kind, count, at).reshape(shape)
            at += count * kind.itemsize
    except (ValueError, KeyError, TypeError) as wrong:
        raise StateError(f"a saved state cannot be read ({wrong}); start the rule empty and replay") from wrong
    if written != about:
        raise StateError(f"a saved state is about `{written}`, not `{about}`; start the rule empty and replay")
    return arrays


def _tuples(form: Any) -> Any:
    """Return the fields of a type as NumPy writes them: JSON has made lists of its tuples."""
    if isinstance(form, str):
        return form
    return [(field[0], _tuples(field[1]), *(tuple(size) for size in field[2:])) for field in form]
