"""`shouwang bench workers`: two real workers, a real Kafka, one of them killed."""

from __future__ import annotations

from confluent_kafka.admin import AdminClient

from shouwang.bench.workers import Options, run


def test_two_workers_are_measured_and_one_takes_over(kafka: str) -> None:
    said: list[str] = []
    options = Options(
        kafka, (2,), ("shanghai-12h",), partitions=2, sensors=300, seconds=0.5, warm_up=0.0, envelope=20, most=400_000,
        peer=1.0,
    )  # fmt: skip
    report = run(options, said.append)
    [one] = report.runs
    assert one.workers == 2
    assert one.readings > 0
    assert one.spent["workers"] > 0
    assert one.takeover_seconds is not None
    assert one.takeover_seconds > 0
    assert said[0] == "shanghai-12h: 2 workers"
    [faust] = report.peers
    assert faust.rows > 0
    assert faust.spent["Faust"] > 0
    assert report.to_json()["peers"][0]["ratio"] == round(one.per_second / faust.per_second, 1)
    assert not [
        topic for topic in AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=10).topics if "bench" in topic
    ]
