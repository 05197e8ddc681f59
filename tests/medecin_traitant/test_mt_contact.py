"""The desk calls and joins a household; what was accepted is followed; what the resident reads."""

import datetime as dt

import pytest
from django.core.management import call_command
from test_mt_pages import at, text

from factories import make_doctor, professional_actor
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice
from maillage.accounts.rules import LinkActor
from maillage.kernel.errors import NotAllowed
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.models import Attribution, DoctorRequest
from maillage.medecin_traitant.rules import can_meet
from people import actor_as, sign_in


@pytest.fixture
def signalled(take, cpts, coordinator):
    """By a professional: nobody has asked the resident anything yet."""
    by = professional_actor(cpts, make_doctor(cpts))
    return take(by=by, channel="professional", family_name="Canaripatient")


@pytest.fixture
def accepted(signalled, doctor, offers, coordinator):
    offers(doctor)
    sent = actions.propose_doctor(by=coordinator, doctor_request=signalled, professional=doctor)
    actions.accept_attribution(by=coordinator, attribution=sent)
    return DoctorRequest.objects.get(pk=signalled.pk)


def again(made):
    return DoctorRequest.objects.get(pk=made.pk)


def test_accepted_the_desk_is_told_to_call_and_the_agreement_opens_the_identity(
    cpts, accepted, doctor, desk
):
    assert "appelez" in accepted.alert and "accord" in accepted.alert
    by = professional_actor(cpts, doctor)
    assert not can_meet(by, Attribution.objects.visible_to(by).get())
    made = actions.record_call(by=desk, doctor_request=accepted, is_reached=False)
    assert made.alert == accepted.alert
    with pytest.raises(actions.Incomplete):
        actions.record_call(
            by=desk, doctor_request=made, is_reached=False, agreement_from="patient"
        )
    made = actions.record_call(
        by=desk, doctor_request=made, is_reached=True, agreement_from="patient"
    )
    assert made.alert == ""
    assert can_meet(by, Attribution.objects.visible_to(by).get())
    assert [each.text for each in made.events.filter(kind="called")] == [
        *("Appel : pas de réponse.", "Appel : personne jointe. Accord de partage recueilli.")
    ]


def test_only_the_desk_notes_a_call_or_joins_a_household(cpts, take, coordinator):
    first, second = take(), take()
    link = LinkActor(cpts_id=cpts.pk, target=f"doctor_request:{first.pk}")
    for by in (coordinator, link, actor_as(cpts, Role.READER)):
        with pytest.raises(NotAllowed):
            actions.record_call(by=by, doctor_request=first, is_reached=True)
        with pytest.raises(NotAllowed):
            actions.join_household(by=by, doctor_request=first, other=second)


def test_a_declaration_is_asked_about_each_month_until_it_is_confirmed(
    accepted, clock, desk, settings_mt
):
    def told():
        call_command("doctor_requests_watch")
        return Notice.objects.filter(key__contains=f"{accepted.pk}:late:").count()

    clock.move(days=settings_mt.confirm_days - 1)
    assert told() == 0
    clock.move(days=1)
    assert told() == 1 == told()
    assert "pas encore confirmée" in again(accepted).alert
    clock.move(days=settings_mt.confirm_days)
    assert told() == 2
    made = actions.confirm_declaration(by=desk, doctor_request=accepted)
    actions.record_call(by=desk, doctor_request=made, is_reached=True)
    clock.move(days=settings_mt.confirm_days)
    assert told() == 2


def test_a_household_is_joined_once_and_has_one_first_request(take, desk):
    one, two, three = take(), take(), take()
    joined = actions.join_household(by=desk, doctor_request=two, other=one)
    assert joined.household == one
    for first, second in ((two, one), (one, two)):
        actions.join_household(by=desk, doctor_request=first, other=second)
    assert again(two).events.filter(kind="changed").count() == 1
    actions.join_household(by=desk, doctor_request=one, other=three)
    assert {again(each).household for each in (one, two)} == {three}
    with pytest.raises(actions.Incomplete):
        actions.join_household(by=desk, doctor_request=one, other=one)
    actions.withdraw(by=desk, doctor_request=one)
    with pytest.raises(actions.TooLate):
        actions.join_household(by=desk, doctor_request=two, other=one)


def test_a_doctor_taken_back_is_not_thought_of_again(
    cpts, take, doctor, offers, coordinator, settings_mt
):
    offers(doctor)
    made = take()
    sent = actions.propose_doctor(by=coordinator, doctor_request=made, professional=doctor)
    actions.take_back_attribution(by=coordinator, attribution=sent)
    rules, now = queries.rules_of(cpts), sent.sent_at
    found = queries.matching_for(cpts, settings_mt, rules, now=now)
    assert found.found.placed.sum() == 0


# Pages


def test_the_desk_notes_the_call_and_the_household_on_the_page(client, cpts, take, signalled):
    other = take(phone=signalled.resident.phone)
    sign_in(client, cpts, Role.DISPATCHER)
    page = text(client.get(at("request", cpts, signalled.pk)))
    assert "recueillez l'accord" in page and "aucun médecin ne voit le nom" in page
    assert client.post(at("call", cpts, signalled.pk), {}).status_code == 422
    client.post(at("call", cpts, signalled.pk), {"result": "reached", "agreement_from": "patient"})
    page = text(client.get(at("request", cpts, signalled.pk)))
    assert f'name="with" value="{other.pk}"' in page
    assert "À voir" not in page and "Accord de partage recueilli" in page
    client.post(at("household", cpts, signalled.pk), {"with": "12"})
    assert again(signalled).household is None
    client.post(at("household", cpts, signalled.pk), {"with": other.pk})
    assert again(signalled).household == other
    page = text(client.get(at("request", cpts, signalled.pk)))
    assert f'name="with" value="{other.pk}"' not in page


def test_the_coordination_sees_what_waits_for_it(client, cpts, take, doctor, offers, coordinator):
    offers(doctor)
    sent = actions.propose_doctor(by=coordinator, doctor_request=take(), professional=doctor)
    actions.refuse_attribution(by=coordinator, attribution=sent, reason="full")
    client.force_login(coordinator.seat.user)
    assert "à voir" in text(client.get(at("waiting", cpts)))
    page = text(client.get(at("request", cpts, sent.doctor_request_id)))
    assert "proposez-en un autre" in page


def test_the_resident_reads_where_it_is_at_each_state(
    client, cpts, take, doctor, offers, coordinator, desk, clock
):
    offers(doctor)
    made = take()
    link = queries.link_to_request(made)

    def says(*words, never=("interrogé", "accepte de vous", str(doctor))):
        shown = text(client.get(link))
        assert all(word in shown for word in words), shown
        assert not [word for word in never if word in shown and word not in words]

    says("La CPTS vous répond avant le 22/01/2027", "En attente")
    sent = actions.propose_doctor(by=coordinator, doctor_request=made, professional=doctor)
    says("interrogé", "avant le 30/11/2026")
    actions.refuse_attribution(by=coordinator, attribution=sent, reason="full")
    says("En attente : la CPTS cherche")
    clock.move(days=61)
    says("en retard")
    assert "vous répond avant" not in text(client.get(link))
    second = make_doctor(cpts)
    offers(second, until_on=clock.now.date() + dt.timedelta(days=30))
    sent = actions.propose_doctor(by=coordinator, doctor_request=made, professional=second)
    actions.accept_attribution(by=coordinator, attribution=sent)
    says("accepte de vous", "La CPTS vous appelle", "carte Vitale")
    actions.confirm_declaration(by=desk, doctor_request=made)
    says("est déclaré", "Cette page s'efface le")


def test_the_version_to_print_has_class_numbers_and_nothing_to_fill_in(
    client, cpts, take, doctor, offers, coordinator
):
    offers(doctor)
    rules = [actions.Rule("ald", 1)]
    actions.set_rules(by=coordinator, cpts=cpts, rules=rules, source="bureau")
    take(ald="yes", family_name="Canaripatient")
    client.force_login(coordinator.seat.user)
    page = text(client.get(at("matching", cpts), {"imprimer": "1", "prix": "1"}))
    main = page.split("<main")[1].split("</main>")[0]
    assert "priorité 1" in main and "Priorité 1 :" in main
    for word in ("ALD", "longue durée", "Canaripatient", "<select", "<button", "checkbox"):
        assert word not in main, word
    assert "longue durée" in text(client.get(at("matching", cpts)))
