"""How long a pause has lasted and how unlikely it is: in closed form what a plain loop says slot by slot."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.columns.runs import Runs
from detectors.silence.pauses import Pauses

SILENT, USED, UNKNOWN = "silent", "used", "unknown"
SLOT = st.tuples(st.sampled_from([SILENT, SILENT, SILENT, USED, UNKNOWN]), st.floats(0, 3))
HOME = st.tuples(st.lists(SLOT, min_size=1, max_size=40), st.integers(0, 20), st.floats(0, 12))
FALL = 0.1


def plainly(slots: list[tuple[str, float]], held: int, before: float) -> list[tuple[int, float]]:
    """Return age and evidence of each slot: `R <- (R + c) exp(p)` while silent, 1 after use."""
    age, ratio = held, math.exp(before)
    told = []
    for what, due in slots:
        if what == SILENT:
            ratio = (ratio + FALL) * math.exp(due)
        told.append((age, math.log(ratio)))
        age += what == SILENT
        if what == USED:
            age, ratio = 0, 1.0
    return told


def rows(homes: list[tuple[list[tuple[str, float]], int, float]]) -> tuple[Runs, np.ndarray, np.ndarray, np.ndarray]:
    what = np.array([slot[0] for slots, _, _ in homes for slot in slots])
    due = np.array([slot[1] for slots, _, _ in homes for slot in slots])
    home = np.repeat(np.arange(len(homes)), [len(slots) for slots, _, _ in homes])
    return Runs.grouped(home.astype(np.int32)), what, due, home


@settings(max_examples=60, deadline=None)
@given(homes=st.lists(HOME, min_size=1, max_size=4))
def test_age_and_evidence_are_those_of_the_plain_recursion(
    homes: list[tuple[list[tuple[str, float]], int, float]],
) -> None:
    runs, what, due, home = rows(homes)
    held = np.array([one[1] for one in homes])[home]
    before = np.array([one[2] for one in homes])[home]
    pauses = Pauses.of(runs, what == SILENT, what == USED, held)
    expected = [one for slots, held, before in homes for one in plainly(slots, held, before)]
    assert pauses.age.tolist() == [age for age, _ in expected]
    assert pauses.evidence(due, before, FALL) == pytest.approx([evidence for _, evidence in expected], abs=1e-7)


def test_a_pause_begins_after_the_slot_with_use() -> None:
    runs, what, _, _ = rows([([(SILENT, 0.0), (USED, 0.0), (UNKNOWN, 0.0), (SILENT, 0.0), (SILENT, 0.0)], 3, 0.0)])
    pauses = Pauses.of(runs, what == SILENT, what == USED, np.full(5, 3))
    assert pauses.age.tolist() == [3, 4, 0, 0, 1]
    assert pauses.start.tolist() == [0, 0, 2, 2, 2]
    assert pauses.first.tolist() == [True, False, True, False, False]
    assert pauses.continued.tolist() == [True, True, False, False, False]


def test_what_is_not_known_freezes_a_pause() -> None:
    runs, what, due, _ = rows([([(SILENT, 0.5), (UNKNOWN, 0.5), (UNKNOWN, 0.5), (SILENT, 0.5)], 0, 0.0)])
    pauses = Pauses.of(runs, what == SILENT, what == USED, np.zeros(4, np.int64))
    evidence = pauses.evidence(due, np.zeros(4), FALL)
    assert evidence[0] == pytest.approx(0.5 + math.log(1.1))
    assert evidence[1] == evidence[2] == evidence[0]
    assert evidence[3] > evidence[2] + 0.5


def test_evidence_beyond_all_numbers_stays_one() -> None:
    runs, what, due, _ = rows([([(SILENT, 1.0)] * 3, 900, 5000.0)])
    pauses = Pauses.of(runs, what == SILENT, what == USED, np.full(3, 900))
    evidence = pauses.evidence(due, np.full(3, 5000.0), FALL)
    assert np.isfinite(evidence).all()
    assert (np.diff(evidence) > 0).all()
