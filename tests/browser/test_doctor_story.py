"""Somebody without a médecin traitant asks on the public site, and a doctor takes them."""

import datetime as dt
import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import HERE

pytestmark = pytest.mark.browser
SITE = HERE.replace("/c/", "/p/")
SEARCH = f"{HERE}medecin-traitant/"
NAME, NUMBER = "Canarihabitant", "06 39 98 44 01"
DOCTORS = ("Alix Coquelicot", "Basile Mirabelle")  # both have a door in the demonstration


@pytest.fixture
def person(browser, enter):
    """A window of somebody's own, signed in."""

    def open_window(name):
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        enter(page, name)
        return page

    return open_window


@pytest.fixture
def phone(browser):
    """A small phone without JavaScript, or with it for what only axe needs."""

    def open_window(*, scripts=False):
        return browser.new_context(
            viewport={"width": 320, "height": 640}, java_script_enabled=scripts
        ).new_page()

    return open_window


def ask(page, serve):
    """By the public site; what the resident keeps: the number, the code, the address of the link."""
    page.goto(f"{serve}{SITE}")
    page.get_by_role("link", name=re.compile("médecin traitant")).first.click()
    page.get_by_role("link", name=re.compile("Demander un médecin traitant")).click()
    page.get_by_label("Nom", exact=True).fill(NAME)
    page.get_by_label("Prénom").fill("Ada")
    page.get_by_label("Date de naissance").fill("1950-02-01")
    page.get_by_label("Téléphone").fill(NUMBER)
    page.get_by_label("Commune").select_option(label="Montceau-les-Mines")
    page.get_by_label(re.compile("ALD")).select_option("yes")
    page.get_by_role("button", name="Envoyer ma demande").click()
    expect(page.locator("h1")).to_have_text("Votre demande est enregistrée")
    code = page.locator(".callout").inner_text().strip()
    page.get_by_role("link", name=re.compile("Suivre, corriger")).click()
    number = re.search(r"n°\s(\d+)", page.locator("h1").inner_text())[1]
    return number, code


def offer_for(page, serve, name):
    """The coordination writes what a doctor said by voice."""
    page.goto(f"{serve}{SEARCH}offres/")
    doctor = page.get_by_label("Médecin", exact=True)
    value = doctor.locator("option", has_text=name).first.get_attribute("value")
    doctor.select_option(value)
    page.get_by_label("Nouveaux patients par mois").fill("30")
    until_on = dt.datetime.now(tz=dt.UTC).date() + dt.timedelta(days=60)
    page.get_by_label("Jusqu'au").fill(until_on.isoformat())
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.locator("#messages")).to_contain_text("L'offre est notée")


def run_and_send(page, serve, number):
    """The attribution is run and read, one pair is ticked and sent; the doctor it found."""
    page.goto(f"{serve}{SEARCH}attribution/")
    line = page.locator("li.person", has=page.get_by_text(f"Demande n° {number}", exact=True))
    expect(line).to_contain_text("Pourquoi ce médecin")
    expect(line).to_contain_text("priorité 1")
    doctor = next(each for each in DOCTORS if each in line.locator("h3").inner_text())
    assert NAME not in page.locator("main").inner_text()
    line.get_by_label(f"Proposer la demande n° {number}").check()
    page.get_by_role("button", name="Proposer aux médecins cochés").click()
    expect(page.locator("#messages")).to_contain_text("Proposition envoyée")
    return doctor


def link_sent(page, serve):
    """The last link a doctor received, as the administrator reads it in the demo's outbox."""
    page.goto(f"{serve}{HERE}envois/")
    return serve + re.search(r"/a/[^\s]+/", page.locator("main").inner_text())[0]


def shows_state_only(page, *words):
    """The resident's page: these words, on a phone's width, and nobody in it."""
    page.reload()
    main = page.locator("main")
    for word in words:
        expect(main).to_contain_text(word)
    shown = main.inner_text()
    for hidden in (NAME, "Ada", "ALD", "44 01", "1950", *DOCTORS):
        assert hidden not in shown
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_resident_asks_one_doctor_refuses_the_next_accepts(person, phone, serve, axe):
    resident = phone()
    number, code = ask(resident, serve)
    shows_state_only(resident, "En attente : la CPTS cherche", "vous répond avant le")

    coordinator = person("Nour Coordination")
    for name in DOCTORS:
        offer_for(coordinator, serve, name)
    first = run_and_send(coordinator, serve, number)
    shows_state_only(resident, "un médecin a été interrogé", "Vous n'avez rien à faire")

    outbox = person("Ariane Administration")
    doctor = phone(scripts=True)
    doctor.goto(link_sent(outbox, serve))
    shown = doctor.locator("main").inner_text()
    assert "Montceau-les-Mines" in shown and "70 à 79 ans" in shown
    for hidden in (NAME, "ALD", "44 01", "1950"):
        assert hidden not in shown
    assert axe(doctor) == []
    assert doctor.evaluate("document.documentElement.scrollWidth") <= 320
    doctor.reload()  # a mail scanner opens every link: nothing is answered
    shows_state_only(resident, "un médecin a été interrogé")
    doctor.get_by_text("Refuser").first.click()
    reasons = doctor.get_by_label("Raison du refus")
    assert reasons.locator("option").count() == 6
    reasons.select_option("full")
    doctor.get_by_role("button", name="Refuser").click()
    expect(doctor.locator("main")).to_contain_text("Réponse : refusée")
    shows_state_only(resident, "En attente : la CPTS cherche")
    assert "interrogé" not in resident.locator("main").inner_text()

    second = run_and_send(coordinator, serve, number)
    assert second != first
    doctor = phone()
    doctor.goto(link_sent(outbox, serve))
    doctor.get_by_role("button", name="Je le prends").click()
    expect(doctor.locator("main")).to_contain_text("Réponse : acceptée")
    shows_state_only(resident, "Un médecin accepte de vous suivre", "La CPTS vous appelle")

    desk, mine = person("Malo Standard"), person(second)
    told_of_the_agreement(desk, mine, serve, number)
    declared(coordinator, serve, number)
    shows_state_only(resident, "Votre médecin traitant est déclaré")
    assert resident.get_by_role("button").count() == 0

    resident.goto(f"{serve}/medecin-traitant/suivi/")
    resident.get_by_label("Code de suivi").fill(code.lower())
    resident.get_by_role("button", name="Continuer").click()
    expect(resident.locator("main")).to_contain_text("est déclaré")


def told_of_the_agreement(desk, mine, serve, number):
    """The desk calls the resident; only then does the doctor who accepted read who it is."""
    mine.goto(f"{serve}{SEARCH}offre/")
    mine.get_by_role("link", name="Montceau-les-Mines, acceptée").click()
    expect(mine.locator("main")).to_contain_text("dès que le guichet a recueilli l'accord")
    assert NAME not in mine.locator("main").inner_text()
    desk.goto(f"{serve}{SEARCH}")
    desk.get_by_role("link", name=f"n° {number}", exact=True).click()
    expect(desk.locator("main")).to_contain_text("Un médecin accepte : appelez l'habitant")
    desk.get_by_label(re.compile("joint")).check()
    desk.get_by_label(re.compile("Accord de partage")).select_option("patient")
    desk.get_by_role("button", name="Noter l'appel").click()
    expect(desk.locator("#messages")).to_contain_text("L'appel est noté")
    expect(desk.locator("main")).not_to_contain_text("Un médecin accepte : appelez")
    mine.reload()
    expect(mine.locator("main")).to_contain_text(NAME)


def declared(page, serve, number):
    page.goto(f"{serve}{SEARCH}")
    page.get_by_role("link", name=f"n° {number}", exact=True).click()
    page.get_by_role("button", name="La déclaration est confirmée").click()
    expect(page.locator("#messages")).to_contain_text("Déclaration confirmée")


def test_a_resident_corrects_then_withdraws(phone, serve, axe):
    page = phone()
    ask(page, serve)
    page.get_by_label("Nouvelle commune").select_option(label="Le Creusot")
    page.get_by_role("button", name="Corriger").click()
    expect(page.locator("#messages")).to_contain_text("C'est corrigé")
    page.get_by_role("button", name="Retirer ma demande").click()
    expect(page.locator("main")).to_contain_text("Cochez la case pour confirmer")
    link = page.url
    page.get_by_label("Oui, je confirme").check()
    page.get_by_role("button", name="Retirer ma demande").click()
    expect(page.locator("main")).to_contain_text("Retirée : la CPTS ne cherche plus")
    seen = phone(scripts=True)
    seen.goto(link)
    assert axe(seen) == []
