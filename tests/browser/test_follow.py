"""A board that follows is given the lines that moved, and puts them where they belong."""

import random
import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import HERE, soon
from tests.browser.test_story import fill_request

pytestmark = pytest.mark.browser
LINES = "#board-lines > li"


def shown(page):
    return page.eval_on_selector_all(LINES, "lines => lines.map(line => line.id)")


def test_lines_come_and_go_around_the_one_in_focus(browser, serve, enter):
    desk, other = (browser.new_context().new_page() for _ in range(2))
    enter(desk, "Ondine Régulation")
    enter(other, "Malo Standard")
    fill_request(other, serve)
    mine = re.search(r"demande=(\d+)", other.url)[1]
    desk.goto(f"{serve}{HERE}snp/?demande={mine}")
    before = shown(desk)
    desk.eval_on_selector_all(LINES, "lines => lines.forEach(line => (line.seen = true))")
    held = desk.locator(f"{LINES} a").last
    held.focus()
    given = []
    desk.on("response", lambda answer: "since=" in answer.url and given.append(answer))

    fill_request(other, serve)
    theirs = re.search(r"demande=(\d+)", other.url)[1]
    expect(desk.locator(f"#req-{theirs}")).to_be_visible()
    expect(desk.locator("#board-length")).to_have_text(f"{len(before) + 1} demandes")
    come = [each for each in shown(desk) if each not in before]
    assert len(come) == 1 and [each for each in shown(desk) if each in before] == before
    expect(held).to_be_focused()
    expect(desk.locator(".queue [aria-current=true]")).to_have_id(f"req-{mine}")
    others = "lines => lines.filter(line => line.seen).length"
    assert desk.eval_on_selector_all(LINES, others) == len(before)  # not one was drawn again
    texts = [answer.text() for answer in given if answer.status == 200]
    assert texts and all('id="board-moved"' in text for text in texts)
    moved = [re.search('<ol id="board-moved".*?</ol>', text, re.DOTALL)[0] for text in texts]
    assert sum(map(len, moved)) < 20_000  # the map may come with them: it follows every few seconds

    other.locator(".cur").get_by_role("link", name="Annuler").click()
    other.get_by_role("radio").first.check()
    other.get_by_role("button", name="Annuler la demande").click()
    expect(desk.locator(f"#req-{theirs}")).to_have_count(0)
    assert shown(desk) == before
    expect(held).to_be_focused()
    in_any_order(desk)


def in_any_order(desk):
    """Whatever the order said and the lines given, they are shown so, and the focus stays."""
    draw, said = random.Random(4), {}
    version = desk.locator("meta[name=live]").get_attribute("data-version")

    def answer(route):
        if not said:
            route.fulfill(status=204)
            return
        headers = {"X-Board-Part": "1", "X-Board-Version": version, "Content-Type": "text/html"}
        route.fulfill(status=200, headers=headers, body=said.pop("part"))

    desk.route(re.compile(r"since="), answer)
    at_first = shown(desk)
    text = "line => line.outerHTML"
    html = {each: desk.locator(f"#{each}").evaluate(text) for each in at_first}
    desk.locator(f"{LINES} a").nth(1).focus()
    focus = desk.evaluate("document.activeElement.id")
    held = next(each for each in at_first if f'id="{focus}"' in html[each])
    for turn in range(25):
        wanted = draw.sample(at_first, draw.randrange(1, len(at_first) + 1))
        wanted = wanted if held in wanted else [*wanted, held]
        missing = set(wanted) - set(shown(desk))
        given = missing | set(draw.sample(wanted, min(2, len(wanted))))
        lines = [html[each].replace("<b>", f"<b>{turn} ", 1) for each in wanted if each in given]
        order = " ".join(each.removeprefix("line-") for each in wanted)
        said["part"] = f'<ol id="board-moved" data-order="{order}">{"".join(lines)}</ol>'
        desk.evaluate("dispatchEvent(new Event('online'))")
        soon(lambda: shown(desk), wanted)
        for each in given:
            expect(desk.locator(f"#{each} b").first).to_contain_text(f"{turn} ")
        assert desk.evaluate("document.activeElement.id") == focus
