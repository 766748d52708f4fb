"""The values of an alert's life: alerts, their timeline, steps, messages and tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID, uuid5

from alerts.ladders.policy import Action, Policy
from alerts.people import Medium, Role
from detectors.finding import Fact, Kind, Severity

_NAMESPACE = UUID("8f0a3c52-6d0e-5c1e-9a43-0d2b6c7e51f4")

SYSTEM = "system"
"""The actor of what nobody did; others are `person:ID`, `account:NAME`, `token:NAME` and `sensor:DEVICE/QUANTITY`."""


class Status(StrEnum):
    """The states of ISA-18.2, as DESIGN §3 names them."""

    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"  # the condition ended; nobody has written down yet what it was
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    CLOSED = "closed"


class Suppression(StrEnum):
    """Why an alert wakes nobody."""

    BACKLOG = "backlog"  # it came late, and may be over already
    ABSENCE = "absence"  # the household is known to be away
    CAP = "cap"  # as many visits as the daily limit allows were asked for, by stronger alerts
    STORM = "storm"  # many of its kind opened in its area within minutes: one call list stands for them
    MAINTENANCE = "maintenance"  # announced work explains it

    @property
    def unheard(self) -> bool:
        """Whether such an alert was kept quiet before it woke anybody."""
        return self in (Suppression.BACKLOG, Suppression.ABSENCE)


class Outcome(StrEnum):
    """What was found."""

    FOUND_WELL = "found_well"
    FALSE_ALARM = "false_alarm"
    HELPED = "helped"
    EMERGENCY_SERVICES = "emergency_services"
    NOT_AT_HOME = "not_at_home"
    COULD_NOT_ENTER = "could_not_enter"
    OVER_BEFORE_ARRIVAL = "over_before_arrival"  # the system's own: nobody was woken
    ENDED_BY_ITSELF = "ended_by_itself"  # the system's own: its ladder had nobody to disturb
    PART_OF_ANOTHER = "part_of_another"  # the system's own: an incident, or a graver alert, tells of it
    RESIDENT_FINE = "resident_fine"
    OTHER = "other"


NOBODY_SEEN = frozenset({Outcome.NOT_AT_HOME, Outcome.COULD_NOT_ENTER})
"""Outcomes after which nobody knows yet how the resident is; they close nothing."""
SYSTEMS_OWN = frozenset({Outcome.OVER_BEFORE_ARRIVAL, Outcome.ENDED_BY_ITSELF, Outcome.PART_OF_ANOTHER})
"""Outcomes that no person may record."""


class FalseAlarm(StrEnum):
    """Why there was nothing behind an alarm (`Outcome.FALSE_ALARM`)."""

    AT_HOME_NOT_USING = "at_home_not_using"  # well, and used neither water nor electricity
    AWAY_UNREGISTERED = "away_unregistered"  # nobody had told of the absence
    DEVICE_FAULT = "device_fault"
    WRONG_HOUSEHOLD = "wrong_household"  # the device hangs in another home than the registry says
    OTHER = "other"


class StepStatus(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    DONE = "done"
    CANCELLED = "cancelled"


class NotificationStatus(StrEnum):
    """Where a message stands. All but queued and sent are final, but for an answer, which may still come."""

    QUEUED = "queued"
    SENT = "sent"  # a provider has it, and will tell what becomes of it
    DELIVERED = "delivered"  # as far as its channel can tell
    ANSWERED = "answered"
    MISSED = "missed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class MessageStatus(StrEnum):
    """Where a message on a handset stands."""

    DELIVERED = "delivered"
    RINGING = "ringing"
    ANSWERED = "answered"
    MISSED = "missed"


class TaskKind(StrEnum):
    """What a task asks for."""

    VISIT = "visit"
    REVIEW = "review"
    MAINTENANCE = "maintenance"
    CALL = "call_task"  # somebody asks by telephone how they are
    CONTACT = "contact"  # a number or address is wrong: it says nothing of the alert, and outlives it


class TaskStatus(StrEnum):
    """Where a task stands."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DONE = "done"
    CANCELLED = "cancelled"


class EventKind(StrEnum):
    """What can be on an alert's timeline."""

    RAISED = "raised"
    JOINED = "joined"  # another source, or another rule, says the same
    RAISED_AGAIN = "raised_again"
    GREW_WORSE = "grew_worse"  # the same condition, by now more severe
    CLEARED = "cleared"  # one source ended, others go on
    RETURNED = "returned"
    LADDER_STARTED = "ladder_started"
    SUPPRESSED = "suppressed"
    ACKNOWLEDGED = "acknowledged"
    GIVEN_BACK = "given_back"  # whoever had taken it made it everybody's again
    ESCALATED = "escalated"  # somebody had the next in line told at once
    SHELVED = "shelved"
    UNSHELVED = "unshelved"
    CLOSED = "closed"
    NOTIFIED = "notified"
    REACHED_NOBODY = "reached_nobody"
    PASSED_OVER = "passed_over"  # a step was due, but not asked for as things were
    UNREACHABLE = "unreachable"  # a ladder began, and none of the household's people can be reached
    SENT = "sent"
    DELIVERED = "delivered"  # its provider says so
    HELD_BACK = "held_back"  # this person has had enough messages for the moment
    NOT_SENT = "not_sent"  # the same was to be said again, later
    OPTED_OUT = "opted_out"  # this person has forbidden a way to reach them
    SEND_FAILED = "send_failed"
    MISSED = "missed"
    ANSWERED = "answered"
    HELP_ASKED = "help_asked"
    TASK_PLANNED = "task_planned"
    TASK_RECALLED = "task_recalled"
    TASK_ACCEPTED = "task_accepted"
    TASK_SET_OUT = "task_set_out"  # whoever has it is on the way
    TASK_ARRIVED = "task_arrived"
    TASK_REFUSED = "task_refused"
    TASK_ASSIGNED = "task_assigned"  # to the next in line, after somebody refused
    TASK_UNASSIGNED = "task_unassigned"  # everybody has refused
    TASK_OFFERED = "task_offered"  # handed over; until they accept, the giver still holds it
    TASK_TRANSFERRED = "task_transferred"  # to a partner organisation
    TASK_REMINDED = "task_reminded"
    TASK_OVERDUE = "task_overdue"  # not done in time: those above hear of it
    TASK_OUTCOME = "task_outcome"
    FLAPPING = "flapping"  # it ends and begins again all the time: its ladder is not begun anew each time
    SETTLED = "settled"  # it was flapping, and has been quiet since
    EASED = "eased"  # told again, less severe; what was begun goes on
    REOPENED = "reopened"  # closed by itself a moment ago, and so again
    MERGED = "merged"  # another alert of the household has the same cause
    SPLIT = "split"  # it had not, after all
    FOLLOW_UP_PLANNED = "follow_up_planned"


@dataclass(frozen=True, slots=True)
class Alert:
    """An open episode of one kind in one household. Instants are microseconds UTC.

    `sources` holds what still reports the condition, `{rule} {source}` to its onset. `event_count` and
    `step_count` are how many timeline events and steps it has had; the next takes the next number.
    """

    id: UUID
    household: str
    kind: Kind
    rule: str
    severity: Severity
    status: Status
    onset: int
    raised_at: int
    opened_at: int
    score: float
    facts: Mapping[str, Fact]
    sources: Mapping[str, int]
    policy: Policy
    held_by: str | None = None
    suppressed_why: Suppression | None = None
    returned_at: int | None = None
    acknowledged_at: int | None = None
    shelved_until: int | None = None
    help_at: int | None = None
    closed_at: int | None = None
    outcome: Outcome | None = None
    note: str | None = None
    why: FalseAlarm | None = None
    event_count: int = 0
    step_count: int = 0
    woken_at: int | None = None
    """When its ladder last started."""
    storm: UUID | None = None
    """The storm (`alerts.storms.gate`) that kept it quiet, if any did."""
    flaps: tuple[int, ...] = ()
    """When it began again lately, after it had ended."""
    part_of: UUID | None = None
    """The alert it was merged into."""
    incident: UUID | None = None
    """The incident that explains what it told of."""


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One line of a timeline; `seq` counts from 1 without gaps."""

    alert: UUID
    seq: int
    at: int
    actor: str
    kind: EventKind
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of a ladder, or one timer, with its due time. (alert, no) identify it."""

    alert: UUID
    no: int
    due: int
    action: Action
    status: StepStatus = StepStatus.PENDING
    ran_at: int | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to one person by one channel; (alert, step, person, medium) identify it.

    `channel` is '' until it leaves, where it is to be chosen then. `address` is a secret (it may hold a password):
    it is never shown or logged. `reference` is the provider's own id, `answer` the last thing they answered.
    """

    id: UUID
    alert: UUID
    step: int
    person: str
    role: Role
    phone: str
    channel: str
    medium: Medium
    language: str
    text: str
    status: NotificationStatus
    next_attempt_at: int
    created_at: int
    attempts: int = 0
    sent_at: int | None = None
    error: str | None = None
    reference: str = ""
    address: str = field(default="", repr=False)
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class HandsetMessage:
    """A message on a simulated telephone; its id is its notification's. `rings_until` is a call's, else None."""

    id: UUID
    phone: str
    person: str
    medium: Medium
    text: str
    at: int
    status: MessageStatus
    rings_until: int | None = None
    answer: str | None = None
    answered_at: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """Work for a caseworker; (alert, step) identify it. `accepted_by` and `done_by` are actors.

    `accepted_by` may be `partner:NAME`, an organisation it was transferred to under their `reference`. `offered_to` is
    whom it was handed over to and who has not accepted yet; `refused` are those who will not be asked again. One that
    is a `follow_up` belongs to an alert that is closed. `set_out_at` and `arrived_at` are of who has accepted it.
    """

    id: UUID
    alert: UUID
    step: int
    kind: TaskKind
    household: str
    area: str
    assignee: str | None
    status: TaskStatus
    created_at: int
    due: int
    accepted_at: int | None = None
    accepted_by: str | None = None
    done_at: int | None = None
    done_by: str | None = None
    outcome: Outcome | None = None
    note: str | None = None
    why: FalseAlarm | None = None
    follow_up: bool = False
    refused: tuple[str, ...] = ()
    offered_to: str | None = None
    reference: str | None = None
    partner_address: str | None = None
    set_out_at: int | None = None
    arrived_at: int | None = None

    @property
    def apart(self) -> bool:
        """Whether it goes on beside its alert: taking it on holds no alert, its outcome closes none."""
        return self.follow_up or self.kind is TaskKind.CONTACT

    def until(self, now: int) -> int:
        """Return when who takes it on now must be done: by its due time, but in no less than half of its time."""
        return max(self.due, now + (self.due - self.created_at) // 2)


@dataclass(frozen=True, slots=True)
class Asked:
    """A visit that an alert asks for, `at` microseconds UTC; while it is `waiting` nobody has set out for it."""

    alert: UUID
    kind: Kind
    severity: Severity
    score: float
    at: int
    waiting: bool


def episode_id(household: str, kind: Kind, onset: int, again: int = 0) -> UUID:
    """Return the id of an episode; `again` counts earlier alerts of the same onset that were closed too early."""
    name = f"alert\0{household}\0{kind.value}\0{onset}"
    return uuid5(_NAMESPACE, f"{name}\0{again}" if again else name)


def notification_id(alert: UUID, step: int, person: str, medium: Medium) -> UUID:
    """Return the id of the one message that a step sends to a person by a medium."""
    return uuid5(_NAMESPACE, f"notification\0{alert}\0{step}\0{person}\0{medium.value}")


def task_id(alert: UUID, step: int) -> UUID:
    """Return the id of the one task that a step plans."""
    return uuid5(_NAMESPACE, f"task\0{alert}\0{step}")
