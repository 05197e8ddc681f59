"""Rights of persons: found by whole keys, told whole, handed over, erased; every reading is told."""

import json

import pytest
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from factories import MONDAY, make_case, make_desk
from maillage.accounts.enums import NoticeState, Role
from maillage.accounts.models import Notice
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from maillage.kernel.retention import RetentionClass as Of
from maillage.kernel.retention import declared
from maillage.residents.actions import LostUpdate, change_resident, record_resident
from maillage.residents.models import Resident
from maillage.rights import actions, queries
from maillage.rights.enums import COLUMNS, TITLES
from maillage.rights.queries import held
from maillage.snp.models import CareRequest
from people import actor_as, link, make_professional, make_seat, make_user, mark_demo, sign_in

pytestmark = pytest.mark.django_db
PHONE = "06 39 98 01 01"
ABOUT_A_PERSON = (Of.RESIDENT, Of.CARE_REQUEST, Of.CONSENT, Of.NOTICE, Of.SEAT, Of.TOKEN)


@pytest.fixture(autouse=True)
def monday(monkeypatch):
    """The desk is open."""
    monkeypatch.setattr(timezone, "now", lambda: MONDAY)


@pytest.fixture
def cpts():
    with scopes_disabled():
        return make_desk()


@pytest.fixture
def desk(cpts):
    return actor_as(cpts, Role.DISPATCHER)


@pytest.fixture
def person(cpts, desk):
    with scope(cpts=cpts):
        return record_resident(
            by=desk, cpts=cpts, family_name="Fictive", given_name="Zélie", phone=PHONE
        )


@pytest.fixture
def officer(client, cpts):
    return sign_in(client, cpts, Role.DATA_PROTECTION_OFFICER)


def go(name, cpts, **more):
    return reverse(f"rights:{name}", kwargs={"cpts": cpts.slug} | more)


def reads(action):
    return [
        (line.residents, line.purpose)
        for line in JournalLine.objects.filter(kind="read", action=action)
    ]


def in_english():
    """Tables and columns of what is told of a person that no word of ours names."""
    tables = [model for model, _ in declared(*ABOUT_A_PERSON)]
    unnamed = [each._meta.label for each in tables if each._meta.label not in TITLES]
    for model in tables:
        for field in model._meta.concrete_fields:
            left = str(field.verbose_name) == field.name.replace("_", " ")
            told = field.name not in {*held.NEVER_TOLD, "cpts"} and not field.name.endswith("_key")
            if told and left and str(field.verbose_name) not in COLUMNS:
                unnamed.append(f"{model._meta.label}.{field.name}")
    return unnamed


def test_what_is_told_is_told_in_french(monkeypatch):
    assert in_english() == []
    monkeypatch.delitem(TITLES, "residents.SharingAgreement")
    monkeypatch.delitem(COLUMNS, "withdrawn by")
    assert in_english() == [
        "residents.SharingAgreement",
        "residents.SharingAgreement.withdrawn_by",
    ]


def test_the_officer_finds_a_person_by_a_whole_key(client, cpts, person, officer):
    here = go("search", cpts)
    assert "Zélie" not in client.get(here).content.decode()
    page = client.post(here, {"phone": PHONE})
    assert "Zélie Fictive" in page.content.decode()
    assert reads("rights.search") == [([person.pk], "droits de la personne")]
    assert client.post(here, {"family_name": "Fictive"}).status_code == 422
    assert "Personne à ce numéro" in client.post(here, {"phone": "0639980999"}).content.decode()


def test_what_is_held_is_shown_and_handed_over(client, cpts, desk, person, officer):
    with scope(cpts=cpts):
        make_case(desk, "cancelled", phone=PHONE, resident=person, note="tousse")
    page = client.get(go("held", cpts, pk=person.pk)).content.decode()
    for word in ("Fictive", "tousse", "Histoire des demandes", "Qui a regardé"):
        assert word in page
    handed = client.get(go("held_file", cpts, pk=person.pk))
    assert handed["Content-Disposition"].startswith("attachment")
    answer = json.loads(handed.content)
    tables = {each["table"]: each["lignes"] for each in answer["tables"]}
    assert tables["residents.Resident"][0]["nom"] == "Fictive"
    assert tables["snp.CareRequest"][0]["précision"] == "tousse"
    assert str(desk.seat.user) not in handed.content.decode()
    assert (
        reads("rights.held") == reads("rights.export") == [([person.pk], "droits de la personne")]
    )


def test_a_link_that_acts_is_never_handed_over(client, cpts, desk, person, officer):
    with scope(cpts=cpts):
        make_case(desk, "proposed", phone=PHONE, resident=person)
    assert any("/r/" in each.body for each in Notice.objects.all())
    answer = client.get(go("held_file", cpts, pk=person.pk)).content.decode()
    assert "/r/" not in answer and "[lien]" in answer


def test_the_page_costs_the_same_however_long_the_story(
    client, cpts, desk, person, officer, django_assert_max_num_queries
):
    with scope(cpts=cpts):
        for _ in range(3):
            make_case(desk, "cancelled", phone=PHONE, resident=person)
    with django_assert_max_num_queries(90):
        client.get(go("held", cpts, pk=person.pk))


def test_an_erased_person_is_nowhere(client, cpts, desk, person, officer):
    with scope(cpts=cpts):
        make_case(desk, "cancelled", phone=PHONE, resident=person)
    form = {"reason": "opposed", "is_sure": "on"}
    assert client.post(go("erase", cpts, pk=person.pk), form).status_code == 302
    assert client.get(go("held", cpts, pk=person.pk)).status_code == 404
    assert (
        "Personne à ce numéro" in client.post(go("search", cpts), {"phone": PHONE}).content.decode()
    )
    line = JournalLine.objects.get(action="rights.erased")
    assert (line.data["reason"], line.data["requests"]) == ("opposed", 1)
    with scope(cpts=cpts):
        assert str(Resident.objects.get(pk=person.pk)) == "habitant effacé"


def test_the_erasure_asks_why_and_says_what_is_still_open(client, cpts, desk, person, officer):
    here = go("erase", cpts, pk=person.pk)
    assert client.post(here, {"reason": "opposed"}).status_code == 422
    assert client.post(here, {"reason": "because", "is_sure": "on"}).status_code == 422
    with scope(cpts=cpts):
        case = make_case(desk, phone=PHONE, resident=person)
    said = client.post(here, {"reason": "opposed", "is_sure": "on"})
    assert said.status_code == 422 and f"n° {case.care_request.number}" in said.content.decode()
    assert Resident._base_manager.get(pk=person.pk).erased_at is None


def test_requests_without_a_record_are_chosen_by_hand(client, cpts, desk, person, officer):
    with scope(cpts=cpts):
        alone = make_case(desk, "cancelled", phone=PHONE, note="seule").care_request
    assert (
        "sans fiche, au même numéro" in client.get(go("held", cpts, pk=person.pk)).content.decode()
    )
    form = {"reason": "opposed", "is_sure": "on", "also": [alone.pk]}
    client.post(go("erase", cpts, pk=person.pk), form)
    assert CareRequest._base_manager.get(pk=alone.pk).note == ""


def test_a_message_that_waits_is_not_sent_empty(cpts, desk, person, officer):
    with scope(cpts=cpts):
        make_case(desk, "accepted", phone=PHONE, resident=person)
        over = {"status": "cancelled", "cancelled_by": "patient", "closed_at": MONDAY}
        CareRequest.objects.update(**over)
        about = queries.notices_about(queries.rows_about(Resident, [person.pk]))
        assert {each.state for each in about} == {NoticeState.WAITING}
        actions.erase_resident(by=officer, resident=person, reason="opposed")
        assert {(each.state, each.body) for each in about.all()} == {(NoticeState.FAILED, "")}


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.DATA_PROTECTION_OFFICER}))
def test_nobody_else_erases(cpts, person, role):
    with scope(cpts=cpts), pytest.raises(NotAllowed):
        actions.erase_resident(by=actor_as(cpts, role), resident=person, reason="opposed")


def test_a_form_opened_before_cannot_write_the_identity_again(cpts, desk, person, officer):
    version = person.version
    with scope(cpts=cpts):
        actions.erase_resident(by=officer, resident=person, reason="opposed")
        with pytest.raises(LostUpdate):
            change_resident(by=desk, resident=person, version=version, family_name="Fictive")


def test_durations_are_shown_and_decided(client, cpts, officer):
    here = go("durations", cpts)
    assert "proposé, à confirmer" in client.get(here).content.decode()
    form = {
        "what": "care_request:erase",
        "days": "60",
        "valid_from": "2026-11-01",
        "source": "délibération",
        "decided_by": "Dr Exemple",
    }
    assert client.post(here, form | {"days": "0"}).status_code == 422
    assert client.post(here, form).status_code == 302
    assert client.post(here, form).status_code == 422, "a second one the same day"
    assert "Dr Exemple" in client.get(here).content.decode()


def test_whoever_signs_in_takes_their_own_data_away(client, cpts):
    mark_demo(False)
    user = make_user("ada@cabinet.example", family_name="Lovelacet")
    make_seat(cpts, Role.PROFESSIONAL, user)
    doctor = make_professional(cpts)
    link(user, doctor)
    make_user("autre@cabinet.example", family_name="Quelquunautre")
    client.force_login(user)
    handed = client.get(reverse("rights:own")).content.decode()
    tables = {each["table"] for each in json.loads(handed)["tables"]}
    assert {"accounts.User", "accounts.Seat", "directory.Professional"} <= tables
    assert "Lovelacet" in handed and doctor.rpps in handed
    assert "password" not in handed and "Quelquunautre" not in handed


def test_no_column_of_a_file_hides_another():
    """A row is told by the names of its columns: two of the same name would be one."""
    for model, _ in declared():
        names = [held.column_name(field) for field in model._meta.concrete_fields]
        assert len(names) == len(set(names)), model._meta.label
