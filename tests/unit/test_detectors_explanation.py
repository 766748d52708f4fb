from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from detectors.explanation import sentence, templates
from detectors.finding import Fact, Finding, Kind, Phase
from detectors.registers import Registers
from detectors.rules import load, names
from registry.instants import DAY, HOUR, MINUTE, to_micros
from registry.quantities import Quantity
from tests.unit.detector_streams import NOON, Sent, batch, house

SINCE = to_micros(datetime(2026, 3, 2, 21, 50, tzinfo=ZoneInfo("Asia/Shanghai")))
LOW_USE: dict[str, Fact] = {
    "template": "low_use", "limit": 10, "window": 86_400.0, "used": 3, "since_at": SINCE, "lasted": 87_000.0,
    "longest": 32_400.0, "times": 0, "days": 30.2,
}  # fmt: skip


def test_the_sentence_of_low_use() -> None:
    assert sentence(Kind.INACTIVITY, LOW_USE, "en", "Asia/Shanghai") == (
        "No more than 3 L of water for 24 h 10 min (since Mon 21:50); the rule asks for 10 L in 24 h. "
        "The longest such pause known here is 9 h; this has not happened before in 30 days."
    )
    assert sentence(Kind.INACTIVITY, LOW_USE, "zh_CN", "Asia/Shanghai") == (
        "已有 24 小时 10 分钟用水不超过 3 升（自周一 21:50起）；规则为 24 小时内不足 10 升。"
        "此户已知最长的类似间歇为 9 小时；此情况在已知的 30 天内从未发生过。"
    )


def test_times_are_local_and_old_ones_have_a_date() -> None:
    assert "(since Mon 14:50)" in sentence(Kind.INACTIVITY, LOW_USE, "en", "Europe/Madrid")
    old = {**LOW_USE, "lasted": 9.0 * 86_400 + 5 * 3600}
    assert "for 9 d 5 h (since 2026-03-02 21:50)" in sentence(Kind.INACTIVITY, old, "en", "Asia/Shanghai")


def test_languages_that_are_not_spoken_are_told_in_english() -> None:
    english = sentence(Kind.INACTIVITY, LOW_USE, "en", "UTC")
    assert sentence(Kind.INACTIVITY, LOW_USE, "de", "UTC") == english
    assert sentence(Kind.INACTIVITY, LOW_USE, "zh-CN", "UTC") != english


def test_a_habit_that_is_not_known_is_not_claimed() -> None:
    told = sentence(Kind.INACTIVITY, {**LOW_USE, "longest": 0.0, "times": 1, "days": 0.5}, "en", "UTC")
    assert told.endswith("Its usual pauses are not known yet; this has happened once in less than 1 day.")


def test_facts_of_another_make_are_told_by_their_kind() -> None:
    assert sentence(Kind.LEAK, {"template": "new"}, "en", "UTC") == "Unusual: leak."
    assert sentence(Kind.LEAK, {}, "zh_CN", "UTC") == "异常：leak。"


def everything() -> list[Finding]:
    """Let the rules of every preset say what two houses can make them say, one of which has habits."""
    table = house("Asia/Shanghai")
    table.add(11, "meter-1", Quantity.VOLUME, "home-1", "Asia/Shanghai")
    sent = [Sent(1, NOON + n * 15 * MINUTE, 1000.0 + n * (1 if n < 110 else 0), 0) for n in range(500)]
    sent += [Sent(1, NOON + 200 * HOUR + n * MINUTE, 3000.0 + 900 * n, 0) for n in range(5)]
    sent += [Sent(4, NOON + n * MINUTE, value, 0) for n, value in enumerate((0.3, 5, 6, 0, 12))]
    sent += [Sent(5, NOON, 1, 0), Sent(7, NOON, 9, 0), Sent(8, NOON, 1, 0)]
    drawn = np.cumsum([n < 30 * 96 and 8 <= n // 4 % 24 < 22 for n in range(34 * 96)])
    sent += [Sent(11, NOON - 20 * HOUR + n * 15 * MINUTE, float(litres), 0) for n, litres in enumerate(drawn)]
    sent = sorted((one._replace(received=one.time) for one in sent), key=lambda one: one.time)
    seen = Registers().interpret(batch(sent), table).observations()
    found: list[Finding] = []
    for name in names():
        rules = load(name, table)
        found += [*rules.observe(seen), *rules.tick(NOON + 90 * DAY)]
    return found


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_every_rule_explains_itself_with_numbers(language: str) -> None:
    raised = [one for one in everything() if one.phase is Phase.RAISED]
    assert {one.facts["template"] for one in raised} >= {
        "low_use", "quiet_day", "excess_day", "constant_use", "smoke", "smoke_level", "battery", "tamper", "offline",
        "inactivity_water", "gap_quantile", "leak", "burst_new", "meter_volume",
    }  # fmt: skip
    for one in raised:
        told = sentence(one.kind, one.facts, language, "Asia/Shanghai")
        assert re.search(r"\d", told), told
        assert "{" not in told
        assert told[-1] in ".。?？"


PLACEHOLDER = re.compile(r"{(\w+)(:\w+)?}")
WORDS = {"model": "HalfSpaceTrees", "quantity": "power", "unit": "W", "gateway": "gateway-07", "seen": "power"}
TEMPLATES = sorted(templates()["en"])


def told_facts(template: str) -> dict[str, Fact]:
    """Return facts for everything that a sentence asks for in either language."""
    asked = {name for language in templates().values() for name, _ in PLACEHOLDER.findall(language[template])}
    known: dict[str, Fact] = {
        "template": template, "lasted": 35_400.0, "times": 1, "days": 30.0, "since_at": SINCE, "used": 3.0,
        "longest": 7200.0, "known": 7200.0, "own": 1, "learned": 7200.0,
    }  # fmt: skip
    return known | {name: WORDS.get(name) or (SINCE if name.endswith("_at") else 0.25) for name in asked - {*known}}


def test_both_languages_tell_the_same_facts() -> None:
    english, chinese = templates()["en"], templates()["zh_CN"]
    assert english.keys() == chinese.keys()
    for template in TEMPLATES:
        assert {*PLACEHOLDER.findall(english[template])} == {*PLACEHOLDER.findall(chinese[template])}, template


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("template", [one for one in TEMPLATES if not one.startswith("also_")])
def test_every_sentence_tells_each_of_its_facts(template: str, language: str) -> None:
    told = sentence(Kind.ANOMALY, told_facts(template), language, "Asia/Shanghai")
    assert re.search(r"\d", told), told
    assert "{" not in told
    assert told[-1] in ".?。？"
    assert not told.startswith(("Unusual: ", "异常："))
    assert bool(re.search(r"[\u4e00-\u9fff]", told)) == (language == "zh_CN"), told


@pytest.mark.parametrize("quantity", [one for one in Quantity if one not in (Quantity.ALARM, Quantity.TAMPER)])
def test_a_river_model_is_named_with_its_chance(quantity: Quantity) -> None:
    facts: dict[str, Fact] = {
        "template": "river", "model": "HalfSpaceTrees", "quantity": quantity.label, "value": 4000.0, "p": 0.0005,
        "limit": 0.001, "readings": 3, "remembered": 2000, "times": 0, "days": 9.0,
    }  # fmt: skip
    told = sentence(Kind.ANOMALY, facts, "en", "UTC")
    assert "HalfSpaceTrees" in told
    assert "4,000" in told
    assert "0.0005" in told
