"""Promises 2 and 3 under fire: three loops on one database, killed at random, and every effect exactly once."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from alerts.escalation import take
from alerts.ladders.policy import Action, Do, OnReturn, Policies, Policy, Rule, Rung
from alerts.messages.delivery import LEASE, SAID_AGAIN
from alerts.storms.storm import Limits
from detectors.finding import Finding, Kind, Phase, Severity
from registry.instants import DAY, SECOND, to_micros
from shouwang import auditing
from storage.alerts.book import PostgresAlertBook
from storage.sealing import opened, sealed
from tests.e2e.service import COMMAND, until

_NEVER = threading.Event()

HOMES = 300
LOOPS = 3
KILLS = 12
SEED = 20261122
HEAD_START = 6 * SECOND
"""Until the first step is due: the loops are at work by then."""

# Due two seconds apart. Each home has a resident, two contacts, a caseworker and a duty officer.
_LADDER: list[tuple[Do, str, str]] = [
    (Do.SMS, "resident", "check"),
    (Do.CALL, "resident", "check"),
    (Do.VISIT, "caseworker", "visit"),
    (Do.SMS, "contact-3", "contact"),  # there is none: nobody is reached, and the next step is due at once
    (Do.REVIEW, "caseworker", ""),
    (Do.PREFERRED, "contacts", "contact"),
    (Do.SMS, "contact-4", "contact"),
    (Do.SMS, "duty_officer", "officer"),
    (Do.CALL, "contact-3", "contact"),
    (Do.CALL_TASK, "caseworker", ""),
    (Do.SMS, "contact-4", "contact"),
    (Do.VISIT, "caseworker", "visit"),  # planned already: it is recalled
    (Do.SMS, "contact-1", "contact"),
    (Do.CALL, "contact-4", "contact"),
    (Do.SMS, "contact-3", "contact"),
    (Do.CALL, "contact-2", "contact"),
    (Do.VISIT, "caseworker", "visit"),
]
_SENT_BY = {  # step: whom it writes to, and how
    1: ["r sms"], 2: ["r call"], 3: ["w sms"], 6: ["a sms", "b call"], 8: ["o sms"], 12: ["w sms"], 13: ["a sms"],
    16: ["b call"], 17: ["w sms"],
}  # fmt: skip
_TASKS = {3: "visit", 5: "review", 10: "call_task"}
_ONCE = ("notified", "sent", "delivered", "missed", "task_planned", "task_recalled", "reached_nobody")
"""What a timeline tells once of each message, task or step."""


class Loop:
    """One `shouwang escalate` that is killed and started again."""

    def __init__(self, conninfo: str, log: Path) -> None:
        self._environment = {key: value for key, value in os.environ.items() if not key.startswith("SHOUWANG_")}
        self._environment |= {"SHOUWANG_DATABASE_URL": conninfo, "SHOUWANG_VISITS_PER_1000_A_DAY": "1000000"}
        self._environment["SHOUWANG_SEAL_KEYS"] = os.environ["SHOUWANG_SEAL_KEYS"]
        self._log = log
        self.start()

    def start(self) -> None:
        self._said = len(self.log) if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "escalate"], stdout=log, stderr=log, env=self._environment, cwd=self._log.parent
            )

    @property
    def at_work(self) -> bool:
        assert self._process.poll() is None, f"it stopped by itself: {self.log[-3000:]}"
        return "escalation is at work" in self.log[self._said :]

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(30)


@contextmanager
def _loops(conninfo: str, folder: Path) -> Iterator[list[Loop]]:
    made: list[Loop] = []
    try:
        made += [Loop(conninfo, folder / f"escalate{number}.log") for number in range(LOOPS)]
        yield made
    finally:
        for loop in made:
            loop.kill()


def _settle(conn: psycopg.Connection) -> None:
    """Register homes, each in a city of its own: what befalls one is no storm over others."""
    with conn.transaction(), conn.cursor() as cursor:
        for n in range(HOMES):
            home, area, phone = f"home-{n:03}", f"{n:03}0", f"+86138{n:04}"
            cursor.execute("INSERT INTO area (code, level, name) VALUES (%s, 'city', '')", (area,))
            cursor.execute(
                "INSERT INTO household (id, area, zone, language, category, risk) "
                "VALUES (%s, %s, 'Asia/Shanghai', 'en', 'elderly_alone', 'high')",
                (home, area),
            )
            for who, role, lives, serves, channel in (
                ("r", "resident", home, None, "sms"),
                ("a", "contact", None, None, "sms"),
                ("b", "contact", None, None, "call"),
                ("w", "caseworker", None, area, "sms"),
                ("o", "duty_officer", None, area, "call"),
            ):
                key = f"{who}-{n:03}"
                number = sealed("person.phone", key, f"{phone}{ord(who):04}")
                cursor.execute(
                    "INSERT INTO person (id, name, role, household, area, phone, language, channel) "
                    "VALUES (%s, %s, %s, %s, %s, %s, 'en', %s)",
                    (key, who, role, lives, serves, number, channel),
                )
            cursor.execute("UPDATE household SET caseworker = %s WHERE id = %s", (f"w-{n:03}", home))
            for position, who in enumerate("ab", 1):
                cursor.execute(
                    "INSERT INTO contact (household, position, person) VALUES (%s, %s, %s)",
                    (home, position, f"{who}-{n:03}"),
                )


def _raise_alerts(conn: psycopg.Connection, now: int) -> None:
    rungs = tuple(
        Rung(
            HEAD_START + 2 * at * SECOND,
            Action(do, who, message, DAY if do in (Do.VISIT, Do.REVIEW, Do.CALL_TASK) else 0),
        )
        for at, (do, who, message) in enumerate(_LADDER)
    )
    ladder = Policy("chaos", OnReturn.REVIEW, DAY, rungs)
    policies = Policies((Rule(ladder, frozenset(Kind), frozenset(Severity)),))
    findings = [
        Finding(
            household=f"home-{n:03}",
            kind=Kind.INACTIVITY,
            rule="chaos",
            source=f"meter-{n:03}/volume",
            phase=Phase.RAISED,
            severity=Severity.URGENT,
            onset=now - DAY,
            time=now,
            score=1.0,
            facts={"window": 43200, "limit": 10.0},
        )
        for n in range(HOMES)
    ]
    with conn.transaction():
        assert len(take(PostgresAlertBook(conn), findings, now, policies, Limits(fewest=10 * HOMES))) == HOMES


def _reign_of_terror(loops: list[Loop], conn: psycopg.Connection) -> tuple[int, float]:
    """Kill a loop at each of some random points of the work and start it again; return kills, seconds without any."""
    chance = random.Random(SEED)
    total = HOMES * len(_LADDER)
    points = sorted(chance.uniform(0.01, 0.6) * total for _ in range(KILLS))
    kills, nobody_since, downtime = 0, None, 0.0
    while True:
        now = time.monotonic()
        working = [loop for loop in loops if loop.at_work]
        if not working and nobody_since is None:
            nobody_since = now
        elif working and nobody_since is not None:
            downtime, nobody_since = downtime + now - nobody_since, None
        [(ran,)] = _rows(conn, f"SELECT count(*) FROM step WHERE status = 'done' AND no <= {len(_LADDER)}")
        if ran >= total:
            return kills, downtime
        if kills < KILLS and working and ran >= points[kills]:
            victim = chance.choice(working)
            victim.kill()
            victim.start()
            kills += 1
        _NEVER.wait(0.05)


def _longest_idle(ran: list[tuple[float, float]]) -> float:
    """Return the longest time, in seconds, for which nothing at all was done while some step was due.

    A slow machine makes steps late by being busy; only a step that was forgotten or held by the dead waits for nothing.
    """
    moments = np.array(sorted(ran_at for _, ran_at in ran))
    longest = 0.0
    for due, ran_at in ran:
        after, before = np.searchsorted(moments, [due, ran_at])
        within = np.concatenate([[due], moments[after:before], [max(due, ran_at)]])
        longest = max(longest, float(np.diff(within).max()))
    return longest


def _held_up(ran: list[tuple[float, float]]) -> float:
    """Return by how many seconds a step was later than the queue before it explains, at worst.

    Three loops that forget nothing run what is due in its order: the n-th to fall due at the n-th moment anything ran.
    A slow machine stretches all of these moments. On one that keeps up, this is how late the latest was.
    """
    dues, moments = np.sort([due for due, _ in ran]), np.sort([ran_at for _, ran_at in ran])
    queue = np.maximum(moments - dues, 0.0)
    return max(ran_at - due - float(queue[np.searchsorted(dues, due, "right") - 1]) for due, ran_at in ran)


def _rows(conn: psycopg.Connection, query: str) -> list[tuple[Any, ...]]:
    return conn.execute(query.encode()).fetchall()


@pytest.mark.timeout(600)
def test_promise_3_three_loops_killed_at_random_do_every_step_exactly_once(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = HOMES * len(_LADDER)
    with psycopg.connect(database, autocommit=True, options="-c timezone=UTC") as conn:
        _settle(conn)
        with _loops(database, tmp_path) as loops:
            until(lambda: all(loop.at_work for loop in loops), "three loops are at work", 180)
            began = time.monotonic()
            _raise_alerts(conn, to_micros(datetime.now(UTC)))
            kills, downtime = _reign_of_terror(loops, conn)

            def over() -> bool:
                [(left,)] = _rows(
                    conn,
                    f"SELECT (SELECT count(*) FROM step WHERE status = 'pending' AND no <= {len(_LADDER)})"
                    " + (SELECT count(*) FROM notification WHERE status = 'queued')"
                    " + (SELECT count(*) FROM handset_message WHERE status = 'ringing')",
                )
                return not left

            until(over, "everything that was due is done", 400)
            took = time.monotonic() - began
            found = auditing.examined(conn, to_micros(datetime.now(UTC)), 1.0)

        ladder = f"no <= {len(_LADDER)}"
        assert _rows(conn, f"SELECT count(*), count(ran_at) FROM step WHERE {ladder} AND status = 'done'") == [
            (steps, steps)
        ]
        homes = [f"{n:03}" for n in range(HOMES)]
        expected = sorted(
            (f"home-{n}", step, f"{who[0]}-{n}", who[2:])
            for n in homes
            for step, those in _SENT_BY.items()
            for who in those
        )
        messages = _rows(
            conn,
            "SELECT alert.household, step, person, medium FROM notification "
            f"JOIN alert ON alert.id = notification.alert WHERE step <= {len(_LADDER)}",
        )
        assert sorted(messages) == expected
        on_handsets = _rows(
            conn,
            "SELECT alert.household, n.step, m.person, m.medium FROM handset_message m "
            f"JOIN notification n ON n.id = m.id JOIN alert ON alert.id = n.alert WHERE step <= {len(_LADDER)}",
        )
        # A message whose loop was killed is tried again when its lease is over, unless its person has been told the
        # same by then.
        later = _rows(
            conn,
            "SELECT alert.household, n.step, n.person, n.medium, n.id, n.text, newer.id, newer.text "
            "FROM notification n JOIN alert ON alert.id = n.alert JOIN notification newer ON newer.alert = n.alert "
            "JOIN handset_message m ON m.id = newer.id "
            f"WHERE n.status = 'cancelled' AND n.error = '{SAID_AGAIN}' AND newer.step > n.step "
            "AND (newer.person, newer.medium) = (n.person, n.medium)",
        )
        told_since = {
            tuple(about)
            for *about, one, text, other, words in later
            if opened("notification.text", one, text) == opened("notification.text", other, words)
        }
        assert len(set(on_handsets)) == len(on_handsets)
        assert sorted({*on_handsets, *told_since}) == expected
        statuses = Counter(status for (status,) in _rows(conn, "SELECT status FROM notification"))
        assert set(statuses) <= {"delivered", "missed", "cancelled"}
        assert statuses["cancelled"] == len(told_since) <= KILLS
        tasks = _rows(conn, f"SELECT household, step, kind FROM task WHERE step <= {len(_LADDER)}")
        assert sorted(tasks) == sorted((f"home-{n}", step, kind) for n in homes for step, kind in _TASKS.items())

        told = _rows(
            conn,
            "SELECT alert, kind, detail ->> 'step', detail ->> 'person', detail ->> 'medium', detail ->> 'task' "
            f"FROM alert_event WHERE kind IN {_ONCE} GROUP BY 1, 2, 3, 4, 5, 6 HAVING count(*) > 1",
        )
        assert told == []
        [(gaps,)] = _rows(
            conn,
            "SELECT count(*) FROM (SELECT max(seq) - count(*) AS gap FROM alert_event GROUP BY alert) t WHERE gap <> 0",
        )
        assert gaps == 0

        ran = _rows(
            conn,
            "SELECT extract(epoch FROM due)::double precision, extract(epoch FROM ran_at)::double precision "
            f"FROM step WHERE {ladder}",
        )
        late = sorted(ran_at - due for due, ran_at in ran)
        idle = _longest_idle(ran)
        held_up = _held_up(ran)
        lease = LEASE / SECOND
        drained = max(ran_at for _, ran_at in ran) - max(due for due, _ in ran)
        assert idle <= lease + downtime
        assert held_up <= lease + downtime
        assert late[-1] <= lease + downtime or drained > lease, "this machine keeps up, and a step was late by a lease"
        assert {one.flaw.value for one in found} <= {"late_step"}
        tried_again = _rows(conn, "SELECT count(*) FROM notification WHERE attempts > 1")[0][0]
    assert kills == KILLS
    figures = (
        f"{steps} steps, {len(messages)} messages and {len(tasks)} tasks in {took:.0f} s with {kills} kills: "
        f"each once; {tried_again} messages tried again; lateness median {late[len(late) // 2]:.2f} s, "
        f"99 % {late[int(0.99 * len(late))]:.1f} s, worst {late[-1]:.1f} s, of which {idle:.1f} s waiting for nothing "
        f"and {held_up:.1f} s behind its turn; "
        f"{downtime:.1f} s without any loop"
    )
    with capsys.disabled():
        sys.stdout.write(f"\n{figures}\n")
