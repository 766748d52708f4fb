"""What is kept of each alert for how areas perform is what its events, messages and visits come to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from detectors.finding import Kind, Severity
from registry.instants import HOUR
from tests.integration.dashboards_site import EAST, WEST, Site, open_site

_TOLD = """
SELECT a.id, h.area, a.kind, a.severity, a.status <> 'closed', a.suppressed_why IS NOT NULL, a.outcome,
    a.opened_at, a.closed_at,
    (SELECT min(e.at) FROM alert_event e WHERE e.alert = a.id AND (e.kind IN ('acknowledged', 'task_accepted')
        OR (e.kind = 'answered' AND e.detail ->> 'meaning' <> 'unclear')
        OR (e.kind = 'closed' AND e.actor <> 'system'))),
    (SELECT min(e.at) FROM alert_event e WHERE e.alert = a.id
        AND (e.kind = 'returned' OR (e.kind = 'closed' AND e.actor = 'system'))),
    EXISTS (SELECT FROM alert_event e WHERE e.alert = a.id AND e.kind = 'suppressed' AND e.detail ->> 'why' <> 'cap'),
    (SELECT min(e.at) FROM alert_event e WHERE e.alert = a.id AND e.kind = 'ladder_started'),
    (SELECT min(n.sent_at) FROM notification n WHERE n.alert = a.id),
    (SELECT min(t.created_at) FROM task t WHERE t.alert = a.id AND t.kind = 'visit' AND NOT t.follow_up),
    (SELECT min(t.done_at) FROM task t WHERE t.alert = a.id AND t.kind = 'visit' AND NOT t.follow_up)
FROM alert a JOIN household h ON h.id = a.household ORDER BY a.id
"""
_KEPT = """
SELECT alert, area, kind, severity, open, quiet, outcome, opened_at, closed_at, answered_at, over_at, waited,
    started_at, told_at, visit_asked_at, visited_at
FROM alert_story ORDER BY alert
"""


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


def _both(site: Site) -> tuple[list[Any], list[Any]]:
    with psycopg.connect(site.database) as conn:
        return conn.execute(_TOLD).fetchall(), conn.execute(_KEPT).fetchall()


def _do(site: Site, path: str, body: dict[str, str], role: str = "officer") -> None:
    answer = site.client.post(path, json=body, headers=site.token(role))
    assert answer.status_code == 200, answer.text


def test_a_life_of_an_alert_is_kept_as_it_goes_on(site: Site) -> None:
    first = site.alert("hh-1")
    site.pass_time(20)
    [task] = site.get("/api/v1/tasks?status=open")["items"]
    _do(site, f"/api/v1/tasks/{task['id']}/accept", {}, "officer")
    site.pass_time(5)
    _do(site, f"/api/v1/tasks/{task['id']}/outcome", {"outcome": "found_well", "note": ""})
    other = site.alert("hh-2", Kind.SMOKE, Severity.URGENT, lasted=0)
    site.pass_time(3)
    _do(site, f"/api/v1/alerts/{other}/acknowledge", {})
    third = site.alert("hh-3", Kind.LEAK, Severity.MEDIUM, lasted=30 * HOUR)
    site.pass_time(1)
    told, kept = _both(site)
    assert kept == told
    by_alert = {row[0]: row for row in kept}
    assert len(by_alert) == 3
    assert all(moment is not None for moment in by_alert[first][9:10] + by_alert[first][13:]), "answered, told, visited"
    assert by_alert[other][9] is not None
    assert by_alert[third][4] is True


def test_a_home_that_moves_takes_its_alerts_along(site: Site) -> None:
    site.alert("hh-1")
    with psycopg.connect(site.database) as conn:
        conn.execute("UPDATE household SET area = %s WHERE id = 'hh-1'", (EAST,))
    told, kept = _both(site)
    assert kept == told
    assert kept[0][1] == EAST
    assert site.get(f"/api/v1/areas/{WEST}/performance")["alerts"] == 0
