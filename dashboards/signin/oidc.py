"""Signing in with an organisation's own accounts: OpenID Connect, authorization code with PKCE (RFC 7636).

What must come back is kept in the browser that went away (state, nonce, code verifier), so nothing is stored here for
those who never return. The ID token is checked for signature, issuer, audience, time and nonce before anything in it is
believed; what its bearer may is taken from the claims that the settings name, and nothing is assumed where they are
missing.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hmac import compare_digest
from threading import BoundedSemaphore
from typing import Any, Final

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from storage.accounts import Vouched
from storage.tokens import ROLES

CALLBACK: Final = "/sign-in/oidc/callback"
LONGEST: Final = 600
"""Seconds that somebody may spend at their provider."""
EVERYWHERE: Final = "*"
"""What the area claim says of somebody who answers for every area; an empty one says nothing."""
REFUSED: Final = "Your organisation's account opens nothing here: ask an operator to look into it"

_NO_ANSWER: Final = "Your organisation's sign-in does not answer: try again in a moment"
_LOST: Final = "Your way to your organisation's sign-in and back took too long, or began in another window: try again"
_NOT_LET_IN: Final = "Your organisation's sign-in did not let you in: try again, or ask there"
_NOT_BELIEVED: Final = "What your organisation's sign-in says of you cannot be trusted: tell an operator"

_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures by a key that only the provider has; `none` and those of a shared secret are not among them."""
_LEEWAY: Final = 60
"""Seconds by which the provider's clock may differ from ours."""
_SECONDS: Final = (5, 10)
"""How long a connection, and an answer, are waited for."""
_PATIENCE: Final = 3.0
_AT_ONCE: Final = 4
"""Somebody whose provider answers slowly holds a connection of the database meanwhile: not all of them do."""


class OidcError(Exception):
    """Somebody is not let in; the message is for them, `why` for whoever looks into it."""

    def __init__(self, said: str, why: str) -> None:
        super().__init__(said)
        self.why = why


@dataclass(frozen=True, slots=True)
class Claimed:
    """Which claims say what somebody may, and which roles may come that way; dots lead into nested claims."""

    role: str
    area: str
    person: str | None = None
    roles: Sequence[str] = ("viewer", "caseworker", "officer")


@dataclass(slots=True)
class Provider:
    """An OpenID provider as it was configured; what it says of itself is fetched when it is first needed."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    home: str
    """The address people reach this service at, without a slash at its end: they are sent back below it."""
    name: str
    claimed: Claimed
    _itself: dict[str, Any] = field(default_factory=dict, repr=False)
    _keys: KeySet | None = field(default=None, repr=False)
    _free: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(_AT_ONCE), repr=False)

    def begin(self, after: str) -> tuple[str, str]:
        """Return where somebody is sent to sign in, and what their browser keeps until they come back.

        Raises:
            OidcError: the provider does not answer, or is not the one that was configured.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        endpoint = self._endpoint("authorization_endpoint")
        with self._client() as client:
            address, _ = client.create_authorization_url(endpoint, state=state, nonce=nonce, code_verifier=verifier)
        return address, ".".join((state, nonce, verifier, urlsafe_b64encode(after.encode()).decode()))

    def finish(self, query: Mapping[str, str], kept: str, now: datetime) -> tuple[Vouched, str]:
        """Return whom the provider vouches for, and where they wanted to go.

        `query` is what they came back with, `kept` what their browser kept.

        Raises:
            OidcError: they did not come back from where they were sent to, or the provider says nothing to be believed.
        """
        state, nonce, verifier, after = _unpacked(kept)
        if not compare_digest(query.get("state", "").encode(), state.encode()):
            raise OidcError(_LOST, "the state is another one")
        if query.get("iss", self.issuer) != self.issuer:
            raise OidcError(_NOT_BELIEVED, f"the answer is of {query['iss'][:100]!r}")
        if "code" not in query:
            raise OidcError(_NOT_LET_IN, f"the provider says {query.get('error', 'nothing')[:100]!r}")
        token = self._fetched(query["code"], verifier)
        return self._vouched(self._believed(token, nonce, now)), after

    def _fetched(self, code: str, verifier: str) -> dict[str, Any]:
        """Return what the provider gives for a code."""
        endpoint = self._endpoint("token_endpoint")
        if not self._free.acquire(timeout=_PATIENCE):
            raise OidcError(_NO_ANSWER, "too many ask the provider at once")
        try:
            with self._client() as client:
                given: dict[str, Any] = client.fetch_token(
                    endpoint, grant_type="authorization_code", code=code, code_verifier=verifier
                )
        except (requests.RequestException, json.JSONDecodeError) as error:
            raise OidcError(_NO_ANSWER, str(error)) from error
        except AuthlibBaseError as error:
            raise OidcError(_NOT_LET_IN, f"the provider refuses the code: {error}") from error
        finally:
            self._free.release()
        return given

    def _believed(self, token: Mapping[str, Any], nonce: str, now: datetime) -> Mapping[str, Any]:
        """Return the claims of an ID token that is genuine, meant for us, fresh, and the answer to our request."""
        written = token.get("id_token")
        if not isinstance(written, str):
            raise OidcError(_NOT_BELIEVED, "the provider gave no ID token")
        asked = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self.client_id},
            "sub": {"essential": True},
        }
        known = {"nonce": nonce, "client_id": self.client_id, "access_token": token.get("access_token")}
        try:
            signed = self._opened(written)
            claims = CodeIDToken(signed.claims, signed.header, asked, known)
            claims.validate(now=int(now.timestamp()), leeway=_LEEWAY)
        except (JoseError, AuthlibBaseError, ValueError) as error:
            raise OidcError(_NOT_BELIEVED, f"the ID token: {error}") from error
        return dict(claims)

    def _opened(self, written: str) -> jwt.Token:
        """Return what an ID token says if a key of the provider signed it; keys change, and are fetched anew then."""
        registry = JWSRegistry(algorithms=_ALGORITHMS, strict_check_header=False)
        if self._keys is not None:
            try:
                return jwt.decode(written, self._keys, registry=registry)
            except InvalidKeyIdError:
                pass
        self._keys = KeySet.import_key_set(self._get(self._endpoint("jwks_uri")))  # type: ignore[arg-type] # any JSON
        return jwt.decode(written, self._keys, registry=registry)

    def _vouched(self, claims: Mapping[str, Any]) -> Vouched:
        """Return what the claims say somebody may."""
        held = _texts(claims, self.claimed.role)
        roles = [role for role in ROLES if role in held and role in self.claimed.roles]
        if not roles:
            raise OidcError(REFUSED, f"the claim {self.claimed.role} holds none of {', '.join(self.claimed.roles)}")
        areas = _texts(claims, self.claimed.area)
        if len(areas) != 1 or not areas[0]:
            raise OidcError(REFUSED, f"the claim {self.claimed.area} must hold one area, or {EVERYWHERE}")
        person = _texts(claims, self.claimed.person) if self.claimed.person else []
        subject = str(claims["sub"])
        name = str(claims.get("preferred_username") or claims.get("email") or subject)
        return Vouched(
            issuer=self.issuer,
            subject=subject,
            name=name,
            shown=str(claims.get("name") or name),
            role=roles[-1],
            area="" if areas[0] == EVERYWHERE else areas[0],
            person=person[0] if person else None,
        )

    def _client(self) -> OAuth2Session:
        return OAuth2Session(
            self.client_id,
            self.client_secret,
            token_endpoint_auth_method="client_secret_basic" if self.client_secret else "none",
            scope="openid profile",
            redirect_uri=f"{self.home}{CALLBACK}",
            code_challenge_method="S256",
            default_timeout=_SECONDS,
        )

    def _endpoint(self, which: str) -> str:
        """Return an address of the provider's, which it tells under an address of its own."""
        if not self._itself:
            told = self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if told.get("issuer") != self.issuer:
                raise OidcError(_NO_ANSWER, f"{self.issuer} calls itself {told.get('issuer')!r}: set it so")
            self._itself = told
        if not isinstance(self._itself.get(which), str):
            raise OidcError(_NO_ANSWER, f"{self.issuer} names no {which}")
        return str(self._itself[which])

    def _get(self, address: str) -> dict[str, Any]:
        try:
            answer = requests.get(address, timeout=_SECONDS)
            answer.raise_for_status()
            told = answer.json()
        except requests.RequestException as error:
            raise OidcError(_NO_ANSWER, str(error)) from error
        if not isinstance(told, dict):
            raise OidcError(_NO_ANSWER, f"{address} holds no JSON object")
        return told


def _unpacked(kept: str) -> tuple[str, str, str, str]:
    """Return state, nonce, verifier and destination that a browser kept."""
    match kept.split("."):
        case [state, nonce, verifier, after] if state and nonce and verifier:
            try:
                return state, nonce, verifier, urlsafe_b64decode(after).decode()
            except (Base64Error, UnicodeDecodeError):
                pass
    raise OidcError(_LOST, "the browser kept nothing")


def _texts(claims: Mapping[str, Any], name: str) -> list[str]:
    """Return the texts of a claim, of which there may be one or a list; `realm_access.roles` lies in another."""
    value: Any = claims
    for part in [name] if name in claims else name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return [str(one) for one in value] if isinstance(value, list) else [str(value)] if value is not None else []
