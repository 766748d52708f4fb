"""The pipeline that a capable engineer writes in a day: `python -m shouwang.bench.naive`.

An MQTT callback, objects of River's for each sensor, rows written together once a second. It is no straw man: it knows
its sensors, takes registers apart and stores what it found; psycopg sends its rows in one go. It judges nothing by the
clock, forgets everything when it ends, and a message counts as received before it is stored: all of that would cost it
more. It asks `few` questions, three of River's smaller models for each sensor, or `all` that the default rules ask, as
`per_object` does.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any, Protocol

import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion
from river import anomaly, drift, stats

from registry.instants import SECOND
from registry.quantities import Quantity
from shouwang.bench import per_object
from shouwang.bench.per_object.seen import Seen, Watch
from shouwang.bench.stream import Homes

TABLE = """
CREATE TABLE naive_reading (
    sensor integer NOT NULL, time timestamptz NOT NULL, value double precision NOT NULL,
    score double precision NOT NULL, alarm boolean NOT NULL, PRIMARY KEY (sensor, time)
)
"""
_INSERT = "INSERT INTO naive_reading VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
_EVERY = 1.0


class Sensor:
    """What is asked of one sensor: how much is usual, whether that drifts, how long it pauses."""

    def __init__(self, *, register: bool) -> None:
        self._register = register
        self._last: float | None = None
        self._used: float | None = None
        # River publishes few types.
        self._usual: Any = anomaly.QuantileFilter(anomaly.GaussianScorer(grace_period=50), q=0.999)  # type: ignore[no-untyped-call]
        self._drift: Any = drift.PageHinkley()
        self._pauses: Any = stats.Quantile(0.999)

    def judge(self, time: float, value: float) -> tuple[float, bool]:
        """Return how unusual a value is, and whether that is worth an alarm."""
        amount = value
        if self._register:
            amount = 0.0 if self._last is None else value - self._last
            self._last = value
        score = self._usual.score_one(None, amount)
        alarm: bool = self._usual.classify(score)
        self._usual.learn_one(None, amount)
        self._drift.update(amount)
        if amount:
            if self._used is not None:
                self._pauses.update(time - self._used)
            self._used = time
        elif self._used is not None and (longest := self._pauses.get()) is not None:
            alarm = alarm or time - self._used > longest
        return score, alarm or self._drift.drift_detected


class Watched:
    """A sensor of which everything is asked that the default rules ask."""

    def __init__(self, quantity: Quantity, device: int, watches: list[Watch]) -> None:
        self._quantity = quantity
        self._device = device
        self._watches = watches
        self._last: tuple[int, float] | None = None

    def judge(self, time: float, value: float) -> tuple[float, bool]:
        """Return how many questions find a value unusual, and whether any does."""
        at = round(time * SECOND)
        before, register = self._last or (at, value), self._quantity.cumulative
        if self._last is not None and at <= before[0]:
            return 0.0, False  # it comes twice, or too late
        seen = Seen(
            self._quantity, self._device, at, datetime.fromtimestamp(time, UTC).replace(tzinfo=None), before[0],
            at - before[0], value, value - before[1] if register else 0.0, self._last is not None, False, at,
        )  # fmt: skip
        self._last = at, value
        unusual = sum([watch.see(seen) for watch in self._watches])
        return float(unusual), unusual > 0


class Judge(Protocol):
    """What a sensor's readings are shown to."""

    def judge(self, time: float, value: float) -> tuple[float, bool]:
        """Take the next reading, its time in seconds; return a score, and whether it is worth an alarm."""
        ...


class Pipeline:
    """From the callback to the table; objects are made for the first `watched` sensors, those of others are let go."""

    def __init__(self, database: str, questions: str, watched: int) -> None:
        self._conn = psycopg.connect(database)
        table = Homes(watched).table
        of = per_object.watching(table, per_object.asked())
        self._sensors: dict[str, tuple[int, Judge]] = {}
        for number in range(1, len(table)):
            quantity = Quantity(int(table.quantity[number]))
            judge: Judge = Sensor(register=quantity.cumulative)
            if questions == "all":
                judge = Watched(quantity, int(table.device[number]), of(number))
            self._sensors[table.name(number)] = number, judge
        self._rows: list[tuple[int, datetime, float, float, bool]] = []
        self._written = time.monotonic()

    def on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        """Judge a pack's readings; write what has come once a second."""
        for record in json.loads(message.payload):
            self.take(record["n"], record["t"], record["v"])
        self.settle()

    def take(self, name: str, time: float, value: float) -> None:
        """Judge a reading, its time in seconds, and keep its row."""
        known = self._sensors.get(name)
        if known is None:
            return
        number, sensor = known
        score, alarm = sensor.judge(time, value)
        self._rows.append((number, datetime.fromtimestamp(time, UTC), value, score, alarm))

    def settle(self) -> None:
        """Write what has come, once a second."""
        if time.monotonic() - self._written >= _EVERY:
            with self._conn.cursor() as cursor:
                cursor.executemany(_INSERT, self._rows)
            self._conn.commit()
            self._rows.clear()
            self._written = time.monotonic()


def main() -> None:
    """Run until killed; arguments are a broker's host and port, a conninfo, `few` or `all`, and how many sensors."""
    host, port, database, questions, watched = sys.argv[1:]
    pipeline = Pipeline(database, questions, int(watched))
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="naive", protocol=mqtt.MQTTv5)
    client.on_message = pipeline.on_message
    client.on_connect = lambda client, *_: client.subscribe("telemetry/#", qos=1)
    client.on_subscribe = lambda *_: print("ready", flush=True)  # noqa: T201 - the other end of the pipe waits for it
    client.connect(host, int(port))
    client.loop_forever()


if __name__ == "__main__":
    main()
