"""National records, what a CPTS knows of them, account links and delegations."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_scopes import scope
from django_scopes.exceptions import ScopeError

from maillage.accounts.enums import Role, SeatState
from maillage.accounts.rules import SYSTEM, LinkActor, SeatActor
from maillage.directory import actions, queries
from maillage.directory.enums import PlaceRow, Profession
from maillage.directory.models import (
    CptsProfessional,
    Delegation,
    Place,
    Professional,
    ProfessionalAccount,
    ProfessionalLanguage,
)
from maillage.kernel import pulse
from maillage.kernel.errors import LostUpdate, NotAllowed
from maillage.kernel.identifiers import is_rpps
from maillage.kernel.models import JournalLine
from people import (
    LONG_AGO,
    actor_as,
    fake_rpps,
    link,
    make_commune,
    make_cpts,
    make_professional,
    make_seat,
    make_user,
    mark_demo,
    professional_row,
)

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate


@pytest.fixture
def cpts():
    return make_cpts(communes=[make_commune()])


@pytest.fixture
def coordinator(cpts):
    return actor_as(cpts, Role.COORDINATOR)


@pytest.fixture
def doctor(cpts):
    return make_professional(cpts)


# National records


def test_a_record_is_written_whole(cpts):
    make_commune()
    make_commune("71193", "Écuisses")
    row = professional_row(
        7,
        family_name="Müller",
        phone="03 53 01 00 07",
        languages=("de", "de", "lsf"),
        places=(PlaceRow("71137"), PlaceRow("71193", name="Maison de santé", phone="0353010008")),
    )
    record = actions.record_professional(by=SYSTEM, row=row)
    assert record.phone == "0353010007"
    assert [each.language for each in record.languages.order_by("language")] == ["de", "lsf"]
    assert [(p.commune_id, p.is_main) for p in record.places.all()] == [
        ("71137", True),
        ("71193", False),
    ]
    for word in ("muller", "medecin generaliste", "0353010007", "0353010008", "cluny", "ecuisses"):
        assert word in record.search_key
    assert record.rpps in record.search_key


def test_an_import_replays_to_no_change_and_brings_up_to_date():
    make_commune()
    make_commune("71193", "Écuisses")
    rows = [professional_row(number) for number in range(1, 31)]
    first = actions.record_professionals(by=SYSTEM, rows=rows)

    def state():
        return (
            list(Professional.objects.order_by("pk").values()),
            list(Place.objects.order_by("pk").values()),
        )

    before = state()
    again = actions.record_professionals(by=SYSTEM, rows=rows)
    assert [each.pk for each in again] == [each.pk for each in first]
    assert state() == before
    moved = professional_row(1, places=(PlaceRow("71193"),))
    actions.record_professionals(by=SYSTEM, rows=[moved])
    places = Place.objects.filter(professional=first[0])
    assert places.get(is_main=True).commune_id == "71193"
    assert places.get(commune="71137").closed_on == TODAY()
    first[0].refresh_from_db()
    assert "ecuisses" in first[0].search_key and "cluny" not in first[0].search_key
    back = professional_row(1)
    actions.record_professionals(by=SYSTEM, rows=[back])
    assert places.get(commune="71137").closed_on is None
    assert places.count() == 2


def test_the_last_row_of_a_number_wins():
    make_commune()
    rows = [professional_row(3, family_name="Avant"), professional_row(3, family_name="Après")]
    (record,) = actions.record_professionals(by=SYSTEM, rows=rows)
    assert record.family_name == "Après" and Professional.objects.count() == 1


def test_a_wrong_key_is_kept_and_said(doctor):
    assert not is_rpps(doctor.rpps) and not doctor.rpps_key_is_right
    right = actions.record_professional(by=SYSTEM, row=professional_row(rpps="10000000008"))
    assert right.rpps_key_is_right == is_rpps("10000000008")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"rpps": "123"}, "11 chiffres"),
        ({"rpps": "1234567890a"}, "11 chiffres"),
        ({"rpps": "１２３４５６７８９０１"}, "11 chiffres"),
        ({"family_name": " "}, "nom"),
        ({"profession": "99"}, "profession"),
        ({"speciality": "SM99"}, "spécialité"),
        ({"profession": Profession.NURSE}, "spécialité"),
        ({"age_from": 20, "age_to": 10}, "âges"),
        ({"age_from": -1}, "âges"),
        ({"languages": ("xx",)}, "langues"),
        ({"phone": "12"}, "téléphone"),
        ({"places": (PlaceRow("99999"),)}, "commune"),
        ({"places": (PlaceRow("71137", finess="1"),)}, "FINESS"),
    ],
)
def test_what_a_record_refuses(wrong, sentence):
    make_commune()
    row = professional_row(5, **wrong)
    with pytest.raises(actions.BadProfessional, match=sentence):
        actions.record_professional(by=SYSTEM, row=row)
    assert not Professional.objects.exists()


def test_a_batch_with_one_bad_row_writes_nothing():
    make_commune()
    rows = [professional_row(1), professional_row(2, phone="12")]
    with pytest.raises(actions.BadProfessional):
        actions.record_professionals(by=SYSTEM, rows=rows)
    assert not Professional.objects.exists()


def test_a_coordinator_adds_a_missing_record_but_changes_none(coordinator, doctor):
    new = actions.record_professional(by=coordinator, row=professional_row(900))
    assert new.pk
    with pytest.raises(NotAllowed, match="déjà connu"):
        actions.record_professional(
            by=coordinator, row=professional_row(rpps=doctor.rpps, family_name="Autre")
        )
    with pytest.raises(NotAllowed):
        actions.set_places(by=coordinator, professional=doctor, places=[PlaceRow("71137")])
    doctor.refresh_from_db()
    assert doctor.family_name != "Autre"


@pytest.mark.parametrize("role", [r for r in Role if r != Role.COORDINATOR])
def test_the_other_roles_write_nothing_in_the_directory(cpts, doctor, role):
    actor = actor_as(cpts, role)
    with scope(cpts=cpts):
        for act in (
            lambda: actions.record_professional(by=actor, row=professional_row(901)),
            lambda: actions.add_to_cpts(by=actor, cpts=cpts, professional=doctor),
            lambda: actions.remove_from_cpts(by=actor, cpts=cpts, professional=doctor),
            lambda: actions.note_professional(
                by=actor, cpts=cpts, professional=doctor, note="x", version=1
            ),
        ):
            with pytest.raises(NotAllowed):
                act()


def test_a_changed_record_moves_every_desk_that_shows_it(cpts, doctor):
    other, far = make_cpts("autre"), make_cpts("loin")
    with scope(cpts=other):
        actions.add_to_cpts(by=SYSTEM, cpts=other, professional=doctor)
    before = [pulse.version(each.pk) for each in (cpts, other, far)]
    actions.set_places(by=SYSTEM, professional=doctor, places=[PlaceRow("71137", name="Annexe")])
    after = [pulse.version(each.pk) for each in (cpts, other, far)]
    assert [b > a for a, b in zip(before, after, strict=True)] == [True, True, False]
    doctor.refresh_from_db()
    assert "annexe" in doctor.search_key


# What a CPTS knows


def test_in_and_out_of_the_directory_of_a_cpts(cpts, coordinator):
    doctor = make_professional()
    with scope(cpts=cpts):
        record = actions.add_to_cpts(by=coordinator, cpts=cpts, professional=doctor)
        assert record.joined_on == TODAY()
        with pytest.raises(actions.RecordRefused):
            actions.add_to_cpts(by=coordinator, cpts=cpts, professional=doctor)
        assert list(Professional.objects.in_cpts(cpts, TODAY())) == [doctor]
        actions.remove_from_cpts(by=coordinator, cpts=cpts, professional=doctor)
        assert not Professional.objects.in_cpts(cpts, TODAY()).exists()
        with pytest.raises(actions.RecordRefused):
            actions.remove_from_cpts(by=coordinator, cpts=cpts, professional=doctor)
        again = actions.add_to_cpts(by=coordinator, cpts=cpts, professional=doctor)
        assert (again.pk, again.left_on) == (record.pk, None)
    acts = JournalLine.objects.filter(cpts_id=cpts.pk).order_by("pk")
    assert [line.action for line in acts] == [
        "directory.added",
        "directory.removed",
        "directory.added",
    ]


def test_many_are_added_in_a_few_queries(cpts, django_assert_max_num_queries):
    make_commune()
    rows = [professional_row(number) for number in range(1, 201)]
    with django_assert_max_num_queries(50):
        people = actions.record_professionals(by=SYSTEM, rows=rows)
        with scope(cpts=cpts):
            assert actions.add_many_to_cpts(by=SYSTEM, cpts=cpts, professionals=people) == 200
    with scope(cpts=cpts):
        assert actions.add_many_to_cpts(by=SYSTEM, cpts=cpts, professionals=people) == 0


def test_a_note_belongs_to_its_cpts(cpts, coordinator, doctor):
    other = make_cpts("autre")
    with scope(cpts=other):
        actions.add_to_cpts(by=SYSTEM, cpts=other, professional=doctor)
    with scope(cpts=cpts):
        said = {"by": coordinator, "cpts": cpts, "professional": doctor, "version": 1}
        actions.note_professional(**said, note=" Le soir ")
        with pytest.raises(actions.RecordRefused):
            actions.note_professional(**said, note="x" * 2001)
        with pytest.raises(NotAllowed):
            actions.note_professional(**said | {"cpts": other}, note="x")
        assert queries.record_of(cpts, doctor).note == "Le soir"
    with scope(cpts=other):
        assert queries.record_of(other, doctor).note == ""
        assert queries.record_of(cpts, doctor) is None
    assert "soir" not in str(list(JournalLine.objects.values()))


def test_two_notes_at_once_lose_neither(cpts, coordinator, doctor):
    said = {"by": coordinator, "cpts": cpts, "professional": doctor}
    with scope(cpts=cpts):
        assert actions.note_professional(**said, note="Le soir", version=1).version == 2
        with pytest.raises(LostUpdate) as told:
            actions.note_professional(**said, note="Le matin", version=1)
        assert told.value.differences == [("Note de la CPTS", "Le soir", "Le matin")]
        assert queries.record_of(cpts, doctor).note == "Le soir"
        lines = JournalLine.objects.filter(action="directory.noted")
        assert actions.note_professional(**said, note="Le soir ", version=1).version == 2
        assert lines.count() == 1  # a second click says the same
        actions.note_professional(**said, note="", version=told.value.version)
        assert queries.record_of(cpts, doctor).note == "" and lines.count() == 2


def test_what_a_cpts_knows_is_read_inside_its_scope_only(cpts, doctor):
    with pytest.raises(ScopeError):
        list(CptsProfessional.objects.all())
    with scope(cpts=make_cpts("autre")):
        assert not CptsProfessional.objects.exists()


# Account and national record


@pytest.fixture
def admin(cpts):
    return actor_as(cpts, Role.ADMINISTRATOR)


@pytest.fixture
def doctor_user(cpts):
    return make_seat(cpts, Role.PROFESSIONAL).user


def test_an_administrator_links_an_account_of_the_cpts(cpts, admin, doctor, doctor_user):
    with scope(cpts=cpts):
        account = actions.link_account(
            by=admin, user=doctor_user, professional=doctor, method="phone"
        )
    assert account.verified_by == admin.seat.user and account.verified_at
    assert queries.own_records(doctor_user.pk).get() == doctor
    with scope(cpts=cpts):
        actions.end_account_link(by=admin, link=account)
    assert not queries.own_records(doctor_user.pk).exists()
    with scope(cpts=cpts), pytest.raises(actions.LinkRefused):
        actions.end_account_link(by=admin, link=account)


def test_a_link_ended_is_kept_and_may_be_made_again(doctor, doctor_user):
    first = link(doctor_user, doctor)
    with pytest.raises(actions.LinkRefused, match="compte est déjà"):
        link(doctor_user, make_professional())
    with pytest.raises(actions.LinkRefused, match="professionnel est déjà"):
        link(make_user(), doctor)
    actions.end_account_link(by=SYSTEM, link=first)
    link(doctor_user, doctor)
    assert ProfessionalAccount.objects.count() == 2


def test_no_link_outside_ones_own_cpts(cpts, admin, doctor, doctor_user):
    stranger = make_seat(make_cpts("autre"), Role.PROFESSIONAL).user
    gone = make_seat(cpts, Role.PROFESSIONAL, state=SeatState.LEFT).user
    unknown_here = make_professional()
    with scope(cpts=cpts):
        for user, record in ((stranger, doctor), (gone, doctor), (doctor_user, unknown_here)):
            with pytest.raises(NotAllowed):
                actions.link_account(by=admin, user=user, professional=record, method="phone")


@pytest.mark.parametrize("role", [r for r in Role if r != Role.ADMINISTRATOR])
def test_the_other_roles_link_nothing(cpts, doctor, doctor_user, role):
    with scope(cpts=cpts), pytest.raises(NotAllowed):
        actions.link_account(
            by=actor_as(cpts, role), user=doctor_user, professional=doctor, method="phone"
        )


def test_the_demo_way_of_checking_needs_a_demonstration(doctor, doctor_user):
    for method in ("demo", "trust me"):
        with pytest.raises(actions.LinkRefused):
            actions.link_account(by=SYSTEM, user=doctor_user, professional=doctor, method=method)
    mark_demo()
    assert actions.link_account(by=SYSTEM, user=doctor_user, professional=doctor, method="demo").pk


# Delegation


@pytest.fixture
def doctor_actor(cpts, doctor):
    actor = actor_as(cpts, Role.PROFESSIONAL)
    link(actor.seat.user, doctor)
    return actor


@pytest.fixture
def secretary(cpts):
    return make_seat(cpts, Role.SECRETARY).user


def days(number):
    return TODAY() + dt.timedelta(days=number)


def test_a_professional_delegates_and_takes_back_at_once(doctor, doctor_actor, secretary):
    given = actions.delegate(
        by=doctor_actor, professional=doctor, secretary=secretary, from_on=TODAY()
    )
    assert list(Delegation.objects.in_force(TODAY())) == [given]
    actions.end_delegation(by=doctor_actor, delegation=given)
    assert not Delegation.objects.in_force(TODAY()).exists()
    with pytest.raises(actions.DelegationRefused):
        actions.end_delegation(by=doctor_actor, delegation=given)
    again = actions.delegate(
        by=doctor_actor, professional=doctor, secretary=secretary, from_on=TODAY()
    )
    assert again.pk != given.pk


@pytest.mark.parametrize(
    ("first", "last", "in_force"),
    [(0, 0, True), (-3, None, True), (1, None, False), (-3, -1, False)],
)
def test_a_delegation_holds_from_its_first_day_to_its_last(
    doctor, secretary, first, last, in_force
):
    Delegation.objects.create(
        professional=doctor,
        secretary=secretary,
        from_on=days(first),
        until_on=None if last is None else days(last),
    )
    assert Delegation.objects.in_force(TODAY()).exists() == in_force


def test_nobody_else_delegates(cpts, doctor, secretary, admin):
    unlinked = actor_as(cpts, Role.PROFESSIONAL)
    itself = SeatActor(secretary.seats.get())
    holder = LinkActor(cpts_id=cpts.pk, target="proposal:1")
    for actor in (unlinked, itself, admin, holder):
        with pytest.raises(NotAllowed):
            actions.delegate(by=actor, professional=doctor, secretary=secretary, from_on=TODAY())


def test_an_ended_link_no_longer_delegates(doctor, doctor_actor, secretary):
    account = queries.account_of(doctor)
    actions.end_account_link(by=SYSTEM, link=account)
    with pytest.raises(NotAllowed):
        actions.delegate(by=doctor_actor, professional=doctor, secretary=secretary, from_on=TODAY())


def test_only_to_an_active_secretary_of_the_same_cpts(cpts, doctor, doctor_actor):
    for user in (
        make_seat(make_cpts("autre"), Role.SECRETARY).user,
        make_seat(cpts, Role.SECRETARY, state=SeatState.SUSPENDED).user,
        make_seat(cpts, Role.SECRETARY, ends_on=days(-1)).user,
        make_seat(cpts, Role.DISPATCHER).user,
    ):
        with pytest.raises(actions.DelegationRefused):
            actions.delegate(by=doctor_actor, professional=doctor, secretary=user, from_on=TODAY())


def test_dates_of_a_delegation_are_in_order_and_do_not_overlap(doctor, doctor_actor, secretary):
    def give(first, last):
        return actions.delegate(
            by=doctor_actor,
            professional=doctor,
            secretary=secretary,
            from_on=days(first),
            until_on=None if last is None else days(last),
        )

    with pytest.raises(actions.DelegationRefused):
        give(3, 2)
    give(0, 5)
    for first, last in ((5, 9), (3, None), (-2, 0), (1, 2)):
        with pytest.raises(actions.DelegationRefused):
            give(first, last)
    give(6, None)


def test_a_secretary_gives_a_delegation_back_a_stranger_does_not(cpts, doctor, secretary):
    given = Delegation.objects.create(professional=doctor, secretary=secretary, from_on=TODAY())
    with pytest.raises(NotAllowed):
        actions.end_delegation(by=actor_as(cpts, Role.SECRETARY), delegation=given)
    actions.end_delegation(by=SeatActor(secretary.seats.get()), delegation=given)
    assert not Delegation.objects.in_force(TODAY()).exists()


# Constraints, each broken


def refused(name="UNIQUE|unique"):
    return pytest.raises(IntegrityError, match=name)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("professional_profession_known", {"profession": "99"}),
        ("professional_speciality_known", {"speciality": "SM99"}),
        ("professional_ages_in_order", {"age_from": 20, "age_to": 10}),
        ("professional_rpps_is_11_digits", {"rpps": "1234"}),
        ("professional_rpps_is_11_digits", {"rpps": "1234567890a"}),
    ],
)
def test_professional_constraints(doctor, name, change):
    with refused(name), transaction.atomic():
        Professional.objects.filter(pk=doctor.pk).update(**change)


def test_one_record_per_rpps(doctor):
    with refused(), transaction.atomic():
        Professional.objects.create(rpps=doctor.rpps, family_name="X", profession="10")


def test_language_constraints(doctor):
    ProfessionalLanguage.objects.create(professional=doctor, language="en")
    with refused(), transaction.atomic():
        ProfessionalLanguage.objects.create(professional=doctor, language="en")
    with refused("professional_language_known"), transaction.atomic():
        ProfessionalLanguage.objects.create(professional=doctor, language="xx")


def test_one_main_place(doctor):
    with refused(), transaction.atomic():
        Place.objects.create(professional=doctor, commune=make_commune(), is_main=True)


def test_cpts_professional_constraints(cpts, doctor):
    with scope(cpts=cpts):
        with refused(), transaction.atomic():
            CptsProfessional.objects.create(cpts=cpts, professional=doctor, joined_on=LONG_AGO)
        with refused("cpts_professional_dates_in_order"), transaction.atomic():
            CptsProfessional.objects.update(left_on=LONG_AGO - dt.timedelta(days=1))


def test_account_constraints(doctor, doctor_user):
    account = link(doctor_user, doctor)
    about = {"method": "phone", "verified_at": timezone.now()}
    with refused("professional_account_method_known"), transaction.atomic():
        ProfessionalAccount.objects.filter(pk=account.pk).update(method="guess")
    with refused(), transaction.atomic():
        ProfessionalAccount.objects.create(user=make_user(), professional=doctor, **about)
    with refused(), transaction.atomic():
        ProfessionalAccount.objects.create(
            user=doctor_user, professional=make_professional(), **about
        )


def test_delegation_constraints(doctor, secretary):
    about = {"professional": doctor, "secretary": secretary}
    with refused("delegation_dates_in_order"), transaction.atomic():
        Delegation.objects.create(from_on=days(0), until_on=days(-1), **about)
    Delegation.objects.create(from_on=days(0), ended_at=timezone.now(), **about)
    Delegation.objects.create(from_on=days(0), **about)
    with refused(), transaction.atomic():
        Delegation.objects.create(from_on=days(0), **about)


def test_fictitious_numbers_fail_their_key():
    assert not any(is_rpps(fake_rpps(number)) for number in range(500))
