from __future__ import annotations

import numpy as np
import pytest

from registry.instants import DAY
from simulators.climate import daylight, outdoor
from simulators.lives import Lives, day_of, lives, midnight
from simulators.registers import totals
from simulators.residents import Habits, absent, habits, trips

_HOMES = 120
_SEASONS = {"winter": 20_468, "spring": 20_513, "summer": 20_659, "autumn": 20_736}
"""Days in the middle of January, March, July and October 2026."""


@pytest.fixture(scope="module")
def homes() -> Habits:
    return habits(11, np.arange(_HOMES))


def _week(homes: Habits, first: int) -> list[Lives]:
    return [lives(11, homes, first + at) for at in range(7)]


@pytest.mark.parametrize("season", _SEASONS)
def test_people_use_as_much_water_and_electricity_as_people_do(homes: Habits, season: str) -> None:
    week = _week(homes, _SEASONS[season])
    litres = np.mean([totals(day.water, _HOMES) for day in week], axis=0) / 1000
    kilowatt_hours = np.mean([totals(day.energy, _HOMES) + day.power.sum(axis=1) for day in week], axis=0) / 1e6
    people = np.where(homes.alone, 1, 2)
    here = np.array([absent(11, homes.who, _SEASONS[season] + at)[1] == 0 for at in range(7)]).all(axis=0)
    assert 80 < litres[here].sum() / people[here].sum() < 130
    assert ((litres / people)[here] > 40).mean() > 0.98
    assert ((litres / people)[here] < 200).mean() > 0.98
    low, high = np.percentile(kilowatt_hours[here], [3, 97])
    assert 1.5 < low < high < 9.5


def test_end_uses_are_those_of_simdeum(homes: Habits) -> None:
    day = _week(homes, _SEASONS["spring"])
    flushes = np.concatenate([d.water.only(np.isin(d.water.amount, [3000, 4500, 6000, 9000])).row for d in day])
    assert 5.5 < len(flushes) / 7 / np.where(homes.alone, 1, 2).sum() < 7.5
    assert 20 < sum(len(d.water) for d in day) / 7 / _HOMES < 40


def test_nobody_asleep_or_out_uses_water_but_for_the_toilet_at_night(homes: Habits) -> None:
    visits = 0
    for day in _week(homes, _SEASONS["spring"]):
        at = day.water.start // 300
        awake = np.asarray(np.any(day.plan.active, axis=1))[day.water.row, at]
        inside = np.asarray(np.any(day.plan.inside, axis=1))[day.water.row, at]
        flush = np.isin(day.water.amount, [3000, 4500, 6000, 9000])
        fills = day.water.amount == 12_500  # a washing machine goes on by itself
        assert (awake | (flush & inside) | fills).all()
        visits += int((flush & ~awake).sum())
    assert 0.5 < visits / 7 / np.where(homes.alone, 1, 2).sum() < 1.8


def test_people_who_are_away_use_nothing() -> None:
    who = np.arange(400)
    homes = habits(11, who)
    gone = 0
    for day in range(20_500, 20_510):
        begin, end = absent(11, who, day)
        all_day = (begin == 0) & (end == 1440)
        gone += int(all_day.sum())
        assert totals(lives(11, homes, day).water, 400)[all_day].sum() == 0
    assert 0.003 < gone / 4000 < 0.05


def test_some_trips_are_known_and_all_end() -> None:
    who = np.arange(4000)
    trip = trips(3, who, 20_500)
    assert 0.09 < trip.away.mean() < 0.16
    assert 0.5 < trip.known.mean() < 0.7
    assert (trip.last > trip.first).all()
    assert (trip.last // 28 == trip.first // 28).all()


def test_cooking_sometimes_hazes_the_air_and_seldom_alarms() -> None:
    homes = habits(11, np.arange(400))
    peaks = np.concatenate([lives(11, homes, 20_500 + at).fumes.ravel() for at in range(5)])
    assert 0.005 < (peaks > 1).mean() < 0.06
    assert (peaks > 4.4).mean() < 0.002


def test_a_row_is_the_same_alone_and_in_company(homes: Habits) -> None:
    alone = lives(11, homes.only(np.array([17])), 20_513)
    company = lives(11, homes, 20_513)
    mine = company.water.row == 17
    assert np.array_equal(np.sort(alone.water.start), np.sort(company.water.start[mine]))
    assert alone.water.amount.sum() == company.water.amount[mine].sum()
    assert np.array_equal(alone.power[0], company.power[17])


def test_the_year_turns() -> None:
    noon = np.array([900.0])
    assert outdoor(1, _SEASONS["summer"], noon)[0] > outdoor(1, _SEASONS["winter"], noon)[0] + 12
    short, long = daylight(_SEASONS["winter"]), daylight(_SEASONS["summer"])
    assert 600 < short[1] - short[0] < 660
    assert 800 < long[1] - long[0] < 850


def test_days_are_local() -> None:
    assert midnight(day_of(1_772_323_200_000_000)) == 1_772_294_400_000_000  # 08:00 on 1 March 2026, UTC+8
    assert midnight(1) - midnight(0) == DAY
