from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import cbor2
import msgspec
import pytest

from ingest.decoders import decode
from ingest.records import Message
from registry.instants import MINUTE, SECOND, to_micros
from simulators.events import Happening, event
from simulators.town import Town
from simulators.transmission import TownMessage, Transmission

_START = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
_HOURS = timedelta(hours=12)
_PERFECT = Transmission(loss=0, late=0, twice=0)


def _records(messages: list[TownMessage]) -> list[tuple[str, int, float, int]]:
    """Return (sensor, time, value, published) of everything in the packs, read by the service's own decoder."""
    found = []
    for message in messages:
        decoded = decode(Message(message.topic, message.payload, message.at))
        assert not decoded.rejects
        found += [
            (f"{record.device}/{record.name}", record.time, record.value, message.at) for record in decoded.records
        ]
    return found


def _measured(town: Town, begin: datetime, end: datetime) -> set[tuple[str, int, float]]:
    told = town.readings(begin, end)
    names = [f"{device}/{quantity.label}" for device, quantity in town.sensors]
    return {
        (names[sensor], time, value)
        for sensor, time, value in zip(told.sensor.tolist(), told.time.tolist(), told.value.tolist(), strict=True)
    }


def test_a_perfect_way_delivers_everything_once_within_a_minute_or_so() -> None:
    town = Town(7, 40, _START, transmission=_PERFECT)
    records = _records(town.messages(_START, _START + _HOURS))
    seen = {record[:3] for record in records}
    assert len(seen) == len(records)
    assert _measured(town, _START, _START + _HOURS - timedelta(minutes=2)) <= seen
    assert all(0 < published - time <= MINUTE + 2 * SECOND for _, time, _, published in records)


def test_loss_lateness_and_duplicates_are_as_often_as_asked() -> None:
    ways = Transmission(loss=0.05, late=0.1, lateness=300, twice=0.08)
    town = Town(7, 60, _START, transmission=ways)
    messages = town.messages(_START, _START + _HOURS)
    records = _records(messages)
    seen = {record[:3] for record in records}
    measured = _measured(town, _START, _START + _HOURS - timedelta(minutes=40))
    assert len(measured - seen) / len(measured) == pytest.approx(0.05, abs=0.01)
    assert not [record for record in measured - seen if record[0].endswith("/alarm")]
    packs = Counter((message.topic, message.payload) for message in messages)
    assert set(packs.values()) == {1, 2}
    assert sum(count == 2 for count in packs.values()) / len(packs) == pytest.approx(0.08, abs=0.02)
    late = [published - time for _, time, _, published in records if published - time > 2 * MINUTE]
    assert len(late) / len(records) == pytest.approx(0.1 * 0.72, abs=0.03)
    assert max(late) < 33 * MINUTE


def test_messages_of_adjoining_times_are_those_of_the_whole() -> None:
    town, resumed = Town(7, 40, _START), Town(7, 40, _START)
    whole = town.messages(_START, _START + timedelta(hours=2))
    cut = [
        town.messages(_START + timedelta(minutes=7 * at), _START + timedelta(minutes=7 * at + 7)) for at in range(17)
    ]
    cut.append(town.messages(_START + timedelta(minutes=119), _START + timedelta(hours=2)))
    assert [message for piece in cut for message in piece] == whole
    middle = _START + timedelta(minutes=61)
    later = resumed.messages(middle, _START + timedelta(hours=2))
    assert later == [message for message in whole if message.at >= to_micros(middle)]
    assert [message.at for message in whole] == sorted(message.at for message in whole)


def test_a_gateway_publishes_below_its_own_topic_in_both_forms() -> None:
    town = Town(7, 120, _START)
    messages = town.messages(_START, _START + timedelta(hours=1))
    gateway_of = {device.id: device.gateway for device in town.registry.devices}
    assert {message.topic.split("/")[2] for message in messages} == {"senml", "senml-cbor"}
    for message in messages:
        binary = message.topic.endswith("cbor")
        pack = cbor2.loads(message.payload) if binary else msgspec.json.decode(message.payload)
        for record in pack:
            device = record[0 if binary else "n"].split("/")[0]
            assert gateway_of[device] == message.gateway == message.topic.split("/")[1]


def test_an_alarm_leaves_at_once() -> None:
    town = Town(7, 40, _START, events=[event(Happening.KETTLE_FIRE, "household-002", _START + timedelta(minutes=30))])
    records = _records(town.messages(_START, _START + timedelta(hours=1)))
    name, time, _, published = next(record for record in records if record[0].endswith("/alarm") and record[2] == 1)
    assert name == "sd-002/alarm"
    assert published - time < SECOND


def test_what_waited_for_an_uplink_comes_all_at_once_afterwards() -> None:
    at = _START + timedelta(hours=1)
    back = at + timedelta(hours=8)
    plain = Town(7, 40, _START, transmission=_PERFECT)
    gateway = plain.gateways[0]
    outage = event(Happening.UPLINK, gateway, at, lasting=back - at)
    town = Town(7, 40, _START, transmission=_PERFECT, events=[outage])
    silent = town.messages(at, back)
    assert silent
    assert gateway not in {message.gateway for message in silent}
    burst = [each for each in town.messages(back, back + timedelta(seconds=5)) if each.gateway == gateway]
    held = [each for each in plain.messages(at, back) if each.gateway == gateway]
    assert {each.payload for each in held} <= {each.payload for each in burst}
