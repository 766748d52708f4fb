"""What both kinds of River rules share: a model for each subject, its open condition, and how they are saved."""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.columns.bank import NEVER, StateError, pack, unpack
from detectors.finding import Fact, Finding, Kind, Phase, Severity
from detectors.river_models.samples import Sample, Samples
from registry.instants import DAY, SECOND
from registry.readings import Observations


@dataclass(slots=True)
class Watch:
    """What is known of one subject: its model and scaler, since when, and what was said of it."""

    model: Any
    scaler: Any
    first: int
    learned: int = 0
    onset: int = NEVER
    times: int = 0

    @property
    def raised(self) -> bool:
        """Whether a condition is open."""
        return self.onset != NEVER

    def scaled(self, x: Mapping[str, float]) -> Mapping[str, float]:
        """Return features as the model is shown them, by what the scaler learned so far."""
        return x if self.scaler is None else self.scaler.transform_one(dict(x))


class RiverWatch(ABC):
    """A detector that looks at samples one by one; its subclasses say what there is to see."""

    def __init__(self, samples: Samples, name: str, about: str, kind: Kind, severity: Severity) -> None:
        self.name = name
        self._about = f"{about} {samples.about} {severity.label}"
        self._samples = samples
        self._kind = kind
        self._severity = severity
        self._watches: dict[int | str, Watch] = {}

    @abstractmethod
    def _begin(self, time: int) -> Watch: ...

    @abstractmethod
    def _look(self, watch: Watch, sample: Sample) -> Finding | None: ...

    def observe(self, batch: Observations) -> list[Finding]:
        """Look and learn, sample by sample."""
        findings = []
        for sample in self._samples.of(batch):
            watch = self._watches.get(sample.subject)
            if watch is None:
                watch = self._watches[sample.subject] = self._begin(sample.time)
            found = self._look(watch, sample)
            if found is not None:
                findings.append(found)
        return findings

    def tick(self, now: int) -> list[Finding]:
        """Nothing to say: only readings tell."""
        self._samples.tick(now)
        return []

    def snapshot(self) -> bytes:
        """Return the whole state; the models by pickle."""
        saved = pickle.dumps((self._watches, self._samples.state()))
        return pack(self._about, {"models": np.frombuffer(saved, np.uint8)})

    def restore(self, state: bytes) -> None:
        """Take a state that `snapshot` returned.

        It is unpickled, and whoever can write a pickle can run code: never give it bytes from anywhere but our own
        database, which nobody but this service may write.

        Raises:
            StateError: it is none, or River has changed the model's class since.
        """
        saved = unpack(state, self._about)
        try:
            watches, samples = pickle.loads(saved["models"].tobytes())  # noqa: S301 - written by `snapshot`
        except (pickle.UnpicklingError, AttributeError, ImportError, EOFError, TypeError, ValueError) as wrong:
            raise StateError(f"a saved model of `{self.name}` cannot be read by this River ({wrong})") from wrong
        self._watches = watches
        self._samples.take(samples)

    def _raise(self, watch: Watch, sample: Sample, onset: int, score: float, facts: Mapping[str, Fact]) -> Finding:
        days = (sample.time - watch.first) / DAY
        told = {**facts, "times": watch.times, "days": days}
        watch.onset = onset
        watch.times += 1
        return self._finding(sample, Phase.RAISED, onset, score, told)

    def _clear(self, watch: Watch, sample: Sample) -> Finding:
        onset, watch.onset = watch.onset, NEVER
        return self._finding(sample, Phase.CLEARED, onset, 0.0, {"lasted": (sample.time - onset) / SECOND})

    def _finding(
        self, sample: Sample, phase: Phase, onset: int, score: float, facts: Mapping[str, Fact]
    ) -> Finding:  # fmt: skip
        return Finding(
            household=self._samples.household(sample.subject),
            kind=self._kind,
            rule=self.name,
            source=self._samples.source(sample.subject),
            phase=phase,
            severity=self._severity,
            onset=onset,
            time=sample.time,
            score=score,
            facts=facts,
        )
