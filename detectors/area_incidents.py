"""Did one cause silence many homes at once? Then it is one incident of an area, and nobody's own emergency."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.area_evidence import LOOK, Evidence, Layout, Signs
from detectors.bank import pack, unpack
from detectors.explained import Explained, Reason
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from detectors.incident import Cause, Incident
from detectors.protocol import Detector
from detectors.rule import Count, Rule, Share
from detectors.runs import Mask, Positions
from registry.instants import DAY, HOUR, MINUTE, SECOND
from registry.readings import Observations, SensorTable

_MOOD = math.e
_RAREST = 0.005
_SHARES = {Cause.POWER: 0.8, Cause.RADIO: 0.9, Cause.WATER: 0.95}
_WATER_BACK = 0.2
_QUIET_LOOKS = 2 * 3600
_SPARSE = 6 * 3600
_LONGEST_LOOK = 3 * 86_400
_REMEMBERED = 8 * DAY
_FREEZES = frozenset({Cause.POWER, Cause.WATER})
_AT_ONCE = 30 * MINUTE
_DROP_REACH = 6 * HOUR
_MOST_YEARS = 1000 * 365.25 * 86_400.0
_Floats = NDArray[np.float64]


class _Open(msgspec.Struct):
    """An incident that lasts, or did lately; homes and devices by name, since their numbers are those of a process.

    `affected` are the homes that show it, `devices` those that were silent when it was recognised, `frozen` the
    homes whose evidence it takes away, `called` those who depend on the supply and the onset they were told with.
    """

    cause: Cause
    origin: str
    area: str
    source: str
    onset: int
    time: int
    of: int
    by_chance: float
    affected: list[str]
    devices: list[str]
    frozen: list[str] = []
    called: dict[str, int] = {}
    told: int = 0
    end: int | None = None

    def covers(self, area: str) -> bool:
        """Say whether an area lies within this incident's."""
        return self.cause is not Cause.GATEWAY and bool(self.area) and area.startswith(self.area)


class _Candidate(NamedTuple):
    """What was found: where, at whom, since when (microseconds), of how many, and a bound of its chance (ln)."""

    cause: Cause
    area: str
    source: str
    homes: Positions
    devices: Positions
    onset: int
    of: int
    ln_chance: float


class _Memory(msgspec.Struct):
    """What is not in columns, as it is saved."""

    looked: int
    newest: int
    open: list[_Open]
    past: list[_Open]
    waiting: list[tuple[Cause, str, int]]
    outages: dict[str, list[tuple[int, int]]]


class AreaIncidents:
    """Looks every five minutes whether the homes of an area (every ten, a gateway's devices) fell silent together.

    With n homes of which a sign is known, k that show it and the mean p of their own chances to show it, the
    chance that k or more do is at most exp(-n KL(k/n | p)) (Hoeffding 1963, theorem 1: no sum of independent
    signs with that mean has a heavier tail). Before, every home's odds are multiplied by e: a holiday or the
    weather moves all homes at once and is no incident. An incident needs at least `homes` homes, four fifths of
    them (of devices 9 in 10, of homes without water 19 in 20), that bound below `chance` over all areas and causes
    looked at, and the same at two looks. Its area is the smallest around all that are affected; where it grows
    beyond that, the incident grows. Its onset is when nearly all (95 %) of the affected were last as usual.

    A gateway is silent when nobody behind it was heard since and the product of its devices' chances, one factor
    for every usual gap they let pass, is below the same bound. An incident ends when a majority is back; without
    water, when a fifth draws some again, which nobody can in a cut.

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
        self._ln_chance = math.log(chance)
        self._evidence = Evidence(sensors, known_after)
        self._explained = Explained()
        self._layout = Layout.of(sensors)
        self._read: tuple[Any, ...] = ()
        self._looked = self._newest = 0
        self._open: list[_Open] = []
        self._past: list[_Open] = []
        self._waiting: dict[tuple[Cause, str], int] = {}
        self._findings: list[Finding] = []
        self._incidents: list[Incident] = []

    def observe(self, batch: Observations) -> list[Finding]:
        """Take note of who was heard; look whenever a look was due before a row was received."""
        if len(batch):
            received = batch.received // SECOND
            if received.min() // LOOK == received.max() // LOOK:
                self._hear(batch, received, slice(None))
            else:
                look = received // LOOK
                for each in np.unique(look):
                    self._hear(batch, received, look == each)
        return self._told()

    def tick(self, now: int) -> list[Finding]:
        """Look whenever a look was due by `now`."""
        self._look_until(now // SECOND)
        return self._told()

    def incidents(self) -> list[Incident]:
        """Return what began, grew or ended since the last call, in that order."""
        told, self._incidents = self._incidents, []
        return told

    def explain_away(self, findings: Sequence[Finding]) -> list[Finding]:
        """Return those of all detectors' findings that no incident explains, and those that outlasted one."""
        return self._explained.sift(findings, self._reason, self._looked * SECOND)

    def deaf(self, since: int, until: int) -> None:
        """Excuse everybody for the time in which the service itself could hear nobody; see `Offline.deaf`."""
        self._evidence.excuse((until - since) // SECOND)
        if self._looked:
            self._looked = max(self._looked, until // SECOND // LOOK * LOOK)

    def _told(self) -> list[Finding]:
        told, self._findings = self._findings, []
        return told

    def _hear(self, batch: Observations, received: NDArray[np.int64], rows: Mask | slice) -> None:
        self._look_until(int(received[rows].min()))
        self._newest = max(self._newest, int(received[rows].max()))
        self._evidence.hear(batch, received, rows, self._looked)

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
        evidence = self._evidence
        silence = evidence.silence(now)
        darkness = evidence.darkness(silence, layout)
        self._follow(now, layout, darkness)
        found = self._gather(Cause.POWER, layout, darkness)
        if now % (2 * LOOK) == 0:  # there is time for what only a technician can mend
            found += self._gather(Cause.RADIO, layout, silence)
            found += self._gateways(layout, silence, now)
        if now % 900 == 0:
            dryness = evidence.dryness(now, layout.homes)
            found += self._gather(Cause.WATER, layout, dryness)
            if now % 3600 == 0:
                evidence.learn_hour(now, dryness, self._numbers(Cause.WATER))
        for one in found:
            self._take(one, now, layout)
        evidence.learn("chance", silence, self._devices())
        evidence.learn("dark", darkness, self._numbers(Cause.POWER))
        self._past = [one for one in self._past if (one.end or 0) > now * SECOND - _REMEMBERED]

    def _laid_out(self, now: int) -> Layout:
        sensors = self._sensors
        read = (int(np.count_nonzero(sensors.quantity)), len(sensors.devices), len(sensors.households))
        if self._read[:3] == read and now % 3600:
            return self._layout
        names = (sensors.areas, sensors.gateways, sensors.places)
        if self._read[:3] != read or self._read[3:] != names:
            self._layout = Layout.of(sensors)
            self._read = (*read, *(list(one) for one in names))
        return self._layout

    def _gather(self, cause: Cause, layout: Layout, signs: Signs) -> list[_Candidate]:
        """Return the areas in which a sign is beyond chance now and was at the look before."""
        tree = layout.tree
        waiting = {key: looks for key, looks in self._waiting.items() if key[0] is cause}
        for key in waiting:
            del self._waiting[key]
        home = layout.home if cause is Cause.RADIO else np.arange(layout.homes)
        leaf = tree.leaf[layout.home] if cause is Cause.RADIO else tree.leaf
        shown = np.flatnonzero(signs.shown)
        k = tree.total(leaf[shown])
        if k.max(initial=0) < self._least:
            return []
        known = np.flatnonzero(signs.known)
        n = tree.total(leaf[known])
        many = (k >= self._least) & (k >= _SHARES[cause] * n)
        if not many.any():
            return []
        p = tree.total(leaf[known], _swayed(signs.chance[known])) / np.maximum(n, 1)
        tests = len(tree.codes) * len(Cause) + len(layout.gateways)
        bound = _tail(n, k, p)
        beyond = many & (bound + math.log(tests) < self._ln_chance)
        found = []
        for at in tree.tops(beyond):
            area = tree.narrowed(at, k)
            looks = waiting.get((cause, tree.codes[area]), 0) + 1
            self._waiting[cause, tree.codes[area]] = looks
            inside = shown[tree.holds(area, home[shown])]
            homes = np.unique(home[inside])
            if len(homes) < self._least or (looks < 2 and cause is not Cause.WATER):
                continue
            if cause is Cause.RADIO and len(np.unique(layout.gateway[inside])) == 1 and layout.gateway[inside[0]] >= 0:
                continue  # one gateway: that is told as such
            of = len(np.unique(home[known[tree.holds(area, home[known])]])) if cause is Cause.RADIO else int(n[area])
            devices = inside if cause is Cause.RADIO else layout.meter[:0]
            onset = _last_usual(self._usual(cause, inside))
            found.append(
                _Candidate(cause, tree.codes[area], "", homes, devices, onset, of, float(bound[at] + math.log(tests)))
            )
        return found

    def _usual(self, cause: Cause, shown: Positions) -> NDArray[Any]:
        """Return when each of those affected was last as usual, seconds."""
        evidence = self._evidence
        if cause is Cause.RADIO:
            return evidence.devices["heard"][shown]
        column: NDArray[Any] = evidence.homes["lit" if cause is Cause.POWER else "drawn"][shown]
        return column

    def _gateways(self, layout: Layout, silence: Signs, now: int) -> list[_Candidate]:
        """Return the gateways of which nothing is heard any more."""
        waiting = {area: looks for (cause, area), looks in self._waiting.items() if cause is Cause.GATEWAY}
        for source in waiting:
            del self._waiting[Cause.GATEWAY, source]
        if not len(layout.devices) or not silence.shown.any():
            return []
        devices, first = layout.devices, layout.first
        which = layout.gateway[devices]
        heard = self._evidence.heard()
        latest = np.maximum.reduceat(heard[devices], first)
        shown = np.add.reduceat(silence.shown[devices].astype(np.int64), first)
        known = np.add.reduceat(silence.known[devices].astype(np.int64), first)
        likely = (known >= 2) & (shown >= 0.9 * known)
        if not likely.any():
            return []
        missed = self._evidence.missed(latest[layout.gateway], now)[devices]
        ln = np.where(silence.known[devices], missed * np.log(_swayed(silence.chance[devices])), 0.0)
        tests = math.log(len(layout.tree.codes) * len(Cause) + len(layout.gateways))
        bound = np.add.reduceat(ln, first) + tests
        found = []
        for at in np.flatnonzero(likely & (bound < self._ln_chance)):
            source = layout.gateways[int(at)]
            looks = waiting.get(source, 0) + 1
            self._waiting[Cause.GATEWAY, source] = looks
            if looks < 2:  # a whole area may be silent: that is seen a look later
                continue
            own = devices[which == at]
            homes = np.unique(layout.home[own])
            silent = own[silence.shown[own]]
            area = layout.tree.common(homes)
            onset = int(latest[at]) * SECOND
            found.append(_Candidate(Cause.GATEWAY, area, source, homes, silent, onset, len(homes), float(bound[at])))
        return found

    def _take(self, one: _Candidate, now: int, layout: Layout) -> None:
        """Begin an incident, or let one grow that is known in part."""
        if any(self._explains(known, one) for known in self._open):
            return
        parts = [known for known in self._open if _part_of(known, one)]
        same = [known for known in parts if known.cause is one.cause]
        incident = min(same, key=lambda known: (known.onset, known.area)) if same else None
        by_chance = min(LOOK / math.exp(max(one.ln_chance, -600.0)), _MOST_YEARS)
        if incident is None:
            incident = _Open(
                one.cause, one.area, one.area, one.source, one.onset, now * SECOND, one.of, by_chance, [],
                [self._sensors.devices[at] for at in one.devices],
            )  # fmt: skip
            self._open.append(incident)
        incident.area, incident.of, incident.by_chance = one.area, one.of, by_chance
        for part in parts:
            if part is not incident:
                incident.called = {**part.called, **incident.called}
                incident.devices = sorted({*incident.devices, *part.devices})
                self._close(part, now, into=incident)
        self._spread(incident, one.homes, layout)
        self._say(incident, Phase.RAISED, now)

    def _explains(self, known: _Open, one: _Candidate) -> bool:
        if known.cause is one.cause is Cause.GATEWAY:
            return known.source == one.source
        if one.cause is Cause.GATEWAY:
            return known.covers(one.area) and known.cause in (Cause.POWER, Cause.RADIO)
        return known.covers(one.area) and known.cause in (one.cause, Cause.POWER)

    def _spread(self, incident: _Open, homes: Positions, layout: Layout) -> None:
        """Add homes to those affected; freeze them and those of the area of which nothing else is known."""
        names = self._sensors.households
        incident.affected = sorted({*incident.affected, *(names[at] for at in homes)})
        if incident.cause is Cause.GATEWAY:
            return
        held = {names[at] for at in homes}
        if incident.area:
            held |= {names[at] for at in self._unknown(incident, layout)}
        for name in sorted(held - set(incident.frozen)):
            number = self._sensors.household_number(name)
            if number is None:
                continue
            incident.frozen.append(name)
            if incident.cause in _FREEZES:
                self._sensors.outages.add(number, incident.onset)
            if number in self._sensors.dependent and name not in incident.called:
                incident.called[name] = incident.onset
                self._findings.append(self._call(incident, name, Phase.RAISED, self._looked * SECOND))

    def _unknown(self, incident: _Open, layout: Layout) -> Positions:
        """Return the homes of an incident's area that tell neither way."""
        silence = self._evidence.silence(self._looked)
        signs = self._evidence.darkness(silence, layout)
        if incident.cause is Cause.WATER:
            signs = self._evidence.dryness(self._looked, layout.homes)
        elif incident.cause is Cause.RADIO:
            return np.empty(0, np.intp)
        everybody = np.flatnonzero(~signs.known)
        return everybody[layout.tree.holds(layout.tree.codes.index(incident.area), everybody)]

    def _follow(self, now: int, layout: Layout, darkness: Signs) -> None:
        """See who joined an incident, and whether it is over."""
        for incident in list(self._open):
            if self._over(incident, darkness):
                self._close(incident, now)
                continue
            if incident.cause is Cause.POWER and incident.area in layout.tree.codes:
                shown = np.flatnonzero(darkness.shown)
                shown = shown[layout.tree.holds(layout.tree.codes.index(incident.area), shown)]
                self._spread(incident, shown, layout)
                incident.of = max(incident.of, len(incident.affected))
            if len(incident.affected) >= 1.1 * incident.told + 1:
                self._say(incident, Phase.RAISED, now)

    def _over(self, incident: _Open, darkness: Signs) -> bool:
        evidence = self._evidence
        if incident.cause in (Cause.GATEWAY, Cause.RADIO):
            wanted = set(incident.devices)
            devices = np.array([at for at, name in enumerate(self._sensors.devices) if name in wanted], np.intp)
            heard = evidence.heard()[devices] > incident.time // SECOND
            return not len(devices) or 2 * int(heard.sum()) >= len(devices)
        homes = self._homes(incident)
        if incident.cause is Cause.POWER:
            homes = homes[darkness.known[homes]]
            return bool(len(homes)) and 2 * int((~darkness.shown[homes]).sum()) >= len(homes)
        drawn = evidence.homes["drawn"][homes] > incident.onset // SECOND + 600
        return not len(homes) or int(drawn.sum()) >= max(2, _WATER_BACK * len(homes))

    def _close(self, incident: _Open, now: int, into: _Open | None = None) -> None:
        incident.end = now * SECOND
        self._open.remove(incident)
        self._past.append(incident)
        still = {name for one in self._open for name in one.frozen if one.cause in _FREEZES}
        for name in incident.frozen:
            number = self._sensors.household_number(name)
            if number is not None and name not in still and into is None:
                self._sensors.outages.end(number, incident.end)
        if into is None:
            self._findings += [self._call(incident, name, Phase.CLEARED, incident.end) for name in incident.called]
        self._say(incident, Phase.CLEARED, now, into)

    def _say(self, incident: _Open, phase: Phase, now: int, into: _Open | None = None) -> None:
        incident.told = len(incident.affected)
        facts: dict[str, Fact] = {
            "template": f"incident_{incident.cause.value}",
            "homes": len(incident.affected),
            "of": max(incident.of, len(incident.affected)),
            "since_at": incident.onset,
            "devices": len(incident.devices),
            "by_chance": incident.by_chance,
            "lasted": (now * SECOND - incident.onset) / SECOND,
        }
        if incident.source:
            facts["gateway"] = incident.source
        if into is not None:
            facts["into"] = str(_told_as(into, phase, 0, {}).id)
        self._incidents.append(_told_as(incident, phase, now * SECOND, facts))

    def _call(self, incident: _Open, household: str, phase: Phase, time: int) -> Finding:
        onset = incident.called[household]
        facts: dict[str, Fact] = {"lasted": (time - onset) / SECOND}
        if phase is Phase.RAISED:
            facts |= {
                "template": f"outage_{incident.cause.value}",
                "homes": len(incident.affected),
                "of": max(incident.of, len(incident.affected)),
                "since_at": onset,
                "by_chance": incident.by_chance,
            }
        score = 1.0 if phase is Phase.RAISED else 0.0
        return Finding(
            household, Kind.OUTAGE, self.name, incident.cause.value, phase, Severity.HIGH, onset, time, score, facts
        )

    def _reason(self, found: Finding) -> Reason | None:
        """Return the incident that explains a finding; one that lasts before one that is over."""
        for one in (*self._open, *reversed(self._past)):
            if found.kind is Kind.OFFLINE:
                concerned = found.onset <= (one.end or found.onset) and self._silences(one, found.source)
            else:
                reach = _DROP_REACH if found.kind is Kind.DROP else 0
                began = one.onset - reach <= found.onset < (one.end or found.onset + 1)
                concerned = one.cause in _FREEZES and began and found.household in one.frozen
            if concerned and found.time >= one.onset:
                return Reason(one.onset, one.end)
        return None

    def _silences(self, incident: _Open, device: str) -> bool:
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
        at = int(self._layout.home[number]) if number < len(self._layout.home) else -1
        if at < 0 or self._sensors.households[at] not in incident.affected:
            return False
        return incident.cause is Cause.RADIO or int(self._layout.meter[at]) == number

    def _homes(self, incident: _Open) -> Positions:
        numbers = [self._sensors.household_number(name) for name in incident.affected]
        return np.array([at for at in numbers if at is not None and at < self._layout.homes], np.intp)

    def _numbers(self, cause: Cause) -> Positions:
        return np.concatenate([np.empty(0, np.intp), *(self._homes(one) for one in self._open if one.cause is cause)])

    def _devices(self) -> Positions:
        silent = {name for one in self._open for name in one.devices}
        affected = self._numbers(Cause.POWER)
        meters = self._layout.meter[affected]
        if not silent:
            return meters
        named = [at for at, name in enumerate(self._sensors.devices) if name in silent and at < len(self._layout.home)]
        return np.concatenate([meters, np.array(named, np.intp)])

    def snapshot(self) -> bytes:
        """Return the whole state; homes and devices by name, since their numbers are those of one process."""
        sensors, evidence = self._sensors, self._evidence
        evidence.devices.reach(len(sensors.devices))
        evidence.homes.reach(len(sensors.households))
        outages = {sensors.households[at]: spans for at, spans in sensors.outages.state().items() if spans}
        waiting = [(*key, looks) for key, looks in self._waiting.items()]
        memory = _Memory(self._looked, self._newest, self._open, self._past, waiting, outages)
        return pack(
            self._about,
            {
                **evidence.devices.saved(len(sensors.devices)),
                "devices": _lines(sensors.devices),
                **evidence.homes.saved(len(sensors.households)),
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
        sensors, evidence = self._sensors, self._evidence
        for columns, names, known in (
            (evidence.devices, saved["devices"], sensors.devices),
            (evidence.homes, saved["homes"], sensors.households),
        ):
            number = {name: at for at, name in enumerate(known)}
            lines = bytes(names).decode().split("\n") if len(names) else []
            columns.place(saved, np.array([number.get(name, -1) for name in lines], np.intp), len(known))
        memory = msgspec.json.decode(bytes(saved["memory"]), type=_Memory)
        self._looked, self._newest = memory.looked, memory.newest
        self._open, self._past = memory.open, memory.past
        self._waiting = {(cause, area): looks for cause, area, looks in memory.waiting}
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


def _swayed(chance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return chances with their odds multiplied by e."""
    least = np.maximum(chance, np.float32(_RAREST))
    swayed: NDArray[np.float32] = least * np.float32(_MOOD) / (1 + least * np.float32(_MOOD - 1))
    return swayed


def _tail(n: _Floats, k: _Floats, p: _Floats) -> _Floats:
    """Return a bound of ln P(k or more of n show a sign whose mean chance is p)."""
    share = k / np.maximum(n, 1)
    p = p.clip(1e-9, 1 - 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - p)), 0.0)
        bound: _Floats = -n * (np.where(share > 0, share * np.log(share / p), 0.0) + rest)
    return np.where(share > p, bound, 0.0)


def _last_usual(seconds: NDArray[Any]) -> int:
    """Return the moment (microseconds) by which 95 % of the affected had been as usual for the last time."""
    at = min(len(seconds) - 1, round(0.95 * (len(seconds) - 1)))
    return int(np.partition(seconds.astype(np.int64), at)[at]) * SECOND


def _part_of(known: _Open, one: _Candidate) -> bool:
    """Say whether an incident is what was found, as far as it was seen before."""
    if known.cause is Cause.GATEWAY:
        near = abs(known.onset - one.onset) <= _AT_ONCE
        return one.cause in (Cause.RADIO, Cause.POWER) and near and known.area.startswith(one.area) and bool(one.area)
    return known.cause is one.cause and known.area.startswith(one.area)


def _told_as(incident: _Open, phase: Phase, time: int, facts: dict[str, Fact]) -> Incident:
    homes = len(incident.affected)
    return Incident(
        incident.cause, incident.area, incident.source, phase, incident.onset, time, homes,
        max(incident.of, homes), incident.origin, facts,
    )  # fmt: skip


def _lines(names: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(names).encode(), np.uint8)
