"""What the page of on-call schedules says in Chinese, and how it writes moments in either language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

CHINESE_DUTY: Final[Mapping[str, str]] = {
    "On call": "值班",
    "Now": "当前值班",
    "Next": "下一班",
    "First line": "一线值班",
    "Second line": "二线值班",
    "Line {n}": "{n}线值班",
    "nobody": "无人值班",
    "Nobody is on call": "当前无人值班",
    "until {when}": "至 {when}",
    "from {when}": "{when} 起",
    "instead": "替班",
    "now": "现在",
    "The week from {day}": "{day} 起一周",
    "This week": "本周",
    "Week before": "上一周",
    "Week after": "下一周",
    "All shifts of this week": "本周全部班次",
    "Put somebody on call instead": "安排替班",
    "Who": "值班人",
    "Line": "班线",
    "From": "开始",
    "To": "结束",
    "Note": "备注",
    "Save": "保存",
    "Take back": "撤销",
    "Exceptions": "替班安排",
    "Turns": "轮班规则",
    "{who} for {area}": "{area}：{who}",
    "Times are those of {zone}": "时间均为 {zone} 当地时间",
    "Calendar file (next 90 days)": "日历文件（未来 90 天）",
    "No schedule yet. An operator enters one with `shouwang oncall import FILE`.": (
        "尚无值班表。由管理员用 `shouwang oncall import FILE` 导入。"
    ),
    "{people} take turns": "{people} 轮流",
    "{people} alone": "由 {people} 固定值班",
    "a turn is a day": "每天一班",
    "a turn is {n} days": "每 {n} 天一班",
    "a turn is a week": "每周一班",
    "a turn is {n} weeks": "每 {n} 周一班",
    "each window is a turn": "每个时段一班",
    "handed over at {time}": "{time} 交接",
    "on {hours}": "时段：{hours}",
    "holidays: {days}": "节假日：{days}",
}
_WEEKDAYS: Final = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")


def day(of: date, *, chinese: bool) -> str:
    """Return a date with its weekday: `Mon 2 Mar`, `3月2日 周一`."""
    return f"{of.month}月{of.day}日 {_WEEKDAYS[of.weekday()]}" if chinese else f"{of:%a %-d %b}"


def short_day(of: date, *, chinese: bool) -> str:
    """Return what names a day in a narrow column: `Mon 2`, `周一 2`."""
    return f"{_WEEKDAYS[of.weekday()]} {of.day}" if chinese else f"{of:%a %-d}"


def moment(at: datetime, *, chinese: bool) -> str:
    """Return a local moment with its day: `Mon 2 Mar 08:00`, `3月2日 周一 08:00`."""
    return f"{day(at.date(), chinese=chinese)} {at:%H:%M}"
