"""A request that nobody answers climbs every circle to somebody's name, and ends at the 15."""

import re

import pytest
from playwright.sync_api import expect

from maillage.kernel.fields import opened
from maillage.snp.models import CareRequestEvent
from tests.browser.conftest import HERE, opened_mails, soon

pytestmark = pytest.mark.browser
A_CIRCLE = 61  # seconds: circles last one minute in this scene
CLIMBED = ("cercle choisi", "toute la CPTS", "CPTS voisines", "personne d'astreinte")


class Case:
    """The request, as its database tells it."""

    def __init__(self, server, pk):
        self.server, self.pk = server, pk

    def wait(self, seconds=A_CIRCLE):
        self.server.pass_time(self.pk, seconds)

    def row(self):
        query = """SELECT r.*, u.email AS owner_mail FROM snp_carerequest r
            JOIN accounts_seat s ON s.id = r.owner_id JOIN accounts_user u ON u.id = s.user_id
            WHERE r.id = ?"""
        (row,) = self.server.rows(query, self.pk)
        return row

    def circle(self):
        return self.row()["circle"]

    def events(self, kind):
        """The words of its history, of one kind."""
        query = """SELECT id, cpts_id, text FROM snp_carerequestevent
            WHERE care_request_id = ? AND kind = ? ORDER BY id"""
        text = CareRequestEvent._meta.get_field("text")
        return [
            opened(
                text.from_db_value(row["text"], None, None), pk=row["id"], cpts_id=row["cpts_id"]
            )
            for row in self.server.rows(query, self.pk, kind)
        ]

    def proposals(self):
        query = "SELECT id, professional_id, state, booking_id FROM snp_proposal"
        return self.server.rows(f"{query} WHERE care_request_id = ? ORDER BY id", self.pk)

    def bookings(self):
        query = """SELECT b.id, b.slot_id, b.state FROM availability_booking b
            JOIN snp_proposal p ON p.booking_id = b.id WHERE p.care_request_id = ? ORDER BY b.id"""
        return self.server.rows(query, self.pk)

    def mails(self, to):
        query = "SELECT * FROM accounts_notice WHERE key LIKE ? ORDER BY id"
        found = opened_mails(self.server.rows(query, f"request:{self.pk}:%"))
        return [each for each in found if each["recipient"] == to]

    def asked(self):
        """The keys of what was sent to professionals about it, as they are."""
        query = """SELECT n.key FROM accounts_notice n JOIN snp_proposal p
            ON n.key = 'proposal:' || p.id || ':asked' WHERE p.care_request_id = ?"""
        return [row["key"] for row in self.server.rows(query, self.pk)]

    def journal(self):
        query = "SELECT action FROM kernel_journalline WHERE target = ? ORDER BY id"
        return [row["action"] for row in self.server.rows(query, f"snp.carerequest:{self.pk}")]

    def everything(self):
        return (
            self.row() | {"watch_at": None, "version": None},
            self.proposals(),
            self.bookings(),
            self.journal(),
            self.asked(),
        )


def call_in(page, server, cast):
    """A caller who has a usual doctor; the desk names a ring."""
    page.goto(f"{server.address}{HERE}snp/nouvelle/")
    page.get_by_label("Aucun de ces signes").check()
    page.get_by_label("Téléphone à rappeler").fill("03 53 01 61 61")
    page.get_by_label("Commune du patient").select_option(label="Montceau-les-Mines")
    page.get_by_label("Motif").select_option("back_pain")
    page.get_by_text("Adulte (16 à 69 ans)").click()
    page.get_by_label("Cercle").select_option(str(cast["ring"]))
    page.locator("details", has=page.get_by_label("Médecin traitant")).locator("summary").click()
    page.get_by_label("Médecin traitant").select_option(str(cast["usual"]))
    more = page.locator("details", has=page.get_by_label("Nom du patient"))
    if more.get_attribute("open") is None:
        more.locator("summary").click()
    page.locator("input[name=agreement_from][value=patient]").check()
    page.locator("input[name=agreement_scope][value=neighbours]").check()
    page.get_by_role("button", name="Enregistrer et chercher").click()
    expect(page).to_have_url(re.compile(r"\?demande=\d+$"))
    return int(page.url.rpartition("=")[2])


def ask(page, professional):
    """Propose the first slot of somebody of the list."""
    page.locator(f"#pro-{professional} .slot.ask").first.click()
    expect(page.locator(".queue [aria-current=true]")).to_contain_text("Proposée")


def searching(page, words, seconds=15):
    """How far the search has come, on the sheet, without anybody touching the page."""
    row = page.locator(".cur dt", has_text="Recherche").locator("xpath=following-sibling::dd[1]")
    expect(row).to_contain_text(words, timeout=seconds * 1000)


def test_nobody_answers_and_somebody_is_always_named(browser, server, come_in, axe):
    cast = server.scene("climb")
    desk = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    come_in(desk, "Ondine Régulation")
    case = Case(server, call_in(desk, server, cast))

    searching(desk, "médecin traitant")
    expect(desk.locator(".pro")).to_have_count(1)
    ask(desk, cast["usual"])
    case.wait()
    searching(desk, "cercle choisi (Garde du centre)")
    expect(desk.locator(f"#pro-{cast['member']}")).to_have_count(0)
    ask(desk, cast["ringed"])
    case.wait()
    searching(desk, "toute la CPTS")
    ask(desk, cast["member"])
    assert case.circle() == "cpts"

    killed_in_the_middle(server, case, desk)

    partner = desk.locator(f"#pro-{cast['lent']}")
    expect(partner).to_contain_text(cast["partner"])
    assert axe(desk) == []
    ask(desk, cast["lent"])
    case.wait()
    searching(desk, "personne d'astreinte")
    expect(desk.locator(".cur")).to_contain_text(f"{cast['duty']['name']} (astreinte)")
    assert case.row()["owner_mail"] == cast["duty"]["mail"]
    case.wait()
    searching(desk, "à transmettre au 15")
    expect(desk.locator(".cur")).to_contain_text("Aucun cercle n'a répondu : transmettez au 15")
    assert {each["state"] for each in case.proposals()} == {"expired"}
    assert {each["state"] for each in case.bookings()} == {"released"}

    nobody_acts(case, cast)
    taken_over(browser, server, come_in, axe, case, cast)
    assert case.events("widened") == [
        f"Après {before} : {after}."
        for before, after in zip(
            ("médecin traitant", *CLIMBED), (*CLIMBED, "à transmettre au 15"), strict=True
        )
    ]


def killed_in_the_middle(server, case, desk):
    """Three are asked, the third still holds a place: everything stops, and time goes on."""
    before = case.everything()
    owner = case.row()["owner_mail"]
    server.kill()
    assert case.everything() == before
    expect(desk.locator(".live")).to_contain_text("Hors ligne")
    case.wait()
    server.start()
    soon(case.circle, "neighbours")
    searching(desk, "CPTS voisines", seconds=45)  # the page found the server again by itself
    expect(desk.locator(".live")).to_contain_text("En direct")
    assert case.row()["owner_mail"] == owner
    assert [each["state"] for each in case.proposals()] == ["expired"] * 3
    assert len(case.asked()) == 3
    # Once each, whatever was due while nothing ran.
    assert case.journal().count("snp.widened") == 3
    assert len(case.events("expired")) == 3


def nobody_acts(case, cast):
    """The person named is told and, after a minute without an act, reminded; then the coordination
    is told."""
    soon(lambda: len(case.events("reminded")), 1)
    to_duty = [each["key"].split(":")[2:4] for each in case.mails(cast["duty"]["mail"])]
    assert [each for each in to_duty if each[0] == "named"] == [
        ["named", "duty"],
        ["named", "hand_over"],
    ]
    assert len([each for each in to_duty if each[0] == "remind"]) == 1
    if not case.events("escalated"):
        case.wait()
    soon(lambda: case.events("escalated") != [], True)
    (mail, *again) = case.mails(cast["coordinator"])
    assert len(again) + 1 == len(case.events("escalated"))
    assert "attend un acte" in mail["body"]
    assert case.row()["owner_mail"] == cast["duty"]["mail"]


def taken_over(browser, server, come_in, axe, case, cast):
    """The person on call opens the link of the mail, calls the 15, writes who took over there."""
    link = case.mails(cast["duty"]["mail"])[-1]["body"].split()[-1]
    duty = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    come_in(duty, cast["duty"]["name"])
    duty.goto(link)
    expect(duty.locator(".cur")).to_contain_text("Aucun cercle n'a répondu")
    assert axe(duty) == []
    duty.get_by_role("link", name="Passer au 15").click()
    assert axe(duty) == []
    duty.get_by_role("button", name="Transmettre sans signe de la liste").click()
    expect(duty.locator(".cur")).to_contain_text("À transmettre au 15 maintenant")
    duty.get_by_label("Reprise au 15 par").fill("Dr Régulation Fictive")
    duty.get_by_role("button", name="Noter la reprise").click()
    expect(duty.locator(f"#req-{case.pk}")).to_have_count(0)
    duty.goto(f"{server.address}{HERE}snp/{case.pk}/fil/")
    for words in (*CLIMBED, "Relance", "Coordination prévenue", "Reprise au 15 par Dr Régulation"):
        expect(duty.locator("main")).to_contain_text(words)
    assert case.row()["closed_at"] is not None
    assert case.row()["phone"] == ""
    officer = browser.new_context().new_page()
    come_in(officer, "Thémis")
    officer.goto(f"{server.address}{HERE}journal/")
    for act in ("snp.widened", "snp.watched", "snp.handed_over", "snp.taken_over"):
        expect(officer.locator("main")).to_contain_text(act)
        assert act in case.journal()
