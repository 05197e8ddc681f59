"""A doctor falls ill: the patients of the coming hours are told, and each finds another doctor."""

import datetime as dt

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import HERE, opened_mails, soon

pytestmark = pytest.mark.browser
AWAY = "Le professionnel s'est déclaré absent : réorientez."


class Day:
    """The four requests, as their database tells them."""

    def __init__(self, server, cast):
        self.server, self.cast = server, cast
        self.pks = [each["id"] for each in cast["requests"]]

    def _rows(self, query):
        holes = ", ".join("?" * len(self.pks))
        return self.server.rows(query.replace("(*)", f"({holes})"), *self.pks)

    def requests(self):
        return self._rows(
            "SELECT id, status, owner_id, alert, to_tell FROM snp_carerequest"
            " WHERE id IN (*) ORDER BY id"
        )

    def statuses(self):
        return [each["status"] for each in self.requests()]

    def proposals(self):
        return self._rows(
            "SELECT p.id, p.care_request_id, p.professional_id, p.state, b.state AS place,"
            " b.slot_id FROM snp_proposal p JOIN availability_booking b ON b.id = p.booking_id"
            " WHERE p.care_request_id IN (*) ORDER BY p.id"
        )

    def events(self, kind):
        """By request, how many lines of this kind its history holds."""
        rows = self._rows(
            "SELECT r.id, (SELECT count(e.id) FROM snp_carerequestevent e"
            f" WHERE e.care_request_id = r.id AND e.kind = '{kind}') AS n"
            " FROM snp_carerequest r WHERE r.id IN (*) ORDER BY r.id"
        )
        return [row["n"] for row in rows]

    def cancelled_sms(self):
        """What patients were written about an appointment that is off."""
        query = """SELECT id, cpts_id, key, recipient, body FROM accounts_notice
            WHERE channel = 'sms' AND key LIKE 'request:%:off:%' ORDER BY id"""
        return opened_mails(self.server.rows(query))

    def everything(self):
        return self.requests(), self.proposals(), self.cancelled_sms(), self.events("reoriented")


def declare_absent(browser, server, come_in, axe, cast):
    """On a phone, in the waiting room of somebody else."""
    phone = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    ).new_page()
    come_in(phone, cast["doctor"]["name"].removeprefix("Dr "))
    phone.goto(f"{server.address}{HERE}disponibilites/")
    card = phone.locator("#absence")
    card.locator("summary").click()
    ends = dt.datetime.fromisoformat(cast["ends_at"])
    card.get_by_label("Au", exact=True).fill(ends.date().isoformat())
    card.get_by_label("Motif").select_option("away")
    assert axe(phone) == []
    card.get_by_role("button", name="Enregistrer l'absence").click()
    expect(phone.get_by_text("Des places sont prises pendant une absence")).to_be_visible()
    assert axe(phone) == []


def reorient_all(desk, server, axe, cast):
    desk.goto(f"{server.address}{HERE}snp/absences/")
    card = desk.get_by_role("region", name=cast["doctor"]["name"], exact=True)
    expect(card.locator("tbody tr")).to_have_count(4)
    expect(card.get_by_text("sera prévenu par SMS")).to_have_count(2)
    expect(card.get_by_text("à rappeler")).to_have_count(2)
    assert axe(desk) == []
    card.get_by_role("button", name="Réorienter les 4").click()
    expect(card).to_have_count(0)


def find_another(desk, server, cast, pk, has_mobile):
    """From the board, one patient: another doctor, then told by a call."""
    desk.goto(f"{server.address}{HERE}snp/?demande={pk}")
    row = desk.locator(f"#req-{pk}")
    expect(row).to_contain_text("À traiter")
    if not has_mobile:
        expect(desk.locator(".cur")).to_contain_text("À dire au patient : rendez-vous")
    while desk.locator(".pro").count() == 0:  # the usual doctor and rings may be nobody
        desk.get_by_role("button", name="Élargir maintenant").click()
    expect(desk.locator(f"#pro-{cast['doctor']['id']} .slot")).to_have_count(0)
    desk.locator(".pro .slot").first.click()
    expect(row).not_to_contain_text("À traiter")
    if "Proposée" in row.inner_text():
        desk.get_by_text("Réponse donnée au téléphone").click()
        desk.get_by_role("button", name="Accepte", exact=True).click()
    expect(row).to_contain_text("Acceptée")
    desk.locator(".cur").get_by_role("button", name="informé", exact=True).click()
    expect(row).to_contain_text("Patient informé")


def test_a_doctor_falls_ill_and_every_patient_finds_another(browser, server, come_in, axe):
    cast = server.scene("absence")
    day = Day(server, cast)
    assert day.statuses() == ["informed"] * 4

    declare_absent(browser, server, come_in, axe, cast)
    server.kill()  # the clock may not have seen the absence yet
    assert day.statuses() == ["informed"] * 4
    server.start()
    soon(lambda: [each["alert"] for each in day.requests()], [AWAY] * 4)

    desk = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    come_in(desk, "Malo Standard")
    expect(desk.locator(".queue")).to_contain_text(AWAY)
    assert day.events("away") == [1] * 4
    reorient_all(desk, server, axe, cast)

    before = day.everything()
    server.kill()  # between the word to the patients and another doctor for them
    assert day.everything() == before
    server.start()
    desk.wait_for_timeout(2500)  # some turns of the clock and of the sender
    assert day.everything() == before
    assert day.statuses() == ["new"] * 4
    assert day.events("reoriented") == [1] * 4
    told = {each["recipient"] for each in day.cancelled_sms()}
    assert len(day.cancelled_sms()) == len(told) == 2
    assert all("est annulé" in each["body"] for each in day.cancelled_sms())
    assert [bool(each["to_tell"]) for each in day.requests()] == [
        not each["has_mobile"] for each in cast["requests"]
    ]

    for each in cast["requests"]:
        find_another(desk, server, cast, each["id"], each["has_mobile"])
    each_has_another(day, cast)
    assert axe(desk) == []


def each_has_another(day, cast):
    assert day.statuses() == ["informed"] * 4
    assert [each["to_tell"] for each in day.requests()] == [""] * 4
    mine = [each for each in day.proposals() if each["professional_id"] == cast["doctor"]["id"]]
    assert [(each["state"], each["place"]) for each in mine] == [("withdrawn", "released")] * 4
    accepted = [each for each in day.proposals() if each["state"] == "accepted"]
    assert sorted(each["care_request_id"] for each in accepted) == day.pks
    assert cast["doctor"]["id"] not in {each["professional_id"] for each in accepted}
    assert len({each["slot_id"] for each in accepted}) == 4  # nobody booked twice
    assert len(day.cancelled_sms()) == 2
