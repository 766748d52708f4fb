"""What the settings say of signing in with an organisation's own accounts, or what is missing."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from dashboards.signin.oidc import Claimed, Provider
from shouwang.errors import SettingsError
from shouwang.settings import Settings
from storage.tokens import ROLES

_HERE: Final = ("localhost", "127.0.0.1", "::1")


def provider(settings: Settings) -> Provider | None:
    """Return the OpenID provider, None where none is set up.

    Raises:
        SettingsError: it is set up in part, or in a way that cannot work.
    """
    if not settings.oidc_issuer:
        return None
    where = urlsplit(settings.oidc_issuer)
    if where.scheme != "https" and where.hostname not in _HERE:
        raise SettingsError("SHOUWANG_OIDC_ISSUER must begin with https://: whoever is on the way could be anybody")
    if not settings.oidc_client_id:
        raise SettingsError("set SHOUWANG_OIDC_CLIENT_ID to what this service is called at SHOUWANG_OIDC_ISSUER")
    if not settings.public_url:
        raise SettingsError("set SHOUWANG_PUBLIC_URL: SHOUWANG_OIDC_ISSUER sends people back there")
    secret = settings.oidc_client_secret
    return Provider(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=secret.get_secret_value() or None if secret else None,
        home=settings.public_url.rstrip("/"),
        name=settings.oidc_name,
        claimed=Claimed(
            settings.oidc_role_claim,
            settings.oidc_area_claim,
            settings.oidc_person_claim or None,
            _roles(settings.oidc_roles),
        ),
    )


def _roles(written: str) -> list[str]:
    roles = [role.strip() for role in written.split(",") if role.strip()]
    if unknown := [role for role in roles if role not in ROLES]:
        raise SettingsError(f"SHOUWANG_OIDC_ROLES names {', '.join(unknown)}: use some of {', '.join(ROLES)}")
    return roles
