"""A request of somebody without a médecin traitant: taken, followed, ended, merged, watched."""

import datetime as dt

import pytest
from django.core.management import call_command
from django.utils import timezone

from factories import MONTCEAU, SAINT_VALLIER
from factories import make_doctor_intake as make_intake
from maillage.accounts.enums import Role, SeatState
from maillage.accounts.models import Notice, Seat
from maillage.accounts.rules import SYSTEM, LinkActor
from maillage.kernel.errors import InvalidTransition, NotAllowed
from maillage.kernel.models import JournalLine
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.actions.life import move
from maillage.medecin_traitant.enums import OPEN, TRANSITIONS, DoctorRequestState
from maillage.medecin_traitant.models import DoctorRequest, DoctorRequestEvent
from maillage.residents.actions import LikelyDouble
from maillage.residents.models import Resident
from maillage.territory.models import Commune
from people import actor_as

S = DoctorRequestState


def link_of(doctor_request):
    return LinkActor(cpts_id=doctor_request.cpts_id, target=f"doctor_request:{doctor_request.pk}")


# Taken


def test_a_request_has_a_number_an_owner_a_promise_and_a_code(take, desk, settings_mt):
    first, second = take(), take()
    assert (first.number, second.number) == (1, 2)
    assert (first.state, first.owner_id) == ("waiting", desk.seat_id)
    promised = timezone.localdate() + dt.timedelta(days=settings_mt.promised_days)
    assert first.promised_by == first.deadline_on == promised
    assert first.code != second.code and queries.request_of_code(first.code.lower()) == first
    assert JournalLine.objects.filter(action="mt.recorded").count() == 2


def test_the_same_form_sent_twice_is_one_request(cpts, desk):
    intake = make_intake(is_sure=True)
    made = [actions.record_request(by=desk, cpts=cpts, intake=intake) for _ in range(2)]
    assert made[0] == made[1] and DoctorRequest.objects.count() == 1
    another = make_intake(form_key=intake.form_key, family_name="Autre", is_sure=True)
    with pytest.raises(actions.FormUsed):
        actions.record_request(by=desk, cpts=cpts, intake=another)


def test_whoever_looks_like_them_is_shown_first(cpts, desk):
    take = actions.record_request
    intake = make_intake()
    held = take(by=desk, cpts=cpts, intake=intake)
    again = make_intake(family_name=intake.family_name, phone="")
    with pytest.raises(LikelyDouble) as found:
        take(by=desk, cpts=cpts, intake=again)
    assert found.value.residents == [held.resident]
    assert Resident.objects.count() == 1
    with pytest.raises(actions.AlreadyWaiting, match="n° 1"):
        take(by=desk, cpts=cpts, intake=make_intake(resident=held.resident))


def test_a_professional_signals_and_meets_nobody(cpts, desk):
    """No double is told to them: the desk is, and compares."""
    intake = make_intake()
    actions.record_request(by=desk, cpts=cpts, intake=intake)
    by, coordinator = actor_as(cpts, Role.PROFESSIONAL), actor_as(cpts, Role.COORDINATOR)
    said = {"channel": "professional", "family_name": intake.family_name}
    made = actions.record_request(by=by, cpts=cpts, intake=make_intake(**said))
    assert made.owner_id == coordinator.seat_id and "ressemble" in made.alert
    with pytest.raises(NotAllowed):
        actions.record_request(by=by, cpts=cpts, intake=make_intake(channel="phone"))
    for role in (Role.READER, Role.BUREAU, Role.COORDINATOR):
        with pytest.raises(NotAllowed):
            actions.record_request(by=actor_as(cpts, role), cpts=cpts, intake=make_intake())


@pytest.mark.parametrize("name", ["ald", "c2s", "language", "last_doctor"])
def test_what_is_not_asked_is_refused(cpts, desk, name):
    switch_off(cpts)
    said = {"language": "en", "last_doctor": "Dr Fictif"}.get(name, "yes")
    with pytest.raises(actions.Incomplete, match="ne demande pas"):
        actions.record_request(by=desk, cpts=cpts, intake=make_intake(**{name: said}))
    assert DoctorRequest.objects.count() == 0 == Resident.objects.count()


def switch_off(cpts):
    settings = queries.settings_of(cpts)
    type(settings).objects.filter(pk=settings.pk).update(asks_ald=False, asks_c2s=False)


def test_without_settings_nothing_is_taken(cpts):
    by = actor_as(cpts, Role.DISPATCHER)
    with pytest.raises(queries.MtNotSet):
        actions.record_request(by=by, cpts=cpts, intake=make_intake())


def test_the_message_says_neither_who_nor_what(take):
    made = take(sms_allowed=True, phone="06 39 98 20 99", ald="yes", note="Note canari")
    notice = Notice.objects.get(key__startswith=f"doctor_request:{made.pk}:")
    assert made.code in notice.body and "/m/" in notice.body
    for word in (made.resident.family_name, "ALD", "Note canari", "médecin"):
        assert word not in notice.body
    take(phone="03 53 01 20 99", sms_allowed=True)
    assert Notice.objects.filter(key__startswith="doctor_request:").count() == 1


# Ended


def test_the_resident_withdraws_or_says_they_found_by_their_link(take):
    first, second, third = take(), take(), take()
    by = link_of(first)
    assert actions.withdraw(by=by, doctor_request=first).state == S.WITHDRAWN
    assert actions.withdraw(by=by, doctor_request=first).withdrawn_why == "asked"
    assert actions.found_elsewhere(by=link_of(second), doctor_request=second).closed_at
    with pytest.raises(InvalidTransition):
        actions.found_elsewhere(by=by, doctor_request=first)
    for act in (actions.withdraw, actions.found_elsewhere, actions.correct):
        with pytest.raises(NotAllowed):
            act(by=by, doctor_request=third)
    assert DoctorRequestEvent.objects.filter(doctor_request=first).count() == 2


def test_correcting_replaces_what_is_typed_and_keeps_the_rest(take):
    made = take(phone="06 39 98 20 01")
    by, commune = link_of(made), Commune.objects.get(pk=SAINT_VALLIER)
    actions.correct(
        by=by, doctor_request=made, phone="06 39 98 20 02", commune=commune, can_travel=False
    )
    made.refresh_from_db()
    held = Resident.objects.get(pk=made.resident_id)
    assert (made.commune_id, made.can_travel, made.household_size) == (SAINT_VALLIER, False, 1)
    assert (held.phone, held.commune_id, held.given_name) == ("0639982002", SAINT_VALLIER, "Ada")
    with pytest.raises(actions.Incomplete):
        actions.correct(by=by, doctor_request=made)
    actions.withdraw(by=by, doctor_request=made)
    with pytest.raises(actions.TooLate):
        actions.correct(by=by, doctor_request=made, household_size=2)


def test_merged_counts_from_the_first_and_comes_apart_again(take, desk, clock):
    first = take()
    clock.move(days=3)
    second = take()
    actions.merge(by=desk, doctor_request=first, into=second)
    first.refresh_from_db(), second.refresh_from_db()
    assert (first.state, first.merged_into) == (S.MERGED, second)
    assert second.waits_since == first.received_at
    assert actions.merge(by=desk, doctor_request=first, into=second).state == S.MERGED
    actions.unmerge(by=desk, doctor_request=first)
    first.refresh_from_db(), second.refresh_from_db()
    assert (first.state, first.merged_into, first.owner_id) == (S.WAITING, None, desk.seat_id)
    assert second.waits_since == second.received_at and first.closed_at is None
    with pytest.raises(actions.TooLate):
        actions.unmerge(by=desk, doctor_request=first)
    with pytest.raises(actions.Incomplete):
        actions.merge(by=desk, doctor_request=first, into=first)


def test_every_state_is_left_only_as_the_table_says(take, doctor):
    made = take()
    for source in DoctorRequestState:
        for target in DoctorRequestState:
            row = DoctorRequest.objects.get(pk=made.pk)
            row.state = source
            if target in TRANSITIONS[source]:
                move(row, target)
                assert (row.closed_at is None) == (target in OPEN)
            else:
                with pytest.raises(InvalidTransition):
                    move(row, target)


# Time passes


def watch():
    call_command("doctor_requests_watch")


def test_an_owner_who_left_is_replaced(cpts, take, desk, coordinator):
    made = take()
    Seat.objects.filter(pk=desk.seat_id).update(state=SeatState.SUSPENDED)
    watch()
    made.refresh_from_db()
    assert made.owner_id == coordinator.seat_id
    watch()
    assert JournalLine.objects.filter(action="mt.owner_replaced").count() == 1


def test_past_its_deadline_the_owner_is_reminded_each_week(take, clock, settings_mt):
    made = take()
    clock.move(days=settings_mt.promised_days)
    watch()
    assert not Notice.objects.filter(key__contains=":late:").exists()
    for days, told in ((1, 1), (1, 1), (7, 2)):
        clock.move(days=days)
        watch()
        assert Notice.objects.filter(key__contains=f"{made.pk}:late:").count() == told
    body = Notice.objects.filter(key__contains=":late:").first().body
    assert made.resident.family_name not in body and f"n° {made.number}" in body


def test_accepted_and_not_declared_in_time_it_closes(
    cpts, take, doctor, coordinator, clock, settings_mt
):
    made = take()
    until_on = timezone.localdate() + dt.timedelta(days=90)
    said = actions.Offer(per_month=1, until_on=until_on)
    actions.record_offer(by=coordinator, cpts=cpts, professional=doctor, offer=said)
    sent = actions.propose_doctor(by=coordinator, doctor_request=made, professional=doctor)
    actions.accept_attribution(by=coordinator, attribution=sent)
    with pytest.raises(actions.TooLate):
        actions.close(by=SYSTEM, doctor_request=made)
    clock.move(days=settings_mt.follow_up_days)
    watch()
    made.refresh_from_db()
    assert made.state == S.ACCEPTED
    clock.move(days=1)
    watch()
    made.refresh_from_db()
    assert (made.state, made.doctor) == (S.CLOSED_AFTER_SIX_MONTHS, doctor)


# The list


def test_the_first_class_whose_rule_is_met_then_the_wait(cpts, take, coordinator, clock):
    actions.set_rules(
        by=coordinator,
        cpts=cpts,
        source="bureau",
        rules=[
            actions.Rule("ald", 1),
            actions.Rule("age_from", 2, 70),
            actions.Rule("waiting_days", 3, 30),
            actions.Rule("home_bound", 4),
        ],
    )
    plain, ald = take(), take(ald="yes")
    old = take(birth_date=dt.date(1956, 11, 23))
    young = take(birth_date=dt.date(1956, 11, 24))
    home = take(can_travel=False, ald="no")
    lines = listed(cpts)
    assert [(each.doctor_request, each.rank) for each in lines] == [
        *((ald, 1), (old, 2), (home, 4), (plain, 9), (young, 9))
    ]
    clock.move(days=30)
    assert {each.rank for each in listed(cpts)} == {1, 2, 3}
    assert [each.doctor_request for each in listed(cpts, rank=1)] == [ald]
    assert listed(cpts, commune=SAINT_VALLIER) == []
    assert len(listed(cpts, waits_days=30, commune=MONTCEAU)) == 5
    assert listed(cpts, waits_days=31) == [] == listed(cpts, state="withdrawn")


def listed(cpts, **narrowed):
    return queries.waiting_of(
        cpts, queries.rules_of(cpts), queries.Filters(**narrowed), now=timezone.now()
    )


def test_a_wait_is_told_by_the_week_and_of_enough_people(
    cpts, take, doctor, offers, coordinator, clock, settings_mt
):
    def estimate():
        return queries.estimate_of(cpts, settings_mt, now=timezone.now())

    offers(doctor, per_month=20)
    made = [take() for _ in range(6)]
    assert estimate() is None  # too few
    made.append(take())
    for each in made[:4]:
        assert estimate().weeks is None  # those who still wait count too
        clock.move(days=10)
        sent = actions.propose_doctor(by=coordinator, doctor_request=each, professional=doctor)
        actions.accept_attribution(by=coordinator, attribution=sent)
    assert estimate().weeks == 6  # 4 of 7 within 40 days; the median of those 4 would be 25
    actions.take_back_attribution(
        by=coordinator, attribution=made[3].attributions.get()
    )  # an acceptance that did not hold
    assert estimate().weeks is None


def test_without_anybody_to_answer_nothing_is_taken(cpts, settings_mt):
    by = actor_as(cpts, Role.PROFESSIONAL)
    with pytest.raises(actions.NoOwner):
        actions.record_request(by=by, cpts=cpts, intake=make_intake(channel="professional"))
    assert DoctorRequest.objects.count() == 0


def test_what_is_the_same_is_corrected_once(take, desk):
    made = take(phone="06 39 98 41 01", household_size=2)
    said = {"phone": "06 39 98 41 01", "household_size": 3}
    actions.correct(by=desk, doctor_request=made, **said)
    again = actions.correct(by=desk, doctor_request=made, **said)
    assert again.events.filter(kind="changed").count() == 1
