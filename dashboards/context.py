"""All that the dashboards need of the rest of the house, handed over as one value: no globals."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Protocol

from fastapi import Depends
from prometheus_client import CollectorRegistry
from psycopg import Connection
from psycopg_pool import ConnectionPool
from starlette.requests import HTTPConnection

from alerts.book import AlertBook
from alerts.channels.choice import ONLY_HANDSETS, Channels
from alerts.channels.twilio.signature import Signatures
from alerts.ladders.policy import Policies
from alerts.ladders.policy_file import built_in
from alerts.messages.links import AnswerLinks
from dashboards.experiment import Laboratory
from dashboards.pictures.tiles import Tiles
from dashboards.readiness import Readiness
from dashboards.signin.oidc import Provider
from detectors.budget import FALSE_VISITS


class Subscription(Protocol):
    """One viewer's ear at the event source."""

    async def wait(self, patience: float) -> bool:
        """Return True when something changed since the last call, False after that many seconds of quiet."""
        ...


class Events(Protocol):
    """Where the pages hear that alerts, tasks or handsets changed."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """Listen for as long as the application serves."""
        ...

    def subscribe(self) -> Subscription:
        """Return an ear of its own for one viewer; it hears from now on, until it is dropped."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What `create_app` is given.

    `now` is the engine's clock (aware, UTC) and `speed` how many of its seconds pass in a real one; `book` opens
    the alert book on a connection; `zone` (IANA) is what the clock on the pages shows; `metrics` is where the
    whole process counts; `policies` are the ladders that new alerts climb. `pool` gives autocommitting connections
    with the session in UTC. `twilio` checks Twilio's webhooks and `links` reads the signed links in
    SMS; None where there are none. `channels` are those that messages leave by. `false_visits_per_1000_days` are
    accepted; `tiles` are what maps lie on, None where they lie on nothing.
    """

    pool: ConnectionPool
    now: Callable[[], datetime]
    speed: float
    ready: Callable[[], Readiness]
    embedded: bool
    events: Events
    book: Callable[[Connection], AlertBook]
    zone: str = "Asia/Shanghai"
    metrics: CollectorRegistry = field(default_factory=CollectorRegistry)
    policies: Policies = field(default_factory=built_in)
    twilio: Signatures | None = None
    links: AnswerLinks | None = None
    channels: Channels = ONLY_HANDSETS
    false_visits_per_1000_days: float = 1000 * FALSE_VISITS
    tiles: Tiles | None = None
    oidc: Provider | None = None
    """The organisation's own sign-in, None where there are only accounts of this service."""
    second_factor: bool = False
    """Whether everybody with an account of this service is asked for one."""
    laboratory: Laboratory | None = None
    """Where the detection lab tries rules, None where there is none."""


def context_of(connection: HTTPConnection) -> Context:
    """Return the context that the application was created with."""
    context: Context = connection.app.state.context
    return context


Given = Annotated[Context, Depends(context_of)]
"""The context, as an argument of an endpoint."""
