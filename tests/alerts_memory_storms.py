"""Storms in an alert book in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from alerts.ladders.policy import Do
from alerts.model import Alert, Status, Suppression
from alerts.storms.storm import LONGEST, TELL_AGAIN, Around, Limits, Storm
from detectors.finding import Kind
from registry.instants import MINUTE
from tests.alerts_memory_outbox import rank
from tests.alerts_shelves import Shelves


@dataclass
class MemoryStorms(Shelves):
    """The port `alerts.storms.storm.StormBook`."""

    def areas(self, area: str) -> Sequence[Around]:
        return [Around(code, level) for code, level in self.levels.items() if area.startswith(code)][::-1]

    def homes(self, area: str) -> int:
        return sum(one.area.startswith(area) for one in self.places.values())

    def woken(self, kinds: Sequence[Kind], area: str, since: int) -> Sequence[UUID]:
        return [
            one.id
            for one in self.by_id.values()
            if one.woken_at is not None
            and one.woken_at > since
            and one.storm is None
            and one.kind in kinds
            and self.places[one.household].area.startswith(area)
        ]

    def storms(self, family: str) -> Sequence[Storm]:
        return [one for one in self.tempests.values() if one.family == family and one.ended_at is None]

    def storm(self, storm: UUID) -> Storm | None:
        found = self.tempests.get(storm)
        return self.storm(found.part_of) if found is not None and found.part_of is not None else found

    def save_storm(self, storm: Storm) -> None:
        self.tempests[storm.id] = storm

    def storms_due(self, now: int, limits: Limits) -> Sequence[Storm]:
        return [
            one
            for one in self.tempests.values()
            if one.ended_at is None
            and (
                one.told_at is None
                or (one.held_by is None and one.told_at <= now - TELL_AGAIN)
                or one.heard_at <= now - limits.within
                or one.began_at <= now - LONGEST
            )
        ]

    def waiting_in(self, storm: UUID, limit: int) -> Sequence[UUID]:
        return [one.id for one in self._waiting(storm)][:limit]

    def crowd(self, storm: UUID) -> int:
        return len(self._kept_quiet(storm))

    def line_up(self, storm: UUID, now: int, a_minute: int) -> None:
        for place, alert in enumerate(self._waiting(storm)):
            for step in list(self.planned[alert.id].values()):
                if step.action.do is Do.STORM_ENDED:
                    self.put_step(replace(step, due=now + place // a_minute * MINUTE))

    def _waiting(self, storm: UUID) -> list[Alert]:
        held = [one for one in self._kept_quiet(storm) if one.suppressed_why is Suppression.STORM]
        return sorted(held, key=lambda one: (*rank(one), one.opened_at, one.id.int))

    def _kept_quiet(self, storm: UUID) -> list[Alert]:
        parts = {storm}
        for _ in self.tempests:
            parts |= {one.id for one in self.tempests.values() if one.part_of in parts}
        return [one for one in self.by_id.values() if one.status is Status.SUPPRESSED and one.storm in parts]
