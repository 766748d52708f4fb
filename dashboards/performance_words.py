"""Words for how areas perform and for what is wrong with the service, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BANDS: Final[Mapping[str, str]] = {
    "ahead": "Well ahead",
    "on_target": "On target",
    "just_short": "Just short",
    "short": "Short",
    "far_short": "Far short",
}
BAND_MEANINGS: Final[Mapping[str, str]] = {
    "ahead": "every target met, with at most half of the misses it allows",
    "on_target": "every target met",
    "just_short": "up to twice as many misses as the worst target allows",
    "short": "up to four times as many",
    "far_short": "more than four times as many",
}
TARGETS: Final[Mapping[str, str]] = {
    "urgent_60s": "Urgent: answered within 60 s",
    "urgent_180s": "Urgent: answered within 180 s",
    "visit_45min": "Visited within 45 min",
}
FLAWS: Final[Mapping[str, str]] = {
    "forgotten_alert": "alerts that nobody holds and nothing is going to happen to",
    "late_step": "steps that ran too late",
    "stuck_message": "messages neither delivered nor given up",
    "silent_holder": "alerts taken by somebody who has done nothing for an hour",
    "overdue_task": "overdue tasks that nobody is told of",
}

CHINESE_PERFORMANCE: Final[Mapping[str, str]] = {
    "Areas": "区域",
    "No area is registered yet.": "尚未登记任何区域。",
    "Period": "时段",
    "1 day": "1 天",
    "{n} days": "{n} 天",
    "{n} alerts, {open} of them open": "报警 {n} 条，其中 {open} 条未结",
    "Targets": "目标",
    "{n} of {count}, wanted {share} %": "{count} 条中 {n} 条，要求 {share} %",
    "nothing to measure": "无可统计",
    "Nothing to measure": "无可统计",
    "Areas below": "下级区域",
    "{n} alerts, {homes} homes": "报警 {n} 条，住户 {homes} 户",
    "How long people waited": "等待时长",
    "Severity": "级别",
    "First message": "首次通知",
    "First answer": "接警",
    "Visited, once asked for": "派出后上门",
    "Closed": "办结",
    "Half waited no longer than the first figure, nine of ten no longer than the second.": (
        "前一个数字为半数等待不超过的时长，后一个为九成不超过的时长。"
    ),
    "There was no alert in this time.": "该时段内没有报警。",
    "What the bands mean": "五色说明",
    "The targets are what telecare services reach. A single miss is always allowed (~). What ended by itself before "
    "its time was up, or was kept quiet, is not counted.": (
        "目标取自远程照护服务的通行水平。允许有一次未达标（~）。未到时限即自行结束的报警，以及未惊动任何人的报警，不计入。"
    ),
    "Well ahead": "优秀",
    "On target": "达标",
    "Just short": "略有不足",
    "Short": "不足",
    "Far short": "严重不足",
    "every target met, with at most half of the misses it allows": "各项目标均达到，未达标次数不超过允许的一半",
    "every target met": "各项目标均达到",
    "up to twice as many misses as the worst target allows": "最差一项的未达标次数不超过允许的两倍",
    "up to four times as many": "不超过四倍",
    "more than four times as many": "超过四倍",
    "Urgent: answered within 60 s": "紧急报警 60 秒内接警",
    "Urgent: answered within 180 s": "紧急报警 180 秒内接警",
    "Visited within 45 min": "45 分钟内上门",
    "Shouwang itself is not well": "守望系统自身异常",
    "alerts that nobody holds and nothing is going to happen to": "条报警无人跟进，也没有后续步骤",
    "steps that ran too late": "个步骤执行过迟",
    "messages neither delivered nor given up": "条消息既未送达也未放弃",
    "alerts taken by somebody who has done nothing for an hour": "条报警接手后一小时无动静",
    "overdue tasks that nobody is told of": "项任务超时且无人知晓",
    "since {when}": "自 {when} 起",
    "Call whoever runs the service.": "请联系系统运维人员。",
}
