"""The benchmark's scoring, against cases worked out by hand."""

from __future__ import annotations

import csv
import json
import math
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks import nab
from tests.benchmarks.nab import File, Floats


def file(rows: int = 100, *windows: tuple[int, int]) -> File:
    return File("group/file.csv", np.arange(rows, dtype=np.int64), np.zeros(rows), windows)


def peaks(rows: int, **at: float) -> Floats:
    scores = np.zeros(rows)
    for row, height in at.items():
        scores[int(row[1:])] = height
    return scores


def worth_of(position: float) -> float:
    return 2 / (1 + math.exp(5 * position)) - 1


def test_the_sigmoid_has_the_published_values() -> None:
    assert nab.sigmoid(np.array([-1.0, -0.5, 0.0, 1.0, 3.0, 9.0])) == pytest.approx(
        [0.98661, 0.84828, 0.0, -0.98661, -1.0, -1.0], abs=1e-5
    )


def test_a_perfect_detector_scores_100_and_a_silent_one_0() -> None:
    files = [file(200, (50, 69), (150, 169)), file(100), file(1000, (400, 499))]
    perfect = [peaks(200, r50=1, r150=1), np.zeros(100), peaks(1000, r400=1)]
    assert nab.score(files, perfect).score == pytest.approx(100)
    silent = nab.score(files, [np.zeros(len(one.value)) for one in files])
    assert (silent.score, silent.found, silent.false) == (0.0, 0, 0)


def test_a_late_detection_is_worth_less_and_only_the_best_of_a_window_counts() -> None:
    """Row 60 of a window 50..69 stands at -(69 - 60 + 1) / 20 = -0.5; row 65, at -0.25, adds nothing to it."""
    expected = 100 * (1 + worth_of(-0.5) / worth_of(-1)) / 2
    assert nab.score([file(100, (50, 69))], [peaks(100, r60=1)]).score == pytest.approx(expected)
    assert nab.score([file(100, (50, 69))], [peaks(100, r60=1, r65=1)]).score == pytest.approx(expected)


def test_a_false_detection_costs_by_its_distance_behind_the_window_before_it() -> None:
    """Row 79 behind a window 50..69 stands at (79 - 69) / 19; before any window, and far behind, it costs 0.11."""
    window = file(200, (50, 69))
    near = nab.score([window], [peaks(200, r50=1, r79=1)])
    assert near.score == pytest.approx(100 * (2 + 0.11 * worth_of(10 / 19)) / 2)
    assert (near.found, near.windows, near.false) == (1, 1, 1)
    assert nab.score([window], [peaks(200, r50=1, r180=1)]).score == pytest.approx(100 * (2 - 0.11) / 2)
    assert nab.score([window], [peaks(200, r50=1, r40=1)]).score == pytest.approx(100 * (2 - 0.11) / 2)


def test_the_probation_counts_for_nothing() -> None:
    """15 of 100 rows, 750 of 10,000: detections there are free, and a window there is neither found nor missed."""
    assert (file(100).probation, file(10_000).probation) == (15, 750)
    clean = nab.score([file(100, (50, 69))], [peaks(100, r50=1)]).score
    assert nab.score([file(100, (50, 69))], [peaks(100, r14=1, r50=1)]).score == clean
    assert nab.score([file(100, (50, 69))], [peaks(100, r15=1, r50=1)]).score < clean


def test_one_threshold_is_chosen_for_the_whole_corpus() -> None:
    """The second file's window is worth its one false detection, the third's is not worth twenty."""
    noisy = np.zeros(200)
    noisy[100:120] = 0.5
    noisy[60] = 0.4
    files = [file(200, (50, 69))] * 3
    result = nab.score(files, [peaks(200, r50=0.9), peaks(200, r50=0.8, r180=0.85), noisy])
    assert result.threshold == pytest.approx(0.8)
    assert (result.found, result.false) == (2, 1)
    assert result.score == pytest.approx(100 * (2 + 2 - 0.11) / 6)


def test_rows_of_one_score_are_detected_together() -> None:
    """No threshold lies between equal scores: the window is not to be had without the other file's false detections."""
    quiet, noisy = np.zeros(200), np.zeros(200)
    quiet[50] = noisy[100:120] = 0.7
    result = nab.score([file(200, (50, 69)), file(200)], [quiet, noisy])
    assert (result.score, result.found) == (0.0, 0)


@given(st.lists(st.floats(0, 1), min_size=60, max_size=60), st.integers(10, 40), st.integers(1, 15))
def test_the_sweep_finds_what_trying_every_threshold_finds(scores: list[float], first: int, width: int) -> None:
    one = file(60, (first, first + width - 1))
    own = np.array(scores)
    value, window = nab.worth(one)
    judged = np.arange(60) >= one.probation
    totals = [-1.0]
    for threshold in set(scores):
        hit = judged & (own >= threshold)
        inside = value[hit & (window == 0)]
        totals.append(value[hit & (window < 0)].sum() + (max(-1.0, inside.max()) if inside.size else -1.0))
    assert nab.score([one], [own]).score == pytest.approx(100 * (max(totals) + 1) / 2)


def test_a_corpus_is_read_and_scored_from_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A day's rhythm for two weeks, and one noon at which it fails."""
    begin = datetime(2014, 4, 1, tzinfo=UTC).replace(tzinfo=None)
    chance = np.random.default_rng(3)
    value = np.where(np.arange(4032) % 288 < 144, 20.0, 80.0) + chance.uniform(-2, 2, 4032)
    value[3100:3140] = 300.0
    window = [str(begin + timedelta(minutes=5 * row)) + ".000000" for row in (3050, 3300)]
    (tmp_path / "labels").mkdir()
    (tmp_path / "data" / "made").mkdir(parents=True)
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps({"made/rhythm.csv": [window]}))
    with (tmp_path / "data" / "made" / "rhythm.csv").open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["timestamp", "value"])
        rows.writerows((begin + timedelta(minutes=5 * row), value[row]) for row in range(4032))
    assert nab.read(tmp_path)[0].windows == [(3050, 3300)]
    monkeypatch.setattr("sys.argv", ["nab", "--corpus", str(tmp_path)])
    nab.main()
    told = capsys.readouterr().out
    assert "1 of 1 windows, 0 false detections" in told


def test_the_generic_detector_on_the_corpus() -> None:
    """At least 50 on the standard profile; set NAB_CORPUS to a copy of the corpus."""
    corpus = os.environ.get("NAB_CORPUS")
    if corpus is None:
        pytest.skip("no corpus; set NAB_CORPUS to a copy of it")
    files = nab.read(Path(corpus))
    assert nab.score(files, nab.scores(files)).score >= 50
