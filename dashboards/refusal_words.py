"""What refusals say in Chinese to a reader of pages; the API says them in English."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from dashboards.alert_words import CHINESE_RESULTS
from dashboards.languages import CHINESE

_CHINESE: Final[Mapping[str, str]] = {
    "{who} holds this alert already; speak with them, or close it with an outcome": (
        "这条报警已有人处理，请与处理人联系，或填写结果办结"
    ),
    "an alert is shelved until a time that lies ahead, at most 7 days; choose another": (
        "只能搁置到将来的时间，最长 7 天，请重新选择"
    ),
    "shelving keeps others from looking: give the reason": "搁置后别人不会再看，请写明原因",
    "this alert is {status}, not shelved; there is nothing to take back": "这条报警没有被搁置，无需恢复",
    "this alert is closed: {outcome}, by {by}; what happens next opens a new one": (
        "这条报警已办结；再有情况会产生新的报警"
    ),
    "smoke is still reported there, whatever the resident says; write down what somebody found": (
        "那里仍在报烟，请填写到场人员看到的情况"
    ),
    "somebody there asked for help; write down what somebody found": "那里有人求助，请填写到场人员看到的情况",
    "this call rings no more; answer a later message, or acknowledge the alert itself": (
        "这个电话已不再响铃，请应答之后的消息，或直接接手报警"
    ),
    "{who} has accepted this task already; speak with them": "这项任务已有人接受，请与对方联系",
    "who is asked next wants to know why: give the reason": "请写明原因，以便下一位知情",
    "this task is with {who}; only who has a task can refuse it": "任务不在您手上，只有经办人可以拒绝",
    "this task is with {who}; only who has a task can hand it over": "任务不在您手上，只有经办人可以交接",
    "a task is handed over to a caseworker or duty officer of the area; name one of them": (
        "只能交给本区域的社工或值班员，请选择一位"
    ),
    "{who} has this task already; name somebody else": "任务已在对方手上，请另选一位",
    "{who} has refused this task; name somebody else": "对方已拒绝这项任务，请另选一位",
    "somebody must be able to ask them: name the organisation": "请填写单位名称，以便联系",
    "{who} has recorded {outcome} already; add a note to the alert instead": "这项任务已有人填写结果",
    "this task is {status}; look at the alert for what is left to do": "这项任务已不在待办中，请到报警页面查看",
    "a follow-up visit is planned for a day that lies ahead, at most a year; choose another": (
        "回访日期须在今后一年内，请重新选择"
    ),
    "Choose what was found, then send the form again": "请先选择结果，再提交",
    "Choose why it was a false alarm, then send the form again": "请先选择误报原因，再提交",
    "Choose why you cannot do it, then send the form again": "请先选择原因，再提交",
    "Choose for how long to put it aside, then send the form again": "请先选择搁置多久，再提交",
    "Choose who is on call, from when and until when, then send the form again": "请先选择值班人和起止时间，再提交",
    "Write the day of the follow-up visit as 2026-11-30, or leave it empty": "回访日期请写成 2026-11-30，或留空",
    "Write an answer of 1 to {n} characters, then send it again": "回复须为 1 至 {n} 个字，请重新提交",
    "Press one of the buttons": "请按页面上的按钮",
    "This service sends no links: check SHOUWANG_LINK_SECRET": "本服务不发送链接，请联系系统运维人员",
    "The form is too large: shorten the note": "内容过长，请缩短备注",
    "The form cannot be read: send it from the page again": "表单无法读取，请从页面重新提交",
    "This sign-in link is no longer valid: open the one that was printed last": "登录链接已失效，请打开最新的一个",
    "There is no such {what} in your area: check the id": "您的辖区内没有这一项，请核对地址",
    "There is nothing at this address: {advice}": "这个地址没有内容",
    "This address does not take this method: {advice}": "这个地址不支持此操作",
    "The request does not fit: {faults}": "地址或填写的内容有误，请返回检查",
    "The request holds {what}": "填写的内容无法保存，请修改后重试",
    "The database does not answer: try again in a moment": "数据库没有响应，请稍后再试",
    "The service failed on this request: report it with the time it happened": "服务出错，请记下时间并告知系统运维人员",
    "there is no {what}; {advice}": "没有这一项，可能已被删除",
    "body.level: {advice}": "请选择已有的班线",
    "body.ends: {advice}": "结束时间须晚于开始时间，最长一年",
    "query.week: {advice}": "请填写 1971 至 2198 年的日期",
    "This needs the role {role}": "您的权限不足，请联系管理员",
    "Changes with a session cookie must come from our own pages: {advice}": "请从本站页面提交",
}


def retold(language: str, text: str) -> str:
    """Return a sentence with values in it in the reader's language; one that is not known stands as it is."""
    if language != CHINESE:
        return text
    for pattern, chinese in _patterns():
        found = pattern.fullmatch(text)
        if found:
            return chinese.format(**found.groupdict())
    return text


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    # What holds no value comes first: `reached nobody` is not `reached {n}`.
    every = sorted([*_CHINESE.items(), *CHINESE_RESULTS.items()], key=lambda one: one[0].count("{"))
    return [(re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(one)), re.DOTALL), two) for one, two in every]
