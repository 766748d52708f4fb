"""Do several signs of one household mean the same? Independent signs make one alarm, and a graver one.

A stage after all detectors: findings in, findings out, in the order in which they are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from detectors.columns.bank import StateError
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from registry.instants import HOUR, SECOND
from registry.readings import SensorTable

SIGNS: Mapping[Kind, str] = {
    Kind.TAP: "water", Kind.BURST: "water", Kind.APPLIANCE: "electricity", Kind.SURGE: "electricity",
    Kind.DROP: "electricity", Kind.COLD: "warmth",
}  # fmt: skip
"""Kinds that may tell of the same trouble as a silence does, and what is measured: two kinds of one are one sign.

Smoke never waits for others, a leak is a plumber's.
"""
_BESIDE_SILENCE = 12 * HOUR
_AMONG_SIGNS = 6 * HOUR


class _Sign(msgspec.Struct):
    """A condition that holds: as its detector raised it last, and as it was told."""

    said: Finding
    since: int
    """Event time at which it was first said, microseconds UTC."""
    onset: int
    """Its onset as it is told: its own, or when it came to stand by itself again."""
    told: Severity | None = None
    """The highest severity told under its own name, None while it was not."""
    into: str | None = None
    """The key of the alarm it joined, None while it stands by itself."""
    withdrawn: bool = False
    """Whether it was told under its own name before it joined another."""


class _Home(msgspec.Struct):
    """The silences and signs that hold in one household, in the order in which they were said."""

    silences: list[_Sign] = []
    signs: list[_Sign] = []

    def known(self, found: Finding) -> _Sign | None:
        """Return what is known of a finding's condition."""
        key = _key(found)
        return next((one for one in (*self.silences, *self.signs) if _key(one.said) == key), None)

    def joined(self, main: _Sign) -> list[_Sign]:
        """Return the signs that joined an alarm, in the order in which they were said."""
        return [one for one in self.signs if one.into == _key(main.said)]


# Made while the module is loaded: two threads that make msgspec look into a class at once crash the process.
_HOMES = msgspec.json.Decoder(dict[str, _Home])


class Fusion:
    """Counts independent signs within a window, and raises one alarm's severity by their number.

    - While an inactivity is raised, each sign of the same household that is said within 12 h of it, before or after,
      raises it by one severity; what one kind of meter says counts once.
    - Without one, each further sign of at least MEDIUM severity within 6 h of the first raises the first by one
      severity, to HIGH at most or as high as any of them.
    - A sign joins the alarm it raises: it is not told under its own name, or no longer (its end is told, with the fact
      `reason` = `joined`). One that can raise nothing any more, because the alarm is URGENT, stands by itself.
    - A sign whose condition ends no longer counts: somebody turned the tap off. When the alarm it joined ends and it
      still holds, it is told after all, as of then.
    - What happens in an outage is the outage's: signs in it are passed on as they are.

    Why counting is enough: a kind of sign that is false r times a household-year falls by chance into a window of w
    hours beside a given alarm with p = 1 − exp(−2·r·w / 8766). At r = 2 and w = 12 that is 0.5 %; the levels of
    inactivity are a factor of 3 to 4 apart (DESIGN §7: 12, 4, 1 and 0.4 a year), so that one level for each sign is
    less than the product of independent chances would allow (Fisher, Statistical Methods for Research Workers, §21.1:
    evidence of independent tests adds up in −2 ln p), and leaves room for signs that are not wholly independent, as
    a drop in electricity beside a silence.

    Findings are taken in the order in which they come, which for readings that come in their own order is that of
    `Finding.order`. Plain values for the few households in which something holds; nothing for the others.
    """

    name = "+fusion"
    """Its name in a snapshot; no rule can have it."""

    def __init__(self, sensors: SensorTable) -> None:
        self._sensors = sensors
        self._homes: dict[str, _Home] = {}

    def fuse(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return what is to be told, in `Finding.order`, of findings in that order."""
        told: list[Finding] = []
        for found in findings:
            if found.kind is not Kind.INACTIVITY and found.kind not in SIGNS:
                told.append(found)
                continue
            home = self._homes.setdefault(found.household, _Home())
            if found.phase is Phase.CLEARED:
                told += self._ended(home, found)
            elif found.kind is Kind.INACTIVITY:
                told += self._silence(home, found)
            else:
                told += self._sign(home, found)
            if not home.silences and not home.signs:
                del self._homes[found.household]
        return sorted(told, key=Finding.order)

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return msgspec.json.encode(self._homes)

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned; raises `StateError` where it is none."""
        try:
            self._homes = _HOMES.decode(state)
        except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
            raise StateError(f"a saved state of fusion cannot be read ({wrong}); start it empty") from wrong

    def _silence(self, home: _Home, found: Finding) -> list[Finding]:
        known, new = _met(home, found, home.silences)
        told: list[Finding] = []
        if new:
            for sign in home.signs:
                if abs(found.time - sign.since) <= _BESIDE_SILENCE and not self._out(sign):
                    told += _withdrawn(sign, found)
                    for one in (sign, *home.joined(sign)):
                        one.into = _key(found)
        return told + _tell(known, home.joined(known), found.time)

    def _sign(self, home: _Home, found: Finding) -> list[Finding]:
        known, new = _met(home, found, home.signs)
        if new and not self._out(known):
            main = self._main(home, known)
            known.into = None if main is None else _key(main.said)
        if known.into is None:
            return _tell(known, home.joined(known), found.time)
        main = next(one for one in (*home.silences, *home.signs) if _key(one.said) == known.into)
        others = [one for one in home.joined(main) if one is not known]
        louder = _tell(main, home.joined(main), found.time)
        if louder or not new or SIGNS[found.kind] in _independent(main, others):
            return louder
        known.into = None  # it is news, and the alarm cannot be any graver
        return _tell(known, (), found.time)

    def _ended(self, home: _Home, found: Finding) -> list[Finding]:
        known = home.known(found)
        if known is None:
            return [found]
        among = home.silences if known in home.silences else home.signs
        among.remove(known)
        told = [] if known.told is None else [replace(found, onset=known.onset, severity=known.told)]
        left = home.joined(known)  # they still hold, and what they had joined is over
        if left and home.silences:
            for sign in left:
                sign.into = _key(home.silences[0].said)
            return told + _tell(home.silences[0], home.joined(home.silences[0]), found.time)
        for sign in left:
            sign.into = None
            sign.onset = found.time if sign.withdrawn else sign.onset
            told += _tell(sign, (), found.time)
        return told

    def _main(self, home: _Home, sign: _Sign) -> _Sign | None:
        """Return the alarm that a new sign joins: the first silence of 12 h, or the first other sign of 6 h."""
        for silence in home.silences:
            if 0 <= sign.since - silence.since <= _BESIDE_SILENCE:
                return silence
        for other in home.signs:
            apart = other.into is None and SIGNS[other.said.kind] != SIGNS[sign.said.kind]
            grave = min(other.said.severity, sign.said.severity) >= Severity.MEDIUM
            if apart and grave and 0 <= sign.since - other.since <= _AMONG_SIGNS and not self._out(other):
                return other
        return None

    def _out(self, sign: _Sign) -> bool:
        """Say whether a sign began or was said in an outage."""
        number = self._sensors.household_number(sign.said.household)
        outages = () if number is None else self._sensors.outages.of(number)
        return any(begin <= sign.since and sign.said.onset < end for begin, end in outages)


def _met(home: _Home, found: Finding, among: list[_Sign]) -> tuple[_Sign, bool]:
    """Return what is known of a raised finding's condition by now, and whether it is new."""
    known = home.known(found)
    if known is None:
        known = _Sign(found, found.time, found.onset)
        among.append(known)
        return known, True
    if found.severity > known.said.severity:
        known.said = found
    return known, False


def _tell(sign: _Sign, beside: Sequence[_Sign], time: int) -> list[Finding]:
    """Return a condition as grave as it is with the signs beside it, if that is graver than was told."""
    gravest = max([sign.said.severity, *(one.said.severity for one in beside)])
    most = Severity.URGENT if sign.said.kind is Kind.INACTIVITY else Severity.HIGH
    severity = Severity(max(gravest, min(most, sign.said.severity + len(_independent(sign, beside)))))
    if sign.told is not None and severity <= sign.told:
        return []
    sign.told = severity
    facts: dict[str, Fact] = dict(sign.said.facts)
    if beside:
        longest = {one.said.kind.value: (time - one.said.onset) / SECOND for one in reversed(beside)}
        facts["signs"] = ",".join(dict.fromkeys(one.said.kind.value for one in beside))
        facts |= {f"{kind}_for": lasted for kind, lasted in longest.items()}
    return [replace(sign.said, onset=sign.onset, severity=severity, time=time, facts=facts)]


def _withdrawn(sign: _Sign, into: Finding) -> list[Finding]:
    """Return the end of a sign's own alarm, if it had one: from now on it is part of another."""
    if sign.told is None:
        return []
    end = max(into.time, sign.since)
    facts: dict[str, Fact] = {"lasted": (end - sign.onset) / SECOND, "reason": "joined", "into": into.kind.value}
    over = replace(
        sign.said, phase=Phase.CLEARED, onset=sign.onset, severity=sign.told, time=end, score=0.0, facts=facts
    )
    sign.told, sign.withdrawn = None, True
    return [over]


def _independent(sign: _Sign, beside: Iterable[_Sign]) -> set[str]:
    """Return what the signs beside one measured that it did not."""
    return {SIGNS[one.said.kind] for one in beside} - {SIGNS.get(sign.said.kind, "")}


def _key(found: Finding) -> str:
    return f"{found.kind.value} {found.rule} {found.source} {found.onset}"
