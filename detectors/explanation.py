"""What a finding says in one sentence: what is unusual, against which habit, how often that happens by chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from detectors.finding import Fact, Kind
from registry.instants import DAY, SECOND, to_datetime

_WEEKDAYS: Mapping[str, tuple[str, ...]] = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "zh_CN": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
}
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
_TEMPLATES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "low_use": (
            "{at_most} for {lasted} (since {since}); the rule asks for {limit} L in {window}. "
            "The longest such pause known here is {longest}; {chance}."
        ),
        "low_use_new": (
            "{at_most} for {lasted} (since {since}); the rule asks for {limit} L in {window}. "
            "Its usual pauses are not known yet; {chance}."
        ),
        "quiet_day": (
            "{at_most} on {day}, a whole day; the rule asks for {limit} L. Usual here are {usual} L a day; {chance}."
        ),
        "excess_day": (
            "At least {used} L of water on {day}, more than the {limit} L of the rule. "
            "Usual here are {usual} L a day; {chance}."
        ),
        "constant_use": (
            "Water in every {slot} for {lasted} (since {since}), {used} L in all. "
            "The longest such time known here is {longest}; {chance}."
        ),
        "smoke": "The smoke detector itself gives the alarm; {chance}.",
        "smoke_level": (
            "Smoke of {value} %/m, above {limit} %/m{for_long}. "
            "The most known here without a fire is {highest} %/m; {chance}."
        ),
        "battery": "Battery at {value} %, below {limit} %; {chance}.",
        "tamper": "The device has been opened or moved; {chance}.",
        "offline": (
            "Nothing heard from the device for {lasted} (since {since}); half of its {gaps} known gaps are below "
            "{usual}, and it is allowed {limit}."
        ),
        "offline_new": (
            "Nothing heard from the device for {lasted} (since {since}), more than the {limit} of the rule; "
            "its habit is not known yet."
        ),
        "river": (
            "The model {model} finds {quantity} of {value} {unit} unusual, {readings} readings in a row: "
            "by chance {p} of its last {remembered} readings here look so, the limit is {limit}."
        ),
        "": "Unusual: {kind}.",
    },
    "zh_CN": {
        "low_use": (
            "已有 {lasted}{at_most}（自{since}起）；规则为 {window}内不足 {limit} 升。"
            "此户已知最长的类似间歇为 {longest}；此情况{chance}。"
        ),
        "low_use_new": (
            "已有 {lasted}{at_most}（自{since}起）；规则为 {window}内不足 {limit} 升。"
            "尚不了解此户平时的用水间歇；此情况{chance}。"
        ),
        "quiet_day": ("{day} 全天{at_most}，低于规则的 {limit} 升。此户平均每天用水 {usual} 升；此情况{chance}。"),
        "excess_day": (
            "{day} 用水至少 {used} 升，超过规则的 {limit} 升。此户平均每天用水 {usual} 升；此情况{chance}。"
        ),
        "constant_use": (
            "已有 {lasted} 每 {slot} 都在用水（自{since}起），共 {used} 升。"
            "此户已知最长的连续用水为 {longest}；此情况{chance}。"
        ),
        "smoke": "烟雾探测器自身报警；此情况{chance}。",
        "smoke_level": (
            "烟雾浓度 {value} %/m，高于 {limit} %/m{for_long}。此户无火情时已知最高为 {highest} %/m；此情况{chance}。"
        ),
        "battery": "电池电量 {value}%，低于 {limit}%；此情况{chance}。",
        "tamper": "设备被打开或移动；此情况{chance}。",
        "offline": (
            "已有 {lasted} 未收到设备数据（自{since}起）；在已知的 {gaps} 次间隔中，"
            "一半短于 {usual}，允许的间隔为 {limit}。"
        ),
        "offline_new": "已有 {lasted} 未收到设备数据（自{since}起），超过规则的 {limit}；尚不了解其平时规律。",
        "river": (
            "模型 {model} 认为{quantity} {value} {unit} 异常，已连续 {readings} 次读数："
            "此户最近 {remembered} 次读数中偶然如此的比例为 {p}，限值为 {limit}。"
        ),
        "": "异常：{kind}。",
    },
}

_HABIT: Mapping[str, str] = {"low_use": "longest", "offline": "gaps"}
"""The fact that is zero while a household's or device's habit is not known; then `{template}_new` is told."""


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

    def chance(self, times: int, days: float) -> str:
        whole = round(days)
        if self.language == "zh_CN":
            span = f"{whole} 天" if whole else "不到 1 天"
            return f"在 {span}内发生过 {times} 次" if times else f"在已知的 {span}内从未发生过"
        within = f"in {whole} {'day' if whole == 1 else 'days'}" if whole else "in less than 1 day"
        if not times:
            return f"this has not happened before {within}"
        return f"this has happened {'once' if times == 1 else f'{times} times'} {within}"

    def at_most(self, litres: float) -> str:
        nothing, something = _AT_MOST[self.language]
        return something.format(_number(litres)) if litres else nothing


def sentence(kind: Kind, facts: Mapping[str, Fact], language: str, zone: str) -> str:
    """Return what a raised finding says, with its numbers, in `en` or `zh_CN` (others are told in `en`).

    `facts` are the finding's own, its `template` names the sentence; instants are told in `zone`. Facts of a
    template not known here are told as their kind alone.
    """
    told = language.replace("-", "_")
    told = "zh_CN" if told.lower().startswith("zh") else "en"
    words = _Words(told, ZoneInfo(zone))
    template = str(facts.get("template", ""))
    if template in _HABIT and not facts[_HABIT[template]]:
        template += "_new"
    if not template or template not in _TEMPLATES[told]:
        return _TEMPLATES[told][""].format(kind=kind.value)
    return _TEMPLATES[told][template].format_map(_Told(facts, words))


class _Told(dict[str, str]):
    """Writes each fact as its name asks, when a template asks for it."""

    def __init__(self, facts: Mapping[str, Fact], words: _Words) -> None:
        super().__init__()
        self._facts = facts
        self._words = words

    def __missing__(self, name: str) -> str:
        if name in _SPECIAL:
            return _SPECIAL[name](self._facts, self._words)
        fact = self._facts[name]
        return _number(fact) if isinstance(fact, int | float) else fact


def _number(value: float) -> str:
    if value and abs(value) < 0.095:
        return f"{value:.2g}"
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.1f}".removesuffix(".0")


def _duration(name: str) -> Callable[[Mapping[str, Fact], _Words], str]:
    return lambda facts, words: words.duration(float(facts[name]))


def _since(facts: Mapping[str, Fact], words: _Words) -> str:
    at = facts["heard_at"] if "heard_at" in facts else facts["since_at"]
    return words.instant(int(at), float(facts["lasted"]))


def _usual(facts: Mapping[str, Fact], words: _Words) -> str:
    usual = float(facts["usual"])
    return words.duration(usual) if facts["template"] == "offline" else _number(usual)


def _limit(facts: Mapping[str, Fact], words: _Words) -> str:
    limit = float(facts["limit"])
    return words.duration(limit) if facts["template"] == "offline" else _number(limit)


def _for_long(facts: Mapping[str, Fact], words: _Words) -> str:
    lasted = float(facts["lasted"])
    if not lasted:
        return ""
    span = words.duration(lasted)
    return f"，已持续 {span}" if words.language == "zh_CN" else f" for {span}"


_SPECIAL: Mapping[str, Callable[[Mapping[str, Fact], _Words], str]] = {
    "lasted": _duration("lasted"),
    "longest": _duration("longest"),
    "window": _duration("window"),
    "slot": _duration("slot"),
    "since": _since,
    "usual": _usual,
    "limit": _limit,
    "for_long": _for_long,
    "at_most": lambda facts, words: words.at_most(float(facts["used"])),
    "day": lambda facts, words: words.day(int(facts["day_at"])),
    "chance": lambda facts, words: words.chance(int(facts["times"]), float(facts["days"])),
    "quantity": lambda facts, words: _QUANTITIES[words.language][str(facts["quantity"])][0],
    "unit": lambda facts, words: _QUANTITIES[words.language][str(facts["quantity"])][1],
}
"""Names a template may ask for that are not written as plain numbers or words."""
