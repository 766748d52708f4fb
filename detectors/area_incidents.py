"""Did one cause silence many homes at once? Then it is one incident of an area, and nobody's own emergency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.areas.course import Course, Look
from detectors.areas.episode import Episode
from detectors.areas.evidence import Evidence
from detectors.areas.explained import Explained, Reason
from detectors.areas.hearing import LOOK, hearings
from detectors.areas.layout import Layout
from detectors.areas.search import Search
from detectors.columns.bank import pack, unpack
from detectors.finding import Finding
from detectors.incident import Cause, Incident
from detectors.protocol import Detector
from detectors.rule import Count, Rule, Share
from registry.instants import SECOND
from registry.readings import Observations, SensorTable

_QUARTER = 900
_HOUR = 3600
_QUIET_LOOKS = 2 * _HOUR
_SPARSE = 6 * _HOUR
_LONGEST_LOOK = 72 * _HOUR


class _Memory(msgspec.Struct):
    """What is not in columns, as it is saved."""

    looked: int
    newest: int
    open: list[Episode]
    past: list[Episode]
    waiting: list[tuple[Cause, str, int]]
    outages: dict[str, list[tuple[int, int]]]


# Made while the module is loaded: two threads that make msgspec look into a class at once crash the process.
_MEMORY = msgspec.json.Decoder(_Memory)


class AreaIncidents:
    """Looks every five minutes whether the homes of an area (every ten, a gateway's devices) fell silent together.

    With n homes of which a sign is known, k that show it and the mean p of their own chances to show it, the
    chance that k or more do is bounded as `areas.chance` says; before, every home's odds are multiplied by e. An
    incident needs at least `homes` homes, four fifths of them (of devices 9 in 10, of homes without water 19 in
    20), that bound below `chance` over all areas and causes looked at, and the same at two looks. Its area is the
    smallest around all that are affected; where it grows beyond that, the incident grows. Its onset is when nearly
    all (95 %) of the affected were last as usual.

    A gateway is silent when nobody behind it was heard since and the product of its devices' chances, one factor
    for every usual gap they let pass, is below the same bound.

    While it lasts, homes without power or water are in `SensorTable.outages`, and those who depend on the supply
    have a finding of kind OUTAGE. `explain_away` holds back what it explains; `incidents` tells what became of
    areas. Rows count at the look after their reception, so nothing depends on how a stream was cut; while nobody at
    all is heard it looks every six hours, for three days. 60 bytes a sensor, were each a device and a home of its own.
    """

    def __init__(
        self,
        sensors: SensorTable,
        name: str = "area-incidents",
        *,
        homes: int = 5,
        chance: float = 1e-6,
        known_after: int = 8,
    ) -> None:
        """Take what an incident needs at least, and the receptions from which on a device's usual gap is known."""
        self.name = name
        self._about = f"area_incidents {homes} {chance} {known_after}"
        self._sensors = sensors
        self._least = homes
        self._evidence = Evidence(sensors, known_after)
        self._search = Search(self._evidence, homes, chance)
        self._course = Course(sensors, self._evidence, name)
        self._explained = Explained()
        self._layout = Layout.of(sensors)
        self._read: tuple[Any, ...] = ()
        self._looked = self._newest = 0

    def observe(self, batch: Observations) -> list[Finding]:
        """Take note of who was heard; look whenever a look was due before a row was received."""
        if len(batch):
            for heard in hearings(batch, self._sensors):
                self._look_until(heard.first)
                self._newest = max(self._newest, heard.last)
                self._evidence.hear(heard, self._looked)
        return self._course.findings()

    def tick(self, now: int) -> list[Finding]:
        """Look whenever a look was due by `now`."""
        self._look_until(now // SECOND)
        return self._course.findings()

    def incidents(self) -> list[Incident]:
        """Return what began, grew or ended since the last call, in that order."""
        return self._course.incidents()

    def explain_away(self, findings: Sequence[Finding]) -> list[Finding]:
        """Return those of all detectors' findings that no incident explains, and those that outlasted one."""
        return self._explained.sift(findings, self._reason, self._looked * SECOND)

    def deaf(self, since: int, until: int) -> None:
        """Excuse everybody for the time in which the service itself could hear nobody; see `Offline.deaf`."""
        self._evidence.excuse((until - since) // SECOND)
        if self._looked:
            self._looked = max(self._looked, until // SECOND // LOOK * LOOK)

    def _reason(self, found: Finding) -> Reason | None:
        return self._course.reason(found, self._layout)

    def _look_until(self, moment: int) -> None:
        last = moment // LOOK * LOOK
        if not self._looked:
            self._looked = last
            return
        while self._looked + LOOK <= last:
            now = self._looked + LOOK
            silent = now - self._newest
            if silent > _LONGEST_LOOK:
                self._looked = last
                return
            self._looked = now
            if silent <= _QUIET_LOOKS or now % _SPARSE == 0:
                self._look(now)

    def _look(self, now: int) -> None:
        layout = self._laid_out(now)
        if len(layout.meter) < self._least and not layout.gateways:
            return
        evidence, search, course = self._evidence, self._search, self._course
        silence = evidence.silence(now, layout)
        darkness = evidence.darkness(silence, layout)
        look = Look(now, layout, darkness)
        course.follow(look)
        found = search.areas(Cause.POWER, layout, darkness)
        if now % (2 * LOOK) == 0:  # there is time for what only a technician can mend
            found += search.areas(Cause.RADIO, layout, silence)
            found += search.gateways(layout, silence, now)
        if now % _QUARTER == 0:
            dryness = evidence.dryness(now, layout.homes)
            found += search.areas(Cause.WATER, layout, dryness)
            if now % _HOUR == 0:
                evidence.learn_hour(now, dryness, course.homes(Cause.WATER, layout))
        for one in found:
            course.begin(one, look)
        evidence.learn_silence(silence, layout, course.devices(layout))
        evidence.learn_darkness(darkness, course.homes(Cause.POWER, layout))
        course.forget(now)

    def _laid_out(self, now: int) -> Layout:
        sensors = self._sensors
        read = (int(np.count_nonzero(sensors.quantity)), len(sensors.devices), len(sensors.households))
        if self._read[:3] == read and now % _HOUR:
            return self._layout
        names = (sensors.areas, sensors.gateways, sensors.places)
        if self._read[:3] != read or self._read[3:] != names:
            self._layout = Layout.of(sensors)
            self._read = (*read, *(list(one) for one in names))
        return self._layout

    def snapshot(self) -> bytes:
        """Return the whole state; homes and devices by name, since their numbers are those of one process."""
        sensors = self._sensors
        outages = {sensors.households[at]: spans for at, spans in sensors.outages.state().items() if spans}
        open_now, past = self._course.open, self._course.past
        memory = _Memory(self._looked, self._newest, open_now, past, self._search.state(), outages)
        return pack(
            self._about,
            {
                **self._evidence.saved(),
                "devices": _lines(sensors.devices),
                "homes": _lines(sensors.households),
                "memory": np.frombuffer(msgspec.json.encode(memory), np.uint8),
                "explained": np.frombuffer(self._explained.state(), np.uint8),
            },
        )

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned, and freeze anew whom its incidents froze.

        Raises:
            StateError: it is none.
        """
        saved = unpack(state, self._about)
        sensors = self._sensors
        self._evidence.place(saved, _names(saved["devices"]), _names(saved["homes"]))
        memory = _MEMORY.decode(bytes(saved["memory"]))
        self._looked, self._newest = memory.looked, memory.newest
        self._course.open, self._course.past = memory.open, memory.past
        self._search.restore(memory.waiting)
        self._explained.restore(bytes(saved["explained"]))
        self._read = ()
        numbered = {sensors.household_number(name): spans for name, spans in memory.outages.items()}
        sensors.outages.replace({at: spans for at, spans in numbered.items() if at is not None})


class AreaIncidentsRule(Rule, tag="area_incidents"):
    """`type = "area_incidents"`."""

    homes: Count = 5
    chance: Share = 1e-6

    def build(self, sensors: SensorTable) -> Detector:
        """Return the detector."""
        return AreaIncidents(sensors, self.name, homes=self.homes, chance=self.chance)


def _lines(names: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(names).encode(), np.uint8)


def _names(lines: NDArray[np.uint8]) -> list[str]:
    return bytes(lines).decode().split("\n") if len(lines) else []
