"""What an incident explains is told once: findings about its homes and devices wait, and come if they outlast it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

import msgspec

from detectors.finding import Fact, Finding, Kind, Phase
from registry.instants import HOUR, SECOND

_SILENCES = frozenset({Kind.INACTIVITY, Kind.DROP})
EXPLAINED = _SILENCES | {Kind.OFFLINE}
"""Kinds of finding that an incident may explain."""
_GRACE = HOUR
"""How long after an incident a home gets to show that it was that."""

_Key = tuple[str, str, str, str, int]


class Reason(NamedTuple):
    """When the incident that explains a finding began and ended (None: it lasts), microseconds UTC, and its id."""

    begin: int
    end: int | None
    incident: UUID


class _Memory(msgspec.Struct):
    """What is remembered, as it is saved."""

    held: list[Finding] = []
    raised: list[Finding] = []
    withdrawn: list[Finding] = []
    again: list[tuple[Finding, int]] = []


# Made while the module is loaded: two threads that make msgspec look into a class at once crash the process.
_MEMORY = msgspec.json.Decoder(_Memory)


class Explained:
    """Holds back what an incident explains.

    A finding of a home's silence that began within the incident, and of a device that the incident keeps from
    being heard, is held. One that was told before the incident was recognised is withdrawn: its end is told, with
    the fact `reason` = `incident` and that one's id as `incident`. Whatever its own detector has not ended an hour
    after the incident (a device: its own limit after) is told after all, as of then.
    """

    def __init__(self) -> None:
        self._held: dict[_Key, Finding] = {}
        self._raised: dict[_Key, Finding] = {}
        self._withdrawn: dict[_Key, Finding] = {}
        self._again: dict[_Key, tuple[Finding, int]] = {}
        self._sifted_at = -1

    def sift(self, findings: Sequence[Finding], reason: Callable[[Finding], Reason | None], now: int) -> list[Finding]:
        """Return what of some findings is to be told at the moment `now`, and what has waited long enough."""
        told = [one for found in findings for one in self._sifted(found, reason, now)]
        if now != self._sifted_at:  # what explains them changes from look to look
            self._sifted_at = now
            told += self._released(reason, now)
            told += self._taken_back(reason, now)
        return told

    def _sifted(self, found: Finding, reason: Callable[[Finding], Reason | None], now: int) -> list[Finding]:
        if found.kind not in EXPLAINED:
            return [found]
        key = _key(found)
        if found.phase is Phase.CLEARED:
            self._raised.pop(key, None)
            if self._held.pop(key, None) or self._withdrawn.pop(key, None):
                return []
            _, onset = self._again.pop(key, (found, found.onset))
            return [replace(found, onset=onset)]
        if key in self._withdrawn:
            self._withdrawn[key] = found
            return []
        why = reason(found)
        if why is not None and not _over(found, why, now):
            self._held[key] = found
            return []
        if found.kind in _SILENCES:
            self._raised[key] = found
        return [found]

    def _released(self, reason: Callable[[Finding], Reason | None], now: int) -> list[Finding]:
        told = []
        for key, found in list(self._held.items()):
            why = reason(found)
            if why is None or _over(found, why, now):
                del self._held[key]
                if found.kind in _SILENCES:
                    self._raised[key] = found
                told.append(_as_of(found, found.onset, now))
        for key, found in list(self._withdrawn.items()):
            why = reason(found)
            if why is None or _over(found, why, now):
                # The end of its first telling is on record, so it begins anew where the incident ended.
                onset = why.end if why is not None and why.end is not None else now
                del self._withdrawn[key]
                self._again[key] = found, onset
                told.append(_as_of(found, onset, now))
        return told

    def _taken_back(self, reason: Callable[[Finding], Reason | None], now: int) -> list[Finding]:
        told = []
        for key, found in list(self._raised.items()):
            why = reason(found)
            if why is None or why.end is not None:
                continue
            del self._raised[key]
            self._withdrawn[key] = found
            facts: dict[str, Fact] = {"lasted": (now - found.onset) / SECOND, "reason": "incident"}
            facts["incident"] = str(why.incident)
            told.append(replace(found, phase=Phase.CLEARED, time=max(now, found.time), score=0.0, facts=facts))
        return told

    def state(self) -> bytes:
        """Return what is held, for `restore`."""
        return msgspec.json.encode(
            _Memory(
                list(self._held.values()),
                list(self._raised.values()),
                list(self._withdrawn.values()),
                list(self._again.values()),
            )
        )

    def restore(self, state: bytes) -> None:
        """Take what `state` returned."""
        memory = _MEMORY.decode(state)
        self._held = {_key(one): one for one in memory.held}
        self._raised = {_key(one): one for one in memory.raised}
        self._withdrawn = {_key(one): one for one in memory.withdrawn}
        self._again = {_key(one): (one, onset) for one, onset in memory.again}


def _key(found: Finding) -> _Key:
    return found.household, found.kind.value, found.rule, found.source, found.onset


def _over(found: Finding, why: Reason, now: int) -> bool:
    """Say whether an incident explains a finding no longer."""
    if why.end is None:
        return False
    # Its own allowance begins anew where the incident ends: only what comes after is the device's own silence.
    allowed = round(float(found.facts.get("limit", 0)) * SECOND) if found.kind is Kind.OFFLINE else 0
    return now >= why.end + max(allowed, _GRACE)


def _as_of(found: Finding, onset: int, now: int) -> Finding:
    time = max(now, found.time)
    facts = {**found.facts, "lasted": (time - found.onset) / SECOND} if "lasted" in found.facts else found.facts
    return replace(found, onset=onset, time=time, facts=facts)
