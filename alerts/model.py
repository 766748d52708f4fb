"""The values of an alert's life: alerts, their timeline, steps, messages, tasks, and the people concerned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID, uuid5

from alerts.policy import Action, Policy
from detectors.finding import Fact, Kind, Severity

_NAMESPACE = UUID("8f0a3c52-6d0e-5c1e-9a43-0d2b6c7e51f4")

SYSTEM = "system"
"""The actor of what nobody did; others are `person:ID`, `token:NAME` and `sensor:DEVICE/QUANTITY`."""


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


class Role(StrEnum):
    """What somebody is to a household."""

    RESIDENT = "resident"
    CONTACT = "contact"
    CASEWORKER = "caseworker"
    DUTY_OFFICER = "duty_officer"


class Medium(StrEnum):
    """How a message reaches a telephone."""

    SMS = "sms"
    CALL = "call"


class StepStatus(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    DONE = "done"
    CANCELLED = "cancelled"


class NotificationStatus(StrEnum):
    """Where a message stands."""

    QUEUED = "queued"
    SENT = "sent"
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
    SHELVED = "shelved"
    UNSHELVED = "unshelved"
    CLOSED = "closed"
    NOTIFIED = "notified"
    REACHED_NOBODY = "reached_nobody"
    SENT = "sent"
    SEND_FAILED = "send_failed"
    MISSED = "missed"
    ANSWERED = "answered"
    HELP_ASKED = "help_asked"
    TASK_PLANNED = "task_planned"
    TASK_RECALLED = "task_recalled"
    TASK_ACCEPTED = "task_accepted"
    TASK_OUTCOME = "task_outcome"


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
    event_count: int = 0
    step_count: int = 0


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
    """One message to one person by one channel; (alert, step, person, medium) identify it."""

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
    """Work for a caseworker; (alert, step) identify it. `accepted_by` and `done_by` are actors."""

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


@dataclass(frozen=True, slots=True)
class Asked:
    """A visit that an alert asks for, `at` microseconds UTC; while it is `waiting` nobody has set out for it."""

    alert: UUID
    kind: Kind
    severity: Severity
    score: float
    at: int
    waiting: bool


@dataclass(frozen=True, slots=True)
class Place:
    """What an alert needs to know of its household: where it is and which time it keeps."""

    household: str
    area: str
    zone: str
    address: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who can be told; `role` is what they are to this household, `phone` is E.164 or None."""

    person: str
    name: str
    role: Role
    phone: str | None
    language: str
    medium: Medium


@dataclass(frozen=True, slots=True)
class People:
    """Everybody concerned by a household; contacts in the order they are asked."""

    residents: tuple[Recipient, ...] = ()
    contacts: tuple[Recipient, ...] = ()
    caseworker: Recipient | None = None
    duty_officers: tuple[Recipient, ...] = ()

    def named(self, who: str) -> tuple[Recipient, ...]:
        """Return whom a policy's `who` means here; nobody where there is no such person."""
        staff = (self.caseworker,) if self.caseworker else ()
        match who:
            case "resident":
                return self.residents
            case "contacts":
                return self.contacts
            case "caseworker":
                return staff
            case "duty_officer":
                return self.duty_officers
        if who.startswith("contact-"):
            position = int(who.removeprefix("contact-"))
            return self.contacts[position - 1 : position]
        everybody = (*self.residents, *self.contacts, *staff, *self.duty_officers)
        return tuple(one for one in everybody if f"person:{one.person}" == who)[:1]


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
