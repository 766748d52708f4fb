from __future__ import annotations

import gzip
import os
from collections import Counter
from pathlib import Path

import pytest

from detectors.finding import Kind
from ingest.recordings import HEADER
from registry.instants import DAY, HOUR, to_datetime
from registry.quantities import Quantity
from shouwang.backtest import Circumstances, Plan, Report, run
from shouwang.backtest.circumstances import Place
from shouwang.backtest.errors import BacktestError
from shouwang.backtest.inject import Befallen
from shouwang.backtest.only import Only
from shouwang.backtest.recordings import Recordings
from shouwang.backtest.run import contending
from shouwang.backtest.town import START, TownPlan, TownReadings
from simulators.town import State, Town
from tests.unit.detector_streams import NOON

RECORDINGS = Path(os.environ.get("SHOUWANG_RECORDINGS", Path(__file__).parents[3] / "shared" / "data"))


def recording(name: str) -> Path:
    path = RECORDINGS / name
    if not path.is_file():
        pytest.skip(f"no recording {name}; set SHOUWANG_RECORDINGS to the folder that has it")
    return path


def write(file: Path, *rows: tuple[float, str, str, float]) -> Path:
    """Write (hours after noon, device, name, value) as a recording."""
    units = {"volume": "l", "alarm": "", "power": "W", "energy": "Wh"}
    lines = [
        f"{to_datetime(NOON + round(hour * HOUR)).isoformat()},{device},{name},{units[name]},{value}"
        for hour, device, name, value in rows
    ]
    text = "\n".join([",".join(HEADER), *lines]) + "\n"
    if file.suffix == ".gz":
        file.write_bytes(gzip.compress(text.encode()))
    else:
        file.write_text(text, encoding="utf-8")
    return file


def flat(device: str, hours: range, value: float = 1000) -> list[tuple[float, str, str, float]]:
    return [(hour, device, "volume", value) for hour in hours]


def living(device: str, days: int) -> list[tuple[float, str, str, float]]:
    """Water for ten hours from noon on, 10 L each, then none until the next noon."""
    return [
        (hour, device, "volume", 1000.0 + 100 * (hour // 24) + 10 * min(hour % 24, 10)) for hour in range(24 * days + 1)
    ]


def told_by(*files: Path, rules: tuple[str, ...] = ("shanghai-12h",), known: Circumstances | None = None) -> Report:
    return run(Recordings(files), Plan(rules), known)


def brief(report: Report) -> list[tuple[str, str, float, float, float | None]]:
    return [
        (
            one.household,
            one.kind.value,
            (one.onset - NOON) / HOUR,
            (one.raised_at - NOON) / HOUR,
            None if one.ended_at is None else (one.ended_at - NOON) / HOUR,
        )
        for one in report.sets[0].alerts
    ]


def test_alerts_of_a_recording(tmp_path: Path) -> None:
    rows = [*flat("a", range(14)), (15, "a", "volume", 1050), *flat("a", range(16, 30), 1050), (13, "b", "alarm", 1)]
    report = told_by(write(tmp_path / "one.csv.gz", *sorted(rows)))
    assert brief(report) == [
        ("a", "inactivity", 0, 12, 15),
        ("b", "smoke", 13, 13, None),
        ("a", "inactivity", 15, 27, None),
    ]
    assert (report.readings, report.late, set(report.households)) == (30, 0, {"a", "b"})


def test_several_files_are_merged_by_time_and_households_come_from_the_registry(tmp_path: Path) -> None:
    """Two halves of one meter's record, given in the wrong order, and a smoke detector of the same home."""
    files = [
        write(tmp_path / "later.csv", *flat("a", range(7, 14))),
        write(tmp_path / "smoke.csv", (13, "s", "alarm", 1), (13.5, "s", "alarm", 0)),
        write(tmp_path / "early.csv", *flat("a", range(7))),
    ]
    report = told_by(*files, known=Circumstances(places={"a": Place("home", "UTC"), "s": Place("home", "UTC")}))
    assert brief(report) == [("home", "inactivity", 0, 12, None), ("home", "smoke", 13, 13, 13.5)]
    assert report.late == 0


def test_rule_sets_are_compared_as_if_each_were_alone(tmp_path: Path) -> None:
    file = write(tmp_path / "one.csv", *flat("a", range(40)), *flat("a", range(40, 60), 1500))
    names = ("shanghai-12h", "taicang-24h", "gap-quantile-12")
    together = run(Recordings([file]), Plan(names))
    assert [said.rules for said in together.sets] == list(names)
    for name, said in zip(names, together.sets, strict=True):
        assert said.alerts == told_by(file, rules=(name,)).sets[0].alerts
    assert [len(said.alerts) for said in together.sets] == [2, 1, 0]


def test_a_device_that_falls_silent_is_told_by_the_recordings_own_clock(tmp_path: Path) -> None:
    rules = tmp_path / "mine.toml"
    rules.write_text('[[rule]]\ntype = "offline"\nname = "silent"\nhours = 24\n', encoding="utf-8")
    rows = sorted([*flat("a", range(3)), *[(hour, "b", "power", 50.0) for hour in range(60)]])
    report = told_by(write(tmp_path / "one.csv", *rows), rules=(str(rules),))
    assert [one for one in brief(report) if one[1] == "offline"] == [("a", "offline", 2, 26, None)]


def test_homes_one_after_the_other_in_a_file_are_heard_side_by_side(tmp_path: Path) -> None:
    """Such a file was sorted by somebody: read as it stands, the first home would be silent while the second speaks."""
    rows = [row for device in "ab" for row in flat(device, range(60))]
    report = told_by(write(tmp_path / "one.csv", *rows), rules=("default",))
    assert report.late == 0
    assert {one[1] for one in brief(report)} == {"inactivity"}
    assert "one home after the other" in report.notices[0]
    side_by_side = told_by(write(tmp_path / "two.csv", *sorted(rows)), rules=("default",))
    assert brief(report) == brief(side_by_side)
    assert side_by_side.notices == ()


def test_coverage_is_the_time_between_readings_that_are_near_each_other(tmp_path: Path) -> None:
    rows = [*flat("a", range(5)), *flat("a", range(14, 21)), *flat("a", range(20, 24, 4))]
    report = told_by(write(tmp_path / "one.csv", *rows))
    assert report.households["a"].covered == 10 * HOUR
    assert report.coverage == 10 / 20


def test_an_empty_recording_is_reported(tmp_path: Path) -> None:
    report = told_by(write(tmp_path / "one.csv"), rules=("default",))
    assert (report.readings, report.household_years, report.sets[0].alerts) == (0, 0, [])


def test_a_fall_is_found_by_the_twelve_hour_rule_twelve_hours_after_the_last_use(tmp_path: Path) -> None:
    file = write(tmp_path / "one.csv", *living("a", 30))
    report = run(Recordings([file]), Plan(("shanghai-12h",), {Befallen.FALL: 40}))
    assert len(report.played) == 40
    for one in report.played:
        assert one.kind is Befallen.FALL
        assert 10 * DAY <= one.at - NOON <= 27 * DAY  # a third of the recording is left for learning, 72 h for waiting
        hour = (one.at - NOON) / HOUR % 24
        assert hour < 10 + 12 + 1, "used something within 12 h, an hour more or less"
        answers = [answer.delay / HOUR for answer in one.answers]
        if not one.standing:
            # Less than 10 L, the amount of an hour: the window reaches an hour before the last use.
            assert answers
            assert 11 <= min(answers) + max(hour - 10, 0) <= 13
    assert any(not one.standing for one in report.played)


def test_what_is_injected_leaves_no_trace_in_what_the_recording_raises(tmp_path: Path) -> None:
    file = write(tmp_path / "one.csv", *living("a", 60), *living("b", 3))
    names = ("gap-quantile-12", "shanghai-12h")
    plain = run(Recordings([file]), Plan(names))
    tried = run(Recordings([file]), Plan(names, {Befallen.FALL: 60, Befallen.LEAK: 20}, (12,)))
    assert [said.findings for said in tried.sets] == [said.findings for said in plain.sets]
    assert tried.households == plain.households
    assert len(tried.played) == 80
    falls = [one for one in tried.played if one.kind is Befallen.FALL]
    assert all("shanghai-12h" in {answer.rule for answer in one.answers} for one in falls if not one.standing)
    assert [(said.rules, said.rates) for said in tried.said if said.rule] == [
        ("gap-quantile-12", (rate,)) for rate in (12 / 64, 12 / 16, 3, 6, 12, 24, 48)
    ]


def test_variants_at_other_rates_are_made_once_for_rules_that_differ_in_rates_only() -> None:
    first, second, fixed, both = contending(
        Plan(("survival-12", "survival-4", "shanghai-12h", "default"), targets=(12, 1))
    )
    ladder = Plan(targets=(12, 1)).ladder
    variants = [voice.rates for voice in first.voices[1:]]
    assert sorted(rate for rates in variants for rate in rates) == sorted(ladder)
    assert len(variants) < len(ladder), "a rule with levels has several rates at once"
    assert [len(one.voices) for one in (second, fixed, both)] == [1, 1, 1]


def test_the_same_seed_injects_the_same(tmp_path: Path) -> None:
    file = write(tmp_path / "one.csv", *living("a", 30))
    first, again, other = (
        run(Recordings([file]), Plan(("shanghai-12h",), {Befallen.FALL: 5}, seed=seed)).played for seed in (1, 1, 2)
    )
    assert first == again
    assert {one.at for one in first}.isdisjoint(one.at for one in other)


def test_what_cannot_be_injected_is_said(tmp_path: Path) -> None:
    file = write(tmp_path / "one.csv", *living("a", 30))
    report = run(Recordings([file]), Plan(("shanghai-12h",), {Befallen.SURGE: 3}))
    assert report.notices == ["0 of 3 surge events were injected: no household has the sensors it needs."]


def test_a_registered_absence_is_no_pause(tmp_path: Path) -> None:
    rows = [*living("a", 60), *flat("a", range(60 * 24 + 1, 66 * 24), 7000)]
    file = write(tmp_path / "one.csv", *rows)
    away = (NOON + 60 * DAY, NOON + 66 * DAY)
    home = told_by(file, rules=("gap-quantile-12",)).sets[0].alerts
    gone = told_by(file, rules=("gap-quantile-12",), known=Circumstances(absences={"a": [away]})).sets[0].alerts
    assert [one.onset for one in home] == [NOON + 59 * DAY + 10 * HOUR]
    assert gone == []


def test_a_town_is_read_day_by_day_with_what_its_residents_told() -> None:
    town = TownReadings(TownPlan.parse("3:12:3"))
    report = run(town, Plan(("shanghai-12h",)), town.circumstances())
    assert len(report.households) == 12
    assert report.coverage > 0.99
    assert report.readings > 12 * 3 * 250


def test_outings_of_a_town_can_be_known() -> None:
    told, known = (TownReadings(TownPlan.parse("3:12:3", hours)).circumstances().absences for hours in (None, 2))
    outings = [(home, span) for home, spans in known.items() for span in spans if span not in told.get(home, ())]
    assert len(outings) >= 5
    town = Town(3, 12, START)
    for home, (begin, end) in outings:
        assert end - begin >= 2 * HOUR
        assert {town.state(home, to_datetime(at)) for at in range(begin, end, HOUR // 2)} == {State.AWAY}
        assert town.state(home, to_datetime(end)) is not State.AWAY


@pytest.mark.parametrize("text", ["3:500", "a:b:c", "1:0:5"])
def test_a_town_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BacktestError, match="write"):
        TownPlan.parse(text)


def test_one_real_home_under_the_twelve_hour_rule() -> None:
    report = told_by(recording("telelectura_water.csv.gz"))
    assert (report.readings, report.late) == (10_323, 0)
    (one,) = report.sets[0].alerts
    assert one.facts["used"] == 3
    assert one.raised_at - one.onset >= 12 * HOUR
    assert one.ended_at is not None


def test_46_real_homes() -> None:
    """Families use more water than the old who live alone, for whom DESIGN §7 expects 90 alarms a year."""
    known = Circumstances("Europe/Madrid")
    plan = Plan(("shanghai-12h", "gap-quantile-12"))
    report = run(Recordings([recording("daiad_water_dev.csv.gz")], "Europe/Madrid"), plan, known)
    assert (report.readings, report.late, len(report.households)) == (343_688, 42, 46)
    assert 0.8 < report.coverage < 0.9
    fixed, own = (Counter(one.kind for one in said.alerts) for said in report.sets)
    assert set(fixed) == {Kind.INACTIVITY}
    assert 30 < fixed[Kind.INACTIVITY] / report.household_years < 60
    assert 12 / 1.5 < own[Kind.INACTIVITY] / report.household_years < 12 * 1.5
    onsets: dict[str, int] = {}
    for one in report.sets[0].alerts:
        assert one.onset > onsets.get(one.household, 0)
        assert one.raised_at - one.onset >= 12 * HOUR
        onsets[one.household] = one.onset


def test_of_chosen_quantities_alone_it_is_as_if_there_were_no_other_meters(tmp_path: Path) -> None:
    water = flat("a", range(30))
    both = write(tmp_path / "both.csv", *sorted([*water, *((hour + 0.5, "a", "power", 60.0) for hour in range(30))]))
    alone = told_by(write(tmp_path / "water.csv", *water))
    chosen = run(Only(Recordings((both,)), frozenset({Quantity.VOLUME})), Plan(("shanghai-12h",)))
    assert chosen.said[0].alerts
    assert chosen.said[0].alerts == alone.said[0].alerts
    assert chosen.households == alone.households != told_by(both).households
