"""`shouwang simulate-twilio`: an emulated Twilio account in real time."""

from __future__ import annotations

import threading
from pathlib import Path

from alerts.channels.twilio import paths
from shouwang.clock import LiveClock, micros
from shouwang.process import told_to_stop
from shouwang.settings import Settings
from simulators.twilio.exchange import Exchange
from simulators.twilio.running import carry, run
from simulators.twilio.script import Script, read

ACCOUNT = "AC" + "0" * 32
TOKEN = "simulated"  # noqa: S105 - the password of an account that does not exist


def simulate_twilio(settings: Settings, host: str, port: int, script: Path | None, sms_url: str | None) -> None:
    """Emulate Twilio until told to stop; account, token and the service's address are the settings'.

    Raises:
        SimulationError: the script cannot be read, or the port is taken.
    """
    public = (settings.public_url or "").rstrip("/")
    clock = LiveClock()
    exchange = Exchange(
        settings.twilio_account_sid or ACCOUNT,
        settings.twilio_auth_token or TOKEN,
        carry,
        micros(clock),
        read(script) if script is not None else Script(),
        sms_url=sms_url or (public + paths.INBOUND if public else None),
    )
    stop = threading.Event()
    with told_to_stop(stop.set):
        run(exchange, lambda: micros(clock), host, port, stop)
