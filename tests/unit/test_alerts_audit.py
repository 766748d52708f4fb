"""The auditor: what it calls wrong, what it leaves in peace, and how it says so."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from alerts.checks.audit import (
    GIVING_UP,
    LONGEST_QUEUED,
    MOST_NAMED,
    SILENT_HOLD,
    TOLERANCE,
    Flaw,
    Held,
    Looked,
    Ran,
    Underway,
    Undone,
    Violation,
    Watched,
    audit,
    examine,
    late_steps,
    overdue_tasks,
    silent_holders,
    stuck_messages,
    summed_up,
)
from alerts.messages.limits import PATIENCE
from alerts.model import NotificationStatus, Status
from registry.instants import HOUR, MINUTE, SECOND
from tests.alerts_world import HOME, NOON

ALERT = UUID(int=7)
UNREPORTED = PATIENCE + GIVING_UP


def queued(age: int, overdue: int = 0) -> Underway:
    return Underway(ALERT, HOME, 2, NotificationStatus.QUEUED, NOON - age, NOON - overdue)


def sent(age: int) -> Underway:
    return Underway(ALERT, HOME, 2, NotificationStatus.SENT, NOON - age, NOON - age)


@pytest.mark.parametrize(
    ("late", "told"),
    [(0, None), (TOLERANCE, None), (TOLERANCE + SECOND, "step 3 ran 61 s late"), (HOUR, "step 3 ran 3600 s late")],
)
def test_a_step_that_ran_late_is_named(late: int, told: str | None) -> None:
    found = late_steps([Ran(ALERT, HOME, 3, NOON, NOON + late)])
    assert [one.detail for one in found] == ([told] if told else [])
    assert all(one.flaw is Flaw.LATE_STEP and one.alert == ALERT for one in found)


@pytest.mark.parametrize(
    ("message", "stuck"),
    [
        (queued(LONGEST_QUEUED, -MINUTE), False),  # it is being tried again
        (Underway(ALERT, HOME, 2, NotificationStatus.QUEUED, None, NOON + HOUR), False),  # a limit holds it back
        (Underway(ALERT, HOME, 2, NotificationStatus.QUEUED, None, NOON - HOUR), True),
        (queued(LONGEST_QUEUED + SECOND, -MINUTE), True),  # for too long
        (queued(2 * MINUTE, TOLERANCE), False),
        (queued(2 * MINUTE, TOLERANCE + SECOND), True),  # nobody takes it
        (sent(UNREPORTED), False),
        (sent(UNREPORTED + SECOND), True),
    ],
)
def test_a_message_reaches_a_final_state_within_its_time(message: Underway, stuck: bool) -> None:  # noqa: FBT001
    assert [one.flaw for one in stuck_messages([message], NOON)] == ([Flaw.STUCK_MESSAGE] if stuck else [])


def test_in_a_town_whose_clock_runs_fast_messages_have_as_much_real_time() -> None:
    slow = [queued(LONGEST_QUEUED + SECOND, TOLERANCE + SECOND), sent(UNREPORTED + SECOND)]
    assert len(stuck_messages(slow, NOON)) == 2
    assert stuck_messages(slow, NOON, 60) == []


def test_a_provider_has_the_time_to_report_that_the_settings_give_it() -> None:
    message = sent(2 * HOUR + GIVING_UP)
    assert stuck_messages([message], NOON, 1.0, 2 * HOUR) == []
    assert len(stuck_messages([message], NOON, 1.0, 2 * HOUR - SECOND)) == 1


def test_a_delivered_message_is_nobodys_concern() -> None:
    done = Underway(ALERT, HOME, 2, NotificationStatus.DELIVERED, NOON - 9 * HOUR, NOON - 9 * HOUR)
    assert stuck_messages([done], NOON) == []


@pytest.mark.parametrize(
    ("silent", "next_due", "wrong"),
    [
        (SILENT_HOLD + TOLERANCE, None, False),
        (SILENT_HOLD + TOLERANCE + SECOND, None, True),
        (9 * HOUR, NOON + HOUR, False),  # a timer will ask them
    ],
)
def test_who_holds_an_alert_and_does_nothing_is_asked(silent: int, next_due: int | None, wrong: bool) -> None:  # noqa: FBT001
    found = silent_holders([Held(ALERT, HOME, "person:wang", NOON - silent, next_due)], NOON)
    assert [one.flaw for one in found] == ([Flaw.SILENT_HOLDER] if wrong else [])
    assert all("person:wang" in one.detail for one in found)


def test_a_holder_whose_timer_did_not_run_is_no_holder() -> None:
    held = Watched(ALERT, HOME, Status.ACKNOWLEDGED, "person:wang", NOON - TOLERANCE - SECOND)
    assert [one.flaw for one in audit([held], NOON)] == [Flaw.FORGOTTEN]
    assert audit([Watched(ALERT, HOME, Status.ACKNOWLEDGED, "person:wang", NOON + HOUR)], NOON) == []


@pytest.mark.parametrize(
    ("over", "told", "next_due", "wrong"),
    [
        (TOLERANCE, -HOUR, None, False),
        (TOLERANCE + SECOND, -HOUR, None, True),
        (HOUR, None, None, True),
        (HOUR, 0, None, False),  # it was recalled when its time was up
        (HOUR, -HOUR, NOON + MINUTE, False),  # it will be
    ],
)
def test_an_overdue_task_is_told_to_somebody(over: int, told: int | None, next_due: int | None, wrong: bool) -> None:  # noqa: FBT001
    due = NOON - over
    task = Undone(ALERT, HOME, "visit", due, None if told is None else due + told, next_due)
    found = overdue_tasks([task], NOON)
    assert [one.flaw for one in found] == ([Flaw.OVERDUE_TASK] if wrong else [])


def test_one_look_finds_every_sort_of_flaw_and_sums_each_up() -> None:
    looked = Looked(
        watched=[Watched(uuid4(), HOME, Status.UNACKNOWLEDGED, None, None)],
        ran=[Ran(uuid4(), HOME, n, NOON - HOUR, NOON) for n in range(MOST_NAMED + 3)],
        underway=[queued(HOUR)],
        held=[Held(uuid4(), HOME, "token:desk", NOON - 2 * HOUR, None)],
        undone=[Undone(uuid4(), HOME, "review", NOON - HOUR, None, None)],
    )
    told = summed_up(examine(looked, NOON))
    assert [(one.flaw, one.count) for one in told] == [
        (Flaw.FORGOTTEN, 1),
        (Flaw.LATE_STEP, MOST_NAMED + 3),
        (Flaw.STUCK_MESSAGE, 1),
        (Flaw.SILENT_HOLDER, 1),
        (Flaw.OVERDUE_TASK, 1),
    ]
    assert told[1].detail.count(HOME) == MOST_NAMED
    assert told[1].detail.endswith("; and 3 more")
    assert examine(Looked(), NOON) == []
    assert summed_up([]) == []


def test_a_sentence_names_household_alert_and_what_is_wrong() -> None:
    [told] = summed_up([Violation(ALERT, HOME, "step 3 ran 61 s late", Flaw.LATE_STEP)])
    assert told.detail == f"{HOME} ({ALERT}): step 3 ran 61 s late"
