"""Every address × every role × every area: what each may is written down here, and nothing else gets through.

An address without its line in `TABLE` fails the first test. What is refused tells nothing: neither that there is such a
thing in another district, nor anything of it, nor by how many, by what order or by a cursor.
"""

from __future__ import annotations

import asyncio
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID, uuid4

import pytest
from fastapi.routing import APIRoute
from httpx2 import Response
from prometheus_client import CollectorRegistry
from psycopg_pool import ConnectionPool
from starlette.routing import BaseRoute

from alerts.channels.twilio.signature import Signatures
from dashboards.app import create_app
from dashboards.live.news import News
from dashboards.pages.stream import told
from shouwang.laboratory import Laboratory
from storage import tokens
from tests.integration.dashboards_site import Site, open_site
from tests.integration.districts import District, befall, befallen, east, emptied, nowhere, west
from tests.integration.twilio_line import LINKS, PUBLIC

EVERYBODY, KNOWN = "everybody", "known"
"""Who is asked for nothing, and whoever is known: vendors too."""
ORDER: Final = ("viewer", "caseworker", "officer", "operator")
LATER: Final = {"starts": "2026-11-07T00:00:00Z", "ends": "2026-11-08T00:00:00Z"}
Sends = Callable[[District], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class May:
    """The least role that may ask; what a change sends, so that nothing but who asks can be wrong with it.

    `bare` is an address that leads to no thing of a district: there is nothing to be missed.
    """

    least: str
    sends: Sends | None = None
    vendor: bool = False
    bare: bool = False


def _json(make: Callable[[District], dict[str, Any]]) -> Sends:
    return lambda one: {"json": make(one)}


def _form(make: Callable[[District], dict[str, Any]]) -> Sends:
    return lambda one: {"data": make(one)}


def _phone(make: Callable[[District], dict[str, Any]]) -> Sends:
    return lambda one: {"json": make(one), "headers": {"Idempotency-Key": str(uuid4())}}


def _new_id(one: District) -> str:
    return f"new-{one.mark}-{uuid4()}"


def _nothing(_: District) -> dict[str, Any]:
    return {}


TABLE: Final[dict[str, May]] = {
    # What is asked for without a name: the service's own state, its scripts, its doors.
    **{route: May(EVERYBODY, bare=True) for route in (
        "GET /healthz", "GET /readyz", "GET /metrics", "GET /openapi.json", "GET /static",
        "GET /sign-in", "GET /sign-in/oidc", "GET /sign-in/oidc/callback", "POST /sign-out", "POST /sign-in",
        "POST /sign-in/code", "POST /sign-in/password", "POST /sign-in/second-factor",
        "GET /worker.js", "GET /manifest.webmanifest",
    )},
    # The address is the permission: a calendar's secret, a signed link, a provider's signature.
    **{route: May(EVERYBODY) for route in (
        "GET /calendars/{secret}.ics", "GET /a/{token}", "POST /a/{token}",
        "POST /webhooks/twilio/voice/{notification}", "POST /webhooks/twilio/voice/{notification}/key",
        "POST /webhooks/twilio/machine/{notification}", "POST /webhooks/twilio/status/{notification}",
        "POST /webhooks/twilio/inbound",
    )},
    # What concerns whoever asks.
    **{route: May(KNOWN, vendor=True, bare=True) for route in (
        "GET /account", "POST /account/language", "POST /account/password", "GET /account/second-factor",
        "POST /account/second-factor", "POST /account/second-factor-off", "POST /account/sessions/others/revoke",
        "POST /account/sessions/{session}/revoke",
    )},
    # Lists of what is in the reader's area.
    **{route: May("viewer", bare=True) for route in (
        "GET /api/v1/alerts", "GET /api/v1/tasks", "GET /api/v1/incidents", "GET /api/v1/maintenance",
        "GET /api/v1/households", "GET /api/v1/people", "GET /api/v1/contacts", "GET /api/v1/devices",
        "GET /api/v1/absences", "GET /api/v1/areas", "GET /api/v1/shapes", "GET /api/v1/exports/areas",
        "GET /api/v1/oncall", "GET /api/v1/oncall/schedules",
        "GET /", "GET /parts/alerts", "GET /parts/beside", "GET /parts/keys", "GET /areas", "GET /tasks",
        "GET /parts/tasks", "GET /oncall", "GET /parts/oncall", "GET /policies", "GET /events", "GET /my",
        "GET /design", "GET /welcome",
        "GET /parts/welcome", "GET /households",
    )},
    **{route: May("operator", bare=True) for route in (
        "GET /api/v1/handsets", "GET /handsets", "GET /parts/handsets", "GET /sessions",
    )},
    "GET /api/v1/quarantine": May("operator", vendor=True, bare=True),
    "GET /devices": May("viewer", vendor=True, bare=True),
    "GET /devices/try": May("viewer", vendor=True, bare=True),
    "POST /devices/try": May("viewer", _form(lambda _: {"payload": "[]"}), vendor=True, bare=True),
    "GET /audit": May("officer", bare=True),
    "GET /lab": May("officer", bare=True),
    "GET /parts/lab": May("officer", bare=True),
    "POST /lab/stop": May("officer", bare=True),
    "GET /api/v1/my/tasks": May("caseworker", bare=True),
    # One thing of a district.
    **{route: May("viewer") for route in (
        "GET /api/v1/alerts/{alert_id}", "GET /api/v1/tasks/{task_id}", "GET /api/v1/areas/{code}/performance",
        "GET /api/v1/exports/areas/{code}",
        "GET /api/v1/sensors/{sensor_id:path}/readings", "GET /api/v1/sensors/{sensor_id:path}/chart",
        "GET /api/v1/oncall/schedules/{schedule_id}", "GET /api/v1/oncall/schedules/{schedule_id}/shifts",
        "GET /api/v1/oncall/{schedule_id}.ics",
        "GET /alerts/{alert_id}", "GET /parts/alerts/{alert_id}/story", "GET /parts/alerts/{alert_id}/actions",
        "GET /parts/alerts/{alert_id}/charts", "GET /alerts/{alert_id}/{which}", "GET /incidents/{incident_id}",
        "GET /areas/{code}", "GET /households/{household_id}", "GET /parts/households/{household_id}/happened",
        "GET /parts/households/{household_id}/kept",
    )},
    "GET /gateways/{gateway}": May("viewer", vendor=True),
    "GET /call/{person:path}": May("caseworker"),
    "GET /api/v1/handsets/{phone}": May("operator"),
    # Changes of one thing.
    "POST /api/v1/alerts/{alert_id}/acknowledge": May("caseworker", _json(_nothing)),
    "POST /api/v1/alerts/{alert_id}/shelve": May("officer", _json(lambda _: {"until": LATER["starts"], "reason": "r"})),
    "POST /api/v1/alerts/{alert_id}/unshelve": May("officer", _json(_nothing)),
    "POST /api/v1/alerts/{alert_id}/close": May("officer", _json(lambda _: {"outcome": "helped"})),
    "POST /api/v1/alerts/{alert_id}/merge": May("officer", _json(lambda one: {"into": str(one.alert)})),
    "POST /api/v1/alerts/{alert_id}/split": May("officer", _json(_nothing)),
    "POST /api/v1/tasks/{task_id}/accept": May("caseworker", _json(_nothing)),
    "POST /api/v1/tasks/{task_id}/outcome": May("caseworker", _json(lambda _: {"outcome": "helped"})),
    "POST /api/v1/tasks/{task_id}/refuse": May("caseworker", _json(lambda _: {"reason": "busy"})),
    "POST /api/v1/tasks/{task_id}/handover": May("caseworker", _json(lambda one: {"person": one.caseworker})),
    "POST /api/v1/tasks/{task_id}/transfer": May("officer", _json(lambda _: {"organisation": "Red Cross"})),
    "POST /api/v1/my/tasks/{task_id}/accept": May("caseworker", _phone(_nothing)),
    "POST /api/v1/my/tasks/{task_id}/on-my-way": May("caseworker", _phone(lambda _: {"waited": 0})),
    "POST /api/v1/my/tasks/{task_id}/arrived": May("caseworker", _phone(lambda _: {"waited": 0})),
    "POST /api/v1/my/tasks/{task_id}/outcome": May("caseworker", _phone(lambda _: {"outcome": "helped"})),
    "POST /api/v1/my/tasks/{task_id}/refuse": May("caseworker", _phone(lambda _: {"reason": "busy"})),
    "POST /api/v1/my/tasks/{task_id}/handover": May("caseworker", _phone(lambda one: {"person": one.caseworker})),
    "POST /api/v1/maintenance": May("officer", _json(lambda one: {"area": one.code, "reason": "pipes", **LATER})),
    "DELETE /api/v1/maintenance/{number}": May("officer"),
    "POST /api/v1/households": May("operator", _json(lambda one: {"id": _new_id(one), "area": one.code})),
    "POST /api/v1/people": May("operator", _json(
        lambda one: {"id": _new_id(one), "name": "N", "role": "resident", "household": one.household})),
    "POST /api/v1/contacts": May("operator", _json(
        lambda one: {"household": one.household, "position": 9, "person": one.contact})),
    "POST /api/v1/devices": May("operator", _json(
        lambda one: {"id": _new_id(one), "household": one.household, "gateway": one.gateway})),
    "POST /api/v1/absences": May("operator", _json(lambda one: {"household": one.household, **LATER})),
    "POST /api/v1/reveals": May("caseworker", _json(
        lambda one: {"kind": "address", "of": one.household, "reason": "fire"})),
    "POST /api/v1/handsets/messages/{message_id}/answer": May("operator", _json(lambda _: {"answer": "1"})),
    "POST /api/v1/oncall/schedules/{schedule_id}/overrides": May("officer", _json(
        lambda one: {"person": one.caseworker, **LATER})),
    "DELETE /api/v1/oncall/schedules/{schedule_id}/overrides/{override_id}": May("officer"),
    "POST /api/v1/oncall/{schedule_id}.ics": May("officer", lambda _: {
        "content": "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n"}),
    "POST /alerts/{alert_id}/acknowledge": May("caseworker", _form(_nothing)),
    "POST /alerts/{alert_id}/give-back": May("caseworker", _form(_nothing)),
    "POST /alerts/{alert_id}/escalate": May("caseworker", _form(_nothing)),
    "POST /alerts/{alert_id}/shelve": May("officer", _form(lambda _: {"hours": "1", "reason": "r"})),
    "POST /alerts/{alert_id}/unshelve": May("officer", _form(_nothing)),
    "POST /alerts/{alert_id}/close": May("officer", _form(lambda _: {"outcome": "helped"})),
    "POST /tasks/{task_id}/accept": May("caseworker", _form(_nothing)),
    "POST /tasks/{task_id}/outcome": May("caseworker", _form(lambda _: {"outcome": "helped"})),
    "POST /tasks/{task_id}/refuse": May("caseworker", _form(lambda _: {"reason": "busy"})),
    "POST /tasks/{task_id}/handover": May("caseworker", _form(lambda one: {"person": one.caseworker})),
    "POST /tasks/{task_id}/transfer": May("officer", _form(lambda _: {"organisation": "Red Cross"})),
    "POST /handsets/messages/{message_id}/answer": May("operator", _form(lambda _: {"answer": "1"})),
    "POST /oncall/{schedule_id}/overrides": May("officer", _form(
        lambda one: {"person": one.caseworker, "starts": "2026-11-07T00:00", "ends": "2026-11-08T00:00"})),
    "POST /oncall/{schedule_id}/overrides/{override_id}/remove": May("officer", _form(_nothing)),
    "POST /sessions/{session}/revoke": May("operator", _form(_nothing)),
    "POST /lab": May("officer", _form(lambda one: {"household": one.household, "rules": "default", "days": "1"})),
    "POST /households/{household_id}/note": May("caseworker", _form(lambda _: {"note": "n"})),
    "POST /households/{household_id}/absences": May("operator", _form(
        lambda _: {"starts": "2026-11-07T00:00", "ends": "2026-11-08T00:00"})),
    "POST /households/{household_id}/absences/{number}/end": May("operator", _form(_nothing)),
    "POST /reveal/{kind}/{key:path}": May("caseworker", _form(lambda _: {"reason": "call"})),
}  # fmt: skip

FILTERED: Final[dict[str, Callable[[District], dict[str, str]]]] = {
    "/api/v1/alerts": lambda one: {"household": one.household},
    "/api/v1/tasks": lambda one: {"assignee": one.caseworker},
    "/api/v1/incidents": lambda one: {"area": one.code},
    "/api/v1/households": lambda one: {"area": one.code},
    "/api/v1/people": lambda one: {"household": one.household},
    "/api/v1/contacts": lambda one: {"household": one.household},
    "/api/v1/devices": lambda one: {"gateway": one.gateway},
    "/api/v1/absences": lambda one: {"household": one.household},
    "/api/v1/quarantine": lambda one: {"gateway": one.gateway},
    "/api/v1/oncall": lambda one: {"area": one.code},
    "/": lambda one: {"area": one.code},
    "/parts/alerts": lambda one: {"q": one.household},
    "/households": lambda one: {"q": one.household},
    "/devices": lambda one: {"gateway": one.gateway},
    "/audit": lambda one: {"household": one.household},
}
"""Lists, and how one asks them for what is of a district."""


@pytest.fixture(scope="module")
def routes() -> dict[str, str]:
    """Return every address there is: method and path, and the path alone."""
    return {f"{method} {path}": path for method, path in _addresses()}


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(
        database, links=LINKS, twilio=Signatures("token", PUBLIC), laboratory=Laboratory(database)
    ) as opened:
        yield opened


@pytest.fixture
def districts(site: Site) -> tuple[District, District]:
    return befallen(site)


def _addresses() -> Iterator[tuple[str, str]]:
    """Yield everything that an application with all its parts answers to."""

    def walk(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
        for route in routes:
            inner = getattr(route, "original_router", None)
            if inner is not None:
                yield from walk(inner.routes, prefix + route.include_context.prefix)  # type: ignore[attr-defined] # FastAPI's own
                continue
            for method in (route.methods if isinstance(route, APIRoute) else None) or {"GET"}:
                yield method, prefix + route.path  # type: ignore[attr-defined] # every route of ours has one

    site_less = create_app(_context())
    yield from walk(site_less.routes)


def _context() -> Any:
    """Return what makes an application with all its addresses, and nothing that answers."""

    class Nothing:
        twilio = Signatures("token", PUBLIC)
        pool = ConnectionPool(open=False)

        def __getattr__(self, name: str) -> Any:
            return CollectorRegistry() if name == "metrics" else None

    return Nothing()


def _path(path: str, one: District) -> str:
    """Return an address with the things of a district in it."""
    names: dict[str, object] = {
        "alert_id": one.alert, "task_id": one.task, "message_id": one.message, "incident_id": one.incident,
        "code": one.code, "household_id": one.household, "gateway": one.gateway, "person:path": one.resident,
        "sensor_id:path": f"{one.device}/volume", "schedule_id": one.schedule, "override_id": one.override,
        "phone": one.phone, "number": one.number, "which": "timeline", "kind": "address", "key:path": one.household,
        "secret": one.calendar, "session": uuid4(), "token": "x", "notification": one.message,
    }  # fmt: skip
    for name, value in names.items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe="/"))
    assert "{" not in path, f"say what stands for it in {path}"
    return path


def _ask(site: Site, route: str, path: str, of: District, who: dict[str, str]) -> Response:
    """Ask an address for what is of a district; `path` is where."""
    sends = TABLE[route].sends
    sent = sends(of) if sends is not None else {}
    headers = {**who, **sent.pop("headers", {})}
    method = route.split(" ", 1)[0]
    return site.client.request(method, _path(path, of), headers=headers, follow_redirects=False, **sent)


def _who(site: Site, role: str, one: District) -> dict[str, str]:
    if role == "nobody":
        return {}
    if role == "vendor":
        if "vendor" not in site.tokens:
            with site.pool.connection() as conn:
                site.tokens["vendor"] = tokens.create(conn, "vendor", "", "vendor", gateways=[one.gateway])
        return {"Authorization": f"Bearer {site.tokens['vendor']}"}
    return site.token(role, one.code, one.caseworker)


def _below(may: May) -> list[str]:
    """Return whom an address refuses: nobody, vendors, and of the others the one that almost may."""
    if may.least == EVERYBODY:
        return []
    almost = ORDER[ORDER.index(may.least) - 1 : ORDER.index(may.least)] if may.least in ORDER else ()
    return ["nobody", *([] if may.vendor else ["vendor"]), *almost]


def _allowed(may: May, role: str) -> bool:
    if may.least == EVERYBODY:
        return True
    if role == "vendor":
        return may.vendor
    return role != "nobody" and (may.least == KNOWN or ORDER.index(role) >= ORDER.index(may.least))


def _told(answer: Response, of: District, sent: str) -> set[str]:
    """Return which marks of a district an answer shows that its asker did not send."""
    said = answer.text + str(answer.headers)
    return {mark for mark in of.marks() if mark in said and mark not in sent}


def _asked(routes: dict[str, str], *, skip: tuple[str, ...] = ("GET /events", "GET /static")) -> list[tuple[str, str]]:
    return [(route, path) for route, path in routes.items() if route not in skip]


def test_every_address_says_who_may_ask(routes: dict[str, str]) -> None:
    assert sorted(set(routes) - set(TABLE)) == [], "write down in TABLE who may ask these"
    assert sorted(set(TABLE) - set(routes)) == [], "these are no longer there"


def test_a_role_may_what_is_written_down_and_is_refused_the_rest(
    site: Site, districts: tuple[District, District], routes: dict[str, str]
) -> None:
    here, _ = districts
    for route, path in _asked(routes):
        may = TABLE[route]
        for role in _below(may):
            answer = _ask(site, route, path, here, _who(site, role, here))
            if (route, role) == ("GET /", "vendor"):  # whose front page is another
                assert answer.headers["location"] == "/devices"
                continue
            assert answer.status_code == (401 if role == "nobody" else 403), (route, role, answer.text[:300])
            assert _told(answer, here, _path(path, here)) == set(), (route, role)
    # What is allowed comes last: it changes the things that are asked for.
    for route, path in sorted(_asked(routes)):
        may = TABLE[route]
        if may.least in (EVERYBODY, KNOWN) or route.startswith("GET "):
            for role in {"nobody": ["nobody"], EVERYBODY: ["nobody"], KNOWN: ["vendor"]}.get(may.least, [may.least]):
                answer = _ask(site, route, path, here, _who(site, role, here))
                assert answer.status_code not in (405, 500, 501), (route, role, answer.text[:300])
                if may.least in ORDER:
                    assert answer.status_code < 400, (route, role, answer.text[:300])
    for route, path in _asked(routes):
        may = TABLE[route]
        if may.least in ORDER and not route.startswith("GET "):
            answer = _ask(site, route, path, here, _who(site, may.least, here))
            gone = any(
                part in route for part in ("{session}", "/end", "{override_id}/remove")
            )  # or of another kind of thing
            refused = (401, 403, 405) if gone else (401, 403, 404, 405)
            assert answer.status_code < 500, (route, answer.text[:300])
            assert answer.status_code not in refused, (route, answer.text[:300])


def test_the_other_district_does_not_exist(
    site: Site, districts: tuple[District, District], routes: dict[str, str]
) -> None:
    here, there = districts
    with site.pool.connection() as conn:
        before = conn.execute(_EVERYTHING).fetchone()
    for route, path in _asked(routes):
        may = TABLE[route]
        if may.least == EVERYBODY:
            continue
        for role in {may.least if may.least in ORDER else "viewer", "operator", *(["vendor"] if may.vendor else [])}:
            answer = _ask(site, route, path, there, _who(site, role, here))
            sent = _path(path, there) + str(may.sends(there) if may.sends else "")
            assert _told(answer, there, sent) == set(), (route, role, answer.text[:2000])
            assert may.bare or answer.status_code == 404, (route, role, answer.status_code, answer.text[:500])
    with site.pool.connection() as conn:
        assert conn.execute(_EVERYTHING).fetchone() == before


def test_who_answers_for_everywhere_finds_it(
    site: Site, districts: tuple[District, District], routes: dict[str, str]
) -> None:
    """Else the tests above would look for what there is not."""
    _, there = districts
    who, shown = site.token("operator", "", "do-1"), set()
    for route, path in _asked(routes):
        if route.startswith("GET ") and TABLE[route].least != EVERYBODY:
            answer = _ask(site, route, path, there, who)
            assert answer.status_code in (200, 303, 302, 307), (route, answer.text[:500])
            shown |= _told(answer, there, "")
    hidden = {there.phone, there.contact_phone, there.calendar}  # masked, or never shown again
    assert set(there.marks()) - shown <= hidden | {str(there.override), there.address, f"*{there.contact_phone[-4:]}"}
    assert "Orientalia" in site.client.get(f"/calendars/{there.calendar}.ics").text
    assert "Orientalia" not in site.client.get(f"/calendars/{districts[0].calendar}.ics").text


def test_nothing_shown_depends_on_another_district(site: Site, routes: dict[str, str]) -> None:
    """No count, order, cursor, colour or place on a page differs, whether there is another district or not."""
    here, there = west(), east()
    emptied(site, there)
    befall(site, here)
    own = {"GET /audit", "GET /account", "GET /sessions"}  # what shows that one has looked already

    def shown() -> dict[tuple[str, str], tuple[int, str]]:
        found = {}
        for role in ("operator",):
            for route, path in _asked(routes):
                may = TABLE[route]
                if route.startswith("GET ") and may.least in ORDER and _allowed(may, role) and route not in own:
                    answer = _ask(site, route, path, here, _who(site, role, here))
                    found[route, role] = answer.status_code, answer.text
        return found

    shown()  # what is shown for the first time may say so
    alone = shown()
    befall(site, there)
    with site.pool.connection() as conn:
        conn.execute("ANALYZE")
    beside = shown()
    for key, (status, text) in alone.items():
        assert beside[key][0] == status, key
        assert _settled(beside[key][1]) == _settled(text), key
    assert len(alone) > 50


def test_filters_and_searches_find_nothing_elsewhere(site: Site, districts: tuple[District, District]) -> None:
    """Asking for what is of another district is answered like asking for what is nowhere."""
    here, there = districts
    who, absent = _who(site, "operator", here), nowhere()
    for path, ask in FILTERED.items():
        found = site.client.get(path, params=ask(there), headers=who)
        empty = site.client.get(path, params=ask(absent), headers=who)
        assert found.status_code == empty.status_code, path
        asked, missed = (str(next(iter(ask(one).values()))) for one in (there, absent))
        assert _settled(found.text.replace(quote(asked), "X").replace(asked, "X")) == _settled(
            empty.text.replace(quote(missed), "X").replace(missed, "X")
        ), path
        assert _told(found, there, asked) == set(), path
        mine = site.client.get(path, params=ask(here), headers=who)
        assert _settled(mine.text.replace(next(iter(ask(here).values())), "X")) != _settled(
            found.text.replace(asked, "X")
        ), path


def test_cursors_lead_through_one_s_own(
    site: Site, districts: tuple[District, District], routes: dict[str, str]
) -> None:
    here, there = districts
    who, followed = _who(site, "operator", here), 0
    for route in sorted(routes):
        if not route.startswith("GET /api/v1/") or "{" in route:
            continue
        url: str | None = f"{route.removeprefix('GET ')}?limit=1"
        for _ in range(200):
            answer = site.client.get(str(url), headers=who)
            if "json" not in answer.headers["content-type"] or "next" not in answer.json():
                break
            url = answer.json()["next"]
            if url is None:
                break
            followed += 1
            [cursor] = parse_qs(urlsplit(url).query)["cursor"]
            packed = urlsafe_b64decode(cursor).decode()
            assert [mark for mark in there.marks() if mark in packed] == [], (route, packed)
        else:
            raise AssertionError(route)
    assert followed > 10


def test_cursors_that_were_tampered_with_show_nothing_more(site: Site, districts: tuple[District, District]) -> None:
    here, there = districts
    who = _who(site, "operator", here)
    keys: list[object] = [
        "", 0, -1, 2**70, None, True, [], {}, "' OR '1'='1", ["2026-11-05T04:00:00Z", str(there.alert)],
        ["9999-12-31T23:59:59Z", "ffffffff-ffff-4fff-bfff-ffffffffffff"], [there.household, 1], there.household,
        "hh-2'; DROP TABLE alert; --", ["2026-11-05T04:00:00Z", 10**6], "\x00", "2026-11-01T00:00:00Z", "ff",
    ]  # fmt: skip
    for path in [one for one in FILTERED if one.startswith("/api/")] + [
        "/api/v1/maintenance",
        "/api/v1/handsets",
        "/audit",
    ]:
        for cursor in [*(urlsafe_b64encode(json.dumps(key).encode()).decode() for key in keys), "%%%", "AAAA", "e30=x"]:
            answer = site.client.get(path, params={"cursor": cursor}, headers=who)
            assert answer.status_code in (200, 422), (path, cursor, answer.text[:300])
            assert _told(answer, there, cursor) == set(), (path, cursor)


def test_what_is_elsewhere_is_answered_like_what_is_nowhere(
    site: Site, districts: tuple[District, District], routes: dict[str, str]
) -> None:
    """Whoever tries ids learns nothing: status, words and headers are the same."""
    here, there = districts
    absent = nowhere()
    for role in ("operator",):
        who = _who(site, role, here)
        for route, path in _asked(routes):
            may = TABLE[route]
            if may.bare or may.least == EVERYBODY:
                continue
            found, missed = (_ask(site, route, path, one, who) for one in (there, absent))
            assert found.status_code == missed.status_code, (route, role, found.text[:300], missed.text[:300])
            assert sorted(found.headers) == sorted(missed.headers), (route, role)
            assert _anonymous(found.text, there) == _anonymous(missed.text, absent), (route, role)


def test_the_stream_says_when_to_look_and_by_itself_nothing_of_what(
    site: Site, districts: tuple[District, District]
) -> None:
    here, _ = districts
    for role in ("nobody", "vendor"):
        assert site.client.get("/events", headers=_who(site, role, here)).status_code == (
            401 if role == "nobody" else 403
        )

    class Ear:
        async def wait(self, patience: float) -> bool:
            return patience > 0

    async def heard() -> list[News]:
        stream = told(site.client.app.state.context, Ear())  # type: ignore[attr-defined] # it is a FastAPI
        return [await anext(stream) for _ in range(3)]

    assert asyncio.run(heard()) == [News("change", str(int(site.now.timestamp() * 1000)))] * 3


_EVERYTHING: Final = """
SELECT (SELECT array_agg(a::text ORDER BY a.id) FROM alert a), (SELECT array_agg(t::text ORDER BY t.id) FROM task t),
       (SELECT array_agg(h::text ORDER BY h.id) FROM household h),
       (SELECT array_agg(p::text ORDER BY p.id) FROM person p),
       (SELECT array_agg(d::text ORDER BY d.id) FROM device d),
       (SELECT count(*) FROM contact), (SELECT count(*) FROM absence),
       (SELECT array_agg(m::text ORDER BY m.id) FROM maintenance m),
       (SELECT array_agg(o::text ORDER BY o.id) FROM oncall_override o),
       (SELECT array_agg(m::text ORDER BY m.id) FROM handset_message m)
"""


def _settled(text: str) -> str:
    """Return an answer without what is new each time: numbers drawn for forms and keys."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", "UUID", text)


def _anonymous(text: str, one: District) -> str:
    ids: list[UUID | str | None] = [
        one.alert, one.task, one.message, one.incident, one.override, one.household, one.code, one.caseworker,
        one.gateway, one.device, one.phone, one.contact, one.resident, one.schedule, one.mark,
    ]  # fmt: skip
    for known in sorted(map(str, ids), key=len, reverse=True):
        text = text.replace(quote(known), "X").replace(known, "X")
    return _settled(text)
