"""Pages of the structures: found, read, kept by the coordinator, and never a neighbour's."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone
from django_scopes import scopes_disabled

from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.directory import actions
from maillage.directory.models import (
    CptsStructure,
    Structure,
    StructureContact,
    StructureKind,
    StructureMember,
)
from people import make_commune, make_cpts, make_seat, make_user, mark_demo, sign_in

pytestmark = pytest.mark.django_db
PHONE = "0353019900"


@pytest.fixture(autouse=True)
def _unscoped():
    """Builders work in both CPTSs; the pages open their own scope."""
    with scopes_disabled():
        yield


def at(name, cpts, pk=None):
    kwargs = {"cpts": cpts.slug} | ({"pk": pk} if pk else {})
    return reverse(f"directory:{name}", kwargs=kwargs)


@pytest.fixture
def cpts():
    return make_cpts(communes=[make_commune()])


def make_structure(number=1, **about):
    kind, _ = StructureKind.objects.get_or_create(code="355", defaults={"label": "Hôpital"})
    name = about.pop("name", f"Hôpital fictif {number}")
    return Structure.objects.create(
        finess=f"7199{number:05}",
        name=name,
        search_key=name.lower(),
        kind=kind,
        commune=make_commune(),
        source="essai",
        vintage=dt.date(2026, 1, 8),
        **about,
    )


def listed(cpts, number=1, **about):
    return actions.add_structure(by=SYSTEM, cpts=cpts, structure=make_structure(number, **about))


@pytest.fixture
def record(cpts):
    return listed(cpts)


@pytest.fixture
def contact(record):
    return actions.add_contact(by=SYSTEM, record=record, service="Urgences", phone=PHONE)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.READER}), ids=str)
def test_everybody_inside_reads_and_only_the_coordinator_is_offered_to_change(
    client, cpts, record, contact, role
):
    sign_in(client, cpts, role)
    text = client.get(at("structures", cpts)).text
    assert "Hôpital fictif 1" in text and "Urgences" in text
    sheet = client.get(at("structure", cpts, record.pk)).text
    assert "03\u00a053\u00a001\u00a099\u00a000" in sheet and "719900001" in sheet
    is_coordinator = role == Role.COORDINATOR
    assert ("Noter un contact" in sheet) is is_coordinator
    assert (at("contact_end", cpts, contact.pk) in sheet) is is_coordinator
    assert (at("structure_add", cpts) in text) is is_coordinator


def test_the_reader_of_the_cpam_reads_nothing(client, cpts, record):
    sign_in(client, cpts, Role.READER)
    assert client.get(at("structures", cpts)).status_code == 403
    assert client.get(at("structure", cpts, record.pk)).status_code == 404


def test_the_directory_leads_to_the_structures(client, cpts):
    sign_in(client, cpts, Role.DISPATCHER)
    page = reverse("directory:list", kwargs={"cpts": cpts.slug})
    assert at("structures", cpts) in client.get(page).text
    assert "vide" in client.get(at("structures", cpts)).text


def test_the_list_is_searched_on_the_page(client, cpts, record):
    listed(cpts, 2, name="EHPAD des Tilleuls")
    sign_in(client, cpts, Role.DISPATCHER)
    text = client.get(at("structures", cpts), {"q": "tilleuls"}).text
    assert "Tilleuls" in text and "Hôpital fictif" not in text
    assert "Aucune structure" in client.get(at("structures", cpts), {"q": "zzz"}).text
    filtered = client.get(at("structures", cpts), {"kind": "355", "commune": "71137"}).text
    assert "Tilleuls" in filtered
    assert client.get(at("structures", cpts), {"kind": "inconnue"}).status_code == 200


def test_the_coordinator_adds_one_from_the_national_list(client, cpts):
    make_structure(7, name="Maison de santé fictive")
    sign_in(client, cpts, Role.COORDINATOR)
    page = at("structure_add", cpts)
    assert "Maison de santé fictive" in client.get(page).text
    assert "Rien" not in client.get(page, {"q": "maison"}).text
    answer = client.post(page, {"structure": "719900007"})
    record = CptsStructure.objects.get()
    assert answer.status_code == 302 and answer.url == at("structure", cpts, record.pk)
    client.get(page)  # what was just done is told once
    assert "Maison de santé fictive" not in client.get(page).text
    assert client.post(page, {"structure": "719900007"}).status_code == 409
    assert client.post(page, {"structure": "000000000"}).status_code == 409
    assert client.post(page, {}).status_code == 409


def test_the_coordinator_keeps_contacts(client, cpts, record):
    sign_in(client, cpts, Role.COORDINATOR)
    sheet, add = at("structure", cpts, record.pk), at("contact_add", cpts, record.pk)
    today = timezone.localdate()
    words = {"service": "Sorties d'hospitalisation", "phone": "03 53 01 99 00", "from_on": today}
    assert client.post(add, words | {"phone": "", "email": ""}).status_code == 422
    refused = client.post(add, words | {"phone": "12"})
    assert refused.status_code == 422 and "pas un numéro" in refused.text
    assert client.post(add, words).status_code == 302
    contact = StructureContact.objects.get()
    text = client.get(sheet).text
    assert "Sorties d&#39;hospitalisation" in text and ">jamais<" in text
    assert client.post(at("contact_check", cpts, contact.pk)).status_code == 302
    assert ">jamais<" not in client.get(sheet).text
    change = at("contact_change", cpts, contact.pk)
    assert 'value="0353019900"' in client.get(change).text
    same = {"service": contact.service, "phone": contact.phone, "email": ""}
    assert client.post(change, same).status_code == 422
    assert client.post(change, same | {"phone": "0353019911"}).status_code == 302
    text = client.get(sheet).text
    assert "Anciens contacts" in text and "99\u00a011" in text
    new = StructureContact.objects.get(until_on=None)
    assert client.post(at("contact_end", cpts, new.pk)).status_code == 302
    assert client.post(at("contact_end", cpts, new.pk)).status_code == 409
    assert "Aucun contact noté" in client.get(sheet).text


def test_the_coordinator_keeps_the_note_and_the_list(client, cpts, record):
    sign_in(client, cpts, Role.COORDINATOR)
    sheet = at("structure", cpts, record.pk)
    note = at("structure_note", cpts, record.pk)
    assert client.post(note, {"note": "Par la cour", "version": 1}).url == sheet
    assert "Par la cour" in client.get(sheet).text
    late = client.post(note, {"note": "Par le parc", "version": 1})
    assert late.status_code == 422 and "Un collègue a modifié cette fiche" in late.text
    assert "Par le parc</textarea>" in late.text
    long = client.post(note, {"note": "x" * 2001})
    assert long.status_code == 422
    assert client.post(at("structure_remove", cpts, record.pk)).status_code == 302
    text = client.get(sheet).text
    assert "Sortie de la liste" in text and "Noter un contact" not in text
    assert client.post(at("structure_remove", cpts, record.pk)).status_code == 409
    assert client.post(at("structure_return", cpts, record.pk)).url == sheet
    assert "Noter un contact" in client.get(sheet).text


def test_the_coordinator_says_who_works_there_and_they_read_it(client, cpts, record):
    seat = make_seat(cpts, Role.BUREAU, make_user(given_name="Zoé", family_name="Fictive"))
    stranger = make_seat(make_cpts("autre"), Role.BUREAU)
    sign_in(client, cpts, Role.COORDINATOR)
    add = at("member_add", cpts, record.pk)
    words = {"function": "Cadre de santé", "from_on": timezone.localdate()}
    assert client.post(add, words | {"seat": stranger.pk}).status_code == 422
    assert client.post(add, words | {"seat": seat.pk}).status_code == 302
    member = StructureMember.objects.get()
    text = client.get(at("structure", cpts, record.pk)).text
    assert "Zoé Fictive" in text and "Cadre de santé" in text
    client.force_login(seat.user)
    assert "Hôpital fictif 1" in client.get(reverse("home:seats")).text
    assert "Hôpital fictif 1" in client.get(reverse("home:cpts", args=[cpts.slug])).text
    assert client.post(at("member_end", cpts, member.pk)).status_code == 403
    sign_in(client, cpts, Role.COORDINATOR)
    assert client.post(at("member_end", cpts, member.pk)).status_code == 302
    assert client.post(at("member_end", cpts, member.pk)).status_code == 409
    client.force_login(seat.user)
    assert "Hôpital fictif 1" not in client.get(reverse("home:seats")).text


def test_a_neighbour_s_ids_answer_like_nothing(client, cpts, record, contact):
    seat = make_seat(cpts, Role.BUREAU)
    member = actions.add_member(by=SYSTEM, record=record, seat=seat)
    other = make_cpts("autre")
    sign_in(client, other, Role.COORDINATOR)
    of = {
        "structure": record.pk,
        "structure_note": record.pk,
        "structure_remove": record.pk,
        "structure_return": record.pk,
        "contact_add": record.pk,
        "member_add": record.pk,
        "contact_change": contact.pk,
        "contact_check": contact.pk,
        "contact_end": contact.pk,
        "member_end": member.pk,
    }
    for name, pk in of.items():
        ask = client.get if name == "structure" else client.post
        assert ask(at(name, other, pk)).status_code == 404, name
        assert ask(at(name, other, 987654)).status_code == 404, name
        assert ask(at(name, cpts, pk)).status_code == 404, name
    assert "Hôpital" not in client.get(at("structures", other)).text
    record.refresh_from_db()
    assert record.until_on is None and StructureContact.objects.get().until_on is None


def test_the_fragments_are_served_to_htmx(client, cpts, record):
    sign_in(client, cpts, Role.COORDINATOR)
    for page in (at("structures", cpts), at("structure", cpts, record.pk)):
        answer = client.get(page, headers={"HX-Request": "true"})
        assert answer.status_code == 200 and "<html" not in answer.text


def test_the_pages_cost_the_same_for_many(client, cpts, record, django_assert_num_queries):
    mark_demo()
    sign_in(client, cpts, Role.COORDINATOR)
    listing, sheet = at("structures", cpts), at("structure", cpts, record.pk)
    for number in range(2, 40):
        each = listed(cpts, number)
        actions.add_contact(by=SYSTEM, record=each, service="Accueil", phone=PHONE)
        actions.add_contact(by=SYSTEM, record=record, service=f"Service {number}", phone=PHONE)
        actions.add_member(by=SYSTEM, record=record, seat=make_seat(cpts, Role.BUREAU))
    make_structure(99)
    client.get(listing)
    with django_assert_num_queries(4 + 5):  # who; kinds, communes, count, page, contacts
        client.get(listing)
    with django_assert_num_queries(4 + 6):  # who; record, sheet, contacts, people, active, to add
        client.get(sheet)
    with django_assert_num_queries(4 + 3):  # who; communes, count, page
        client.get(at("structure_add", cpts))
