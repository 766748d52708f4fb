"""Whatever may befall one street, in any order: a state machine for hypothesis, and the promises it must not break."""

from __future__ import annotations

from tests.alerts_machine.channels import ChannelsFail
from tests.alerts_machine.people import PeopleAct
from tests.alerts_machine.promises import Promises
from tests.alerts_machine.sensors import SensorsTell
from tests.alerts_machine.tasks import TasksAreDone
from tests.alerts_machine.telephones import PeopleAnswer


class AlertMachine(SensorsTell, PeopleAct, TasksAreDone, PeopleAnswer, ChannelsFail, Promises):
    """One street; rules are what may befall it, invariants what must hold whatever does."""
