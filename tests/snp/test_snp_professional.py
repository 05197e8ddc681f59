"""Professionals: pause, cap and quiet hours in the ranking; rings; a locum; what was asked of them."""

import datetime as dt

import pytest
from django_scopes import scopes_disabled

from factories import (
    MONDAY,
    PARIS,
    make_case,
    make_doctor,
    make_offer,
    make_request,
    make_slot,
    professional_actor,
)
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice
from maillage.accounts.rules import SYSTEM, LinkActor
from maillage.availability import actions as availability
from maillage.availability.models import AskingPreferences, Booking
from maillage.directory import actions as directory
from maillage.directory.models import CptsProfessional
from maillage.kernel.errors import NotAllowed
from maillage.snp import actions, queries, rules
from maillage.snp.actions.notices import tell_booked
from maillage.snp.models import Proposal, RingMember
from people import actor_as, make_professional

TODAY = MONDAY.date()


def left_out(care_request, doctor):
    return queries.candidate_for(care_request, doctor.pk).left_out


def prefer(doctor, **chosen):
    usual = dict.fromkeys(("weekly_cap", "quiet_from_minute", "quiet_to_minute"))
    availability.set_asking(
        by=SYSTEM, professional=doctor, **usual | {"for_neighbours": False} | chosen
    )


# In the ranking


def test_a_pause_leaves_out_at_once_and_gives_back(desk, cpts):
    doctor, slot = make_offer(cpts)
    care_request = make_request(desk)
    availability.pause_asking(by=SYSTEM, professional=doctor, until=None)
    assert "pause" in left_out(care_request, doctor)
    with pytest.raises(actions.NotSuitable, match="pause"):
        actions.propose(by=desk, care_request=care_request, slot=slot)
    availability.resume_asking(by=SYSTEM, professional=doctor)
    assert not left_out(care_request, doctor)


def test_a_pause_leaves_what_was_accepted(desk, cpts):
    case = make_case(desk, "accepted")
    availability.pause_asking(by=SYSTEM, professional=case.doctor, until=None)
    case.care_request.refresh_from_db()
    assert case.care_request.status == "accepted"
    assert Booking.objects.get(pk=case.proposal.booking_id).state == "taken"
    actor = professional_actor(cpts, case.doctor)
    assert queries.to_do_for(case.doctor, cpts, now=MONDAY) == [case.proposal]
    assert rules.is_asked(actor, case.proposal)


def test_the_weekly_cap_leaves_out_until_monday(desk, cpts, clock):
    doctor, _ = make_offer(cpts, minutes=3 * 24 * 60)
    taken = make_slot(doctor, 30)
    booking = availability.take_place(by=desk, cpts=cpts, slot=taken)
    prefer(doctor, weekly_cap=1)
    care_request = make_request(desk)
    assert "par semaine" in left_out(care_request, doctor)
    prefer(doctor, weekly_cap=2)
    assert "par semaine" not in left_out(care_request, doctor)
    prefer(doctor, weekly_cap=1)
    clock.move(days=6, hours=14, minutes=59)  # Sunday, one minute to midnight
    assert "par semaine" in left_out(care_request, doctor)
    clock.move(minutes=1)
    assert "par semaine" not in left_out(care_request, doctor)
    availability.release_place(by=desk, booking=booking)


def test_a_place_given_back_no_longer_counts(desk, cpts):
    doctor, _ = make_offer(cpts)
    booking = availability.take_place(by=desk, cpts=cpts, slot=make_slot(doctor, 30))
    prefer(doctor, weekly_cap=1)
    care_request = make_request(desk)
    assert "par semaine" in left_out(care_request, doctor)
    availability.release_place(by=desk, booking=booking)
    assert not left_out(care_request, doctor)


@pytest.mark.parametrize(
    ("at", "is_quiet"),
    [
        (dt.datetime(2026, 11, 23, 19, 59, tzinfo=PARIS), False),
        (dt.datetime(2026, 11, 23, 20, 0, tzinfo=PARIS), True),
        (dt.datetime(2026, 11, 24, 3, 0, tzinfo=PARIS), True),
        (dt.datetime(2026, 11, 24, 7, 59, tzinfo=PARIS), True),
        (dt.datetime(2026, 11, 24, 8, 0, tzinfo=PARIS), False),
        # The clocks went forward in the night: eight on the wall is an hour sooner.
        (dt.datetime(2027, 3, 28, 7, 59, tzinfo=PARIS), True),
        (dt.datetime(2027, 3, 28, 8, 0, tzinfo=PARIS), False),
    ],
)
def test_quiet_hours_over_midnight_leave_out(desk, cpts, clock, at, is_quiet):
    doctor = make_doctor(cpts)
    care_request = make_request(desk)
    prefer(doctor, quiet_from_minute=20 * 60, quiet_to_minute=8 * 60)
    clock.now = at.astimezone(dt.UTC)
    assert ("calmes" in left_out(care_request, doctor)) == is_quiet


def test_a_notice_waits_until_the_end_of_quiet_hours(desk, cpts, clock):
    case = make_case(desk, "proposed")
    question = Notice.objects.get(key=f"proposal:{case.proposal.pk}:asked")
    assert question.next_try_at == clock.now
    prefer(case.doctor, quiet_from_minute=9 * 60, quiet_to_minute=10 * 60 + 30)
    tell_booked(Proposal.objects.get(pk=case.proposal.pk), by=SYSTEM)
    waiting = Notice.objects.get(key=f"proposal:{case.proposal.pk}:booked")
    assert waiting.next_try_at == MONDAY + dt.timedelta(minutes=90)
    assert not Notice.objects.due(clock.now).filter(pk=waiting.pk).exists()


# Rings


@pytest.fixture
def coordinator(cpts):
    return actor_as(cpts, Role.COORDINATOR)


@pytest.fixture
def ring(cpts, coordinator):
    return actions.create_ring(by=coordinator, cpts=cpts, name=" Le  bourg ", profession="10")


def test_a_call_with_a_ring_asks_its_members_first(desk, cpts, ring, coordinator):
    inside, _ = make_offer(cpts)
    outside, _ = make_offer(cpts)
    actions.add_to_ring(by=coordinator, ring=ring, professional=inside)
    care_request = make_request(desk, ring=ring)
    assert care_request.circle == "ring"
    assert not left_out(care_request, inside)
    assert left_out(care_request, outside)


def test_a_ring_is_made_named_and_closed_by_the_coordinator_only(cpts, ring, coordinator, desk):
    assert ring.name == "Le bourg"
    with pytest.raises(actions.BadRing, match="déjà ce nom"):
        actions.create_ring(by=coordinator, cpts=cpts, name="Le bourg", profession="60")
    for name in ("", "   ", "x" * 81):
        with pytest.raises(actions.BadRing):
            actions.rename_ring(by=coordinator, ring=ring, name=name)
    actions.rename_ring(by=coordinator, ring=ring, name="La vallée")
    for call in (
        lambda: actions.create_ring(by=desk, cpts=cpts, name="A", profession="10"),
        lambda: actions.rename_ring(by=desk, ring=ring, name="A"),
        lambda: actions.close_ring(by=desk, ring=ring),
        lambda: actions.add_to_ring(by=desk, ring=ring, professional=make_doctor(cpts)),
    ):
        with pytest.raises(NotAllowed):
            call()
    actions.close_ring(by=coordinator, ring=ring)
    with pytest.raises(actions.BadRing, match="fermé"):
        actions.rename_ring(by=coordinator, ring=ring, name="B")
    # Its name is free again.
    actions.create_ring(by=coordinator, cpts=cpts, name="La vallée", profession="10")


def test_who_may_enter_a_ring_and_when(cpts, ring, coordinator, neighbour):
    def add(professional, **dates):
        return actions.add_to_ring(by=coordinator, ring=ring, professional=professional, **dates)

    doctor = make_doctor(cpts)
    with pytest.raises(actions.BadRing, match="profession"):
        add(make_doctor(cpts, profession="60", speciality=""))
    with scopes_disabled():
        elsewhere = make_professional(neighbour)
    with pytest.raises(actions.BadRing, match="annuaire"):
        add(elsewhere)
    with pytest.raises(actions.BadRing, match="fin"):
        add(doctor, until_on=TODAY - dt.timedelta(days=1))
    week = dt.timedelta(days=7)
    add(doctor, until_on=TODAY + week)
    with pytest.raises(actions.BadRing, match="déjà"):
        add(doctor, from_on=TODAY + week)
    add(doctor, from_on=TODAY + week + dt.timedelta(days=1))
    with pytest.raises(actions.BadRing, match="déjà"):
        add(doctor, from_on=TODAY + 3 * week, until_on=TODAY + 4 * week)


def test_a_professional_leaves_a_ring_at_once(cpts, ring, coordinator, clock):
    doctor = make_doctor(cpts)
    member = actions.add_to_ring(by=coordinator, ring=ring, professional=doctor)
    clock.move(days=2)
    actor = professional_actor(cpts, doctor)
    assert queries.memberships_of(doctor, cpts, clock.now.date()) == [member]
    colleague = professional_actor(cpts, make_doctor(cpts))
    with pytest.raises(NotAllowed):
        actions.end_ring_member(by=colleague, member=member)
    actions.end_ring_member(by=actor, member=member)
    assert not RingMember.objects.in_force(clock.now.date()).exists()
    member.refresh_from_db()
    assert member.until_on == TODAY + dt.timedelta(days=1)
    with pytest.raises(actions.BadRing):
        actions.end_ring_member(by=actor, member=member)
    again = actions.add_to_ring(by=coordinator, ring=ring, professional=doctor)
    actions.end_ring_member(by=coordinator, member=again)  # the day it began: it never was
    assert not RingMember.objects.filter(pk=again.pk).exists()


def test_a_ring_of_another_profession_or_closed_is_refused_on_a_call(desk, cpts, coordinator, ring):
    nurses = actions.create_ring(by=coordinator, cpts=cpts, name="Infirmiers", profession="60")
    with pytest.raises(actions.Incomplete, match="profession"):
        make_request(desk, ring=nurses)
    actions.close_ring(by=coordinator, ring=ring)
    with pytest.raises(actions.Incomplete, match="fermé"):
        make_request(desk, ring=ring)


# A locum answers


@pytest.fixture
def replaced(desk, cpts):
    """A request proposed to a doctor whose locum begins today, for a week."""
    doctor, slot = make_offer(cpts)
    locum = make_doctor(cpts)
    named = directory.name_locum(
        by=SYSTEM,
        professional=doctor,
        locum=locum,
        from_on=TODAY,
        until_on=TODAY + dt.timedelta(days=6),
    )
    proposal = actions.propose(by=desk, care_request=make_request(desk), slot=slot)
    return doctor, locum, named, proposal


def test_a_locum_reads_is_told_and_answers(cpts, replaced, clock):
    doctor, locum, _, proposal = replaced
    assert Notice.objects.get().recipient == locum.phone
    actor = professional_actor(cpts, locum)
    assert list(Proposal.objects.visible_to(actor)) == [proposal]
    assert queries.to_do_for(locum, cpts, now=clock.now) == [proposal]
    actions.accept_proposal(by=actor, proposal=proposal)
    proposal.refresh_from_db()
    assert (proposal.state, proposal.locum_id) == ("accepted", locum.pk)
    told = proposal.care_request.events.get(kind="accepted").text
    assert str(locum) in told and str(doctor) in told


def test_the_replaced_professional_and_the_desk_sign_no_locum(desk, cpts, replaced):
    doctor, _, _, proposal = replaced
    refused = actions.refuse_proposal(
        by=professional_actor(cpts, doctor), proposal=proposal, reason="away"
    )
    assert refused.locum_id is None


def test_a_refusal_of_the_locum_is_signed(cpts, replaced):
    _, locum, _, proposal = replaced
    actor = professional_actor(cpts, locum)
    refused = actions.refuse_proposal(by=actor, proposal=proposal, reason="no_time")
    assert refused.locum_id == locum.pk


@pytest.mark.parametrize("how", ["ended", "over"])
def test_once_over_a_locum_has_no_access_at_the_next_request(cpts, replaced, clock, how):
    _, locum, named, proposal = replaced
    actor = professional_actor(cpts, locum)
    assert rules.can_answer(actor, proposal)
    link = LinkActor(cpts_id=cpts.pk, target=f"proposal:{proposal.pk}+{locum.pk}")
    assert rules.can_answer(link, proposal)
    if how == "ended":
        directory.end_locum(by=SYSTEM, locum=named)
    else:
        clock.move(days=7)
    assert not Proposal.objects.visible_to(actor).exists()
    assert not rules.can_answer(actor, proposal) and not rules.can_answer(link, proposal)
    assert queries.to_do_for(locum, cpts, now=clock.now) == []
    with pytest.raises(NotAllowed):
        actions.accept_proposal(by=actor, proposal=proposal)


def test_the_link_sent_to_a_locum_answers_as_them_then_dies(cpts, replaced, client):
    _, locum, named, proposal = replaced
    address = Notice.objects.get().body.split("\n")[1].removeprefix("https://essai.example")
    assert client.get(address).status_code == 200
    directory.end_locum(by=SYSTEM, locum=named)
    assert client.get(address).status_code == 410
    assert client.post(address, {"answer": "accept"}).status_code == 410
    proposal.refresh_from_db()
    assert proposal.state == "sent"


def test_a_link_answered_by_the_locum_says_so(cpts, replaced, client):
    _, locum, _, proposal = replaced
    address = Notice.objects.get().body.split("\n")[1].removeprefix("https://essai.example")
    client.post(address, {"answer": "accept"})
    proposal.refresh_from_db()
    assert (proposal.state, proposal.answered_via, proposal.locum_id) == (
        "accepted",
        "link",
        locum.pk,
    )


def test_what_came_before_the_replacement_is_not_the_locums(desk, cpts, clock):
    """Patients of the weeks before stay between them and the doctor who accepted them."""
    case = make_case(desk, "accepted")
    clock.move(days=10)
    locum = make_doctor(cpts)
    directory.name_locum(
        by=SYSTEM,
        professional=case.doctor,
        locum=locum,
        from_on=clock.now.date(),
        until_on=clock.now.date(),
    )
    actor = professional_actor(cpts, locum)
    assert not Proposal.objects.visible_to(actor).exists()
    assert not rules.can_see_identity(actor, case.proposal)


def test_an_appointment_that_falls_in_the_replacement_is_the_locums(desk, cpts, clock):
    doctor, slot = make_offer(cpts, minutes=26 * 60)
    proposal = actions.propose(by=desk, care_request=make_request(desk), slot=slot)
    actions.accept_proposal(by=professional_actor(cpts, doctor), proposal=proposal)
    locum = make_doctor(cpts)
    tomorrow = TODAY + dt.timedelta(days=1)
    directory.name_locum(
        by=SYSTEM, professional=doctor, locum=locum, from_on=tomorrow, until_on=tomorrow
    )
    actor = professional_actor(cpts, locum)
    assert not rules.is_asked(actor, proposal)  # not yet
    clock.move(days=1)
    assert rules.is_asked(actor, proposal)


# What was asked


def test_what_was_asked_says_why_and_never_of_whom(desk, cpts, clock, django_assert_num_queries):
    case = make_case(desk, "accepted", caller_name="Canari", note="canarinote")
    with django_assert_num_queries(1):
        [asked] = queries.asked_of(case.doctor, cpts, now=clock.now)
    assert asked.state_label == "acceptée" and asked.circle == "toute la CPTS"
    assert list(asked.reasons) == case.proposal.explanation.split("\n") and asked.reasons
    assert "anari" not in str(asked)
    clock.move(days=31)
    assert queries.asked_of(case.doctor, cpts, now=clock.now) == []


# Pages


def page(client, cpts, actor, path, method="get", data=None):
    client.force_login(actor.seat.user)
    return getattr(client, method)(f"/c/{cpts.slug}/{path}", data or {})


def test_two_taps_pause_everything_and_one_resumes(client, cpts):
    doctor = make_doctor(cpts)
    actor = professional_actor(cpts, doctor)
    shown = page(client, cpts, actor, "sollicitations/")
    assert shown.status_code == 200 and "Jusqu&#39;à ce soir" in shown.text.replace("’", "&#39;")
    page(client, cpts, actor, "sollicitations/pause/", "post", {"until": "evening"})
    chosen = AskingPreferences.objects.get(professional=doctor)
    assert chosen.paused_until == dt.datetime(2026, 11, 24, tzinfo=PARIS)
    assert "En pause" in page(client, cpts, actor, "sollicitations/").text
    page(client, cpts, actor, "sollicitations/pause/", "post", {"resume": "1"})
    chosen.refresh_from_db()
    assert chosen.paused_at is None


@pytest.mark.parametrize("day", ["", "2026-11-23", "hier"])
def test_a_pause_until_a_date_wants_a_date_to_come(client, cpts, day):
    actor = professional_actor(cpts, make_doctor(cpts))
    sent = {"until": "day", "day": day}
    answer = page(client, cpts, actor, "sollicitations/pause/", "post", sent)
    assert answer.status_code == 422 and "errorlist" in answer.text
    assert not AskingPreferences.objects.exists()


def test_limits_are_typed_kept_and_shown_again(client, cpts):
    doctor = make_doctor(cpts)
    actor = professional_actor(cpts, doctor)
    said = {"weekly_cap": "4", "quiet_from": "20:00", "quiet_to": "08:00", "for_neighbours": "on"}
    page(client, cpts, actor, "sollicitations/", "post", said)
    chosen = AskingPreferences.objects.get()
    assert (chosen.weekly_cap, chosen.quiet_from_minute, chosen.quiet_to_minute) == (4, 1200, 480)
    assert chosen.for_neighbours
    shown = page(client, cpts, actor, "sollicitations/").text
    assert 'value="20:00"' in shown and 'value="08:00"' in shown and 'value="4"' in shown
    wrong = page(client, cpts, actor, "sollicitations/", "post", said | {"quiet_to": ""})
    assert wrong.status_code == 422 and "un début et une fin" in wrong.text
    assert 'value="20:00"' in wrong.text


def test_a_secretary_keeps_only_those_who_delegated(client, cpts):
    secretary = actor_as(cpts, Role.SECRETARY)
    doctor, other = make_doctor(cpts), make_doctor(cpts)
    directory.delegate(
        by=professional_actor(cpts, doctor),
        professional=doctor,
        secretary=secretary.seat.user,
        from_on=TODAY,
    )
    sent = {"until": "monday", "pro": doctor.pk}
    assert page(client, cpts, secretary, "sollicitations/pause/", "post", sent).status_code == 302
    sent["pro"] = other.pk
    assert page(client, cpts, secretary, "sollicitations/pause/", "post", sent).status_code == 404
    assert [each.professional_id for each in AskingPreferences.objects.all()] == [doctor.pk]
    assert page(client, cpts, secretary, "sollicitations/recues/").status_code == 403


def test_the_rings_page_makes_fills_and_closes(client, cpts, coordinator):
    doctor = make_doctor(cpts)
    said = {"name": "Le bourg", "profession": "10"}
    page(client, cpts, coordinator, "snp/cercles/", "post", said)
    again = page(client, cpts, coordinator, "snp/cercles/", "post", said)
    assert again.status_code == 422 and "déjà ce nom" in again.text
    [ring] = queries.rings_of(cpts, TODAY)
    path = f"snp/cercles/{ring.pk}/"
    page(client, cpts, coordinator, path, "post", {"professional": doctor.pk})
    member = RingMember.objects.get()
    assert str(doctor) in page(client, cpts, coordinator, path).text
    actor = professional_actor(cpts, doctor)
    assert "Le bourg" in page(client, cpts, actor, "sollicitations/").text
    left = page(client, cpts, actor, f"snp/cercles/presence/{member.pk}/fin/", "post")
    assert left.status_code == 302 and not RingMember.objects.exists()
    page(client, cpts, coordinator, f"{path}fermer/", "post")
    assert [each.closed_at is None for each in queries.rings_of(cpts, TODAY)] == [False]


def test_another_cptss_ring_does_not_exist(client, cpts, neighbour, coordinator):
    with scopes_disabled():
        by = actor_as(neighbour, Role.COORDINATOR)
        theirs = actions.create_ring(by=by, cpts=neighbour, name="Ailleurs", profession="10")
        doctor = make_professional(neighbour)
        CptsProfessional._base_manager.create(cpts=cpts, professional=doctor, joined_on=TODAY)
        member = actions.add_to_ring(by=by, ring=theirs, professional=doctor)
    assert page(client, cpts, coordinator, f"snp/cercles/{theirs.pk}/").status_code == 404
    path = f"snp/cercles/presence/{member.pk}/fin/"
    assert page(client, cpts, coordinator, path, "post").status_code == 404


def test_what_was_asked_is_a_page_without_the_patient(client, cpts, desk):
    case = make_case(desk, "accepted", family_name="Canarinom", caller_name="Canariappelant")
    actor = professional_actor(cpts, case.doctor)
    shown = page(client, cpts, actor, "sollicitations/recues/").text
    assert "Pourquoi moi" in shown and case.proposal.explanation.split("\n")[0] in shown
    assert "anari" not in shown and "Fièvre" not in shown
