"""The Chinese of what frames the pages: the board, the page of an alert, telephones, signing in, and errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CHINESE_PAGES: Final[Mapping[str, str]] = {
    "Skip to the content": "跳到正文",
    "Pages": "页面",
    "Handsets": "模拟电话",
    "Ladders": "处置流程",
    "{n}× real time": "{n} 倍速",
    "The clock that everything here runs on": "系统时钟",
    "Live updates are interrupted: what you see may be old. Trying again …": (
        "实时更新中断，页面内容可能已过时，正在重连……"
    ),
    "everywhere": "全部区域",
    "Sign out": "退出登录",
    "sign-in link": "登录链接",
    "viewer": "只读",
    "caseworker": "社工",
    "officer": "值班员",
    "operator": "管理员",
    "calendar": "日历订阅",
    "Meters and smoke detectors speak for people who live alone. What is unusual stands here, the most serious first: "
    "Shouwang asks, then calls, then sends somebody, until a person has written down what they found.": (
        "水表、电表和烟感替独居的人说话。异常情况列在这里，最紧急的在最前："
        "守望先询问，再致电，再派人上门，直到有人写下看到的情况。"
    ),
    "Open alerts": "未结报警",
    "{n} not taken by anybody": "{n} 条无人处理",
    "Next:": "下一步：",
    "Next step": "下一步",
    "Nothing is unusual right now.": "目前没有异常。",
    "{n} kept quiet or put aside": "静默或搁置 {n} 条",
    "until": "至",
    "The {n} most pressing of {total} are shown.": "共 {total} 条，显示最紧急的 {n} 条。",
    "Telephones and visits": "电话与上门",
    "Ringing now": "正在响铃",
    "Visits and other tasks": "上门与其他任务",
    "Nobody is named yet": "尚未派人",
    "Nobody has to go anywhere.": "目前无需上门。",
    "All tasks": "全部任务",
    "Latest on the telephones": "最近通话与短信",
    "All telephones": "全部电话",
    "Telephones": "电话",
    "No telephone has rung yet.": "还没有电话响过。",
    "and {n} older": "另有更早的 {n} 条",
    "These telephones are simulated: what would reach a person lands here, and you can answer in their place.": (
        "这些是模拟电话：本应发给个人的短信和电话都在这里，您可以替他们应答。"
    ),
    "What happened": "经过",
    "What you can do": "可做的操作",
    "Since": "起始",
    "Raised": "报警",
    "rule {name}": "规则 {name}",
    "Status": "状态",
    "Held by": "处理人",
    "Found": "结果",
    "Part of": "并入",
    "another alert of this household": "本户的另一条报警",
    "Incident": "事件",
    "what befell the area": "该区域发生的情况",
    "Timeline": "经过",
    "Every pending step stops at once; it is then yours until it is closed.": (
        "后续步骤立即停止；办结之前，这条报警由您负责。"
    ),
    "Take it from the shelf": "恢复处理",
    "Close it with what was found": "填写结果并办结",
    "What was found?": "结果是什么？",
    "Close the alert": "办结报警",
    "Put it aside for a while": "暂时搁置",
    "For how long": "搁置多久",
    "{n} h": "{n} 小时",
    "Why": "原因",
    "Put it aside": "搁置",
    "Messages": "消息记录",
    "{medium} to {person}": "致{person}的{medium}",
    "Ladder": "处置步骤",
    "In words": "文字说明",
    "What happens about an alert, in which order, until somebody takes charge. The first ladder from the top that fits "
    "an alert's kind, severity and hour is climbed; a running alert keeps the one it began with.": (
        "报警之后，按什么顺序做什么，直到有人接手。自上而下，第一个符合报警类型、级别和时段的流程生效；"
        "已经开始的报警沿用开始时的流程。"
    ),
    "Please sign in": "请登录",
    "Open the sign-in link that `shouwang up` printed in its terminal. It begins with this address and ends in "
    "?token=…": "请打开 `shouwang up` 在终端里打印的登录链接：以本站地址开头，末尾是 ?token=…",
    "Open the sign-in link you were given. An operator can make one with `shouwang token create`.": (
        "请打开管理员发给您的登录链接。管理员可用 `shouwang token create` 生成。"
    ),
    "Back to the board": "返回值班页",
    "Unauthorized": "请登录",
    "Not Found": "没有找到",
    "Forbidden": "没有权限",
    "Conflict": "现在不能这样做",
    "Method Not Allowed": "操作有误",
    "Unprocessable Entity": "内容有误",
    "Unprocessable Content": "内容有误",
    "Content Too Large": "内容过长",
    "Request Entity Too Large": "内容过长",
    "Service Unavailable": "服务暂不可用",
    "Internal Server Error": "服务出错",
    "It keeps no alert quiet.": "没有因此静默的报警。",
    "More of them": "更多",
    "… {n} more": "…… 其余 {n} 条",
    "{a} to {b} of {n}": "共 {n} 条，第 {a} 至 {b} 条",
    "Later ones": "后面的",
    "Nothing yet.": "暂无记录。",
    "heard of here {when}": "本系统于 {when} 收到",
    "Raised {when}, heard of here {later}.": "{when} 报警，本系统于 {later} 收到。",
    "All alerts it keeps quiet": "因此静默的全部报警",
    "no area": "未知区域",
    "{n} of {of} homes": "{of} 户中 {n} 户",
    "Electricity failed": "停电",
    "Water failed": "停水",
    "Gateways silent": "多个网关失联",
    "Gateway silent": "网关失联",
    "Many alarms at once": "短时间内大量报警",
    "While it lasts, these homes are not told one by one; what is still so then is raised, a few a minute.": (
        "事件持续期间不逐户通知；结束后仍未恢复的，按轻重缓急每分钟通知若干户。"
    ),
    "Somebody depends on the supply in one home": "其中 1 户有人依赖供应",
    "Somebody depends on the supply in {n} homes": "其中 {n} 户有人依赖供应",
    "and {n} more among the alerts below": "另有 {n} 户，见下方报警",
    "While it lasts, silence in these homes raises no alarm; what is still silent an hour after its end does.": (
        "事件持续期间，这些住户没有用水用电不会报警；结束一小时后仍无动静的，照常报警。"
    ),
    "Devices that fell silent with it are not reported one by one unless they outlast it.": (
        "随之失联的设备不再逐一上报；事件结束后仍失联的，照常上报。"
    ),
}
