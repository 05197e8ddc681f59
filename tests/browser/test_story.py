"""One request finds its doctor, as the people concerned would live it."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import HERE

pytestmark = pytest.mark.browser
PHONE = "03 53 01 42 42"


def fill_request(page, serve, *, commune="Montceau-les-Mines", name=""):
    """A call at the desk: signs first, then where, why, how old."""
    page.goto(f"{serve}{HERE}snp/nouvelle/")
    closed = page.get_by_label(re.compile("J'ai lu la consigne"))
    if closed.count():
        closed.check()
    page.get_by_label("Aucun de ces signes").check()
    page.get_by_label("Téléphone à rappeler").fill(PHONE)
    page.get_by_label("Commune du patient").select_option(label=commune)
    page.get_by_label("Motif").select_option("back_pain")
    page.get_by_text("Adulte (16 à 69 ans)").click()
    if name:
        more = page.locator("details", has=page.get_by_label("Nom du patient"))
        if more.count() and more.get_attribute("open") is None:
            more.locator("summary").click()
        page.get_by_label("Nom du patient").fill(name)
        page.locator("input[name=agreement_from][value=patient]").check()
    page.get_by_role("button", name="Enregistrer et chercher").click()
    page.wait_for_load_state()
    another = page.get_by_role("button", name=re.compile("C'est une autre demande"))
    if another.count():  # the same number called in another story
        another.click()


def link_of_last_notice(page, serve, enter):
    """What the doctor received, as the administrator reads it in the demo's outbox."""
    enter(page, "Ariane Administration")
    page.goto(f"{serve}{HERE}envois/")
    text = page.locator("main").inner_text()
    found = re.search(r"/r/[^\s]+/", text)
    assert found, text[:2000]
    return found.group(0)


def test_one_request_finds_its_doctor(browser, serve, enter, axe):
    desk = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    enter(desk, "Malo Standard")
    expect(desk.get_by_role("heading", name="Soins non programmés")).to_be_visible()
    fill_request(desk, serve, name="Essai-Fictif")
    expect(desk).to_have_url(re.compile(r"\?demande=\d+$"))
    current = desk.locator(".cur")
    expect(current).to_contain_text("Mal de dos")
    expect(desk.locator("svg.map .pin.selected")).to_have_count(1)
    first = desk.locator(".pro").first
    expect(first).to_contain_text(re.compile("premier créneau"))
    expect(desk.locator(".pro").nth(1)).to_contain_text("vient après")

    asked = desk.locator(".slot.ask").first
    asked.click()
    expect(desk.locator(".queue [aria-current=true]")).to_contain_text("Proposée")

    admin = browser.new_context().new_page()
    link = link_of_last_notice(admin, serve, enter)
    phone = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    ).new_page()
    phone.goto(serve + link)
    shown = phone.locator("main").inner_text()
    assert "Essai-Fictif" not in shown
    assert "42 42" not in shown
    assert "Mal de dos" not in shown
    assert axe(phone) == []
    phone.reload()  # a mail scanner opens links too: nothing is consumed
    expect(desk.locator(".queue [aria-current=true]")).to_contain_text("Proposée")
    accepted_at = time.monotonic()
    phone.get_by_role("button", name="Accepter").click()
    expect(phone.locator("main")).to_contain_text(re.compile("ccept"))

    row = desk.locator(".queue [aria-current=true]")
    expect(row).to_contain_text("Acceptée", timeout=10_000)
    print(f"the board followed {time.monotonic() - accepted_at:.1f} s after the tap")

    desk.locator(".cur").get_by_role("button", name="informé", exact=True).click()
    expect(desk.locator(".queue [aria-current=true]")).to_contain_text("Patient informé")
    expect(desk.locator("#messages")).to_contain_text("Noté : patient informé")
    came = desk.locator(".cur").get_by_role("button", name="honoré", exact=True)
    expect(came).not_to_be_visible()  # the hour has not come
    desk.get_by_text("Le patient a déjà été reçu ?").click()
    came.click()
    expect(desk.locator("#messages")).to_contain_text("Issue notée")

    officer = browser.new_context().new_page()
    enter(officer, "Thémis")
    officer.goto(f"{serve}{HERE}journal/")
    journal = officer.locator("main")
    for act in ("snp.created", "snp.proposed", "snp.accepted", "snp.informed", "snp.honoured"):
        expect(journal).to_contain_text(act)
    expect(journal).to_contain_text("Proposition acceptée")
    assert "Essai-Fictif" not in journal.inner_text()


def test_the_desk_works_without_javascript(browser, serve, enter):
    page = browser.new_context(java_script_enabled=False).new_page()
    enter(page, "Ondine Régulation")
    fill_request(page, serve)
    expect(page.locator(".cur")).to_contain_text("Mal de dos")
    page.locator(".slot.ask").first.click()
    expect(page.locator(".queue [aria-current=true]")).to_contain_text("Proposée")
    page.get_by_role("button", name="Retirer").first.click()
    expect(page.locator(".queue [aria-current=true]")).to_contain_text("À traiter")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_number_searched_among_residents_leads_to_its_request(
    browser, serve, enter, scripts, axe
):
    page = browser.new_context(java_script_enabled=scripts).new_page()
    enter(page, "Malo Standard")
    fill_request(page, serve)
    page.goto(f"{serve}{HERE}habitants/")
    page.get_by_label("Téléphone").fill(PHONE)
    page.get_by_role("button", name="Chercher", exact=True).click()
    if scripts:
        expect(page.get_by_role("heading", name=re.compile("fiche"))).to_be_visible()
    else:
        page.get_by_role("button", name="Une demande ouverte a-t-elle ce numéro").click()
    expect(page.locator("main .alert")).to_contain_text("Ce numéro est celui d")
    if scripts:
        assert axe(page) == []
    page.get_by_role("link", name=re.compile("Demande n°")).first.click()
    expect(page.locator(".cur")).to_contain_text("Mal de dos")


def test_a_sign_stops_everything(browser, serve, enter):
    page = browser.new_context().new_page()
    enter(page, "Malo Standard")
    page.goto(f"{serve}{HERE}snp/nouvelle/")
    page.get_by_label("Douleur dans la poitrine").check()
    page.get_by_label("Téléphone à rappeler").fill(PHONE)
    page.get_by_label("Commune du patient").select_option(label="Le Creusot")
    page.get_by_role("button", name="Transmettre au 15").click()
    expect(page.locator(".cur")).to_contain_text("15")
    row = page.locator(".queue [aria-current=true]").get_attribute("id")
    page.get_by_label("Reprise au 15 par").fill("médecin régulateur")
    page.get_by_label("Reprise au 15 par").press("Enter")
    expect(page.locator(f"#{row}")).to_have_count(0)
    expect(page.locator(".cur")).not_to_contain_text(PHONE[-5:])


def test_the_desk_by_keyboard(browser, serve, enter):
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    enter(page, "Malo Standard")
    page.wait_for_timeout(500)
    first = page.locator(".queue [aria-current=true]").get_attribute("id")
    page.keyboard.press("j")
    expect(page.locator(".queue [aria-current=true]")).not_to_have_attribute("id", first)
    page.keyboard.press("k")
    expect(page.locator(".queue [aria-current=true]")).to_have_attribute("id", first)
    page.locator(".queue a", has_text="À traiter").first.click()
    expect(page.locator('.pro[data-rank="1"]')).to_be_visible()
    page.keyboard.press("1")
    expect(page.locator('.pro[data-rank="1"] .slot').first).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("njk1")
    expect(page.locator("#find")).to_have_value("njk1")
    page.keyboard.press("Escape")
    page.locator("body").click(position={"x": 5, "y": 200})
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile("nouvelle"))
