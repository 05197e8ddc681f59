"""Who takes new patients by their own choice, and the request of somebody without an account."""

import datetime as dt
import re

import pytest
from django.test import Client
from django.utils import timezone
from django_scopes import scopes_disabled

from factories import MONTCEAU, set_mt
from maillage.accounts.rules import LinkActor
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from maillage.kernel.tenancy import inside
from maillage.medecin_traitant import actions
from maillage.medecin_traitant.models import DoctorRequest
from maillage.public.actions import refuse_listing
from maillage.residents.models import Resident

TYPED = {
    "family_name": "Canarihabitant",
    "given_name": "Ada",
    "birth_date": "1950-02-01",
    "phone": "06 39 98 43 01",
    "commune": MONTCEAU,
    "household_size": "1",
    "can_travel": "yes",
}


@pytest.fixture
def search(site, people):
    with inside(site.cpts):
        return set_mt(site.cpts, responsible=people["near"])


@pytest.fixture
def offer(site, search):
    def record(professional, **said):
        until_on = timezone.localdate() + dt.timedelta(days=60)
        said = {"per_month": 2, "until_on": until_on, "is_public": True} | said
        with inside(site.cpts):
            return actions.record_offer(
                by=site.by, cpts=site.cpts, professional=professional, offer=actions.Offer(**said)
            )

    return record


@pytest.fixture
def visitor(site, search):
    client = Client()
    address = f"/p/{site.cpts.slug}/medecin-traitant/demande/"

    def send(**said):
        page = client.get(address).content.decode()
        key = re.search(r'name="form_key" value="([^"]+)"', page)[1]
        return client.post(address, TYPED | {"form_key": key} | said)

    return send


def requests():
    with scopes_disabled():
        return list(DoctorRequest.objects.select_related("resident").order_by("number"))


def test_only_doctors_who_chose_it_are_listed_and_at_once(site, people, offer):
    path = "medecin-traitant/"
    assert "Aucun médecin" in site.html(path)
    made = offer(people["near"])
    offer(people["far"], is_public=False)
    shown = site.html(path)
    assert "Proche" in shown and "Lointain" not in shown
    assert "Prend des patients jusqu" in shown and "par mois" not in shown
    offer(people["near"], per_month=0)
    assert "Proche" not in site.html(path)
    offer(people["near"], home_visits=True)
    assert "visites à domicile" in site.html(path)
    with inside(site.cpts):
        held = type(made).objects.standing().get(professional=people["near"])
        actions.withdraw_offer(by=site.by, offer=held)
    assert "Proche" not in site.html(path)


def test_the_list_ends_with_the_offer_and_with_a_refusal_to_be_shown(site, people, offer):
    offer(people["near"])
    with inside(site.cpts):
        refuse_listing(by=site.by, cpts=site.cpts, professional=people["near"])
    assert "Proche" not in site.html("medecin-traitant/")


def test_a_resident_asks_and_follows(site, visitor):
    answer = visitor()
    made = requests()[0]
    shown = answer.content.decode()
    assert made.code in shown and "/m/" in shown and "Canarihabitant" not in shown
    assert "no-store" in answer["Cache-Control"]
    assert (made.channel, made.state) == ("resident", "waiting")
    assert "site public" in made.alert and made.owner is not None
    assert made.resident.family_name == "Canarihabitant"
    link = re.search(r'href="[^"]*(/m/[^"]+)"', shown)[1]
    followed = Client().get(link).content.decode()
    assert "En attente" in followed and "Canarihabitant" not in followed
    assert JournalLine.objects.filter(action="mt.recorded").count() == 1


def test_a_resident_says_the_longest_trip_they_accept(site, visitor):
    assert "pas de limite" in site.html("medecin-traitant/demande/")
    visitor(), visitor(travel_minutes_max=""), visitor(travel_minutes_max="45")
    assert [each.travel_minutes_max for each in requests()] == [None, None, 45]
    assert visitor(travel_minutes_max="7").status_code == 422 and len(requests()) == 3


def test_the_same_form_twice_is_one_request_and_the_same_person_twice_is_never_said(site, visitor):
    key = "9f5a0f7e-58b0-4a0e-9c8e-0d2f2f3f4a5b"
    first, again = visitor(form_key=key), visitor(form_key=key)
    assert len(requests()) == 1 and requests()[0].code in again.content.decode()
    other = visitor()
    assert other.status_code == first.status_code == 200
    assert len(requests()) == 2 and "ressemble" in requests()[1].alert
    with scopes_disabled():
        assert Resident.objects.count() == 2  # the desk compares and merges
    assert "demande n°" not in other.content.decode()


def test_what_is_missing_is_said_and_nothing_is_kept(visitor):
    answer = visitor(phone="", birth_date="hier", commune="75056")
    shown = answer.content.decode()
    assert answer.status_code == 422 and "pas encore envoyée" in shown
    assert "Canarihabitant" in shown  # typed once only
    assert requests() == []


def test_health_is_asked_only_where_the_cpts_does(site, visitor):
    page = f"/p/{site.cpts.slug}/medecin-traitant/demande/"
    assert 'name="ald"' in Client().get(page).content.decode()
    visitor(ald="yes")
    assert requests()[0].ald == "yes"
    with inside(site.cpts):
        set_mt(site.cpts, valid_from=timezone.now())
    assert 'name="ald"' not in Client().get(page).content.decode()
    visitor(ald="yes", family_name="Autre")
    assert requests()[1].ald == ""


def test_the_language_and_the_last_doctor_are_off_by_default(site, visitor):
    page = f"/p/{site.cpts.slug}/medecin-traitant/demande/"
    said = {"language": "lsf", "last_doctor": "Dr Fictif parti", "email": "ada@habitant.example"}
    assert 'name="language"' not in Client().get(page).content.decode()
    visitor(**said)
    with inside(site.cpts):
        set_mt(site.cpts, valid_from=timezone.now(), asks_language=True, asks_last_doctor=True)
    visitor(family_name="Autre", **said)
    first, second = requests()
    assert (first.language, first.last_doctor) == ("", "")
    assert (second.language, second.last_doctor) == ("lsf", "Dr Fictif parti")
    assert first.resident.email == "ada@habitant.example"


def test_nobody_asks_where_the_search_is_not_set_or_the_site_is_closed(site, neighbour, search):
    assert Client().get(f"/p/{neighbour.cpts.slug}/medecin-traitant/demande/").status_code == 404
    assert "Demander un médecin traitant" not in neighbour.html("medecin-traitant/")
    assert "Demander un médecin traitant" in site.html("medecin-traitant/")
    assert "medecin-traitant/demande/" in site.html("sitemap.xml")


def test_only_the_public_form_of_this_cpts(site, neighbour, search):
    intake = actions.Intake(form_key="x", channel="resident", commune=None, phone="0639984301")
    for target, pk in (("public_site", neighbour.cpts.pk), ("doctor_request:1", site.cpts.pk)):
        with inside(site.cpts), pytest.raises(NotAllowed):
            actions.ask_for_doctor(
                by=LinkActor(cpts_id=pk, target=target), cpts=site.cpts, intake=intake
            )
