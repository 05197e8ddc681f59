"""What the pages of unscheduled care show, keep and refuse."""

import datetime as dt
import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from factories import GENELARD, MONTCEAU, make_case, make_request, professional_actor
from maillage.accounts.enums import Role
from maillage.kernel.models import JournalLine
from maillage.residents.models import Resident
from maillage.snp import queries
from maillage.snp.models import CareRequest, RedFlagList
from people import sign_in

SECRETS = ("Fictif", "Léo", "06 39 98 00 01", "0639980001", "Fièvre", "secret")
KNOWN = {"family_name": "Fictif", "given_name": "Léo", "note": "secret", "sms_allowed": True}


def at(name, cpts, **kwargs):
    return reverse(f"snp:{name}", kwargs={"cpts": cpts.slug} | kwargs)


def html_of(response):
    return html.unescape(response.content.decode()).replace("\u00a0", " ")


def text_of(response):
    """What is read on the page: no tags, plain spaces."""
    page = html_of(response)
    main = re.sub(r"<[^>]+>", " ", page[page.index("<main") : page.index("</main>")])
    return " ".join(main.split())


@pytest.fixture
def at_desk(client, desk):
    client.force_login(desk.seat.user)
    return client


def call(**said):
    return {
        "form_key": "appel-1",
        "sign": "none",
        "phone": "06 39 98 00 02",
        "commune": MONTCEAU,
        "profession": "10",
        "channel": "patient",
        "reason": "fever",
        "age_band": "16-69",
        "can_travel": "on",
    } | said


# The form


def test_signs_come_first_then_the_rest(at_desk, cpts):
    page = html_of(at_desk.get(at("new", cpts)))
    places = [page.index(f'name="{name}"') for name in ("sign", "phone", "commune", "reason")]
    assert places == sorted(places)
    assert "Liste d'exemple" in page


def test_an_incomplete_form_keeps_what_was_typed(at_desk, cpts):
    page = at_desk.post(at("new", cpts), call(sign="", phone="12", note="depuis hier"))
    assert page.status_code == 422
    assert 'value="12"' in page.content.decode()
    assert 'value="depuis hier"' in page.content.decode()
    assert "2 champs à corriger" in text_of(page)
    assert not CareRequest.objects.exists()


def test_with_a_sign_only_phone_and_commune_are_asked(at_desk, cpts):
    sign = queries.red_flags(cpts).flags.first()
    sent = call(sign=sign.pk, reason="", age_band="", profession="10")
    page = at_desk.post(at("new", cpts), sent, follow=True)
    assert CareRequest.objects.get().status == "handed_over"
    assert "À transmettre au 15 maintenant" in text_of(page)
    assert sign.label in text_of(page)


def test_without_a_list_of_signs_the_form_says_what_to_do(at_desk, cpts):
    RedFlagList.objects.all().delete()
    page = text_of(at_desk.get(at("new", cpts)))
    assert "Aucune liste de signes d'alerte n'est en service" in page
    assert "Enregistrer et chercher" not in page


def test_out_of_hours_the_notice_opens_the_form(at_desk, cpts, desk, clock):
    assert "La régulation est fermée" not in text_of(at_desk.get(at("new", cpts)))
    clock.move(hours=12)
    at_desk.force_login(desk.seat.user)  # the session of the morning is over
    page = html_of(at_desk.get(at("new", cpts)))
    assert page.index("La régulation est fermée") < page.index('name="sign"')
    refused = at_desk.post(at("new", cpts), call())
    assert refused.status_code == 422
    assert not CareRequest.objects.exists()
    at_desk.post(at("new", cpts), call(out_of_hours_seen="on"))
    assert CareRequest.objects.count() == 1


def test_likely_doubles_are_asked_before_anything_is_created(at_desk, cpts, desk):
    known = make_request(desk, **KNOWN).resident
    sent = call(family_name="FICTIF", given_name="Leo", note="la toux revient")
    asked = at_desk.post(at("new", cpts), sent)
    assert "Cette personne est peut-être déjà connue" in text_of(asked)
    assert "la toux revient" in asked.content.decode()
    assert CareRequest.objects.count() == 1
    assert 'name="resident" value="" ' not in asked.content.decode()  # nobody is chosen for them
    at_desk.post(at("new", cpts), sent | {"resident": str(known.pk)})
    assert CareRequest.objects.order_by("pk").last().resident == known
    at_desk.post(at("new", cpts), sent | {"form_key": "appel-2", "resident": "new"})
    assert Resident.objects.count() == 2


# The board


def test_a_worry_that_is_in_no_list_goes_to_the_15(at_desk, cpts, desk):
    care_request = make_request(desk)
    page = at_desk.post(at("signs", cpts, pk=care_request.pk), {"sign": "worry"}, follow=True)
    care_request.refresh_from_db()
    assert care_request.status == "handed_over"
    assert care_request.hand_over.red_flag is None
    assert "À transmettre au 15 maintenant" in text_of(page)


def test_signs_asked_again_and_none_of_them_change_nothing(at_desk, cpts, desk):
    care_request = make_request(desk)
    at_desk.post(at("signs", cpts, pk=care_request.pk), {"sign": "none"})
    care_request.refresh_from_db()
    assert care_request.status == "new"


@pytest.mark.parametrize("moment", ["new", "proposed", "accepted", "informed"])
def test_the_15_is_one_click_away_while_the_request_is_open(at_desk, cpts, desk, moment):
    case = make_case(desk, moment)
    page = html_of(at_desk.get(at("board", cpts), {"demande": case.care_request.pk}))
    assert f'href="{at("signs", cpts, pk=case.care_request.pk)}"' in page


def test_an_answer_given_by_telephone_is_written_by_the_desk(at_desk, cpts, desk):
    case = make_case(desk, "proposed")
    at_desk.post(at("voice", cpts, pk=case.proposal.pk), {"answer": "accept"})
    case.proposal.refresh_from_db()
    assert (case.proposal.state, case.proposal.answered_by_seat_id) == ("accepted", desk.seat_id)


def test_a_refusal_by_telephone_needs_its_reason(at_desk, cpts, desk):
    case = make_case(desk, "proposed")
    page = at_desk.post(at("voice", cpts, pk=case.proposal.pk), {}, follow=True)
    case.proposal.refresh_from_db()
    assert case.proposal.state == "sent"
    assert "Choisissez une raison" in page.content.decode()
    at_desk.post(at("voice", cpts, pk=case.proposal.pk), {"reason": "too_far"})
    case.proposal.refresh_from_db()
    assert (case.proposal.state, case.proposal.refusal_reason) == ("refused", "too_far")


def test_only_the_desk_answers_by_voice(client, cpts, desk):
    case = make_case(desk, "proposed")
    client.force_login(professional_actor(cpts, case.doctor).seat.user)
    refused = client.post(at("voice", cpts, pk=case.proposal.pk), {"answer": "accept"})
    assert refused.status_code == 403
    case.proposal.refresh_from_db()
    assert case.proposal.state == "sent"


@pytest.mark.parametrize(("allowed", "shown"), [(True, True), (False, False)])
def test_an_sms_is_offered_only_where_it_may_go(at_desk, cpts, desk, allowed, shown):
    case = make_case(desk, "accepted", sms_allowed=allowed)
    page = at_desk.get(at("board", cpts), {"demande": case.care_request.pk})
    assert ("par SMS" in text_of(page)) is shown


def test_everybody_left_out_has_a_reason_on_the_board(at_desk, cpts, desk):
    make_case(desk, "proposed")
    case = make_case(desk, age_band="0-1")
    case.doctor.age_from = 6
    case.doctor.save()
    page = text_of(at_desk.get(at("board", cpts), {"demande": case.care_request.pk}))
    assert "et pourquoi" in page
    assert str(case.doctor) in page[page.index("et pourquoi") :]


# The signed link


def test_before_log_in_nothing_tells_who_or_why(client, cpts, desk):
    case = make_case(desk, "proposed", **KNOWN)
    url = reverse("snp:link", kwargs={"token": queries.proposal_token(case.proposal)})
    page = html_of(client.get(url))
    assert [word for word in SECRETS if word in page] == []
    assert "Adulte" in page
    assert "Montceau-les-Mines" in page  # a large commune
    assert "Se connecter pour voir le motif et le patient" in page


def test_a_small_commune_is_not_said_before_log_in(client, cpts, desk):
    case = make_case(desk, "proposed", insee=GENELARD)
    url = reverse("snp:link", kwargs={"token": queries.proposal_token(case.proposal)})
    assert "Génelard" not in client.get(url).content.decode()


def test_opening_the_link_answers_nothing_and_two_taps_do(client, cpts, desk):
    case = make_case(desk, "proposed")
    url = reverse("snp:link", kwargs={"token": queries.proposal_token(case.proposal)})
    client.get(url)
    case.proposal.refresh_from_db()
    assert case.proposal.state == "sent"
    page = client.post(url, {"answer": "accept"}, follow=True)
    assert "Acceptée, merci" in text_of(page)


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        ("refuse", "Vous avez refusé"),
        ("withdraw", "Demande retirée"),
        ("wait", "attend encore"),
    ],
)
def test_each_state_of_a_link_has_its_sentence(client, at_desk, cpts, desk, clock, end, sentence):
    case = make_case(desk, "proposed", minutes=120)
    url = reverse("snp:link", kwargs={"token": queries.proposal_token(case.proposal)})
    if end == "refuse":
        client.post(url, {"reason": "away"})
    elif end == "withdraw":
        at_desk.post(at("withdraw", cpts, pk=case.proposal.pk))
    else:
        clock.move(minutes=20)
        case.proposal.state = "expired"
        case.proposal.save()
    assert sentence in text_of(client.get(url))


def test_a_link_of_nobody_is_gone(client, db):
    page = client.get(reverse("snp:link", kwargs={"token": "n-importe-quoi"}))
    assert page.status_code == 410
    assert "Ce lien n'est plus valable" in text_of(page)


# The coordinator, the story, the settings


def test_the_follow_up_counts_without_identity(client, cpts, desk):
    make_case(desk, "informed", **KNOWN)
    sign_in(client, cpts, Role.COORDINATOR)
    with CaptureQueriesContext(
        connection,
    ) as seen:
        page = html_of(client.get(at("follow", cpts)))
    assert [word for word in SECRETS if word in page and word != "Fièvre"] == []
    assert "Fièvre" in page
    assert len(seen) <= 6


def test_the_story_tells_each_minute_and_why_each_was_chosen(at_desk, cpts, desk):
    case = make_case(desk, "honoured", agreement_from="patient", **KNOWN)
    with CaptureQueriesContext(connection) as seen:
        page = at_desk.get(at("story", cpts, pk=case.care_request.pk))
    told = text_of(page)
    moments = ["Demande reçue", "Proposée à", "Acceptée par", "patient informé", "Issue : honorée"]
    assert [told.index(each) for each in moments] == sorted(told.index(each) for each in moments)
    assert case.proposal.explanation.splitlines()[0].replace("\u00a0", " ") in told
    assert len(seen) <= 10
    read = JournalLine.objects.filter(kind="read", action="snp.story").get()
    assert read.residents == [case.care_request.resident_id]


def test_settings_say_the_list_is_an_example_and_keep_the_past(client, cpts):
    sign_in(client, cpts, Role.COORDINATOR)
    page = text_of(client.get(at("settings", cpts)))
    assert "Liste d'exemple, à faire valider" in page
    signed = {
        "labels": "Douleur dans la poitrine\nConvulsion",
        "validated_by": "Dr Réglisse Fictive",
        "validated_on": dt.date(2026, 11, 23),
    }
    page = client.post(at("signs_settings", cpts), signed, follow=True)
    told = text_of(page)
    assert "Validée par Dr Réglisse Fictive" in told
    assert "Listes successives" in told


def test_a_wrong_line_of_opening_hours_is_named(client, cpts):
    sign_in(client, cpts, Role.COORDINATOR)
    page = client.post(at("settings", cpts), {"hours": "lundi 8:00-20:00\nmardi 20:00-8:00"})
    assert page.status_code == 422
    assert "Ligne 2" in text_of(page)
