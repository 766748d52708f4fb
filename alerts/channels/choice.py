"""Which channel carries a message: by what it is, who it is for, and what they have forbidden."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alerts.people import Medium, Recipient

if TYPE_CHECKING:
    from alerts.channels.port import Channel

Way = tuple[str, Medium]
"""A channel by name and what it carries: who wants no SMS may still be called through the same provider."""

HANDSET = "handset"
WEBHOOK = "webhook"
WEB_ADDRESS = "https://"
"""How the address of a webhook begins; all others are Apprise's."""

_INSTEAD: Mapping[Medium, tuple[Medium, ...]] = {
    Medium.SMS: (Medium.SMS, Medium.CALL, Medium.MESSAGE),
    Medium.CALL: (Medium.CALL, Medium.SMS, Medium.MESSAGE),
    Medium.MESSAGE: (Medium.MESSAGE, Medium.SMS, Medium.CALL),
}


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels that are configured, in order of preference, and what each carries."""

    carries: tuple[tuple[str, frozenset[Medium]], ...]

    @classmethod
    def of(cls, channels: Mapping[str, Channel]) -> Channels:
        """Return what there is to choose from."""
        return cls(tuple((name, channel.media) for name, channel in channels.items()))

    def for_(self, recipient: Recipient, medium: Medium, opted_out: Iterable[Way] = ()) -> str | None:
        """Return the channel that carries this medium to this person; None if they cannot be reached that way.

        `opted_out` are the ways they have forbidden.
        """
        if not has_address(recipient, medium):
            return None
        forbidden = set(opted_out)
        for name, media in self.carries:
            if medium in media and (name, medium) not in forbidden and _fits(name, recipient, medium):
                return name
        return None

    def way(
        self,
        recipient: Recipient,
        medium: Medium,
        opted_out: Iterable[Way] = (),
        tried: Iterable[Medium] = (),
    ) -> Way | None:
        """Return the best way to somebody: by this medium, else by another that was not `tried`; None if none is left.

        A call stands in for an SMS and the reverse, a message for both.
        """
        forbidden, before = set(opted_out), set(tried)
        for instead in instead_of(recipient, medium, before):
            name = self.for_(recipient, instead, forbidden)
            if name is not None:
                return name, instead
        return None


def instead_of(recipient: Recipient, medium: Medium, tried: Iterable[Medium] = ()) -> list[Medium]:
    """Return the media that somebody has an address for, this one first, without those that were `tried`."""
    before = set(tried)
    return [one for one in _INSTEAD[medium] if one not in before and has_address(recipient, one)]


def has_address(recipient: Recipient, medium: Medium) -> bool:
    """Say whether there is anything to send to: a telephone for SMS and calls, an address for messages."""
    return bool(recipient.address if medium is Medium.MESSAGE else recipient.phone)


def _fits(name: str, recipient: Recipient, medium: Medium) -> bool:
    """Say whether a messenger is the one that an address is meant for; a simulated telephone takes all."""
    if medium is not Medium.MESSAGE or name == HANDSET:
        return True
    return (name == WEBHOOK) == (recipient.address or "").lower().startswith(WEB_ADDRESS)


ONLY_HANDSETS = Channels(((HANDSET, frozenset(Medium)),))
"""What the embedded service has: nobody outside this computer is reached."""
