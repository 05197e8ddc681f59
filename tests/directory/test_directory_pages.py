"""Searching the directory, and its pages: what each role sees, and never a neighbour's knowledge."""

import datetime as dt
import time

import pytest
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope

from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.directory import actions, queries
from maillage.directory.enums import CareKind, PlaceRow, Profession
from maillage.directory.models import Delegation, Professional
from people import (
    fake_rpps,
    link,
    make_commune,
    make_cpts,
    make_professional,
    make_seat,
    mark_demo,
    professional_row,
    sign_in,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def cpts():
    make_commune("71306", "Montceau-les-Mines")
    return make_cpts(communes=[make_commune(), make_commune("71193", "Écuisses")])


@pytest.fixture
def people(cpts):
    nurse = {"profession": Profession.NURSE, "speciality": "", "does_home": True}
    known = {
        "lefebvre": {"family_name": "Lefebvre", "given_name": "Éloïse", "phone": "0353019901"},
        "philippe": {"family_name": "Philippe", "given_name": "Jean-François"},
        "gonzalez": {"family_name": "Gonzalez", "given_name": "Inès", **nurse},
        "oeuvrard": {
            "family_name": "Œuvrard",
            "given_name": "Maÿlis",
            "places": (PlaceRow("71306", name="Maison de santé du Magny"),),
        },
    }
    return {name: make_professional(cpts, **about) for name, about in known.items()}


def names(found):
    return [each.family_name for each in found.professionals]


@pytest.mark.parametrize(
    ("text", "family_names"),
    [
        ("lefebvre", ["Lefebvre"]),
        ("ELOISE", ["Lefebvre"]),
        ("Dr Éloïse Lefebvre", ["Lefebvre"]),
        ("jean françois", ["Philippe"]),
        ("oeuvrard", ["Œuvrard"]),
        ("œuvr", ["Œuvrard"]),
        ("montceau les mines", ["Œuvrard"]),
        ("magny", ["Œuvrard"]),
        ("infirmier", ["Gonzalez"]),
        ("infirmier cluny", ["Gonzalez"]),
        ("03 53 01 99 01", ["Lefebvre"]),
        ("+33 3 53 01 99 01", ["Lefebvre"]),
        ("0353.01.99", ["Lefebvre"]),
    ],
)
def test_words_are_found_whatever_their_accents(cpts, people, text, family_names):
    found = queries.search(cpts, text)
    assert names(found) == family_names and not found.is_near


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("lefevre", "Lefebvre"),
        ("lefebre", "Lefebvre"),
        ("Filippe", "Philippe"),
        ("gonzales", "Gonzalez"),
        ("gonsalez ines", "Gonzalez"),
        ("euvrard", "Œuvrard"),
        ("eloize lefevre cluny", "Lefebvre"),
    ],
)
def test_a_misspelt_word_finds_the_nearest(cpts, people, text, first):
    found = queries.search(cpts, text)
    assert names(found)[0] == first


@pytest.mark.parametrize("text", ["zzzzzz", "0399999999", "lefebvre 0399999999"])
def test_what_looks_like_nobody_finds_nobody(cpts, people, text):
    assert names(queries.search(cpts, text)) == []


def test_an_rpps_is_found_whole_or_with_spaces(cpts, people):
    rpps = people["gonzalez"].rpps
    for text in (rpps, f"{rpps[:4]} {rpps[4:]}", rpps[:9]):
        assert "Gonzalez" in names(queries.search(cpts, text))
    assert names(queries.search(cpts, rpps)) == ["Gonzalez"]


def test_filters_add_up(cpts, people):
    assert names(queries.search(cpts, profession=Profession.NURSE)) == ["Gonzalez"]
    assert names(queries.search(cpts, commune="71306")) == ["Œuvrard"]
    assert names(queries.search(cpts, kind=CareKind.HOME)) == ["Gonzalez"]
    assert names(queries.search(cpts, "lefevre", profession=Profession.NURSE)) == []


def test_only_today_s_directory_of_the_cpts(cpts, people):
    make_professional(family_name="Ailleurs")
    with scope(cpts=cpts):
        actions.remove_from_cpts(by=SYSTEM, cpts=cpts, professional=people["philippe"])
    assert names(queries.search(cpts, "ailleurs")) == []
    assert names(queries.search(cpts, "philippe")) == []
    assert len(names(queries.search(cpts))) == 3


def test_a_closed_place_is_no_longer_a_filter(cpts, people):
    actions.set_places(
        by=SYSTEM, professional=people["oeuvrard"], places=[PlaceRow("71137", address="2 rue X")]
    )
    assert names(queries.search(cpts, commune="71306")) == []
    assert [each.pk for each in queries.communes_of(cpts)] == ["71137"]


def test_five_thousand_records_are_searched_quickly():
    """A misspelt word among 5 000 professionals, the size of the largest CPTS, in half a second."""
    keys = [
        (
            number,
            f"fictif{number} prenom{number % 800} medecin generaliste {fake_rpps(number)} cluny",
        )
        for number in range(5000)
    ]
    began = time.process_time()
    assert queries.near_keys(["fictyf4321"], keys)[0] == 4321
    assert time.process_time() - began < 0.5


# Pages


def at(name, cpts, **kwargs):
    return reverse(f"directory:{name}", kwargs={"cpts": cpts.slug} | kwargs)


INSIDE = [role for role in Role if role != Role.READER]


@pytest.mark.parametrize("role", INSIDE)
def test_everybody_inside_searches_the_directory(client, cpts, people, role):
    sign_in(client, cpts, role)
    text = client.get(at("list", cpts), {"q": "eloise"}).text
    assert "Lefebvre" in text and "Gonzalez" not in text
    page = at("detail", cpts, pk=people["lefebvre"].pk)
    assert "clé à vérifier" in client.get(page).text


def test_a_reader_has_no_directory(client, cpts, people):
    sign_in(client, cpts, Role.READER)
    assert client.get(at("list", cpts)).status_code == 403
    assert client.get(at("detail", cpts, pk=people["lefebvre"].pk)).status_code == 404


def test_near_names_are_said_to_be_near(client, cpts, people):
    sign_in(client, cpts, Role.DISPATCHER)
    text = client.get(at("list", cpts), {"q": "lefevre"}).text
    assert "Lefebvre" in text and "les plus proches" in text
    assert "Personne ne correspond" in client.get(at("list", cpts), {"q": "zzzz"}).text


def test_the_list_costs_the_same_for_many(client, cpts, django_assert_num_queries):
    mark_demo(False)
    sign_in(client, cpts, Role.DISPATCHER)
    rows = [professional_row(number) for number in range(1, 121)]
    with scope(cpts=cpts):
        actions.add_many_to_cpts(
            by=SYSTEM,
            cpts=cpts,
            professionals=actions.record_professionals(by=SYSTEM, rows=rows),
        )
    client.get(at("list", cpts))
    with django_assert_num_queries(3 + 4):  # who; communes, count, page, places
        answer = client.get(at("list", cpts))
    assert answer.text.count("<article") == 50 and "120" in answer.text
    with django_assert_num_queries(3 + 5):  # and: does anybody match exactly?
        answer = client.get(at("list", cpts), {"q": "fictif", "page": "3"})
    assert answer.text.count("<article") == 20


def test_the_record_page_costs_a_fixed_number_of_queries(
    client, cpts, people, django_assert_num_queries
):
    mark_demo(False)
    sign_in(client, cpts, Role.DISPATCHER)
    page = at("detail", cpts, pk=people["lefebvre"].pk)
    client.get(page)
    with django_assert_num_queries(3 + 5):  # who; professional, record, languages, places, locum
        client.get(page)


def test_a_neighbour_s_note_and_people_stay_with_the_neighbour(client, cpts, people):
    other = make_cpts("voisine")
    shared, theirs = people["lefebvre"], make_professional(family_name="Voisin")
    with scope(cpts=other):
        actions.add_many_to_cpts(by=SYSTEM, cpts=other, professionals=[shared, theirs])
        actions.note_professional(
            by=SYSTEM, cpts=other, professional=shared, note="SECRET DU VOISIN", version=1
        )
    with scope(cpts=cpts):
        actions.note_professional(
            by=SYSTEM, cpts=cpts, professional=shared, note="NOTRE NOTE", version=1
        )
    for role in (Role.DISPATCHER, Role.COORDINATOR, Role.ADMINISTRATOR):
        sign_in(client, cpts, role)
        text = client.get(at("detail", cpts, pk=shared.pk)).text
        assert "NOTRE NOTE" in text
        assert "SECRET DU VOISIN" not in text and other.name not in text
        for pk in (theirs.pk, 987654):
            assert client.get(at("detail", cpts, pk=pk)).status_code == 404
            assert client.post(at("note", cpts, pk=pk), {"note": "x"}).status_code == 404
    assert client.get(at("list", other)).status_code == 404


def test_only_a_coordinator_writes_the_note(client, cpts, people):
    page = at("note", cpts, pk=people["lefebvre"].pk)
    for role in (Role.DISPATCHER, Role.ADMINISTRATOR, Role.PROFESSIONAL):
        sign_in(client, cpts, role)
        assert client.post(page, {"note": "x"}).status_code == 403
    sign_in(client, cpts, Role.COORDINATOR)
    first = {"note": "Le soir", "version": 1}
    assert "La note est enregistrée." in client.post(page, first, follow=True).text
    assert client.post(page, {"note": "x" * 3000}).status_code == 422
    # Somebody who opened the page before: what they typed stays, beside what is kept.
    late = client.post(page, {"note": "Le matin", "version": 1})
    assert late.status_code == 422
    assert "Un collègue a modifié cette fiche" in late.text
    assert "<dt>Enregistré</dt><dd>Le soir</dd>" in late.text
    assert "<dt>Votre formulaire</dt><dd>Le matin</dd>" in late.text
    assert 'name="version" value="2"' in late.text and ">\nLe matin</textarea>" in late.text
    with scope(cpts=cpts):
        assert queries.record_of(cpts, people["lefebvre"]).note == "Le soir"


def test_a_coordinator_adds_a_known_number_as_it_is(client, cpts):
    known = make_professional(family_name="Connue")
    sign_in(client, cpts, Role.COORDINATOR)
    answer = client.post(at("add", cpts), {"rpps": known.rpps}, follow=True)
    assert "Connue" in answer.text and "dans l&#39;annuaire de la CPTS" in answer.text
    assert "déjà dans l" in client.post(at("add", cpts), {"rpps": known.rpps}, follow=True).text
    assert client.post(at("add", cpts), {"rpps": "12"}).status_code == 422


def test_a_coordinator_writes_an_unknown_number(client, cpts):
    sign_in(client, cpts, Role.COORDINATOR)
    rpps = fake_rpps(424242)
    answer = client.post(at("add", cpts), {"rpps": rpps})
    assert answer.url == f"{at('create', cpts)}?rpps={rpps}"
    assert rpps in client.get(answer.url).text
    typed = {
        "rpps": rpps,
        "family_name": "Neuve",
        "given_name": "Zoé",
        "profession": Profession.MIDWIFE,
        "phone": "03 53 01 55 55",
        "commune": "71193",
        "age_from": "0",
        "age_to": "130",
        "kinds": [CareKind.OFFICE, CareKind.HOME],
        "languages": ["en"],
    }
    bad = client.post(at("create", cpts), typed | {"phone": "12"})
    assert bad.status_code == 422 and not Professional.objects.filter(rpps=rpps).exists()
    answer = client.post(at("create", cpts), typed, follow=True)
    assert "Zoé Neuve" in answer.text and "anglais" in answer.text
    assert names(queries.search(cpts, "neuve ecuisses")) == ["Neuve"]
    again = client.post(at("create", cpts), typed)
    assert again.status_code == 422 and "déjà connu" in again.text


def test_out_of_the_directory_and_back(client, cpts, people):
    sign_in(client, cpts, Role.COORDINATOR)
    pk = people["lefebvre"].pk
    client.post(at("remove", cpts, pk=pk))
    assert "Sorti de l&#39;annuaire" in client.get(at("detail", cpts, pk=pk)).text
    assert client.post(at("remove", cpts, pk=pk)).status_code == 409
    assert "de nouveau" in client.post(at("bring_back", cpts, pk=pk), follow=True).text


def test_an_administrator_links_and_unlinks_an_account(client, cpts, people):
    user = make_seat(cpts, Role.PROFESSIONAL).user
    stranger = make_seat(make_cpts("autre"), Role.PROFESSIONAL).user
    sign_in(client, cpts, Role.ADMINISTRATOR)
    pk = people["lefebvre"].pk
    page = at("link", cpts, pk=pk)
    assert client.post(page, {"user": stranger.pk, "method": "phone"}).status_code == 422
    assert client.post(page, {"user": user.pk, "method": "demo"}).status_code == 422
    assert client.post(page, {"user": user.pk, "method": "phone"}).status_code == 302
    assert queries.account_of(people["lefebvre"]).user == user
    client.post(at("end_link", cpts, pk=pk))
    assert queries.account_of(people["lefebvre"]) is None
    sign_in(client, cpts, Role.COORDINATOR)
    assert client.post(page, {"user": user.pk, "method": "phone"}).status_code == 403


def test_the_account_behind_a_record_is_shown_to_the_administrator_alone(client, cpts, people):
    seat = make_seat(cpts, Role.PROFESSIONAL)
    seat.user.email = "personnelle@exemple.example"
    seat.user.family_name = "Personnelle"
    seat.user.save()
    link(seat.user, people["lefebvre"])
    page = at("detail", cpts, pk=people["lefebvre"].pk)
    sign_in(client, cpts, Role.DISPATCHER)
    assert "Personnelle" not in client.get(page).text
    sign_in(client, cpts, Role.ADMINISTRATOR)
    assert "Personnelle" in client.get(page).text


def test_a_professional_delegates_on_the_page_and_takes_back(client, cpts, people):
    actor = sign_in(client, cpts, Role.PROFESSIONAL)
    page = at("delegations", cpts)
    assert "relié à aucune fiche" in client.get(page).text
    link(actor.seat.user, people["lefebvre"])
    secretary = make_seat(cpts, Role.SECRETARY).user
    stranger = make_seat(make_cpts("autre"), Role.SECRETARY).user
    today = timezone.localdate()
    assert client.post(page, {"secretary": stranger.pk, "from_on": today}).status_code == 422
    before = today - dt.timedelta(days=1)
    wrong = {"secretary": secretary.pk, "from_on": today, "until_on": before}
    assert client.post(page, wrong).status_code == 422
    assert client.post(page, {"secretary": secretary.pk, "from_on": today}).status_code == 302
    (given,) = Delegation.objects.in_force(today)
    client.force_login(secretary)
    assert "Lefebvre" in client.get(page).text
    foreign = sign_in(client, cpts, Role.SECRETARY)
    assert "Lefebvre" not in client.get(page).text
    assert client.post(at("end_delegation", cpts, pk=given.pk)).status_code == 404
    assert foreign.may("availability_edit", cpts)
    client.force_login(actor.seat.user)
    assert client.post(at("end_delegation", cpts, pk=given.pk)).status_code == 302
    assert not Delegation.objects.in_force(today).exists()


def test_the_fragment_is_served_to_htmx(client, cpts, people):
    sign_in(client, cpts, Role.DISPATCHER)
    answer = client.get(at("list", cpts), headers={"HX-Request": "true"})
    assert "<html" not in answer.text and "Lefebvre" in answer.text
