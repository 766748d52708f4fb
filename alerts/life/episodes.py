"""What an alert is: an episode of one kind in one household, from the first finding to the end of the last source.

The stored alerts of `alerts.life.lifecycle` follow the same episodes; this is their bare meaning, without people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from alerts.life.lifecycle import source_of
from alerts.model import episode_id
from detectors.finding import Fact, Finding, Kind, Phase, Severity


@dataclass(frozen=True, slots=True)
class Rung:
    """A severity that an episode reached: when (microseconds UTC), by which rule, at which false-alarm rate.

    `rate` is what the rule was asked for in false alarms a household-year, None of rules that know no rate.
    """

    severity: Severity
    raised_at: int
    rule: str
    rate: float | None


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode. `onset`, `raised_at`, `ended_at` are microseconds UTC; `ended_at` is None while it is open.

    `rule`, `score` and `facts` are those of the finding that opened it; `levels` are the severities it reached,
    ascending; `sources` holds the onset of whatever still reports the condition, and is empty once it has ended.
    """

    id: UUID
    household: str
    kind: Kind
    rule: str
    severity: Severity
    onset: int
    raised_at: int
    ended_at: int | None
    score: float
    facts: Mapping[str, Fact]
    sources: Mapping[str, int]
    levels: tuple[Rung, ...]


def follow(episode: Episode | None, finding: Finding, *, again: int = 0) -> Episode | None:
    """Return what becomes of a household's open episode of a kind (None: there is none) after a finding.

    A raised finding opens an episode or joins it: severity rises, never falls. A cleared one takes its source
    away, and the episode ends with its last. Saying a thing twice changes nothing. `again` counts ended
    episodes of the very same onset, as two rules may cause them.
    """
    source = source_of(finding)
    if finding.phase is Phase.RAISED:
        if episode is not None:
            episode = replace(episode, sources={**episode.sources, source: finding.onset})
            if finding.severity > episode.severity:
                episode = replace(episode, severity=finding.severity, levels=(*episode.levels, _rung(finding)))
            return episode
        return Episode(
            id=episode_id(finding.household, finding.kind, finding.onset, again),
            household=finding.household,
            kind=finding.kind,
            rule=finding.rule,
            severity=finding.severity,
            onset=finding.onset,
            raised_at=finding.time,
            ended_at=None,
            score=finding.score,
            facts=finding.facts,
            sources={source: finding.onset},
            levels=(_rung(finding),),
        )
    if episode is None or episode.sources.get(source) != finding.onset:
        return episode
    left = {name: onset for name, onset in episode.sources.items() if name != source}
    return replace(episode, sources=left, ended_at=None if left else finding.time)


def _rung(finding: Finding) -> Rung:
    rate = finding.facts.get("rate")
    known = None if rate is None or isinstance(rate, str) else float(rate)
    return Rung(finding.severity, finding.time, finding.rule, known)


def fold(findings: Iterable[Finding]) -> list[Episode]:
    """Return the episodes of findings told in order, in the order in which they were opened."""
    episodes: list[Episode] = []
    open_at: dict[tuple[str, Kind], int] = {}
    ended: dict[tuple[str, Kind, int], int] = {}
    for finding in findings:
        key = (finding.household, finding.kind)
        at = open_at.get(key)
        again = ended.get((*key, finding.onset), 0)
        episode = follow(None if at is None else episodes[at], finding, again=again)
        if episode is None:
            continue
        if at is None:
            open_at[key] = len(episodes)
            episodes.append(episode)
        else:
            episodes[at] = episode
        if episode.ended_at is not None:
            del open_at[key]
            ended[*key, episode.onset] = ended.get((*key, episode.onset), 0) + 1
    return episodes
