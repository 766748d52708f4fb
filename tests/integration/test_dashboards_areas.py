"""The areas' room: map and table in the order of the address, homes heard, false visits, and the export."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from dashboards.api.exports import guarded, written
from dashboards.pictures.tiles import Tiles, wrong_with
from registry.model import Area, Registry
from registry.quantities import Quantity
from registry.refusals import RegistryFileError
from simulators.outlines import outlines
from storage.alerts.findings import record
from storage.registry import add_sensors, export_directory, import_directory, load_shapes, save, save_shapes
from tests.integration.dashboards_site import EAST, NOON, TOWN, WEST, Site, open_site
from tests.integration.test_dashboards_devices import _silent

BOTH = [("meter-1", Quantity.VOLUME), ("meter-3", Quantity.VOLUME)]


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    with open_site(database) as opened:
        yield opened


def _page(site: Site, path: str, language: str = "en", area: str = "") -> str:
    headers = {**site.token("viewer", area), "Accept": "text/html", "Accept-Language": language}
    answer = site.client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def _coverage(site: Site, area: str = "4401", reader: str = "") -> tuple[int, int, int, int]:
    told = site.get(f"/api/v1/areas/{area}/performance", area=reader)["coverage"]
    return told["homes"], told["unequipped"], told["silent"], told["heard"]


def _order(page: str) -> list[str]:
    return re.findall(r'<tr data-area="(\w+)"', page)


def _false_visit(site: Site, household: str) -> None:
    with site.pool.connection() as conn:
        [(alert,)] = conn.execute("SELECT id FROM alert WHERE household = %s", (household,)).fetchall()
        conn.execute(
            "INSERT INTO verdict (alert, household, kind, at, real, visited) "
            "VALUES (%s, %s, 'inactivity', %s, false, true)",
            (alert, household, NOON - timedelta(hours=1)),
        )


def test_homes_are_heard_while_all_their_devices_are(site: Site) -> None:
    assert _coverage(site) == (3, 1, 2, 0), "hh-2 has no device, the others have never reported"
    with site.pool.connection() as conn:
        add_sensors(conn, BOTH)
    assert _coverage(site) == (3, 1, 0, 2)
    with site.pool.connection() as conn:
        record(conn, _silent("hh-3", "meter-3"))
    assert _coverage(site) == (3, 1, 1, 1)
    assert _coverage(site, WEST, WEST) == (2, 1, 0, 1), "the other district's homes do not count, nor are they told of"
    page = _page(site, "/areas/4401?measure=coverage")
    assert "33.3 %" in page
    assert "1 with a silent device" in page
    assert "1 without any" in page
    assert "A device is silent after 24 hours" in page, "the page says what it counts"


@pytest.mark.parametrize(
    ("cause", "area", "source", "heard"),
    [("gateway", WEST, "gw-west", 1), ("radio", WEST, "", 1), ("water", WEST, "", 2)],
)
def test_what_a_failure_cuts_off_is_not_heard(site: Site, cause: str, area: str, source: str, heard: int) -> None:
    with site.pool.connection() as conn:
        add_sensors(conn, BOTH)
        conn.execute(
            "INSERT INTO incident (id, area, cause, source, onset, raised_at, homes, homes_known, facts) "
            "VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, 1, 1, '{}')",
            (area, cause, source, NOON, NOON),
        )
    assert _coverage(site)[3] == heard


def test_homes_and_devices_are_counted_as_they_come_and_go(site: Site) -> None:
    with psycopg.connect(site.database) as conn:
        conn.execute("UPDATE household SET area = %s WHERE id = 'hh-2'", (EAST,))
        conn.execute("DELETE FROM device WHERE id = 'meter-1'")
    assert _coverage(site, WEST) == (1, 1, 0, 0)
    assert _coverage(site, EAST) == (2, 1, 1, 0)
    with psycopg.connect(site.database) as conn:
        conn.execute("DELETE FROM household WHERE id = 'hh-2'")
        kept = conn.execute("SELECT area, homes, unequipped FROM area_home ORDER BY homes, unequipped").fetchall()
    assert kept == [(EAST, 1, 0), (f"{WEST}01", 1, 1)]


def test_false_visits_are_measured_against_the_budget(site: Site) -> None:
    site.alert("hh-1")
    _false_visit(site, "hh-1")
    told = site.get("/api/v1/areas/4401/performance")
    visits = {one["area"]["code"]: one["visits"] for one in told["children"]}
    assert visits[WEST]["false"] == 1
    assert visits[WEST]["false_per_1000_days"] == pytest.approx(1000 / 60)
    assert visits[WEST]["band"] == "on_target", "one is always allowed"
    assert visits[EAST]["band"] == "ahead"
    site.alert("hh-2")
    _false_visit(site, "hh-2")
    assert site.get("/api/v1/areas/4401/performance")["visits"]["band"] == "just_short"
    assert "11.11" not in _page(site, f"/areas/{EAST}")
    assert "2 of 2 visits found nobody in need" in _page(site, "/areas/4401")


def test_the_table_stands_in_the_order_of_its_address(site: Site) -> None:
    site.alert("hh-1")
    site.pass_time(1)
    with site.pool.connection() as conn:
        add_sensors(conn, BOTH)
        record(conn, _silent("hh-3", "meter-3"))
    assert _order(_page(site, "/areas/4401?sort=coverage")) == [EAST, WEST], "the worst first"
    assert _order(_page(site, "/areas/4401?sort=coverage&order=desc")) == [WEST, EAST]
    assert _order(_page(site, "/areas/4401?sort=alerts")) == [WEST, EAST]
    assert _order(_page(site, "/areas/4401?sort=homes&order=asc")) == [EAST, WEST]
    assert _order(_page(site, "/areas/4401?sort=area&order=desc")) == [EAST, WEST]
    assert _order(_page(site, "/areas/4401?sort=nonsense&days=x&measure=y")) == [WEST, EAST]
    page = _page(site, "/areas/4401?days=7&measure=coverage&sort=alerts&order=asc")
    assert 'aria-sort="ascending"' in page
    assert f'href="/areas/{WEST}?days=7&amp;measure=coverage&amp;sort=alerts&amp;order=asc"' in page, (
        "it is kept further down"
    )
    assert 'href="/areas/4401?days=7&amp;measure=coverage&amp;sort=alerts&amp;order=desc"' in page, (
        "and turned at a click"
    )
    assert re.search(rf'<tr data-area="{EAST}" data-band="on_target"', page), "the map shows what was chosen"


def test_the_lowest_area_leads_to_its_homes(site: Site) -> None:
    assert 'href="/households?q=' not in _page(site, "/areas/4401")
    [way] = re.findall(r'href="(/households\?q=[^"]+)"', _page(site, f"/areas/{EAST}"))
    homes = _page(site, way)
    assert "hh-3" in homes
    assert "hh-1" not in homes


def test_several_cities_stand_side_by_side(site: Site) -> None:
    with site.pool.connection() as conn:
        save(conn, Registry(areas=(Area("50", "city", "Chongqing"),)))
    site.alert("hh-1")
    site.pass_time(1)
    page = _page(site, "/areas?sort=area")
    assert _order(page) == ["4401", "50"]
    assert "1 alerts, 1 of them open" in page
    assert "of 3 homes now" in page
    assert _order(_page(site, "/areas/4401")) == [WEST, EAST]


def test_shapes_are_shown_to_whom_their_areas_are(site: Site) -> None:
    assert "vendor/leaflet.js" not in _page(site, "/areas/4401"), "there is nothing to draw"
    with site.pool.connection() as conn:
        save_shapes(conn, outlines(TOWN.areas))
    page = _page(site, "/areas/4401")
    assert 'data-shapes="/api/v1/shapes?area=4401"' in page
    assert 'aria-label="Map" hidden' in page, "without script the table says it all"
    told = site.get("/api/v1/shapes?area=4401")
    assert [one["id"] for one in told["features"]] == ["4401", WEST, EAST]
    assert told["features"][0]["geometry"]["type"] == "MultiPolygon"
    own = site.get("/api/v1/shapes?area=4401", "viewer", WEST)
    assert [one["id"] for one in own["features"]] == [WEST]
    assert [one["id"] for one in site.get("/api/v1/shapes", "viewer", EAST)["features"]] == [EAST]


def test_tiles_come_from_one_place_and_only_where_it_is_named(database: str, site: Site) -> None:
    with site.pool.connection() as conn:
        save_shapes(conn, outlines(TOWN.areas))
    plain = site.client.get("/areas/4401", headers=site.token("viewer"))
    assert "img-src" not in plain.headers["content-security-policy"]
    assert "data-tiles" not in plain.text
    tiles = Tiles("https://tiles.example.org/{z}/{x}/{y}.png", "<b>them</b>")
    with open_site(database, tiles=tiles) as other:
        answer = other.client.get("/areas/4401", headers=other.token("viewer"))
        policy = answer.headers["content-security-policy"].split("; ")
        assert policy[0] == "default-src 'self'"
        assert policy[-1] == "img-src 'self' https://tiles.example.org"
        assert 'data-tiles="https://tiles.example.org/{z}/{x}/{y}.png"' in answer.text
        assert "&lt;b&gt;them&lt;/b&gt;" in answer.text


@pytest.mark.parametrize(
    "url",
    [
        "https://tiles.example.org/", "ftp://x/{z}/{x}/{y}", "https://{s}.x.org/{z}/{x}/{y}", "https://a b/{z}/{x}/{y}",
        "https://x.org; script-src */{z}/{x}/{y}", "https://*/{z}/{x}/{y}", "//x.org/{z}/{x}/{y}", "https://u:p@x.org/{z}/{x}/{y}",
    ],
)  # fmt: skip
def test_an_address_that_would_open_pages_to_more_is_refused(url: str) -> None:
    assert wrong_with(url) is not None
    assert wrong_with("https://tiles.example.org/{z}/{x}/{y}.png") is None


def _export(site: Site, path: str, language: str = "en", area: str = "") -> list[list[str]]:
    answer = site.client.get(path, headers={**site.token("viewer", area), "Accept-Language": language})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="shouwang-areas-')
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def test_the_export_is_what_the_page_shows_and_is_on_the_trail(site: Site) -> None:
    site.alert("hh-1")
    site.pass_time(1)
    head, *rows = _export(site, "/api/v1/exports/areas/4401?days=7&sort=area&order=desc")
    assert [row[0] for row in rows] == [EAST, WEST]
    assert (head[0], head[1], head[3], rows[1][3]) == ("Code", "Area", "Alerts", "1")
    assert all(len(row) == len(head) for row in rows)
    chinese = _export(site, "/api/v1/exports/areas/4401", "zh-CN")
    assert chinese[0][:2] == ["代码", "区域"]
    assert chinese[1][2] == "区县"
    own = _export(site, "/api/v1/exports/areas", area=WEST)
    assert [row[0] for row in own[1:]] == [WEST]
    assert site.client.get("/api/v1/exports/areas/4401", headers=site.token("viewer", WEST)).status_code == 404
    with psycopg.connect(site.database) as conn:
        trail = conn.execute("SELECT actor, detail FROM audit_event WHERE action = 'export' ORDER BY seq").fetchall()
    assert [(who, what["area"], what["rows"]) for who, what in trail] == [
        ("token:viewer@", "4401", "2"),
        ("token:viewer@", "4401", "2"),
        (f"token:viewer@{WEST}", "", "1"),
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "＝1", "\ufeff=1"])
def test_no_cell_is_computed(site: Site, text: str) -> None:
    assert guarded(text) == f"'{text}"
    assert guarded("Guangzhou") == "Guangzhou"
    assert guarded(-1.5) == -1.5
    with site.pool.connection() as conn:
        save(conn, Registry(areas=(Area(WEST, "district", text.strip() or "x"),)))
    names = [row[1] for row in _export(site, "/api/v1/exports/areas/4401")[1:]]
    assert not any(name[:1] in "=+-@＝" for name in names)
    assert written(["a"], [["x,y"], [None]]) == b'\xef\xbb\xbfa\r\n"x,y"\r\n""\r\n'


def test_a_map_goes_in_and_out_beside_the_csv_files(site: Site, tmp_path: Path) -> None:
    with site.pool.connection() as conn:
        save_shapes(conn, outlines(TOWN.areas))
        before = load_shapes(conn)
        export_directory(conn, tmp_path)
        assert str(import_directory(conn, tmp_path).tables["shapes"]) == "0 added, 0 changed, 4 unchanged"
        conn.execute("DELETE FROM area_shape WHERE area = %s", (WEST,))
        for file in tmp_path.glob("*.csv"):
            file.unlink()
        assert str(import_directory(conn, tmp_path).tables["shapes"]) == "1 added, 0 changed, 3 unchanged"
        assert load_shapes(conn) == before
        bad = (tmp_path / "areas.geojson").read_text(encoding="utf-8").replace(f'"{EAST}"', '"999"')
        (tmp_path / "areas.geojson").write_text(bad, encoding="utf-8")
        conn.execute("DELETE FROM area_shape")
        with pytest.raises(
            RegistryFileError, match=r'features\[3\] \(999\) properties.code: "999" is not a known area'
        ):
            import_directory(conn, tmp_path)
        assert load_shapes(conn) == (), "all or nothing"
