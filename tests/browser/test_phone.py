"""A caseworker's phone in a real browser, its network cut in the middle: nothing is lost, nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from alerts import desk
from alerts.model import Outcome
from registry.instants import to_micros
from storage.alerts.book import PostgresAlertBook
from tests.browser.network import Network, State, network
from tests.browser.visitor import Visitor
from tests.integration.dashboards_site import WEST, Site

_SOON: Final = 20_000  # ms: the longest of the first few pauses between attempts, on a busy machine
_KEPT: Final = """async () => {
  const opened = await new Promise((resolve) => {
    const asked = indexedDB.open("shouwang-phone", 1);
    asked.onsuccess = () => resolve(asked.result);
  });
  const all = (name) => new Promise((resolve) => {
    const asked = opened.transaction(name).objectStore(name).getAllKeys();
    asked.onsuccess = () => resolve(asked.result);
  });
  const found = { kept: await all("kept"), actions: (await all("actions")).length, caches: [] };
  opened.close();
  for (const name of await caches.keys()) {
    for (const one of await (await caches.open(name)).keys()) found.caches.push(new URL(one.url).pathname);
  }
  return found;
}"""
_SMALL: Final = """() => [...document.querySelectorAll("button, a, label:has(input), select, input:not([type=radio])")]
  .filter((one) => one.checkVisibility() && !one.matches(".skip, .brand, .field"))
  .map((one) => [one.textContent.trim() || one.name, one.getBoundingClientRect().height])
  .filter(([, height]) => height < 48)"""


@dataclass
class Phone:
    """A caseworker with a phone, what is between them and the service, and the service's own memory."""

    page: Page
    who: Visitor
    net: Network
    site: Site

    def events(self, kind: str) -> int:
        """Return how often something is on a timeline."""
        with self.site.pool.connection() as conn:
            [(times,)] = conn.execute("SELECT count(*) FROM alert_event WHERE kind = %s", [kind])
        return int(times)

    def until(self, kind: str, times: int = 1) -> None:
        """Wait until something is so often on a timeline."""
        for _ in range(_SOON // 100):
            if self.events(kind) == times:
                return
            self.page.wait_for_timeout(100)
        assert self.events(kind) == times, kind

    def press(self, text: str) -> None:
        """Press the one thing to do now, once it says so."""
        button = self.page.locator("#main-action")
        expect(button).to_have_text(text)
        button.click()

    def write(self, outcome: str) -> None:
        """Write down what was found."""
        self.press("Write down what you found")
        self.page.check(f"[name=outcome][value={outcome}]")
        self.press("Save")

    def kept(self) -> dict[str, Any]:
        """Return what the browser keeps: names, a count, addresses."""
        found: dict[str, Any] = self.page.evaluate(_KEPT)
        return found


@pytest.fixture
def phone(small_town: Any, visit: Callable[..., Visitor]) -> Iterator[Phone]:
    small_town.site.alert()
    small_town.site.pass_time(20)
    with network(small_town.home) as net:
        through = replace(small_town, home=net.home)
        who = visit(through, "caseworker", WEST, "cw-west", language="en", width=390)
        who.open("/my")
        expect(who.page.locator(".card.task")).to_have_count(1)
        who.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        yield Phone(who.page, who, net, small_town.site)


def test_an_outcome_whose_answer_was_lost_is_written_down_once(phone: Phone) -> None:
    page = phone.page
    page.click(".card.task")
    phone.press("I'll go")
    phone.press("On my way")
    phone.press("I have arrived")
    phone.until("task_arrived")
    expect(page.locator("#waiting")).to_be_hidden()
    phone.net.become(State.DEAF)
    phone.write("found_well")
    phone.until("task_outcome")  # the service has it, and the phone does not know
    expect(page.locator("#done .chip.waiting")).to_have_text("Waiting to be sent")
    expect(page.locator(".card.task")).to_have_count(0)
    phone.net.become(State.OPEN)
    expect(page.locator("#waiting")).to_be_hidden(timeout=_SOON)
    expect(page.locator("#done li")).to_contain_text("Found well")
    assert [phone.events(kind) for kind in ("task_accepted", "task_set_out", "task_arrived", "task_outcome")] == [1] * 4
    assert phone.kept()["actions"] == 0


def test_without_a_network_the_list_is_there_and_what_is_done_goes_out_later(phone: Phone) -> None:
    page = phone.page
    phone.net.become(State.CUT)
    page.reload()
    expect(page.locator(".card.task")).to_contain_text("1 West Street")
    expect(page.locator("#waiting")).to_contain_text("No network: as of 12:20")
    page.click(".card.task")
    phone.press("I'll go")
    phone.press("On my way")
    phone.press("I have arrived")
    phone.write("not_at_home")
    expect(page.locator("#waiting")).to_contain_text("4 waiting to be sent")  # it is kept by now
    page.reload()
    expect(page.locator("#waiting")).to_contain_text("4 waiting to be sent")
    assert phone.events("task_accepted") == 0
    phone.net.become(State.OPEN)
    phone.until("task_outcome")
    expect(page.locator("#waiting")).to_be_hidden(timeout=_SOON)
    assert [phone.events(kind) for kind in ("task_accepted", "task_set_out", "task_arrived")] == [1] * 3


def test_what_somebody_else_did_meanwhile_is_told_until_it_was_read(phone: Phone) -> None:
    page = phone.page
    page.click(".card.task")
    phone.press("I'll go")
    phone.until("task_accepted")
    phone.net.become(State.CUT)
    page.click("[data-write] a")
    page.check("[name=outcome][value=found_well]")
    phone.press("Save")
    with phone.site.pool.connection() as conn, conn.transaction():
        [(task,)] = conn.execute("SELECT id FROM task").fetchall()
        now = to_micros(phone.site.now)
        desk.record_outcome(PostgresAlertBook(conn), UUID(str(task)), "person:do-1", Outcome.HELPED, "", now)
    phone.net.become(State.OPEN)
    told = page.locator(".refusal")
    expect(told).to_contain_text("Officer Huang has recorded helped already", timeout=_SOON)
    expect(told).to_contain_text("Could not be done: Outcome: Found well")
    page.reload()
    expect(told).to_contain_text("Officer Huang")
    told.locator("button").click()
    expect(told).to_have_count(0)
    page.reload()
    expect(page.locator("#nothing")).to_be_visible()
    expect(told).to_have_count(0)
    assert phone.events("task_outcome") == 1


def test_signing_out_leaves_nothing_on_the_phone(phone: Phone) -> None:
    page = phone.page
    before = phone.kept()
    assert "told" in before["kept"]
    assert "/my" in before["caches"]
    page.click("#sign-out button")
    page.wait_for_url("**/sign-in")
    assert phone.kept() == {"kept": [], "actions": 0, "caches": []}


def test_signing_out_on_another_page_leaves_nothing_either(phone: Phone) -> None:
    phone.who.open("/tasks")
    assert "told" in phone.kept()["kept"]
    phone.page.click("form[action='/sign-out'] button")
    phone.page.wait_for_url("**/sign-in")
    assert phone.kept() == {"kept": [], "actions": 0, "caches": []}


def test_a_refused_session_wipes_what_can_be_read_and_loses_nothing(phone: Phone) -> None:
    page = phone.page
    phone.net.become(State.CUT)
    page.click(".card.task")
    phone.press("I'll go")
    expect(page.locator("#waiting")).to_contain_text("1 waiting to be sent")
    with phone.site.pool.connection() as conn:
        conn.execute("DELETE FROM session")
    phone.net.become(State.OPEN)
    page.wait_for_url("**/sign-in?next=/my", timeout=_SOON)
    left = phone.kept()
    assert (left["kept"], left["actions"], left["caches"]) == (["owner"], 1, [])
    assert "hh-1" not in page.evaluate(
        """() => new Promise((resolve) => {
          const asked = indexedDB.open("shouwang-phone", 1);
          asked.onsuccess = () => {
            const all = asked.result.transaction("actions").objectStore("actions").getAll();
            all.onsuccess = () => resolve(JSON.stringify(all.result));
          };
        })"""
    ), "what waits is sealed, and the key is gone"
    assert phone.events("task_accepted") == 0
    secret = phone.site.token("caseworker", WEST, "cw-west")["Authorization"].removeprefix("Bearer ")
    page.goto(f"{phone.net.home}/?token={secret}")
    phone.who.open("/my")
    phone.until("task_accepted")
    expect(page.locator("#waiting")).to_be_hidden(timeout=_SOON)


def test_somebody_else_on_the_same_phone_sees_and_sends_nothing_of_it(phone: Phone) -> None:
    page = phone.page
    phone.net.become(State.CUT)
    page.click(".card.task")
    phone.press("I'll go")
    expect(page.locator("#waiting")).to_contain_text("1 waiting to be sent")
    with phone.site.pool.connection() as conn:
        conn.execute("DELETE FROM session")
    phone.net.become(State.OPEN)
    page.wait_for_url("**/sign-in?next=/my", timeout=_SOON)
    secret = phone.site.token("officer", "", "do-1")["Authorization"].removeprefix("Bearer ")
    page.goto(f"{phone.net.home}/?token={secret}")
    phone.who.open("/my")
    expect(page.locator("#nothing")).to_be_visible()
    assert phone.kept()["actions"] == 0
    assert phone.events("task_accepted") == 0


def test_by_keyboard_alone(phone: Phone) -> None:
    page = phone.page
    page.locator(".card.task").focus()
    page.keyboard.press("Enter")
    for text, kind in (("I'll go", "task_accepted"), ("On my way", "task_set_out"), ("I have arrived", "task_arrived")):
        expect(page.locator("#main-action")).to_have_text(text)
        page.locator("#main-action").focus()
        page.keyboard.press("Enter")
        phone.until(kind)
    expect(page.locator("#main-action")).to_have_text("Write down what you found")
    page.keyboard.press("Enter")
    expect(page.locator("#outcome")).to_be_visible()
    page.keyboard.press("Tab")  # the way back
    page.keyboard.press("Tab")  # what was found
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    phone.until("task_outcome")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_can_be_used_by_all_with_one_thumb(phone: Phone, scheme: Any) -> None:
    phone.who.scheme(scheme)
    for step in ("", "/{task}", "/{task}/outcome", "/{task}/give"):
        task = phone.page.locator(".card.task").get_attribute("href") or ""
        place = step.format(task=task.removeprefix("#/"))
        phone.page.evaluate(f"location.hash = {f'#{place}'!r}")
        phone.page.wait_for_timeout(200)
        found = Axe().run(phone.page, options={"resultTypes": ["violations"]}).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == [], step
        assert phone.page.evaluate(_SMALL) == [], step
        assert phone.page.evaluate("document.documentElement.scrollWidth") == 390, step
    assert phone.who.complaints == []
