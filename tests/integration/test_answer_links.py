"""Where no reply by SMS gets through: the signed link in the text, and the page it opens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from alerts.messages.links import AnswerLinks
from registry.instants import to_micros
from tests.integration.twilio_line import CHEN, LI_WEI, LINKS, PUBLIC, Line, open_line


@pytest.fixture
def line(database: str) -> Iterator[Line]:
    with open_line(database, two_way=False) as opened:
        yield opened


def _link(line: Line, phone: str = CHEN) -> str:
    """Return the path of the link in the newest SMS to a number."""
    bodies = [one.body for one in line.exchange.messages.values() if one.to == phone]
    [link] = [word for word in bodies[-1].split() if word.startswith(f"{PUBLIC}/a/")]
    return link.removeprefix(PUBLIC)


def test_an_sms_ends_with_a_link_and_its_reference(line: Line) -> None:
    line.site.alert()
    line.round()
    [text] = [one.body for one in line.exchange.messages.values()]
    *words, link, reference = text.split()
    assert link == PUBLIC + _link(line)
    assert reference.startswith("#")
    assert " ".join(words) == line.sent(CHEN, "sms")[0]["text"]


def test_where_replies_work_there_is_no_link(database: str) -> None:
    with open_line(database) as line:
        line.site.alert()
        line.round()
        assert ["/a/" in one.body for one in line.exchange.messages.values()] == [False]


def test_opening_it_shows_the_message_and_changes_nothing(line: Line) -> None:
    alert = line.site.alert()
    line.round()
    events = line.rows("SELECT event_count FROM alert")
    page = line.site.client.get(_link(line))
    assert page.status_code == 200
    assert line.sent(CHEN, "sms")[0]["text"] in page.text
    assert "I am fine" in page.text
    assert "I need help" in page.text
    for unsaid in ("hh-1", "West Street", CHEN, str(alert), "<script", "Sign out"):
        assert unsaid not in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-robots-tag"] == "noindex"
    assert "set-cookie" not in page.headers
    assert "/my" not in page.text, "a resident has no tasks"
    assert line.rows("SELECT event_count FROM alert") == events


def test_a_resident_who_is_fine_says_so_without_a_login(line: Line) -> None:
    alert = line.site.alert()
    line.round()
    link = _link(line)
    answered = line.site.client.post(link, data={"answer": "1"})
    assert answered.status_code == 200
    assert "you are fine" in answered.text
    assert line.status(alert) == ("closed", "resident_fine")
    seen = line.rows("SELECT event_count FROM alert")
    assert line.site.client.post(link, data={"answer": "1"}).status_code == 200  # pressed twice
    assert line.rows("SELECT event_count FROM alert") == seen
    assert line.site.client.get(link).text.count("<button") == 2  # who was fine may need help after all


def test_staff_take_charge_and_nothing_else(line: Line) -> None:
    alert = line.site.alert()
    line.pass_time(9)
    link = _link(line, LI_WEI)
    page = line.site.client.get(link)
    assert page.text.count("<button") == 1
    assert 'href="/my"' in page.text, "the way to all their tasks, for who signs in"
    for key in ("1", "2", "6", "", "4 "):
        assert line.site.client.post(link, data={"answer": key}).status_code == 422
    assert line.status(alert)[0] == "unacknowledged"
    assert "it is yours" in line.site.client.post(link, data={"answer": "4"}).text
    assert line.status(alert)[0] == "acknowledged"


def test_an_expired_link_says_so_and_does_nothing(line: Line) -> None:
    alert = line.site.alert()
    line.round()
    link = _link(line)
    line.site.now += timedelta(days=1, seconds=1)
    for language, word in (("zh-CN", "已过期"), ("en", "This link is over")):
        page = line.site.client.get(link, headers={"Accept-Language": language})
        assert page.status_code == 410
        assert word in page.text
    assert line.site.client.post(link, data={"answer": "1"}).status_code == 410
    assert line.status(alert)[0] == "unacknowledged"


def test_a_forged_link_is_refused(line: Line) -> None:
    alert = line.site.alert()
    line.round()
    notification = line.sent(CHEN, "sms")[0]["id"]
    forged = AnswerLinks(PUBLIC, "x" * 40).to(notification, to_micros(line.site.now)).removeprefix(PUBLIC)
    for link in (forged, "/a/nothing", _link(line)[:-3], f"/a/{notification}"):
        assert line.site.client.get(link).status_code == 403
        assert line.site.client.post(link, data={"answer": "1"}).status_code == 403
    assert line.status(alert)[0] == "unacknowledged"


def test_a_genuine_link_to_nothing_is_refused_alike(line: Line) -> None:
    link = LINKS.to(uuid4(), to_micros(line.site.now)).removeprefix(PUBLIC)
    assert line.site.client.get(link).status_code == 403


@pytest.mark.parametrize(("language", "word"), [("zh_CN", "我平安"), ("yue", "我平安"), ("en", "I am fine")])
def test_the_page_speaks_the_language_of_the_message(line: Line, language: str, word: str) -> None:
    with line.site.pool.connection() as conn:
        conn.execute("UPDATE person SET language = %s WHERE id = 'r-1'", (language,))
    line.site.alert()
    line.round()
    assert word in line.site.client.get(_link(line)).text
