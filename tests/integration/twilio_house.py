"""The whole service on PostgreSQL, and Twilio emulated behind the validating proxy: what is said, heard and pressed.

The escalation loop, the web application with its webhooks and the emulator run on one clock that a test turns. The
channel speaks to the emulator over a real socket; the emulator posts to the web application in this process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from uuid import UUID

from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from psycopg_pool import ConnectionPool

from alerts.channels.twilio import TwilioChannel, paths
from alerts.channels.twilio.signature import Signatures
from alerts.escalation import take
from alerts.ladders.policy import Policies
from alerts.ladders.policy_file import built_in
from alerts.model import Alert, NotificationStatus, StepStatus
from dashboards.app import Check, Context, create_app
from dashboards.context import Subscription
from detectors.finding import Finding
from registry.instants import SECOND, to_datetime
from shouwang.escalating import Escalating, EscalationMetrics
from simulators.twilio.api import make_api
from simulators.twilio.exchange import Exchange
from simulators.twilio.post import Answer, Letter
from simulators.twilio.script import Telephone
from storage import tokens
from storage.alerts.book import PostgresAlertBook, books_on
from storage.database import open_pool
from storage.views.seals import whole
from tests.alerts_tables import Tables, settle_street
from tests.alerts_world import NOON
from tests.integration.engine_house import HandClock
from tests.twilio.proxy import ValidatingProxy
from tests.twilio.served import Served, served
from tests.twilio.town import ACCOUNT, OWN, SERVICE, TOKEN

_TURNS = 1000
"""Rounds at one instant after which something is going round in a circle."""


@dataclass
class House:
    """A street whose people are reached through Twilio."""

    tables: Tables
    clock: HandClock
    exchange: Exchange
    proxy: ValidatingProxy
    api: Served
    loop: Escalating
    web: TestClient
    pool: ConnectionPool
    metrics: CollectorRegistry
    policies: Policies = field(default_factory=built_in)

    @property
    def now(self) -> int:
        return self.exchange.now

    def takes(self, *findings: Finding, policies: Policies | None = None) -> UUID:
        """Raise an alert and do what is due at once."""
        with books_on(self.pool)() as book:
            [alert, *_] = take(book, findings, self.now, policies or self.policies)
        self._settle()
        return alert

    def says(self, number: str | None, telephone: Telephone) -> None:
        """Let a telephone behave so from now on."""
        assert number is not None
        self.exchange.script(number, telephone)

    def texts(self, number: str | None, body: str) -> None:
        """Let somebody send an SMS of their own."""
        assert number is not None
        self.exchange.text(number, body, OWN)
        self.look()

    def wait(self, seconds: float) -> None:
        """Let time pass, stopping wherever anything is due in the service or at the provider."""
        end = self.now + round(seconds * SECOND)
        while self.now < end:
            at = min([end, *(due for due in self._dues() if due > self.now)])
            self.clock.moment = to_datetime(at)
            self.exchange.advance(at)
            self._settle()
        self.look()

    def look(self) -> None:
        """Do everything that is due now, and let the auditor look: nobody may be forgotten."""
        self._settle()
        self.loop.look_after()
        assert self.loop.violations == []

    def _settle(self) -> None:
        for _ in range(_TURNS):
            done = self.loop.once()
            self.exchange.advance(self.now)
            if not done:
                break
        else:
            raise AssertionError("the service does not come to rest")

    def alert(self) -> Alert:
        (one,) = self.tables.all_alerts()
        return one

    def heard(self, since: int = NOON) -> list[tuple[int, str, str]]:
        """Return (seconds since noon, who, sms or call) of everything the provider was asked to send, in order."""
        people = [whole(one) for one in self.tables.rows("SELECT id, phone FROM person")]
        numbers = {one["phone"]: one["id"] for one in people}
        sent = [
            (one.created, numbers[one.to], "sms")
            for one in self.exchange.messages.values()
            if one.direction == "outbound-api"
        ]
        sent += [(one.created, numbers[one.to], "call") for one in self.exchange.calls.values()]
        return [((at - NOON) // SECOND, who, how) for at, who, how in sorted(sent) if at >= since]

    def told_back(self, number: str | None) -> list[str]:
        """Return the SMS that answered somebody's own."""
        messages = self.exchange.messages.values()
        return [one.body for one in messages if one.direction == "outbound-reply" and one.to == number]

    def story(self) -> list[str]:
        return [event.kind.value for event in self.tables.all_events(self.alert().id)]

    def by(self, kind: str) -> list[str]:
        """Return who did a thing, by the timeline."""
        return [event.actor for event in self.tables.all_events(self.alert().id) if event.kind.value == kind]

    def desk(self, role: str = "officer") -> dict[str, str]:
        """Return the header of a token."""
        with self.pool.connection() as conn:
            return {"Authorization": f"Bearer {tokens.create(conn, role, '', 'desk')}"}

    def conforms(self) -> None:
        """Check what must be true at the end of every story."""
        assert self.proxy.violations == []
        assert self.proxy.passed > 0
        assert self.exchange.debugger == []
        refused = [one for one in self.exchange.office.posted if one.status is None or one.status >= 300]
        assert refused == []
        for what in ("step", "message", "call", "storm", "audit", "round", "report"):
            failed = self.metrics.get_sample_value("shouwang_escalation_failures_total", {"what": what})
            assert not failed, what
        bodies = [one.body for one in self.exchange.messages.values() if one.direction == "outbound-api"]
        assert len(bodies) == len(set(bodies)), "an SMS went out twice"  # each ends with its own reference
        left = [one for one in self.tables.all_notifications() if one.status is NotificationStatus.QUEUED]
        assert all(one.next_attempt_at > self.now for one in left)
        sent = {NotificationStatus.SENT, NotificationStatus.DELIVERED, NotificationStatus.MISSED}
        called = [one for one in self.tables.all_notifications() if one.status in sent and one.medium.value == "call"]
        assert len({one.reference for one in called}) == len(called)
        assert {one.reference for one in called} <= set(self.exchange.calls)

    def _dues(self) -> Iterator[int]:
        if (at := self.exchange.next_at()) is not None:
            yield at
        for alert in self.tables.all_alerts():
            yield from (one.due for one in self.tables.all_steps(alert.id) if one.status is StepStatus.PENDING)
        for one in self.tables.all_notifications():
            if one.status is NotificationStatus.QUEUED:
                yield one.next_attempt_at


class _Nobody:
    """No viewers: nobody looks at the pages in these stories."""

    def running(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    def subscribe(self) -> Subscription:
        raise NotImplementedError


def _context(pool: ConnectionPool, clock: HandClock, metrics: CollectorRegistry) -> Context:
    return Context(
        pool=pool,
        now=clock.now,
        speed=1.0,
        ready=lambda: {"database": Check(ok=True)},
        embedded=True,
        events=_Nobody(),
        book=PostgresAlertBook,
        metrics=metrics,
        twilio=Signatures(TOKEN, SERVICE),
    )


@contextmanager
def open_house(database: str) -> Iterator[House]:
    """Settle the street in an empty database and connect it."""
    clock = HandClock(to_datetime(NOON))
    metrics = CollectorRegistry()

    def carry(letter: Letter) -> Answer:
        if not letter.url.startswith(SERVICE):
            raise ConnectionRefusedError(letter.url)
        said = web.request(letter.method, letter.url, content=letter.body, headers=dict(letter.headers))
        return Answer(said.status_code, said.headers.get("content-type", ""), said.text)

    exchange = Exchange(ACCOUNT, TOKEN, carry, NOON, numbers={OWN}, sms_url=SERVICE + paths.INBOUND)
    proxy = ValidatingProxy(make_api(exchange))
    with open_pool(database, size=6) as pool, served(proxy) as api:
        with pool.connection() as conn:
            settle_street(conn)
        channel = TwilioChannel(ACCOUNT, TOKEN, OWN, None, SERVICE, base_url=api.url, timeout=1.5)
        loop = Escalating(
            database, books_on(pool), {channel.name: channel}, clock, threading.Event(), EscalationMetrics(metrics)
        )
        with TestClient(create_app(_context(pool, clock, metrics)), base_url=SERVICE) as web:
            yield House(Tables(pool), clock, exchange, proxy, api, loop, web, pool, metrics)
