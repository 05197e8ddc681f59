"""The pages: the desk's, the coordination's without a name, the doctor's, the resident's by a link."""

import re
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from factories import MONTCEAU, make_doctor, professional_actor, set_mt
from maillage.accounts.enums import Role
from maillage.kernel.models import JournalLine
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.models import DoctorOffer, DoctorRequest, MtSettings, PriorityRule
from maillage.residents.models import Resident
from people import sign_in

TYPED = {
    "form_key": "page-1",
    "family_name": "Canaripatient",
    "given_name": "Ada",
    "birth_date": "1950-02-01",
    "phone": "06 39 98 40 01",
    "commune": MONTCEAU,
    "household_size": "2",
    "can_travel": "on",
    "channel": "phone",
}


def at(name, cpts, pk=None):
    given = {"cpts": cpts.slug} | ({"pk": pk} if pk else {})
    return reverse(f"medecin_traitant:{name}", kwargs=given)


def text(response):
    said = unescape(response.content.decode()).replace("’", "'")
    return re.sub(r"\s+", " ", said.replace("\u00a0", " "))


@pytest.fixture
def made(take):
    return take(family_name="Canaripatient", given_name="Zoé", ald="yes", note="Canarinote")


def test_the_desk_takes_a_request_and_one_more_of_the_household(client, cpts, settings_mt):
    sign_in(client, cpts, Role.DISPATCHER)
    answer = client.post(at("new", cpts), TYPED, follow=True)
    first = DoctorRequest.objects.get()
    assert first.code in text(answer) and "Canaripatient" in text(answer)
    form = text(client.get(f"{at('new', cpts)}?foyer={first.pk}"))
    assert "Même foyer que la demande n° 1" in form and "0639984001" in form
    said = TYPED | {"form_key": "page-2", "given_name": "Léo", "birth_date": "1952-02-01"}
    asked = client.post(f"{at('new', cpts)}?foyer={first.pk}", said)
    assert asked.status_code == 422 and "déjà connue" in text(asked)
    client.post(f"{at('new', cpts)}?foyer={first.pk}", said | {"resident": "new"})
    second = DoctorRequest.objects.get(number=2)
    assert second.household == first and Resident.objects.count() == 2
    assert "n° 2" in text(client.get(at("request", cpts, first.pk)))


def test_the_coordination_reads_without_a_name(client, cpts, made, settings_mt):
    sign_in(client, cpts, Role.COORDINATOR)
    for url in (at("waiting", cpts), at("request", cpts, made.pk)):
        shown = text(client.get(url))
        assert "n° 1" in shown and "Montceau" in shown
        for word in ("Canaripatient", "Zoé", "Canarinote", made.code, made.resident.phone):
            assert word not in shown
    assert not JournalLine.objects.filter(kind="read").exists()
    assert "ALD" in shown and "oui" in shown  # under the professional the CPTS named


def test_health_is_hidden_without_a_responsible(client, cpts, made, clock, coordinator):
    actions.set_rules(by=coordinator, cpts=cpts, rules=[actions.Rule("ald", 1)], source="bureau")
    clock.move(minutes=1)
    set_mt(cpts, valid_from=clock.now)  # as a bug would, past the action
    for role in (Role.DISPATCHER, Role.COORDINATOR):
        sign_in(client, cpts, role)
        shown = text(client.get(at("request", cpts, made.pk)))
        assert "priorité 1" in shown
        assert "ALD" not in shown and "longue durée" not in shown
        assert "ALD" not in text(client.get(at("waiting", cpts)))
    sign_in(client, cpts, Role.DISPATCHER)
    assert "ALD" not in text(client.get(at("new", cpts)))


def test_a_list_that_names_people_is_one_line_of_the_journal(client, cpts, made, take):
    other = take()
    by = sign_in(client, cpts, Role.DISPATCHER)
    shown = text(client.get(at("waiting", cpts)))
    assert "Canaripatient" in shown
    line = JournalLine.objects.get(kind="read")
    assert line.residents == sorted([made.resident_id, other.resident_id])
    assert (line.seat_id, line.purpose) == (by.seat_id, "recherche de médecin traitant")


def test_the_number_of_queries_does_not_follow_the_number_of_rows(
    client, cpts, take, django_assert_max_num_queries
):
    sign_in(client, cpts, Role.DISPATCHER)
    for _ in range(12):
        take()
    client.get(at("waiting", cpts))
    with django_assert_max_num_queries(24):
        shown = text(client.get(at("waiting", cpts)))
    assert shown.count('data-label="Habitant">Ada Exemple') == 12


def test_the_filters_narrow(client, cpts, made, take):
    sign_in(client, cpts, Role.DISPATCHER)
    for query, shown in (
        ("", True),
        ("?priorite=1", False),
        ("?priorite=9", True),
        (f"?commune={MONTCEAU}", True),
        ("?attente=30", False),
        ("?etat=withdrawn", False),
        ("?priorite=rien&etat=rien", True),
    ):
        page = client.get(at("waiting", cpts) + query)
        assert page.status_code == 200
        assert ("Canaripatient" in text(page)) == shown, query


def test_the_desk_corrects_merges_separates_and_withdraws(client, cpts, take):
    first = take(phone="06 39 98 40 07")
    second = take(phone="06 39 98 40 07")
    sign_in(client, cpts, Role.DISPATCHER)
    assert "Peut-être la même personne" in text(client.get(at("request", cpts, first.pk)))
    client.post(at("merge", cpts, first.pk), {"into": second.pk})
    first.refresh_from_db()
    assert first.merged_into == second
    client.post(at("unmerge", cpts, first.pk))
    client.post(at("merge", cpts, first.pk), {"into": "12"})
    first.refresh_from_db()
    assert (first.merged_into, first.state) == (None, "waiting")
    client.post(at("correct", cpts, first.pk), {"household_size": "4"})
    assert client.post(at("correct", cpts, first.pk), {"phone": "12"}).status_code == 422
    client.post(at("withdraw", cpts, first.pk), {"reason": "moved"})
    assert client.post(at("withdraw", cpts, second.pk), {"reason": "ill"}).status_code == 422
    client.post(at("found", cpts, second.pk))
    first.refresh_from_db(), second.refresh_from_db()
    assert (first.household_size, first.withdrawn_why) == (4, "moved")
    assert second.state == "found_elsewhere"


def test_before_any_settings_the_pages_say_so(client, cpts):
    sign_in(client, cpts, Role.DISPATCHER)
    assert "Pas encore réglé" in text(client.get(at("waiting", cpts)))
    assert "Pas encore réglé" in text(client.get(at("new", cpts)))


# A professional


def test_a_professional_signals_without_meeting_anybody(client, cpts, made, coordinator):
    sign_in(client, cpts, Role.PROFESSIONAL)
    answer = client.post(at("signal", cpts), TYPED | {"given_name": "Zoé"}, follow=True)
    assert "transmise" in text(answer) and "ressemble" not in text(answer)
    second = DoctorRequest.objects.get(number=2)
    assert second.channel == "professional" and "ressemble" in second.alert
    assert client.get(at("request", cpts, second.pk)).status_code == 404


def test_a_doctor_says_their_offer_and_takes_it_back(client, cpts, doctor, settings_mt):
    by = professional_actor(cpts, doctor)
    client.force_login(by.seat.user)
    said = {"per_month": "3", "until_on": "2027-01-31", "age_from": "0", "age_to": "130"}
    assert "3 nouveaux patients" in text(client.post(at("offer", cpts), said, follow=True))
    held = DoctorOffer.objects.get()
    too_late = client.post(at("offer", cpts), said | {"until_on": "2029-01-01"})
    assert too_late.status_code == 422 and "au plus tard" in text(too_late)
    client.post(at("offer_end", cpts, held.pk))
    held.refresh_from_db()
    assert held.ended_at
    client.force_login(professional_actor(cpts, make_doctor(cpts)).seat.user)
    assert client.post(at("offer_end", cpts, held.pk)).status_code == 404


def test_the_coordination_asks_and_writes_for_somebody(client, cpts, doctor, settings_mt):
    sign_in(client, cpts, Role.COORDINATOR)
    assert "Demander à" in text(client.get(at("offers", cpts)))
    assert "interrogés : 1" in text(client.post(at("ask", cpts), follow=True))
    said = {"per_month": "1", "until_on": "2027-01-31", "age_from": "0", "age_to": "17"}
    said |= {"professional": doctor.pk}
    shown = text(client.post(at("offer_for", cpts), said, follow=True))
    assert "1 nouveau patient" in shown and "de 0 à 17 ans" in shown
    assert client.post(at("offer_for", cpts), said | {"professional": ""}).status_code == 422


# By a link


def test_the_resident_sees_the_state_and_nothing_else(client, cpts, made, settings_mt):
    link = queries.link_to_request(made)
    shown = text(client.get(link))
    assert "En attente" in shown and "22/01/2027" in shown
    hidden = ("Canaripatient", "Zoé", "Canarinote", "ALD", made.code, made.resident.phone)
    for word in (*hidden, "1960"):
        assert word not in shown
    assert client.post(link, {"act": "withdraw"}).status_code == 422
    made.refresh_from_db()
    assert made.state == "waiting"
    assert client.post(link, {"act": "correct", "phone": "06 39 98 40 09"}).status_code == 302
    assert Resident.objects.get(pk=made.resident_id).phone == "0639984009"
    assert client.post(link, {"act": "withdraw", "sure": "on"}).status_code == 302
    assert "Retirée" in text(client.get(link))
    made.refresh_from_db()
    assert made.state == "withdrawn"


def test_the_resident_is_told_a_wait_and_no_promise(
    client, take, doctor, offers, coordinator, clock
):
    offers(doctor, per_month=20)
    made = [take() for _ in range(8)]
    link = queries.link_to_request(made[-1])
    shown = text(client.get(link))
    assert "moins de la moitié ont trouvé un médecin" in shown and "répond avant le" in shown
    clock.move(days=20)
    for each in made[:4]:
        sent = actions.propose_doctor(by=coordinator, doctor_request=each, professional=doctor)
        actions.accept_attribution(by=coordinator, attribution=sent)
    shown = text(client.get(link))
    assert "la moitié ont trouvé un médecin en 3 semaines ou moins" in shown
    assert "Ce n'est pas une promesse" in shown
    accepted = text(client.get(queries.link_to_request(made[0])))
    assert "semaines" not in accepted and "répond avant" not in accepted
    clock.move(days=41)
    assert "est en retard" in text(client.get(link))


def test_a_month_after_its_end_the_link_says_nothing_more(client, made, desk, clock):
    link = queries.link_to_request(made)
    client.post(link, {"act": "found", "sure": "on"})
    clock.move(days=29)
    assert client.get(link).status_code == 200
    clock.move(days=1)
    assert client.get(link).status_code == 410
    assert client.get(link[:-6] + "AAAAA/").status_code == 410


def test_the_link_of_a_double_opens_the_one_that_goes_on(client, take, desk):
    first, second = take(), take()
    actions.merge(by=desk, doctor_request=first, into=second)
    answer = client.get(queries.link_to_request(first))
    assert answer.headers["Location"] == queries.link_to_request(second)


def test_the_code_opens_the_same_page(client, made):
    url = reverse("medecin_traitant:follow")
    assert client.get(url).status_code == 200
    for typed in (made.code, made.code.lower(), f" {made.code} "):
        answer = client.post(url, {"code": typed})
        assert answer.status_code == 302 and "/m/" in answer.headers["Location"]
    for typed in ("", "1-AAAAA-AAAAA", "ZZZZZZZZZZ-1", "é", "-", made.code[:-1]):
        assert client.post(url, {"code": typed}).status_code == 422


def test_a_doctor_answers_by_the_link_on_a_phone(client, cpts, doctor, coordinator):
    actions.ask_doctors(by=coordinator, cpts=cpts)
    asked = DoctorOffer.objects.get()
    link = queries.link_to_offer(asked)
    assert "Combien de nouveaux patients" in text(client.get(link))
    said = {"per_month": "2", "until_on": "2027-01-31", "age_from": "0", "age_to": "130"}
    assert client.post(link, said | {"per_month": "-1"}).status_code == 422
    assert client.post(link, said).status_code == 302
    assert "2 nouveaux patients" in text(client.get(link))
    assert client.post(link, said).status_code == 422
    client.post(link, {"withdraw": "1"})
    assert "close" in text(client.get(link))


def test_a_link_of_one_kind_opens_nothing_of_another(client, cpts, made, doctor, coordinator):
    actions.ask_doctors(by=coordinator, cpts=cpts)
    resident = queries.link_to_request(made)
    offer = queries.link_to_offer(DoctorOffer.objects.get())
    assert client.get(resident.replace("/m/", "/o/")).status_code == 410
    assert client.get(offer.replace("/o/", "/m/")).status_code == 410
    assert client.get(offer.replace("/o/", "/r/")).status_code == 410


# Settings, lists of the CPAM


def test_settings_and_rules_are_written_on_one_page(client, cpts, doctor):
    sign_in(client, cpts, Role.COORDINATOR)
    page = text(client.get(at("settings", cpts)))
    assert "Valeurs de départ" in page and "Enregistrez d'abord" in page
    said = {name: str(value) for name, value in MT_SAID.items()}
    refused = client.post(at("settings", cpts), said | {"asks_ald": "on"})
    assert refused.status_code == 422 and "responsabilité" in text(refused)
    client.post(at("settings", cpts), said | {"asks_ald": "on", "responsible": doctor.pk})
    assert MtSettings.objects.get().asks_ald
    rules = {"rank_ald": "1", "rank_age_from": "2", "threshold_age_from": "70", "source": "bureau"}
    client.post(at("rules", cpts), rules)
    assert [each.rank for each in PriorityRule.objects.order_by("rank")] == [1, 2]
    assert client.post(at("rules", cpts), rules | {"threshold_age_from": ""}).status_code == 422
    assert "C2S" not in text(client.get(at("settings", cpts))).split("Règles de priorité")[1]


MT_SAID = {
    "promised_days": 60,
    "answer_days": 7,
    "follow_up_days": 183,
    "confirm_days": 30,
    "remind_days": 7,
    "reminders_max": 2,
    "offer_days_max": 183,
    "travel_minutes_max": 30,
    "small_cell_min": 11,
    "load_step_minutes": 1,
    "heavy_step_minutes": 2,
    "heavy_up_to_rank": 1,
    "household_minutes": 20,
    "source": "bureau",
}


def test_a_list_is_tried_then_loaded(client, cpts, settings_mt):
    sign_in(client, cpts, Role.DISPATCHER)
    assert settings_mt.cpam_basis in text(client.get(at("cpam", cpts)))
    content = f"nom;prenom;date_naissance;insee\nFictif;Ada;1950-01-01;{MONTCEAU}\n;;;\nX;;;\n"

    def send(mode, text=content):
        file = SimpleUploadedFile("liste.csv", text.encode(), "text/csv")
        return client.post(at("cpam", cpts), {"file": file, "mode": mode})

    tried = text(send("try"))
    assert "Essai : rien n'est écrit" in tried and "Ligne 4" in tried
    assert not DoctorRequest.objects.exists()
    assert "Liste chargée" in text(send("load")) and DoctorRequest.objects.count() == 1
    assert send("load", "rien").status_code == 422
    assert client.post(at("cpam", cpts), {"mode": "try"}).status_code == 422


def test_a_request_of_nobody_known_is_nobodys(client, cpts, made):
    """The household of another CPTS, or no number at all, is simply not taken."""
    sign_in(client, cpts, Role.DISPATCHER)
    for wanted in ("12", "x", "9" * 30, "²"):
        assert client.get(f"{at('new', cpts)}?foyer={wanted}").status_code == 200
