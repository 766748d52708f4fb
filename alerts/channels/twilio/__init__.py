"""SMS and calls through Twilio: the channel, and what its webhooks need to know of its ways."""

from __future__ import annotations

from alerts.channels.twilio.channel import TwilioChannel

__all__ = ["TwilioChannel"]
