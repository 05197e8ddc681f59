"""The gallery in a real browser: reflow, accessibility, keyboard, the living board."""

import re

import pytest
from django.test import override_settings
from markupsafe import Markup
from playwright.sync_api import expect

from tests.front import gallery

pytestmark = pytest.mark.browser
NAMES = ["board", *sorted(path.stem for path in (gallery.HERE / "pages").glob("[a-z]*.html"))]
BOARD = f"/c/{gallery.CPTS.slug}/snp/"
LIVE = {"timeout": 4000}


@pytest.fixture
def board(page, site, desk):
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(site + BOARD)
    expect(page.locator(".live")).to_have_text("En direct")
    return page


@pytest.mark.parametrize("name", NAMES)
def test_no_violation_and_no_sideways_scroll(page, site, desk, axe, name):
    for scheme, width in (("light", 1440), ("dark", 1440), ("light", 390), ("dark", 320)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{site}/{name}")
        assert axe(page) == [], (scheme, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_policy_of_the_product_blocks_nothing(page, site, desk):
    refused = []
    page.on("console", lambda line: refused.append(line.text) if line.type == "error" else None)
    for name in NAMES:
        page.goto(f"{site}/{name}")
    page.goto(site + BOARD)
    page.wait_for_timeout(1500)
    assert refused == []


def test_nine_requests_are_seen_at_once(board):
    bottom = board.locator(".queue-col").bounding_box()
    seen = [
        box
        for row in board.locator("a.req").all()
        if (box := row.bounding_box())["y"] + box["height"] <= bottom["y"] + bottom["height"]
    ]
    assert len(seen) >= 9


ALERT = "Aucun cercle n'a répondu : Maximilienne Coordination s'en charge, transmettez au 15."


@pytest.mark.parametrize("width", [1440, 1024, 320])
def test_an_alert_is_read_whole_in_the_queue(board, width):
    board.set_viewport_size({"width": width, "height": 900})
    calls = board.locator(".req .call")
    assert calls.count() > 0
    for call in calls.all():
        call.evaluate("(node, text) => node.lastChild.replaceWith(text)", ALERT)
        lines = call.evaluate(
            "node => [node.scrollWidth - node.clientWidth, node.scrollHeight - node.clientHeight]"
        )
        assert max(lines) <= 0
    assert board.evaluate("document.documentElement.scrollWidth") <= width


def test_targets_of_the_phone_are_large(page, site):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site}/phone")
    targets = page.locator("main :is(button, a.btn, .choice), .nav a").all()
    sizes = [target.bounding_box() for target in targets]
    assert len(sizes) > 8
    assert min(size["height"] for size in sizes) >= 44


def test_two_taps_say_when_a_patient_can_be_taken(page, site, desk):
    page.goto(f"{site}/phone")
    page.get_by_text("Cet après-midi").click()
    page.get_by_role("button", name="Publier ma disponibilité").click()
    expect(page).to_have_title("reçu")
    assert desk.posted[-1][1]["when"] == ["afternoon"]


def test_keys_walk_the_requests(board):
    board.keyboard.press("j")
    expect(board.locator("#req-2")).to_be_focused()
    expect(board).to_have_url(re.compile(r"demande=2$"))
    board.keyboard.press("j")
    board.keyboard.press("j")
    expect(board.locator("#req-4")).to_be_focused()
    board.keyboard.press("k")
    expect(board.locator("#req-3")).to_be_focused()
    expect(board).to_have_url(re.compile(r"demande=3$"))


def test_a_number_then_enter_proposes_the_first_slot(board, desk):
    board.keyboard.press("2")
    expect(board.locator("#pro-41 .slot").first).to_be_focused()
    board.keyboard.press("Enter")
    board.wait_for_timeout(300)
    [(path, sent)] = desk.posted
    assert path.endswith("/1/proposer/")
    assert sent["slot"] == ["100"]
    assert sent["csrfmiddlewaretoken"]


def test_slash_searches_and_question_mark_helps(board):
    board.keyboard.press("/")
    expect(board.locator("#find")).to_be_focused()
    board.keyboard.type("j1?n")
    expect(board.locator("#find")).to_have_value("j1?n")
    board.locator("#queue-title").click()
    board.keyboard.press("?")
    expect(board.get_by_role("dialog", name="Raccourcis clavier")).to_be_visible()
    board.keyboard.press("j")
    expect(board).to_have_url(re.compile(r"/snp/$"))
    board.keyboard.press("Escape")
    expect(board.get_by_role("dialog")).to_have_count(0)


def test_n_opens_the_form(board, desk):
    desk.pages["nouvelle"] = desk.pages["form"]
    board.keyboard.press("n")
    expect(board).to_have_url(re.compile("/nouvelle/$"))


def test_keys_with_a_modifier_are_left_to_the_browser(board):
    board.keyboard.press("Alt+j")
    board.wait_for_timeout(200)
    expect(board).to_have_url(re.compile(r"/snp/$"))


def test_shortcuts_can_be_switched_off(board):
    board.evaluate("document.body.dataset.shortcuts = 'off'")
    board.keyboard.press("j")
    board.keyboard.press("?")
    board.wait_for_timeout(200)
    expect(board.locator("#req-2")).not_to_be_focused()
    expect(board.get_by_role("dialog")).to_have_count(0)


def test_a_change_is_seen_and_the_focus_kept(board, desk):
    board.locator("#req-5").focus()
    desk.show(7)
    expect(board.locator("a.req")).to_have_count(7, **LIVE)
    expect(board.locator("#req-5")).to_be_focused()
    board.wait_for_timeout(1300)
    assert desk.asked[-1]["since"] == [str(desk.version)]
    assert desk.asked[-1]["demande"] == ["1"]


def test_what_time_alone_changes_is_seen_within_a_minute(page, site, desk):
    """Nobody writes anything: a request still becomes late, a slot still begins."""
    page.clock.install()
    page.goto(f"{site}/c/vallee/snp/")
    for _ in range(25):
        page.clock.run_for(3000)
        page.wait_for_timeout(40)
    whole = [query for query in desk.asked if "since" not in query]
    assert len(whole) == 1 and len(desk.asked) > 10


def test_the_request_in_hand_is_brought_into_view_and_nothing_takes_the_focus(page, site, desk):
    page.set_viewport_size({"width": 1440, "height": 500})
    with override_settings(STORAGES=gallery.PLAIN_STATIC):
        board = gallery.board()
        queue = str(board["queue"]).replace(' aria-current="true"', "")
        queue = Markup(queue.replace('id="req-10"', 'id="req-10" aria-current="true"'))
        far = board | {"current_id": 10, "queue": queue}
        drawn = gallery.draw("snp/board.html", far, at=BOARD)
    desk.pages["far"] = drawn
    page.goto(f"{site}/far")
    row, column = page.locator("#req-10"), page.locator(".queue-col")
    expect(row).to_be_in_viewport(ratio=1)
    assert column.evaluate("e => e.scrollTop") > 0
    assert page.evaluate("document.scrollingElement.scrollTop") == 0
    assert page.evaluate("document.activeElement === document.body")


def test_while_an_answer_is_awaited_a_number_aims_at_what_may_be_booked(page, site, desk):
    with override_settings(STORAGES=gallery.PLAIN_STATIC):
        drawn = gallery.draw("snp/board.html", gallery.board(awaited=1), at=BOARD)
    desk.pages["awaited"] = drawn
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{site}/awaited")
    expect(page.locator(".slot.ask:not([disabled])")).to_have_count(0)
    rank = page.locator(".pro:has(.slot:not([disabled]))").first.get_attribute("data-rank")
    page.keyboard.press(rank)
    expect(page.locator(f'[data-rank="{rank}"] .slot:not(.ask)').first).to_be_focused()


def test_what_was_unfolded_stays_unfolded(board, desk):
    board.locator("#out-1 summary").click()
    board.locator(".pros-col").evaluate("e => e.scrollTop = 120")
    desk.show(6)
    expect(board.locator("a.req")).to_have_count(6, **LIVE)
    expect(board.locator("#out-1")).to_have_attribute("open", "")
    assert board.locator(".pros-col").evaluate("e => e.scrollTop") == 120


def test_a_form_being_filled_is_not_touched(board, desk):
    board.evaluate(
        """() => { const form = document.createElement("form"); form.id = "note";
        form.innerHTML = '<label>Note <textarea name="note"></textarea></label>';
        document.querySelector(".cur .body").append(form) }"""
    )
    board.locator("#note textarea").fill("rappeler la mère")
    desk.show(4)
    expect(board.locator(".live")).to_have_text("Du nouveau après votre saisie", **LIVE)
    expect(board.locator("#note textarea")).to_have_value("rappeler la mère")
    board.locator("#note").evaluate("form => form.reset()")
    expect(board.locator("a.req")).to_have_count(4, **LIVE)


def test_a_lost_server_is_said_then_forgotten(board, desk):
    desk.is_down = True
    expect(board.locator(".live")).to_have_text(
        re.compile(r"Hors ligne, dernière mise à jour à \d+.h.\d\d"), timeout=6000
    )
    desk.is_down = False
    desk.show(3)
    expect(board.locator("a.req")).to_have_count(3, timeout=10000)
    expect(board.locator(".live")).to_have_text("En direct")


def test_a_double_click_sends_once(board, desk):
    desk.delay = 0.5
    board.locator("#pro-41 .slot").first.dblclick()
    board.wait_for_timeout(900)
    assert len(desk.posted) == 1


def test_timers_count_as_the_server_does(board):
    before = board.locator("#req-1 .timer time").inner_text()
    board.locator("#req-1 .timer time").evaluate(
        "e => e.dateTime = new Date(Date.now() - 125 * 60000).toISOString()"
    )
    expect(board.locator("#req-1 .timer time")).to_have_text("2\u00a0h\u00a005", timeout=6000)
    assert before.endswith("min")


def test_everything_is_there_without_scripts(browser, site, desk):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site + BOARD)
    page.locator(".menu > summary").click()
    expect(page.get_by_role("button", name="Se déconnecter")).to_be_visible()
    page.locator("#pro-40 .slot").nth(1).click()
    expect(page).to_have_title("reçu")
    assert desk.posted[-1][1]["slot"] == ["1"]
    page.goto(site + BOARD)
    page.locator("#req-3").click()
    expect(page).to_have_url(re.compile(r"demande=3(#current)?$"))
    context.close()
