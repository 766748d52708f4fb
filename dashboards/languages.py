"""Which language a reader gets, and the one place through which every text of the pages goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Final

from fastapi import Depends, Header

from dashboards.channel_words import CHINESE_CHANNELS
from dashboards.duty_words import CHINESE_DUTY
from dashboards.performance_words import CHINESE_PERFORMANCE
from dashboards.task_words import CHINESE_TASKS

Translate = Callable[[str], str]

CHINESE: Final = "zh_CN"
ENGLISH: Final = "en"


_CHINESE: Final[Mapping[str, str]] = {
    "Handsets": "模拟电话",
    "{n}× real time": "{n} 倍速",
    "No sign of life": "无生活迹象",
    "Smoke": "烟雾",
    "No heating": "屋内未供暖",
    "Tap left open": "水龙头未关",
    "Burst pipe": "疑似爆管",
    "Too much water": "用水过多",
    "Leak": "漏水",
    "Electricity surge": "用电激增",
    "Electricity drop": "用电骤减",
    "Appliance left on": "电器未关",
    "Supply failed": "停电停水",
    "Tampering": "设备被拆动",
    "Device silent": "设备失联",
    "Sensor stuck": "读数不变",
    "Device clock wrong": "设备时钟不准",
    "Meter changed or reset": "表计更换或清零",
    "Battery low": "电池电量低",
    "Habits changed": "生活习惯变化",
    "Unusual": "异常",
    "Low": "低",
    "Medium": "中",
    "High": "高",
    "Urgent": "紧急",
    "Electricity failed": "停电",
    "Water failed": "停水",
    "Gateways silent": "多个网关失联",
    "Gateway silent": "网关失联",
    "Many alarms at once": "短时间内大量报警",
    "While it lasts, these homes are not told one by one; what is still so then is raised, a few a minute.": (
        "事件持续期间不逐户通知；结束后仍未恢复的，按轻重缓急每分钟通知若干户。"
    ),
    "Ladders": "处置流程",
    "In words": "文字说明",
    "What happens about an alert, in which order, until somebody takes charge. The first ladder from the top that fits "
    "an alert's kind, severity and hour is climbed; a running alert keeps the one it began with.": (
        "报警之后，按什么顺序做什么，直到有人接手。自上而下，第一个符合报警类型、级别和时段的流程生效；"
        "已经开始的报警沿用开始时的流程。"
    ),
    "no area": "未知区域",
    "{n} of {of} homes": "{of} 户中 {n} 户",
    "Somebody depends on the supply in one home": "其中 1 户有人依赖供应",
    "Somebody depends on the supply in {n} homes": "其中 {n} 户有人依赖供应",
    "and {n} more among the alerts below": "另有 {n} 户，见下方报警",
    "Nobody has taken it": "尚无人处理",
    "Ended by itself, not reviewed": "已自行结束，待复核",
    "Taken by {who}": "处理人：{who}",
    "While it lasts, silence in these homes raises no alarm; what is still silent an hour after its end does.": (
        "事件持续期间，这些住户没有用水用电不会报警；结束一小时后仍无动静的，照常报警。"
    ),
    "Devices that fell silent with it are not reported one by one unless they outlast it.": (
        "随之失联的设备不再逐一上报；事件结束后仍失联的，照常上报。"
    ),
}
"""What alerts and incidents are about and how grave they are; the rest of the pages has no catalogue yet."""


_CATALOGUES: Final = (_CHINESE, CHINESE_DUTY, CHINESE_PERFORMANCE, CHINESE_TASKS, CHINESE_CHANNELS)


def preferred(accept: str | None) -> str:
    """Return `zh_CN` or `en`, whichever an Accept-Language header (RFC 9110 §12.5.4) puts first; `en` if neither."""
    wishes: list[tuple[float, int, str]] = []
    for place, wish in enumerate((accept or "").split(",")):
        tag, _, weight = wish.partition(";")
        quality = weight.replace(" ", "").removeprefix("q=") if weight else "1"
        try:
            rank = float(quality)
        except ValueError:
            continue
        tongue = tag.strip().lower().split("-")[0].split("_")[0]
        if rank > 0 and tongue in ("zh", "en"):
            wishes.append((-rank, place, tongue))
    return CHINESE if wishes and min(wishes)[2] == "zh" else ENGLISH


def reader_language(accept_language: Annotated[str | None, Header()] = None) -> str:
    """Return the language of whoever sent the request."""
    return preferred(accept_language)


Language = Annotated[str, Depends(reader_language)]


def translator(language: str) -> Translate:
    """Return the `_` of pages and phrases: until there are catalogues, Chinese knows kinds and severities only."""
    if language == CHINESE:
        return lambda text: next((words[text] for words in _CATALOGUES if text in words), text)
    return lambda text: text
