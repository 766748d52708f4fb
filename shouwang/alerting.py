"""Alerts put together: the loop that climbs, with every channel there is. It needs neither the engine nor the web.

That it does not load them matters: a process that is killed is back at work in a second.
"""

from __future__ import annotations

import threading

import structlog
from prometheus_client import CollectorRegistry
from psycopg_pool import ConnectionPool

from alerts.book import Books
from alerts.channels.apprise import AppriseChannel
from alerts.channels.choice import HANDSET, Channels
from alerts.channels.handset import RINGS, HandsetChannel
from alerts.channels.port import Channel
from alerts.channels.webhook import WebhookChannel
from alerts.people import Medium
from alerts.tasks.cap import Cap
from registry.instants import SECOND
from shouwang import seal_keys, telephony
from shouwang.clock import Clock, LiveClock
from shouwang.escalating import Escalating, EscalationMetrics
from shouwang.handing_over import HandingOver
from shouwang.heartbeat import Heartbeat
from shouwang.process import database_of, serve_metrics, told_to_stop
from shouwang.settings import Settings
from storage.alerts.book import books_on
from storage.database import connect, open_pool
from storage.migrate import check_schema
from storage.unreachable import unreachable_households

log = structlog.get_logger(__name__)

_NAMED = 5
"""How many households a warning names."""
_SEEN_SECONDS = 5
"""How long a call rings at least in real time, however fast the town's clock runs, so that somebody can see it."""


def run_escalate(settings: Settings, metrics_port: int | None) -> None:
    """Climb the ladders until told to stop; any number of these may run."""
    seal_keys.require(settings)
    database, stop, metrics = database_of(settings), threading.Event(), CollectorRegistry()
    with connect(database) as conn:
        check_schema(conn)
    with open_pool(database, size=4, name="shouwang escalate") as pool, told_to_stop(stop.set):
        serve_metrics(metrics_port, metrics)
        log.info("escalation is at work")
        loop = escalating(database, pool, LiveClock(), stop, metrics, settings.cap, settings.heartbeat_url, settings)
        loop.run()


def escalating(
    database: str,
    pool: ConnectionPool,
    clock: Clock,
    stop: threading.Event,
    metrics: CollectorRegistry,
    cap: Cap | None = None,
    heartbeat: str | None = None,
    settings: Settings | None = None,
    *,
    town: bool = False,
) -> Escalating:
    """Return the loop that climbs the ladders, with every channel there is; `cap` limits the visits of a day.

    `heartbeat` is the URL that the auditor asks for while all is well. In a `town` nobody outside it is reached, nor
    without `settings`.

    Raises:
        SettingsError: that is no URL.
    """
    opened = books_on(pool)
    warn_of_the_unreachable(pool)
    ways = channels(None if town else settings, opened, clock)
    return Escalating(
        database,
        opened,
        ways,
        clock,
        stop,
        EscalationMetrics(metrics),
        cap,
        Heartbeat(heartbeat) if heartbeat else None,
        settings.limits if settings else None,
        HandingOver(pool, Channels.of(ways)),
    )


def warn_of_the_unreachable(pool: ConnectionPool) -> None:
    """Log how many households there are none of whose people can be told anything, and which are the first."""
    with pool.connection() as conn:
        count, first = unreachable_households(conn, _NAMED)
    if count:
        log.warning(
            "nobody of these households can be reached: give their people a telephone or an address; "
            "`shouwang policy check` says more",
            households=count,
            first=first,
        )


def channels(settings: Settings | None, opened: Books, clock: Clock) -> dict[str, Channel]:
    """Return the channels that are configured, in order of preference; without settings only simulated telephones.

    Those also take SMS and calls where no provider of telephony is configured, so that somebody can look around.

    Raises:
        SettingsError: something is missing that a configured channel needs.
    """
    rings = max(RINGS, int(_SEEN_SECONDS * clock.speed * SECOND))
    if settings is None:
        return {HANDSET: HandsetChannel(opened, rings)}
    made: dict[str, Channel] = {}
    twilio = telephony.twilio_channel(settings)
    if twilio is not None:
        made[twilio.name] = twilio
    links = telephony.links(settings)
    link = None if links is None else links.to
    made[AppriseChannel.name] = AppriseChannel(link)
    if settings.webhook_secret:
        source = settings.public_url or "urn:shouwang"
        made[WebhookChannel.name] = WebhookChannel(settings.webhook_secret, source, link)
    if not any(Medium.SMS in channel.media for channel in made.values()):
        log.warning("no provider of telephony is configured: simulated telephones take SMS and calls")
        made[HANDSET] = HandsetChannel(opened, rings, frozenset({Medium.SMS, Medium.CALL}))
    return made
