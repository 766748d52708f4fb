"""A backtest as JSON: every alert with the names of the REST API, what was injected, and the summary."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from alerts.life.episodes import Episode
from detectors.explanation import sentence
from detectors.finding import Phase
from registry.instants import SECOND, to_datetime
from shouwang.backtest.inject import Befallen
from shouwang.backtest.report import Report, Said
from shouwang.backtest.summary import Count, Found, counts, found, levels, lines
from shouwang.backtest.trials import Played

_Json = dict[str, Any]


def write(report: Report, out: Path, language: str = "en") -> None:
    """Write `as_json` to a file."""
    text = json.dumps(as_json(report, language), ensure_ascii=False, indent=1, allow_nan=False)
    out.write_text(text + "\n", encoding="utf-8")


def as_json(report: Report, language: str = "en") -> _Json:
    """Return the whole report; rates are false alarms a household-year, delays seconds in events, hours in summaries.

    An episode that has not ended is `suppressed`: a recording is the past, and wakes nobody.
    """
    return {
        "alerts": [_alert(report, said.rules, one, language) for said in report.sets for one in said.alerts],
        "summary": [_count(said.rules, one) for said in report.sets for one in counts(said, report)],
        "levels": [
            {
                "rules": said.rules, "rule": one.rule, "kind": one.kind.value, "asked": one.asked,
                "measured": _round(one.measured), "measured_from_second_month": _round(one.settled),
            }
            for said in report.sets for one in levels(said, report)
        ],
        "incidents": [one for said in report.sets for one in _incidents(said)],
        "injected": [_injected(report, one) for one in report.played],
        "delays": [_found(one) for one in found(report)],
        "matched": _matched(report),
        "recording": {
            "readings": report.readings,
            "late": report.late,
            "households": len(report.households),
            "household_years": _round(report.household_years),
            "coverage": _round(report.coverage),
        },
        "notices": list(report.notices),
    }  # fmt: skip


def _alert(report: Report, rules: str, one: Episode, language: str) -> _Json:
    return {
        "id": str(one.id),
        "household": one.household,
        "kind": one.kind.value,
        "severity": one.severity.label,
        "status": "suppressed" if one.ended_at is None else "closed",
        "onset": _iso(one.onset),
        "raised_at": _iso(one.raised_at),
        "ended_at": None if one.ended_at is None else _iso(one.ended_at),
        "sentence": sentence(one.kind, one.facts, language, report.households[one.household].zone),
        "held_by": None,
        "next_step_at": None,
        "rules": rules,
        "rule": one.rule,
        "score": _round(one.score),
        "levels": [
            {"severity": level.severity.label, "rate": level.rate, "raised_at": _iso(level.raised_at)}
            for level in one.levels
        ],
    }


def _incidents(said: Said) -> list[_Json]:
    last = {one.id: one for one in said.incidents}
    return [
        {
            "id": str(one.id),
            "rules": said.rules,
            "cause": one.cause.value,
            "area": one.area,
            "source": one.source,
            "onset": _iso(one.onset),
            "ended_at": _iso(one.time) if one.phase is Phase.CLEARED else None,
            "homes": one.homes,
            "of": one.of,
        }
        for one in last.values()
    ]


def _count(rules: str, one: Count) -> _Json:
    return {
        "rules": rules,
        "rule": one.rule,
        "kind": one.kind.value,
        "alerts": one.alerts,
        "household_years": _round(one.years),
        "per_household_year": _round(one.per_year),
        "per_1000_household_days": _round(one.per_1000_days),
        "per_household_year_from_second_month": _round(one.settled_per_year),
    }


def _injected(report: Report, one: Played) -> _Json:
    first: dict[str, float | None] = {}
    standing: list[str] = []
    for voice, said in enumerate(report.said):
        if said.rule is None:
            own = [answer.delay for answer in one.answers if answer.voice == voice]
            first[said.rules] = min(own) / SECOND if own else None
            standing += [said.rules] if any(number == voice for number, _, _ in one.standing) else []
    return {
        "household": one.household,
        "at": _iso(one.at),
        "kind": one.kind.value,
        "amount": _round(one.amount) if one.kind is Befallen.LEAK else None,
        "delay": first,
        "standing": standing,
    }


def _found(one: Found) -> _Json:
    return {
        "rules": one.rules,
        "rule": one.rule,
        "asked": one.asked,
        "kind": one.kind.value,
        "events": one.delays.events,
        "per_household_year": _round(one.false),
        "median": _round(one.delays.quantile(0.5)),
        "p90": _round(one.delays.quantile(0.9)),
        "within_24_h": _round(one.delays.within(24)),
        "within_48_h": _round(one.delays.within(48)),
    }


def _matched(report: Report) -> list[_Json]:
    return [
        {"rules": line.rules, "rule": line.rule, "rate": at.rate, "median": _round(at.median), "p90": _round(at.p90)}
        for line in lines(report)
        for at in line.matched
    ]


def _round(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 6)


def _iso(micros: int) -> str:
    return to_datetime(micros).isoformat().replace("+00:00", "Z")
