"""What strangers try: forms of other sites, scripts in texts, links that lead away, and links used again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import product
from typing import Any, Final
from urllib.parse import quote, urlsplit
from uuid import UUID

import pytest
from httpx2 import Response

from alerts.channels.twilio.signature import Signatures
from dashboards.access import COOKIE
from registry.instants import DAY, MINUTE, to_datetime, to_micros
from registry.model import Device, Household, Person, Registry
from shouwang.laboratory import Laboratory
from storage import registry, sessions, tokens, trail
from tests.integration.dashboards_site import NOON, TOWN, WEST, Site, open_site
from tests.integration.districts import District, befall, west
from tests.integration.test_access_matrix import EVERYBODY, TABLE, _addresses, _path
from tests.integration.twilio_line import LINKS, PUBLIC

MARK: Final = "xss-mark"
EVIL: Final = f"\"'><{MARK} onload=alert(1)>"
"""Ends an attribute and a tag, and begins one of its own."""
STRANGERS: Final[tuple[dict[str, str], ...]] = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://shouwang.test.evil.example"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://shouwang.test"},
    {},
)
OURS: Final = {"Sec-Fetch-Site": "same-origin"}
# What people and devices can set, wherever it stands afterwards; ids and addresses come with `EVIL_TOWN`.
_SET: Final = (
    "UPDATE area SET name = %(evil)s",
    "UPDATE person SET name = %(evil)s",
    "UPDATE contact SET relation = %(evil)s",
    "UPDATE absence SET reason = %(evil)s",
    "UPDATE device SET model = %(evil)s",
    """UPDATE quarantine SET topic = %(evil)s, payload = convert_to(%(evil)s, 'UTF8'), reason = %(evil)s,
                             place = %(evil)s,
                             detail = %(evil)s""",
    "UPDATE maintenance SET reason = %(evil)s, gateway = %(evil)s, made_by = %(evil)s",
    "UPDATE incident SET source = %(evil)s, facts = facts || jsonb_build_object('gateway', %(evil)s::text)",
    """UPDATE alert SET note = %(evil)s, rule = %(evil)s, held_by = %(evil)s, status = 'acknowledged',
                        acknowledged_at = %(now)s""",
    "UPDATE task SET note = %(evil)s, reference = %(evil)s, done_by = %(evil)s",
    "UPDATE notification SET error = %(evil)s, answer = %(evil)s",
    "UPDATE handset_message SET answer = %(evil)s, answered_at = %(now)s",
    "UPDATE oncall_schedule SET name = %(evil)s",
    "UPDATE oncall_override SET note = %(evil)s, entered_by = %(evil)s",
    """INSERT INTO alert_event (alert, seq, at, actor, kind, detail)
       SELECT alert.id, event_count + k.n, %(now)s, %(evil)s, k.kind,
              jsonb_build_object('reason', %(evil)s::text, 'note', %(evil)s::text, 'person', %(evil)s::text,
                                 'answer', %(evil)s::text, 'outcome', 'helped', 'meaning', 'unclear',
                                 'why', %(evil)s::text, 'said', %(evil)s::text)
       FROM alert, unnest(ARRAY['answered', 'closed', 'shelved', 'task_refused', 'acknowledged', 'note'])
           WITH ORDINALITY k (kind, n)""",
    "INSERT INTO service_alert (kind, since, count, detail) VALUES ('late_step', %(now)s, 1, %(evil)s)",
)  # fmt: skip
EVIL_TOWN: Final = Registry(
    areas=TOWN.areas,
    households=(
        *(replace(one, address=EVIL, note=EVIL) for one in TOWN.households),
        Household(EVIL, f"{WEST}01", "Asia/Shanghai", "en", "relief", "high", EVIL, "cw-west", EVIL),
    ),
    people=(*TOWN.people, Person(EVIL, EVIL, "resident", EVIL, None, "+8613812349999", "en")),
    contacts=TOWN.contacts,
    devices=(*TOWN.devices, Device(EVIL, "hh-1", EVIL, EVIL)),
)


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(
        database, links=LINKS, twilio=Signatures("token", PUBLIC), laboratory=Laboratory(database)
    ) as opened:
        yield opened


@pytest.fixture
def here(site: Site) -> District:
    found = west()
    befall(site, found)
    return found


class _Seen(HTMLParser):
    """Collects what a browser would take for elements and attributes of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag.startswith("xss"):
            self.found.append(tag)
        for name, value in attrs:
            if name.startswith(("on", "xss")) or (value or "").strip().lower().startswith("javascript:"):
                self.found.append(f"{tag} {name}={value}")


def _cookie(site: Site, role: str = "operator", area: str = "", person: str | None = None) -> dict[str, str]:
    """Return the cookie of a session that was opened by a sign-in link."""
    secret = site.token(role, area, person)["Authorization"].removeprefix("Bearer ")
    with site.pool.connection() as conn:
        return {"Cookie": f"{COOKIE}={sessions.of_token(conn, secret, '127.0.0.1', 'test')}"}


def _harmless(answer: Response, where: object) -> None:
    """Make sure that nothing in an answer is taken for markup that is not ours."""
    kind = answer.headers.get("content-type", "").partition(";")[0]
    assert answer.headers["x-content-type-options"] == "nosniff", where
    if kind == "text/html":
        seen = _Seen()
        seen.feed(answer.text)
        assert seen.found == [], where
        assert f"<{MARK}" not in answer.text, where
    else:
        kinds = ("json", "problem+json", "manifest+json", "geo+json", "calendar", "csv", "plain", "javascript", "")
        assert kind.rpartition("/")[2] in kinds, (where, kind)


def test_forms_of_other_sites_are_refused(site: Site, here: District) -> None:
    """A browser sends the cookie along whoever's page the form was on."""
    signed_in = _cookie(site, "operator", "", "do-1")
    before = _state(site)
    changes = [(method, path) for method, path in _addresses() if method not in ("GET", "HEAD")]
    assert len(changes) > 50
    for method, path in changes:
        route = f"{method} {path}"
        if path.startswith(("/webhooks/", "/a/")):
            continue  # no cookie opens these: a signature does
        sends = TABLE[route].sends
        for stranger in STRANGERS:
            sent = sends(here) if sends is not None else {}
            headers = {**signed_in, **stranger, **sent.pop("headers", {})}
            answer = site.client.request(method, _path(path, here), headers=headers, follow_redirects=False, **sent)
            assert answer.status_code == 403, (route, stranger, answer.status_code)
    assert _state(site) == before
    welcome = site.client.post(
        f"/alerts/{here.alert}/acknowledge", headers={**signed_in, **OURS}, follow_redirects=False
    )
    assert welcome.status_code == 303
    assert _state(site) != before


def test_no_get_changes_anything(site: Site, here: District) -> None:
    """Else an image on another site would do."""
    signed_in = _cookie(site, "operator", "", "do-1")
    before = _state(site)
    for method, path in _addresses():
        if method == "GET" and path not in ("/events", "/static"):
            site.client.get(_path(path, here), headers=signed_in, follow_redirects=False)
    assert _state(site) == before


@pytest.fixture
def poisoned(site: Site, here: District) -> District:
    """Return a district in which every text is an attack."""
    with site.pool.connection() as conn:
        registry.save(conn, EVIL_TOWN)
        for sql in _SET:
            conn.execute(sql, {"evil": EVIL, "now": NOON})
        trail.record(
            conn, actor=EVIL, role=EVIL, action="reveal", household="hh-1", detail={"reason": EVIL}, address=EVIL
        )
    site.store(EVIL, "volume", [(NOON, 1.0, 1.0, 0)])
    return here


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_texts_of_people_and_devices_are_only_ever_text(site: Site, poisoned: District, language: str) -> None:
    headers = {**_cookie(site, "operator", "", "do-1"), "Accept": "text/html", "Accept-Language": language}
    shown = set()
    for method, path in _addresses():
        if method != "GET" or path in ("/events", "/static", "/metrics"):
            continue
        for one in (poisoned, replace(poisoned, household=EVIL, device=EVIL, gateway=EVIL, resident=EVIL)):
            answer = site.client.get(_path(path, one), headers=headers, follow_redirects=False)
            assert answer.status_code < 500, (path, answer.text[:500])
            _harmless(answer, path)
            if MARK in answer.text:
                shown.add(path)
    # Else nothing of what was set was looked at.
    assert shown >= {
        "/", "/alerts/{alert_id}", "/tasks", "/oncall", "/areas/{code}", "/handsets", "/households/{household_id}",
        "/audit", "/devices", "/incidents/{incident_id}", "/api/v1/households", "/api/v1/quarantine",
    }  # fmt: skip


def test_what_is_asked_for_is_only_ever_text(site: Site, here: District) -> None:
    asked = dict.fromkeys((
        "q", "area", "kind", "status", "household", "assignee", "gateway", "reason", "week", "cursor", "days", "at",
        "actor", "action", "since", "until", "from", "to", "every", "next", "error", "state", "code", "token", "text",
        "holder", "least",
    ), EVIL)  # fmt: skip
    mine = {**_cookie(site, "operator", "", "do-1"), "Accept": "text/html"}
    for headers in (mine, {"Accept": "text/html"}):
        for method, path in _addresses():
            if path in ("/events", "/static") or method == "DELETE":
                continue
            for name in (None, *asked):
                params = asked if name is None else {name: EVIL}
                if name is not None and method != "GET":
                    continue
                sent = dict.fromkeys(("note", "reason", "name", "username", "person", "payload", "topic"), EVIL)
                answer = site.client.request(
                    method,
                    _path(path, here),
                    params=params,
                    headers={**headers, **OURS},
                    follow_redirects=False,
                    data=sent if method == "POST" else None,
                )
                assert answer.status_code < 500, (path, name, answer.text[:500])
                _harmless(answer, (method, path, name))
    for path in ("/", "/alerts/", "/households/", "/areas/", "/api/v1/alerts/", "/a/", "/calendars/", "/nowhere/"):
        _harmless(site.client.get(path + quote(EVIL), headers=mine), path)


AWAY: Final = (
    "//evil.example",
    "https://evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    "/%2F/evil.example",
    " //evil.example",
    "/\n/evil.example",
    "http:evil.example",
)


def test_no_link_leads_away(site: Site, here: District) -> None:
    """Whoever signs in, answers a form or follows a sign-in link stays here."""
    secret = site.token("operator")["Authorization"].removeprefix("Bearer ")
    signed_in, redirected = {**_cookie(site, "operator", "", "do-1"), **OURS}, 0
    for where, name in product(AWAY, ("next", "return", "to", "url", "onward", "redirect")):
        for answer in (
            site.client.get("/", params={"token": secret, name: where}, headers=OURS, follow_redirects=False),
            site.client.get("/sign-in", params={name: where}, headers=signed_in, follow_redirects=False),
            site.client.post("/sign-in", params={name: where}, data={name: where, "name": "x", "password": "y"},
                             headers=OURS, follow_redirects=False),
            site.client.post("/sign-out", data={name: where}, headers=signed_in, follow_redirects=False),
            site.client.post("/account/language", data={name: where, "language": "en"},
                             headers={**_cookie(site, "operator", "", "do-1"), **OURS, "Referer": "https://evil.example/"},
                             follow_redirects=False),
        ):  # fmt: skip
            site.client.cookies.clear()
            if "location" in answer.headers:
                redirected += 1
                _stays(answer.headers["location"], (where, name))
            assert "evil.example" not in answer.headers.get("refresh", "")
        signed_in = {**_cookie(site, "operator", "", "do-1"), **OURS}
    for method, path in _addresses():
        route = f"{method} {path}"
        if TABLE[route].least == EVERYBODY or path == "/events":
            continue
        sends = TABLE[route].sends
        sent: dict[str, Any] = sends(here) if sends is not None else {}
        headers = {
            **signed_in,
            **sent.pop("headers", {}),
            "Referer": "https://evil.example/",
            "X-Forwarded-Host": "evil.example",
        }
        answer = site.client.request(method, _path(path, here), headers=headers, follow_redirects=False, **sent)
        if "location" in answer.headers:
            redirected += 1
            _stays(answer.headers["location"], route)
    assert redirected > 20


def _stays(location: str, where: object) -> None:
    leads = urlsplit(location.replace("\\", "/").replace("\t", "").replace("\n", "").strip())
    if leads.scheme == "tel":
        return
    assert not leads.scheme, (where, location)
    assert not leads.netloc, (where, location)
    assert location.startswith("/"), (where, location)


def test_a_signed_link_answers_its_own_message_and_once(site: Site, here: District) -> None:
    assert here.message
    now, headers = to_micros(site.now), {"Accept": "text/html"}
    link = urlsplit(LINKS.to(here.message, now)).path
    other = urlsplit(LINKS.to(UUID(int=7), now)).path
    assert site.client.get(link, headers=headers).status_code == 200
    assert site.client.get(other, headers=headers).status_code == 403  # well signed, of no message
    token = link.removeprefix("/a/")
    swapped = other.removeprefix("/a/")[:24] + token[24:]
    for forged in (token[:-2], token[:-1] + ("A" if token[-1] != "A" else "Q"), swapped, "", "x" * 50, token + token):
        for method in ("GET", "POST"):
            answer = site.client.request(
                method, f"/a/{forged}", headers=headers, data={"answer": "1"} if method == "POST" else None
            )
            assert answer.status_code in (403, 404), forged
            assert here.resident_name not in answer.text
    first = site.client.post(link, data={"answer": "2"}, headers=headers)
    told = _state(site)
    again = site.client.post(link, data={"answer": "2"}, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert _state(site)[0] == told[0]  # no alert moved on a second time
    site.now = to_datetime(now + DAY + MINUTE)
    for method in ("GET", "POST"):
        late = site.client.request(method, link, headers=headers, data={"answer": "1"} if method == "POST" else None)
        assert late.status_code == 410
    assert not any(
        secret in site.client.get(link, headers=headers).text for secret in (here.address, here.phone, str(here.alert))
    )


def test_a_link_is_no_session(site: Site, here: District) -> None:
    """What opens one message, or one calendar, opens nothing else."""
    assert here.message
    token = urlsplit(LINKS.to(here.message, to_micros(site.now))).path.removeprefix("/a/")
    with site.pool.connection() as conn:
        calendar = tokens.create(conn, tokens.CALENDAR, "", "a calendar")
    for secret in (token, calendar):
        for headers in ({"Authorization": f"Bearer {secret}"}, {"Cookie": f"{COOKIE}={secret}"}):
            for path in ("/api/v1/alerts", "/", f"/alerts/{here.alert}", "/events", "/api/v1/people"):
                assert site.client.get(path, headers=headers, follow_redirects=False).status_code in (303, 401), path
        assert site.client.get(f"/?token={secret}", follow_redirects=False).status_code in (303, 401)
        assert "shouwang_session" not in site.client.cookies


_STATE: Final = """
SELECT (SELECT array_agg(a::text ORDER BY a.id) FROM (SELECT id, status, held_by, outcome, help_at, note FROM alert) a),
       (SELECT array_agg(t::text ORDER BY t.id) FROM task t),
       (SELECT array_agg(h::text ORDER BY h.id) FROM household h),
       (SELECT array_agg(p::text ORDER BY p.id) FROM person p), (SELECT array_agg(d::text ORDER BY d.id) FROM device d),
       (SELECT array_agg(c::text ORDER BY c.household, c.position) FROM contact c),
       (SELECT array_agg(a::text ORDER BY a.id) FROM absence a),
       (SELECT array_agg(m::text ORDER BY m.id) FROM maintenance m),
       (SELECT array_agg(o::text ORDER BY o.id) FROM oncall_override o),
       (SELECT count(*) FROM handset_message WHERE answer IS NOT NULL),
       (SELECT count(*) FROM token), (SELECT count(*) FROM account)
"""


def _state(site: Site) -> tuple[Any, ...]:
    with site.pool.connection() as conn:
        found = conn.execute(_STATE).fetchone()
    assert found
    return found
