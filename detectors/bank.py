"""Where a detector's memory lies: one NumPy row per sensor, grown as sensors appear, saved as bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
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
        offset = self._rows.dtype.fields[column][1] // kind.itemsize
        np.add.at(self._rows.view(kind), row * width + (lane + offset), amount.astype(kind, copy=False))

    def reach(self, size: int) -> None:
        """Make room for sensor ids below `size`."""
        if size > len(self._rows):
            grown = np.repeat(self._empty, max(size, 2 * len(self._rows)))
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


def pack(about: str, columns: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as bytes (`.npz`, no pickle), with what they are about: the rule and its parameters."""
    file = io.BytesIO()
    arrays: dict[str, Any] = {"about": np.array(about), **columns}
    np.savez(file, **arrays)
    return file.getvalue()


def unpack(state: bytes, about: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of `pack`.

    Raises:
        StateError: the bytes are no state, or of a rule with other parameters.
    """
    try:
        with np.load(io.BytesIO(state), allow_pickle=False) as saved:
            arrays = {name: saved[name] for name in saved.files}
    except (ValueError, OSError, zipfile.BadZipFile) as wrong:
        raise StateError(f"a saved state cannot be read ({wrong}); start the rule empty and replay") from wrong
    written = str(arrays.pop("about", ""))
    if written != about:
        raise StateError(f"a saved state is about `{written}`, not `{about}`; start the rule empty and replay")
    return arrays
