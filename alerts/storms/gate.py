"""Storms: who has to wait, who is told, and how what is still reported is raised when they are over."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from alerts.book import AlertBook
from alerts.change import Change, Draft
from alerts.ladders.policy import Action, Do
from alerts.life.quiet import keep_for_storm
from alerts.model import Alert, Status
from alerts.storms.storm import DEVICE, LONGEST, Limits, Storm, family_of, kinds_of, storm_id
from detectors.finding import Kind, Severity
from registry.instants import MINUTE

_SPARED = frozenset({Kind.SMOKE, Kind.OUTAGE})
"""Kinds that no storm swallows: fire, and those whose life hangs on the supply."""
MESSAGE = "storm"
NOTICES = (Action(Do.CALL, who="on_call", message=MESSAGE), Action(Do.SMS, who="on_call", message=MESSAGE))
"""What stands for all those telephone calls."""
_CALL = Action(Do.CALL_TASK, who="caseworker", within=30 * MINUTE)
"""A person calls those whose life hangs on the supply, in a storm too; nobody is sent a message for each of them."""
_PARTS = 2
"""So many storms within an area around them, and the next one is the whole area's."""
_COUNTED = "street"


class Gate:
    """Lets the alerts through that a transaction wakes, or keeps them quiet; `close` it at the transaction's end.

    Storms are written last, so whoever waits for one waits for nothing else afterwards.
    """

    def __init__(self, book: AlertBook, now: int, limits: Limits) -> None:
        self._book = book
        self._now = now
        self._limits = limits
        self._storms: dict[str, dict[UUID, Storm]] = {}
        self._woken: dict[tuple[str, str], list[UUID]] = {}
        self._most: dict[str, int] = {}
        self._changed: dict[UUID, None] = {}

    def pass_on(self, before: Alert | None, change: Change) -> Change:
        """Return a change as it was, or keeping its alert quiet; `before` is the alert as it was, None of a new one."""
        alert = change.alert
        if not _wakes(before, alert) or _spared(alert):
            return change
        family = family_of(alert.kind)
        if family != DEVICE and not alert.policy.reach_at(alert.severity):
            return replace(change, alert=replace(alert, woken_at=None))  # it is on the board and disturbs nobody
        place = self._book.place(alert.household)
        storm = self._over(family, place.area) or self._count(family, place.area, alert.id)
        if storm is None:
            return change
        draft = Draft.of(change)
        self._keep(draft, before, storm, dependent=place.dependent)
        return draft.change()

    def close(self) -> None:
        """Write down the storms that began or grew."""
        for family in sorted(self._storms):
            for storm in sorted(self._storms[family].values(), key=lambda one: (one.ended_at is None, one.area)):
                if storm.id in self._changed:
                    self._book.save_storm(storm)

    def _over(self, family: str, area: str) -> Storm | None:
        """Return the largest storm that an area lies in."""
        if family not in self._storms:
            self._storms[family] = {one.id: one for one in self._book.storms(family)}
        fresh = self._now - self._limits.within
        blowing = (
            one
            for one in self._storms[family].values()
            if one.ended_at is None and area.startswith(one.area) and one.heard_at > fresh
            and self._now - one.began_at < LONGEST
        )  # fmt: skip
        return min(blowing, key=lambda one: len(one.area), default=None)

    def _count(self, family: str, area: str, alert: UUID) -> Storm | None:
        """Count an alert in the areas around it; return the storm that it begins."""
        around = self._book.areas(area)
        for code, level in around:
            if code != area and level != _COUNTED:
                continue
            key = (family, code)
            if key not in self._woken:
                since = self._now - self._limits.within
                self._woken[key] = list(self._book.woken(kinds_of(family), code, since))
                self._most[code] = self._limits.most(self._book.homes(code))
            woken = self._woken[key]
            if alert not in woken:
                woken.append(alert)
            if len(woken) > self._most[code]:
                return self._begin(family, code, alert)
        return None

    def _begin(self, family: str, area: str, by: UUID) -> Storm:
        """Begin a storm in an area, or in a larger one where it is one of several; keep quiet what woke just now."""
        open_now = [one for one in self._storms[family].values() if one.ended_at is None]
        for code, _level in self._book.areas(area):
            parts = [one for one in open_now if one.area.startswith(code)]
            area = code if len(parts) >= _PARTS else area
        storm = Storm(storm_id(family, area, self._now), family, area, self._now, self._now)
        for one in open_now:
            if one.area.startswith(area):
                self._note(replace(one, ended_at=self._now, part_of=storm.id))
        self._note(storm)
        woken = self._book.woken(kinds_of(family), area, self._now - self._limits.within)
        for change in [self._called_back(alert, storm) for alert in woken if alert != by]:
            if change is not None:
                self._book.save(change)
        return storm

    def _called_back(self, alert: UUID, storm: Storm) -> Change | None:
        """Keep an alert quiet that climbs already, unless somebody holds it or is at work on it."""
        other = self._book.find_free(alert)
        if other is None or other.status is not Status.UNACKNOWLEDGED or _spared(other):
            return None
        told = len(self._book.pending(other.id)) < other.step_count
        draft = Draft(other, self._now)
        quiet = replace(other, woken_at=other.woken_at if told else None)
        self._keep(draft, quiet, storm, dependent=self._book.place(other.household).dependent)
        return draft.change()

    def _keep(self, draft: Draft, before: Alert | None, storm: Storm, *, dependent: bool) -> None:
        keep_for_storm(draft, before, storm.id, self._now + LONGEST)
        if dependent and storm.family != DEVICE:
            draft.plan(_CALL, self._now)
        self._note(replace(self._storms[storm.family].get(storm.id, storm), heard_at=self._now))

    def _note(self, storm: Storm) -> None:
        self._storms[storm.family][storm.id] = storm
        self._changed[storm.id] = None


def look(book: AlertBook, now: int, limits: Limits) -> int:
    """Tell of new storms, and end those that are over; return how many there were to look at."""
    due = book.storms_due(now, limits)
    for storm in due:
        if now - storm.heard_at >= limits.within or now - storm.began_at >= LONGEST:
            book.save_storm(replace(storm, ended_at=now))
            book.line_up(storm.id, now, limits.a_minute)
        else:
            _tell(book, storm, now)
            book.save_storm(replace(storm, told_at=now))
    return len(due)


def take_charge(book: AlertBook, alert: Alert, step: int, actor: str) -> bool:
    """Take charge of a storm by an answer to its message; False if a step of the alert was not that, or it is over."""
    asked = book.step(alert.id, step)
    if asked is None or asked.action.message != MESSAGE:
        return False
    storm = None if alert.storm is None else book.storm(alert.storm)
    if storm is None or storm.ended_at is not None:
        return False
    if storm.held_by is None:
        book.save_storm(replace(storm, held_by=actor))
    return True


def _tell(book: AlertBook, storm: Storm, now: int) -> None:
    """Have the message leave with one of the alerts that the storm keeps quiet: the first in the fair order."""
    for alert in book.waiting_in(storm.id, 10):
        carrier = book.find_free(alert)
        if carrier is not None and carrier.status is Status.SUPPRESSED:
            draft = Draft(carrier, now)
            for notice in NOTICES:
                draft.plan(notice, now)
            book.save(draft.change())
            return


def _wakes(before: Alert | None, alert: Alert) -> bool:
    """Say whether a change starts the ladder of an alert that nobody holds or has put aside."""
    if alert.status is not Status.UNACKNOWLEDGED or alert.woken_at is None:
        return False
    if before is None:
        return True
    held = before.status in (Status.ACKNOWLEDGED, Status.SHELVED)
    released = before.storm is not None and before.status is Status.SUPPRESSED
    return before.woken_at != alert.woken_at and not held and not released


def _spared(alert: Alert) -> bool:
    return alert.kind in _SPARED or alert.severity is Severity.URGENT or alert.help_at is not None
