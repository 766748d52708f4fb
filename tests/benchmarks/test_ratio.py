"""Banks against objects, both on this machine and in the same run: the one figure about speed that is asserted."""

from __future__ import annotations

from shouwang.bench import detectors as bench
from shouwang.bench.detectors import Options


def test_the_banks_are_several_times_faster_than_an_object_for_each_sensor() -> None:
    """The aim is 30 with 100,000 sensors; here they are fewer, and the margin is wide."""
    report = bench.run(Options(sensors=20_000, batch=10_000, warm_up=1, hours=2))
    assert report.per_object is not None
    assert report.per_object.ratio >= 4
