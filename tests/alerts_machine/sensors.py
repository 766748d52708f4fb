"""What sensors tell and what is known of households: conditions begin, grow, ease, flap and end, late or in storms."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import rule

from alerts.model import Status
from detectors.finding import Finding, Kind, Phase, Severity
from registry.instants import DAY, HOUR, MINUTE, SECOND
from tests.alerts_machine.street import HOUSEHOLDS, KINDS, PICK, SEVERITIES, Street, newest
from tests.alerts_world import EMPTY, HOME, MUTE, finding

_SOURCES = st.sampled_from(["a/volume", "b/volume"])
_PAUSES = st.sampled_from([*[SECOND, MINUTE, 10 * MINUTE, 47 * MINUTE] * 2, 5 * HOUR, DAY])


class SensorsTell(Street):
    """Findings of all kinds, and what explains them."""

    @rule(
        household=HOUSEHOLDS,
        kind=KINDS,
        source=_SOURCES,
        late=st.sampled_from([0, 0, 0, MINUTE, HOUR, 400 * DAY]),
        severity=SEVERITIES,
    )
    def a_sensor_raises(self, household: str, kind: Kind, source: str, late: int, severity: Severity) -> None:
        at = self.world.now - late
        self.raise_it(finding(kind, household=household, at=at, onset=at, source=source, severity=severity))

    @rule(pick=PICK)
    def a_condition_ends(self, pick: int) -> None:
        if self.told:
            self._end(newest(self.told, pick))

    @rule(pick=PICK, reason=st.sampled_from(["incident", "joined"]))
    def a_condition_is_taken_back(self, pick: int, reason: str) -> None:
        """An incident explains it, or a graver condition tells of it from now on."""
        if self.told:
            self._end(replace(newest(self.told, pick), facts={"reason": reason, "into": "inactivity"}))

    @rule(pick=PICK, late=st.sampled_from([0, 0, 0, HOUR]))
    def a_condition_grows_worse(self, pick: int, late: int) -> None:
        """Say it again with a higher severity; the alert that has it is never less severe, nor climbs lower again."""
        if not self.told:
            return
        raised = newest(self.told, pick)
        if raised.severity is Severity.URGENT:
            return
        worse = replace(raised, severity=Severity(raised.severity + 1), time=max(raised.time, self.world.now - late))
        before = {one.id: one for one in self.book.by_id.values() if one.status is not Status.CLOSED}
        self.raise_it(worse)
        for one in before.values():
            after = self.book.by_id[one.id]
            assert after.severity >= min(one.severity, worse.severity)
            assert after.policy.reach >= one.policy.reach
            if after.status is one.status is Status.UNACKNOWLEDGED and after.policy == one.policy:
                assert after.step_count == one.step_count, "a running ladder goes on as it was"

    @rule(pick=PICK)
    def a_condition_eases(self, pick: int) -> None:
        """Say it again with a lower severity: nothing that was begun is given up."""
        if not self.told:
            return
        raised = newest(self.told, pick)
        if raised.severity is Severity.LOW:
            return
        eased = replace(raised, severity=Severity(raised.severity - 1), time=max(raised.time + SECOND, self.world.now))
        self.raise_it(eased)

    @rule(pick=PICK)
    def a_finding_is_told_again(self, pick: int) -> None:
        if self.told:
            before = self.book.writes
            assert self.world.take(newest(self.told, pick)) == []
            assert self.book.writes == before

    @rule(pick=PICK, pause=st.sampled_from([SECOND, MINUTE, 20 * MINUTE]))
    def a_condition_flaps(self, pick: int, pause: int) -> None:
        """End it and let it begin again, until that is no news any more."""
        if not self.told:
            return
        raised = newest(self.told, pick)
        for _ in range(4):
            self._end(raised)
            self.world.wait(pause)
            raised = replace(raised, onset=self.world.now, time=self.world.now)
            self.raise_it(raised)

    @rule(kind=KINDS, severity=SEVERITIES)
    def a_storm_breaks_out(self, kind: Kind, severity: Severity) -> None:
        """Three homes raise the same at once, where more than one of a kind are a storm."""
        now = self.world.now
        homes = (HOME, MUTE, EMPTY)
        self.raise_it(
            *(finding(kind, household=one, at=now, onset=now, source="c/volume", severity=severity) for one in homes)
        )

    @rule(household=HOUSEHOLDS)
    def a_meter_reports(self, household: str) -> None:
        self.world.reads(household, self.world.now)

    @rule(household=HOUSEHOLDS, duration=st.sampled_from([HOUR, DAY]))
    def somebody_goes_away(self, household: str, duration: int) -> None:
        self.world.leaves(household, self.world.now, self.world.now + duration)

    @rule(household=HOUSEHOLDS, duration=st.sampled_from([HOUR, DAY]))
    def work_is_announced(self, household: str, duration: int) -> None:
        self.world.works(household, self.world.now, self.world.now + duration)

    @rule(duration=_PAUSES)
    def time_passes(self, duration: int) -> None:
        self.world.wait(duration)

    def _end(self, raised: Finding) -> None:
        self.world.take(replace(raised, phase=Phase.CLEARED, time=self.world.now))
