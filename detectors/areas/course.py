"""How do incidents run? They begin, grow, swallow what was part of them, freeze homes, and end."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from detectors.areas.episode import Episode
from detectors.areas.evidence import Evidence, Signs
from detectors.areas.explained import Reason
from detectors.areas.hearing import LOOK
from detectors.areas.layout import Layout
from detectors.areas.search import Candidate
from detectors.columns.runs import Positions
from detectors.finding import Finding, Kind, Phase
from detectors.incident import Cause, Incident
from registry.instants import DAY, HOUR, SECOND
from registry.readings import SensorTable

_WATER_BACK = 0.2
_REMEMBERED = 8 * DAY
_FREEZES = frozenset({Cause.POWER, Cause.WATER})
_DROP_REACH = 6 * HOUR
_MOST_YEARS = 1000 * 365.25 * 86_400.0
_NOBODY = np.empty(0, np.intp)


class Look(NamedTuple):
    """One look: when (seconds since 1970), at whom, and which homes were without electricity."""

    now: int
    layout: Layout
    darkness: Signs


class Course:
    """The incidents that last, and those of the last eight days.

    An incident ends when a majority is back; without water, when a fifth draws some again, which nobody can in a cut.
    """

    def __init__(self, sensors: SensorTable, evidence: Evidence, rule: str) -> None:
        self._sensors = sensors
        self._evidence = evidence
        self._rule = rule
        self.open: list[Episode] = []
        self.past: list[Episode] = []
        self._findings: list[Finding] = []
        self._incidents: list[Incident] = []

    def findings(self) -> list[Finding]:
        """Return what is said of single homes since the last call."""
        told, self._findings = self._findings, []
        return told

    def incidents(self) -> list[Incident]:
        """Return what began, grew or ended since the last call, in that order."""
        told, self._incidents = self._incidents, []
        return told

    def begin(self, one: Candidate, look: Look) -> None:
        """Begin an incident, or let one grow that is known in part."""
        if any(known.explains(one.cause, one.area, one.source) for known in self.open):
            return
        parts = [known for known in self.open if known.part_of(one.cause, one.area, one.onset)]
        same = [known for known in parts if known.cause is one.cause]
        incident = min(same, key=lambda known: (known.onset, known.area)) if same else None
        by_chance = min(LOOK / math.exp(max(one.ln_chance, -600.0)), _MOST_YEARS)
        if incident is None:
            incident = Episode(
                one.cause, one.area, one.area, one.source, one.onset, look.now * SECOND, one.of, by_chance, [],
                [self._sensors.devices[at] for at in one.devices],
            )  # fmt: skip
            self.open.append(incident)
        incident.area, incident.of, incident.by_chance = one.area, one.of, by_chance
        for part in parts:
            if part is not incident:
                incident.called = {**part.called, **incident.called}
                incident.devices = sorted({*incident.devices, *part.devices})
                self._close(part, look.now, into=incident)
        self._spread(incident, one.homes, look)
        self._say(incident, Phase.RAISED, look.now)

    def follow(self, look: Look) -> None:
        """See who joined an incident, and whether it is over."""
        now, layout, darkness = look
        for incident in list(self.open):
            if self._over(incident, look):
                self._close(incident, now)
                continue
            if incident.cause is Cause.POWER and incident.area in layout.tree.codes:
                shown = np.flatnonzero(darkness.shown)
                shown = shown[layout.tree.holds(layout.tree.codes.index(incident.area), shown)]
                self._spread(incident, shown, look)
                incident.of = max(incident.of, len(incident.affected))
            if len(incident.affected) >= 1.1 * incident.told + 1:
                self._say(incident, Phase.RAISED, now)

    def forget(self, now: int) -> None:
        """Forget what ended eight days ago."""
        if self.past:
            self.past = [one for one in self.past if (one.end or 0) > now * SECOND - _REMEMBERED]

    def homes(self, cause: Cause, layout: Layout) -> Positions:
        """Return the homes affected by what lasts of a cause."""
        some = [self._affected(one, layout) for one in self.open if one.cause is cause]
        return np.concatenate(some) if some else _NOBODY

    def devices(self, layout: Layout) -> Positions:
        """Return the devices that an incident keeps silent."""
        if not self.open:
            return _NOBODY
        meters = layout.meter[self.homes(Cause.POWER, layout)]
        return np.concatenate([meters, self._numbers({name for one in self.open for name in one.devices}, layout)])

    def reason(self, found: Finding, layout: Layout) -> Reason | None:
        """Return the incident that explains a finding; one that lasts before one that is over."""
        for one in (*self.open, *reversed(self.past)):
            if found.kind is Kind.OFFLINE:
                concerned = found.onset <= (one.end or found.onset) and self._silences(one, found.source, layout)
            else:
                reach = _DROP_REACH if found.kind is Kind.DROP else 0
                began = one.onset - reach <= found.onset < (one.end or found.onset + 1)
                concerned = one.cause in _FREEZES and began and found.household in one.frozen
            if concerned and found.time >= one.onset:
                return Reason(one.onset, one.end, one.id)
        return None

    def _spread(self, incident: Episode, homes: Positions, look: Look) -> None:
        """Add homes to those affected; freeze them and those of the area of which nothing else is known."""
        names = self._sensors.households
        held = {names[at] for at in homes}
        incident.affected = sorted({*incident.affected, *held})
        if incident.cause is Cause.GATEWAY:
            return
        if incident.area:
            held |= {names[at] for at in self._unknown(incident, look)}
        for name in sorted(held - set(incident.frozen)):
            number = self._sensors.household_number(name)
            if number is None:
                continue
            incident.frozen.append(name)
            if incident.cause in _FREEZES:
                self._sensors.outages.add(number, incident.onset)
            if number in self._sensors.dependent and name not in incident.called:
                incident.called[name] = incident.onset
                self._findings.append(incident.call(name, self._rule, Phase.RAISED, look.now * SECOND))

    def _unknown(self, incident: Episode, look: Look) -> Positions:
        """Return the homes of an incident's area that tell neither way."""
        if incident.cause is Cause.RADIO:
            return _NOBODY
        now, layout, signs = look
        if incident.cause is Cause.WATER:
            signs = self._evidence.dryness(now, layout.homes)
        everybody = np.flatnonzero(~signs.known)
        return everybody[layout.tree.holds(layout.tree.codes.index(incident.area), everybody)]

    def _over(self, incident: Episode, look: Look) -> bool:
        evidence, layout, darkness = self._evidence, look.layout, look.darkness
        if incident.cause in (Cause.GATEWAY, Cause.RADIO):
            devices = self._numbers(set(incident.devices), layout)
            heard = evidence.heard()[devices] > incident.time // SECOND
            return not len(devices) or 2 * int(heard.sum()) >= len(devices)
        homes = self._affected(incident, layout)
        if incident.cause is Cause.POWER:
            homes = homes[darkness.known[homes]]
            return bool(len(homes)) and 2 * int((~darkness.shown[homes]).sum()) >= len(homes)
        drawn = evidence.homes["drawn"][homes] > incident.onset // SECOND + 600
        return not len(homes) or int(drawn.sum()) >= max(2, _WATER_BACK * len(homes))

    def _close(self, incident: Episode, now: int, into: Episode | None = None) -> None:
        incident.end = now * SECOND
        self.open.remove(incident)
        self.past.append(incident)
        if into is None:
            still = {name for one in self.open for name in one.frozen if one.cause in _FREEZES}
            for name in incident.frozen:
                number = self._sensors.household_number(name)
                if number is not None and name not in still:
                    self._sensors.outages.end(number, incident.end)
            self._findings += [
                incident.call(name, self._rule, Phase.CLEARED, incident.end) for name in incident.called
            ]  # fmt: skip
        self._say(incident, Phase.CLEARED, now, into)

    def _say(self, incident: Episode, phase: Phase, now: int, into: Episode | None = None) -> None:
        incident.told = len(incident.affected)
        self._incidents.append(incident.as_told(phase, now * SECOND, into))

    def _silences(self, incident: Episode, device: str, layout: Layout) -> bool:
        """Say whether an incident keeps a device from being heard."""
        if incident.cause is Cause.WATER:
            return False
        if device in incident.devices:
            return True
        number = self._sensors.device_number(device)
        if number is None:
            return False
        if incident.cause is Cause.GATEWAY:
            return self._sensors.gateways[number] == incident.source
        at = int(layout.home[number]) if number < len(layout.home) else -1
        if at < 0 or self._sensors.households[at] not in incident.affected:
            return False
        return incident.cause is Cause.RADIO or int(layout.meter[at]) == number

    def _affected(self, incident: Episode, layout: Layout) -> Positions:
        numbers = [self._sensors.household_number(name) for name in incident.affected]
        return np.array([at for at in numbers if at is not None and at < layout.homes], np.intp)

    def _numbers(self, devices: set[str], layout: Layout) -> Positions:
        numbers = [self._sensors.device_number(name) for name in devices]
        return np.array([at for at in numbers if at is not None and at < len(layout.home)], np.intp)
