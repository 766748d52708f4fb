from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.calendar.local_days import LocalDays
from registry.instants import HOUR, to_datetime, to_micros
from tests.unit.detector_streams import house

ZONES = ("Asia/Shanghai", "Europe/Madrid", "America/St_Johns", "America/Havana", "Australia/Lord_Howe", "Asia/Beirut")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC).date()


INSTANTS = st.integers(to_micros(datetime(2015, 6, 1, tzinfo=UTC)), to_micros(datetime(2018, 6, 1, tzinfo=UTC)))


@settings(max_examples=40, deadline=None)
@given(moments=st.lists(INSTANTS.map(to_datetime), min_size=1, max_size=6))
def test_days_are_those_of_the_calendar_on_the_wall(moments: list[datetime]) -> None:
    days = LocalDays()
    table = house(*ZONES)
    for number, zone in enumerate(ZONES):
        times = np.array([to_micros(one) for one in moments])
        day, start, end = days.of(table, np.full(len(times), 10 * number + 1, np.int32), times)
        assert day.tolist() == [(one.astimezone(ZoneInfo(zone)).date() - EPOCH).days for one in moments]
        for at, begin, until, of in zip(times.tolist(), start.tolist(), end.tolist(), day.tolist(), strict=True):
            assert begin <= at < until
            assert begin == days.start(zone, of)
            assert until == days.start(zone, of + 1)
            just_before = to_datetime(begin - 1).astimezone(ZoneInfo(zone)).date()
            assert (just_before - EPOCH).days == of - 1


@pytest.mark.parametrize(("date", "hours"), [((2016, 3, 27), 23), ((2016, 10, 30), 25), ((2016, 6, 1), 24)])
def test_days_of_summer_times_change_have_23_and_25_hours(date: tuple[int, int, int], hours: int) -> None:
    days = LocalDays()
    number = (datetime(*date, tzinfo=UTC).date() - EPOCH).days
    assert days.start("Europe/Madrid", number + 1) - days.start("Europe/Madrid", number) == hours * HOUR
