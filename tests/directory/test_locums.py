"""Who answers for a professional who is away: named, seen, stopped, and never past the dates."""

import datetime as dt

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from maillage.accounts.enums import Role
from maillage.accounts.models import Notice
from maillage.accounts.rules import SYSTEM, LinkActor
from maillage.directory import actions, queries
from maillage.directory.enums import Profession
from maillage.directory.models import Delegation, Locum, answered_by
from maillage.kernel import pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from maillage.kernel.words import full_date
from people import (
    actor_as,
    link,
    make_commune,
    make_cpts,
    make_professional,
    make_seat,
    sign_in,
)

pytestmark = pytest.mark.django_db


def day(shift=0):
    return timezone.localdate() + dt.timedelta(days=shift)


@pytest.fixture
def cpts():
    return make_cpts(communes=[make_commune()])


@pytest.fixture
def away(cpts):
    return make_professional(cpts, family_name="Absente")


@pytest.fixture
def locum(cpts):
    return make_professional(cpts, family_name="Remplaçant")


def name(by, away, locum, start=0, end=7):
    return actions.name_locum(
        by=by, professional=away, locum=locum, from_on=day(start), until_on=day(end)
    )


def as_themself(cpts, professional):
    actor = actor_as(cpts, Role.PROFESSIONAL)
    link(actor.seat.user, professional)
    return actor


# What the table holds


@pytest.mark.parametrize(
    "wrong",
    [
        {"until_on": day(-1)},
        {"ended_on": day(9)},
        {"itself": True},
    ],
    ids=["ends before it starts", "stopped after its end", "itself"],
)
def test_the_table_refuses(away, locum, wrong):
    about = {"locum": locum, "replaced": away, "from_on": day(), "until_on": day(7)}
    if wrong.pop("itself", False):
        about["locum"] = away
    Locum.objects.create(locum=locum, replaced=away, from_on=day(30), until_on=day(31))
    with pytest.raises(IntegrityError), transaction.atomic():
        Locum.objects.create(**about | wrong)


def test_one_replacement_at_a_time_in_the_table(away, locum):
    about = {"locum": locum, "replaced": away, "from_on": day()}
    row = Locum.objects.create(**about, until_on=day(7))
    with pytest.raises(IntegrityError), transaction.atomic():
        Locum.objects.create(**about, until_on=day(3))
    if connection.vendor == "postgresql":
        with pytest.raises(IntegrityError), transaction.atomic():
            Locum.objects.create(locum=locum, replaced=away, from_on=day(7), until_on=day(9))
    Locum.objects.create(locum=locum, replaced=away, from_on=day(8), until_on=day(9))
    row.ended_on = day()
    row.save()
    Locum.objects.create(**about, until_on=day(3))


# Naming


def test_the_professional_names_their_locum(cpts, away, locum):
    by = as_themself(cpts, away)
    before = pulse.version(cpts.pk)
    row = name(by, away, locum)
    assert (row.locum, row.replaced, row.recorded_by_id) == (locum, away, by.user_id)
    assert pulse.version(cpts.pk) > before
    line = JournalLine.objects.get(action="directory.locum_named")
    assert line.data["locum"] == locum.pk and line.cpts_id == cpts.pk


def test_the_coordinator_and_the_delegated_secretary_name_one(cpts, away, locum):
    name(actor_as(cpts, Role.COORDINATOR), away, locum, 0, 1)
    secretary = actor_as(cpts, Role.SECRETARY)
    with pytest.raises(NotAllowed):
        name(secretary, away, locum, 2, 3)
    given = Delegation.objects.create(
        professional=away, secretary=secretary.seat.user, from_on=day()
    )
    name(secretary, away, locum, 2, 3)
    given.ended_at = timezone.now()
    given.save()
    with pytest.raises(NotAllowed):
        name(secretary, away, locum, 4, 5)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.COORDINATOR}), ids=str)
def test_no_other_role_names_one(cpts, away, locum, role):
    with pytest.raises(NotAllowed):
        name(actor_as(cpts, role), away, locum)


def test_nobody_names_one_from_elsewhere(cpts, away, locum):
    other = make_cpts("autre")
    for by in (actor_as(other, Role.COORDINATOR), LinkActor(cpts.pk, "proposal:1")):
        with pytest.raises(NotAllowed):
            name(by, away, locum)


def test_the_locum_is_somebody_else_of_the_same_profession_and_directory(cpts, away, locum):
    by = actor_as(cpts, Role.COORDINATOR)
    nurse = make_professional(cpts, profession=Profession.NURSE, speciality="")
    stranger = make_professional()
    for wrong in (away, nurse, stranger):
        with pytest.raises(actions.LocumRefused):
            name(by, away, wrong)
    assert not Locum.objects.exists()
    assert name(SYSTEM, away, stranger)


@pytest.mark.parametrize(("start", "end"), [(3, 2), (-3, -1)], ids=["reversed", "past"])
def test_dates_that_cannot_be(cpts, away, locum, start, end):
    with pytest.raises(actions.LocumRefused):
        name(actor_as(cpts, Role.COORDINATOR), away, locum, start, end)


@pytest.mark.parametrize(
    ("start", "end", "is_refused"),
    [(-2, 0, True), (7, 9, True), (2, 3, True), (-1, 8, True), (8, 9, False)],
)
def test_no_two_locums_the_same_day(cpts, away, locum, start, end, is_refused):
    name(SYSTEM, away, locum, 0, 7)
    third = make_professional(cpts)
    if is_refused:
        with pytest.raises(actions.LocumRefused):
            name(SYSTEM, away, third, start, end)
    else:
        assert name(SYSTEM, away, third, start, end)
    # Replacing somebody else meanwhile is another matter.
    assert name(SYSTEM, third, locum, start, max(end, 0))


def test_a_stopped_replacement_leaves_its_days_to_another(cpts, away, locum):
    row = name(SYSTEM, away, locum, -3, 7)
    actions.end_locum(by=SYSTEM, locum=row)
    third = make_professional(cpts)
    with pytest.raises(actions.LocumRefused):
        name(SYSTEM, away, third, -1, 7)
    assert name(SYSTEM, away, third, 0, 7)
    assert queries.locum_of(away, day()) == third
    assert queries.locum_of(away, day(-1)) == locum


# Telling them

CONTACTS = {"phone": "0639980011", "email": ""}


def told():
    """Recipient, channel and text of every notice."""
    return [(n.recipient, n.channel, n.body) for n in Notice.objects.order_by("pk")]


def test_both_are_told_that_a_coordinator_named_one(cpts, away):
    account = as_themself(cpts, away)
    locum = make_professional(cpts, family_name="Remplaçant", **CONTACTS)
    by = actor_as(cpts, Role.COORDINATOR)
    row = name(by, away, locum)
    days = f"du {full_date(day())} au {full_date(day(7))}"
    to_locum, to_away = told()
    assert to_locum == (
        "0639980011",
        "sms",
        f"{cpts} : {days}, vous répondez aux demandes faites à {away}.",
    )
    assert to_away[:2] == (account.seat.user.email, "mail")
    assert f"{days}, {locum} répond aux demandes qui vous sont faites." in to_away[2]
    assert to_away[2].endswith(at("delegations", cpts))
    assert set(Notice.objects.values_list("cpts", flat=True)) == {cpts.pk}

    actions.end_locum(by=by, locum=row)
    stopped = told()[2:]
    assert [each[0] for each in stopped] == ["0639980011", account.seat.user.email]
    assert all("ne répond" in each[2] and "plus" in each[2] for each in stopped)


def test_one_day_and_a_mail_of_the_record(cpts, away):
    locum = make_professional(cpts, **CONTACTS | {"email": "fictif@exemple.example"})
    name(actor_as(cpts, Role.COORDINATOR), away, locum, 1, 1)
    ((recipient, channel, text),) = told()
    assert (recipient, channel) == ("fictif@exemple.example", "mail")
    assert f"le {full_date(day(1))}, vous répondez" in text


def test_whoever_acts_is_not_told(cpts, away, locum):
    by = as_themself(cpts, away)
    other = as_themself(cpts, locum)
    row = name(by, away, locum)
    assert [each[0] for each in told()] == [other.seat.user.email]
    actions.end_locum(by=other, locum=row)
    assert [each[0] for each in told()[1:]] == [by.seat.user.email]


def test_nobody_is_told_of_what_was_refused(cpts, away, locum):
    as_themself(cpts, away)
    with pytest.raises(actions.LocumRefused):
        name(actor_as(cpts, Role.COORDINATOR), away, locum, 3, 2)
    assert told() == []


def test_an_account_without_a_seat_here_is_given_no_page(cpts, away, locum):
    elsewhere = as_themself(make_cpts("autre"), away)
    name(actor_as(cpts, Role.COORDINATOR), away, locum)
    ((recipient, _, text),) = told()
    assert recipient == elsewhere.seat.user.email and "http" not in text


# Stopping


def test_either_of_the_two_stops_it_and_the_coordinator(cpts, away, locum):
    third = make_professional(cpts)
    for by in (
        as_themself(cpts, away),
        as_themself(cpts, locum),
        actor_as(cpts, Role.COORDINATOR),
    ):
        row = name(SYSTEM, away, locum)
        with pytest.raises(NotAllowed):
            actions.end_locum(by=actor_as(cpts, Role.DISPATCHER), locum=row)
        assert actions.end_locum(by=by, locum=row).ended_on == day()
        assert queries.locum_of(away, day()) is None
        with pytest.raises(actions.LocumRefused):
            actions.end_locum(by=by, locum=row)
    assert JournalLine.objects.filter(action="directory.locum_ended").count() == 3
    with pytest.raises(NotAllowed):
        row = name(SYSTEM, away, locum, 1, 2)
        actions.end_locum(by=as_themself(cpts, third), locum=row)


def test_what_is_over_is_not_stopped(away, locum):
    row = Locum.objects.create(locum=locum, replaced=away, from_on=day(-9), until_on=day(-1))
    with pytest.raises(actions.LocumRefused):
        actions.end_locum(by=SYSTEM, locum=row)


# Answering


def test_an_account_answers_for_its_own_record_and_those_it_replaces(cpts, away, locum):
    by = as_themself(cpts, locum)
    name(SYSTEM, away, locum, 1, 3)
    both = {locum.pk, away.pk}
    found = {shift: queries.answers_for(by.user_id, day(shift)) for shift in range(5)}
    assert found == {0: {locum.pk}, 1: both, 2: both, 3: both, 4: {locum.pk}}
    assert queries.answers_for(None, day(2)) == set()
    assert queries.answers_for(actor_as(cpts, Role.DISPATCHER).user_id, day(2)) == set()
    assert queries.locum_of(away, day(3)) == locum
    assert queries.locum_of(away, day(4)) is None


def test_it_never_chains_and_stops_with_the_account_link(cpts, away, locum):
    third = make_professional(cpts)
    by = as_themself(cpts, third)
    name(SYSTEM, away, locum)
    name(SYSTEM, locum, third)
    assert queries.answers_for(by.user_id, day()) == {third.pk, locum.pk}
    actions.end_account_link(by=SYSTEM, link=third.accounts.get())
    assert queries.answers_for(by.user_id, day()) == set()


def test_answering_costs_one_query(cpts, away, locum, django_assert_num_queries):
    by = as_themself(cpts, locum)
    name(SYSTEM, away, locum)
    with django_assert_num_queries(1):
        assert len(queries.answers_for(by.user_id, day())) == 2
    with django_assert_num_queries(1):
        assert len(answered_by(by.user_id, day())) == 2


# Pages


def at(name, cpts, **kwargs):
    return reverse(f"directory:{name}", kwargs={"cpts": cpts.slug} | kwargs)


def test_the_professional_names_and_stops_on_the_pages(client, cpts, away, locum):
    by = as_themself(cpts, away)
    client.force_login(by.seat.user)
    page = at("name_locum", cpts, pk=away.pk)
    assert page in client.get(at("delegations", cpts)).text
    answer = client.get(page)
    assert answer.status_code == 200 and "Remplaçant" in answer.text
    asked = {"locum": locum.pk, "from_on": day(), "until_on": day(-1)}
    assert client.post(page, asked).status_code == 422
    assert client.post(page, asked | {"until_on": ""}).status_code == 422
    assert client.post(page, asked | {"locum": away.pk, "until_on": day()}).status_code == 422
    assert client.post(page, asked | {"until_on": day(5)}).status_code == 302
    assert "déjà nommé" in client.post(page, asked | {"until_on": day(5)}).text
    (row,) = Locum.objects.all()
    shown = client.get(at("delegations", cpts)).text
    stop = at("end_locum", cpts, pk=row.pk)
    assert stop in shown and "Remplaçant" in shown
    assert client.post(stop).status_code == 302
    assert stop not in client.get(at("delegations", cpts)).text
    assert "arrêté" in client.get(page).text
    assert client.post(stop).status_code == 409


def test_the_locum_sees_it_on_their_page(client, cpts, away, locum):
    row = name(SYSTEM, away, locum)
    client.force_login(as_themself(cpts, locum).seat.user)
    shown = client.get(at("delegations", cpts)).text
    assert "Absente" in shown and at("end_locum", cpts, pk=row.pk) in shown
    client.force_login(as_themself(cpts, make_professional(cpts)).seat.user)
    assert "Absente" not in client.get(at("delegations", cpts)).text


def test_the_coordinator_names_one_from_the_record(client, cpts, away, locum):
    sign_in(client, cpts, Role.COORDINATOR)
    page = at("name_locum", cpts, pk=away.pk)
    assert page in client.get(at("detail", cpts, pk=away.pk)).text
    asked = {"locum": locum.pk, "from_on": day(), "until_on": day(5)}
    answer = client.post(page, asked, follow=True)
    assert answer.redirect_chain[0][1] == 302
    for nobody_can_write_to in (away, locum):
        assert f"Prévenez {nobody_can_write_to} : ni courriel ni mobile connu." in answer.text
    sign_in(client, cpts, Role.DISPATCHER)
    shown = client.get(at("detail", cpts, pk=away.pk)).text
    assert "Remplaçant" in shown and page not in shown


def test_a_colleague_s_page_is_not_theirs(client, cpts, away, locum):
    row = name(SYSTEM, away, locum)
    client.force_login(as_themself(cpts, make_professional(cpts)).seat.user)
    assert client.get(at("name_locum", cpts, pk=away.pk)).status_code == 403
    assert client.post(at("end_locum", cpts, pk=row.pk)).status_code == 403


def test_a_neighbour_s_ids_answer_like_nothing(client, cpts, away, locum):
    row = name(SYSTEM, away, locum)
    other = make_cpts("autre")
    sign_in(client, other, Role.COORDINATOR)
    assert client.get(at("name_locum", other, pk=away.pk)).status_code == 404
    assert client.post(at("end_locum", other, pk=row.pk)).status_code == 404
    make_seat(other, Role.PROFESSIONAL)


def test_the_pages_count_their_queries(client, cpts, away, locum, django_assert_max_num_queries):
    by = as_themself(cpts, away)
    for n in range(4):
        name(SYSTEM, away, locum, 10 * n, 10 * n + 5)
        make_professional(cpts)
    client.force_login(by.seat.user)
    client.get(at("delegations", cpts))
    with django_assert_max_num_queries(12):
        assert client.get(at("delegations", cpts)).status_code == 200
    with django_assert_max_num_queries(14):
        assert client.get(at("name_locum", cpts, pk=away.pk)).status_code == 200
