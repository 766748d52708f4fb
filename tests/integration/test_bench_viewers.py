"""`shouwang bench viewers`: open boards on a real `shouwang web`, each of which sees every alarm."""

from __future__ import annotations

import pytest

from shouwang.bench.viewers import Options, run


@pytest.mark.timeout(300)
def test_every_board_sees_every_alarm() -> None:
    report = run(Options(viewers=5, seconds=2.0, every=1.0, sensors=350, open=3))
    assert report.alarms == 2
    assert report.unseen == 0
    assert len(report.seen) == len(report.heard) == 5 * 2
    assert 0 < report.percentile(report.heard, 50) <= report.percentile(report.seen, 99)
    told = report.to_json()
    assert told["core_web"] > 0
    assert told["core_postgresql"] > 0
