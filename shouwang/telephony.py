"""What the settings say of Twilio: the channel, the check of its webhooks, the links in its SMS, or what is missing."""

from __future__ import annotations

from urllib.parse import urlsplit

from alerts.channels.twilio import TwilioChannel
from alerts.channels.twilio.signature import Signatures
from alerts.messages.links import LEAST_SECRET, AnswerLinks
from shouwang.errors import SettingsError
from shouwang.settings import Settings

_SERVICE = "MG"
"""How the id of a messaging service begins, which can send SMS but not call."""


def twilio_channel(settings: Settings) -> TwilioChannel | None:
    """Return the channel, None where Twilio is not set up.

    Raises:
        SettingsError: it is set up in part, or in a way that cannot work.
    """
    checked = _checked(settings)
    if checked is None:
        return None
    account, token, sender, public_url = checked
    made = None if settings.twilio_two_way else links(settings)
    return TwilioChannel(
        account,
        token,
        sender,
        settings.twilio_caller_id,
        public_url,
        link=None if made is None else made.to,
        base_url=settings.twilio_api_url,
    )


def signatures(settings: Settings) -> Signatures | None:
    """Return the check of Twilio's webhooks, None where Twilio is not set up.

    Raises:
        SettingsError: it is set up in part, or in a way that cannot work.
    """
    checked = _checked(settings)
    return None if checked is None else Signatures(checked[1], checked[3])


def links(settings: Settings) -> AnswerLinks | None:
    """Return what makes and reads signed links, None where there is no secret to sign with.

    Raises:
        SettingsError: the secret is too short, or nobody knows where the links are to lead.
    """
    if settings.link_secret is None:
        return None
    if len(settings.link_secret) < LEAST_SECRET:
        raise SettingsError(
            f"SHOUWANG_LINK_SECRET has fewer than {LEAST_SECRET} characters and could be guessed: make a new one with "
            "`python -c 'import secrets; print(secrets.token_urlsafe(32))'`"
        )
    if settings.public_url is None:
        raise SettingsError("SHOUWANG_LINK_SECRET needs SHOUWANG_PUBLIC_URL, where the links are to lead")
    return AnswerLinks(settings.public_url, settings.link_secret)


def _checked(settings: Settings) -> tuple[str, str, str, str] | None:
    """Return account, token, sender and public URL, None where none of Twilio's settings is there."""
    account, token, sender = settings.twilio_account_sid, settings.twilio_auth_token, settings.twilio_from
    if account is None and token is None and sender is None:
        return None
    public_url = settings.public_url
    if account is None or token is None or sender is None or public_url is None:
        needed = {
            "SHOUWANG_TWILIO_ACCOUNT_SID": account,
            "SHOUWANG_TWILIO_AUTH_TOKEN": token,
            "SHOUWANG_TWILIO_FROM": sender,
            "SHOUWANG_PUBLIC_URL": public_url,
        }
        missing = ", ".join(name for name, value in needed.items() if value is None)
        raise SettingsError(f"Twilio is set up in part only: set {missing}, or none of Twilio's")
    _refuse_open(public_url, tested=settings.twilio_api_url is not None)
    if sender.startswith(_SERVICE) and settings.twilio_caller_id is None:
        raise SettingsError("a messaging service cannot call: set SHOUWANG_TWILIO_CALLER_ID to a number that can")
    if not settings.twilio_two_way and settings.link_secret is None:
        raise SettingsError("without replies by SMS, texts carry a signed link: set SHOUWANG_LINK_SECRET")
    return account, token, sender, public_url


def _refuse_open(public_url: str, *, tested: bool) -> None:
    """Refuse an address where others can read along; a test against another API may use one.

    Raises:
        SettingsError: it is no https URL.
    """
    parts = urlsplit(public_url)
    if parts.scheme not in ({"https", "http"} if tested else {"https"}) or not parts.netloc or parts.query:
        raise SettingsError(
            f"SHOUWANG_PUBLIC_URL is {public_url!r}: set the https:// address, without a query, at which Twilio and "
            "people's telephones reach `shouwang web`"
        )
