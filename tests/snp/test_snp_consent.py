"""What a person was told, what they agreed to, and what a withdrawal closes."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope
from ladder import agree, coordinator, make_willing

from factories import MONDAY, make_case, make_request, professional_actor
from maillage.accounts.actions import claim_notice
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice
from maillage.accounts.rules import SYSTEM
from maillage.kernel.errors import NotAllowed, Unchanged
from maillage.kernel.models import JournalLine
from maillage.residents import actions as residents
from maillage.residents.models import InformationNotice, SharingAgreement
from maillage.residents.rules import covers, is_minor
from maillage.snp import actions, queries
from maillage.snp.rules import can_see_identity
from people import actor_as, mark_demo, sign_in

NAMED = {"family_name": "Mirabelle", "given_name": "Alix"}
TEXT = "La CPTS garde votre nom et votre numéro pour vous trouver un rendez-vous."


@pytest.fixture
def administrator(cpts):
    return actor_as(cpts, Role.ADMINISTRATOR)


def case_of(desk, until="accepted", **said):
    usual = {"agreement_from": "patient", **NAMED}
    return make_case(desk, until, **usual | said)


# The notice


def test_a_notice_is_written_by_the_administrator_and_each_version_stays(cpts, administrator):
    first = residents.set_notice(by=administrator, cpts=cpts, text=f"  {TEXT} ")
    later = timezone.now() + dt.timedelta(days=2)
    second = residents.set_notice(by=administrator, cpts=cpts, text="Autre", valid_from=later)
    assert (first.version, second.version, first.text) == (1, 2, TEXT)
    assert residents.queries.notice_of(cpts) == first
    assert residents.queries.notice_of(cpts, later) == second
    for again in ({"text": f"{TEXT} "}, {"text": "Autre", "valid_from": later}):
        with pytest.raises(Unchanged, match="Rien ne change"):
            residents.set_notice(by=administrator, cpts=cpts, **again)
    for wrong in ({"text": " "}, {"text": "x", "valid_from": MONDAY - dt.timedelta(days=1)}):
        with pytest.raises(residents.BadConsent):
            residents.set_notice(by=administrator, cpts=cpts, **wrong)
    for role in set(Role) - {Role.ADMINISTRATOR}:
        with pytest.raises(NotAllowed):
            residents.set_notice(by=actor_as(cpts, role), cpts=cpts, text="x")


def test_the_information_given_keeps_the_version_read(cpts, desk, administrator):
    with pytest.raises(residents.BadConsent, match="Aucun texte"):
        make_request(desk, information="spoken")
    residents.set_notice(by=administrator, cpts=cpts, text=TEXT)
    care_request = make_request(desk, information="spoken")
    residents.set_notice(by=administrator, cpts=cpts, text="Autre")
    given = care_request.information
    assert (given.notice.version, given.means, given.resident) == (1, "spoken", None)
    assert given.given_by_id == desk.seat_id
    again = actions.record_information(by=desk, care_request=care_request, means="paper")
    assert again.information_id == given.pk
    named = actions.name_resident(by=desk, care_request=care_request, **NAMED)
    assert named.resident.information.get() == given


# The agreement


def test_a_minor_does_not_agree_alone(desk):
    for said in ({"age_band": "6-15"}, {"birth_date": dt.date(2012, 1, 1), **NAMED}):
        for giver in ("patient", "caller"):
            with pytest.raises(residents.BadConsent, match="mineur"):
                make_request(desk, agreement_from=giver, **said)
        made = make_request(desk, agreement_from="parent", is_sure=True, **said)
        assert covers(made.sharing)
    birthday = dt.date(2008, 2, 29)
    assert is_minor(birthday, dt.date(2026, 2, 28)) and not is_minor(birthday, dt.date(2026, 3, 1))


def test_an_agreement_given_before_the_name_follows_the_patient(desk):
    care_request = make_request(desk, agreement_from="patient")
    named = actions.name_resident(by=desk, care_request=care_request, **NAMED)
    assert named.resident.agreements.get() == care_request.sharing


def test_a_wider_agreement_is_another_row(desk):
    care_request = make_request(desk, agreement_from="patient")
    narrow = care_request.sharing
    assert covers(narrow) and not covers(narrow, "neighbours")
    wide = actions.record_agreement(
        by=desk, care_request=care_request, giver="patient", scope="neighbours", means="written"
    ).sharing
    assert wide != narrow and covers(wide, "neighbours") and wide.means == "written"
    with pytest.raises(residents.BadConsent, match="avec qui"):
        actions.record_agreement(
            by=desk,
            care_request=make_request(desk),
            giver="patient",
            scope="world",
        )


BROKEN = [
    ("sharing_agreement_giver_known", {"giver": "voisin"}),
    ("sharing_agreement_scope_known", {"scope": "world"}),
    ("sharing_agreement_means_known", {"means": "dreamt"}),
    ("sharing_agreement_withdrawn_says_by_whom", {"withdrawn_at": MONDAY}),
]


@pytest.mark.parametrize(("name", "change"), BROKEN, ids=[row[0] for row in BROKEN])
def test_an_agreement_that_breaks_it_is_refused(desk, name, change):
    sharing = make_request(desk, agreement_from="patient").sharing
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        SharingAgreement.objects.filter(pk=sharing.pk).update(**change)


def test_a_notice_or_an_information_that_breaks_it_is_refused(cpts, desk, administrator):
    notice = residents.set_notice(by=administrator, cpts=cpts, text=TEXT)
    given = make_request(desk, information="spoken").information
    for row, change, name in (
        (notice, {"text": ""}, "says_something"),
        (given, {"means": "dreamt"}, "means_known"),
    ):
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            type(row).objects.filter(pk=row.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        InformationNotice.objects.create(
            cpts=cpts, version=1, text="x", valid_from=timezone.now(), set_by=None
        )


# Withdrawal


def test_a_withdrawal_closes_every_door_at_the_next_request(client, desk):
    case = case_of(desk)
    doctor = professional_actor(desk.seat.cpts, case.doctor)
    page = reverse("snp:proposal", kwargs={"cpts": desk.seat.cpts.slug, "pk": case.proposal.pk})
    home = reverse("home:cpts", kwargs={"cpts": desk.seat.cpts.slug})
    link = reverse("snp:link", kwargs={"token": queries.proposal_token(case.proposal)})
    client.force_login(doctor.seat.user)
    assert all("Mirabelle" in client.get(each).text for each in (page, home))
    assert client.get(link).status_code == 200
    actions.withdraw_sharing(by=desk, agreement=case.care_request.sharing)
    actions.withdraw_sharing(by=desk, agreement=case.care_request.sharing)  # twice is once
    for each in (page, home):
        assert "Mirabelle" not in client.get(each).text
    dead = client.get(link)
    assert dead.status_code == 410 and "retiré son accord" in dead.text
    case.care_request.refresh_from_db()
    assert "retiré son accord" in case.care_request.alert
    acts = JournalLine.objects.filter(action__contains="withdrawn").values_list("action", flat=True)
    assert sorted(acts) == ["resident.agreement_withdrawn", "snp.sharing_withdrawn"]


def test_what_waits_in_the_outbox_for_the_professional_is_dropped(desk):
    mark_demo(is_demo=False)
    case = case_of(desk, "proposed")
    asked = Notice.objects.get(key=f"proposal:{case.proposal.pk}:asked")
    actions.withdraw_sharing(by=desk, agreement=case.care_request.sharing)
    asked.refresh_from_db()
    assert asked.state == "dropped"
    assert claim_notice(by=SYSTEM, now=timezone.now() + dt.timedelta(days=1)) is None


def test_nobody_accepts_or_is_asked_once_the_agreement_is_taken_back(desk):
    case = case_of(desk, "proposed")
    doctor = professional_actor(desk.seat.cpts, case.doctor)
    actions.withdraw_sharing(by=desk, agreement=case.care_request.sharing)
    with pytest.raises(actions.NoAgreement, match="retiré son accord"):
        actions.accept_proposal(by=doctor, proposal=case.proposal)
    again = case_of(desk, "new", family_name="Autre")
    actions.withdraw_sharing(by=desk, agreement=again.care_request.sharing)
    with pytest.raises(actions.NoAgreement, match="Notez un nouvel accord"):
        actions.propose(by=desk, care_request=again.care_request, slot=again.slot)
    actions.record_agreement(by=desk, care_request=again.care_request, giver="patient")
    assert actions.propose(by=desk, care_request=again.care_request, slot=again.slot).pk


def test_only_the_desk_takes_an_agreement_back(cpts, desk):
    sharing = case_of(desk, "new").care_request.sharing
    for role in set(Role) - {Role.DISPATCHER}:
        with pytest.raises(NotAllowed):
            actions.withdraw_sharing(by=actor_as(cpts, role), agreement=sharing)
    with pytest.raises(NotAllowed):
        actions.withdraw_sharing(by=SYSTEM, agreement=sharing)


def test_one_agreement_lent_by_a_merge_closes_both_requests(desk):
    one = case_of(desk, "new").care_request
    into = case_of(desk, "accepted", agreement_from="", family_name="")
    actions.merge(by=desk, care_request=one, into=into.care_request)
    doctor = professional_actor(desk.seat.cpts, into.doctor)

    def seen():
        proposal = type(into.proposal).objects.get(pk=into.proposal.pk)
        return can_see_identity(doctor, proposal)

    assert seen()
    actions.withdraw_sharing(by=desk, agreement=one.sharing)
    assert not seen()


def test_no_neighbour_is_asked_before_the_patient_agreed_that_far(desk, cpts, neighbour):
    with scope(cpts=neighbour):
        theirs = coordinator(neighbour)
    _, slot = make_willing(neighbour)
    agree(coordinator(cpts), theirs)
    care_request = make_request(desk, agreement_from="patient")
    care_request = actions.widen(by=desk, care_request=care_request)
    with pytest.raises(actions.NoAgreement, match="CPTS voisine : demandez-le-lui"):
        actions.propose(by=desk, care_request=care_request, slot=slot)
    actions.record_agreement(
        by=desk, care_request=care_request, giver="patient", scope="neighbours"
    )
    assert actions.propose(by=desk, care_request=care_request, slot=slot).agreement is not None


# Pages


def test_the_pages_of_agreements(client, desk):
    case = case_of(desk)
    client.force_login(desk.seat.user)
    resident = reverse(
        "residents:detail",
        kwargs={"cpts": desk.seat.cpts.slug, "pk": case.care_request.resident_id},
    )
    assert "Le patient retire son accord" in client.get(resident).text
    url = reverse(
        "snp:sharing_withdraw",
        kwargs={"cpts": desk.seat.cpts.slug, "pk": case.care_request.sharing_id},
    )
    shown = client.post(url, {"from": "habitant"}, follow=True)
    assert shown.redirect_chain == [(resident, 302)] and "retiré" in shown.text
    board = client.get(reverse("snp:board", kwargs={"cpts": desk.seat.cpts.slug})).text
    assert "Accord de partage\u00a0: retiré" in board


def test_the_page_of_the_notice(client, cpts):
    sign_in(client, cpts, Role.ADMINISTRATOR)
    url = reverse("residents:notices", kwargs={"cpts": cpts.slug})
    assert "Aucun texte" in client.get(url).text
    assert client.post(url, {"text": ""}).status_code == 422
    assert "Version 1 enregistrée" in client.post(url, {"text": TEXT}, follow=True).text
    assert client.post(url, {"text": "x", "valid_from": "2020-01-01T00:00"}).status_code == 422


def test_the_form_of_a_call_takes_who_agreed_how_and_the_information(client, cpts, administrator):
    residents.set_notice(by=administrator, cpts=cpts, text=TEXT)
    sign_in(client, cpts, Role.DISPATCHER)
    url = reverse("snp:new", kwargs={"cpts": cpts.slug})
    assert client.get(url).text.count('name="information"') == 4
    said = {
        "form_key": "une",
        "sign": "none",
        "phone": "06 39 98 00 01",
        "commune": "71306",
        "profession": "10",
        "reason": "fever",
        "age_band": "16-69",
        "channel": "patient",
        "out_of_hours_seen": "on",
        "agreement_from": "patient",
        "agreement_means": "written",
        "information": "spoken",
    }
    assert client.post(url, said).status_code == 302
    sharing = SharingAgreement.objects.get()
    assert (sharing.giver, sharing.means, sharing.scope) == ("patient", "written", "cpts")
    assert sharing.care_requests.get().information.means == "spoken"
