"""The hazards that households have in common."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.calendar.local_slots import SLOTS
from detectors.silence.survival import BIN, BINS, KINDS, LONGEST, Cells, Population

WATER, ELECTRICITY = 0, 1
MONDAY = 4  # days after 1970-01-01, a Thursday
SATURDAY = MONDAY + 5


def cells(kind: int, local: np.ndarray, pause: np.ndarray) -> Cells:
    return Population.cells(np.full(len(local), kind), local, pause)


def hazards(population: Population, day: int = MONDAY) -> np.ndarray:
    """Return the hazards of a day by kind, quarter of an hour and bin of the pause."""
    kind, quarter, pause = np.indices((KINDS, SLOTS, BINS))
    shortest = np.searchsorted(BIN, np.arange(BINS))
    flat = Population.cells(kind.ravel(), day * SLOTS + quarter.ravel(), shortest[pause.ravel()])
    table: np.ndarray = population.hazard(flat).reshape(kind.shape)
    return table


def note(population: Population, cells: Cells, used: np.ndarray, own: np.ndarray | None = None) -> None:
    population.note(cells, used)
    population.note_lately(cells, used, np.ones(len(used)) if own is None else own)


def true_hazard(quarter: np.ndarray, pause: np.ndarray, away: float = 0.4) -> np.ndarray:
    """Return chances of a test's own: a day from 7 to 22 h; who has been silent for 6 h is out for longer."""
    chance: np.ndarray = np.where((quarter >= 28) & (quarter < 88), 0.25, 0.02) * np.where(pause < 24, 1.0, away)
    return chance


def lived(days: int, homes: int = 400, seed: int = 1, weekend: float = 0.4) -> Population:
    random = np.random.default_rng(seed)
    population, pause = Population(), np.zeros(homes, np.int64)
    for day in range(MONDAY, MONDAY + days):
        away = weekend if (day - MONDAY) % 7 >= 5 else 0.4
        for quarter in range(SLOTS):
            now = np.full(homes, quarter)
            used = random.random(homes) < true_hazard(now, pause, away)
            slots = cells(WATER, day * SLOTS + now, pause)
            note(population, slots, used)
            pause = np.where(used, 0, pause + 1)
        population.learn(1)
    return population


def test_bins_are_hours_of_silence() -> None:
    assert BIN[[0, 1, 2, 3, 4, 6]].tolist() == [0, 1, 2, 3, 4, 5]
    assert BIN[4 * 24 - 1] + 1 == BIN[4 * 24]
    assert (np.diff(BIN) >= 0).all()
    assert BIN[-1] == BINS - 1


def test_before_anything_is_known_there_are_hazards() -> None:
    hazard = hazards(Population())
    assert ((hazard > 0) & (hazard <= 1)).all()
    assert (hazard[:, 4 * 7, 2] > hazard[:, 4 * 3, 2]).all()  # at 7 h rather than at 3 h
    assert (hazard[:, 48, 1] > hazard[:, 48, BIN[4 * 24]]).all()


def test_hazards_become_those_of_the_people() -> None:
    hazard = hazards(lived(60))[WATER]
    for quarter in (12, 40, 60, 80):
        for pause in (1, 3, 10):
            truth = float(true_hazard(np.array(quarter), np.array(pause)))
            assert hazard[quarter, BIN[pause]] == pytest.approx(truth, rel=0.25)
    assert hazard[44, BIN[30]] == pytest.approx(0.1, rel=0.3)


def test_what_is_learned_of_water_says_nothing_of_electricity() -> None:
    assert (_seen_by_electricity(lived(5)) == _seen_by_electricity(Population())).all()


def _seen_by_electricity(population: Population) -> np.ndarray:
    """Return the shape of its table, which weekdays and seasons of all kinds only scale."""
    table: np.ndarray = hazards(population)[ELECTRICITY]
    ratio: np.ndarray = np.round(table / table[:1], 9)
    return ratio


def test_nothing_counts_before_it_is_learned() -> None:
    population = Population()
    first = hazards(population)
    slots = cells(WATER, np.arange(SLOTS), np.zeros(SLOTS, np.int64))
    note(population, slots, np.ones(SLOTS, np.bool_))
    assert (hazards(population) == first).all()
    population.learn(1)
    assert (hazards(population)[WATER] != first[WATER]).any()


def test_what_was_learned_fades() -> None:
    population, first = lived(20), hazards(Population())
    apart = np.abs(hazards(population) - first).max()
    population.learn(2400)
    assert np.abs(hazards(population) - first).max() < apart / 4


def test_long_pauses_of_weekends_are_learned_apart() -> None:
    long, short = BIN[30], BIN[3]
    week = lived(70, weekend=0.1)
    working, off = hazards(week)[WATER], hazards(week, SATURDAY)[WATER]
    assert off[60, long] < 0.5 * working[60, long]
    assert off[60, short] == pytest.approx(working[60, short], rel=0.1)


def test_a_week_in_which_many_are_away_makes_long_pauses_likelier_and_is_forgotten() -> None:
    population = lived(40)
    before = hazards(population)[WATER]
    slots = cells(WATER, MONDAY * SLOTS + np.arange(4000) % SLOTS, np.full(4000, 50))
    for _ in range(4):
        note(population, slots, np.zeros(4000, np.bool_))
        population.learn(1)
    away = hazards(population)[WATER]
    assert away[60, BIN[50]] < 0.3 * before[60, BIN[50]]
    assert away[60, BIN[3]] == pytest.approx(before[60, BIN[3]], rel=0.1)


def test_a_pause_that_ends_is_learned_as_its_slots_would_have_been() -> None:
    whole, apart = Population(), Population()
    length, begin, end = 50, 36, 5 * SLOTS + 30
    pause = np.arange(begin, length + 1)
    apart.note(cells(WATER, end - length + pause, pause), pause == length)
    whole.note_pauses(np.array([WATER]), np.array([end]), np.array([length]), begin)
    for population in (whole, apart):
        population.learn(1)
    assert (hazards(whole) == hazards(apart)).all()
    assert (hazards(whole) != hazards(Population())).any()


def test_a_restored_population_is_the_same() -> None:
    population, again = lived(3), Population()
    slots = cells(WATER, np.arange(SLOTS), np.arange(SLOTS))
    note(population, slots, np.arange(SLOTS) % 3 == 0)
    again.take(population.rows())
    population.learn(1)
    again.learn(1)
    assert (hazards(again, SATURDAY) == hazards(population, SATURDAY)).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20), kind=st.integers(0, KINDS - 1))
def test_hazards_are_chances_whatever_was_seen(seed: int, kind: int) -> None:
    random = np.random.default_rng(seed)
    population = Population()
    many = 3000
    slots = cells(kind, random.integers(0, 7 * SLOTS, many), random.integers(0, LONGEST, many))
    note(population, slots, random.random(many) < random.random(), random.random(many))
    population.learn(1)
    for day in range(MONDAY, MONDAY + 7):
        assert ((hazards(population, day) > 0) & (hazards(population, day) <= 1)).all()
