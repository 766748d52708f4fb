"""Stories of whole alerts through Twilio: what was sent, to whom and when, and what their answers did."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from threading import Barrier

import pytest

from alerts.ladders.policy_file import parse
from alerts.model import NotificationStatus, Outcome, Status, TaskStatus
from detectors.finding import Kind, Severity
from registry.instants import HOUR, SECOND
from simulators.twilio.script import Callbacks, Fault, Pickup, Reception, Telephone
from tests.alerts_world import LI, NOON, SON, WANG, ZHAO, finding
from tests.integration.twilio_house import House, open_house
from tests.twilio.town import OWN

_BUILT_IN = files("alerts.ladders").joinpath("policies.toml").read_text(encoding="utf-8")
RINGS = parse(
    """
    [rings]
    kinds = ["inactivity"]
    on_return = "review"
    repeat = "15 min"
    recheck = "6 h"
    steps = [
        { after = "0 min", who = "resident", do = "call", message = "check" },
        { after = "3 min", who = "resident", do = "call", message = "check-again" },
        { after = "6 min", who = "resident", do = "call", message = "check-again" },
        { after = "10 min", who = "contact-1", do = "call", message = "contact" },
        { after = "15 min", who = "caseworker", do = "call", message = "officer" },
        { after = "20 min", who = "caseworker", do = "visit", within = "45 min", message = "visit" },
    ]
    """
    + _BUILT_IN,
    "rings",
)
TEXTS = parse(
    """
    [texts]
    kinds = ["inactivity"]
    on_return = "review"
    repeat = "15 min"
    recheck = "6 h"
    steps = [
        { after = "0 min", who = "resident", do = "sms", message = "check" },
        { after = "5 min", who = "contact-1", do = "sms", message = "contact" },
        { after = "10 min", who = "caseworker", do = "visit", within = "45 min", message = "visit" },
        { after = "15 min", who = "duty_officer", do = "sms", message = "officer" },
    ]
    """
    + _BUILT_IN,
    "texts",
)
ANSWERED = Pickup(fate="answered", keys=("1",))


@pytest.fixture
def house(database: str) -> Iterator[House]:
    with open_house(database) as made:
        yield made
        made.conforms()


def calls(*pickups: Pickup) -> Telephone:
    return Telephone(calls=pickups)


def replies(text: str, after: float = 30) -> Telephone:
    return Telephone(sms=(Reception(reply=text, reply_after=after), Reception()))


def test_rings_unanswered_three_times_then_contact_then_caseworker_then_visit(house: House) -> None:
    house.takes(finding(), policies=RINGS)
    house.wait(21 * 60)
    assert house.heard() == [
        (0, "li", "call"),
        (180, "li", "call"),
        (360, "li", "call"),
        (600, "son", "call"),
        (900, "wang", "call"),
        (1200, "wang", "sms"),
    ]
    assert [one.status for one in house.exchange.calls.values()] == ["no-answer"] * 5
    assert house.story().count("missed") == 5
    [visit] = house.tables.all_tasks()
    assert (visit.kind.value, visit.assignee, visit.status) == ("visit", "wang", TaskStatus.OPEN)
    assert house.alert().status is Status.UNACKNOWLEDGED
    house.wait(50 * 60)
    assert house.heard(NOON + 21 * 60 * SECOND) != []  # while nobody takes it, it goes on


@pytest.mark.parametrize("stage", range(4), ids=["resident", "contact", "visit", "officer"])
def test_one_by_sms_ends_the_ladder_at_each_stage(house: House, stage: int) -> None:
    people = (LI, SON, WANG, ZHAO)
    person = people[stage]
    house.says(person.phone, replies("1"))
    house.takes(finding(), policies=TEXTS)
    house.wait(20 * 60)
    assert [told for _, told, _ in house.heard()] == [one.person for one in people[: stage + 1]]
    alert = house.alert()
    if person is LI:
        assert (alert.status, alert.outcome) == (Status.CLOSED, Outcome.RESIDENT_FINE)
    else:
        assert (alert.status, alert.held_by) == (Status.ACKNOWLEDGED, f"person:{person.person}")
    [answered] = [one for one in house.tables.all_notifications() if one.status is NotificationStatus.ANSWERED]
    assert answered.person == person.person
    assert len(house.told_back(person.phone)) == 1  # they are told that they were heard


def test_a_key_on_the_second_call_closes_it(house: House) -> None:
    house.says(LI.phone, calls(Pickup(), ANSWERED))
    house.takes(finding(), policies=RINGS)
    house.wait(HOUR / SECOND)
    assert house.heard() == [(0, "li", "call"), (180, "li", "call")]
    alert = house.alert()
    assert (alert.status, alert.outcome, alert.held_by) == (Status.CLOSED, Outcome.RESIDENT_FINE, "person:li")
    statuses = [one.status for one in house.tables.all_notifications()]
    assert statuses == [NotificationStatus.MISSED, NotificationStatus.ANSWERED]


def test_two_on_the_second_call_sends_somebody_and_calls_the_officer(house: House) -> None:
    house.says(LI.phone, calls(Pickup(), Pickup(fate="answered", keys=("2",))))
    house.takes(finding(), policies=RINGS)
    house.wait(220)
    assert house.alert().severity is Severity.URGENT
    assert {(who, how) for at, who, how in house.heard() if at > 180} == {("zhao", "call"), ("wang", "sms")}
    assert [one.kind.value for one in house.tables.all_tasks()] == ["visit"]


def test_a_reply_after_the_alert_was_closed_opens_nothing_unless_it_asks_for_help(house: House) -> None:
    house.takes(finding(), policies=TEXTS)
    house.wait(60)
    token = house.desk()
    closing = {"outcome": "false_alarm", "note": "we spoke"}
    done = house.web.post(f"/api/v1/alerts/{house.alert().id}/close", json=closing, headers=token)
    assert done.status_code == 200, done.text
    house.wait(60)
    house.texts(LI.phone, "1")
    assert (house.alert().status, house.alert().outcome) == (Status.CLOSED, Outcome.FALSE_ALARM)
    house.wait(60)
    house.texts(LI.phone, "2")
    old, new = house.tables.all_alerts()
    assert old.outcome is Outcome.FALSE_ALARM
    assert (new.status, new.severity) == (Status.UNACKNOWLEDGED, Severity.URGENT)
    assert {who for at, who, _ in house.heard() if at >= 180} == {"zhao", "wang"}
    house.wait(10)
    assert len(house.told_back(LI.phone)) == 2


@pytest.mark.parametrize("by", ["machine_start", "fax"])
def test_a_machine_that_answers_is_nobody(house: House, by: str) -> None:
    house.says(LI.phone, calls(Pickup(fate="answered", by=by, keys=("1",), press_after=6)))  # type: ignore[arg-type]
    house.says(SON.phone, calls(Pickup(fate="answered", keys=("4",))))
    house.takes(finding(), policies=RINGS)
    house.wait(20 * 60)
    assert [(at, who) for at, who, _ in house.heard()] == [(0, "li"), (180, "li"), (360, "li"), (600, "son")]
    assert (house.alert().status, house.alert().held_by) == (Status.ACKNOWLEDGED, "person:son")
    statuses = [one.status for one in house.tables.all_notifications()]
    assert statuses == [NotificationStatus.MISSED] * 3 + [NotificationStatus.ANSWERED]
    events = house.tables.all_events(house.alert().id)
    assert "answered" not in [one.kind.value for one in events if one.at < NOON + 600 * SECOND]


@pytest.mark.parametrize("how", ["503", "connection refused"])
def test_twilio_down_for_an_hour_drops_and_doubles_nothing(house: House, how: str) -> None:
    refused = how == "connection refused"
    if refused:
        house.api.close()
    else:
        house.exchange.ail(Fault(kind="down", lasts=3600))
    house.takes(finding(), policies=TEXTS)
    house.wait(3590)
    assert house.heard() == []
    planned = [one.kind.value for one in house.tables.all_tasks()]
    assert planned == ["visit"]  # the ladder did not wait for the provider
    assert house.alert().status is Status.UNACKNOWLEDGED
    if refused:
        house.api.open()
    house.wait(15 * 60)
    told = {who for _, who, _ in house.heard()}
    assert {"wang", "zhao"} <= told
    house.texts(ZHAO.phone, "4")
    assert (house.alert().status, house.alert().held_by) == (Status.ACKNOWLEDGED, "person:zhao")


def test_a_request_that_got_no_answer_is_looked_up_and_not_sent_again(house: House) -> None:
    house.exchange.ail(Fault(kind="slow", times=1))
    house.says(LI.phone, replies("1", after=90))
    house.takes(finding(), policies=TEXTS)
    house.wait(240)
    assert house.heard() == [(0, "li", "sms")]
    assert house.alert().outcome is Outcome.RESIDENT_FINE


def test_a_call_that_got_no_answer_is_not_placed_twice(house: House) -> None:
    house.exchange.ail(Fault(kind="slow", times=1))
    house.says(LI.phone, calls(ANSWERED))
    house.takes(finding(), policies=RINGS)
    house.wait(170)
    assert house.heard() == [(0, "li", "call")]
    assert house.alert().outcome is Outcome.RESIDENT_FINE


def test_throttled_messages_go_out_when_there_is_room(house: House) -> None:
    house.exchange.ail(Fault(kind="throttled", lasts=45))
    house.says(LI.phone, replies("1"))
    house.takes(finding(), policies=TEXTS)
    house.wait(200)
    [(at, who, _)] = house.heard()
    assert (who, 45 <= at < 120) == ("li", True)
    assert house.alert().outcome is Outcome.RESIDENT_FINE


def test_a_reply_from_an_unknown_number_changes_nothing(house: House) -> None:
    house.takes(finding(), policies=TEXTS)
    house.wait(10)
    before = (house.story(), house.alert(), house.tables.all_notifications())
    stranger = "+8613999999999"
    house.texts(stranger, "2")
    house.texts(stranger, "1")
    assert (house.story(), house.alert(), house.tables.all_notifications()) == before
    house.wait(10)
    assert len(house.told_back(stranger)) == 1  # machines answer machines: once is enough


@pytest.mark.parametrize("again", range(3))
def test_two_who_acknowledge_in_the_same_second_one_holds_it(house: House, again: int) -> None:
    house.takes(finding(), policies=TEXTS)
    house.wait(16 * 60 + again)
    both = Barrier(2)

    def answers(number: str | None) -> None:
        assert number is not None
        both.wait(30)
        house.exchange.text(number, "4", OWN)

    with ThreadPoolExecutor(2) as people:
        list(people.map(answers, (SON.phone, ZHAO.phone)))
    house.look()
    alert = house.alert()
    assert alert.status is Status.ACKNOWLEDGED
    assert house.by("acknowledged") == [alert.held_by]
    holder, other = (SON, ZHAO) if alert.held_by == "person:son" else (ZHAO, SON)
    answered = [one for one in house.tables.all_notifications() if one.status is NotificationStatus.ANSWERED]
    assert {one.person for one in answered} == {"son", "zhao"}
    house.wait(10)
    [mine], [theirs] = house.told_back(holder.phone), house.told_back(other.phone)
    assert mine != theirs  # each hears what is so


def test_acknowledged_then_silent_for_an_hour_is_asked_and_then_somebody_else_is(house: House) -> None:
    house.says(SON.phone, calls(Pickup(fate="answered", keys=("4",))))
    house.takes(finding(), policies=RINGS)
    house.wait(11 * 60)
    assert house.alert().held_by == "person:son"
    taken = house.now
    house.wait(HOUR / SECOND)
    since = house.heard(taken)
    assert since, "nobody was asked for an hour"
    assert since[0][1] == "son"  # whoever took it first
    assert "zhao" in {who for _, who, _ in since} or house.alert().status is not Status.ACKNOWLEDGED


def test_callbacks_late_twice_and_in_the_wrong_order_end_the_same(house: House) -> None:
    house.exchange.office.callbacks = Callbacks(delay=20, copies=2, reordered=True)
    house.says(LI.phone, Telephone(sms=(Reception(reply="1", reply_after=200),), calls=(Pickup(),)))
    house.takes(finding())
    house.wait(HOUR / SECOND)
    assert house.heard() == [(0, "li", "call"), (0, "li", "sms")]
    assert house.alert().outcome is Outcome.RESIDENT_FINE
    statuses = {one.medium.value: one.status for one in house.tables.all_notifications()}
    assert NotificationStatus.ANSWERED in statuses.values()
    assert house.story().count("missed") == 1
    assert house.story().count("delivered") == 1
    assert house.story().count("answered") == 1


@pytest.mark.parametrize(
    ("telephone", "code"),
    [(Telephone(exists=False), 21211), (Telephone(sms=(Reception(fate="undelivered", error=30005),)), 30005)],
)
def test_a_wrong_number_becomes_a_task_and_the_next_channel_is_tried(
    house: House, telephone: Telephone, code: int
) -> None:
    house.says(LI.phone, telephone)
    house.takes(finding(), policies=TEXTS)
    house.wait(30)
    errors = [one.error or "" for one in house.tables.all_notifications() if one.status is NotificationStatus.FAILED]
    assert any(str(code) in error for error in errors)
    assert [one.kind.value for one in house.tables.all_tasks()].count("contact") == 1
    tried = {one.medium.value for one in house.tables.all_notifications() if one.person == "li"}
    assert tried == {"sms", "call"}


def test_whoever_opted_out_is_called_instead_and_never_written_to_again(house: House) -> None:
    house.says(LI.phone, Telephone(opted_out=True))
    house.takes(finding(), policies=TEXTS)
    house.wait(60)
    assert house.heard() == [(0, "li", "call")]
    texted = house.exchange.office.posted
    house.takes(finding(Kind.COLD, onset=NOON, source="meter/temperature"))
    house.wait(30)
    refusals = [one for one in house.tables.all_notifications() if "21610" in (one.error or "")]
    assert len(refusals) == 1, texted
