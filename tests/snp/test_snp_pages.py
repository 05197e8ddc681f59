"""What the pages of unscheduled care show, keep and refuse."""

import datetime as dt
import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from factories import (
    GENELARD,
    MONTCEAU,
    VALUES,
    make_case,
    make_doctor,
    make_offer,
    make_request,
    professional_actor,
)
from maillage.accounts.enums import Role
from maillage.kernel.models import JournalLine
from maillage.residents.models import Resident
from maillage.snp import queries
from maillage.snp.models import CareRequest, DeskSettings, RedFlagList
from maillage.territory.models import Commune
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
    # The call itself may be known too: that is asked apart.
    sent["double_checked"] = "on"
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
    assert len(seen) <= 7


def test_the_story_tells_each_minute_and_why_each_was_chosen(at_desk, cpts, desk):
    case = make_case(desk, "honoured", agreement_from="patient", **KNOWN)
    with CaptureQueriesContext(connection) as seen:
        page = at_desk.get(at("story", cpts, pk=case.care_request.pk))
    told = text_of(page)
    moments = ["Demande reçue", "Proposée à", "Acceptée par", "patient informé", "Issue : honorée"]
    assert [told.index(each) for each in moments] == sorted(told.index(each) for each in moments)
    assert case.proposal.explanation.splitlines()[0].replace("\u00a0", " ") in told
    assert len(seen) <= 12
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
    lists = RedFlagList.objects.count()
    again = client.post(at("signs_settings", cpts), signed, follow=True)
    assert "Rien ne change" in again.text and RedFlagList.objects.count() == lists


def test_settings_sent_twice_are_kept_once(client, cpts, clock):
    sign_in(client, cpts, Role.COORDINATOR)
    hours = "lundi 8:00-20:00\nmardi 9:00-18:00"
    wanted = VALUES | {"summary_minute": "19:30", "hours": hours, "source": "bureau du 23"}
    kept = DeskSettings.objects.count()
    for hours, said, more in (
        (wanted["hours"], "Réglages enregistrés", 1),
        (wanted["hours"], "Rien ne change", 1),
        ("lundi 8:00-20:00", "Réglages enregistrés", 2),
        (wanted["hours"], "Réglages enregistrés", 3),  # as before, but not as now
    ):
        clock.move(minutes=1)
        page = client.post(at("settings", cpts), wanted | {"hours": hours}, follow=True)
        assert said in page.text and DeskSettings.objects.count() == kept + more


def test_a_wrong_line_of_opening_hours_is_named(client, cpts):
    sign_in(client, cpts, Role.COORDINATOR)
    page = client.post(at("settings", cpts), {"hours": "lundi 8:00-20:00\nmardi 20:00-8:00"})
    assert page.status_code == 422
    assert "Ligne 2" in text_of(page)


# What a new user stumbled on


def board_with(at_desk, cpts, care_request):
    return at_desk.get(at("board", cpts), {"demande": care_request.pk})


def test_the_outcome_waits_for_the_hour_yet_can_be_said_before(at_desk, cpts, desk, clock):
    case = make_case(desk, "informed", minutes=60)
    early = html_of(board_with(at_desk, cpts, case.care_request))
    assert re.search(r"<details[^>]*><summary><svg[^\n]*</svg>Le patient a déjà été reçu \?", early)
    assert 'value="honoured"' in early
    clock.move(minutes=61)
    at_desk.force_login(desk.seat.user)
    late = html_of(board_with(at_desk, cpts, case.care_request))
    assert "Le patient a déjà été reçu" not in late
    assert 'value="honoured"' in late


SHUT = r'<button class="slot ask" name="slot" value="{}" disabled>'


@pytest.mark.parametrize(("allowed", "is_shut"), [(1, True), (2, False)])
def test_while_an_answer_is_awaited_nobody_else_may_be_asked(at_desk, cpts, desk, allowed, is_shut):
    case = make_case(desk, "proposed", minutes=120)
    cpts_settings = queries.settings_of(cpts)
    cpts_settings.live_proposals_max = allowed
    cpts_settings.save()
    queries.forget_board()  # out of a test, settings never change
    _, asked = make_offer(cpts, 90)
    _, bookable = make_offer(cpts, 60, slot_mode="bookable")
    page = html_of(board_with(at_desk, cpts, case.care_request))
    assert bool(re.search(SHUT.format(asked.pk), page)) is is_shut
    assert f'name="slot" value="{asked.pk}"' in page
    assert re.search(rf'value="{bookable.pk}">', page)
    assert ("Une réponse est attendue : retirez la proposition" in page) is is_shut


@pytest.mark.parametrize(
    ("until", "name", "sent", "sentence"),
    [
        ("new", "propose", {}, "Proposition envoyée : la réponse est attendue."),
        ("accepted", "inform", {"means": "phone", "result": "reached"}, "Noté : patient informé."),
        (
            *("accepted", "inform", {"means": "phone", "result": "no_answer"}),
            "Noté : pas de réponse.",
        ),
        ("accepted", "cancel", {"cancelled_by": "patient"}, "Demande annulée."),
        ("new", "agreement", {"giver": "patient"}, "Accord noté."),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_what_went_well_is_said(at_desk, cpts, desk, until, name, sent, sentence, headers):
    case = make_case(desk, until)
    if name == "propose":
        sent = {"slot": case.slot.pk}
    page = at_desk.post(at(name, cpts, pk=case.care_request.pk), sent, headers=headers, follow=True)
    assert sentence in html_of(page)
    assert ('id="messages" hx-swap-oob' in html_of(page)) is bool(headers)


def test_a_slot_booked_says_to_tell_the_patient(at_desk, cpts, desk):
    care_request = make_request(desk)
    _, slot = make_offer(cpts, 60, slot_mode="bookable")
    page = at_desk.post(at("propose", cpts, pk=care_request.pk), {"slot": slot.pk}, follow=True)
    assert "Créneau réservé : prévenez le patient." in html_of(page)


def test_the_15_takes_one_click_with_or_without_a_sign(at_desk, cpts, desk):
    care_request = make_request(desk)
    page = html_of(at_desk.get(at("signs", cpts, pk=care_request.pk)))
    assert "<h1>Passer au 15</h1>" in page
    flags = list(queries.red_flags(cpts).flags.all())
    for value in ("worry", "none", *(str(flag.pk) for flag in flags)):
        assert f'name="sign" value="{value}">' in page
    at_desk.post(at("signs", cpts, pk=care_request.pk), {"sign": flags[1].pk})
    care_request.refresh_from_db()
    assert (care_request.status, care_request.hand_over.red_flag) == ("handed_over", flags[1])


def test_communes_are_listed_as_a_dictionary_would(at_desk, cpts):
    row = Commune.objects.get(pk=GENELARD)
    row.name, row.name_key = "Écuisses", "ecuisses"
    row.save()
    page = html_of(at_desk.get(at("new", cpts)))
    listed = re.findall(r"<option value=\"71[0-9]{3}\">([^<]+)</option>", page)
    assert listed.index("Écuisses") == listed.index("Le Creusot") - 1


def test_another_profession_is_counted_not_named(at_desk, cpts, desk):
    case = make_case(desk)
    nurse = make_doctor(cpts, profession="60", speciality="")
    page = text_of(board_with(at_desk, cpts, case.care_request))
    assert "N'exerce pas la profession demandée (1)" in page
    assert str(nurse) not in page


def test_a_number_leads_to_its_open_request(at_desk, cpts, desk):
    care_request = make_request(desk, phone="06 39 98 00 41")
    typed = {"phone": "06.39.98.00.41"}
    found = at_desk.post(reverse("residents:search", kwargs={"cpts": cpts.slug}), typed)
    assert f'action="{at("by_phone", cpts)}"' in html_of(found)
    page = html_of(at_desk.post(at("by_phone", cpts), typed))
    assert "Ce numéro est celui d'une demande ouverte" in page
    assert f'href="{at("board", cpts)}?demande={care_request.pk}"' in page
    elsewhere = at_desk.post(at("by_phone", cpts), {"phone": "06 39 98 00 42"})
    assert "Aucune demande ouverte n'a ce numéro" in html_of(elsewhere)
    make_case(desk, "cancelled", phone="06 39 98 00 43")
    over = at_desk.post(at("by_phone", cpts), {"phone": "06 39 98 00 43"})
    assert "Aucune demande ouverte n'a ce numéro" in html_of(over)


def test_a_number_that_leads_to_a_named_patient_is_written_in_the_journal(at_desk, cpts, desk):
    care_request = make_request(desk, phone="06 39 98 00 41", **KNOWN)
    at_desk.post(at("by_phone", cpts), {"phone": "06 39 98 00 41"})
    [line] = JournalLine.objects.filter(kind="read", action="snp.by_phone")
    assert line.residents == [care_request.resident_id]
