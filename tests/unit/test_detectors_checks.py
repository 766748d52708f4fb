"""What every detector must keep, whatever its question: one suite over all of them."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.bank import StateError
from detectors.constant_use import ConstantUse
from detectors.day_use import DayUse
from detectors.finding import Finding, Phase
from detectors.low_use import LowUse
from detectors.offline import Offline
from detectors.protocol import Detector
from detectors.river_model import RiverModel
from detectors.smoke_alarm import smoke_alarm
from detectors.smoke_level import SmokeLevel
from detectors.threshold import battery, tamper
from registry.instants import DAY
from registry.quantities import Quantity
from registry.readings import SensorTable
from tests.unit.detector_streams import Sent, Watch, cut, house, stream_of, streams, told

Make = Callable[[SensorTable], Detector]

DETECTORS: dict[str, tuple[Make, set[Quantity]]] = {
    "low_use": (lambda sensors: LowUse(sensors, litres=10, hours=2), {Quantity.VOLUME}),
    "low_use_coarse": (lambda sensors: LowUse(sensors, litres=0.5, hours=12), {Quantity.VOLUME}),
    "day_use": (lambda sensors: DayUse(sensors, below=15, above=600), {Quantity.VOLUME}),
    "constant_use": (lambda sensors: ConstantUse(sensors, slots=2, minutes=30), {Quantity.VOLUME}),
    "smoke_alarm": (smoke_alarm, {Quantity.ALARM}),
    "smoke_level": (SmokeLevel, {Quantity.SMOKE}),
    "battery": (battery, {Quantity.BATTERY}),
    "tamper": (tamper, {Quantity.TAMPER}),
    "offline": (Offline, set(Quantity)),
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
    if not isinstance(first.detector, RiverModel):  # two pickles of equal models differ in what they share
        assert second.detector.snapshot() == first.detector.snapshot()


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
            assert key not in open_now
            assert found.score > 0
            assert found.facts["template"]
            open_now[key] = found
        else:
            raised = open_now.pop(key)
            assert (found.onset, found.kind, found.severity) == (raised.onset, raised.kind, raised.severity)
            assert found.time >= raised.time
    if quantities != set(Quantity):
        sources = {f"meter-{home}/{quantity.label}" for home in (0, 1) for quantity in quantities}
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
        spoken.update(one.phase for one in findings_of(make, stream_of(rng.choices(range(2**30), k=60)), []))
        if len(spoken) == 2:
            break
    assert spoken == {Phase.RAISED, Phase.CLEARED}
