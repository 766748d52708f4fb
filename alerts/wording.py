"""What messages say: one text per message key and language, made of the alert's own sentence."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.model import Alert, Place, Recipient
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
    "recall": {
        "zh": "守望提醒：任务尚未完成。{sentence}地址：{address}。" + _TAKE_ZH,
        "en": "Shouwang reminder: this task is still to be done. {sentence} Address: {address}. " + _TAKE_EN,
    },
}
"""Text per message key and language. Callers hear what readers read, so each says what to press or reply."""


def text_for(message: str, recipient: Recipient, alert: Alert, place: Place) -> str:
    """Return what a recipient is told of an alert, in their language (Chinese, or else English).

    A resident is called by name and never told an address; the sentence keeps the household's time.
    """
    chinese = recipient.language.lower().startswith("zh")
    told = _told(alert, "zh_CN" if chinese else "en", place.zone)
    template = MESSAGES[message]["zh" if chinese else _FALLBACK]
    return template.format(name=recipient.name, sentence=told, address=place.address or alert.household)


def _told(alert: Alert, language: str, zone: str) -> str:
    """Return the alert's sentence; facts it cannot be made of (a user's own rule) must not keep a call back."""
    try:
        return sentence(alert.kind, alert.facts, language, zone)
    except (LookupError, TypeError, ValueError):
        return f"{alert.kind.value} ({alert.rule})."
