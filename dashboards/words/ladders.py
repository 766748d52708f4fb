"""An escalation ladder in words, Chinese or English: for the page of policies and for `shouwang policy show`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from alerts.channels.choice import Channels
from alerts.ladders.policy import RARELY, SENDS, TASKS, Action, Policies, Policy, Rule, Rung
from alerts.messages.wording import example
from alerts.people import LINE, People, Recipient
from dashboards.words.languages import CHINESE, translator
from dashboards.words.phrases import KINDS, SEVERITIES
from detectors.finding import Kind, Severity
from registry.instants import DAY, HOUR, MINUTE, SECOND

_LANGUAGES: Final[Mapping[str, tuple[str, str]]] = {
    "zh": ("中文", "Chinese"),
    "yue": ("粤语", "Cantonese"),
    "en": ("英文", "English"),
}
_EN: Final[Mapping[str, str]] = {
    "day": "{n} day", "days": "{n} days", "hour": "{n} h", "minute": "{n} min", "second": "{n} s",
    "resident": "the resident", "contacts": "all contacts", "contact": "contact {n}", "caseworker": "the caseworker",
    "on_call": "whoever is on call", "line": "line {n} on call", "duty_officer": "the duty officer",
    "sms": "SMS", "call": "Call", "message": "Message", "preferred": "SMS, call or message",
    "visit": "Visit", "review": "Review", "maintenance": "Maintenance", "call_task": "Call by a person",
    "at once": "at once", "after": "+{span}", "At once": "At once", "After": "After {span}",
    "say sms": "{when}, an SMS goes to {who}", "say call": "{when}, a call goes to {who}",
    "say message": "{when}, a message goes to {who}",
    "say preferred": "{when}, {who} is told the way they prefer: by SMS, call or message",
    "say visit": "{when}, {who} is to visit within {within}",
    "say review": "{when}, {who} is to find out within {within} what it was, and write it down",
    "say maintenance": "{when}, {who} is to see to the device within {within}",
    "say call_task": "{when}, {who} is to call the household in person within {within}",
    "told": "they are told of the task", "untold": "it stands in their list of tasks, without a message",
    "time": "time {n}", "unless answered": "unless somebody has answered by then",
    "hours": "only between {start} and {end}", "severities": "only while the alert is {severities}",
    "language": "only to those who speak {language}", "if_channel": "only if {channel} can reach them",
    "by sms": "an SMS", "by call": "a call", "by message": "a message",
    "or": " or ", "and": ", ", "stop": ".", "pause": "; ", "names": " ({names})",
    "nobody": "nobody: there is no such person",
    "cannot": "{name}, who cannot be reached",
    "until": "All that is still to come stops as soon as anybody takes charge or accepts a task.",
    "again message": "While nobody has taken charge, the last step comes again every {span}.",
    "again often": "While nobody has taken charge, the last step comes again every {span}; "
    "after {rarely} of that, every {rarely}.",
    "again task": "While nobody has taken charge, the last step comes again whenever its task is overdue ({span}).",
    "on_return review": "If it ends by itself, the ladder stops, and the caseworker writes down what it was.",
    "on_return continue": "If it ends by itself, the ladder goes on all the same.",
    "on_return close": "If it ends by itself, the alert closes.",
    "recheck": "Who closes it while it is still reported has the last word for {span}; then it is looked at again.",
    "no recheck": "Once closed it is not looked at again until it ends and begins anew.",
    "remind": "Whoever has a task that is not done is reminded when {share} % of its time have passed.",
    "all day": "at any hour", "every severity": "every severity",
}  # fmt: skip
_ZH: Final[Mapping[str, str]] = {
    "day": "{n} 天", "days": "{n} 天", "hour": "{n} 小时", "minute": "{n} 分钟", "second": "{n} 秒",
    "resident": "住户", "contacts": "所有联系人", "contact": "第 {n} 联系人", "caseworker": "社工",
    "on_call": "当班人员", "line": "第 {n} 线当班人员", "duty_officer": "值班员",
    "sms": "短信", "call": "电话", "message": "消息", "preferred": "短信、电话或消息",
    "visit": "上门", "review": "核实", "maintenance": "设备维护", "call_task": "人工电话",
    "at once": "立即", "after": "{span}后", "At once": "立即", "After": "{span}后",
    "say sms": "{when}，给{who}发短信", "say call": "{when}，给{who}打电话",
    "say message": "{when}，给{who}发消息", "say preferred": "{when}，按本人偏好（短信、电话或消息）通知{who}",
    "say visit": "{when}，由{who}在 {within}内上门", "say review": "{when}，由{who}在 {within}内核实并记录",
    "say maintenance": "{when}，由{who}在 {within}内维护设备",
    "say call_task": "{when}，由{who}在 {within}内亲自打电话给住户",
    "told": "任务会通知本人", "untold": "只列入任务清单，不另行通知",
    "time": "第 {n} 次", "unless answered": "已有人应答则不再进行",
    "hours": "仅限 {start}–{end}", "severities": "仅当报警级别为{severities}", "language": "仅限语言为 {language} 的人",
    "if_channel": "仅当{channel}可达", "by sms": "短信", "by call": "电话", "by message": "消息",
    "or": "或", "and": "、", "stop": "。", "pause": "；", "names": "（{names}）",
    "nobody": "没有这个人", "cannot": "{name}，无法联系",
    "until": "一旦有人接手或接受任务，其余步骤全部停止。",
    "again message": "无人处理时，最后一步每 {span}重复一次。",
    "again often": "无人处理时，最后一步每 {span}重复一次；{rarely}后仍无人处理，改为每 {rarely}一次。",
    "again task": "无人处理时，最后一步的任务逾期（{span}）即再次催办。",
    "on_return review": "若自行结束，流程停止，由社工在 1 天内记录原因。",
    "on_return continue": "若自行结束，流程照常继续。", "on_return close": "若自行结束，报警随之关闭。",
    "recheck": "仍在上报时由人关闭的，{span}内不再打扰，之后重新查看。",
    "no recheck": "关闭之后，直到结束并再次发生，不再查看。",
    "remind": "任务时间过去 {share}% 仍未完成时，提醒负责人。",
    "all day": "全天", "every severity": "各级别",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One step of the picture: when, who, by what, in which words, on which conditions, and as one sentence."""

    when: str
    who: str
    how: str
    do: str
    words: str
    conditions: tuple[str, ...]
    sentence: str
    reached: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """A ladder as people read it; `afterwards` is what holds when its steps are over."""

    name: str
    applies: str
    lines: tuple[Line, ...]
    afterwards: tuple[str, ...]


def pictures(policies: Policies, language: str) -> tuple[Picture, ...]:
    """Return every ladder of a file, for no household in particular."""
    return tuple(picture(rule, language) for rule in policies.rules)


def picture(
    rule: Rule, language: str, people: People | None = None, channels: Channels | None = None, address: str = ""
) -> Picture:
    """Return a ladder in a language, `zh_CN` or `en`; with the names of those whom it concerns if they are given."""
    words = _Words(language)
    policy = rule.policy
    lines = tuple(_line(words, rung, people, channels, address) for rung in policy.rungs)
    return Picture(policy.name, applies(rule, language), lines, tuple(_afterwards(words, policy)))


def applies(rule: Rule, language: str) -> str:
    """Return for which alerts a policy is, such as `No sign of life · High, Urgent · 23:00–06:00`."""
    words = _Words(language)
    _ = translator(language)
    kinds = words["and"].join(_(KINDS[kind.value]) for kind in Kind if kind in rule.kinds)
    severities = words.severities(rule.severities, words["and"])
    hours = words["all day"] if rule.hours is None else str(rule.hours).replace("-", "–")
    return f"{kinds} · {severities} · {hours}"


def span(micros: int, language: str) -> str:
    """Return a duration as a policy file has it: `90 min` is `1 h 30 min`."""
    return _Words(language).span(micros)


class _Words:
    """The words of a language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._words = _ZH if language == CHINESE else _EN

    def __getitem__(self, key: str) -> str:
        return self._words[key]

    def span(self, micros: int) -> str:
        parts, left = [], micros
        for unit, length in (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", SECOND)):
            n, left = divmod(left, length)
            if n:
                parts.append(self["days" if unit == "day" and n > 1 else unit].format(n=n))
        return " ".join(parts) or self["second"].format(n=0)

    def when(self, after: int, *, begins: bool) -> str:
        if not after:
            return self["At once" if begins else "at once"]
        return self["After" if begins else "after"].format(span=self.span(after))

    def who(self, who: str) -> str:
        for beginning, word in (("contact-", "contact"), (LINE, "line")):
            if who.startswith(beginning):
                return self[word].format(n=who.removeprefix(beginning))
        return self[who]

    def language_name(self, tag: str) -> str:
        """Return what a language is called; one without a name here is told by its tag."""
        names = _LANGUAGES.get(tag.lower().replace("-", "_").split("_")[0])
        return (names[0] if self.language == CHINESE else names[1]) if names else tag

    def severities(self, severities: Iterable[Severity], between: str) -> str:
        _ = translator(self.language)
        chosen = sorted(severities)
        if len(chosen) == len(Severity):
            return self["every severity"]
        return between.join(_(SEVERITIES[one.label]) for one in chosen)


def _line(words: _Words, rung: Rung, people: People | None, channels: Channels | None, address: str) -> Line:
    action = rung.action
    named = None if people is None else people.named(action.who)
    who = words.who(action.who)
    reached = True
    if named is not None:
        marked = [_name(words, one, channels) for one in named]
        reached = any(_reached(one, channels) for one in named)
        who += words["names"].format(names=words["and"].join(marked) or words["nobody"])
    when, begins = words.when(rung.after, begins=False), words.when(rung.after, begins=True)
    conditions = tuple(_conditions(words, action))
    said = words[f"say {action.do.value}"].format(when=begins, who=who, within=words.span(action.within))
    if action.do in TASKS:
        said += words["pause"] + words["told" if action.message else "untold"]
    return Line(
        when=when,
        who=who,
        how=words[action.do.value] + (f" ≤ {words.span(action.within)}" if action.do in TASKS else ""),
        do=action.do.value,
        words=_text(words, action, named, address),
        conditions=conditions,
        sentence=words["pause"].join([said, *conditions]) + words["stop"],
        reached=reached,
    )


def _text(words: _Words, action: Action, named: Sequence[Recipient] | None, address: str) -> str:
    """Return what is said, to the first of those named if they are known: in their language, or else the reader's."""
    if not action.message:
        return ""
    first = named[0] if named else None
    return example(action.message, first.language if first else words.language, first.name if first else "", address)


def _conditions(words: _Words, action: Action) -> Iterable[str]:
    if action.earlier:
        yield words["time"].format(n=len(action.earlier) + 1)
        yield words["unless answered"]
    when = action.when
    if when.hours:
        yield words["hours"].format(start=f"{when.hours.start:%H:%M}", end=f"{when.hours.end:%H:%M}")
    if when.severities:
        yield words["severities"].format(severities=words.severities(when.severities, words["or"]))
    if when.language:
        yield words["language"].format(language=words.language_name(when.language))
    if when.if_channel:
        yield words["if_channel"].format(channel=words[f"by {when.if_channel.value}"])


def _afterwards(words: _Words, policy: Policy) -> Iterable[str]:
    yield words["until"]
    last = policy.rungs[-1].action
    task = last.do not in SENDS
    again = "again task" if task else "again often" if policy.repeat < RARELY else "again message"
    yield words[again].format(span=words.span(last.within or policy.repeat), rarely=words.span(RARELY))
    if policy.reach and any(rung.action.do in TASKS for rung in policy.rungs):
        yield words["remind"].format(share=round(100 * policy.remind))
    yield words[f"on_return {policy.on_return.value}"]
    yield words["recheck"].format(span=words.span(policy.recheck)) if policy.recheck else words["no recheck"]


def _name(words: _Words, one: Recipient, channels: Channels | None) -> str:
    return one.name if _reached(one, channels) else words["cannot"].format(name=one.name)


def _reached(one: Recipient, channels: Channels | None) -> bool:
    return channels is None or channels.way(one, one.medium) is not None
