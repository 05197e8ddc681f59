"""Nothing ends in silence: whoever waits is told by what they agreed to, else somebody has to call."""

import datetime as dt
import re

import pytest
from django.core.management import call_command
from test_mt_pages import at, text

from factories import make_doctor
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice, Seat
from maillage.accounts.rules import LinkActor
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.models import Attribution, DoctorRequest
from people import sign_in

PHONE = "0639980177"
TOLD_BY = {
    "sms": {"phone": PHONE, "sms_allowed": True, "email": "habitant@exemple.test"},
    "mail": {"phone": PHONE, "sms_allowed": False, "email": "habitant@exemple.test"},
    "call": {"phone": PHONE, "sms_allowed": False},
}


@pytest.fixture
def accept(doctor, offers, coordinator):
    def run(made, professional=doctor):
        offers(professional)
        given = {"doctor_request": made, "professional": professional}
        sent = actions.propose_doctor(by=coordinator, **given)
        return actions.accept_attribution(by=coordinator, attribution=sent)

    return run


def again(made):
    return DoctorRequest.objects.get(pk=made.pk)


def told(made, key="closed"):
    rows = Notice.objects.filter(key__startswith=f"doctor_request:{made.pk}:{key}")
    return [(each.channel, each.recipient, each.body) for each in rows]


def request_in(body):
    """The request that the link of a message leads to."""
    return queries.read_request_token(re.search(r"/m/([^/]+)/", body)[1])[1]


def declare(made, accept, desk, clock):
    accept(made)
    actions.confirm_declaration(by=desk, doctor_request=made)


def six_months(made, accept, desk, clock):
    accept(made)
    clock.move(days=200)
    call_command("doctor_requests_watch")


def leave(made, accept, desk, clock):
    actions.withdraw(by=desk, doctor_request=made, reason="moved")


ENDS = {"declared": declare, "closed_after_six_months": six_months, "withdrawn": leave}


@pytest.mark.parametrize("means", TOLD_BY)
@pytest.mark.parametrize("state", ENDS)
def test_each_end_is_told_or_left_to_call(state, means, take, accept, desk, clock, settings_mt):
    made = take(family_name="Canaripatient", ald="yes", **TOLD_BY[means])
    ENDS[state](made, accept, desk, clock)
    made = again(made)
    assert made.state == state
    notices = told(made)
    if means == "call":
        assert notices == [] and "appelez l'habitant" in made.alert
        days = dt.timedelta(days=settings_mt.remind_days)
        assert made.owner and made.deadline_on == clock.now.date() + days
        return
    assert made.alert == ""
    [(channel, recipient, body)] = notices
    assert (channel, recipient) == (
        means,
        TOLD_BY[means].get("email") if means == "mail" else PHONE,
    )
    assert "close" in body and request_in(body) == made.pk
    words = re.sub(r"http\S+", "", body)
    for word in ("Canaripatient", "ALD", "longue durée", "médecin", "Dr"):
        assert word not in words, word


@pytest.mark.parametrize(
    ("reason", "leaves"), [("deceased", 0), ("unreachable", 1), ("asked", 1), ("other", 1)]
)
def test_nobody_writes_to_the_dead_nor_calls_who_said_it(reason, leaves, take, desk):
    made = actions.withdraw(by=desk, doctor_request=take(**TOLD_BY["mail"]), reason=reason)
    assert len(told(made)) == leaves
    made = actions.withdraw(by=desk, doctor_request=take(**TOLD_BY["call"]), reason=reason)
    assert (made.alert != "") == (reason == "other")


def test_who_ends_it_by_their_link_is_told_on_the_page(cpts, take):
    for end in (actions.withdraw, actions.found_elsewhere):
        made = take(**TOLD_BY["call"])
        link = LinkActor(cpts_id=cpts.pk, target=f"doctor_request:{made.pk}")
        made = end(by=link, doctor_request=made)
        assert told(made) == [] and made.alert == ""


def test_found_elsewhere_said_to_the_desk_is_confirmed_to_the_resident(take, desk):
    made = actions.found_elsewhere(by=desk, doctor_request=take(**TOLD_BY["sms"]))
    assert len(told(made)) == 1 and made.alert == ""


def test_a_call_to_make_is_reminded_of_then_done(take, desk, clock, settings_mt):
    made = take(**TOLD_BY["call"])
    actions.withdraw(by=desk, doctor_request=made, reason="moved")

    def reminded():
        call_command("doctor_requests_watch")
        return len(told(made, "late"))

    assert reminded() == 0
    clock.move(days=settings_mt.remind_days + 1)
    assert reminded() == 1 == reminded()
    assert "appelez l'habitant" in again(made).alert
    actions.record_call(by=desk, doctor_request=again(made), is_reached=True)
    clock.move(days=settings_mt.remind_days + 1)
    assert reminded() == 1 and again(made).alert == ""
    with pytest.raises(actions.TooLate):
        actions.record_call(by=desk, doctor_request=again(made), is_reached=True)


def test_three_calls_without_an_answer_end_the_trying_and_say_so(take, desk, clock):
    made = take(**TOLD_BY["call"])
    actions.withdraw(by=desk, doctor_request=made, reason="moved")
    for left in (True, True, False):
        clock.move(minutes=10)
        for _ in range(2):  # a double click is no second try, of the last one either
            made = actions.record_call(by=desk, doctor_request=made, is_reached=False)
        assert (again(made).alert != "") == left
    assert made.events.filter(kind="called").count() == 3
    assert "n'a pas pu être prévenue" in made.events.filter(kind="called").last().text


def test_who_left_leaves_the_call_to_the_coordination(take, desk, coordinator, clock):
    made = actions.withdraw(by=desk, doctor_request=take(**TOLD_BY["call"]), reason="moved")
    assert made.owner_id == desk.seat_id
    Seat.objects.filter(pk=desk.seat_id).update(ends_on=clock.now.date())
    clock.move(days=1)
    call_command("doctor_requests_watch")
    assert again(made).owner_id == coordinator.seat_id


def test_merged_then_separated_is_told_or_left_to_call(take, desk):
    kept, double = take(**TOLD_BY["call"]), take(**TOLD_BY["sms"], agreement_from="patient")
    actions.merge(by=desk, doctor_request=double, into=kept)
    [(_, _, body)] = told(double, "merged")
    assert request_in(body) == kept.pk
    assert "recueillez l'accord" in again(kept).alert
    made = actions.unmerge(by=desk, doctor_request=again(double))
    assert len(told(double, "waits")) == 1 and made.alert == ""
    actions.merge(by=desk, doctor_request=again(kept), into=made)
    assert told(kept, "merged") == [] and "appelez l'habitant" in again(made).alert


def test_a_merge_hides_no_call_that_is_to_be_made(take, desk, accept):
    kept, double = take(**TOLD_BY["call"]), take(**TOLD_BY["sms"])
    accept(kept)
    actions.merge(by=desk, doctor_request=double, into=kept)
    assert "Un médecin accepte : appelez" in again(kept).alert


def test_a_doctor_taken_back_after_the_yes_is_told_to_the_resident(take, accept, coordinator):
    made = take(**TOLD_BY["sms"])
    actions.take_back_attribution(by=coordinator, attribution=accept(made))
    assert len(told(made, "waits")) == 1
    assert "appelez l'habitant" in again(made).alert


def test_a_doctor_no_message_reaches_is_to_be_called(take, cpts, offers, accept, coordinator, desk):
    unreached = make_doctor(cpts, phone="", email="")
    made = take(**TOLD_BY["sms"])
    attribution = accept(made, unreached)
    sent = again(made)
    actions.withdraw(by=desk, doctor_request=sent, reason="moved")
    assert Attribution.objects.get(pk=attribution.pk).state == "withdrawn"
    assert again(made).alert.endswith("appelez le médecin.")
    waiting = take(**TOLD_BY["sms"])
    actions.propose_doctor(by=coordinator, doctor_request=waiting, professional=unreached)
    assert "appelez-le" in again(waiting).alert


def test_an_address_given_by_somebody_else_is_not_written_to(take, cpts):
    made = take(channel="professional", **TOLD_BY["mail"])
    assert told(made, "recorded") == []
    assert "appelez l'habitant" in made.alert
    assert len(told(take(**TOLD_BY["mail"]), "recorded")) == 1


def test_the_desk_finds_the_calls_to_make_and_notes_them(client, cpts, take, desk):
    made = take(**TOLD_BY["call"])
    sign_in(client, cpts, Role.DISPATCHER)
    assert "appel à faire" not in text(client.get(at("waiting", cpts))).split("</form>")[1]
    actions.withdraw(by=desk, doctor_request=made, reason="moved")
    page = text(client.get(at("waiting", cpts)))
    assert "1 personne à prévenir par téléphone" in page and "?etat=to_call" in page
    assert f"n° {made.number}<" in text(client.get(at("waiting", cpts), {"etat": "to_call"}))
    page = text(client.get(at("request", cpts, made.pk)))
    assert "appelez l'habitant" in page and "Responsable" in page
    assert 'name="agreement_from"' not in page
    client.post(at("call", cpts, made.pk), {"result": "reached"})
    assert again(made).alert == ""
    assert "Noter un appel" not in text(client.get(at("request", cpts, made.pk)))


def test_the_coordination_sees_which_doctors_to_call(client, cpts, doctor, coordinator):
    unreached = make_doctor(cpts, phone="", email="")
    assert actions.ask_doctors(by=coordinator, cpts=cpts) == (2, 1)
    client.force_login(coordinator.seat.user)
    rows = text(client.get(at("offers", cpts))).split("<tr>")
    called = [each for each in rows if "à appeler : ni mobile ni adresse" in each]
    assert len(called) == 1 and str(unreached) in called[0]
