"""A doctor is proposed, answers, and the declaration is confirmed; or the resident waits again."""

import datetime as dt

import pytest
from django.core.management import call_command
from django.urls import reverse

from factories import GENELARD, MONDAY, make_doctor, professional_actor
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice
from maillage.accounts.rules import LinkActor
from maillage.directory.models import CptsProfessional
from maillage.kernel.errors import InvalidTransition, NotAllowed
from maillage.kernel.models import JournalLine
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.enums import ATTRIBUTION_TRANSITIONS, RefusalReason
from maillage.medecin_traitant.models import Attribution, DoctorRequest
from maillage.medecin_traitant.rules import can_meet
from maillage.residents.actions import end_agreement
from people import actor_as

TODAY = MONDAY.date()


@pytest.fixture
def sent(take, doctor, offers, coordinator):
    offers(doctor)
    made = take(agreement_from="patient", ald="yes", sms_allowed=True, phone="06 39 98 50 01")
    return actions.propose_doctor(by=coordinator, doctor_request=made, professional=doctor)


def link_of(attribution):
    return LinkActor(cpts_id=attribution.cpts_id, target=f"attribution:{attribution.pk}")


def request_of(attribution):
    return DoctorRequest.objects.get(pk=attribution.doctor_request_id)


def test_proposed_accepted_declared(sent, doctor, desk, settings_mt):
    made = request_of(sent)
    assert (made.state, made.doctor, made.owner_id) == ("proposed", doctor, desk.seat_id)
    assert made.deadline_on == TODAY + dt.timedelta(days=settings_mt.answer_days)
    accepted = actions.accept_attribution(by=link_of(sent), attribution=sent)
    assert actions.accept_attribution(by=link_of(sent), attribution=sent) == accepted
    made = request_of(sent)
    assert (made.state, accepted.answered_via) == ("accepted", "link")
    assert made.deadline_on == TODAY + dt.timedelta(days=settings_mt.follow_up_days)
    actions.confirm_declaration(by=desk, doctor_request=made)
    made = actions.confirm_declaration(by=desk, doctor_request=made)
    assert (made.state, made.resident.usual_doctor) == ("declared", doctor)
    assert JournalLine.objects.filter(action="mt.declared").count() == 1
    with pytest.raises(InvalidTransition):
        actions.withdraw(by=desk, doctor_request=made)


def test_nothing_that_leaves_says_who_or_what(sent):
    actions.accept_attribution(by=link_of(sent), attribution=sent)
    bodies = " ".join(each.body for each in Notice.objects.all())
    resident = sent.doctor_request.resident
    assert "/a/" in bodies and "avancé" in bodies
    for word in (resident.family_name, "ALD", str(sent.professional), resident.phone):
        assert word not in bodies


def test_refused_they_wait_again_and_that_doctor_is_not_asked_again(
    sent, doctor, coordinator, offers, cpts
):
    with pytest.raises(actions.NotSuitable):
        actions.refuse_attribution(by=link_of(sent), attribution=sent, reason="ill")
    refused = actions.refuse_attribution(by=link_of(sent), attribution=sent, reason="too_far")
    made = request_of(sent)
    assert (refused.refusal_reason, made.state, made.doctor) == ("too_far", "waiting", None)
    assert made.deadline_on == made.promised_by and "autre" in made.alert
    with pytest.raises(InvalidTransition):
        actions.accept_attribution(by=link_of(sent), attribution=sent)
    with pytest.raises(actions.NotSuitable, match="déjà refusé"):
        actions.propose_doctor(by=coordinator, doctor_request=made, professional=doctor)
    other = make_doctor(cpts)
    offers(other)
    actions.propose_doctor(by=coordinator, doctor_request=made, professional=other)
    assert {each.value for each in RefusalReason} == {
        *("full", "too_far", "no_home_visit", "ages", "leaving", "other")
    }


def test_without_an_answer_in_time_they_wait_again(sent, clock, settings_mt):
    clock.move(days=settings_mt.answer_days)
    call_command("doctor_requests_watch")
    assert request_of(sent).state == "proposed"
    clock.move(days=1)
    call_command("doctor_requests_watch")
    sent.refresh_from_db()
    assert (sent.state, request_of(sent).state) == ("expired", "waiting")


def test_withdrawn_or_found_the_doctor_is_told(sent, desk):
    actions.found_elsewhere(by=desk, doctor_request=sent.doctor_request)
    sent.refresh_from_db()
    assert sent.state == "withdrawn"
    assert Notice.objects.filter(key=f"attribution:{sent.pk}:withdrawn").exists()
    with pytest.raises(InvalidTransition):
        actions.accept_attribution(by=link_of(sent), attribution=sent)


def test_the_coordination_takes_back_even_what_was_accepted(sent, coordinator):
    actions.accept_attribution(by=coordinator, attribution=sent)
    actions.take_back_attribution(by=coordinator, attribution=sent)
    actions.take_back_attribution(by=coordinator, attribution=sent)
    assert request_of(sent).state == "waiting"
    assert Attribution.objects.get().answered_via == "coordination"


def test_capacity_ages_and_home_visits_hold(take, doctor, offers, coordinator, clock):
    offers(doctor, per_month=1, age_to=17)
    child, adult = take(birth_date=dt.date(2020, 1, 1)), take()
    second, home = take(birth_date=dt.date(2021, 1, 1)), take(can_travel=False)

    def propose(made):
        return actions.propose_doctor(by=coordinator, doctor_request=made, professional=doctor)

    with pytest.raises(actions.NotSuitable, match="âge"):
        propose(adult)
    propose(child)
    with pytest.raises(actions.NotSuitable, match="place"):
        propose(second)
    with pytest.raises(InvalidTransition):
        propose(child)
    offers(doctor, per_month=5)
    with pytest.raises(actions.NotSuitable, match="domicile"):
        propose(home)
    offers(doctor, per_month=1, until_on=TODAY + dt.timedelta(days=40))
    clock.move(days=10)  # the next month has its own places
    assert propose(second).state == "sent"


def test_the_nearest_comes_first_and_the_far_are_left_out(cpts, take, doctor, offers, settings_mt):
    near, far = doctor, make_doctor(cpts, insee=GENELARD)
    offers(near)
    offers(far)
    found = queries.candidates_for(take(), settings_mt, TODAY)
    assert [each.professional for each in found] == [near, far]
    offers(far, travel_minutes=1)
    found = queries.candidates_for(take(), settings_mt, TODAY)
    assert [each.professional for each in found] == [near]


def test_who_may_do_what(cpts, sent, doctor, desk, coordinator):
    made = request_of(sent)
    other = LinkActor(cpts_id=cpts.pk, target="attribution:1")
    stranger = professional_actor(cpts, make_doctor(cpts))
    for by in (other, stranger, actor_as(cpts, Role.READER)):
        with pytest.raises(NotAllowed):
            actions.accept_attribution(by=by, attribution=sent)
        with pytest.raises(NotAllowed):
            actions.refuse_attribution(by=by, attribution=sent, reason="full")
        with pytest.raises(NotAllowed):
            actions.confirm_declaration(by=by, doctor_request=made)
    for by in (desk, stranger, link_of(sent)):
        with pytest.raises(NotAllowed):
            actions.propose_doctor(by=by, doctor_request=made, professional=doctor)
        with pytest.raises(NotAllowed):
            actions.take_back_attribution(by=by, attribution=sent)
    CptsProfessional.objects.filter(professional=doctor).update(left_on=TODAY)
    with pytest.raises(NotAllowed):
        actions.accept_attribution(by=link_of(sent), attribution=sent)


def test_identity_opens_to_the_doctor_who_accepted_and_closes_with_the_agreement(
    cpts, sent, doctor, desk, coordinator
):
    by = professional_actor(cpts, doctor)
    assert not can_meet(by, sent)
    accepted = actions.accept_attribution(by=by, attribution=sent)
    fresh = Attribution.objects.visible_to(by).get(pk=accepted.pk)
    assert can_meet(by, fresh)
    assert not any(can_meet(each, fresh) for each in (coordinator, link_of(sent)))
    end_agreement(by=desk, agreement=fresh.doctor_request.agreement)
    assert not can_meet(by, Attribution.objects.visible_to(by).get(pk=accepted.pk))


def test_every_state_of_a_proposal_is_left_only_as_the_table_says():
    ends = {state for state, targets in ATTRIBUTION_TRANSITIONS.items() if not targets}
    assert ends == {"refused", "expired", "withdrawn"}


# Pages


def at(name, cpts, pk):
    return reverse(f"medecin_traitant:{name}", kwargs={"cpts": cpts.slug, "pk": pk})


def test_the_coordination_proposes_the_doctor_accepts_on_a_phone(
    client, cpts, take, doctor, offers, coordinator
):
    offers(doctor)
    made = take(agreement_from="patient", family_name="Canaripatient", ald="yes")
    client.force_login(coordinator.seat.user)
    page = client.get(at("request", cpts, made.pk)).content.decode()
    assert "Proposer un médecin" in page and "Canaripatient" not in page
    client.post(at("propose", cpts, made.pk), {"professional": "987654321"})
    assert not Attribution.objects.exists()
    client.post(at("propose", cpts, made.pk), {"professional": doctor.pk})
    sent = Attribution.objects.get()
    link = queries.link_to_attribution(sent)
    client.logout()
    shown = client.get(link).content.decode()
    assert "60 à 69 ans" in shown and "Montceau" in shown
    for word in ("Canaripatient", "ALD", made.resident.phone, "1960"):
        assert word not in shown
    client.post(link, {"answer": "accept"})
    assert request_of(sent).state == "accepted"
    by = professional_actor(cpts, doctor)
    client.force_login(by.seat.user)
    met = client.get(at("attribution", cpts, sent.pk)).content.decode()
    assert "Canaripatient" in met and "ALD" in met
    current = [line for line in met.splitlines() if 'aria-current="page"' in line]
    assert current and all("/medecin-traitant/offre/" in line for line in current)
    assert JournalLine.objects.filter(kind="read", action="medecin_traitant.attribution").exists()
    client.force_login(coordinator.seat.user)
    client.post(at("declared", cpts, made.pk))
    assert request_of(sent).state == "declared"
    client.force_login(by.seat.user)
    assert "Canaripatient" in client.get(at("attribution", cpts, sent.pk)).content.decode()


def test_the_doctor_signed_in_refuses_and_the_desk_writes_for_one(
    client, cpts, sent, doctor, desk, coordinator
):
    by = professional_actor(cpts, doctor)
    client.force_login(by.seat.user)
    client.post(at("answer", cpts, sent.pk), {"answer": "refuse", "reason": "ill"})
    assert request_of(sent).state == "proposed"
    client.post(at("answer", cpts, sent.pk), {"answer": "refuse", "reason": "full"})
    assert request_of(sent).state == "waiting"
    assert client.get(at("attribution", cpts, sent.pk)).status_code == 404
    second = make_doctor(cpts)
    until_on = TODAY + dt.timedelta(days=9)
    said = actions.Offer(per_month=1, until_on=until_on)
    actions.record_offer(by=coordinator, cpts=cpts, professional=second, offer=said)
    client.force_login(coordinator.seat.user)
    client.post(at("propose", cpts, sent.doctor_request_id), {"professional": second.pk})
    again = Attribution.objects.get(professional=second)
    client.force_login(desk.seat.user)
    client.post(at("voice", cpts, again.pk), {"answer": "accept"})
    assert request_of(sent).state == "accepted"
    client.force_login(coordinator.seat.user)
    client.post(at("voice", cpts, again.pk), {"answer": "withdraw"})
    assert request_of(sent).state == "waiting"
