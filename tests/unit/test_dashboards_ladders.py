"""Ladders in words: what a reader must be told of a policy beside its steps."""

from __future__ import annotations

import pytest

from alerts.ladders.policy_file import parse
from dashboards.words.ladders import pictures
from dashboards.words.languages import translator
from dashboards.words.phrases import step
from detectors.finding import Kind

_KINDS = ", ".join(f'"{kind}"' for kind in Kind)
_VISIT = '{ after = "5 min", who = "caseworker", do = "visit", within = "1 h", message = "visit" }'
_CALL = '{ after = "9 min", who = "on_call-2", do = "call", message = "officer" }'


def _afterwards(language: str, *steps: str, remind: str = "remind = 0.5") -> tuple[str, ...]:
    text = (
        f'[all]\nkinds = [{_KINDS}]\non_return = "review"\nrepeat = "15 min"\nrecheck = "6 h"\n{remind}\n'
        f"steps = [{', '.join(steps)}]"
    )
    [picture] = pictures(parse(text, "test.toml"), language)
    return (*picture.afterwards, *(line.sentence for line in picture.lines))


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "Whoever has a task that is not done is reminded when 50 % of its time have passed."),
        ("zh_CN", "任务时间过去 50% 仍未完成时，提醒负责人。"),
    ],
)
def test_a_ladder_tells_when_whoever_has_a_task_is_reminded(language: str, told: str) -> None:
    assert told in _afterwards(language, _VISIT, _CALL)
    assert told.replace("50", "67") in _afterwards(language, _VISIT, _CALL, remind="")
    assert told not in _afterwards(language, _CALL), "no task, no reminder"


@pytest.mark.parametrize(
    ("language", "told"), [("en", "a call goes to line 2 on call"), ("zh_CN", "给第 2 线当班人员打电话")]
)
def test_the_line_behind_whoever_is_on_call_has_a_name(language: str, told: str) -> None:
    assert any(told in one for one in _afterwards(language, _CALL))


def test_the_timeline_names_it_too() -> None:
    action = {"do": "call", "who": "on_call-2"}
    assert step(translator("en"), action) == "Call to line 2 on call"
    assert "第 2 线当班人员" in step(translator("zh_CN"), action)


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "the last step comes again every 15 min; after 30 min of that, every 30 min."),
        ("zh_CN", "最后一步每 15 分钟重复一次；30 分钟后仍无人处理，改为每 30 分钟一次。"),
    ],
)
def test_a_ladder_tells_that_its_last_step_comes_less_often_in_the_end(language: str, told: str) -> None:
    assert any(told in one for one in _afterwards(language, _CALL))
    assert not any(told in one for one in _afterwards(language, _VISIT)), "a task is recalled when it is overdue"
