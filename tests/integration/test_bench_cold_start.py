"""The measurement of a start, over a very small city: that it measures, not how fast that is."""

from __future__ import annotations

from shouwang.bench import cold_start
from shouwang.bench.cold_start import Options
from shouwang.bench.pages import PATHS


def test_a_city_is_made_started_and_looked_at() -> None:
    options = Options(sensors=1_500, hours=0.25, open=10, closed=40, times=1)
    report = cold_start.run(options)
    start, told = report.start, report.to_json()
    assert start.replayed > 1_000
    assert start.seconds > 0 < start.engine
    assert start.peak_saving >= start.peak > 50_000_000
    assert 1_000_000 < start.snapshot < 10_000_000
    assert {answered.reader for answered in report.pages} == {"everywhere", "city", "district", "caseworker"}
    assert len(report.pages) > 1.5 * len(PATHS)
    assert told["options"]["sensors"] == 1_500
    assert len(told["pages"]) == len(report.pages)
