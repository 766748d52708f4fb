"""That whatever the pages say they can say in Chinese, and refusals too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import dashboards
from dashboards.pages.tasks import REASONS
from dashboards.words import households as household_words
from dashboards.words import performance as performance_words
from dashboards.words import phrases
from dashboards.words import rules as rules_words
from dashboards.words import trail as trail_words
from dashboards.words.languages import CHINESE, ENGLISH, translator
from dashboards.words.refusals import retold, with_names

PAGES = Path(dashboards.__file__).parent
_SAID = re.compile(r"""\b_\((["'])(.*?)\1\)""")
_HELD = re.compile(r"\{(\w+)\}")


def _said_in_templates() -> Iterator[str]:
    for template in PAGES.glob("templates/**/*.html"):
        yield from (found[2] for found in _SAID.finditer(template.read_text()))


def _said_in_code() -> Iterator[str]:
    for source in PAGES.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            match node:
                case ast.Call(func=ast.Name("_"), args=[ast.Constant(str() as text)]):
                    yield text


def _said_for_codes() -> Iterator[str]:
    words: list[Mapping[str, str]] = [REASONS]
    for module in (phrases, performance_words, household_words, rules_words, trail_words):
        for name, value in vars(module).items():
            if name.isupper() and isinstance(value, Mapping) and name != "_WORDS":
                words.append(value)
    for each in words:
        yield from each.values()


def test_every_text_of_the_pages_is_there_in_chinese() -> None:
    texts = {*_said_in_templates(), *_said_in_code(), *_said_for_codes()}
    assert len(texts) > 300
    chinese = translator(CHINESE)
    assert sorted(text for text in texts if chinese(text) == text) == []
    # A value that the English does not name cannot be filled in.
    assert sorted(text for text in texts if not {*_HELD.findall(chinese(text))} <= {*_HELD.findall(text)}) == []


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Choose what was found, then send the form again", "请先选择结果，再提交"),
        ("Li Wei has accepted this task already; speak with them", "这项任务已由Li Wei接受，请与其联系"),
        ("There is no such alert in your area: check the id", "您的辖区内没有这一项，请核对地址"),
        ("reached 2", "已联系 2 人"),
        ("reached nobody", "无人可联系"),
        ("Something nobody has said before", "Something nobody has said before"),
    ],
)
def test_refusals_and_results_are_told_again_with_their_values(english: str, chinese: str) -> None:
    assert retold(CHINESE, english) == chinese
    assert retold(ENGLISH, english) == english


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ("person:cw-1 holds this alert already; speak with them", "Li Wei holds this alert already; speak with them"),
        ("token:sign-in link holds this alert already; speak", "登录链接 holds this alert already; speak"),
        ("token:desk@440101 has accepted this task", "desk@440101 has accepted this task"),
        ("this task is with partner:Red Cross, West; only", "this task is with Red Cross, West; only"),
        ("this task is with person:gone; only who has it", "this task is with gone; only who has it"),
        ("this alert is closed: helped, by person:cw-1; what", "this alert is closed: helped, by Li Wei; what"),
        ("shelving keeps others from looking: give the reason", "shelving keeps others from looking: give the reason"),
    ],
)
def test_refusals_name_people_and_tokens_as_readers_know_them(raw: str, named: str) -> None:
    assert with_names(translator(CHINESE), raw, {"cw-1": "Li Wei"}) == named


def test_every_result_a_step_can_have_is_there_in_chinese() -> None:
    """Steps write down their result in English; the page tells it again."""
    alerts: list[Any] = [ast.parse(source.read_text()) for source in (PAGES.parent / "alerts").rglob("*.py")]
    results = set()
    for tree in alerts:
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(attr="finish"), args=[_, result]):
                    results |= {text for text in _texts(result) if text}
    assert "shelf time over" in results
    assert sorted(text for text in results if retold(CHINESE, text) == text) == []


def _texts(node: ast.expr) -> Iterator[str]:
    """Yield what an expression can be, with `x` for each value in it."""
    match node:
        case ast.Constant(str() as text):
            yield text
        case ast.JoinedStr(values):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "x" for one in values)
        case ast.IfExp(body=one, orelse=other):
            yield from _texts(one)
            yield from _texts(other)
