"""Hand-over: when a shift ends, whoever leaves and whoever comes hear what is still held by the one who leaves.

Nobody is disturbed where nothing is open. The message stands on the timeline of the gravest of those alerts; who holds
what does not change by it, for only people can say that they have taken something on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from alerts.book import AlertBook
from alerts.change import Draft
from alerts.channels.choice import Channels, Way
from alerts.ladders.policy import Action, Do
from alerts.messages.wording import is_chinese, mention
from alerts.model import Alert
from alerts.oncall.civil import local
from alerts.oncall.rota import shifts
from alerts.oncall.schedule import Schedule
from alerts.people import Medium, Recipient
from registry.instants import HOUR

LATE = HOUR
"""A hand-over that could not be told for so long (the service was away) is not told any more."""
MESSAGE: Final = "shift"

_TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "both": {
        "zh": "守望交接班：{schedule}，{time}起由{coming}接{leaving}的班。{leaving}手上未结警报{count}条，最急的："
        "{first}请当面或电话交接，由接班人在值班页面接手。",
        "en": "Shouwang hand-over, {schedule}: {coming} takes over from {leaving} at {time}. {leaving} still holds "
        "{count}, the gravest: {first} Please talk to each other; whoever comes takes them over on the board.",
    },
    "nobody": {
        "zh": "守望交接班：{schedule}，{time}起无人值班。{leaving}手上未结警报{count}条，最急的：{first}"
        "请继续负责，或请人接手。",
        "en": "Shouwang hand-over, {schedule}: nobody is on call from {time}. {leaving} still holds {count}, the "
        "gravest: {first} Please keep them, or ask somebody to take them over.",
    },
}
"""What `first` says ends with a full stop of its own."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """The moment at which somebody's shift of a level ends; `coming` None: nobody follows them."""

    schedule: Schedule
    level: int
    at: int
    leaving: str
    coming: str | None


class HandOvers(Protocol):
    """What hand-overs ask of storage beside the alert book, in the same transaction."""

    def claim(self, one: HandOver, now: int) -> bool:
        """Write down that a hand-over is being told; False if it was told before."""
        ...

    def held_by(self, person: str) -> Sequence[UUID]:
        """Return the alerts that a person holds, the gravest first."""
        ...

    def staff(self, person: str) -> Recipient | None:
        """Return a member of staff, None where there is none any more."""
        ...

    def told_of(self, one: HandOver, alert: UUID) -> None:
        """Write down on which alert's timeline a hand-over stands."""
        ...


def due(schedules: Iterable[Schedule], now: int) -> Iterator[HandOver]:
    """Yield the hand-overs of the last hour, `now` included; most will have been told before."""
    for schedule in schedules:
        for level in schedule.levels:
            for before, after in pairwise(shifts(schedule, now - LATE, now + 1, level)):
                if before.person is not None and before.person != after.person and after.start > now - LATE:
                    yield HandOver(schedule, level, after.start, before.person, after.person)


def tell(desk: HandOvers, book: AlertBook, one: HandOver, channels: Channels, now: int) -> int:
    """Tell those concerned of a hand-over, exactly once; return how many messages were queued."""
    if not desk.claim(one, now):
        return 0
    held = desk.held_by(one.leaving)
    alert = book.find(held[0]) if held else None
    if alert is None or alert.held_by != f"person:{one.leaving}":
        return 0
    people = [found for person in (one.leaving, one.coming) if person and (found := desk.staff(person)) is not None]
    names = {found.person: found.name for found in people}
    forbidden = book.opted_out([found.person for found in people])
    draft = Draft(alert, now)
    for to in people:
        text = _text(book, one, to, names, alert, len(held))
        _queue(draft, to, text, channels, forbidden.get(to.person, frozenset()))
    if not draft.notifications:
        return 0
    desk.told_of(one, alert.id)
    book.save(draft.change())
    return len(draft.notifications)


def _queue(draft: Draft, to: Recipient, text: str, channels: Channels, forbidden: frozenset[Way]) -> None:
    way = channels.way(to, Medium.SMS, forbidden)
    if way is None:
        return
    draft.plan(Action(Do.TELL, who=f"person:{to.person}", message=MESSAGE), draft.now)
    step = draft.steps[draft.alert.step_count]
    draft.finish(step, "reached 1")
    draft.queue(step.no, to, way, text, MESSAGE)


def _text(book: AlertBook, one: HandOver, to: Recipient, names: Mapping[str, str], alert: Alert, count: int) -> str:
    chinese = is_chinese(to.language)
    template = _TEXTS["both" if one.coming else "nobody"]["zh" if chinese else "en"]
    first = mention(to, alert, book.place(alert.household))
    time = local(one.at, ZoneInfo(one.schedule.zone))
    return template.format(
        schedule=one.schedule.name,
        time=f"{time:%H:%M}",
        leaving=names.get(one.leaving, one.leaving),
        coming=names.get(one.coming or "", one.coming or ""),
        count=f"{count} {'alert' if count == 1 else 'alerts'}" if not chinese else count,
        first=first,
    )
