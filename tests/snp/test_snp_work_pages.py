"""The desk's work on the pages: what each shows, keeps and refuses."""

import datetime as dt
import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from factories import (
    MONDAY,
    MONTCEAU,
    make_case,
    make_doctor,
    make_offer,
    make_request,
    make_slot,
    professional_actor,
)
from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.availability.actions import add_absence
from maillage.kernel.models import JournalLine
from maillage.snp import actions, queries
from maillage.snp.models import Call, CareRequest, Proposal
from maillage.snp.queries import proposal_token
from maillage.snp.queries.replay import replay_of, why
from people import actor_as, sign_in

LATER = MONDAY + dt.timedelta(hours=8, minutes=40)
KNOWN = {
    "family_name": "Secretfictif",
    "given_name": "Léo",
    "note": "notesecrète",
    "caller_name": "Tantesecrète",
}
SECRETS = ("Secretfictif", "Léo", "notesecrète", "Tantesecrète", "06 39 98 00 01", "0639980001")


def at(name, cpts, **kwargs):
    return reverse(f"snp:{name}", kwargs={"cpts": cpts.slug} | kwargs)


def text_of(response):
    """What is read on the page: no tags, plain spaces."""
    page = html.unescape(response.content.decode()).replace("\u00a0", " ")
    main = re.sub(r"<[^>]+>", " ", page[page.index("<main") : page.index("</main>")])
    return " ".join(main.split())


@pytest.fixture
def at_desk(client, desk):
    client.force_login(desk.seat.user)
    return client


@pytest.fixture
def coordinator(client, cpts):
    sign_in(client, cpts, Role.COORDINATOR)
    return client


def fresh(row):
    row.refresh_from_db()
    return row


def no_secret(response):
    page = html.unescape(response.content.decode()).replace("\u00a0", " ")
    assert response.status_code == 200
    return [word for word in SECRETS if word in page] == []


# A call that is known


def call(**said):
    return {
        "form_key": "appel-1",
        "sign": "none",
        "phone": "06 39 98 00 01",
        "commune": MONTCEAU,
        "profession": "10",
        "channel": "patient",
        "reason": "pain",
        "age_band": "16-69",
        "note": "depuis hier",
        "can_travel": "on",
    } | said


def test_a_known_call_is_shown_before_anything_is_created(at_desk, desk, cpts):
    known = make_request(desk, family_name="Fictif", given_name="Léo")
    page = at_desk.post(at("new", cpts), call())
    text = text_of(page)
    assert page.status_code == 422 and CareRequest.objects.count() == 1
    assert f"Demande n° {known.number} , reçue 9 h 00 : Fièvre" in text
    assert "C'est le même appel : ouvrir la demande" in text and "Léo Fictif" in text
    assert f"?demande={known.pk}" in page.content.decode()
    assert 'value="depuis hier"' in page.content.decode(), "nothing typed is lost"
    assert JournalLine.objects.get(action="snp.new").residents == [known.resident_id]
    done = at_desk.post(at("new", cpts), call(double_checked="True"))
    other = next(each for each in CareRequest.objects.all() if each.note == "depuis hier")
    assert done.status_code == 302 and done.url.endswith(f"?demande={other.pk}")


def test_said_to_be_another_call_stays_said_on_the_next_form(at_desk, desk, cpts):
    make_request(desk)
    page = at_desk.post(at("new", cpts), call(double_checked="True", reason=""))
    assert page.status_code == 422
    assert re.search(r'name="double_checked" value="True"', page.content.decode())


def test_a_sign_on_a_known_call_goes_to_the_15_at_once(at_desk, desk, cpts):
    make_request(desk)
    flags = queries.red_flags(cpts)
    done = at_desk.post(at("new", cpts), call(sign=flags.flags.first().pk))
    assert done.status_code == 302
    assert CareRequest.objects.order_by("-pk")[0].status == "handed_over"


# On the sheet


def test_the_sheet_offers_calls_doubles_and_looking_back(at_desk, desk, cpts):
    case = make_case(desk, "proposed")
    page = at_desk.get(at("board", cpts), {"demande": case.care_request.pk})
    text = text_of(page)
    for words in ("Noter un appel", "C'est un doublon", "Minute par minute", "Relève"):
        assert words in text
    assert f'value="pro-{case.doctor.pk}"' in page.content.decode()
    sent = {"whom": f"pro-{case.doctor.pk}", "result": "reached"}
    at_desk.post(at("call", cpts, pk=case.care_request.pk), sent)
    noted = Call.objects.get()
    assert (noted.to, noted.professional_id) == ("professional", case.doctor.pk)


@pytest.mark.parametrize(
    "sent",
    [{}, {"whom": "pro-", "result": "reached"}, {"whom": "patient", "result": "x"}],
    ids=["nothing", "half", "a wrong result"],
)
def test_a_call_half_said_is_refused_with_a_sentence(at_desk, desk, cpts, sent):
    care_request = make_request(desk)
    page = at_desk.post(at("call", cpts, pk=care_request.pk), sent, follow=True)
    assert "Indiquez qui a été appelé" in page.content.decode()
    assert not Call.objects.exists()


def test_nobody_elses_professional_is_called(at_desk, desk, cpts, neighbour):
    care_request = make_request(desk)
    theirs = make_doctor(neighbour)
    sent = {"whom": f"pro-{theirs.pk}", "result": "reached"}
    assert at_desk.post(at("call", cpts, pk=care_request.pk), sent).status_code == 404


def test_merge_and_separate_on_the_pages(at_desk, desk, cpts, clock):
    kept = make_request(desk)
    clock.move(minutes=3)
    other = make_request(desk, phone="0639980055")
    double = make_request(desk)
    url = at("merge", cpts, pk=double.pk)
    choices = re.findall(r'<option value="(\d+)"', at_desk.get(url).content.decode())
    assert choices == [str(kept.pk), str(other.pk)], "what looks like it comes first"
    assert at_desk.post(url, {"into": ""}).status_code == 422
    assert at_desk.post(url, {"into": double.pk}).status_code == 422
    assert at_desk.post(url, {"into": kept.pk}).status_code == 302
    assert fresh(double).status == "merged"
    page = at_desk.get(at("board", cpts), {"demande": double.pk})
    assert "séparer" in text_of(page) and f"?demande={kept.pk}" in page.content.decode()
    at_desk.post(at("unmerge", cpts, pk=double.pk))
    assert fresh(double).status == "new"


# Another hour


def test_another_hour_from_the_link_to_the_appointment(client, desk, cpts):
    case = make_case(desk, "proposed")
    url = reverse("snp:link", kwargs={"token": proposal_token(case.proposal)})
    assert "Pas à cette heure, mais à une autre" in text_of(client.get(url))
    sent = {"answer": "counter", "day": MONDAY.date().isoformat(), "hour": "17:40"}
    bad = client.post(url, sent | {"hour": "25:99"}, follow=True)
    assert "Écrivez l'heure ainsi" in html.unescape(bad.content.decode())
    page = client.post(url, sent, follow=True)
    assert "Vous avez proposé une autre heure" in text_of(page)
    assert fresh(case.proposal).counter_at == LATER
    client.force_login(desk.seat.user)
    board = text_of(client.get(at("board", cpts), {"demande": case.care_request.pk}))
    assert f"{case.doctor} propose aujourd'hui, 17 h 40" in board
    page = client.post(at("counter_take", cpts, pk=case.proposal.pk), follow=True)
    assert "Heure retenue : prévenez le patient." in page.content.decode()
    assert "17 h 40" in text_of(page)
    assert fresh(case.care_request).status == "accepted"


def test_another_hour_signed_in_or_said_to_the_desk(client, desk, cpts):
    case = make_case(desk, "proposed")
    url = at("counter", cpts, pk=case.proposal.pk)
    client.force_login(professional_actor(cpts, case.doctor).seat.user)
    assert client.get(url).status_code == 200
    sent = {"day": MONDAY.date().isoformat(), "hour": "08:00"}
    page = client.post(url, sent)
    assert page.status_code == 422 and "Cette heure est passée" in text_of(page)
    client.force_login(desk.seat.user)
    done = client.post(url, sent | {"hour": "17:40"})
    assert done.url.endswith(f"?demande={case.care_request.pk}")
    page = client.post(at("counter_decline", cpts, pk=case.proposal.pk), follow=True)
    assert fresh(case.proposal).state == "withdrawn"


# The shift, the day, absences


def test_the_shift_on_its_page(at_desk, desk, cpts):
    mine = make_request(desk, **KNOWN)
    next_one = actor_as(cpts, Role.DISPATCHER)
    make_request(next_one)
    page = at_desk.get(at("shift", cpts))
    text = text_of(page)
    assert no_secret(page) and "1 demande à vous, 2 demandes ouvertes en tout" in text
    assert at_desk.post(at("shift", cpts), {"to_seat": desk.seat_id}).status_code == 422
    page = at_desk.post(at("shift", cpts), {"to_seat": next_one.seat_id}, follow=True)
    assert "Rien à transmettre" in text_of(page)
    assert fresh(mine).owner_id == next_one.seat_id
    again = at_desk.post(at("shift", cpts), {"to_seat": next_one.seat_id})
    assert again.status_code == 422 and "rien à transmettre" in text_of(again)


def booked(desk, cpts, count, **said):
    doctor = make_doctor(cpts)
    found = []
    for n in range(count):
        slot = make_slot(doctor, 120 + 30 * n, mode="bookable")
        care_request = make_request(desk, **said)
        actions.propose(by=desk, care_request=care_request, slot=slot)
        actions.inform_patient(by=desk, care_request=care_request, means="phone", result="reached")
        found.append(care_request)
    add_absence(
        by=SYSTEM,
        professional=doctor,
        starts_at=MONDAY,
        ends_at=MONDAY + dt.timedelta(hours=10),
    )
    return doctor, found


def test_absences_re_orient_one_then_all(at_desk, desk, cpts):
    doctor, found = booked(desk, cpts, 3)
    other, _ = make_offer(cpts, 400)
    page = at_desk.get(at("absences", cpts))
    text = text_of(page)
    assert f"Réorienter les 3 de {doctor}" in text and str(other) in text and "à rappeler" in text
    at_desk.post(at("reorient_one", cpts, pk=found[0].pk))
    assert [fresh(each).status for each in found] == ["new", "informed", "informed"]
    page = at_desk.post(at("reorient_all", cpts), {"professional": doctor.pk}, follow=True)
    assert {fresh(each).status for each in found} == {"new"}
    assert all(each.to_tell for each in found)
    assert "Aucun rendez-vous sous une absence" in text_of(page)
    assert at_desk.post(at("reorient_all", cpts), {"professional": "x"}).status_code == 302


def test_the_best_alternative_says_its_day_and_who_has_none(at_desk, desk, cpts):
    booked(desk, cpts, 3)
    today, _ = make_offer(cpts, 400)
    tomorrow, _ = make_offer(cpts, 24 * 60)
    text = text_of(at_desk.get(at("absences", cpts)))
    assert f"{today}, aujourd'hui 15 h 40" in text
    assert f"{tomorrow}, demain 9 h" in text
    assert text.count("personne pour l'instant") == 1


def test_one_refusal_does_not_stop_the_others(at_desk, desk, cpts, monkeypatch):
    """As a stop of the server between two of them: what is left is still there, and done next."""
    doctor, found = booked(desk, cpts, 3)
    whole = actions.reorient_absent

    def stops(*, by, care_request):
        if care_request.pk == found[1].pk:
            raise actions.TooLate("Arrêt au milieu.")
        return whole(by=by, care_request=care_request)

    with monkeypatch.context() as patched:
        patched.setattr("maillage.snp.actions.reorient_absent", stops)
        at_desk.post(at("reorient_all", cpts), {"professional": doctor.pk})
    assert [fresh(each).status for each in found] == ["new", "informed", "new"]
    at_desk.post(at("reorient_all", cpts), {"professional": doctor.pk})
    assert fresh(found[1]).status == "new"


def test_the_days_sheet_has_no_identity(coordinator, desk, cpts):
    make_request(desk, **KNOWN)
    booked(desk, cpts, 1, is_sure=True, **KNOWN)
    page = coordinator.get(at("day", cpts))
    text = text_of(page)
    assert no_secret(page) and "9 h" in text and "lundi 23 novembre 2026" in text
    yesterday = coordinator.get(at("day", cpts), {"date": "2026-11-22"})
    assert "Rien n'a été reçu ce jour-là" in text_of(yesterday)
    for odd in ("2027-01-01", "hier", "0001-01-01"):
        assert "23 novembre" in text_of(coordinator.get(at("day", cpts), {"date": odd}))


# Looking back


def test_a_case_minute_by_minute_without_identity(coordinator, desk, cpts, clock):
    case = make_case(desk, "proposed", **KNOWN)
    clock.move(minutes=4)
    actions.note_call(by=desk, care_request=case.care_request, to="patient", result="no_answer")
    clock.move(minutes=6)
    actions.accept_proposal(by=professional_actor(cpts, case.doctor), proposal=case.proposal)
    minutes = replay_of(case.care_request)
    assert [(m.at - MONDAY).seconds // 60 for m in minutes] == [0, 4, 10]
    assert [m.status for m in minutes] == ["Proposée", "Proposée", "Acceptée"]
    assert all(m.owner == desk.seat for m in minutes)
    first = " ".join(text for text, _ in minutes[0].acts)
    assert "Demande reçue" in first and "Classement" in first and "Message écrit (SMS" in first
    page = coordinator.get(at("replay", cpts, pk=case.care_request.pk))
    assert no_secret(page) and "Appel : le patient ou l'appelant, pas de réponse" in text_of(page)


def test_why_somebody_was_asked_or_not_at_each_moment(coordinator, desk, cpts, clock):
    first, slot = make_offer(cpts, 60)
    second, _ = make_offer(cpts, 90)
    full = make_doctor(cpts)
    nurse = make_doctor(cpts, profession="60", speciality="")
    care_request = make_request(desk, **KNOWN)
    actions.propose(by=desk, care_request=care_request, slot=slot)
    clock.move(minutes=5)
    told = {
        each: [line.text for line in why(care_request, each, now=clock.now)]
        for each in (first, second, full, nurse)
    }
    assert "classé n° 1, et a été choisi" in told[first][0]
    assert told[first][1].startswith("Sollicité pour")
    assert f"classé n° 2 ; {first}, classé n° 1, a été choisi" in told[second][0]
    assert told[second][-1] == "Peut répondre, classé n° 1."
    assert told[full][0].startswith("Écarté") and told[full][-1].startswith("Écarté")
    assert "Pas dans le classement" in told[nurse][0]
    page = coordinator.get(at("why", cpts, pk=care_request.pk))
    assert no_secret(page) and str(second) in text_of(page)
    page = coordinator.get(at("why", cpts, pk=care_request.pk), {"pro": second.pk})
    assert no_secret(page) and "maintenant Peut répondre" in text_of(page)
    page = coordinator.get(at("why", cpts, pk=care_request.pk), {"q": second.family_name})
    assert f"?pro={second.pk}" in page.content.decode()
    for odd in ({"pro": "99999"}, {"a": "x"}, {"pro": "x"}):
        assert coordinator.get(at("why", cpts, pk=care_request.pk), odd).status_code == 200


def test_what_the_ranking_said_then_stays_said(desk, cpts, clock):
    first, slot = make_offer(cpts, 60)
    second, _ = make_offer(cpts, 90)
    care_request = make_request(desk)
    actions.propose(by=desk, care_request=care_request, slot=slot)
    add_absence(
        by=SYSTEM, professional=second, starts_at=MONDAY, ends_at=MONDAY + dt.timedelta(days=3)
    )
    lines = why(care_request, second, now=clock.now)
    assert "classé n° 2" in lines[0].text
    assert lines[-1].text.startswith("Écarté") and lines[-1].is_now


# Queries


@pytest.mark.parametrize(("name", "most"), [("shift", 16), ("day", 26)])
def test_the_sheets_cost_the_same_for_one_request_and_for_many(at_desk, desk, cpts, name, most):
    counts = []
    for turn in range(2):
        for _ in range(1 + 4 * turn):
            make_case(desk, "proposed")
        with CaptureQueriesContext(connection) as done:
            assert at_desk.get(at(name, cpts)).status_code == 200
        counts.append(len(done))
    assert counts[0] == counts[1] <= most


def test_looking_back_costs_the_same_for_few_and_for_many(at_desk, desk, cpts, clock):
    case = make_case(desk, "proposed")
    url = at("replay", cpts, pk=case.care_request.pk)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as done:
            assert at_desk.get(url).status_code == 200
        counts.append(len(done))
        for _ in range(5):
            clock.move(minutes=1)
            actions.note_call(by=desk, care_request=case.care_request, to="patient", result="busy")
    assert counts[0] == counts[1] <= 16
    assert Proposal.objects.count() == 1
