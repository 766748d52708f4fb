"""The detection lab: rules tried on the past in a process of their own, by those who may, on what they may see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from shouwang.laboratory import Laboratory
from tests.e2e.service import until
from tests.integration.dashboards_site import EAST, NOON, WEST, Site, open_site

DAYS = 40
HOLE = NOON - timedelta(days=10)
"""When the water of hh-1 stands still for 20 hours."""


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database, laboratory=Laboratory(database)) as opened:
        yield opened


def _used(site: Site) -> None:
    """Store forty days of water in hh-1: 6 litres an hour, but for twenty hours."""
    register = 1000.0
    rows: list[tuple[datetime, float, float | None, int]] = []
    for hour in range(DAYS * 24):
        at = NOON - timedelta(hours=DAYS * 24 - hour)
        used = 0.0 if HOLE <= at < HOLE + timedelta(hours=20) else 6.0
        register += used
        rows.append((at, register, used, 0))
    site.store("meter-1", "volume", rows)


def _try(site: Site, role: str = "officer", area: str = WEST, files: Any = None, **fields: str) -> Any:
    form = {"household": "", "rules": "shanghai-12h", "toml": "", **fields}
    return site.client.post(
        "/lab",
        headers=site.token(role, area),
        data=form,
        files=files or {"recording": ("", b"")},
        follow_redirects=False,
    )


def _done(site: Site, area: str = WEST) -> str:
    """Return what the page says once the experiment is over."""

    def over() -> str | None:
        page = site.client.get("/parts/lab", headers=site.token("officer", area))
        assert page.status_code == 200, page.text
        text: str = page.text
        return None if "<progress" in text else text

    found: str = until(over, "the experiment is over", 120)
    return found


def _row(page: str, name: str) -> list[str]:
    found = re.search(rf'<th scope="row">{name}</th><td>(.*?)</td><td>(.*?)</td>', page)
    assert found, page
    return list(found.groups())


def test_what_would_have_been_raised_stands_beside_what_was(site: Site) -> None:
    _used(site)
    site.now = HOLE + timedelta(hours=15)
    alert = site.alert(lasted=15 * 3_600_000_000)
    officer = site.token("officer", WEST)
    closed = site.client.post(f"/alerts/{alert}/close", headers=officer, data={"outcome": "helped", "note": ""})
    assert closed.status_code < 400
    site.now = NOON
    began = _try(site, household="hh-1")
    assert (began.status_code, began.headers["location"]) == (303, "/lab?household=hh-1")
    page = _done(site)
    assert _row(page, "Alerts") == ["1", "1"]
    assert _row(page, "Somebody needed help") == ["1", "1"]
    assert _row(page, "Nobody went there, so nobody knows") == ["–", "0"]
    was, would = _row(page, "Median time to the alert.*?")
    assert was == "15 h 0 min"
    assert would == "10 h 0 min"
    assert "Both · 5 h 0 min sooner" in page
    assert f'href="/alerts/{alert}"' in page
    assert page.count("<rect") >= 2
    assert site.client.get("/lab", headers=officer).status_code == 200


def test_rules_of_ones_own_may_be_written_on_the_page(site: Site) -> None:
    _used(site)
    mine = '[[rule]]\ntype = "low_use"\nname = "thirty-hours"\nlitres = 10\nhours = 30\n'
    assert _try(site, household="hh-1", rules="own", toml=mine).status_code == 303
    assert _row(_done(site), "Alerts") == ["0", "0"]
    assert _try(site, household="hh-1", rules="own", toml=mine.replace("30", "18")).status_code == 303
    page = _done(site)
    assert _row(page, "Alerts") == ["0", "1"]
    assert "<code>thirty-hours</code>" in page or "<code>18-hours</code>" in page


def test_an_error_in_a_file_says_where_it_is(site: Site) -> None:
    _used(site)
    assert _try(site, household="hh-1", rules="own", toml='[[rule]]\ntype = "lowuse"\nname = "x"').status_code == 303
    page = _done(site)
    assert "It could not be tried." in page
    assert "rules.toml: rule 1 (`x`): its type is not known" in page
    rows = "time,device,name,unit,value\n2026-03-01T08:30:00Z,meter-9,volume,gal,12\n"
    assert _try(site, files={"recording": ("mine.csv", rows.encode())}).status_code == 303
    page = _done(site)
    assert "recording:2: unit `gal` is not one of volume" in page
    assert "/tmp" not in page  # noqa: S108 - that nobody learns where it lies


def test_a_recording_speaks_for_homes_of_ones_own_area_only(site: Site) -> None:
    rows = ["time,device,name,unit,value"]
    for hour in range(72):
        at = (NOON - timedelta(hours=72 - hour)).isoformat()
        rows += [f"{at},{device},volume,l,{1000 + 6 * min(hour, 24)}" for device in ("meter-1", "meter-3")]
    assert _try(site, files={"recording": ("two.csv", "\n".join(rows).encode())}).status_code == 303
    page = _done(site)
    assert "two.csv" in page
    assert '<span class="muted">hh-1</span>' in page
    assert '<span class="muted">meter-3</span>' in page
    assert "hh-3" not in page


def test_who_may_not_is_refused_and_sees_nothing(site: Site) -> None:
    _used(site)
    for role in ("viewer", "caseworker"):
        assert site.client.get("/lab", headers=site.token(role, WEST)).status_code == 403
        assert _try(site, role=role, household="hh-1").status_code == 403
    assert _try(site, area=EAST, household="hh-1").status_code == 404
    assert _try(site, household="hh-1").status_code == 303
    _done(site)
    other = site.client.get("/parts/lab", headers=site.token("officer", EAST)).text
    assert "once you have tried one" in other
    assert "hh-1" not in other


def test_only_names_of_rule_sets_are_taken_never_a_path(site: Site) -> None:
    _used(site)
    for rules in ("/etc/passwd", "../presets.toml", ""):
        assert _try(site, household="hh-1", rules=rules).status_code == 422
    assert _try(site, household="").status_code == 422
    assert _try(site, household="hh-1", rules="own").status_code == 422


def test_one_at_a_time_and_it_can_be_stopped(site: Site) -> None:
    _used(site)
    assert _try(site, household="hh-1", rules="default").status_code == 303
    again = _try(site, household="hh-1")
    assert again.status_code == 409
    assert "still at work" in again.json()["detail"]
    stopped = site.client.post("/lab/stop", headers=site.token("officer", WEST), follow_redirects=False)
    assert stopped.status_code == 303
    assert "once you have tried one" in _done(site)
    assert _try(site, household="hh-1").status_code == 303
    assert _row(_done(site), "Alerts") == ["0", "1"]


def test_what_takes_too_long_is_ended(database: str) -> None:
    with open_site(database, laboratory=Laboratory(database, limit=1)) as site:
        start = NOON - timedelta(days=365)
        rows = ["time,device,name,unit,value"]
        rows += [
            f"{(start + timedelta(minutes=5 * n)).isoformat()},m-{n % 9},volume,l,{n // 9}" for n in range(100_000)
        ]
        files = {"recording": ("year.csv", "\n".join(rows).encode())}
        assert _try(site, rules="default", files=files).status_code == 303
        assert "It took longer than 1 seconds" in _done(site)


def test_too_much_is_refused_before_it_is_read(site: Site) -> None:
    headers = {**site.token("officer", WEST), "Content-Type": "multipart/form-data; boundary=x"}
    answer = site.client.post("/lab", headers={**headers, "Content-Length": str(33 << 20)}, content=b"")
    assert answer.status_code == 413
    assert "32 MB" in answer.json()["detail"]


def test_without_a_laboratory_there_is_no_such_page(database: str) -> None:
    with open_site(database) as site:
        assert site.client.get("/lab", headers=site.token("officer")).status_code == 404
