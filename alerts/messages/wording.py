"""What messages say: one text per message key and language, made of the alert's own sentence."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.model import Alert
from alerts.people import Place, Recipient
from detectors.explanation import sentence

_FALLBACK = "en"

_TO_RESIDENT_ZH = "您好{name}，这里是守望。"
_TO_RESIDENT_EN = "Hello {name}, this is Shouwang, your neighbourhood watch. "
_PRESS_ZH = "平安请按1，需要帮助请按2。"
_PRESS_EN = "Press or reply 1 if you are fine, 2 if you need help."
_TAKE_ZH = "由您处理请按4。"
_TAKE_EN = "Press or reply 4 to take charge."

MESSAGES: Mapping[str, Mapping[str, str]] = {
    "check": {
        "zh": _TO_RESIDENT_ZH + "我们有些担心您。" + _PRESS_ZH,
        "en": _TO_RESIDENT_EN + "We would like to know how you are. " + _PRESS_EN,
    },
    "check-again": {
        "zh": _TO_RESIDENT_ZH + "我们刚才没有联系上您。" + _PRESS_ZH,
        "en": _TO_RESIDENT_EN + "We could not reach you a moment ago. " + _PRESS_EN,
    },
    "again": {
        "zh": "守望没有听懂您的回答。" + _PRESS_ZH + "家属和工作人员：" + _TAKE_ZH,
        "en": "Shouwang did not understand that answer. " + _PRESS_EN + " Family and staff: " + _TAKE_EN,
    },
    "use": {
        "zh": _TO_RESIDENT_ZH + "{sentence}请看看水龙头和马桶。" + _PRESS_ZH,
        "en": _TO_RESIDENT_EN + "{sentence} Please look at taps and toilet. " + _PRESS_EN,
    },
    "water": {
        "zh": _TO_RESIDENT_ZH + "您家的水一直在流。{sentence}请看看水龙头、马桶和水管，关不上请关总阀。" + _PRESS_ZH,
        "en": _TO_RESIDENT_EN + "Water keeps running in your home. {sentence} Please look at taps, toilet and pipes; "
        "if it will not stop, close the main valve. " + _PRESS_EN,
    },
    "appliance": {
        "zh": _TO_RESIDENT_ZH + "您家可能有电器忘了关。{sentence}请看看炉灶、取暖器和熨斗。" + _PRESS_ZH,
        "en": _TO_RESIDENT_EN + "Something may have been left on in your home. {sentence} Please look at the stove, "
        "the heater and the iron. " + _PRESS_EN,
    },
    "cold": {
        "zh": _TO_RESIDENT_ZH + "天气很冷，您家里暖和吗？{sentence}请看看取暖设备。" + _PRESS_ZH,
        "en": _TO_RESIDENT_EN
        + "It is very cold: is your home warm? {sentence} Please look at the heating. "
        + _PRESS_EN,
    },
    "power": {
        "zh": _TO_RESIDENT_ZH + "您家的用电和平时不一样。{sentence}一切都好吗？" + _PRESS_ZH,
        "en": _TO_RESIDENT_EN
        + "Your electricity use is not as usual. {sentence} Is everything all right? "
        + _PRESS_EN,
    },
    "call_task": {
        "zh": "守望：请立即打电话给住户，问其是否平安、设备和药品是否够用。{sentence}地址：{address}。",
        "en": "Shouwang: please call the resident now, ask how they are and whether equipment and medicine will last. "
        "{sentence} Address: {address}.",
    },
    "cap": {
        "zh": "守望：今天的上门次数已到上限，较弱的警报暂不派人，首条：{sentence}地址：{address}。请查看值班页面。",
        "en": "Shouwang: as many visits are asked for today as are allowed; weaker alerts wait, the first of them: "
        "{sentence} Address: {address}. Please look at the board.",
    },
    "storm": {
        "zh": "守望：短时间内同一片区有{crowd}起同类报警，可能是同一原因，已合并为一个事件，暂不逐户通知。"
        "其中一户：{sentence}地址：{address}。名单见值班页面。" + _TAKE_ZH,
        "en": "Shouwang: {crowd} alerts of one kind in one area within minutes, perhaps of one cause. They are one "
        "incident now, and their homes are not told one by one. One of them: {sentence} Address: {address}. The list "
        "is on the board. " + _TAKE_EN,
    },
    "smoke": {
        "zh": "守望火警：您家的烟雾报警器响了！请立即离开房间，拨打119。" + _PRESS_ZH,
        "en": "Shouwang fire warning: your smoke detector has gone off! Leave at once and call 119. " + _PRESS_EN,
    },
    "contact": {
        "zh": "守望：{sentence}地址：{address}。我们没有联系上住户，您能去看看或打个电话吗？" + _TAKE_ZH,
        "en": "Shouwang: {sentence} Address: {address}. We could not reach the resident; can you look in or call? "
        + _TAKE_EN,
    },
    "smoke-contact": {
        "zh": "守望火警：{sentence}地址：{address}。请立即联系住户，必要时拨打119。" + _TAKE_ZH,
        "en": "Shouwang fire warning: {sentence} Address: {address}. Reach the resident, call 119 if in doubt. "
        + _TAKE_EN,
    },
    "visit": {
        "zh": "守望：请上门看望。{sentence}地址：{address}。请在任务列表中接受任务，或按4。",
        "en": "Shouwang: please visit. {sentence} Address: {address}. Accept the task in your list, or reply 4.",
    },
    "officer": {
        "zh": "守望：尚无人处理。{sentence}地址：{address}。" + _TAKE_ZH,
        "en": "Shouwang: nobody has taken this. {sentence} Address: {address}. " + _TAKE_EN,
    },
    "unreachable": {
        "zh": "守望：该户无人可以联系，住户、联系人、社工均无电话或地址。{sentence}地址：{address}。" + _TAKE_ZH,
        "en": "Shouwang: nobody of this household can be reached: neither resident, contacts nor caseworker has a "
        "telephone or address. {sentence} Address: {address}. " + _TAKE_EN,
    },
    "escalated": {
        "zh": "守望：有人请求加派人手。{sentence}地址：{address}。" + _TAKE_ZH,
        "en": "Shouwang: somebody asks for support. {sentence} Address: {address}. " + _TAKE_EN,
    },
    "help": {
        "zh": "守望紧急：住户求助！{sentence}地址：{address}。" + _TAKE_ZH,
        "en": "Shouwang urgent: the resident asks for help! {sentence} Address: {address}. " + _TAKE_EN,
    },
    "not-seen": {
        "zh": "守望：上门未见到住户，请决定下一步。{sentence}地址：{address}。" + _TAKE_ZH,
        "en": "Shouwang: a visit found nobody; please decide what to do. {sentence} Address: {address}. " + _TAKE_EN,
    },
    "review": {
        "zh": "守望：请核实并记录。{sentence}地址：{address}。",
        "en": "Shouwang: please find out what this was and write it down. {sentence} Address: {address}.",
    },
    "maintenance": {
        "zh": "守望：设备需要维护。{sentence}地址：{address}。",
        "en": "Shouwang: a device needs maintenance. {sentence} Address: {address}.",
    },
    "correct-contact": {
        "zh": "守望：{name}的联系方式有误，消息无法送达。请核实并在登记册中更正。地址：{address}。",
        "en": "Shouwang: a number or address of {name} is wrong and cannot be reached. Please find out the right one "
        "and correct it in the registry. Address: {address}.",
    },
    "recall": {
        "zh": "守望提醒：任务尚未完成。{sentence}地址：{address}。" + _TAKE_ZH,
        "en": "Shouwang reminder: this task is still to be done. {sentence} Address: {address}. " + _TAKE_EN,
    },
    "remind": {
        "zh": "守望提醒：您的任务即将到期，请尽快处理并写下结果。{sentence}地址：{address}。",
        "en": "Shouwang reminder: your task will soon be due; see to it and write down what you found. {sentence} "
        "Address: {address}.",
    },
    "remind-contact": {
        "zh": "守望：您已接手处理。联系上住户了吗？如果没有，请按5，我们马上请下一位。{sentence}地址：{address}。",
        "en": "Shouwang: you took charge of this. Have you reached them? If not, press or reply 5 and the next in line "
        "is told at once. {sentence} Address: {address}.",
    },
    "overdue": {
        "zh": "守望：任务已超时，尚无结果，请过问。{sentence}地址：{address}。" + _TAKE_ZH,
        "en": "Shouwang: a task is overdue and nothing has been heard of it; please see to it. {sentence} "
        "Address: {address}. " + _TAKE_EN,
    },
    "refused": {
        "zh": "守望：任务被拒绝，已无人可派，请安排。{sentence}地址：{address}。" + _TAKE_ZH,
        "en": "Shouwang: a task was refused and nobody else is left to send; please see to it. {sentence} "
        "Address: {address}. " + _TAKE_EN,
    },
    "take-over": {
        "zh": "守望：同事请您接手一项任务，请在任务列表中接受或拒绝。{sentence}地址：{address}。",
        "en": "Shouwang: a colleague asks you to take over a task; accept or refuse it in your list. {sentence} "
        "Address: {address}.",
    },
    "kept": {
        "zh": "守望：同事未能接手，任务仍由您负责。{sentence}地址：{address}。",
        "en": "Shouwang: your colleague did not take the task over; it is still yours. {sentence} Address: {address}.",
    },
    "follow_up": {
        "zh": "守望：请回访住户，看看近况如何。上次情况：{sentence}地址：{address}。",
        "en": "Shouwang: please call on this household again and see how they are. Last time: {sentence} "
        "Address: {address}.",
    },
}
"""Text per message key and language. Callers hear what readers read, so each says what to press or reply."""


def is_chinese(language: str) -> bool:
    """Say whether a language tag is written in Chinese: Mandarin and Cantonese are, and share their texts."""
    return language.lower().replace("-", "_").split("_")[0] in ("zh", "cmn", "yue")


def text_for(message: str, recipient: Recipient, alert: Alert, place: Place) -> str:
    """Return what a recipient is told of an alert, in their language (Chinese, or else English).

    A resident is called by name and never told an address; the sentence keeps the household's time.
    """
    chinese = is_chinese(recipient.language)
    told = _told(alert, "zh_CN" if chinese else "en", place.zone)
    template = MESSAGES[message]["zh" if chinese else _FALLBACK]
    home = place.address or alert.household
    return template.format(name=recipient.name, sentence=told, address=home, crowd=place.crowd)


def example(message: str, language: str, name: str = "", address: str = "") -> str:
    """Return what a message says, with a mark where it tells what is unusual, and for whoever is not named."""
    chinese = is_chinese(language)
    told, home = ("〈哪里异常〉", "〈地址〉") if chinese else ("〈what is unusual〉", "〈address〉")
    unnamed = "〈姓名〉" if chinese else "〈name〉"
    template = MESSAGES[message]["zh" if chinese else _FALLBACK]
    return template.format(name=name or unnamed, sentence=told, address=address or home, crowd=100)


def mention(recipient: Recipient, alert: Alert, place: Place) -> str:
    """Return an alert's sentence and where it is, to stand within another text."""
    address = place.address or alert.household
    if is_chinese(recipient.language):
        return f"{_told(alert, 'zh_CN', place.zone)}地址：{address}。"
    return f"{_told(alert, 'en', place.zone)} Address: {address}."


def _told(alert: Alert, language: str, zone: str) -> str:
    """Return the alert's sentence; facts it cannot be made of (a user's own rule) must not keep a call back."""
    try:
        return sentence(alert.kind, alert.facts, language, zone)
    except (LookupError, TypeError, ValueError):
        return f"{alert.kind.value} ({alert.rule})."
