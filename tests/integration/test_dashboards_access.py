"""Who may do what: roles, areas, sessions and strangers' sites."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from typer.testing import CliRunner, Result

from dashboards.access import COOKIE
from shouwang.cli import app
from storage import sessions, tokens
from tests.integration.dashboards_site import EAST, WEST, Site, open_site

READS = (
    "/api/v1/alerts",
    "/api/v1/tasks",
    "/api/v1/households",
    "/api/v1/people",
    "/api/v1/contacts",
    "/api/v1/devices",
    "/api/v1/absences",
    "/api/v1/areas",
    f"/api/v1/areas/{WEST}/performance",
    "/api/v1/sensors/meter-1/volume/readings",
    "/",
    "/tasks",
    "/parts/alerts",
    "/parts/beside",
    "/parts/tasks",
)
OPERATOR_READS = ("/api/v1/quarantine", "/api/v1/handsets", "/handsets", "/parts/handsets")
ROLES = ("viewer", "caseworker", "officer", "operator")


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


def _session(site: Site, role: str, area: str = "", person: str | None = None) -> dict[str, str]:
    token = site.token(role, area, person)["Authorization"].removeprefix("Bearer ")
    with site.pool.connection() as conn:
        return {"Cookie": f"{COOKIE}={sessions.of_token(conn, token, '192.0.2.1', 'test')}"}


def test_every_role_reads_and_only_operators_see_quarantine_and_handsets(site: Site) -> None:
    site.store("meter-1", "volume", [])
    for path in READS + OPERATOR_READS:
        assert site.client.get(path).status_code == 401, path
        for role in ROLES:
            status = site.client.get(path, headers=_session(site, role, WEST)).status_code
            allowed = path in READS or role == "operator"
            assert status == (200 if allowed else 403), (path, role)


def test_changes_need_their_role(site: Site) -> None:
    site.alert()
    site.pass_time(20)
    alert = site.get("/api/v1/alerts")["items"][0]["id"]
    task = site.get("/api/v1/tasks")["items"][0]["id"]
    message = site.get("/api/v1/handsets/%2B8613812340001")["recent"][0]["id"]
    # The least role that may, and a body that is refused once access is given: nothing changes on the way.
    changes = {
        f"/api/v1/alerts/{alert}/shelve": ("officer", {}),
        f"/api/v1/alerts/{alert}/close": ("officer", {}),
        f"/api/v1/alerts/{alert}/unshelve": ("officer", None),
        f"/api/v1/tasks/{task}/outcome": ("caseworker", {}),
        f"/api/v1/tasks/{task}/accept": ("caseworker", {"person": "nobody"}),
        f"/api/v1/alerts/{uuid4()}/acknowledge": ("caseworker", None),
        f"/api/v1/handsets/messages/{message}/answer": ("operator", {}),
        "/api/v1/households": ("operator", {}),
        "/api/v1/people": ("operator", {}),
        "/api/v1/contacts": ("operator", {}),
        "/api/v1/devices": ("operator", {}),
        "/api/v1/absences": ("operator", {}),
    }
    for path, (least, body) in changes.items():
        assert site.client.post(path, json=body).status_code == 401, path
        for role in ROLES:
            answer = site.client.post(path, json=body, headers=site.token(role))
            if ROLES.index(role) < ROLES.index(least):
                assert answer.status_code == 403, (path, role)
                assert least in answer.json()["detail"]
            else:
                assert answer.status_code in (404, 409, 422), (path, role)
    assert site.get(f"/api/v1/alerts/{alert}")["status"] == "unacknowledged"


def test_what_is_out_of_scope_does_not_exist(site: Site) -> None:
    east = site.alert("hh-3")
    site.store("meter-3", "volume", [])
    site.pass_time(20)
    [task] = site.get("/api/v1/tasks")["items"]
    message = site.get("/api/v1/handsets/%2B8613812340003")["recent"][0]["id"]
    west = site.token("operator", WEST)
    for path in (
        f"/api/v1/alerts/{east}",
        f"/api/v1/tasks/{task['id']}",
        f"/api/v1/areas/{EAST}/performance",
        "/api/v1/areas/4401/performance",
        "/api/v1/sensors/meter-3/volume/readings",
        "/api/v1/handsets/%2B8613812340003",
        f"/parts/alerts/{east}/story",
    ):
        assert site.client.get(path, headers=west).status_code == 404, path
    for path, body in (
        (f"/api/v1/alerts/{east}/acknowledge", None),
        (f"/api/v1/alerts/{east}/close", {"outcome": "helped"}),
        (f"/api/v1/tasks/{task['id']}/accept", None),
        (f"/api/v1/handsets/messages/{message}/answer", {"answer": "1"}),
        ("/api/v1/devices", {"id": "meter-9", "household": "hh-3", "gateway": "gw-9"}),
        ("/api/v1/households", {"id": "hh-9", "area": EAST}),
        ("/api/v1/people", {"id": "p-9", "name": "N", "role": "caseworker", "area": EAST}),
        ("/api/v1/people", {"id": "p-9", "name": "N", "role": "resident", "household": "hh-3"}),
        ("/api/v1/contacts", {"household": "hh-3", "position": 1, "person": "c-1"}),
        ("/api/v1/contacts", {"household": "hh-2", "position": 1, "person": "r-3"}),
        (
            "/api/v1/absences",
            {"household": "hh-3", "starts": "2026-11-06T00:00:00Z", "ends": "2026-11-07T00:00:00Z"},
        ),
    ):
        assert site.client.post(path, headers=west, json=body).status_code == 404, path
    for path in ("alerts", "tasks", "handsets"):
        assert site.get(f"/api/v1/{path}", area=WEST)["items"] == [], path
        assert len(site.get(f"/api/v1/{path}", area=EAST)["items"]) > 0, path
    assert [one["id"] for one in site.get("/api/v1/households", area=WEST)["items"]] == ["hh-1", "hh-2"]
    assert [one["id"] for one in site.get("/api/v1/devices", area=WEST)["items"]] == ["meter-1"]
    assert [one["code"] for one in site.get("/api/v1/areas", area=WEST)["items"]] == [WEST, f"{WEST}01"]
    people = [one["id"] for one in site.get("/api/v1/people", area=WEST)["items"]]
    assert people == ["c-1", "cw-west", "r-1", "r-2"]
    assert [one["household"] for one in site.get("/api/v1/contacts", area=EAST)["items"]] == []
    assert "hh-3" not in site.client.get("/parts/alerts", headers=west).text
    assert "hh-3" in site.client.get("/parts/alerts", headers=site.token("viewer", EAST)).text
    assert site.get(f"/api/v1/alerts/{east}")["status"] == "unacknowledged"


def test_the_sign_in_link_sets_a_strict_cookie_and_leaves_the_address(site: Site) -> None:
    secret = site.token("operator")["Authorization"].removeprefix("Bearer ")
    linked = site.client.get(f"/?token={secret}", follow_redirects=False)
    assert linked.status_code == 303
    assert linked.headers["location"] == "/"
    cookie = linked.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie
    assert site.client.get("/").status_code == 200  # the client keeps cookies, as a browser does
    assert site.client.get("/api/v1/alerts").status_code == 200
    out = site.client.post("/sign-out", headers={"Sec-Fetch-Site": "same-origin"}, follow_redirects=False)
    assert out.status_code == 303
    assert site.client.get("/").status_code == 401
    encrypted = site.client.get(f"https://shouwang.test/?token={secret}", follow_redirects=False)
    assert "Secure" in encrypted.headers["set-cookie"]


def test_a_link_that_is_not_known_signs_nobody_in(site: Site) -> None:
    refused = site.client.get("/?token=guess", follow_redirects=False)
    assert refused.status_code == 401
    assert "set-cookie" not in refused.headers
    asked = site.client.get("/?token=guess", headers={"Accept": "text/html"})
    assert asked.status_code == 401
    assert "This sign-in link is no longer valid" in asked.text
    assert asked.headers["content-type"].startswith("text/html")
    stranger = site.client.get("/tasks?for=me", headers={"Accept": "text/html"}, follow_redirects=False)
    assert (stranger.status_code, stranger.headers["location"]) == (303, "/sign-in?next=/tasks%3Ffor%3Dme")
    assert "sign-in link" in site.client.get("/", headers={"Accept": "text/html"}).text


def test_with_a_cookie_changes_come_from_our_own_pages_only(site: Site) -> None:
    alert: UUID = site.alert()
    path, session = f"/api/v1/alerts/{alert}/acknowledge", _session(site, "officer")
    for stranger in (
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://shouwang.test"},
    ):
        for address in (path, f"/alerts/{alert}/acknowledge"):
            refused = site.client.post(address, headers={**session, **stranger})
            assert refused.status_code == 403, (address, stranger)
    assert site.get(f"/api/v1/alerts/{alert}")["status"] == "unacknowledged"
    ours = site.client.post(path, headers={**session, "Origin": "http://shouwang.test"})
    assert ours.status_code == 200
    again = site.client.post(path, headers={**session, "Sec-Fetch-Site": "same-origin"})
    assert again.status_code == 200


def test_tokens_are_stored_as_hashes_and_expire(site: Site) -> None:
    with psycopg.connect(site.database, autocommit=True) as conn:
        secret = tokens.create(conn, "viewer", "", "short", expires=datetime(2100, 1, 1, tzinfo=UTC))
        assert len(secret) >= 43  # 256 bits in base64url
        [(kept,)] = conn.execute("SELECT hash FROM token WHERE name = 'short'").fetchall()
        assert secret.encode() not in kept
        assert len(kept) == 32
        found = tokens.find(conn, secret)
        assert found == tokens.Token("short", "viewer", "", None)
        conn.execute("UPDATE token SET expires_at = now() - interval '1 s' WHERE name = 'short'")
        assert tokens.find(conn, secret) is None
        assert tokens.find(conn, "\udc80") is None
        with pytest.raises(tokens.TokenError, match="viewer, caseworker"):
            tokens.create(conn, "king", "", "k")
        with pytest.raises(tokens.TokenError, match="import them first"):
            tokens.create(conn, "viewer", "", "k", person="nobody")


def test_a_token_that_was_revoked_opens_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOUWANG_DATABASE_URL", site.database)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["token", *words])

    def status(token: str) -> int:
        return site.client.get("/api/v1/alerts", headers={"Authorization": f"Bearer {token}"}).status_code

    lost, other, kept = (
        run("create", "--role", "officer", "--area", WEST, "--name", name).stdout.strip()
        for name in ("tablet", "tablet", "desk")
    )
    assert (status(lost), status(other), status(kept)) == (200, 200, 200)
    assert run("revoke", "tablet").stdout.strip() == "2 revoked"
    assert (status(lost), status(other), status(kept)) == (401, 401, 200)
    again = run("revoke", "tablet")
    assert again.exit_code == 1
    assert "no token is called 'tablet'; there are: 'desk'" in again.stderr


def test_a_token_ends_when_it_was_made_to_and_the_list_says_when(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOUWANG_DATABASE_URL", site.database)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["token", *words])

    made = run("create", "--role", "viewer", "--area", WEST, "--name", "guest", "--expires", "2199-01-31")
    assert made.stderr.strip() == "valid until 2199-02-01 00:00 UTC"
    bearer = {"Authorization": f"Bearer {made.stdout.strip()}"}
    assert site.client.get("/api/v1/alerts", headers=bearer).status_code == 200
    run("create", "--role", "calendar", "--area", "", "--person", "do-1")
    first, second = run("list").stdout.splitlines()
    assert first.startswith("do-1: calendar of everywhere, do-1, made 20")
    assert first.endswith("never ends")
    assert second.startswith(f"guest: viewer of {WEST}, made 20")
    assert second.endswith("ends 2199-02-01 00:00 UTC")
    with site.pool.connection() as conn:
        conn.execute("UPDATE token SET expires_at = now() - interval '1 s' WHERE name = 'guest'")
    assert site.client.get("/api/v1/alerts", headers=bearer).status_code == 401
    assert ", ended 20" in run("list").stdout
    wrong = run("create", "--role", "viewer", "--area", WEST, "--expires", "soon")
    assert (wrong.exit_code, "such as 2027-01-31" in wrong.stderr) == (1, True)


def test_a_bearer_that_is_wrong_is_told_how_to_get_one(site: Site) -> None:
    answer = site.client.get("/api/v1/alerts", headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "shouwang token create" in answer.json()["detail"]
