"""The strip of a week: pieces stand where their hours are, on a week with a change of clocks too."""

from __future__ import annotations

from datetime import date, time

import pytest

from alerts.oncall.schedule import Rotation, Schedule, Window
from dashboards.pictures.duty_strip import pieces, week

MONDAY = date(2026, 10, 26)


def test_a_week_in_which_clocks_go_back_is_169_hours_and_its_strip_is_whole() -> None:
    plan = Schedule("s", "1", "S", "America/New_York", (Rotation("r", ("ann", "ben"), 1, MONDAY),))
    strip = week(MONDAY, "America/New_York")
    assert (strip.end - strip.start) // 3_600_000_000 == 169
    assert strip.edges[0] == 0
    assert strip.edges[6] == pytest.approx(100 * 144 / 169, abs=0.001)
    drawn = pieces(plan, 1, strip)
    assert drawn[0].left == 0
    assert sum(one.width for one in drawn) == pytest.approx(100, abs=0.01)


def test_a_piece_is_tinted_by_person_and_a_gap_by_nobody() -> None:
    days = (Window(frozenset(range(7)), time(8), time(20)),)
    plan = Schedule("s", "1", "S", "Asia/Shanghai", (Rotation("r", ("ann", "ben"), 1, MONDAY, when=days),))
    drawn = pieces(plan, 1, week(MONDAY, "Asia/Shanghai"))
    assert [one.tint for one in drawn[:5]] == [-1, 0, -1, 1, -1]
    assert drawn[1].width == pytest.approx(100 * 12 / 168, abs=0.01)
