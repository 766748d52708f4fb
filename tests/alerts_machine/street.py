"""The street that the rules befall, and how they pick what to act upon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar, TypeVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from alerts.channels.choice import Channels
from alerts.channels.port import Channel, ChannelError, Receipt
from alerts.errors import AlertError
from alerts.ladders.policy import DEADLINES, Action, Do
from alerts.life.answers import SUPPORT
from alerts.messages.limits import Limits
from alerts.model import Notification, Status
from alerts.people import Medium
from alerts.storms.storm import Limits as StormLimits
from alerts.tasks.cap import Cap
from detectors.finding import Finding, Kind, Severity
from tests.alerts_machine.ledger import Ledger
from tests.alerts_world import ANSWER_FOR, EMPTY, HOME, MUTE, NEIGHBOURS, PLACES, World, finding

_T = TypeVar("_T")
HOUSEHOLDS = st.sampled_from([HOME, HOME, HOME, MUTE, EMPTY])
KINDS = st.sampled_from([*[Kind.INACTIVITY, Kind.SMOKE, Kind.LEAK, Kind.OFFLINE] * 4, *Kind])
SEVERITIES = st.sampled_from(Severity)
ACTORS = st.sampled_from(["token:desk", "person:wang", "person:zhao"])
PICK = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5, 8])
PROVIDER = "provider"
_NOT_CLIMBING = DEADLINES | {Do.SETTLE, Do.TELL, Do.FOLLOW_UP}
_NOBODY_GOES = Action(Do.CALL, who="on_call", message="refused")
"""What tells whoever is on call that all have refused a task, whoever holds the alert."""


class Provider:
    """A channel that tells later what became of a message, or never does."""

    name = PROVIDER
    media = frozenset({Medium.SMS, Medium.CALL})

    def send(self, notification: Notification, now: int) -> Receipt:  # noqa: ARG002 - the port's own
        return Receipt(str(notification.id), final=False)


class Fickle:
    """A channel that fails when told to."""

    def __init__(self, inner: Channel, broken: Callable[[], ChannelError | None]) -> None:
        self.name = inner.name
        self.media = inner.media
        self._inner = inner
        self._broken = broken

    def send(self, notification: Notification, now: int) -> Receipt:
        error = self._broken()
        if error is not None:
            raise error
        return self._inner.send(notification, now)


class Street(RuleBasedStateMachine):
    """Three households, the people around them and their telephones."""

    met: ClassVar[Counter[str]] = Counter()
    """What all runs together have met."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Ledger(dict(PLACES), dict(NEIGHBOURS), answers_for=dict(ANSWER_FOR))
        # The home without telephones is one whose life hangs on the supply.
        self.book.places[MUTE] = replace(PLACES[MUTE], dependent=True)
        self.broken: ChannelError | None = None
        self.told: list[Finding] = []

        def leaves(household: str, start: int, end: int) -> None:
            self.book.absences.append((household, start, end))

        def works(household: str, start: int, end: int) -> None:
            self.book.work_announced.append((household, start, end))

        self.world = World(self.book.opened, self.book, reads=self.book.newest.__setitem__, leaves=leaves, works=works)
        self.world.cap = Cap(per_1000=0, fewest=1)

    @initialize(kind=KINDS, severity=SEVERITIES, afar=st.booleans(), few=st.booleans(), calm=st.booleans())
    def something_is_wrong(self, *, kind: Kind, severity: Severity, afar: bool, few: bool, calm: bool) -> None:
        """Begin with one alert.

        People have simulated telephones, or a provider reaches them from `afar`; `few` messages are allowed or the
        usual number; it takes two alerts at once for a storm or, in a `calm` street, many.
        """
        self.world.channels = {one.name: Fickle(one, lambda: self.broken) for one in self._channels(afar=afar)}
        self.world.choice = Channels.of(self.world.channels)
        self.world.limits = Limits(texts=1, calls=1) if few else Limits()
        self.world.storms = StormLimits() if calm else StormLimits(fewest=1, share=0.0, a_minute=1)
        self.raise_it(finding(kind, at=self.world.now, onset=self.world.now, source="a/volume", severity=severity))
        self.world.run()

    def teardown(self) -> None:
        Street.met += self.book.met

    def raise_it(self, *findings: Finding) -> None:
        self.told += findings
        self.world.take(*findings)

    def newest_alert(self, pick: int) -> UUID | None:
        alerts = list(self.book.by_id)
        return newest(alerts, pick) if alerts else None

    def climbing(self, alert: UUID) -> list[Do]:
        """Return what is pending of an alert that wakes somebody by itself: no reminder, no word, nothing asked for."""
        return [
            step.action.do
            for step in self.book.pending(alert)
            if step.action.do not in _NOT_CLIMBING and step.action not in (SUPPORT, _NOBODY_GOES)
        ]

    def closed(self) -> set[UUID]:
        return {one.id for one in self.book.by_id.values() if one.status is Status.CLOSED}

    def attempt(self, command: Callable[[], object]) -> bool:
        """Do what the desk may refuse, and say whether it did it; a refusal changes nothing."""
        before = self.book.writes
        try:
            command()
        except AlertError:
            assert self.book.writes == before, "a refusal changes nothing"
            self.book.met["refusal"] += 1
            return False
        return True

    def _channels(self, *, afar: bool) -> Sequence[Channel]:
        handset = self.world.channels["handset"]
        return (Provider(), handset) if afar else (handset,)


def newest(things: Sequence[_T], pick: int) -> _T:
    """Return one of them, most often of the last few: that is where the action is."""
    return things[-1 - pick % len(things)]
