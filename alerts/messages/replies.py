"""What somebody who answered is told: spoken in a call, written back by SMS, shown on a signed link's page.

An answer is confirmed by what it did, not by what was pressed: whoever says "fine" while smoke is reported must not
hear that all is settled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from alerts.life.answers import Meaning, why_not_close
from alerts.messages.wording import is_chinese
from alerts.model import Alert, Status
from alerts.people import Role

REPLIES: Final[Mapping[str, Mapping[str, str]]] = {
    "fine": {
        "zh": "好的，记下了：您平安。祝您身体健康。",
        "en": "Thank you, we have noted that you are fine. Take care.",
    },
    "fine-noted": {
        "zh": "记下了您的回答。为了安全，我们还是会派人联系您。如有危险，请离开房间，拨打119或120。",
        "en": "We have noted your answer. To be safe, somebody will still look after you. "
        "If there is danger, leave the room and call 119 or 120.",
    },
    "help": {
        "zh": "收到您的求助。我们正在派人上门，并通知值班人员。请保持电话畅通，情况危急请拨打120或119。",
        "en": "We have heard that you need help. Somebody is being sent, and the duty officer is called. "
        "Keep your telephone free; in danger call 120 or 119.",
    },
    "yours": {"zh": "好的，由您处理。谢谢。", "en": "Thank you: it is yours now."},
    "somebody-else": {"zh": "谢谢。这件事已经有人在处理。", "en": "Thank you: somebody else has taken it already."},
    "over": {"zh": "谢谢。这件事已经结束。", "en": "Thank you: this is over already."},
    "escalated": {"zh": "好的，已通知下一级。谢谢。", "en": "Thank you: the next in line is being told now."},
    "closed": {
        "zh": "好的，警报已关闭。请在值班页面补记情况。",
        "en": "Thank you: the alert is closed. Please write down on the board what you found.",
    },
    "not-closed-smoke": {
        "zh": "烟雾仍在报告，不能用电话关闭。请派人查看，并在值班页面记录情况。",
        "en": "Smoke is still reported, so this cannot be closed by telephone. Have somebody look, and write down on "
        "the board what they found.",
    },
    "not-closed-help": {
        "zh": "住户已经求助，不能用电话关闭。请派人查看，并在值班页面记录情况。",
        "en": "The resident has asked for help, so this cannot be closed by telephone. Have somebody look, and write "
        "down on the board what they found.",
    },
    "not-closed-role": {
        "zh": "只有工作人员可以关闭警报。由您处理请按4。",
        "en": "Only staff can close an alert. Press or reply 4 to take charge.",
    },
    "unclear": {"zh": "没有听懂您的回答。", "en": "We did not understand that answer."},
    "unclear-asked": {
        "zh": "没有看懂您的回答。平安请回1，需要帮助请回2。家属和工作人员接手请回4。",
        "en": "We did not understand that answer. Reply 1 if you are fine, 2 if you need help. "
        "Family and staff: reply 4 to take charge.",
    },
    "no-answer": {
        "zh": "没有收到您的回答，我们会再联系您。再见。",
        "en": "We have not heard an answer and will try again. Goodbye.",
    },
    "keys-resident": {"zh": "重听请按星号键。", "en": "Press star to hear this again."},
    "keys-contact": {
        "zh": "接手请按4，请求更多帮助请按5，重听请按星号键。",
        "en": "Press 4 to take charge, 5 to have the next in line told at once, star to hear this again.",
    },
    "keys-staff": {
        "zh": "接手请按4，升级请按5，关闭请按6，重听请按星号键。",
        "en": "Press 4 to take charge, 5 to have the next in line told at once, 6 to close, star to hear this again.",
    },
    "over-resident": {
        "zh": "您好，这里是守望。刚才的事情已经处理好了。如果现在需要帮助，请按2。",
        "en": "Hello, this is Shouwang. What we called about is settled. If you need help now, press 2.",
    },
    "unasked": {
        "zh": "您好，这里是守望。我们现在没有问题要问您。如果需要帮助，请回2；情况危急请拨打120、119或110。",
        "en": "Hello, this is Shouwang. We have nothing to ask you just now. If you need help, reply 2; in an "
        "emergency call your local emergency number.",
    },
    "moment": {"zh": "请稍候。", "en": "One moment, please."},
    "stranger": {
        "zh": "这里是守望。我们不认识这个号码，没有记录您的短信。紧急情况请拨打120、119或110。",
        "en": "This is Shouwang. We do not know this number, so nothing was recorded. In an emergency call your local "
        "emergency number.",
    },
}
"""Text per key and language; Chinese stands for Mandarin and Cantonese, which are written alike."""


def phrase(key: str, language: str) -> str:
    """Return one of `REPLIES` in a person's language: Chinese, or else English."""
    return REPLIES[key]["zh" if is_chinese(language) else "en"]


def reply_to(meaning: Meaning, role: Role, actor: str, alert: Alert) -> str:
    """Return the key of what somebody is told; `alert` is as their answer left it."""
    closed = alert.status is Status.CLOSED
    mine = alert.held_by == actor
    match meaning:
        case Meaning.FINE:
            key = "fine" if closed else "fine-noted"
        case Meaning.HELP:
            key = "help"
        case Meaning.ACKNOWLEDGE:
            key = "over" if closed else "yours" if mine else "somebody-else"
        case Meaning.ESCALATE:
            key = "over" if closed else "escalated"
        case Meaning.CLOSE if closed:
            key = "closed" if mine else "over"
        case Meaning.CLOSE:
            key = f"not-closed-{why_not_close(alert, role)}"
        case Meaning.UNCLEAR:
            key = "unclear"
    return key


def keys_of(role: Role) -> str:
    """Return the key of what a role is told of the keys it may press."""
    if role is Role.RESIDENT:
        return "keys-resident"
    return "keys-contact" if role is Role.CONTACT else "keys-staff"
