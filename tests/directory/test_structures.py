"""Structures as one CPTS knows them: its list, contacts by service and their history, its people."""

import datetime as dt

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django_scopes import scope, scopes_disabled
from django_scopes.exceptions import ScopeError

from maillage.accounts.enums import Role, SeatState
from maillage.accounts.rules import SYSTEM, SeatActor
from maillage.directory import actions, queries
from maillage.directory.models import (
    CptsStructure,
    Structure,
    StructureContact,
    StructureKind,
    StructureMember,
)
from maillage.kernel import pulse
from maillage.kernel.errors import LostUpdate, NotAllowed
from maillage.kernel.models import JournalLine
from people import actor_as, make_commune, make_cpts, make_seat

pytestmark = pytest.mark.django_db
PHONE = "0353019900"


def day(shift=0):
    return timezone.localdate() + dt.timedelta(days=shift)


def make_structure(finess="719900015", name="Hôpital fictif", **about) -> Structure:
    kind, _ = StructureKind.objects.get_or_create(code="355", defaults={"label": "Hôpital"})
    usual = {"kind": kind, "source": "essai", "vintage": dt.date(2026, 1, 8)}
    commune = about.pop("commune", None) or make_commune()
    return Structure.objects.create(
        finess=finess, name=name, commune=commune, search_key=name.lower(), **usual | about
    )


@pytest.fixture
def cpts():
    cpts = make_cpts(communes=[make_commune()])
    with scope(cpts=cpts):
        yield cpts


@pytest.fixture
def coordinator(cpts):
    return actor_as(cpts, Role.COORDINATOR)


@pytest.fixture
def record(cpts):
    return CptsStructure.objects.create(cpts=cpts, structure=make_structure(), since_on=day(-30))


def contact_of(record, **about) -> StructureContact:
    usual = {"service": "Urgences", "phone": PHONE, "from_on": day(-10)}
    return StructureContact.objects.create(cpts=record.cpts, record=record, **usual | about)


# What the tables hold


@pytest.mark.parametrize(
    "wrong",
    [
        {"finess": "71990001"},
        {"finess": "7199000Z5"},
        {"legal_finess": "12"},
        {"name": ""},
        {"source": ""},
        {"opened_on": dt.date(2020, 1, 2), "closed_on": dt.date(2020, 1, 1)},
    ],
    ids=str,
)
def test_a_structure_is_refused_by_the_table(wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_structure(**wrong)


def test_a_structure_is_once_in_a_list_its_dates_in_order(cpts, record):
    other = make_structure("719900023")
    for wrong in (
        {"structure": record.structure, "since_on": day()},
        {"structure": other, "since_on": day(), "until_on": day(-1)},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            CptsStructure.objects.create(cpts=cpts, **wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"service": ""}, {"phone": ""}, {"until_on": day(-11)}],
    ids=["no service", "nobody reached", "dates"],
)
def test_a_contact_is_refused_by_the_table(record, wrong):
    contact_of(record, phone="", email="urgences@hopital.example")
    with pytest.raises(IntegrityError), transaction.atomic():
        contact_of(record, **wrong)


def test_a_person_works_once_for_a_structure(cpts, record):
    about = {"cpts": cpts, "record": record, "seat": make_seat(cpts, Role.DISPATCHER)}
    with pytest.raises(IntegrityError), transaction.atomic():
        StructureMember.objects.create(**about, from_on=day(), until_on=day(-1))
    StructureMember.objects.create(**about, from_on=day(-9), until_on=day(-1))
    StructureMember.objects.create(**about, from_on=day())
    with pytest.raises(IntegrityError), transaction.atomic():
        StructureMember.objects.create(**about, from_on=day(1))


@pytest.mark.skipif(connection.vendor != "postgresql", reason="held by PostgreSQL")
def test_the_database_holds_the_tenant(cpts, record):
    other = make_cpts("autre")
    seat = make_seat(other, Role.DISPATCHER)
    check = "SET CONSTRAINTS ALL IMMEDIATE"
    for write in (
        lambda: StructureContact.objects.create(
            cpts=other, record=record, service="Accueil", phone=PHONE, from_on=day()
        ),
        lambda: StructureMember.objects.create(cpts=cpts, record=record, seat=seat, from_on=day()),
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), scopes_disabled():
            write()
            with connection.cursor() as cursor:
                cursor.execute(check)


def test_nothing_of_a_cpts_is_read_outside_its_scope(record):
    for model in (CptsStructure, StructureContact, StructureMember):
        with scope(cpts=make_cpts(f"autre-{model.__name__.lower()}")):
            assert not model.objects.exists()


def test_a_scope_is_needed():
    with pytest.raises(ScopeError):
        list(CptsStructure.objects.all())


# The list


def test_a_structure_comes_in_leaves_and_comes_back(cpts, coordinator):
    structure = make_structure()
    before = pulse.version(cpts.pk)
    record = actions.add_structure(by=coordinator, cpts=cpts, structure=structure)
    assert list(queries.structures_of(cpts)) == [record] and pulse.version(cpts.pk) > before
    with pytest.raises(actions.StructureRefused):
        actions.add_structure(by=coordinator, cpts=cpts, structure=structure)
    contact = actions.add_contact(by=coordinator, record=record, service="Accueil", phone=PHONE)
    actions.remove_structure(by=coordinator, record=record)
    assert not queries.structures_of(cpts)
    with pytest.raises(actions.StructureRefused):
        actions.remove_structure(by=coordinator, record=record)
    back = actions.add_structure(by=coordinator, cpts=cpts, structure=structure)
    assert back.pk == record.pk and list(back.contacts.all()) == [contact]
    codes = JournalLine.objects.order_by("pk").values_list("action", flat=True)
    assert list(codes) == [
        "directory.structure_added",
        "directory.contact_added",
        "directory.structure_removed",
        "directory.structure_added",
    ]


def test_a_closed_structure_does_not_come_in(cpts, coordinator):
    structure = make_structure(closed_on=day())
    with pytest.raises(actions.StructureRefused):
        actions.add_structure(by=coordinator, cpts=cpts, structure=structure)


def test_the_note_is_limited(record, coordinator):
    actions.note_structure(by=coordinator, record=record, note=" Entrée par la cour. ", version=1)
    record.refresh_from_db()
    assert record.note == "Entrée par la cour."
    with pytest.raises(actions.StructureRefused):
        actions.note_structure(by=coordinator, record=record, note="x" * 2001, version=2)
    with pytest.raises(LostUpdate) as told:
        actions.note_structure(by=coordinator, record=record, note="", version=1)
    assert told.value.differences == [("Note de la CPTS", "Entrée par la cour.", "vide")]


def acts(record, contact, member, seat):
    """Every verb about structures, as its caller would."""
    return [
        lambda by: actions.add_structure(by=by, cpts=record.cpts, structure=record.structure),
        lambda by: actions.remove_structure(by=by, record=record),
        lambda by: actions.note_structure(by=by, record=record, note="non", version=1),
        lambda by: actions.add_contact(by=by, record=record, service="Accueil", phone=PHONE),
        lambda by: actions.change_contact(by=by, contact=contact, service="Accueil", phone=PHONE),
        lambda by: actions.check_contact(by=by, contact=contact),
        lambda by: actions.end_contact(by=by, contact=contact),
        lambda by: actions.add_member(by=by, record=record, seat=seat),
        lambda by: actions.end_member(by=by, member=member),
    ]


@pytest.mark.parametrize("who", [*sorted(set(Role) - {Role.COORDINATOR}), "neighbour"], ids=str)
def test_only_its_own_coordinator_changes_anything(cpts, record, who):
    seat = make_seat(cpts, Role.SECRETARY)
    member = StructureMember.objects.create(cpts=cpts, record=record, seat=seat, from_on=day())
    contact = contact_of(record)
    is_neighbour = who == "neighbour"
    by = actor_as(make_cpts("voisine") if is_neighbour else cpts, Role.COORDINATOR)
    if not is_neighbour:
        by = actor_as(cpts, who)
    for act in acts(record, contact, member, seat):
        with pytest.raises(NotAllowed):
            act(by)
    assert not JournalLine.objects.exists()
    assert StructureContact.objects.get().checked_on is None


# Contacts


def test_a_contact_is_kept_checked_changed_and_ended(record, coordinator):
    contact = actions.add_contact(
        by=coordinator, record=record, service=" Urgences ", phone="03 53 01 99 00"
    )
    assert (contact.service, contact.phone, contact.from_on) == ("Urgences", PHONE, day())
    assert actions.check_contact(by=coordinator, contact=contact).checked_on == day()
    StructureContact.objects.update(from_on=day(-5))
    changed = actions.change_contact(
        by=coordinator, contact=contact, service="Urgences", phone="0353019911"
    )
    contact.refresh_from_db()
    assert (contact.phone, contact.until_on) == (PHONE, day())
    assert (changed.from_on, changed.until_on, changed.checked_on) == (day(), None, day())
    sheet = queries.structure_sheet(record, day())
    assert (sheet.contacts, sheet.former) == ([changed], [contact])
    assert queries.structure_sheet(record, day(-1)).contacts == [contact]
    actions.end_contact(by=coordinator, contact=changed)
    assert queries.structure_sheet(record, day()).contacts == []
    for act in (actions.end_contact, actions.check_contact):
        with pytest.raises(actions.ContactRefused):
            act(by=coordinator, contact=changed)
    with pytest.raises(actions.ContactRefused):
        actions.change_contact(by=coordinator, contact=contact, service="X", phone=PHONE)


@pytest.mark.parametrize(
    "words",
    [
        {"service": " ", "phone": PHONE},
        {"service": "x" * 81, "phone": PHONE},
        {"service": "Accueil"},
        {"service": "Accueil", "phone": "03 53"},
        {"service": "Accueil", "email": "accueil"},
        {"service": "Accueil", "phone": PHONE, "until_on": day()},
        {"service": "Urgences", "phone": "+33 3 53 01 99 00"},
    ],
    ids=["blank", "long", "nothing", "phone", "mail", "dates", "again"],
)
def test_a_contact_that_cannot_be_kept(record, coordinator, words):
    contact_of(record)
    with pytest.raises(actions.ContactRefused):
        actions.add_contact(by=coordinator, record=record, **words)
    assert StructureContact.objects.count() == 1


def test_a_change_that_changes_nothing_is_refused(record, coordinator):
    contact = contact_of(record)
    with pytest.raises(actions.ContactRefused):
        actions.change_contact(
            by=coordinator, contact=contact, service="Urgences", phone="03.53.01.99.00"
        )
    contact.refresh_from_db()
    assert contact.until_on is None


def test_a_contact_to_come_is_not_shown_as_in_force(cpts, record, coordinator):
    later = actions.add_contact(
        by=coordinator, record=record, service="Accueil", phone=PHONE, from_on=day(3)
    )
    sheet = queries.structure_sheet(record, day())
    assert (sheet.contacts, sheet.later, sheet.former) == ([], [later], [])
    assert queries.structures_of(cpts)[0].contacts_now == []
    assert queries.structure_sheet(record, day(3)).contacts == [later]


def test_nothing_is_added_to_a_structure_that_left(cpts, record, coordinator):
    actions.remove_structure(by=coordinator, record=record)
    with pytest.raises(actions.StructureRefused):
        actions.add_contact(by=coordinator, record=record, service="Accueil", phone=PHONE)
    with pytest.raises(actions.StructureRefused):
        actions.add_member(by=coordinator, record=record, seat=make_seat(cpts, Role.READER))


# People


def test_a_seat_works_for_a_structure(cpts, record, coordinator):
    seat = make_seat(cpts, Role.DISPATCHER)
    member = actions.add_member(
        by=coordinator, record=record, seat=seat, function=" Cadre des urgences "
    )
    assert member.function == "Cadre des urgences"
    assert queries.structure_sheet(record, day()).members == [member]
    assert seat not in queries.seats_to_add(record, day())
    assert queries.structures_of_seats([seat], day()) == {seat.pk: ["Hôpital fictif"]}
    with pytest.raises(actions.MemberRefused):
        actions.add_member(by=coordinator, record=record, seat=seat)
    actions.end_member(by=coordinator, member=member)
    sheet = queries.structure_sheet(record, day())
    assert (sheet.members, len(sheet.former_members)) == ([], 1)
    assert queries.structures_of_seats([seat], day()) == {}
    with pytest.raises(actions.MemberRefused):
        actions.end_member(by=coordinator, member=member)
    assert actions.add_member(by=coordinator, record=record, seat=seat)


def test_only_an_active_seat_of_the_cpts_works_there(cpts, record, coordinator):
    for seat in (
        make_seat(make_cpts("autre"), Role.DISPATCHER),
        make_seat(cpts, Role.DISPATCHER, state=SeatState.INVITED),
        make_seat(cpts, Role.DISPATCHER, ends_on=day(-1)),
    ):
        with pytest.raises(actions.MemberRefused):
            actions.add_member(by=coordinator, record=record, seat=seat)
        assert seat not in queries.seats_to_add(record, day())


def test_a_seat_that_gives_no_right_any_more_is_not_shown_as_working(cpts, record, coordinator):
    seat = make_seat(cpts, Role.DISPATCHER)
    actions.add_member(by=coordinator, record=record, seat=seat)
    seat.state = SeatState.SUSPENDED
    seat.save()
    assert queries.structure_sheet(record, day()).members == []


# Searching


@pytest.fixture
def listed(cpts):
    far = make_commune("71306", "Montceau-les-Mines")
    home, _ = StructureKind.objects.get_or_create(code="500", defaults={"label": "EHPAD"})
    about = {
        "hopital": make_structure("719900015", "Centre hospitalier fictif"),
        "ehpad": make_structure("719900023", "EHPAD Les Tilleuls", kind=home, commune=far),
        "autre": make_structure("719900031", "Clinique imaginaire", commune=far),
    }
    for name in ("hopital", "ehpad"):
        actions.add_structure(by=SYSTEM, cpts=cpts, structure=about[name])
    return about


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["719900015", "719900023"]),
        ({"text": "tilleuls"}, ["719900023"]),
        ({"text": "Fictif HOSPITALIER"}, ["719900015"]),
        ({"text": "7199 00023"}, ["719900023"]),
        ({"text": "clinique"}, []),
        ({"kind": "500"}, ["719900023"]),
        ({"commune": "71137"}, ["719900015"]),
        ({"kind": "500", "commune": "71137"}, []),
    ],
    ids=str,
)
def test_the_list_is_searched(cpts, listed, asked, found):
    assert [each.structure_id for each in queries.structures_of(cpts, **asked)] == found


def test_the_filters_offer_what_the_list_holds(cpts, listed):
    assert {each.pk for each in queries.structure_kinds_of(cpts)} == {"355", "500"}
    assert {each.pk for each in queries.structure_communes_of(cpts)} == {"71137", "71306"}


def test_what_may_be_added_is_the_rest_of_the_national_list(cpts, listed):
    """Without a word, the perimeter (Cluny alone); with one, the whole country."""
    assert not queries.addable_structures(cpts)
    near = make_structure("719900049", "Maison de santé fictive")
    make_structure("719900056", "Hôpital fermé", closed_on=day(-1))
    assert list(queries.addable_structures(cpts)) == [near]
    assert list(queries.addable_structures(cpts, "clinique")) == [listed["autre"]]
    assert list(queries.addable_structures(cpts, commune="71306")) == [listed["autre"]]
    assert not queries.addable_structures(cpts, "tilleuls")


def test_a_neighbour_s_list_is_its_own(cpts, listed):
    other = make_cpts("autre")
    with scope(cpts=other):
        record = actions.add_structure(by=SYSTEM, cpts=other, structure=listed["autre"])
    by = SeatActor(make_seat(other, Role.COORDINATOR))
    assert listed["autre"].pk not in {each.structure_id for each in queries.structures_of(cpts)}
    assert not CptsStructure.objects.visible_to(by).exists()
    with scope(cpts=other):
        assert list(CptsStructure.objects.visible_to(by)) == [record]
        assert not CptsStructure.objects.visible_to(actor_as(cpts, Role.COORDINATOR)).exists()
        assert not CptsStructure.objects.visible_to(actor_as(other, Role.READER)).exists()
