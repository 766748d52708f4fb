from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.columns.bank import StateError, pack
from detectors.registers import Interpreted, Registers
from registry.instants import HOUR, MINUTE
from registry.quantities import Quantity
from registry.readings import Flag
from tests.unit.detector_streams import NOON, Sent, batch, cut, house, streams

VOLUME, ENERGY, SMOKE = Quantity.VOLUME, Quantity.ENERGY, Quantity.SMOKE


def read(values: list[float], sensor: int = VOLUME) -> Interpreted:
    """Interpret one reading a minute."""
    sent = [Sent(sensor, NOON + n * MINUTE, value, NOON) for n, value in enumerate(values)]
    return Registers().interpret(batch(sent), house())


def use(values: list[float], sensor: int = VOLUME) -> list[float]:
    return [round(one, 6) for one in read(values, sensor).use[1:].tolist()]


def test_the_first_reading_has_no_use_and_the_next_ones_the_difference() -> None:
    read_out = read([437_506, 437_506, 437_509, 437_520])
    assert np.isnan(read_out.use[0])
    assert read_out.use[1:].tolist() == [0, 3, 11]
    assert read_out.total.tolist() == [0, 0, 3, 14]
    assert read_out.flags.tolist() == [Flag.FIRST, 0, 0, 0]
    assert read_out.previous.tolist() == [0, NOON, NOON + MINUTE, NOON + 2 * MINUTE]


def test_a_step_back_is_no_use_and_its_recovery_neither() -> None:
    read_out = read([216_447, 216_446, 216_446, 216_447, 216_451])
    assert read_out.use[1:].tolist() == [0, 0, 0, 4]
    assert read_out.total.tolist() == [0, 0, 0, 0, 4]
    assert read_out.flags.tolist() == [Flag.FIRST, Flag.STEP_BACK, Flag.STEP_BACK, 0, 0]


@pytest.mark.parametrize("drop", [1, 45, 50])
def test_steps_back_up_to_fifty_litres_are_seen_as_such(drop: float) -> None:
    assert read([255_369, 255_369 - drop]).flags[1] == Flag.STEP_BACK


@pytest.mark.parametrize(("before", "after"), [(255_369.0, 255_318.0), (100.0, 97.9), (3.0, 0.9), (180.0, 150.0)])
def test_larger_drops_are_resets(before: float, after: float) -> None:
    read_out = read([0, before, after, after + 2])
    assert read_out.flags[2] == Flag.RESET
    assert np.isnan(read_out.use[2])
    assert read_out.use[3] == pytest.approx(2)
    assert read_out.total.tolist() == pytest.approx([0, before, before, before + 2])


def test_a_low_reading_that_recovers_at_once_was_a_corrupted_copy() -> None:
    read_out = read([307_774, 307_775, 295_487, 307_788, 304_712, 307_824])
    assert read_out.flags.tolist() == [Flag.FIRST, 0, Flag.RESET, 0, Flag.RESET, 0]
    assert read_out.use[[1, 3, 5]].tolist() == [1, 13, 36]
    assert read_out.total[-1] == 50


def test_a_new_meter_that_once_reaches_the_old_register_is_not_taken_for_a_recovery() -> None:
    assert use([500, 0, 300, 600])[1:] == [300, 300]


@pytest.mark.parametrize(
    ("sensor", "before", "after", "expected"),
    [
        (VOLUME, 99_998, 3, 5),
        (VOLUME, 99_999_990, 10, 20),
        (VOLUME, 99_000, 999, 1999),
        (ENERGY, 999_999, 1, 2),
        (ENERGY, 99_999_999.5, 0, 0.5),
    ],
)
def test_a_register_that_passed_its_last_digit_goes_on(
    sensor: int, before: float, after: float, expected: float
) -> None:
    read_out = read([before, after, after + 1], sensor)
    assert read_out.flags[1] == Flag.ROLLOVER
    assert read_out.use[1:].tolist() == pytest.approx([expected, 1])
    assert read_out.total.tolist() == pytest.approx([0, expected, expected + 1])


@pytest.mark.parametrize(
    ("sensor", "before", "after"),
    [(VOLUME, 98_000, 3), (VOLUME, 99_998, 1_200), (ENERGY, 99_998, 3), (VOLUME, 9_999, 3)],
)
def test_what_only_resembles_a_rollover_is_a_reset(sensor: int, before: float, after: float) -> None:
    assert read([before, after], sensor).flags[1] == Flag.RESET


def test_a_gauge_has_neither_use_nor_total() -> None:
    read_out = read([4, 1, 3], SMOKE)
    assert np.isnan(read_out.use).all()
    assert np.isnan(read_out.total).all()
    assert read_out.flags.tolist() == [Flag.FIRST, 0, 0]


def test_late_and_repeated_readings_are_kept_apart() -> None:
    times = [0, 30, 10, 30, 40, 40]
    values = [100.0, 103.0, 101.0, 103.0, 104.0, 105.0]
    sent = [Sent(VOLUME, NOON + at * MINUTE, value, NOON) for at, value in zip(times, values, strict=True)]
    registers = Registers()
    read_out = registers.interpret(batch(sent), house())
    assert read_out.late.tolist() == [False, False, True, True, False, True]
    assert (read_out.flags[read_out.late] == Flag.LATE).all()
    assert np.isnan(read_out.use[read_out.late]).all()
    assert read_out.observations().use[1:].tolist() == [3, 1]
    again = registers.interpret(batch(sent), house())
    assert again.late.all()
    assert len(again.observations()) == 0


def test_observations_are_in_the_order_of_time_and_then_of_sensor() -> None:
    sent = [
        Sent(11, NOON, 1, NOON),
        Sent(1, NOON + HOUR, 1, NOON),
        Sent(1, NOON + 2 * HOUR, 2, NOON),
        Sent(12, NOON, 1, NOON),
    ]
    seen = Registers().interpret(batch(sent), house("UTC", "UTC")).observations()
    assert seen.sensor.tolist() == [11, 12, 1, 1]
    assert seen.time.tolist() == [NOON, NOON, NOON + HOUR, NOON + 2 * HOUR]


@settings(max_examples=60, deadline=None)
@given(stream=streams(), cuts=st.lists(st.integers(0, 60), max_size=10))
def test_the_meaning_does_not_depend_on_how_a_stream_is_cut(stream: list[Sent], cuts: list[int]) -> None:
    table = house("UTC", "UTC")
    whole = Registers().interpret(batch(stream), table)
    registers, parts = Registers(), []
    for piece in cut(stream, cuts):
        restored = Registers()
        restored.restore(registers.snapshot())
        registers = restored
        parts.append(registers.interpret(batch(piece), table))
    for column in ("use", "total", "previous", "flags", "fresh"):
        pieces = np.concatenate([getattr(part, column) for part in parts])
        np.testing.assert_array_equal(pieces, getattr(whole, column), strict=True)


def plainly(values: list[float]) -> list[float]:
    """Tell totals reading by reading, as the rules say it in words."""
    mark, total, lost = values[0], 0.0, None
    totals = [0.0]
    for value in values[1:]:
        if lost is not None and value >= lost:
            mark = lost
        lost = None
        if mark - value > min(max(0.01 * mark, 2), 50):
            if mark >= 99_000 and mark < 100_000 and value <= 1_000:
                total += 100_000 - mark + value
            else:
                lost = mark
            mark = value
        else:
            total += max(value - mark, 0)
            mark = max(value, mark)
        totals.append(total)
    return totals


_STANDS = st.sampled_from([0.0, 5.0, 90.0, 99.0, 100.0, 3_000.0, 3_040.0, 3_049.0, 99_500.0, 99_990.0, 99_999.0])


@settings(max_examples=200, deadline=None)
@given(values=st.lists(_STANDS, min_size=1, max_size=40))
def test_totals_are_those_of_the_plain_telling(values: list[float]) -> None:
    assert read(values).total.tolist() == pytest.approx(plainly(values))


def test_a_register_read_through_many_parts_is_the_same() -> None:
    rng = np.random.default_rng(5)
    values = (np.cumsum(rng.integers(0, 9, 1000)) - 40 * rng.integers(0, 2, 1000)).clip(0).tolist()
    assert read(values).total.tolist() == pytest.approx(plainly(values))


def test_a_state_of_something_else_is_refused() -> None:
    with pytest.raises(StateError, match="start the rule empty"):
        Registers().restore(b"PK")


def test_a_state_of_an_older_version_is_refused() -> None:
    with pytest.raises(StateError, match="registers 1"):
        Registers().restore(pack("registers 1", {"registers": np.zeros(3)}))


@pytest.mark.parametrize("repeats", [1, 30])
def test_few_repeated_and_late_readings_among_many_mean_the_same_as_one_by_one(repeats: int) -> None:
    table = house(*["UTC"] * 100)
    sensors = [10 * home + quantity for home in range(100) for quantity in (VOLUME, ENERGY, SMOKE)]
    rng = np.random.default_rng(repeats)
    sent = []
    for quarter in range(6):
        at = NOON + quarter * 15 * MINUTE
        sent += [Sent(sensor, at + int(rng.integers(9)), 500.0 + 9 * quarter, at + HOUR) for sensor in sensors]
        for sensor in rng.choice(sensors, repeats):
            ago, value = rng.choice([0, 0, 1, 20]), rng.choice([500.0, 560.0, 700.0, 30.0])
            sent.append(Sent(int(sensor), at + (5 - int(ago)) * MINUTE, value, at + HOUR))
    whole, single = Registers(), Registers()
    for at in range(0, len(sent), 300 + repeats):
        piece = sent[at : at + 300 + repeats]
        together = whole.interpret(batch(piece), table)
        alone = [single.interpret(batch([one]), table) for one in piece]
        for column in ("use", "total", "previous", "flags", "fresh"):
            expected = np.concatenate([getattr(one, column) for one in alone])
            np.testing.assert_array_equal(getattr(together, column), expected, strict=True)
        seen = together.observations()
        assert together.single <= (len(set(seen.sensor.tolist())) == len(seen))
        order = sorted((int(time), int(sensor)) for time, sensor in zip(seen.time, seen.sensor, strict=True))
        assert list(zip(seen.time.tolist(), seen.sensor.tolist(), strict=True)) == order
    assert whole.snapshot() == single.snapshot()
