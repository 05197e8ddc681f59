"""Bris de glace, and what a professional still sees once the care is over."""

import datetime as dt

import pytest
from django.urls import reverse

from factories import make_case, make_doctor, make_request, professional_actor
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice
from maillage.accounts.rules import SYSTEM
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from maillage.snp import actions
from maillage.snp.models import BreakGlass, Proposal
from maillage.snp.queries import proposal_token
from maillage.snp.rules import can_see_identity
from people import actor_as

NAMED = {"family_name": "Mirabelle", "given_name": "Alix", "note": "ne marche plus"}
ASKED = {"motive": "danger", "reason": "malaise signalé par un voisin"}


@pytest.fixture
def care_request(desk):
    return make_request(desk, caller_name="Voisine", **NAMED)


@pytest.fixture
def officer(cpts):
    return actor_as(cpts, Role.DATA_PROTECTION_OFFICER)


def address(name, cpts, **where):
    return reverse(f"snp:{name}", kwargs={"cpts": cpts.slug, **where})


def ask(client, cpts, care_request):
    return client.post(
        address("glass_ask", cpts), {"number": care_request.number, **ASKED}, follow=True
    )


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.PROFESSIONAL])
def test_one_patient_for_a_short_time_told_at_once_and_reviewed(
    client, cpts, clock, care_request, officer, role
):
    actor = actor_as(cpts, role)
    client.force_login(actor.seat.user)
    assert "Mirabelle" in ask(client, cpts, care_request).text
    opening = BreakGlass.objects.get()
    assert opening.until - opening.opened_at == dt.timedelta(minutes=30)
    line = JournalLine.objects.get(action="snp.break_glass")
    assert line.data["motive"] == "danger" and "malaise" not in str(line.data)
    read = JournalLine.objects.get(action="snp.glass")
    assert (read.residents, read.purpose) == ([care_request.resident_id], "bris de glace")
    mail = Notice.objects.get(key__startswith="glass:")
    assert mail.recipient == officer.seat.user.email and "n° 1" in mail.body
    assert not any(word in mail.body for word in ("Mirabelle", "Alix", "marche", "malaise"))
    ask(client, cpts, care_request)  # a double click
    assert (
        BreakGlass.objects.count() == Notice.objects.filter(key__startswith="glass:").count() == 1
    )
    clock.move(minutes=31)
    page = client.get(address("glass", cpts, pk=opening.pk)).text
    assert "Cet accès est fermé" in page and "Mirabelle" not in page
    client.force_login(officer.seat.user)
    listed = client.get(address("glass_reviews", cpts)).text
    assert "malaise signalé" in listed and "Mirabelle" not in listed
    done = client.post(address("glass_review", cpts, pk=opening.pk), {"review": "justified"})
    assert done.status_code == 302
    opening.refresh_from_db()
    assert (opening.review, opening.reviewed_by_id) == ("justified", officer.seat_id)


def test_the_number_is_read_where_the_identity_is_missing(client, cpts, desk):
    """A doctor who accepted without an agreement; a coordinator before the minutes of a request."""
    case = make_case(desk, "accepted", **NAMED)
    number, asked = case.care_request.number, address("glass_ask", cpts)
    for who, page in (
        (professional_actor(cpts, case.doctor), address("proposal", cpts, pk=case.proposal.pk)),
        (actor_as(cpts, Role.COORDINATOR), address("replay", cpts, pk=case.care_request.pk)),
    ):
        client.force_login(who.seat.user)
        text = client.get(page).text
        assert f"Demande n° {number}" in text.replace("\u00a0", " ")
        assert f'href="{asked}?n={number}"' in text
        assert f'value="{number}"' in client.get(asked, {"n": number}).text


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.COORDINATOR, Role.PROFESSIONAL}))
def test_nobody_opens_for_another_role(client, cpts, care_request, role):
    actor = actor_as(cpts, role)
    with pytest.raises(NotAllowed):
        actions.break_glass(by=actor, care_request=care_request, **ASKED)
    client.force_login(actor.seat.user)
    assert ask(client, cpts, care_request).status_code == 403
    assert not BreakGlass.objects.exists()
    if role != Role.DATA_PROTECTION_OFFICER:
        assert client.get(address("glass_reviews", cpts)).status_code == 403


def test_without_a_motive_a_number_or_an_agreement_nothing_opens(
    client, cpts, desk, care_request, officer
):
    coordinator = actor_as(cpts, Role.COORDINATOR)
    for wrong in ({"motive": "", "reason": "x"}, {"motive": "danger", "reason": " "}):
        with pytest.raises(actions.GlassRefused):
            actions.break_glass(by=coordinator, care_request=care_request, **wrong)
    with pytest.raises(NotAllowed):
        actions.break_glass(by=SYSTEM, care_request=care_request, **ASKED)
    client.force_login(coordinator.seat.user)
    unknown = client.post(address("glass_ask", cpts), {"number": 99, **ASKED})
    assert unknown.status_code == 422 and not BreakGlass.objects.exists()
    opening = actions.break_glass(by=coordinator, care_request=care_request, **ASKED)
    agreed = actions.record_agreement(by=desk, care_request=care_request, giver="patient")
    actions.withdraw_sharing(by=desk, agreement=agreed.sharing)
    assert "Mirabelle" not in client.get(address("glass", cpts, pk=opening.pk)).text
    with pytest.raises(actions.GlassRefused, match="retiré son accord"):
        actions.break_glass(by=coordinator, care_request=care_request, **ASKED)
    for by, review in ((coordinator, "justified"), (officer, "perhaps")):
        with pytest.raises((NotAllowed, actions.GlassRefused)):
            actions.review_glass(by=by, opening=opening, review=review)


# The care relation


def test_nothing_of_a_request_stays_with_the_professional_after_its_days(client, desk, cpts, clock):
    case = make_case(desk, "honoured", agreement_from="patient", **NAMED)
    doctor = professional_actor(cpts, case.doctor)
    client.force_login(doctor.seat.user)
    url = address("proposal", cpts, pk=case.proposal.pk)
    link = reverse("snp:link", kwargs={"token": proposal_token(case.proposal)})
    assert "Mirabelle" in client.get(url).text
    clock.move(days=6, hours=23)
    client.force_login(doctor.seat.user)
    assert client.get(link).status_code == 200
    assert "Mirabelle" in client.get(url).text
    clock.move(hours=2)
    client.force_login(doctor.seat.user)
    assert client.get(url).status_code == 404
    proposal = Proposal.objects.get(pk=case.proposal.pk)
    assert not can_see_identity(doctor, proposal)
    assert "Mirabelle" not in client.get(reverse("home:cpts", kwargs={"cpts": cpts.slug})).text


def test_a_note_is_told_with_the_identity_only(client, desk, cpts):
    case = make_case(desk, "accepted", **NAMED)
    client.force_login(professional_actor(cpts, case.doctor).seat.user)
    pages = (
        address("proposal", cpts, pk=case.proposal.pk),
        reverse("home:cpts", kwargs={"cpts": cpts.slug}),
    )
    assert not any("ne marche plus" in client.get(each).text for each in pages)
    actions.record_agreement(by=desk, care_request=case.care_request, giver="patient")
    assert all("ne marche plus" in client.get(each).text for each in pages)


def test_a_colleague_never_asked_sees_nothing(client, desk, cpts):
    case = make_case(desk, "accepted", agreement_from="patient", **NAMED)
    client.force_login(professional_actor(cpts, make_doctor(cpts)).seat.user)
    assert client.get(address("proposal", cpts, pk=case.proposal.pk)).status_code == 404
