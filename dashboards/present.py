"""From rows to what readers see: an alert with its sentence, a task with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.shapes.alerts import Alert, AlertStory, Event, Incident, Notification, Step, Task
from dashboards.shapes.handsets import Call
from dashboards.shapes.telemetry import Bucket, Reading, Refused
from dashboards.shapes.terms import severity_word
from dashboards.words import phrases
from dashboards.words.languages import translator
from detectors.explanation import sentence
from detectors.finding import Kind
from registry.readings import Flag
from storage.views import Row


def alert(row: Row, language: str) -> Alert:
    """Return an alert as the API shows it."""
    return Alert.model_validate(_alert(row, language))


def story(
    row: Row,
    language: str,
    *,
    timeline: Sequence[Row],
    steps: Sequence[Row],
    notifications: Sequence[Row],
    tasks: Sequence[Row],
) -> AlertStory:
    """Return an alert with all that ever happened to it."""
    return AlertStory(
        **Alert.model_validate(_alert(row, language)).model_dump(),
        timeline=[Event.model_validate(event) for event in timeline],
        steps=[Step.model_validate(step) for step in steps],
        notifications=[Notification.model_validate(one) for one in notifications],
        tasks=[task(one, language) for one in tasks],
    )


def task(row: Row, language: str) -> Task:
    """Return a task as the API shows it."""
    return Task.model_validate(
        {
            **row,
            "severity": severity_word(row["severity"]),
            "sentence": sentence(Kind(row["alert_kind"]), row["facts"], language, row["zone"]),
        }
    )


def incident(row: Row, language: str) -> Incident:
    """Return an incident as the API shows it."""
    return Incident.model_validate(
        {
            **row,
            "gateway": row["source"] or None,
            "status": "open" if row["ended_at"] is None else "ended",
            "sentence": sentence(Kind.OUTAGE, row["facts"], language, row["zone"]),
        }
    )


def call(row: Row) -> Call:
    """Return an SMS or a call as the API shows it."""
    return Call.model_validate(row)


def reading(row: Row) -> Reading:
    """Return a reading as it was sent, with its flags in words."""
    flags = [str(flag.name).lower() for flag in Flag if row["flags"] & flag]
    return Reading(time=row["time"], value=row["value"], use=row["use"], flags=flags)


def bucket(row: Row) -> Bucket:
    """Return a stretch of readings, empty where nothing was reported."""
    return Bucket.model_validate(row)


def refused(row: Row) -> Refused:
    """Return a refused message; its payload as text, what is no UTF-8 with backslashes."""
    payload = row["payload"]
    text = None if payload is None else bytes(payload).decode("utf-8", "backslashreplace")
    return Refused.model_validate({**row, "payload": text})


def sentence_of(row: Row, language: str) -> str:
    """Return the sentence of an alert's row."""
    return sentence(Kind(row["kind"]), row["facts"], language, row["zone"])


def _alert(row: Row, language: str) -> dict[str, Any]:
    action = row["next_action"]
    return {
        **row,
        "severity": severity_word(row["severity"]),
        "sentence": sentence_of(row, language),
        # A source is stored as `{rule} {source}`: two rules may see the same on one sensor.
        "sources": sorted({key.rpartition(" ")[2] for key in row["sources"]}),
        "next_step": phrases.step(translator(language), action) if action else None,
    }
