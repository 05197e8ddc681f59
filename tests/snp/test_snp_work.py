"""The desk at work: calls, the shift, doubles and merges, absences, the day told."""

import datetime as dt

import pytest
from django.utils import timezone
from django_scopes import scope

from factories import (
    MONDAY,
    make_case,
    make_doctor,
    make_intake,
    make_offer,
    make_request,
    make_slot,
)
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice
from maillage.accounts.rules import SYSTEM
from maillage.availability.actions import add_absence, set_asking
from maillage.kernel import pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from maillage.snp import actions, queries
from maillage.snp.management.commands.clock import Command
from maillage.snp.models import Call, CareRequest, Proposal, ShiftHandOver
from maillage.snp.queries.absences import absents_of
from maillage.snp.queries.sheet import day_counts, day_of, day_text
from people import actor_as

HOUR = dt.timedelta(hours=1)


def fresh(row):
    row.refresh_from_db()
    return row


def last_text(care_request):
    return care_request.events.last().text


# Calls


def test_a_call_is_kept_told_and_starts_the_wait_afresh(desk, cpts, clock):
    care_request = make_request(desk)
    doctor = make_doctor(cpts)
    before = pulse.version(cpts.pk)
    now = clock.move(minutes=10)
    actions.note_call(
        by=desk,
        care_request=care_request,
        to="professional",
        professional=doctor,
        result="no_answer",
    )
    call = Call.objects.get()
    assert (call.at, call.by_seat_id, call.professional_id) == (now, desk.seat_id, doctor.pk)
    assert last_text(care_request) == f"Appel : {doctor}, pas de réponse."
    assert fresh(care_request).waiting_since == now and care_request.status == "new"
    assert pulse.version(cpts.pk) > before
    assert JournalLine.objects.get(action="snp.called").data == {
        "to": "professional",
        "result": "no_answer",
    }


def test_a_double_click_is_one_call_and_another_try_another(desk, clock):
    care_request = make_request(desk)

    def ring():
        actions.note_call(by=desk, care_request=care_request, to="patient", result="busy")

    ring()
    clock.move(seconds=3)
    ring()
    assert Call.objects.count() == 1
    clock.move(seconds=30)
    ring()
    assert Call.objects.count() == 2


def test_a_call_alone_clears_no_alert(desk):
    care_request = make_case(desk, "missed").care_request
    alert = care_request.alert
    actions.note_call(by=desk, care_request=care_request, to="patient", result="reached")
    assert fresh(care_request).alert == alert != ""


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.PROFESSIONAL])
def test_only_the_desk_notes_a_call(desk, cpts, role):
    care_request = make_request(desk)
    with pytest.raises(NotAllowed):
        actions.note_call(
            by=actor_as(cpts, role), care_request=care_request, to="sas", result="reached"
        )
    with pytest.raises(NotAllowed):
        actions.note_call(by=SYSTEM, care_request=care_request, to="sas", result="reached")


def test_a_call_says_whom_and_what_and_stops_when_the_case_is_over(desk, cpts):
    care_request = make_request(desk)
    for to, result in (("pigeon", "reached"), ("patient", "perhaps")):
        with pytest.raises(actions.Incomplete):
            actions.note_call(by=desk, care_request=care_request, to=to, result=result)
    with pytest.raises(actions.Incomplete, match="appel à un professionnel"):
        actions.note_call(
            by=desk,
            care_request=care_request,
            to="patient",
            result="reached",
            professional=make_doctor(cpts),
        )
    over = make_case(desk, "cancelled").care_request
    with pytest.raises(actions.TooLate, match="terminée"):
        actions.note_call(by=desk, care_request=over, to="patient", result="reached")


# The shift


def test_a_shift_gives_all_my_open_requests_and_only_mine(desk, cpts, clock):
    mine = [make_request(desk), make_case(desk, "informed").care_request]
    handed = make_case(desk, "handed_over").care_request  # nobody at the 15 took it yet
    over = make_case(desk, "cancelled").care_request
    other = actor_as(cpts, Role.DISPATCHER)
    theirs = make_request(other)
    next_one = actor_as(cpts, Role.COORDINATOR)
    now = clock.move(minutes=5)
    shift = actions.hand_over_shift(by=desk, cpts=cpts, to_seat=next_one.seat)
    assert (shift.requests, shift.from_seat_id, shift.at) == (3, desk.seat_id, now)
    for each in (*mine, handed):
        fresh(each)
        assert (each.owner_id, each.owner_why) == (next_one.seat_id, "shift")
        assert last_text(each).startswith("Relève : ")
    assert fresh(theirs).owner_id == other.seat_id and fresh(over).owner_id == desk.seat_id
    notice = Notice.objects.get(key=f"shift:{shift.pk}")
    assert notice.recipient == next_one.seat.user.email and "3 demande(s)" in notice.body


def test_a_shift_handed_over_twice_counts_once(desk, cpts):
    make_request(desk)
    next_one = actor_as(cpts, Role.DISPATCHER)
    actions.hand_over_shift(by=desk, cpts=cpts, to_seat=next_one.seat)
    with pytest.raises(actions.TooLate, match="rien à transmettre"):
        actions.hand_over_shift(by=desk, cpts=cpts, to_seat=next_one.seat)
    assert ShiftHandOver.objects.count() == 1


def test_a_shift_goes_to_somebody_active_of_the_desk_here(desk, cpts, neighbour):
    make_request(desk)
    with pytest.raises(actions.Incomplete, match="une autre personne"):
        actions.hand_over_shift(by=desk, cpts=cpts, to_seat=desk.seat)
    gone = actor_as(cpts, Role.DISPATCHER).seat
    gone.state = "suspended"
    gone.save()
    with scope(cpts=neighbour):
        stranger = actor_as(neighbour, Role.DISPATCHER).seat
    for seat in (gone, stranger, actor_as(cpts, Role.PROFESSIONAL).seat):
        with pytest.raises(actions.Incomplete, match="opérateur ou un coordinateur"):
            actions.hand_over_shift(by=desk, cpts=cpts, to_seat=seat)
    with pytest.raises(NotAllowed):
        actions.hand_over_shift(by=actor_as(cpts, Role.COORDINATOR), cpts=cpts, to_seat=desk.seat)


# Likely doubles


def again(desk, **said):
    intake = make_intake(**{"double_checked": False, "phone": "06 39 98 00 99"} | said)
    return actions.create_care_request(by=desk, cpts=desk.seat.cpts, intake=intake)


NAMED = {"family_name": "Éxemple", "given_name": "Zoé"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"phone": "0639980050"}, {"phone": "+33 6 39 98 00 50"}),
        (NAMED, {"family_name": "EXEMPLE", "is_sure": True}),
        (NAMED, {"family_name": "Zoe", "given_name": "Exemple", "is_sure": True}),
    ],
    ids=["same number", "same name and commune", "names swapped"],
)
def test_a_likely_double_is_told_before_anything_is_kept(desk, first, second):
    known = make_request(desk, **first)
    with pytest.raises(actions.SameCall, match=f"n° {known.number}, reçue 9.h.00, Fièvre") as told:
        again(desk, **second)
    assert told.value.doubles == [known]
    assert CareRequest.objects.count() == 1
    other = again(desk, **second, double_checked=True)
    assert other.number > known.number


def test_what_is_no_double(desk, cpts, clock, neighbour):
    known = make_request(desk, phone="0639980050", **NAMED)
    again(desk)  # another number, no name
    again(desk, phone="0639980051", insee="71270", family_name="Exemple")  # another commune
    again(desk, phone="0639980052", family_name="Exemple", given_name="Paul")  # another first name
    actions.cancel(by=desk, care_request=known, cancelled_by="patient")
    with pytest.raises(actions.SameCall):  # over, but recent
        again(desk, phone="0639980050")
    clock.move(hours=73)
    assert again(desk, phone="0639980050", out_of_hours_seen=True).status == "new"


def test_an_old_request_still_open_is_a_double(desk, clock):
    make_request(desk, phone="0639980050")
    clock.move(days=7)
    with pytest.raises(actions.SameCall):
        again(desk, phone="0639980050")


def test_a_sign_is_never_delayed_by_a_likely_double(desk, cpts):
    make_request(desk, phone="0639980050")
    sign = queries.red_flags(cpts).flags.first()
    assert again(desk, phone="0639980050", red_flag=sign).status == "handed_over"


def test_a_double_click_is_the_same_request_not_a_double(desk):
    first = again(desk, form_key="un", phone="0639980050")
    assert again(desk, form_key="un", phone="0639980050").pk == first.pk


def test_the_neighbours_requests_are_no_doubles(desk, neighbour):
    with scope(cpts=neighbour):
        make_request(actor_as(neighbour, Role.DISPATCHER), phone="0639980050")
    assert again(desk, phone="0639980050").status == "new"


# Merge


def merge(desk, one, into):
    return actions.merge(by=desk, care_request=one, into=into)


def test_a_merge_counts_from_the_first_reception_and_frees_the_places(desk, cpts, clock):
    first = make_case(desk, "proposed", **NAMED, note="dès ce matin", agreement_from="patient")
    clock.move(hours=2)
    kept = make_request(desk)
    own = kept.received_at
    one = merge(desk, first.care_request, kept)
    fresh(kept)
    assert (one.status, one.merged_into_id, one.closed_at) == ("merged", kept.pk, clock.now)
    assert fresh(first.proposal).state == "withdrawn"
    assert fresh(first.proposal.booking).state == "released"
    assert (kept.received_at, kept.own_received_at) == (MONDAY, own)
    assert kept.resident_id == one.resident_id and kept.note == "dès ce matin"
    assert kept.sharing == one.sharing and kept.sharing.giver == "patient"
    assert kept.watch_at is not None
    assert f"n° {kept.number}" in last_text(one) and f"n° {one.number}" in last_text(kept)
    assert merge(desk, one, kept).pk == one.pk  # a double click
    assert kept.events.filter(kind="merged").count() == 1


def test_a_merge_into_the_first_call_keeps_its_words(desk, clock):
    kept = make_request(desk, note="depuis hier", family_name="Fictif")
    resident = kept.resident_id
    clock.move(minutes=30)
    merge(desk, make_request(desk, note="autre"), kept)
    fresh(kept)
    assert (kept.note, kept.resident_id, kept.received_at) == ("depuis hier", resident, MONDAY)
    assert kept.own_received_at is None


def test_what_cannot_be_merged(desk, cpts, neighbour):
    kept = make_request(desk)
    with pytest.raises(actions.Incomplete, match="avec elle-même"):
        merge(desk, kept, kept)
    for moment in ("cancelled", "handed_over", "honoured"):
        over = make_case(desk, moment).care_request
        with pytest.raises(actions.TooLate):
            merge(desk, kept, over)
        with pytest.raises(actions.TooLate):
            merge(desk, over, kept)
    with scope(cpts=neighbour):
        theirs = make_request(actor_as(neighbour, Role.DISPATCHER))
    with pytest.raises(actions.Incomplete, match="votre CPTS"):
        merge(desk, kept, theirs)
    with pytest.raises(NotAllowed):
        merge(actor_as(cpts, Role.COORDINATOR), make_request(desk), kept)
    merged = make_request(desk)
    merge(desk, merged, kept)
    with pytest.raises(actions.TooLate, match="fusionnée"):
        merge(desk, make_request(desk), merged)
    with pytest.raises(actions.TooLate, match="fusionnée"):
        merge(desk, merged, make_request(desk))


def test_two_patients_are_not_merged_nor_an_appointment_lost(desk):
    one = make_request(desk, family_name="Fictif")
    with pytest.raises(actions.Incomplete, match="deux patients"):
        merge(desk, one, make_request(desk, family_name="Inventé"))
    booked = make_case(desk, "accepted").care_request
    kept = make_request(desk)
    with pytest.raises(actions.Incomplete, match="a un rendez-vous : gardez-la"):
        merge(desk, booked, kept)
    assert merge(desk, kept, booked).status == "merged"


def test_the_second_appointment_of_a_merge_is_taken_back_and_told(desk):
    one, kept = make_case(desk, "informed"), make_case(desk, "informed", minutes=100)
    merge(desk, one.care_request, kept.care_request)
    into = fresh(kept.care_request)
    assert into.to_tell == "rendez-vous de 10\u00a0h annulé" and into.waiting_since is not None
    assert into.status == "informed"


def test_an_unmerge_gives_back_what_was_lent_and_each_its_own_reception(desk, clock):
    one = make_request(desk, **NAMED, note="dès ce matin", agreement_from="patient")
    clock.move(hours=2)
    kept = make_request(desk)
    own = kept.received_at
    merge(desk, one, kept)
    clock.move(minutes=5)
    other = actor_as(desk.seat.cpts, Role.DISPATCHER)
    back = actions.unmerge(by=other, care_request=fresh(one))
    fresh(kept)
    assert (back.status, back.received_at, back.merged_into_id) == ("new", MONDAY, None)
    assert (back.owner_id, back.closed_at) == (other.seat_id, None) and back.circle_until
    assert (kept.received_at, kept.own_received_at, kept.resident_id) == (own, None, None)
    assert (kept.note, kept.sharing, back.sharing.giver) == ("", None, "patient")
    with pytest.raises(actions.TooLate, match="pas fusionnée"):
        actions.unmerge(by=other, care_request=back)


def test_an_unmerge_keeps_what_was_said_since_and_the_other_doubles(desk, clock):
    first = make_request(desk, note="une")
    clock.move(minutes=10)
    second = make_request(desk)
    clock.move(minutes=10)
    kept = make_request(desk)
    merge(desk, first, kept)
    merge(desk, second, kept)
    fresh(kept).note = "précisée depuis"
    kept.save()
    actions.unmerge(by=desk, care_request=fresh(first))
    fresh(kept)
    assert kept.note == "précisée depuis"
    assert kept.received_at == second.received_at and kept.own_received_at is not None


def test_a_chain_is_undone_from_its_end(desk):
    one, two, three = (make_request(desk) for _ in range(3))
    merge(desk, one, two)
    merge(desk, two, three)
    with pytest.raises(actions.TooLate, match="elle-même fusionnée"):
        actions.unmerge(by=desk, care_request=fresh(one))
    actions.unmerge(by=desk, care_request=fresh(two))
    assert actions.unmerge(by=desk, care_request=fresh(one)).status == "new"


# An absence over booked slots


def away(doctor, clock):
    return add_absence(
        by=SYSTEM, professional=doctor, starts_at=clock.now, ends_at=clock.now + 9 * HOUR
    )


def one_doctor(desk, cpts, count=2, **said):
    """Appointments of one doctor, an hour apart, each patient informed."""
    doctor = make_doctor(cpts)
    cases = []
    for n in range(count):
        slot = make_slot(doctor, 120 + 60 * n, mode="bookable")
        care_request = make_request(desk, **said)
        actions.propose(by=desk, care_request=care_request, slot=slot)
        actions.inform_patient(by=desk, care_request=care_request, means="phone", result="reached")
        cases.append(care_request)
    return doctor, cases


def test_an_absence_is_shown_by_professional_soonest_first_with_the_best_alternative(
    desk, cpts, clock
):
    doctor, cases = one_doctor(desk, cpts)
    other, _ = make_offer(cpts, 300, slot_capacity=len(cases))
    assert absents_of(cpts, queries.settings_of(cpts), clock.now) == []
    away(doctor, clock)
    (group,) = absents_of(cpts, queries.settings_of(cpts), clock.now)
    assert group.professional == doctor
    assert [each.care_request for each in group.displaced] == cases
    assert all(each.best.professional_id == other.pk for each in group.displaced)
    assert all(each.is_known for each in group.displaced)


def best_slots(cpts, clock):
    """What the page offers, in its order: a slot's id, or None."""
    groups = absents_of(cpts, queries.settings_of(cpts), clock.now)
    rows = [row for group in groups for row in group.displaced]
    assert all(row.is_ranked for row in rows)
    return [row.best and row.best.slots[0].id for row in rows]


def test_a_place_shown_to_one_displaced_patient_is_not_shown_to_the_next(desk, cpts, clock):
    doctor, _ = one_doctor(desk, cpts, 5)
    _, alone = make_offer(cpts, 300)
    _, pair = make_offer(cpts, 320, slot_capacity=2)
    later = make_slot(pair.professional, 24 * 60)
    away(doctor, clock)
    assert best_slots(cpts, clock) == [alone.pk, pair.pk, pair.pk, later.pk, None]


def test_places_shown_are_not_promised_twice_across_absents(desk, cpts, clock):
    one, _ = one_doctor(desk, cpts, 1)
    two, _ = one_doctor(desk, cpts, 1)
    away(one, clock)
    away(two, clock)
    _, alone = make_offer(cpts, 300)
    assert best_slots(cpts, clock) == [alone.pk, None]


def test_places_shown_count_in_the_week_of_who_limits_it(desk, cpts, clock):
    doctor, _ = one_doctor(desk, cpts, 3)
    other, slot = make_offer(cpts, 300, slot_capacity=3)
    set_asking(
        by=SYSTEM,
        professional=other,
        weekly_cap=2,
        quiet_from_minute=None,
        quiet_to_minute=None,
        for_neighbours=False,
    )
    away(doctor, clock)
    assert best_slots(cpts, clock) == [slot.pk, slot.pk, None]


@pytest.mark.parametrize("sms", [True, False])
def test_a_displaced_patient_is_told_and_looked_after_again(desk, cpts, clock, sms):
    doctor, (care_request,) = one_doctor(desk, cpts, 1, sms_allowed=sms)
    away(doctor, clock)
    now = clock.move(minutes=7)
    actions.reorient_absent(by=desk, care_request=care_request)
    fresh(care_request)
    assert (care_request.status, care_request.circle_at) == ("new", now)
    assert care_request.circle_until > now and "est absent" in care_request.alert
    assert care_request.planned_at is None and care_request.inform_state == "not_yet"
    assert Proposal.objects.get().state == "withdrawn"
    texts = Notice.objects.filter(key__startswith=f"request:{care_request.pk}:off:")
    if sms:
        body = texts.get().body.replace("\u00a0", " ")
        assert body == "Votre rendez-vous de 11 h est annulé ; la CPTS vous rappelle."
        assert texts.get().recipient == care_request.phone and care_request.to_tell == ""
    else:
        assert not texts.exists()
        assert care_request.to_tell.replace("\u00a0", " ") == "rendez-vous de 11 h annulé"
        row = queries.board_of(cpts, selected=None).rows[0]
        assert row.alert.startswith("À dire au patient : rendez-vous de 11")
    with pytest.raises(actions.TooLate, match="déjà réorientée"):
        actions.reorient_absent(by=desk, care_request=care_request)


def test_a_patient_who_knew_nothing_has_nothing_to_be_told(desk, cpts, clock):
    case = make_case(desk, "accepted", sms_allowed=True)
    away(case.doctor, clock)
    actions.reorient_absent(by=desk, care_request=case.care_request)
    assert fresh(case.care_request).to_tell == ""
    assert not Notice.objects.filter(key__contains=":off:").exists()


def test_what_is_to_tell_waits_for_a_person_until_a_call_or_the_new_appointment(desk, cpts, clock):
    doctor, cases = one_doctor(desk, cpts, 2)
    away(doctor, clock)
    for each in cases:
        actions.reorient_absent(by=desk, care_request=each)
    actions.note_call(by=desk, care_request=cases[0], to="patient", result="message")
    assert fresh(cases[0]).to_tell
    actions.note_call(by=desk, care_request=cases[0], to="patient", result="reached")
    assert fresh(cases[0]).to_tell == "" and "Patient prévenu" in last_text(cases[0])
    _, slot = make_offer(cpts, 400, slot_mode="bookable")
    actions.propose(by=desk, care_request=cases[1], slot=slot)
    assert fresh(cases[1]).to_tell and cases[1].waiting_since
    clock.move(minutes=1)
    actions.inform_patient(by=desk, care_request=cases[1], means="phone", result="reached")
    assert fresh(cases[1]).to_tell == ""


def test_without_an_absence_nothing_is_taken_back(desk, cpts, clock):
    _, (care_request,) = one_doctor(desk, cpts, 1)
    with pytest.raises(actions.TooLate, match="sous une absence"):
        actions.reorient_absent(by=desk, care_request=care_request)
    with pytest.raises(NotAllowed):
        actions.reorient_absent(by=actor_as(cpts, Role.COORDINATOR), care_request=care_request)
    assert fresh(care_request).status == "informed"


# The day


def test_the_day_is_counted_without_identity(desk, cpts, clock):
    make_case(desk, "informed")
    make_case(desk, "handed_over")
    refused = make_case(desk, "proposed")
    actions.refuse_proposal(by=desk, proposal=refused.proposal, reason="no_time")
    late = make_request(desk)
    CareRequest.objects.filter(pk=late.pk).update(received_at=MONDAY - 25 * HOUR)
    merged = make_request(desk)
    merge(desk, merged, make_request(desk))
    clock.move(minutes=1)
    counts = day_counts(cpts, MONDAY.date(), now=clock.now)
    assert (counts.received, counts.arranged, counts.refused) == (4, 1, 1)
    assert (counts.handed_over, counts.unanswered) == (1, 0)
    assert (counts.open, counts.breached) == (5, 1)  # the deadline of yesterday's call fell today
    assert sum(number for _, number in counts.owners) == counts.open
    assert "4 demandes reçues, dont 1 avec un rendez-vous dans les 24 h" in day_text(
        counts
    ).replace("\u00a0", " ")
    sheet = day_of(cpts, MONDAY.date(), now=clock.now)
    assert [hour for hour, _ in sheet.hours] == [9]
    assert len(sheet.hours[0][1]) == 5  # the merged one is on the sheet, not in the count


def test_the_day_is_told_once_to_each_coordinator_even_after_a_stop(desk, cpts, clock):
    coordinators = [actor_as(cpts, Role.COORDINATOR) for _ in range(2)]
    make_request(desk, family_name="Secret", phone="0639980077")
    run = lambda: Command().handle(loop=False)  # noqa: E731
    told = lambda: Notice.objects.filter(key__startswith=f"day:{cpts.pk}:")  # noqa: E731
    run()
    assert not told().exists()  # the hour has not come, and yesterday nothing happened
    clock.move(hours=10, minutes=31)  # 19:31, after 19:30
    run()
    run()
    assert sorted(each.recipient for each in told()) == sorted(
        each.seat.user.email for each in coordinators
    )
    body = told().first().body.replace("\u00a0", " ")
    assert "1 demande reçue" in body
    assert f"/snp/jour/?date={timezone.localdate().isoformat()}" in body
    assert "Secret" not in body and "0639980077" not in body
    clock.move(hours=24)
    run()
    assert told().count() == 4


def test_a_day_missed_by_a_stop_is_told_the_next_morning(desk, cpts, clock):
    actor_as(cpts, Role.COORDINATOR)
    make_request(desk)
    clock.move(hours=23)  # Tuesday 8:00: the server slept
    Command().handle(loop=False)
    assert Notice.objects.filter(key__startswith=f"day:{cpts.pk}:2026-11-23:").exists()


def test_only_the_clock_tells_the_day(desk, cpts):
    with pytest.raises(NotAllowed):
        actions.send_day_summary(by=desk, cpts=cpts, day=MONDAY.date())
