"""The door: passwords, second factors, sessions that end at once, vendors who see their gateways, and strangers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pyotp
import pytest
from fastapi import FastAPI

from dashboards.access import COOKIE
from dashboards.signin import passwords, standing
from dashboards.words.languages import CHINESE
from storage import accounts, sessions, tokens
from storage.sessions import clock
from tests.integration.dashboards_site import NOON, WEST, Site, open_site
from tests.integration.event_stream import following as stream

OURS = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
FIRST, CHOSEN = "first-password-of-all", "correct horse battery"


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


def _account(site: Site, name: str = "li.wei", role: str = "caseworker", area: str = WEST, **more: Any) -> UUID:
    """Make an account with a password that it need not change."""
    with site.pool.connection() as conn:
        made = accounts.create(conn, name, "", role, area, **more)
        accounts.set_password(conn, made, passwords.hashed(CHOSEN), must_change=False)
    return made


def _post(site: Site, path: str, **fields: str) -> Any:
    return site.client.post(path, data=fields, headers=OURS, follow_redirects=False)


def _sign_in(site: Site, name: str = "li.wei", password: str = CHOSEN, after: str = "/") -> Any:
    return _post(site, "/sign-in", name=name, password=password, next=after)


def _cookie(site: Site) -> str | None:
    return site.client.cookies.get(COOKIE)


def _be(site: Site, cookie: str | None) -> None:
    """Be a browser with this cookie and no other."""
    site.client.cookies.clear()
    if cookie:
        site.client.cookies.set(COOKIE, cookie)


def _status(site: Site, path: str = "/api/v1/alerts") -> int:
    return int(site.client.get(path).status_code)


def _trail(site: Site) -> list[tuple[str, str, str]]:
    with site.pool.connection() as conn:
        rows = conn.execute("SELECT action, actor, address FROM audit_event WHERE action LIKE 'sign%' ORDER BY seq")
        return [(action, actor, address) for action, actor, address in rows]


def _code(site: Site, secret: str, ahead: int = 0) -> str:
    """Return what an authenticator shows, now or so many seconds ahead."""
    with site.pool.connection() as conn:
        return pyotp.TOTP(secret).at(clock(conn) + timedelta(seconds=ahead))


def _offered(page: str) -> str:
    found = re.search(r'class="secret">([A-Z2-7 ]+)<', page)
    assert found
    return found[1].replace(" ", "")


def test_from_the_first_password_to_the_page_that_was_asked_for(site: Site) -> None:
    with site.pool.connection() as conn:
        accounts.create(conn, "li.wei", passwords.hashed(FIRST), "caseworker", WEST, person="cw-west")
    asked = site.client.get("/tasks?for=me", headers=OURS)
    assert (asked.status_code, asked.url.path) == (200, "/sign-in")
    assert 'name="next" value="/tasks?for=me"' in asked.text
    first = _sign_in(site, password=FIRST, after="/tasks?for=me")
    assert (first.status_code, first.headers["location"]) == (303, "/sign-in?next=/tasks%3Ffor%3Dme")
    half = _cookie(site)
    assert half
    assert _status(site) == 401, "a password that must be changed opens nothing"
    assert "Choose a password" in site.client.get("/sign-in", headers=OURS).text
    for chosen, again, why in ((FIRST, FIRST, "password you have"), (CHOSEN, "x", "differ"), ("short", "short", "12")):
        refused = _post(site, "/sign-in/password", password=chosen, again=again)
        assert (refused.status_code, why in refused.text) == (422, True)
    done = _post(site, "/sign-in/password", password=CHOSEN, again=CHOSEN, next="/tasks?for=me")
    assert (done.status_code, done.headers["location"]) == (303, "/tasks?for=me")
    cookie = done.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=604800"))
    assert _status(site) == 200
    opened = _cookie(site)
    assert opened != half
    _be(site, half)
    assert (_status(site), site.client.get("/sign-in").text.count("Choose a password")) == (401, 0)
    _be(site, opened)
    assert site.client.get("/sign-in?next=/areas", follow_redirects=False).headers["location"] == "/areas"
    assert _trail(site)[-1] == ("sign-in", "person:cw-west", "testclient")
    out = _post(site, "/sign-out")
    assert out.headers["location"] == "/sign-in"
    _be(site, opened)
    assert _status(site) == 401, "signing out ends the session, not only the cookie"
    assert _trail(site)[-1][:2] == ("sign-out", "person:cw-west")
    assert _sign_in(site, password=FIRST).status_code == 401


def test_nobody_learns_who_has_an_account(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    _account(site, "there")
    disabled = _account(site, "disabled")
    with site.pool.connection() as conn:
        accounts.disable(conn, disabled)
        conn.execute("UPDATE account SET password = NULL WHERE name = 'nobody'")
    looked: list[str] = []

    class Watched:
        """Notes the parameters of every hash that a password was tried on, and tries it."""

        hash, really = passwords._HASH.hash, passwords._HASH.verify

        def verify(self, password: str, kept: str) -> bool:
            looked.append(kept[:31])
            return Watched.really(password, kept)

    monkeypatch.setattr(passwords, "_HASH", Watched())
    answers = [
        _sign_in(site, "there", "wrong but long enough"),
        _sign_in(site, "nobody", "wrong but long enough"),
        _sign_in(site, "disabled", CHOSEN),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert "Name and password do not fit" in answers[0].text
    assert len(looked) == 3
    assert len({*looked}) == 1, "each was as much work"
    assert all("set-cookie" not in answer.headers for answer in answers)
    assert _trail(site) == [
        ("sign-in-failed", "account:there", "testclient"),
        ("sign-in-failed", "", "testclient"),
        ("sign-in-failed", "account:disabled", "testclient"),
    ]


def test_who_tries_too_often_waits_and_the_right_password_does_not_help(site: Site) -> None:
    _account(site)
    for name in ("li.wei", "nobody"):
        for _ in range(5):
            assert _sign_in(site, name, "wrong but long enough").status_code == 401
        waiting = _sign_in(site, name)
        assert waiting.status_code == 429
        assert 20 < int(waiting.headers["retry-after"]) <= 30
        assert f"Too many attempts. Try again in {waiting.headers['retry-after']} s." in waiting.text
    with site.pool.connection() as conn:
        conn.execute("UPDATE sign_in_attempt SET blocked_until = now()")
    assert _sign_in(site).status_code == 303
    assert _sign_in(site, password="wrong but long enough").status_code == 401, "and begins anew"


def test_a_second_factor_is_set_up_asked_for_and_good_for_once(site: Site) -> None:
    _account(site)
    _sign_in(site)
    other = _cookie(site)
    site.client.cookies.clear()
    _sign_in(site)
    before = _cookie(site)
    page = site.client.get("/account/second-factor").text
    secret = _offered(page)
    assert "<svg " in page
    assert f"otpauth://totp/Shouwang:li.wei?secret={secret}" in page
    assert _offered(site.client.get("/account/second-factor").text) == secret
    wrong = _post(site, "/account/second-factor", code=_code(site, secret), password="not mine at all")
    assert "This is not your password" in wrong.text
    assert "This code does not fit" in _post(site, "/account/second-factor", code="000000", password=CHOSEN).text
    done = _post(site, "/account/second-factor", code=_code(site, secret), password=CHOSEN)
    recovery = re.findall(r"<code>([A-Z2-7-]{19})</code>", done.text)
    assert len(recovery) == 10
    assert _cookie(site) != before, "another privilege, another cookie"
    for gone in (before, other):
        now = _cookie(site)
        _be(site, gone)
        assert _status(site) == 401
        _be(site, now)
    assert _status(site) == 200

    site.client.cookies.clear()
    assert _sign_in(site, after="/tasks").headers["location"] == "/sign-in?next=/tasks"
    half = _cookie(site)
    for path in ("/api/v1/alerts", "/events", "/account"):
        assert _status(site, path) == 401, path
    assert "six digits" in site.client.get("/sign-in").text
    used = _post(site, "/sign-in/code", code=_code(site, secret))
    assert (used.status_code, "used already" in used.text) == (401, True), "the code of the setting up"
    done = _post(site, "/sign-in/code", code=_code(site, secret, 30), next="/tasks")
    assert (done.status_code, done.headers["location"]) == (303, "/tasks")
    assert _status(site) == 200
    _be(site, half)
    assert _status(site) == 401
    for code, status in ((recovery[0].lower(), 303), (recovery[0], 401), (recovery[1], 303)):
        site.client.cookies.clear()
        _sign_in(site)
        assert _post(site, "/sign-in/code", code=code).status_code == status
    assert "8 recovery codes are left" in site.client.get("/account").text
    off = _post(site, "/account/second-factor-off", password=CHOSEN)
    assert "The second factor is off" in off.text
    assert _sign_in(site).headers["location"] == "/"


def test_guessing_codes_makes_one_wait_too(site: Site) -> None:
    account = _account(site)
    with site.pool.connection() as conn:
        accounts.set_second_factor(conn, account, pyotp.random_base32(), 0, [])
    _sign_in(site)
    statuses = [_post(site, "/sign-in/code", code=f"{at:06}").status_code for at in range(5)]
    assert statuses == [401, 401, 401, 401, 429]
    assert _sign_in(site).status_code == 429


def test_where_everybody_needs_a_second_factor_it_is_set_up_at_the_door(database: str) -> None:
    with open_site(database, second_factor=True) as site:
        _account(site)
        assert _sign_in(site, after="/areas").headers["location"] == "/sign-in?next=/areas"
        assert _status(site) == 401
        page = site.client.get("/sign-in?next=/areas").text
        secret = _offered(page)
        assert _post(site, "/sign-in/second-factor", code="000000").status_code == 422
        half = _cookie(site)
        done = _post(site, "/sign-in/second-factor", code=_code(site, secret), next="/areas")
        assert len(re.findall(r"<code>([A-Z2-7-]{19})</code>", done.text)) == 10
        assert 'href="/areas"' in done.text
        assert _cookie(site) != half
        assert _status(site) == 200
        assert _post(site, "/account/second-factor-off", password=CHOSEN).status_code == 403
        assert "Turn it off" not in site.client.get("/account").text


def test_a_cookie_from_before_is_not_the_one_from_after(site: Site) -> None:
    """Session fixation: who plants a cookie in a browser does not hold its session once it signs in."""
    _account(site)
    _account(site, "attacker")
    _sign_in(site, "attacker")
    planted = _cookie(site)
    _sign_in(site)
    mine = _cookie(site)
    assert mine != planted
    _be(site, planted)
    assert _status(site) == 401, "the planted session is over"
    _be(site, "chosen-by-somebody-else")
    _sign_in(site)
    _be(site, "chosen-by-somebody-else")
    assert _status(site) == 401


def test_a_password_is_changed_by_who_knows_it_and_ends_every_other_session(site: Site) -> None:
    _account(site)
    _sign_in(site)
    other = _cookie(site)
    site.client.cookies.clear()
    _sign_in(site)
    before = _cookie(site)
    fresh = "another horse, another battery"
    for current, chosen, why in (("not my password", fresh, "not your password"), (CHOSEN, "short", "12 characters")):
        assert why in _post(site, "/account/password", current=current, password=chosen, again=chosen).text
    done = _post(site, "/account/password", current=CHOSEN, password=fresh, again=fresh)
    assert "The password is changed" in done.text
    assert _status(site) == 200
    for gone in (before, other):
        _be(site, gone)
        assert _status(site) == 401
    assert _sign_in(site).status_code == 401
    assert _sign_in(site, password=fresh).status_code == 303


@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-in/code", "/sign-in/password", "/sign-in/second-factor", "/sign-out"]
)
def test_only_our_own_pages_send_what_is_typed_at_the_door(site: Site, path: str) -> None:
    _account(site)
    for stranger in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.test"}, {"Origin": "null"}):
        refused = site.client.post(path, data={"name": "li.wei", "password": CHOSEN}, headers=stranger)
        assert refused.status_code == 403, stranger
    assert _cookie(site) is None


def test_only_our_own_pages_change_an_account(site: Site) -> None:
    _account(site)
    _sign_in(site)
    cross = {"Sec-Fetch-Site": "cross-site"}
    for path in (
        "/account/language",
        "/account/password",
        "/account/second-factor-off",
        "/account/sessions/others/revoke",
    ):
        assert site.client.post(path, data={"language": "en"}, headers=cross).status_code == 403, path


@pytest.mark.parametrize("after", ["//evil.test", "https://evil.test/", "/\\evil.test", "/\t/evil.test"])
def test_nobody_is_led_to_another_host(site: Site, after: str) -> None:
    _account(site)
    assert _sign_in(site, after=after).headers["location"] == "/"
    again = site.client.get("/sign-in", params={"next": after}, follow_redirects=False)
    assert (again.status_code, again.headers["location"]) == (303, "/")
    site.client.cookies.clear()
    assert "evil" not in site.client.get("/sign-in", params={"next": after}).text


def test_what_is_typed_or_asked_for_is_shown_as_text(site: Site) -> None:
    _account(site, "<b>li", shown="<img src=x>")
    page = site.client.get("/sign-in", params={"next": '/"><script>alert(1)</script>'}).text
    assert "<script>alert" not in page
    _sign_in(site, "<b>li")
    mine = site.client.get("/account", headers={"User-Agent": "<script>Firefox"}).text
    assert "<img src=x>" not in mine
    assert "<b>li" not in mine


def test_a_link_from_elsewhere_finds_its_reader_signed_in(site: Site) -> None:
    """A strict cookie stays at home when another site leads here: a page of ours goes on, and then it comes along."""
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Accept": "text/html"}
    led = site.client.get("/tasks", headers=elsewhere)
    assert '<meta http-equiv="refresh" content="0; url=/sign-in?next=/tasks">' in led.text
    assert "password" not in led.text
    _account(site)
    _sign_in(site)
    arrived = site.client.get("/sign-in?next=/tasks", headers={**OURS}, follow_redirects=False)
    assert arrived.headers["location"] == "/tasks"
    site.client.cookies.clear()
    assert 'type="password"' in site.client.get("/sign-in?next=/tasks", headers=OURS).text


def test_who_is_not_signed_in_is_sent_to_the_door_with_a_page_and_refused_with_anything_else(site: Site) -> None:
    page = site.client.get("/tasks", headers={"Accept": "text/html"}, follow_redirects=False)
    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=/tasks")
    for headers in ({"Accept": "text/html", "HX-Request": "true"}, {"Accept": "application/json"}):
        assert site.client.get("/tasks", headers=headers).status_code == 401
    assert site.client.get("/api/v1/alerts", headers={"Accept": "text/html"}).status_code == 401
    form = site.client.post("/tasks/x/accept", headers=OURS, follow_redirects=False)
    assert (form.status_code, form.headers["location"]) == (303, "/sign-in")


def test_the_link_opens_a_session_that_ends_with_its_token(site: Site) -> None:
    secret = site.token("officer", WEST)["Authorization"].removeprefix("Bearer ")
    first = site.client.get(f"/?token={secret}", follow_redirects=False)
    assert first.status_code == 303
    cookie = _cookie(site)
    assert cookie != secret
    assert _status(site) == 200
    site.client.get(f"/?token={secret}")
    assert _cookie(site) != cookie
    _be(site, cookie)
    assert _status(site) == 401, "the session that this browser had before"
    _be(site, secret)
    assert _status(site) == 401, "a token is no session"
    site.client.cookies.clear()
    site.client.get(f"/?token={secret}")
    assert _status(site) == 200
    assert site.client.get("/account").text.count("Sign it out") == 1
    with site.pool.connection() as conn:
        tokens.revoke(conn, f"officer@{WEST}")
    assert _status(site) == 401
    assert ("sign-in", f"token:officer@{WEST}", "testclient") in _trail(site)


def test_sessions_are_listed_and_ended_by_their_owner_and_by_an_operator_of_the_area(site: Site) -> None:
    _account(site)
    _account(site, "boss", "operator", WEST)
    _account(site, "east", "operator", "440102")
    cookies = {}
    for name in ("li.wei", "li.wei", "boss", "east"):
        site.client.cookies.clear()
        _sign_in(site, name)
        cookies[name if name not in cookies else "second"] = _cookie(site)
    with site.pool.connection() as conn:
        ids = {name: found.id for name, one in cookies.items() if one and (found := sessions.find(conn, one))}
    _be(site, cookies["li.wei"])
    mine = site.client.get("/account").text
    assert mine.count("this browser") == 1
    assert f"/account/sessions/{ids['second']}/revoke" in mine
    assert str(ids["boss"]) not in mine
    assert _post(site, f"/account/sessions/{ids['boss']}/revoke").status_code == 404
    assert _post(site, f"/account/sessions/{ids['second']}/revoke").status_code == 303
    assert site.client.get("/sessions").status_code == 403
    assert _post(site, f"/sessions/{ids['boss']}/revoke").status_code == 403
    _be(site, cookies["second"])
    assert _status(site) == 401
    _be(site, cookies["east"])
    assert "li.wei" not in site.client.get("/sessions").text
    assert _post(site, f"/sessions/{ids['li.wei']}/revoke").status_code == 404
    _be(site, cookies["boss"])
    assert "li.wei" in site.client.get("/sessions").text
    assert _post(site, f"/sessions/{ids['li.wei']}/revoke").status_code == 303
    _be(site, cookies["li.wei"])
    assert _status(site) == 401


@pytest.mark.parametrize("end", ["revoke", "disable", "token"])
def test_an_open_stream_ends_when_its_session_does(database: str, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "EVERY", 0.05)
    with open_site(database) as site:
        account = _account(site)
        other = site.token("viewer")["Authorization"].removeprefix("Bearer ")
        with site.pool.connection() as conn:
            mine = sessions.of_account(conn, account, sessions.Stage.OPEN, "", "")
            theirs = sessions.of_token(conn, other, "", "")
        app = site.client.app
        assert isinstance(app, FastAPI)

        def let_go() -> None:
            with site.pool.connection() as conn:
                if end == "revoke":
                    sessions.end_account(conn, account)
                elif end == "disable":
                    conn.execute("UPDATE account SET disabled_at = now()")
                else:
                    tokens.revoke(conn, "viewer@")

        async def watch() -> tuple[list[bytes], bool]:
            ending, staying = (theirs, mine) if end == "token" else (mine, theirs)
            async with (
                app.state.context.events.running(),
                stream(app, {"Cookie": f"{COOKIE}={ending}"}) as following,
                stream(app, {"Cookie": f"{COOKIE}={staying}"}) as onlooking,
            ):
                assert (await following())["status"] == 200
                assert (await onlooking())["status"] == 200
                await asyncio.to_thread(let_go)
                heard: list[bytes] = []
                while len(heard) < 4 and (message := await following())["body"]:
                    heard.append(message["body"])
                credential = tokens.digest(staying)
                return heard, await app.state.standing.lets_in(credential)

        heard, stays = asyncio.run(watch())
        assert heard[-1] == b"event: signed-out\ndata: 0\n\n"
        assert stays


def test_the_language_of_an_account_comes_before_the_browsers(site: Site) -> None:
    _account(site, language=CHINESE)
    _sign_in(site)
    english = {"Accept-Language": "en", "Accept": "text/html"}
    assert 'lang="zh-CN"' in site.client.get("/account", headers=english).text
    assert (
        "没有内容" in site.client.get("/nothing", headers=english).text
        or "zh-CN" in site.client.get("/areas/77", headers=english).text
    )
    assert _post(site, "/account/language", language="en").headers["location"] == "/account"
    assert 'lang="en"' in site.client.get("/account", headers={"Accept-Language": "zh"}).text
    assert _post(site, "/account/language", language="de").status_code == 422
    _post(site, "/account/language", language="")
    assert 'lang="zh-CN"' in site.client.get("/account", headers={"Accept-Language": "zh"}).text
    site.client.cookies.clear()
    secret = site.token("viewer")["Authorization"].removeprefix("Bearer ")
    site.client.get(f"/?token={secret}")
    _post(site, "/account/language", language=CHINESE)
    assert 'lang="zh-CN"' in site.client.get("/account", headers=english).text


def _refuse(site: Site, gateway: str) -> None:
    with site.pool.connection() as conn:
        conn.execute(
            "INSERT INTO quarantine (digest, at, gateway, topic, payload, reason, place, detail) "
            "VALUES (%s, %s, %s, 'telemetry/x', 'x', 'unknown_device', '', 'detail')",
            (gateway.encode(), NOON, gateway),
        )


def test_a_vendor_sees_the_quarantine_of_their_gateways_and_nothing_else(site: Site) -> None:
    for gateway in ("gw-west", "gw-east", "gw-new"):
        _refuse(site, gateway)
    with site.pool.connection() as conn:
        bearer = {
            "Authorization": f"Bearer {tokens.create(conn, 'vendor', '', 'acme', gateways=['gw-west', 'gw-new'])}"
        }

    def seen(**query: str) -> list[str]:
        answer = site.client.get("/api/v1/quarantine", headers=bearer, params=query)
        assert answer.status_code == 200, answer.text
        return sorted(one["gateway"] for one in answer.json()["items"])

    assert seen() == ["gw-new", "gw-west"]
    assert seen(gateway="gw-east") == []
    assert seen(gateway="gw-west") == ["gw-west"]
    app = site.client.app
    assert isinstance(app, FastAPI)
    open_to_vendors = []
    for path, methods in site.client.get("/openapi.json").json()["paths"].items():
        if not path.startswith("/api/"):
            continue
        for method in methods:
            asked = re.sub(r"\{[^}]*\}", "5", path)
            answer = site.client.request(method, asked, headers=bearer, json={})
            if answer.status_code != 403:
                open_to_vendors.append((method, path, answer.status_code))
    theirs = ("/quarantine", "/devices", "/gateways")
    assert [one for one in open_to_vendors if not one[1].removeprefix("/api/v1").startswith(theirs)] == []
    for path in ("/tasks", "/areas", "/oncall", "/policies", "/events", "/parts/alerts", "/parts/beside", "/handsets"):
        assert _status_of(site, path, bearer) == 403, path
    assert _status_of(site, "/account", bearer) == 200
    front = site.client.get("/", headers=bearer, follow_redirects=False)
    assert (front.status_code, front.headers["location"]) == (303, "/devices")


def _status_of(site: Site, path: str, headers: dict[str, str]) -> int:
    return int(site.client.get(path, headers=headers).status_code)


def test_who_came_with_a_token_has_no_session_to_change(site: Site) -> None:
    bearer = {**site.token("viewer"), "Sec-Fetch-Site": "same-origin"}
    for path in ("/account/language", "/account/password", "/account/sessions/others/revoke"):
        assert site.client.post(path, headers=bearer, data={"language": "en"}).status_code == 409, path
    assert "Where I am signed in" not in site.client.get("/account", headers=bearer).text
