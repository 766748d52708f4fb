"""Whose turn it is when very many findings come at once: the gravest become alerts now, the others in slices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from detectors.finding import Finding, Kind, Severity


class Turns(NamedTuple):
    """What is taken at once, and what afterwards, slice by slice."""

    at_once: Sequence[Finding]
    later: Sequence[Sequence[Finding]]


def in_turn(findings: Iterable[Finding], most: int, *, behind: bool = False) -> Turns:
    """Say which findings are taken at once, and cut the others into slices of `most` or little more.

    Up to `most` are all taken at once, unless there are others they have to wait `behind`. Of more, only what is
    urgent is, or smoke. Whatever is told of one household's kind stays together, in `Finding.order`.
    """
    together: defaultdict[tuple[str, Kind], list[Finding]] = defaultdict(list)
    for one in sorted(findings, key=Finding.order):
        together[one.household, one.kind].append(one)
    groups = sorted(together.values(), key=_gravity, reverse=True)
    if not behind and sum(map(len, groups)) <= most:
        return Turns([one for group in groups for one in group], ())
    slices = list(_cut((group for group in groups if _urgent(group)), most))
    at_once, urgent = (slices[0], slices[1:]) if slices else ([], [])
    return Turns(at_once, [*urgent, *_cut((group for group in groups if not _urgent(group)), most)])


def _cut(groups: Iterable[Sequence[Finding]], most: int) -> Iterator[list[Finding]]:
    part: list[Finding] = []
    for group in groups:
        part.extend(group)
        if len(part) >= most:
            yield part
            part = []
    if part:
        yield part


def _urgent(group: Sequence[Finding]) -> bool:
    return any(one.kind is Kind.SMOKE or one.severity is Severity.URGENT for one in group)


def _gravity(group: Sequence[Finding]) -> tuple[bool, Severity]:
    return group[0].kind is Kind.SMOKE, max(one.severity for one in group)
