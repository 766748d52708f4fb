"""Signing in with an organisation's own accounts: a real provider over HTTP, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from dashboards.signin.oidc import Claimed, Provider
from storage import accounts
from tests.integration.dashboards_site import WEST, Site, open_site
from tests.integration.oidc_provider import (
    CLIENT,
    SECRET,
    SmallProvider,
    by_somebody_else,
    small_provider,
    unsigned,
    with_the_public_key,
)

WORKER = {
    "preferred_username": "li.wei", "name": "Li Wei", "realm_access": {"roles": ["offline", "viewer", "caseworker"]},
    "area": WEST, "staff": "cw-west",
}  # fmt: skip


@pytest.fixture
def provider() -> Iterator[SmallProvider]:
    with small_provider() as served:
        served.claims = dict(WORKER)
        yield served


def _configured(issuer: str, secret: str | None = SECRET) -> Provider:
    claimed = Claimed("realm_access.roles", "area", "staff")
    return Provider(issuer, CLIENT, secret, "http://shouwang.test", "City Hall", claimed)


@pytest.fixture
def site(database: str, provider: SmallProvider) -> Iterator[Site]:
    with open_site(database, oidc=_configured(provider.issuer)) as opened:
        yield opened


def _away(site: Site, after: str = "/tasks") -> str:
    """Go to the provider, and return the address that it sends the browser back to."""
    sent = site.client.get("/sign-in/oidc", params={"next": after}, follow_redirects=False)
    assert sent.status_code == 303, sent.text
    back = requests.get(sent.headers["location"], allow_redirects=False, timeout=10)
    assert back.status_code == 302
    return back.headers["location"]


def _back(site: Site, address: str) -> Any:
    return site.client.get(address, follow_redirects=False)


def _signed_in(site: Site) -> bool:
    return bool(site.client.get("/api/v1/alerts").status_code == 200)


def test_whom_the_provider_vouches_for_is_let_in_with_what_it_says_they_may(
    site: Site, provider: SmallProvider
) -> None:
    door = site.client.get("/sign-in?next=/tasks").text
    assert "Sign in with City Hall" in door
    assert 'href="/sign-in/oidc?next=/tasks"' in door
    back = _back(site, _away(site))
    assert back.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/tasks">' in back.text
    cookies = back.headers.get_list("set-cookie")
    assert any(one.startswith("shouwang_session=") and "SameSite=strict" in one for one in cookies)
    assert any(one.startswith('shouwang_oidc=""') for one in cookies)
    asked = provider.asked[0]
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert "openid" in asked["scope"].split()
    page = site.client.get("/account").text
    assert "Li Wei" in page
    assert "Your organisation keeps your password" in page
    assert _signed_in(site)
    with site.pool.connection() as conn:
        account = accounts.named(conn, "li.wei")
        assert (account.role, account.area, account.person) == ("caseworker", WEST, "cw-west")
        told = conn.execute("SELECT actor, detail->>'by' FROM audit_event WHERE action = 'sign-in'").fetchall()
    assert told == [("person:cw-west", provider.issuer)]


def test_the_cookie_of_the_way_is_lax_and_opens_nothing(site: Site) -> None:
    sent = site.client.get("/sign-in/oidc", follow_redirects=False)
    kept = sent.headers["set-cookie"]
    assert "SameSite=lax" in kept
    assert "HttpOnly" in kept
    assert "Path=/sign-in/oidc" in kept
    assert "Max-Age=600" in kept
    assert not _signed_in(site)


def test_who_may_something_else_since_is_changed_and_their_sessions_end(site: Site, provider: SmallProvider) -> None:
    _back(site, _away(site))
    old = site.client.cookies["shouwang_session"]
    site.client.cookies.clear()
    provider.claims |= {"realm_access": {"roles": ["officer"]}, "area": "*", "staff": "do-1", "name": "Officer Li"}
    _back(site, _away(site))
    with site.pool.connection() as conn:
        [account] = accounts.listed(conn)
    assert (account.role, account.area, account.shown) == ("officer", "", "Officer Li")
    assert _signed_in(site)
    site.client.cookies.clear()
    site.client.cookies.set("shouwang_session", old)
    assert not _signed_in(site)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda claims: claims.update(nonce="another"), "nonce"),
        (lambda claims: claims.pop("nonce"), "nonce"),
        (lambda claims: claims.update(aud="another client"), "aud"),
        (lambda claims: claims.update(aud=[CLIENT, "another"], azp="another"), "azp"),
        (lambda claims: claims.update(iss="http://127.0.0.1:9"), "iss"),
        (lambda claims: claims.update(exp=claims["iat"] - 61), "exp"),
        (lambda claims: claims.update(iat=claims["iat"] + 3600), "future"),
        (lambda claims: claims.pop("exp"), "exp"),
        (lambda claims: claims.pop("sub"), "sub"),
        (lambda claims: claims.update(at_hash="wrong"), "at_hash"),
    ],
)
def test_a_token_that_is_not_the_answer_to_us_is_not_believed(
    site: Site, provider: SmallProvider, spoil: Callable[[dict[str, Any]], None], why: str
) -> None:
    provider.spoil = spoil
    refused = _back(site, _away(site))
    assert refused.status_code == 403
    assert "cannot be trusted" in refused.text
    assert not _signed_in(site)
    with site.pool.connection() as conn:
        assert accounts.listed(conn) == []
        [(detail,)] = conn.execute("SELECT detail FROM audit_event WHERE action = 'sign-in-failed'").fetchall()
    assert why in detail["why"]


@pytest.mark.parametrize("forge", [unsigned, with_the_public_key, by_somebody_else])
def test_a_token_that_the_provider_did_not_sign_is_not_believed(
    site: Site, provider: SmallProvider, forge: Callable[..., str]
) -> None:
    provider.signs_with = forge
    refused = _back(site, _away(site))
    assert (refused.status_code, "cannot be trusted" in refused.text) == (403, True)
    assert not _signed_in(site)


def test_a_code_is_good_for_once_and_for_the_browser_that_went_for_it(site: Site) -> None:
    first = _away(site)
    kept = site.client.cookies["shouwang_oidc"]
    assert _back(site, first).status_code == 200
    site.client.cookies.clear()
    assert _back(site, first).status_code == 403, "the browser kept nothing"
    site.client.cookies.set("shouwang_oidc", kept)
    replayed = _back(site, first)
    assert (replayed.status_code, "did not let you in" in replayed.text) == (403, True)
    assert not _signed_in(site)
    site.client.cookies.clear()
    # Somebody else's answer, brought to a browser that is on its own way: the state is another one.
    theirs = _away(site)
    site.client.cookies.clear()
    _away(site)
    refused = _back(site, theirs)
    assert (refused.status_code, "another window" in refused.text) == (403, True)
    assert not _signed_in(site)


def test_a_code_without_its_verifier_is_worth_nothing(site: Site) -> None:
    address = _away(site)
    state, nonce, _verifier, after = site.client.cookies["shouwang_oidc"].split(".")
    site.client.cookies.clear()
    site.client.cookies.set("shouwang_oidc", f"{state}.{nonce}.{'x' * 43}.{after}")
    assert _back(site, address).status_code == 403
    assert not _signed_in(site)


@pytest.mark.parametrize(
    "claims",
    [
        {"realm_access": {"roles": ["operator"]}},  # not among the roles that may come that way
        {"realm_access": {"roles": ["vendor", "king"]}},
        {"realm_access": "nothing"},
        {"realm_access": None},
        {"area": ""},
        {"area": None},
        {"area": [WEST, "440102"]},
        {"area": "77"},
        {"staff": "nobody"},
    ],
)
def test_who_is_not_said_to_be_allowed_anything_is_not(
    site: Site, provider: SmallProvider, claims: dict[str, Any]
) -> None:
    provider.claims |= claims
    refused = _back(site, _away(site))
    assert (refused.status_code, "opens nothing here" in refused.text) == (403, True)
    assert not _signed_in(site)
    with site.pool.connection() as conn:
        assert accounts.listed(conn) == []


def test_who_is_disabled_here_is_not_let_in_whoever_vouches(site: Site) -> None:
    _back(site, _away(site))
    with site.pool.connection() as conn:
        accounts.disable(conn, accounts.named(conn, "li.wei").id)
    site.client.cookies.clear()
    assert _back(site, _away(site)).status_code == 403
    assert not _signed_in(site)


def test_two_people_of_one_name_are_told_apart(site: Site, provider: SmallProvider) -> None:
    with site.pool.connection() as conn:
        accounts.create(conn, "Li.Wei", "hash", "viewer", "")
    _back(site, _away(site))
    provider.claims |= {"sub": "u-2"}
    site.client.cookies.clear()
    _back(site, _away(site))
    with site.pool.connection() as conn:
        names = [one.name for one in accounts.listed(conn)]
    assert names == ["Li.Wei", "li.wei@127.0.0.1", "u-2@127.0.0.1"]


def test_nobody_signs_in_with_a_password_as_somebody_of_the_provider(site: Site) -> None:
    _back(site, _away(site))
    site.client.cookies.clear()
    ours = {"Sec-Fetch-Site": "same-origin"}
    refused = site.client.post("/sign-in", data={"name": "li.wei", "password": ""}, headers=ours)
    assert refused.status_code == 401


def test_keys_may_change_between_two_sign_ins(site: Site, provider: SmallProvider) -> None:
    assert _back(site, _away(site)).status_code == 200
    provider.rotate()
    site.client.cookies.clear()
    assert _back(site, _away(site)).status_code == 200
    assert _signed_in(site)


def test_a_provider_that_does_not_answer_or_is_another_one(database: str, provider: SmallProvider) -> None:
    with open_site(database, oidc=_configured(f"{provider.issuer}/")) as site:
        sent = site.client.get("/sign-in/oidc", follow_redirects=False)
        assert (sent.status_code, "does not answer" in sent.text) == (502, True)


def test_a_provider_that_fails_on_the_way_back(site: Site, provider: SmallProvider) -> None:
    address = _away(site)
    provider.down = True
    refused = _back(site, address)
    assert refused.status_code == 403
    assert not _signed_in(site)


def test_who_gives_up_at_the_provider_is_back_at_the_door(site: Site) -> None:
    query = dict(parse_qsl(urlsplit(_away(site)).query))
    back = site.client.get("/sign-in/oidc/callback", params={"state": query["state"], "error": "access_denied<script>"})
    assert (back.status_code, "did not let you in" in back.text) == (403, True)
    assert "<script>" not in back.text
    mixed = _away(site).replace("iss=", "iss=http%3A%2F%2Fevil.test&x=")
    assert _back(site, mixed).status_code == 403
    assert not _signed_in(site)


@pytest.mark.parametrize("after", ["//evil.test", "https://evil.test/", "/\\evil.test"])
def test_the_way_back_leads_nowhere_else(site: Site, after: str) -> None:
    back = _back(site, _away(site, after))
    assert 'content="0; url=/"' in back.text
    assert "evil" not in back.text


def test_without_a_provider_there_is_no_such_way(database: str) -> None:
    with open_site(database) as site:
        assert site.client.get("/sign-in/oidc").status_code == 404
        assert site.client.get("/sign-in/oidc/callback?code=x&state=y").status_code == 404
        assert "/sign-in/oidc" not in site.client.get("/sign-in").text
