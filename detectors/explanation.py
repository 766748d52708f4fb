"""What a finding says in one sentence: what is unusual, against which habit, how often that happens by chance."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from detectors.finding import Fact, Kind
from registry.instants import DAY, SECOND, to_datetime

_WEEKDAYS: Mapping[str, tuple[str, ...]] = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "zh_CN": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
}
_LONG_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_UNITS: Mapping[str, tuple[str, str, str, str, str]] = {
    "en": (" d", " h", " min", " s", " "),
    "zh_CN": (" 天", " 小时", " 分钟", " 秒", " "),
}
_AT_MOST: Mapping[str, tuple[str, str]] = {
    "en": ("No water", "No more than {} L of water"),
    "zh_CN": ("没有用水", "用水不超过 {} 升"),
}
_QUANTITIES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "en": {
        "volume": ("water use", "L/h"),
        "energy": ("electricity use", "W"),
        "power": ("power", "W"),
        "smoke": ("smoke", "%/m"),
        "temperature": ("temperature", "°C"),
        "battery": ("battery", "%"),
    },
    "zh_CN": {
        "volume": ("用水量", "升/小时"),
        "energy": ("用电功率", "瓦"),
        "power": ("功率", "瓦"),
        "smoke": ("烟雾浓度", "%/m"),
        "temperature": ("温度", "°C"),
        "battery": ("电量", "%"),
    },
}
_BESIDES: Mapping[str, tuple[str, str]] = {"en": ("; besides, ", " and "), "zh_CN": ("；此外，", "，")}
_UNKNOWN: Mapping[str, str] = {"en": "Unusual: {}.", "zh_CN": "异常：{}。"}


@dataclass(frozen=True, slots=True)
class _Sentences:
    """What `detectors/sentences/` says: templates by language and name, and habits that may be unknown."""

    templates: Mapping[str, Mapping[str, str]]
    habits: Mapping[str, str]

    @classmethod
    @cache
    def read(cls) -> _Sentences:
        templates: dict[str, dict[str, str]] = {language: {} for language in _UNITS}
        habits: dict[str, str] = {}
        for file in resources.files("detectors").joinpath("sentences").iterdir():
            if file.name.endswith(".toml"):
                document = tomllib.loads(file.read_text(encoding="utf-8"))
                habits |= document.pop("habit", {})
                for language, told in document.items():
                    templates[language] |= told
        return cls(templates, habits)


@dataclass(frozen=True, slots=True)
class _Words:
    """How one language writes durations, instants, numbers and chance, in one zone."""

    language: str
    zone: ZoneInfo

    def duration(self, seconds: float) -> str:
        days, hours, minutes, rest, gap = _UNITS[self.language]
        whole = round(seconds)
        if whole < 60:
            return f"{whole}{rest}"
        whole = round(whole / 60)
        parts = ((whole // 1440, days), (whole // 60 % 24, hours), (whole % 60, minutes))
        if whole < 48 * 60:
            parts = ((whole // 60, hours), (whole % 60, minutes), (0, ""))
        # Two units say enough: nobody needs the minutes of a week.
        return gap.join([f"{count}{unit}" for count, unit in parts if count][:2])

    def instant(self, micros: int, seconds_ago: float) -> str:
        local = to_datetime(micros).astimezone(self.zone)
        clock = f"{local:%H:%M}"
        if seconds_ago > 6 * DAY / SECOND:
            return f"{local:%Y-%m-%d} {clock}"
        return f"{_WEEKDAYS[self.language][local.weekday()]} {clock}"

    def day(self, micros: int) -> str:
        local = to_datetime(micros).astimezone(self.zone)
        return f"{local:%Y-%m-%d} ({_WEEKDAYS[self.language][local.weekday()]})"

    def weekday(self, micros: int) -> str:
        number = to_datetime(micros).astimezone(self.zone).weekday()
        return _LONG_WEEKDAYS[number] if self.language == "en" else _WEEKDAYS[self.language][number]

    def chance(self, times: int, days: float) -> str:
        whole = round(days)
        if self.language == "zh_CN":
            span = f"{whole} 天" if whole else "不到 1 天"
            return f"在 {span}内发生过 {times} 次" if times else f"在已知的 {span}内从未发生过"
        within = f"in {whole} {'day' if whole == 1 else 'days'}" if whole else "in less than 1 day"
        if not times:
            return f"this has not happened before {within}"
        return f"this has happened {'once' if times == 1 else f'{times} times'} {within}"

    def rarity(self, seconds: float) -> str:
        days = seconds * SECOND / DAY
        if days < 14:
            count, unit = days, 0
        elif days < 60:
            count, unit = days / 7, 1
        elif days < 700:
            count, unit = days / 30.44, 2
        else:
            count, unit = days / 365.25, 3
        whole = max(round(count), 1)
        if self.language == "zh_CN":
            return f"约每 {whole} {('天', '周', '个月', '年')[unit]}一次"
        name = ("day", "week", "month", "year")[unit]
        return f"about once in {whole} {name}s" if whole > 1 else f"about once a {name}"

    def at_most(self, litres: float) -> str:
        nothing, something = _AT_MOST[self.language]
        return something.format(_number(litres)) if litres else nothing


def templates() -> Mapping[str, Mapping[str, str]]:
    """Return every sentence there is, by language and template."""
    return _Sentences.read().templates


def sentence(kind: Kind, facts: Mapping[str, Fact], language: str, zone: str) -> str:
    """Return what a raised finding says, with its numbers, in `en` or `zh_CN` (others are told in `en`).

    `facts` are the finding's own, its `template` names the sentence; instants are told in `zone`. A placeholder
    is `{fact}` for a number or a word, `{fact:duration}` of seconds, `{fact:instant}`, `{fact:day}` and
    `{fact:weekday}` of microseconds UTC, `{fact:rarity}` of the seconds in which it happens once by chance,
    `{fact:share}` of 0 to 1. Facts of a template not known here are told as their kind alone. `signs` names the
    kinds of sign that joined it, each told after it by its own half sentence.
    """
    told = language.replace("-", "_")
    told = "zh_CN" if told.lower().startswith("zh") else "en"
    known = _Sentences.read()
    template = str(facts.get("template", ""))
    if template in known.habits and not facts[known.habits[template]]:
        template += "_new"
    words = _Told(facts, _Words(told, ZoneInfo(zone)))
    written = known.templates[told].get(template, _UNKNOWN[told].format(kind.value)).format_map(words)
    signs = [known.templates[told].get(f"also_{sign}", sign) for sign in str(facts.get("signs", "")).split(",") if sign]
    if not signs:
        return written
    besides, between = _BESIDES[told]
    return written[:-1] + besides + between.join(one.format_map(words) for one in signs) + written[-1]


@dataclass(frozen=True, slots=True)
class _Written:
    """One fact, written as its placeholder asks."""

    fact: Fact
    lasted: float
    words: _Words

    def __format__(self, form: str) -> str:
        if isinstance(self.fact, str):
            return self.fact
        words, fact = self.words, self.fact
        forms: Mapping[str, Callable[[], str]] = {
            "": lambda: _number(fact),
            "duration": lambda: words.duration(fact),
            "instant": lambda: words.instant(int(fact), self.lasted),
            "day": lambda: words.day(int(fact)),
            "weekday": lambda: words.weekday(int(fact)),
            "rarity": lambda: words.rarity(fact),
            "share": lambda: f"{_number(100 * fact)}%",
        }
        return forms[form]()


class _Told(dict[str, Any]):
    """Gives each placeholder what it asks for."""

    def __init__(self, facts: Mapping[str, Fact], words: _Words) -> None:
        super().__init__()
        self._facts = facts
        self._words = words

    def __missing__(self, name: str) -> object:
        if name in _SPECIAL:
            return _SPECIAL[name](self._facts, self._words)
        return _Written(self._facts[name], float(self._facts.get("lasted", 0.0)), self._words)


def _number(value: float) -> str:
    if value and abs(value) < 0.095:
        return f"{value:.2g}"
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.1f}".removesuffix(".0")


def _for_long(facts: Mapping[str, Fact], words: _Words) -> str:
    lasted = float(facts["lasted"])
    if not lasted:
        return ""
    span = words.duration(lasted)
    return f"，已持续 {span}" if words.language == "zh_CN" else f" for {span}"


_SPECIAL: Mapping[str, Callable[[Mapping[str, Fact], _Words], str]] = {
    "for_long": _for_long,
    "at_most": lambda facts, words: words.at_most(float(facts["used"])),
    "chance": lambda facts, words: words.chance(int(facts["times"]), float(facts["days"])),
    "quantity": lambda facts, words: _QUANTITIES[words.language][str(facts["quantity"])][0],
    "unit": lambda facts, words: _QUANTITIES[words.language][str(facts["quantity"])][1],
}
"""Placeholders made of several facts."""
