"""The town of the dashboard's tests, reached through the Twilio channel and an emulated Twilio behind its proxy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from psycopg.rows import dict_row

from alerts.channels.choice import Channels
from alerts.channels.twilio import TwilioChannel
from alerts.channels.twilio.signature import Signatures
from alerts.escalation import carry_out
from alerts.messages.delivery import claim, deliver
from alerts.messages.links import AnswerLinks
from registry.instants import to_datetime, to_micros
from simulators.twilio.api import make_api
from simulators.twilio.exchange import Exchange
from simulators.twilio.post import Answer, Letter
from simulators.twilio.script import Script, Telephone
from storage.alerts.book import books_on
from storage.sealing import indexed
from storage.views.seals import whole
from tests.integration.dashboards_site import NOON, Site, open_site
from tests.twilio.proxy import ValidatingProxy
from tests.twilio.served import Served, served

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "the account's auth token"
OWN = "+12025550142"
PUBLIC = "https://shouwang.example"
LINKS = AnswerLinks(PUBLIC, "only for tests, at least 32 letters")
CHEN, DAUGHTER, LI_WEI, HUANG = "+8613812340001", "+8613812340011", "+8613812340021", "+8613812340031"
"""The resident of hh-1, her contact, their caseworker and the duty officer."""


@dataclass(slots=True)
class Line:
    """A service and an emulated Twilio that reach each other, and one clock for both."""

    site: Site
    exchange: Exchange
    channel: TwilioChannel
    api: Served

    def says(self, number: str, telephone: Telephone) -> None:
        """Let a telephone behave so from now on."""
        self.exchange.script(number, telephone)

    def pass_time(self, minutes: float = 0, step: float = 10) -> None:
        """Let time pass in steps of some seconds, and everything happen that is due."""
        end = self.site.now + timedelta(minutes=minutes)
        while True:
            self.round()
            if self.site.now >= end:
                return
            self.site.now += timedelta(seconds=step)
            self.exchange.advance(to_micros(self.site.now))

    def round(self) -> None:
        """Carry out the steps that are due and send what is queued."""
        now, opened, made = to_micros(self.site.now), books_on(self.site.pool), {"twilio": self.channel}
        with opened() as book:
            while (due := book.next_due(now)) is not None:
                carry_out(book, due, now, Channels.of(made))
        while (message := claim(opened, made, now)) is not None:
            deliver(opened, made, message, now)

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """Return rows of the service's database, what is sealed in them opened."""
        with self.site.pool.connection() as conn:
            found = conn.cursor(row_factory=dict_row).execute(query.encode(), parameters).fetchall()
        return [whole(row) for row in found]

    def sent(self, phone: str, medium: str) -> list[dict[str, Any]]:
        """Return the messages to a number by a medium, oldest first."""
        return self.rows(
            "SELECT * FROM notification WHERE phone_index = %s AND medium = %s ORDER BY created_at, step",
            indexed(phone),
            medium,
        )

    def status(self, alert: UUID) -> tuple[str, str | None]:
        """Return where an alert stands, and its outcome."""
        [row] = self.rows("SELECT status, outcome FROM alert WHERE id = %s", alert)
        return row["status"], row["outcome"]

    def told(self, alert: UUID, kind: str) -> list[dict[str, Any]]:
        """Return the lines of one kind in an alert's timeline, oldest first."""
        query = "SELECT at, actor, detail FROM alert_event WHERE alert = %s AND kind = %s ORDER BY seq"
        return self.rows(query, alert, kind)

    def heard(self, path: str) -> list[dict[str, str]]:
        """Return what was posted to paths that begin so, oldest first."""
        return [dict(one.form) for one in self.exchange.office.posted if urlsplit(one.url).path.startswith(path)]

    def counted(self, name: str) -> float:
        """Return a counter as /metrics shows it, all labels together."""
        lines = self.site.client.get("/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


@contextmanager
def open_line(
    database: str, *, two_way: bool = True, script: Script | None = None, timeout: float = 5
) -> Iterator[Line]:
    """Serve the town over an empty database, and Twilio beside it, whose answers are waited for so many seconds."""
    with open_site(database, twilio=Signatures(TOKEN, PUBLIC), links=LINKS) as site:

        def carry(letter: Letter) -> Answer:
            """Take a webhook to the service; the clock is the exchange's."""
            site.now = max(site.now, to_datetime(exchange.now))
            parts = urlsplit(letter.url)
            if f"{parts.scheme}://{parts.netloc}" != PUBLIC:
                raise ConnectionRefusedError(letter.url)
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            got = site.client.request(letter.method, path, content=letter.body, headers=dict(letter.headers))
            return Answer(got.status_code, got.headers.get("content-type", ""), got.text)

        inbound = f"{PUBLIC}/webhooks/twilio/inbound"
        exchange = Exchange(ACCOUNT, TOKEN, carry, to_micros(NOON), script, numbers={OWN}, sms_url=inbound)
        with served(ValidatingProxy(make_api(exchange))) as api:
            link = None if two_way else LINKS.to
            channel = TwilioChannel(ACCOUNT, TOKEN, OWN, None, PUBLIC, link, api.url, timeout=timeout)
            yield Line(site, exchange, channel, api)
