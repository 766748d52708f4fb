"""What is kept beside the registry so that readers of an area are answered at once (migration 0025) is always true."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from storage.views import View, devices, registry
from tests.integration.dashboards_site import EAST, NOON, WEST, Site, open_site

HEARD: Final = """
SELECT DISTINCT d.gateway, h.area FROM device d JOIN household h ON h.id = d.household ORDER BY 1, 2
"""
KEPT: Final = "SELECT gateway, area FROM gateway_area ORDER BY 1, 2"
PLACED: Final = """
SELECT t.device, h.id, h.area, d.gateway FROM device_trouble t
LEFT JOIN device d ON d.id = t.device LEFT JOIN household h ON h.id = d.household ORDER BY 1
"""
TROUBLES: Final = "SELECT device, household, area, gateway FROM device_trouble ORDER BY 1"
CHANGES: Final = (
    "INSERT INTO device (id, household, gateway) VALUES ('new-1', 'hh-1', 'gw-east'), ('new-2', 'hh-2', 'gw-west')",
    "UPDATE device SET gateway = 'gw-new' WHERE id IN ('meter-1', 'new-2')",
    "UPDATE device SET gateway = 'gw-east' WHERE id = 'new-2'",
    f"UPDATE household SET area = '{EAST}' WHERE id = 'hh-1'",
    "UPDATE device SET household = 'hh-2', gateway = 'gw-west' WHERE id = 'meter-3'",
    "INSERT INTO device_trouble (device, kind, rule, source, facts) VALUES ('meter-3', 'battery', '', 'meter-3', '{}')",
    "INSERT INTO device_trouble (device, kind, rule, source, facts) VALUES ('gone', 'battery', '', 'gone', '{}')",
    "UPDATE device_trouble SET area = 'missed', gateway = 'missed'; UPDATE device_trouble SET since = now()",
    "DELETE FROM device WHERE id = 'new-1'",
    "DELETE FROM contact",
    "DELETE FROM person WHERE household = 'hh-2'",
    "DELETE FROM household WHERE id = 'hh-2'",
    "DELETE FROM device",
)
"""Everything that can happen to where a device is, one after the other."""
SCOPES: Final = ("4401", WEST, f"{WEST}01", EAST, "4402")


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as one:
        yield one


def _rows(site: Site, sql: str) -> list[Any]:
    with site.pool.connection() as conn:
        return conn.execute(sql.encode()).fetchall()


def test_where_devices_are_is_known_as_they_move(site: Site) -> None:
    seen = []
    for change in CHANGES:
        with site.pool.connection() as conn:
            conn.execute(change.encode())
        assert _rows(site, KEPT) == _rows(site, HEARD), change
        assert _rows(site, TROUBLES) == _rows(site, PLACED), change
        seen.append((_rows(site, KEPT), _rows(site, TROUBLES)))
    assert ("gw-new", f"{WEST}01") in seen[1][0]
    assert ("new-1", "hh-1", EAST, "gw-east") in seen[3][1]
    assert seen[-1] == ([], [])


def test_few_are_the_same_people_as_of_many(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def everybody(conn: Any, scope: str, few: int) -> list[str]:
        monkeypatch.setattr(registry, "_FEW", few)
        found: list[str] = []
        for role in (None, "resident", "contact", "caseworker"):
            after = None
            while page := registry.people(View(conn, scope), limit=2, role=role, after=after):
                after = page[-1]["id"]
                found += [row["id"] for row in page]
        return found

    with site.pool.connection() as conn:
        answers = {scope: everybody(conn, scope, 20_000) for scope in SCOPES}
        assert answers == {scope: everybody(conn, scope, -1) for scope in SCOPES}
    assert answers[WEST] == ["c-1", "cw-west", "r-1", "r-2", "r-1", "r-2", "c-1", "cw-west"]
    assert answers["4402"] == []


def test_a_vendor_is_told_of_nobody(site: Site) -> None:
    asked = """
    SELECT (SELECT count(*) FROM people_in_scope()) AS people, (SELECT count(*) FROM homes_of('chen')) AS homes
    WHERE %(scope)s <> ''
    """
    with site.pool.connection() as conn:
        assert View(conn, WEST).rows(asked) == [{"people": 4, "homes": 1}]
        assert View(conn, WEST, ("gw-west",)).rows(f"{asked} AND %(gateways)s::text[] IS NOT NULL") == [
            {"people": 0, "homes": 0}
        ]


def test_what_is_wrong_is_read_where_its_device_is_now(site: Site) -> None:
    with site.pool.connection() as conn:
        conn.execute(
            "INSERT INTO device_trouble (device, kind, rule, source, since, facts) "
            "VALUES ('meter-1', 'tamper', '', 'meter-1', %s, '{}')",
            [NOON],
        )
        west, east = View(conn, WEST), View(conn, EAST)
        assert (devices.counts(west)["tamper"], devices.counts(east)["tamper"]) == (1, 0)
        conn.execute(f"UPDATE household SET area = '{EAST}' WHERE id = 'hh-1'".encode())
        assert (devices.counts(west)["tamper"], devices.counts(east)["tamper"]) == (0, 1)
        assert [row["area"] for row in devices.troubled(east, limit=9, problem="tamper")] == [EAST]
