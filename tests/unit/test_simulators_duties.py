"""A town's officers are on call: somebody at every moment, on two lines, for each district and the city."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np

from alerts.oncall.rota import on_call, shifts
from registry.instants import DAY, to_micros
from simulators.census import census
from simulators.duties import duties
from simulators.residents import habits

FOUNDED = date(2026, 11, 22)


def test_every_district_and_the_city_have_somebody_on_call_at_every_moment() -> None:
    town = census(7, habits(7, np.arange(150)), 20_513).registry
    found = duties(town, FOUNDED)
    assert [one.area for one in found] == ["9901", "990101", "990102"]
    start = to_micros(datetime(2026, 11, 22, tzinfo=UTC)) - 30 * DAY
    officers = {one.id for one in town.people if one.role == "duty_officer"}
    for one in found:
        assert one.levels == (1, 2)
        for level in one.levels:
            assert {shift.person for shift in shifts(one, start, start + 60 * DAY, level)} <= officers


def test_the_streets_of_a_district_take_turns_by_day() -> None:
    town = census(7, habits(7, np.arange(150)), 20_513).registry
    district = duties(town, FOUNDED)[1]
    noon = to_micros(datetime(2026, 11, 22, 4, tzinfo=UTC))
    turns = [on_call(district, noon + day * DAY) for day in range(3)]
    assert turns[0] == turns[2] != turns[1]
    assert set(turns) == {"officer-990101001", "officer-990101002"}
