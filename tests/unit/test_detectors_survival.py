"""The hazards that households have in common."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.local_slots import SLOTS
from detectors.survival import BIN, BINS, KINDS, LONGEST, Population

WATER, ELECTRICITY = 0, 1


def cells(kind: int, quarter: np.ndarray, pause: np.ndarray) -> np.ndarray:
    cell: np.ndarray = (kind * SLOTS + quarter) * BINS + BIN[np.minimum(pause, LONGEST - 1)]
    return cell


def true_hazard(quarter: np.ndarray, pause: np.ndarray) -> np.ndarray:
    """Return chances of a test's own: a day from 7 to 22 h; who has been silent for 6 h is out for longer."""
    chance: np.ndarray = np.where((quarter >= 28) & (quarter < 88), 0.25, 0.02) * np.where(pause < 24, 1.0, 0.4)
    return chance


def lived(days: int, homes: int = 400, seed: int = 1) -> Population:
    random = np.random.default_rng(seed)
    population, pause = Population(), np.zeros(homes, np.int64)
    for _ in range(days):
        for quarter in range(SLOTS):
            now = np.full(homes, quarter)
            used = random.random(homes) < true_hazard(now, pause)
            population.note(cells(WATER, now, pause), used)
            pause = np.where(used, 0, pause + 1)
        population.learn(1)
    return population


def test_bins_are_hours_of_silence() -> None:
    assert BIN[[0, 1, 2, 3, 4, 6]].tolist() == [0, 1, 2, 3, 4, 5]
    assert BIN[4 * 24 - 1] + 1 == BIN[4 * 24]
    assert (np.diff(BIN) >= 0).all()
    assert BIN[-1] == BINS - 1


def test_before_anything_is_known_there_are_hazards() -> None:
    hazard = Population().hazard
    assert hazard.shape == (KINDS, SLOTS, BINS)
    assert ((hazard > 0) & (hazard <= 1)).all()
    assert (hazard[:, 4 * 7, 2] > hazard[:, 4 * 3, 2]).all()  # at 7 h rather than at 3 h
    assert (hazard[:, 48, 1] > hazard[:, 48, BIN[4 * 24]]).all()


def test_hazards_become_those_of_the_people() -> None:
    hazard = lived(60).hazard[WATER]
    for quarter in (12, 40, 60, 80):
        for pause in (1, 3, 10):
            truth = float(true_hazard(np.array(quarter), np.array(pause)))
            assert hazard[quarter, BIN[pause]] == pytest.approx(truth, rel=0.25)
    assert hazard[44, BIN[30]] == pytest.approx(0.1, rel=0.3)


def test_what_is_learned_of_water_says_nothing_of_electricity() -> None:
    assert (lived(5).hazard[ELECTRICITY] == Population().hazard[ELECTRICITY]).all()


def test_nothing_counts_before_it_is_learned() -> None:
    population = Population()
    first = population.hazard.copy()
    population.note(cells(WATER, np.arange(SLOTS), np.zeros(SLOTS, np.int64)), np.ones(SLOTS, np.bool_))
    assert (population.hazard == first).all()
    population.learn(1)
    assert (population.hazard[WATER] != first[WATER]).any()


def test_what_was_learned_fades() -> None:
    population, first = lived(20), Population().hazard
    apart = np.abs(population.hazard - first).max()
    population.learn(1200)
    assert np.abs(population.hazard - first).max() < apart / 4


def test_a_restored_population_is_the_same() -> None:
    population, again = lived(3), Population()
    population.note(cells(WATER, np.arange(SLOTS), np.arange(SLOTS)), np.arange(SLOTS) % 3 == 0)
    again.take(population.rows())
    population.learn(1)
    again.learn(1)
    assert (again.hazard == population.hazard).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20), kind=st.integers(0, KINDS - 1))
def test_hazards_are_chances_whatever_was_seen(seed: int, kind: int) -> None:
    random = np.random.default_rng(seed)
    population = Population()
    many = 3000
    cell = cells(kind, random.integers(0, SLOTS, many), random.integers(0, LONGEST, many))
    population.note(cell, random.random(many) < random.random())
    population.learn(1)
    assert ((population.hazard > 0) & (population.hazard <= 1)).all()
