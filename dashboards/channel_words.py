"""What channels do, in Chinese (`dashboards.languages`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CHINESE_CHANNELS: Final[Mapping[str, str]] = {
    "Message": "消息",
    "{medium} to {person} arrived": "致{person}的{medium}已送达",
    "{medium} to {person} waits until {until}: enough for one hour": (
        "致{person}的{medium}推迟到{until}：一小时内已达上限"
    ),
    "{medium} to {person} called back: the same is said again later": "致{person}的{medium}已撤回：稍后会再次告知",
    "{person} has forbidden this way: {medium}": "{person}已拒收：{medium}",
}
