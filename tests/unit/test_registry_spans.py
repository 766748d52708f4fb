from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from registry.instants import SECOND
from registry.spans import Spans

_SPAN = st.tuples(st.integers(0, 3), st.integers(0, 50), st.integers(1, 30))
_ASK = st.tuples(st.integers(0, 4), st.integers(0, 60), st.integers(1, 10))


@given(spans=st.lists(_SPAN, max_size=8), asked=st.lists(_ASK, min_size=1, max_size=8))
def test_a_row_touches_what_a_look_at_every_span_says(
    spans: list[tuple[int, int, int]], asked: list[tuple[int, int, int]]
) -> None:
    told = Spans()
    for home, begin, length in spans:
        told.add(home, begin * SECOND, (begin + length) * SECOND)
    columns = np.array(asked, np.int64)
    begins, ends = columns[:, 1], columns[:, 1] + columns[:, 2]
    touched = told.touch(columns[:, 0].astype(np.int32), begins * SECOND, ends * SECOND)
    for row, (asked_home, first, span) in enumerate(asked):
        expected = any(h == asked_home and b < first + span and b + n > first for h, b, n in spans)
        assert touched[row] == expected


def test_an_open_span_lasts_until_it_is_ended() -> None:
    told = Spans()
    told.add(2, 10 * SECOND)
    later = np.array([10**9 * SECOND])
    assert told.touch(np.array([2], np.int32), later, later + SECOND).all()
    told.end(2, 20 * SECOND)
    assert not told.touch(np.array([2], np.int32), later, later + SECOND).any()
    assert told.of(2) == ((10 * SECOND, 20 * SECOND),)


def test_what_is_replaced_is_gone_and_a_state_is_taken_over() -> None:
    told, other = Spans(), Spans()
    told.add(1, 0, 5 * SECOND)
    other.replace(told.state())
    assert other.of(1) == told.of(1)
    told.replace({})
    assert not told
    assert other
