"""How the people of a town react to a ringing telephone or a task: a pure function of the town and the moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.model import Outcome
from alerts.people import Medium, Role
from registry.instants import SECOND, to_micros
from simulators.chance import scattered
from simulators.detector import FIRES
from simulators.events import TOWN_OFFSET, Event, Happening, event
from simulators.town import State, Town

_PEOPLE = 71
_WATER = (Happening.LEAK, Happening.BURST, Happening.TAP)
FINE, HELP, TAKEN = "1", "2", "4"
"""What is pressed or written: I am fine, I need help, I take care of it."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """What somebody says (`answer`), `after` so many seconds."""

    after: float
    answer: str


@dataclass(frozen=True, slots=True)
class Visit:
    """What a caseworker does with a task, in seconds after it was given: accept it, arrive, write down what is true.

    `events` is what the visit changes in the town (somebody helped, something mended): inject them.
    """

    accepted: float
    arrived: float
    outcome: Outcome
    note: str
    events: tuple[Event, ...] = ()


def react(town: Town, household: str, role: Role, medium: Medium, asked_at: datetime, who: int = 0) -> Reaction | None:
    """Return how somebody reacts to a message about a household, None if never.

    `who` tells several people of one role apart. A resident who lies on the floor never answers; one who is
    awake and at home takes three calls in four and reads half the messages, asleep one call in four, away a
    third of either (a mobile telephone). In a fire whoever answers asks for help. Contacts answer seven calls
    in ten and half the messages, half as often at night; neither answers where an event makes them unreachable.
    Staff take a call in nine cases of ten. A call is taken in 4 to 20 s, a message answered in half a minute
    to seven and a half.
    """
    state, at_work = town.state(household, asked_at), town.at_work(household, asked_at)
    key = (int(household.rpartition("-")[2]), list(Role).index(role), who, to_micros(asked_at) // SECOND)
    chance, spread = (float(scattered(town.seed, _PEOPLE + part, *key)[0]) for part in (0, 1))
    call = medium is Medium.CALL
    night = not 6 <= (asked_at + timedelta(microseconds=TOWN_OFFSET)).hour < 22
    if role in (Role.RESIDENT, Role.CONTACT) and any(span.event.unreachable for span in at_work):
        return None
    if role is Role.RESIDENT:
        fire = any(span.event.kind in FIRES for span in at_work)
        answers, said = _resident(state, call=call), HELP if fire else FINE
    elif role is Role.CONTACT:
        answers, said = (0.7 if call else 0.5) * (0.5 if night else 1.0), TAKEN
    else:
        answers, said = 0.9 if call else 0.6, TAKEN
    if chance >= answers:
        return None
    # A call rings for some seconds; a message waits in a pocket.
    return Reaction(4 + 16 * spread if call else 30 + 420 * spread, said)


def visit(town: Town, household: str, given_at: datetime, who: int = 0) -> Visit:
    """Return what comes of a visit task given at a moment: accepted in 1 to 6 minutes, there in 10 to 30 more.

    What is found is what is true in the town on arrival; a person on the floor is helped, a leak is stopped.
    """
    key = (int(household.rpartition("-")[2]), 9, who, to_micros(given_at) // SECOND)
    accepted = 60 + 300 * scattered(town.seed, _PEOPLE, *key)[0]
    arrived = accepted + 600 + 1200 * scattered(town.seed, _PEOPLE + 1, *key)[0]
    there = given_at + timedelta(seconds=int(arrived))
    kinds = {span.event.kind for span in town.at_work(household, there)}
    state = town.state(household, there)
    if state is State.DEAD:
        return Visit(
            accepted, arrived, Outcome.EMERGENCY_SERVICES, "Found without signs of life; doctor and police called."
        )
    helped = (event(Happening.HELP, household, there),)
    if state is State.DOWN:
        return Visit(
            accepted, arrived, Outcome.HELPED, "Found lying on the floor, conscious; ambulance called.", helped
        )
    if kinds & set(FIRES):
        return Visit(accepted, arrived, Outcome.HELPED, "Smoke in the flat; put out and aired, nobody hurt.", helped)
    if kinds & set(_WATER):
        mended = (*helped, event(Happening.REPAIR, household, there))
        return Visit(accepted, arrived, Outcome.HELPED, "Water was running; shut off and mended.", mended)
    if state is State.AWAY:
        return Visit(accepted, arrived, Outcome.NOT_AT_HOME, "Nobody opened; neighbours know of nothing unusual.")
    return Visit(accepted, arrived, Outcome.FOUND_WELL, "Opened the door and is well.")


def _resident(state: State, *, call: bool) -> float:
    match state:
        case State.AWAKE:
            return 0.75 if call else 0.5
        case State.ASLEEP:
            return 0.25 if call else 0.0
        case State.AWAY:
            return 0.33
        case _:
            return 0.0
