"""What becomes of a batch, and of a look at the clock: it is judged, and then it is committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from detectors.finding import Finding
from detectors.incident import Incident
from detectors.registers import Interpreted
from ingest.validation import Refusal, Tally
from registry.readings import ReadingBatch


@dataclass(slots=True)
class Outcome:
    """What became of a batch."""

    readings: int = 0
    stored: int = 0
    refused: int = 0
    findings: list[Finding] = field(default_factory=list)
    tallies: Sequence[Tally] = ()
    """Per message: readings accepted, records refused."""
    due: bool = False
    """Of a look at the clock: whether something waits for which nothing else may be under way."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the detectors say that is not committed yet: of a batch judged at `now`, counted as `heard` then."""

    now: datetime
    heard: datetime
    batch: ReadingBatch
    interpreted: Interpreted
    findings: list[Finding]
    incidents: Sequence[Incident]
    refusals: Sequence[Refusal] = ()
    tallies: Sequence[Tally] = ()
    look: bool = False
    """Whether this is what a look at the clock showed, and no batch."""
