"""The naive pipeline on Faust, an event for each reading: `python -m shouwang.bench.per_event`.

What Faust's documentation shows: a record in JSON, an agent that goes through the stream event by event. What it does
with each is what `naive.py` does: three of River's smaller models for its sensor, rows written together once a second.
"""

from __future__ import annotations

import asyncio
import sys
from tempfile import TemporaryDirectory

import faust
from faust.types import StreamT

from shouwang.bench.naive import Pipeline


class Reading(faust.Record, serializer="json"):
    """A reading as it lies in Kafka: the sensor's name, seconds since 1970, the value."""

    n: str
    t: float
    v: float


async def follow(servers: str, topic: str, pipeline: Pipeline, folder: str) -> None:
    """Judge a topic's readings from its beginning until killed."""
    app = faust.App(
        topic,
        broker=[f"kafka://{one.strip()}" for one in servers.split(",")],
        store="memory://",
        datadir=folder,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        worker_redirect_stdouts=False,
    )

    async def judge(readings: StreamT[Reading]) -> None:
        async for one in readings:
            pipeline.take(one.n, one.t, one.v)
            pipeline.settle()

    app.agent(app.topic(topic, value_type=Reading))(judge)
    await app.start()
    print("ready", flush=True)  # noqa: T201 - the other end of the pipe waits for it
    await asyncio.Event().wait()


def main() -> None:
    """Run until killed; arguments are Kafka's servers, a topic, a conninfo and how many sensors."""
    servers, topic, database, watched = sys.argv[1:]
    with TemporaryDirectory(prefix="shouwang-bench-faust-") as folder:
        asyncio.run(follow(servers, topic, Pipeline(database, "few", int(watched)), folder))


if __name__ == "__main__":
    main()
