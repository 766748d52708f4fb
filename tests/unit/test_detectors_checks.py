"""What every detector must keep, whatever its question: one suite over all of them."""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.appliance import Appliance
from detectors.area_incidents import AreaIncidents
from detectors.burst import Burst
from detectors.clock_skew import ClockSkew
from detectors.columns.bank import StateError
from detectors.constant_use import ConstantUse
from detectors.day_use import DayUse
from detectors.drift import Drift
from detectors.electricity import Electricity
from detectors.finding import Finding, Phase
from detectors.gap_quantile import GapQuantile
from detectors.generic import Generic
from detectors.inactivity import Inactivity
from detectors.leak import Leak
from detectors.low_use import LowUse
from detectors.meter import Meter
from detectors.offline import Offline
from detectors.protocol import Detector
from detectors.river_models.drift import RiverDrift
from detectors.river_models.model import RiverModel
from detectors.river_models.samples import HouseholdHours
from detectors.smoke_alarm import smoke_alarm
from detectors.smoke_level import SmokeLevel
from detectors.stuck import Stuck
from detectors.tap import Tap
from detectors.threshold import battery, tamper
from registry.instants import DAY
from registry.quantities import Quantity
from registry.readings import SensorTable
from tests.unit.detector_streams import Sent, Watch, cut, house, stream_of, streams, told

Make = Callable[[SensorTable], Detector]


def one_street(sensors: SensorTable) -> AreaIncidents:
    """Put all homes into one area whose supply they depend on, and take two silent homes for a blackout."""
    sensors.areas = ["street"] * len(sensors.households)
    sensors.dependent = set(range(len(sensors.households)))
    return AreaIncidents(sensors, homes=2, chance=0.9999, known_after=2)


_MOVING = {Quantity.VOLUME, Quantity.ENERGY, Quantity.POWER, Quantity.SMOKE, Quantity.TEMPERATURE}
DETECTORS: dict[str, tuple[Make, set[Quantity]]] = {
    "inactivity": (
        lambda sensors: Inactivity(sensors, rates=(20, 4, 1)), {Quantity.VOLUME, Quantity.ENERGY, Quantity.POWER}
    ),
    "low_use": (lambda sensors: LowUse(sensors, litres=10, hours=2), {Quantity.VOLUME}),
    "low_use_coarse": (lambda sensors: LowUse(sensors, litres=0.5, hours=12), {Quantity.VOLUME}),
    "day_use": (lambda sensors: DayUse(sensors, below=15, above=600), {Quantity.VOLUME}),
    "gap_quantile": (lambda sensors: GapQuantile(sensors, rate=2000, days=0.2, fewest=1), {Quantity.VOLUME}),
    "gap_quantile_all": (
        lambda sensors: GapQuantile(sensors, rate=900, days=0.2, fewest=1, scope="all"), {Quantity.VOLUME}
    ),
    "constant_use": (lambda sensors: ConstantUse(sensors, slots=2, minutes=30), {Quantity.VOLUME}),
    "leak": (lambda sensors: Leak(sensors, hours=1, days=1), {Quantity.VOLUME}),
    "burst": (lambda sensors: Burst(sensors, litres=40, alpha=0.2, unknown=300), {Quantity.VOLUME}),
    "tap": (
        lambda sensors: Tap(sensors, minutes=5, least=1, most=9000, variation=2, alpha=0.2, days=1), {Quantity.VOLUME}
    ),
    "electricity": (
        lambda sensors: Electricity(sensors, surges=4000, drops=4000, hours=1, warm_up=0), {Quantity.ENERGY}
    ),
    "appliance": (
        lambda sensors: Appliance(sensors, watts=1, floor=1, rate=1e6, warm_up=0), {Quantity.ENERGY, Quantity.POWER}
    ),
    "generic": (
        lambda sensors: Generic(sensors, quantity=Quantity.SMOKE, alpha=0.5, rest=2, warm_up=3), {Quantity.SMOKE}
    ),
    "generic_register": (
        lambda sensors: Generic(sensors, quantity=Quantity.VOLUME, alpha=0.5, rest=2, warm_up=3), {Quantity.VOLUME}
    ),
    "smoke_alarm": (smoke_alarm, {Quantity.ALARM}),
    "smoke_level": (SmokeLevel, {Quantity.SMOKE}),
    "battery": (battery, {Quantity.BATTERY}),
    "tamper": (tamper, {Quantity.TAMPER}),
    "area_incidents": (one_street, set(Quantity)),
    "offline": (Offline, set(Quantity)),
    "stuck": (lambda sensors: Stuck(sensors, hours=0.2, gauge_hours=0.2, share=0.5, known_after=2), _MOVING),
    "meter": (lambda sensors: Meter(sensors, hours=1), {Quantity.VOLUME, Quantity.ENERGY}),
    "clock_skew": (
        lambda sensors: ClockSkew(sensors, minutes=300, times=1, hours=0.01, backlog_hours=400), set(Quantity)
    ),
    "drift": (
        lambda sensors: Drift(sensors, days=2, delta=0.01, threshold=0.02, reach=60), {Quantity.VOLUME, Quantity.ENERGY}
    ),
    "river": (
        lambda sensors: RiverModel(
            sensors, "river", "GaussianScorer", Quantity.VOLUME,
            parameters={"grace_period": 2}, warm_up=3, alpha=0.3, times=1, memory=20,
        ),
        {Quantity.VOLUME},
    ),
    "river_unsupervised": (
        lambda sensors: RiverModel(
            sensors, "river", "HalfSpaceTrees", Quantity.SMOKE,
            parameters={"n_trees": 2, "height": 3, "window_size": 3, "limits": {"value": [0, 100]}},
            warm_up=3, alpha=0.3, times=1, memory=20,
        ),
        {Quantity.SMOKE},
    ),
    "river_features": (
        lambda sensors: RiverModel(
            sensors, "river", "HalfSpaceTrees", HouseholdHours(sensors, ["water", "idle", "hour_sin"]),
            parameters={"n_trees": 2, "height": 3, "window_size": 3}, warm_up=3, alpha=0.3, times=1, memory=20,
        ),
        {Quantity.VOLUME},
    ),
    "river_drift": (
        lambda sensors: RiverDrift(
            sensors, "river", "PageHinkley", Quantity.VOLUME,
            parameters={"min_instances": 3, "threshold": 1.0}, warm_up=3, scale="standard",
        ),
        {Quantity.VOLUME},
    ),
}  # fmt: skip

every_detector = pytest.mark.parametrize("make", [make for make, _ in DETECTORS.values()], ids=DETECTORS)
with_quantities = pytest.mark.parametrize(("make", "quantities"), DETECTORS.values(), ids=DETECTORS)
quick = settings(max_examples=25, deadline=None)
ZONES = ("Asia/Shanghai", "Europe/Madrid")


def watch(make: Make) -> Watch:
    table = house(*ZONES)
    return Watch(make(table), table)


def findings_of(make: Make, stream: list[Sent], cuts: list[int]) -> list[Finding]:
    eye = watch(make)
    findings = [found for piece in cut(stream, cuts) for found in eye.see(piece)]
    if stream:
        findings += eye.detector.tick(stream[-1].received + 3 * DAY)
    return told(findings)


@every_detector
@quick
@given(stream=streams(), cuts=st.lists(st.integers(0, 60), max_size=12))
def test_findings_do_not_depend_on_how_a_stream_is_cut(make: Make, stream: list[Sent], cuts: list[int]) -> None:
    whole = findings_of(make, stream, [])
    assert findings_of(make, stream, cuts) == whole
    assert findings_of(make, stream, list(range(len(stream)))) == whole


@every_detector
@quick
@given(stream=streams(), at=st.integers(0, 60))
def test_a_restored_snapshot_continues_as_if_nothing_had_happened(make: Make, stream: list[Sent], at: int) -> None:
    first, second = watch(make), watch(make)
    first.see(stream[:at])
    second.registers.restore(first.registers.snapshot())
    second.detector.restore(first.detector.snapshot())
    assert second.see(stream[at:]) == first.see(stream[at:])
    assert second.detector.tick(2**51) == first.detector.tick(2**51)
    if not isinstance(first.detector, RiverModel | RiverDrift):  # two pickles of equal models differ in what they share
        assert second.detector.snapshot() == first.detector.snapshot()


@every_detector
@quick
@given(stream=streams(), at=st.integers(0, 60))
def test_a_copy_and_a_pickle_continue_as_if_nothing_had_happened(make: Make, stream: list[Sent], at: int) -> None:
    eye = watch(make)
    eye.see(stream[:at])
    copied, pickled = copy.deepcopy(eye), pickle.loads(pickle.dumps(eye))  # noqa: S301 - written a moment ago
    expected = [eye.see(stream[at:]), eye.detector.tick(2**51)]
    assert [copied.see(stream[at:]), copied.detector.tick(2**51)] == expected
    assert [pickled.see(stream[at:]), pickled.detector.tick(2**51)] == expected


@every_detector
@quick
@given(stream=streams())
def test_the_same_stream_says_the_same_twice(make: Make, stream: list[Sent]) -> None:
    assert findings_of(make, stream, [30]) == findings_of(make, stream, [30])


@every_detector
@quick
@given(stream=streams())
def test_which_sensor_came_first_in_a_batch_does_not_matter(make: Make, stream: list[Sent]) -> None:
    first, second = watch(make), watch(make)
    by_sensor = sorted(stream, key=lambda one: one.sensor)
    assert told(second.see(by_sensor)) == told(first.see(stream))


@every_detector
@quick
@given(stream=streams(), at=st.integers(0, 60))
def test_what_is_said_of_a_reading_does_not_depend_on_what_follows(make: Make, stream: list[Sent], at: int) -> None:
    """Score before learn: even in one batch with it, what comes later changes nothing that was said before."""
    early, whole = watch(make).see(stream[:at]), watch(make).see(stream)
    assert [found for found in early if found not in whole] == []


@with_quantities
@quick
@given(stream=streams())
def test_every_end_has_its_beginning(make: Make, quantities: set[Quantity], stream: list[Sent]) -> None:
    eye = watch(make)
    assert eye.detector.name
    open_now: dict[tuple[str, str, str, str], Finding] = {}
    by_row = [found for one in stream for found in told(eye.see([one]))]
    for found in by_row:
        key = (found.household, found.kind, found.rule, found.source)
        assert found.rule == eye.detector.name
        assert found.onset <= found.time
        if found.phase is Phase.RAISED:
            before = open_now.get(key)  # raised again, it has grown worse
            assert before is None or (found.onset == before.onset and found.severity > before.severity)
            assert found.score > 0
            assert found.facts["template"]
            open_now[key] = found
        else:
            raised = open_now.pop(key)
            assert (found.onset, found.kind, found.severity) == (raised.onset, raised.kind, raised.severity)
            assert found.time >= raised.time
    if quantities != set(Quantity):
        sources = {f"meter-{home}/{quantity.label}" for home in (0, 1) for quantity in quantities}
        sources |= {"home-0", "home-1"}  # of a household as a whole
        assert {found.source for found in by_row} <= sources


@with_quantities
@quick
@given(stream=streams())
def test_other_quantities_change_nothing(make: Make, quantities: set[Quantity], stream: list[Sent]) -> None:
    own = [one for one in stream if Quantity(one.sensor % 10) in quantities]
    assert findings_of(make, own, []) == findings_of(make, stream, [])


@every_detector
def test_a_foreign_state_is_refused(make: Make) -> None:
    eye = watch(make)
    with pytest.raises(StateError):
        eye.detector.restore(b"nonsense")
    with pytest.raises(StateError):
        eye.detector.restore(eye.registers.snapshot())


@every_detector
def test_an_empty_batch_is_nothing(make: Make) -> None:
    assert watch(make).see([]) == []


@pytest.mark.parametrize("name", DETECTORS)
def test_the_streams_of_this_suite_make_every_detector_speak(name: str) -> None:
    """A suite over findings proves nothing where there are none."""
    make, _ = DETECTORS[name]
    spoken: set[Phase] = set()
    for seed in range(200):
        rng = random.Random(seed)
        size = 60 if seed < 180 else 4000  # some learn for days first
        spoken.update(one.phase for one in findings_of(make, stream_of(rng.choices(range(2**30), k=size)), []))
        if len(spoken) == 2:
            break
    assert spoken == {Phase.RAISED, Phase.CLEARED}
