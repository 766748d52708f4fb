"""What is sealed is what is unsealed, bit for bit; everything else is refused in words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ingest.envelope import EnvelopeError, seal, unseal
from registry.readings import ReadingBatch

_INT64 = st.integers(-(2**63), 2**63 - 1)


@st.composite
def _batches(draw: st.DrawFn) -> ReadingBatch:
    rows = draw(st.integers(0, 50))
    columns = [draw(arrays(kind, rows)) for kind in (np.int32, np.int64, np.float64, np.int64)]
    return ReadingBatch(*columns)


def _bits(batch: ReadingBatch) -> tuple[bytes, ...]:
    return batch.sensor.tobytes(), batch.time.tobytes(), batch.value.tobytes()


@given(_INT64, _batches())
def test_what_was_sealed_is_unsealed(at: int, batch: ReadingBatch) -> None:
    again = unseal(seal(at, batch))
    assert (again.at, _bits(again.batch)) == (at, _bits(batch))
    assert again.batch.received.tolist() == [at] * len(batch)
    columns = (again.batch.sensor, again.batch.time, again.batch.value)
    assert [str(column.dtype) for column in columns] == ["int32", "int64", "float64"]
    again.batch.value[:] = 0.0  # columns of its own, that may be written to


@given(_batches(), st.data())
def test_what_was_cut_or_lengthened_is_refused(batch: ReadingBatch, data: st.DataObject) -> None:
    sealed = seal(1, batch)
    cut = sealed[: data.draw(st.integers(0, len(sealed) - 1))]
    for wrong in (cut, sealed + data.draw(st.binary(min_size=1))):
        with pytest.raises(EnvelopeError):
            unseal(wrong)


@given(st.binary(max_size=200))
def test_what_somebody_else_wrote_is_refused(strange: bytes) -> None:
    with pytest.raises(EnvelopeError, match=r"are no envelope"):
        unseal(strange)


def test_a_refusal_says_what_to_do() -> None:
    with pytest.raises(EnvelopeError, match=r"^3 bytes are no envelope: who else writes to this topic\?$"):
        unseal(b"abc")
    with pytest.raises(EnvelopeError, match=r"begin with b'SWE9' .* upgrade the workers before ingest$"):
        unseal(b"SWE9" + bytes(12))


def test_a_reading_takes_twenty_bytes() -> None:
    one = ReadingBatch(np.array([7], np.int32), np.array([5]), np.array([1.5]), np.array([9]))
    assert (
        seal(3, one).hex(" ", 4) == "53574531 01000000 03000000 00000000 05000000 00000000 00000000 0000f83f 07000000"
    )
