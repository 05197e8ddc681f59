"""Doctors are asked, reminded, answer, change their mind; what they say ends."""

import datetime as dt

import pytest
from django.core.management import call_command
from django.utils import timezone

from factories import MONDAY, make_doctor, professional_actor
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice
from maillage.accounts.rules import SYSTEM, LinkActor
from maillage.directory.models import CptsProfessional
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.models import DoctorOffer
from people import actor_as, make_professional

TODAY = MONDAY.date()


def offer(**said):
    return actions.Offer(**{"per_month": 2, "until_on": TODAY + dt.timedelta(days=90)} | said)


def link_of(asked):
    return LinkActor(cpts_id=asked.cpts_id, target=f"doctor_offer:{asked.pk}")


@pytest.fixture
def asked(cpts, doctor, coordinator):
    actions.ask_doctors(by=coordinator, cpts=cpts)
    return DoctorOffer.objects.get(professional=doctor)


def test_every_doctor_of_the_directory_is_asked_once(cpts, doctor, coordinator):
    silent = make_doctor(cpts, phone="0353010000", email="")
    make_professional(cpts, profession="60", speciality="")  # a nurse
    make_professional(cpts, speciality="SM04")  # another speciality
    assert actions.ask_doctors(by=coordinator, cpts=cpts) == (2, 1)
    assert actions.ask_doctors(by=coordinator, cpts=cpts) == (0, 0)
    assert {each.professional for each in DoctorOffer.objects.all()} == {doctor, silent}
    body = Notice.objects.get(key__startswith="doctor_offer:").body
    assert "/o/" in body and str(doctor) not in body
    with pytest.raises(NotAllowed):
        actions.ask_doctors(by=actor_as(cpts, Role.DISPATCHER), cpts=cpts)


def test_the_ladder_reminds_then_stops(cpts, asked, clock, settings_mt):
    told = []
    for _ in range(5):
        clock.move(days=settings_mt.remind_days)
        call_command("doctor_requests_watch")
        call_command("doctor_requests_watch")  # twice in a day counts once
        told.append(Notice.objects.filter(key__startswith="doctor_offer:").count())
    assert told == [2, 3, 3, 3, 3]
    asked.refresh_from_db()
    assert asked.ended_at and asked.answered_at is None and asked.reminders == 2
    assert JournalLine.objects.filter(action="mt.doctor_silent").count() == 1
    assert queries.doctors_to_ask(cpts, timezone.localdate()) == [asked.professional]


def test_the_link_answers_its_question_once(cpts, asked):
    said = offer(per_month=3, home_visits=True, travel_minutes=15)
    made = actions.answer_by_link(by=link_of(asked), asked=asked, offer=said)
    assert (made.pk, made.per_month, made.answered_via) == (asked.pk, 3, "link")
    with pytest.raises(actions.OfferOver):
        actions.answer_by_link(by=link_of(asked), asked=asked, offer=said)
    other = DoctorOffer.objects.create(
        cpts=cpts, professional=make_doctor(cpts), asked_at=timezone.now()
    )
    with pytest.raises(NotAllowed):
        actions.answer_by_link(by=link_of(asked), asked=other, offer=said)
    with pytest.raises(NotAllowed):
        actions.withdraw_offer(by=link_of(asked), offer=other)
    assert actions.withdraw_offer(by=link_of(asked), offer=made).ended_at


def test_whoever_left_the_directory_no_longer_answers(asked):
    CptsProfessional.objects.filter(professional=asked.professional).update(left_on=TODAY)
    with pytest.raises(NotAllowed):
        actions.answer_by_link(by=link_of(asked), asked=asked, offer=offer())


def test_a_doctor_speaks_for_themselves_and_the_coordination_for_them(
    cpts, doctor, coordinator, asked
):
    by = professional_actor(cpts, doctor)
    first = actions.record_offer(by=by, cpts=cpts, professional=doctor, offer=offer())
    assert (first.pk, first.answered_via) == (asked.pk, "page")
    second = actions.record_offer(
        by=coordinator, cpts=cpts, professional=doctor, offer=offer(per_month=0)
    )
    first.refresh_from_db()
    assert first.ended_at and second.answered_via == "coordination"
    assert queries.offer_of(cpts, doctor) == second
    with pytest.raises(NotAllowed):
        actions.record_offer(by=by, cpts=cpts, professional=make_doctor(cpts), offer=offer())
    with pytest.raises(NotAllowed):
        actions.withdraw_offer(by=actor_as(cpts, Role.PROFESSIONAL), offer=second)


WRONG = [
    {"per_month": -1},
    {"per_month": 201},
    {"until_on": TODAY - dt.timedelta(days=1)},
    {"until_on": TODAY + dt.timedelta(days=184)},
    {"from_on": TODAY - dt.timedelta(days=1)},
    {"from_on": TODAY + dt.timedelta(days=91)},
    {"age_from": 18, "age_to": 17},
    {"age_to": 131},
    {"travel_minutes": 0},
]


@pytest.mark.parametrize("said", WRONG, ids=str)
def test_what_cannot_hold_is_refused(cpts, doctor, coordinator, said):
    with pytest.raises(actions.BadOffer):
        actions.record_offer(by=coordinator, cpts=cpts, professional=doctor, offer=offer(**said))
    assert not DoctorOffer.objects.exists()


def test_only_a_doctor_of_the_directory_offers(cpts, coordinator):
    for somebody in (make_doctor(cpts, speciality="SM04"), make_professional()):
        with pytest.raises(actions.BadOffer):
            actions.record_offer(by=coordinator, cpts=cpts, professional=somebody, offer=offer())


def test_an_offer_ends_on_its_day_and_the_doctor_is_asked_again(cpts, doctor, coordinator, clock):
    said = offer(until_on=TODAY + dt.timedelta(days=10))
    made = actions.record_offer(by=coordinator, cpts=cpts, professional=doctor, offer=said)
    clock.move(days=10)
    call_command("doctor_requests_watch")
    assert queries.offer_of(cpts, doctor) == made
    with pytest.raises(actions.OfferOver):
        actions.expire_offer(by=SYSTEM, offer=made)
    clock.move(days=1)
    call_command("doctor_requests_watch")
    assert queries.offer_of(cpts, doctor) is None
    assert DoctorOffer.objects.asked().get().professional == doctor


def test_no_doctor_filters_by_language_origin_income_or_health():
    """The closed list of what an offer may say."""
    said = {field.name for field in DoctorOffer._meta.concrete_fields}
    lawful = {"per_month", "from_on", "until_on", "travel_minutes", "age_from", "age_to"}
    lawful |= {"home_visits", "is_public"}
    kept = {"id", "cpts", "professional", "asked_at", "reminders", "reminded_at", "ended_at"}
    assert said == lawful | kept | {"answered_at", "answered_via", "answered_by"}


def test_the_same_offer_said_twice_is_one(cpts, doctor, offers):
    assert offers(doctor) == offers(doctor)
    other = offers(doctor, per_month=3)
    assert [other] == list(DoctorOffer.objects.filter(cpts=cpts).standing())
