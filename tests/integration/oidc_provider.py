"""A small OpenID provider on a port of its own: discovery, authorization with PKCE, tokens signed for real, keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "shouwang", "a secret of the client"
CALLBACK = "http://shouwang.test/sign-in/oidc/callback"


def _new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})


@dataclass(slots=True)
class SmallProvider:
    """What the provider says; `claims` is whom it vouches for next, `spoil` changes what it would sign."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    spoil: Callable[[dict[str, Any]], None] = lambda _claims: None
    key: RSAKey = field(default_factory=_new_key)
    signs_with: Callable[[dict[str, Any], RSAKey], str] | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    down: bool = False

    def rotate(self) -> None:
        """Sign with another key from now on."""
        self.key = _new_key()

    def signed(self, claims: dict[str, Any]) -> str:
        """Return an ID token."""
        if self.signs_with is not None:
            return self.signs_with(claims, self.key)
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def authorized(self, query: dict[str, str]) -> str:
        """Return where a browser is sent that has been signed in at once, as who `claims` says."""
        self.asked.append(query)
        assert (query["client_id"], query["redirect_uri"]) == (CLIENT, CALLBACK)
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{CALLBACK}?{urlencode({'code': code, 'state': query['state'], 'iss': self.issuer})}"

    def exchanged(self, basic: str, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Return the answer of the token endpoint; a code is good for once, and for who has its verifier."""
        if basic != base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode():
            return 401, {"error": "invalid_client"}
        query = self.codes.pop(body.get("code", ""), None)
        hashed = hashlib.sha256(body.get("code_verifier", "").encode()).digest()
        if query is None or query["code_challenge"] != base64.urlsafe_b64encode(hashed).decode().rstrip("="):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "sub": "u-1", "iat": now, "exp": now + 300, "nonce": query["nonce"],
            **self.claims,
        }  # fmt: skip
        self.spoil(claims)
        return 200, {"access_token": "at", "token_type": "Bearer", "expires_in": 300, "id_token": self.signed(claims)}


def unsigned(claims: dict[str, Any], _key: RSAKey, alg: str = "none", **header: Any) -> str:
    """Return a token without a signature."""
    return ".".join(_base64(json.dumps(one).encode()) for one in ({"alg": alg, **header}, claims)) + "."


def with_the_public_key(claims: dict[str, Any], key: RSAKey) -> str:
    """Return a token whose shared secret is what everybody can read: the provider's public key."""
    signed = unsigned(claims, key, alg="HS256", kid=key.kid).rstrip(".")
    return f"{signed}.{_base64(hmac.digest(key.as_pem(private=False), signed.encode(), 'sha256'))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def by_somebody_else(claims: dict[str, Any], key: RSAKey) -> str:
    """Return a token signed by another key of the same name."""
    other = RSAKey.generate_key(2048, {"kid": key.kid or ""})
    return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, other)


@contextmanager
def small_provider() -> Iterator[SmallProvider]:
    """Serve a provider for as long as the block lasts."""
    provider = SmallProvider()

    class Handler(BaseHTTPRequestHandler):
        def _says(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(503 if provider.down else status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if address.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorized(dict(parse_qsl(address.query))))
                self.end_headers()
            elif address.path == "/keys":
                self._says(200, {"keys": [provider.key.as_dict(private=False)]})
            else:
                assert address.path == "/.well-known/openid-configuration"
                places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
                told = {name: f"{provider.issuer}/{place}" for name, place in places.items()}
                self._says(200, {"issuer": provider.issuer, **told})

        def do_POST(self) -> None:
            body = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            basic = self.headers.get("Authorization", "").removeprefix("Basic ")
            self._says(*provider.exchanged(basic, body))

        def log_message(self, *_what: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
