"""Two neighbour CPTSs that agree: a shared circle, separate data, the way out at once."""

import datetime as dt
from functools import partial

import pytest
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope, scopes_disabled
from ladder import agree, coordinator, fresh, make_willing, told, turn
from test_snp_races import sentences, together

from factories import (
    MONDAY,
    fill_board,
    fill_directory,
    make_desk,
    make_offer,
    make_request,
    make_slot,
)
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice
from maillage.accounts.rules import LinkActor
from maillage.availability.actions import SlotClosed
from maillage.availability.models import AskingPreferences, Booking, CptsVisibility
from maillage.kernel import pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from maillage.snp import actions, queries
from maillage.snp.models import Agreement, CareRequest, Proposal
from maillage.snp.queries import proposal_token
from people import actor_as

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def ours(cpts):
    return coordinator(cpts)


@pytest.fixture
def theirs(neighbour):
    return coordinator(neighbour)


AGREED = {"agreement_from": "patient", "agreement_scope": "neighbours"}


def to_neighbours(desk, **said):
    """A request whose search has come to the neighbours, or to the duty person when none lends. The
    patient agreed that far."""
    care_request = make_request(desk, **AGREED | said)
    return actions.widen(by=desk, care_request=care_request)


def ask(desk, slot, **said):
    care_request = to_neighbours(desk, **said)
    return actions.propose(by=desk, care_request=care_request, slot=slot)


def everybody(care_request):
    matching = queries.matching_for(fresh(care_request))
    return {c.professional_id: c for c in (*matching.ranked, *matching.left_out)}


# The object


def test_it_does_nothing_before_both_signed(desk, cpts, neighbour, ours, theirs):
    doctor, slot = make_willing(neighbour)
    versions = [pulse.version(each.pk) for each in (cpts, neighbour)]
    agreement = actions.propose_agreement(by=ours, cpts=cpts, other=neighbour, professions=["10"])
    assert not Agreement.objects.in_force(timezone.now()).exists()
    assert to_neighbours(desk).circle == "duty"  # the neighbours' circle has nobody
    actions.sign_agreement(by=ours, agreement=agreement)  # one's own signature, twice, is one
    assert fresh(agreement).other_signed_at is None
    with scope(cpts=neighbour):
        for _ in range(2):
            actions.sign_agreement(by=theirs, agreement=agreement)
    assert Agreement.objects.in_force(timezone.now()).exists()
    care_request = to_neighbours(desk)
    assert care_request.circle == "neighbours" and doctor.pk in everybody(care_request)
    assert actions.propose(by=desk, care_request=care_request, slot=slot).agreement == agreement
    now = [pulse.version(each.pk) for each in (cpts, neighbour)]
    assert all(after > before for after, before in zip(now, versions, strict=True))
    lines = JournalLine.objects.filter(action__startswith="snp.agreement_").order_by("pk")
    assert {(each.action, each.cpts_id, each.actor_kind) for each in lines} == {
        ("snp.agreement_proposed", cpts.pk, "seat"),
        ("snp.agreement_proposed", neighbour.pk, "system"),
        ("snp.agreement_signed", neighbour.pk, "seat"),
        ("snp.agreement_signed", cpts.pk, "system"),
    }
    told_to = [
        each
        for each in Notice.objects.order_by("pk")
        if each.subject == "Accord entre CPTS voisines"
    ]
    assert [each.recipient for each in told_to] == [
        theirs.seat.user.email,
        ours.seat.user.email,
    ]


def test_who_may_sign(desk, cpts, neighbour, ours, theirs):
    propose = partial(actions.propose_agreement, cpts=cpts, other=neighbour, professions=["10"])
    for by in (desk, theirs, actor_as(cpts, Role.PROFESSIONAL)):
        with pytest.raises(NotAllowed):
            propose(by=by)
    agreement = propose(by=ours)
    with scopes_disabled():
        stranger = coordinator(make_desk("tierce"))
    with scope(cpts=neighbour):
        for by in (desk, stranger, actor_as(neighbour, Role.DISPATCHER)):
            for verb in (actions.sign_agreement, actions.withdraw_agreement):
                with pytest.raises(NotAllowed):
                    verb(by=by, agreement=agreement)
    assert fresh(agreement).other_signed_at is None and agreement.withdrawn_at is None


def test_what_it_refuses(cpts, neighbour, ours, theirs):
    propose = partial(actions.propose_agreement, by=ours, cpts=cpts, professions=["10"])
    with pytest.raises(actions.BadAgreement, match="différentes"):
        propose(other=cpts)
    for wrong in ([], ["99"]):
        with pytest.raises(actions.BadAgreement, match="profession"):
            propose(other=neighbour, professions=wrong)
    with pytest.raises(actions.BadAgreement, match="fin de l'accord"):
        propose(other=neighbour, ends_at=MONDAY)
    agreement = propose(other=neighbour, ends_at=MONDAY + HOUR)
    with pytest.raises(actions.BadAgreement, match="existe déjà"):
        propose(other=neighbour)
    with scope(cpts=neighbour), pytest.raises(actions.BadAgreement, match="existe déjà"):
        actions.propose_agreement(by=theirs, cpts=neighbour, other=cpts, professions=["10"])
    actions.withdraw_agreement(by=ours, agreement=agreement)
    with scope(cpts=neighbour), pytest.raises(actions.BadAgreement, match="n'est plus proposé"):
        actions.sign_agreement(by=theirs, agreement=agreement)
    propose(other=neighbour)


# What it lends


def test_only_the_willing_who_give_their_slots_to_their_own_desk(
    desk, cpts, neighbour, ours, theirs
):
    agree(ours, theirs)
    willing, _ = make_willing(neighbour)
    hidden, hidden_slot = make_willing(neighbour)
    CptsVisibility.objects.filter(professional=hidden).update(snp=False, members=False)
    nurse, _ = make_willing(neighbour, profession="60", speciality="")
    with scope(cpts=neighbour):
        unasked, unasked_slot = make_offer(neighbour)
    care_request = to_neighbours(desk)
    seen = everybody(care_request)
    assert not seen[willing.pk].left_out and seen[willing.pk].partner == neighbour.name
    assert seen[hidden.pk].left_out  # known to help, nothing to offer
    assert nurse.pk not in seen and unasked.pk not in seen
    for slot in (hidden_slot, unasked_slot):
        with pytest.raises((actions.NotSuitable, SlotClosed)):
            actions.propose(by=desk, care_request=care_request, slot=slot)


def test_nothing_is_shown_before_the_neighbours_circle(client, desk, cpts, neighbour, ours, theirs):
    agree(ours, theirs)
    doctor, slot = make_willing(neighbour, family_name="Prêté")
    care_request = make_request(desk, **AGREED)
    assert doctor.pk not in everybody(care_request)
    with pytest.raises(actions.NotSuitable):
        actions.propose(by=desk, care_request=care_request, slot=slot)
    client.force_login(desk.seat.user)
    assert "Prêté" not in client.get(f"/c/{cpts.slug}/snp/").text
    url = reverse("snp:propose", kwargs={"cpts": cpts.slug, "pk": care_request.pk})
    assert client.post(url, {"slot": slot.pk}).status_code == 404
    client.post(reverse("snp:widen", kwargs={"cpts": cpts.slug, "pk": care_request.pk}))
    page = client.get(f"/c/{cpts.slug}/snp/").text
    assert "Prêté" in page and neighbour.name in page
    assert client.post(url, {"slot": slot.pk}).status_code == 302
    proposal = Proposal.objects.get()
    assert (proposal.state, proposal.circle) == ("sent", "neighbours")
    assert Booking.objects.get().cpts == cpts


def test_hours_and_professions_of_the_agreement(client, desk, cpts, neighbour, ours, theirs):
    agree(ours, theirs, hours=[(0, 10 * 60, 11 * 60)])  # Monday, ten to eleven
    doctor, early = make_willing(neighbour, 59)
    inside, last, after = (make_slot(doctor, minutes) for minutes in (60, 119, 120))
    care_request = to_neighbours(desk)
    assert [s.id for s in everybody(care_request)[doctor.pk].slots] == [inside.pk, last.pk]
    client.force_login(desk.seat.user)
    url = reverse("snp:propose", kwargs={"cpts": cpts.slug, "pk": care_request.pk})
    for slot in (early, after):
        with pytest.raises(actions.NotSuitable, match="partagée par l'accord"):
            actions.propose(by=desk, care_request=care_request, slot=slot)
        assert "partagée par l" in client.post(url, {"slot": slot.pk}, follow=True).text
    assert actions.propose(by=desk, care_request=care_request, slot=last)
    proposal = Proposal.objects.get()
    with pytest.raises(actions.BadHour, match="partagée par l'accord"):
        actions.counter_offer(by=desk, proposal=proposal, starts_at=after.starts_at)
    actions.counter_offer(by=desk, proposal=proposal, starts_at=inside.starts_at)
    taken = actions.take_counter(by=desk, proposal=proposal)
    assert (taken.state, taken.booking.slot) == ("accepted", inside)
    # For a nurse there is no agreement: that circle has nobody.
    assert to_neighbours(desk, profession="60").circle == "duty"


@pytest.mark.parametrize("shared", [True, False])
def test_phone_age_and_commune_are_shared_as_agreed(
    client, desk, cpts, neighbour, ours, theirs, shared
):
    agree(ours, theirs, shares_phone=shared, shares_age=shared, shares_commune=shared)
    doctor, slot = make_willing(neighbour, phone="0639984242")
    care_request = to_neighbours(desk)
    assert everybody(care_request)[doctor.pk].phone == ("0639984242" if shared else "")
    client.force_login(desk.seat.user)
    board = f"/c/{cpts.slug}/snp/?demande={care_request.pk}"

    def says_phone():
        return "42\u00a042" in client.get(board).text or "0639984242" in client.get(board).text

    assert says_phone() is shared
    proposal = actions.propose(by=desk, care_request=care_request, slot=slot)
    assert says_phone() is shared
    client.logout()
    page = client.get(reverse("snp:link", kwargs={"token": proposal_token(proposal)})).text
    assert ("Adulte" in page) is shared and ("Montceau-les-Mines" in page) is shared
    assert "Médecin" in page and "Fièvre" not in page and "0639980001" not in page
    actions.accept_proposal(by=desk, proposal=proposal)
    client.force_login(desk.seat.user)
    assert says_phone() is shared


def test_the_neighbours_professional_answers_by_link_and_no_more_once_withdrawn(
    desk, cpts, neighbour, ours, theirs
):
    agreement = agree(ours, theirs)
    _, slot = make_willing(neighbour)
    _, second = make_willing(neighbour, 90)
    accepted = ask(desk, slot)
    by = LinkActor(cpts_id=cpts.pk, target=f"proposal:{accepted.pk}")
    actions.accept_proposal(by=by, proposal=accepted)
    assert fresh(accepted).state == "accepted" and Booking.objects.get().state == "taken"
    waiting = ask(desk, second)
    with scope(cpts=neighbour):
        actions.withdraw_agreement(by=theirs, agreement=agreement)
        actions.withdraw_agreement(by=theirs, agreement=agreement)  # twice is once
    assert fresh(accepted).state == "accepted"  # what was promised to a patient stays
    assert fresh(waiting).state == "withdrawn" and fresh(waiting.booking).state == "released"
    assert fresh(waiting.care_request).status == "new"
    assert "dénoncé" in waiting.care_request.alert and waiting.care_request.waiting_since
    assert told(waiting.care_request, "withdrawn")
    for proposal in (waiting, accepted):
        by = LinkActor(cpts_id=cpts.pk, target=f"proposal:{proposal.pk}")
        with pytest.raises(NotAllowed):
            actions.refuse_proposal(by=by, proposal=proposal, reason="other")
    assert JournalLine.objects.filter(action="snp.agreement_withdrawn").count() == 2
    with pytest.raises(actions.NotSuitable):
        actions.propose(by=desk, care_request=waiting.care_request, slot=second)
    assert Notice.objects.filter(key=f"proposal:{waiting.pk}:withdrawn").exists()


def test_a_withdrawal_frees_what_waits_on_both_sides(desk, cpts, neighbour, ours, theirs):
    agreement = agree(ours, theirs)
    (_, lent), (_, borrowed) = make_willing(neighbour), make_willing(cpts)
    mine = ask(desk, lent)
    with scope(cpts=neighbour):
        their_desk = actor_as(neighbour, Role.DISPATCHER)
        hers = ask(their_desk, borrowed)
    actions.withdraw_agreement(by=ours, agreement=agreement)
    assert fresh(mine).state == "withdrawn" and fresh(mine.care_request).status == "new"
    with scope(cpts=neighbour):
        assert fresh(hers).state == "withdrawn" and fresh(hers.care_request).status == "new"
        (line,) = hers.care_request.events.filter(kind="withdrawn")
        assert line.by_seat_id is None  # no seat of ours in their history
    for cpts_id in (cpts.pk, neighbour.pk):
        places = JournalLine.objects.filter(action="availability.place_released", cpts_id=cpts_id)
        assert places.count() == 1


def test_an_agreement_that_came_to_its_end_takes_nothing_more(
    desk, cpts, neighbour, ours, theirs, clock
):
    agree(ours, theirs, ends_at=MONDAY + dt.timedelta(minutes=10))
    _, slot = make_willing(neighbour)
    proposal = ask(desk, slot)
    clock.move(minutes=10)
    with pytest.raises(actions.TooLate, match="pris fin"):
        actions.accept_proposal(by=desk, proposal=proposal)  # said by voice
    turn(clock, minutes=5)
    assert fresh(proposal).state == "expired" and fresh(proposal.care_request).status == "new"


def test_no_longer_willing_nothing_is_taken(desk, cpts, neighbour, ours, theirs):
    agree(ours, theirs)
    doctor, slot = make_willing(neighbour)
    care_request = to_neighbours(desk)
    AskingPreferences.objects.filter(professional=doctor).update(for_neighbours=False)
    with pytest.raises(actions.NotSuitable):
        actions.propose(by=desk, care_request=care_request, slot=slot)
    assert not Booking.objects.exists()


# Separate data


def test_nothing_else_of_the_neighbour_is_seen(client, desk, cpts, neighbour, ours, theirs):
    type(theirs.seat.user).objects.filter(pk=theirs.seat.user_id).update(family_name="Secrète")
    agreement = agree(ours, theirs)
    _, slot = make_willing(neighbour)
    with scope(cpts=neighbour):
        their_desk = actor_as(neighbour, Role.DISPATCHER)
        hers = make_request(their_desk, family_name="Cachette", note="cachée")
    ask(desk, slot, family_name="Canari", note="canari")
    client.force_login(ours.seat.user)
    page = client.get(reverse("snp:agreements", kwargs={"cpts": cpts.slug})).text
    assert neighbour.name in page and "en service" in page and str(ours.seat.user) in page
    assert "Secrète" not in page and "Cachette" not in page
    client.force_login(desk.seat.user)
    board = client.get(f"/c/{cpts.slug}/snp/").text
    assert "Cachette" not in board and "cachée" not in board
    for name in ("story", "take", "why"):
        url = reverse(f"snp:{name}", kwargs={"cpts": cpts.slug, "pk": hers.pk})
        assert client.get(url).status_code == client.post(url).status_code == 404
    with scope(cpts=neighbour):
        assert [each.pk for each in CareRequest.objects.visible_to(their_desk)] == [hers.pk]
        assert not Proposal.objects.visible_to(their_desk).exists()
    client.force_login(their_desk.seat.user)
    board = client.get(f"/c/{neighbour.slug}/snp/").text
    assert "Canari" not in board and "canari" not in board
    page = client.get(reverse("snp:agreements", kwargs={"cpts": neighbour.slug})).text
    assert "Secrète" in page and cpts.name in page and "Dénoncer" not in page
    assert agreement.pk


def test_a_third_cpts_sees_nothing_of_it(client, cpts, neighbour, ours, theirs):
    agreement = agree(ours, theirs)
    with scopes_disabled():
        third = make_desk("tierce")
        stranger = coordinator(third)
    client.force_login(stranger.seat.user)
    page = client.get(reverse("snp:agreements", kwargs={"cpts": third.slug})).text
    assert "Aucun accord" in page
    for name in ("agreement_sign", "agreement_withdraw"):
        for pk in (agreement.pk, 10**9):
            url = reverse(f"snp:{name}", kwargs={"cpts": third.slug, "pk": pk})
            assert client.post(url).status_code == 404
    assert fresh(agreement).withdrawn_at is None


def test_both_pages_from_the_first_signature_to_the_way_out(
    client, desk, cpts, neighbour, ours, theirs
):
    client.force_login(ours.seat.user)
    url = reverse("snp:agreements", kwargs={"cpts": cpts.slug})
    said = {
        "other": neighbour.pk,
        "professions": ["10", "60"],
        "hours": "samedi 8:00-12:00",
        "until_on": "2026-12-31",
        "shares_age": "on",
    }
    holiday = client.post(url, said | {"hours": "férié 8:00-12:00"})
    assert holiday.status_code == 422 and "jour de la semaine" in holiday.text
    assert "L&#39;autre CPTS doit signer" in client.post(url, said, follow=True).text
    agreement = Agreement.objects.get()
    assert agreement.ends_at == dt.datetime(2026, 12, 31, 23, tzinfo=dt.UTC)
    assert (agreement.shares_phone, agreement.shares_age) == (False, True)
    page = client.get(url).text
    assert "samedi 8:00–12:00" in page and "attend la signature" in page
    again = client.post(url, said)
    assert again.status_code == 422 and "existe déjà" in again.text
    client.force_login(desk.seat.user)
    assert "Proposer un accord" not in client.get(url).text
    assert client.post(url, said).status_code == 403
    client.force_login(theirs.seat.user)
    where = {"cpts": neighbour.slug, "pk": agreement.pk}
    assert "Signer pour" in client.get(url.replace(cpts.slug, neighbour.slug)).text
    signed = client.post(reverse("snp:agreement_sign", kwargs=where), follow=True).text
    assert "il est en service" in signed
    out = client.post(reverse("snp:agreement_withdraw", kwargs=where), follow=True).text
    assert "il ne sert plus" in out and fresh(agreement).withdrawn_by_cpts == neighbour


def test_what_the_board_costs_with_the_neighbours_open(
    client, desk, cpts, neighbour, ours, theirs, django_assert_max_num_queries
):
    agree(ours, theirs, hours=[(0, 0, 1440)])
    fill_directory(cpts, 50)
    fill_board(desk, 200)
    for _ in range(5):
        make_willing(neighbour, 10)
    care_request = to_neighbours(desk)
    client.force_login(desk.seat.user)
    url = f"/c/{cpts.slug}/snp/?demande={care_request.pk}"
    client.get(url)
    # Thirteen, then the agreements, their hours, and two for each CPTS that lends.
    with django_assert_max_num_queries(17):
        page = client.get(url, headers={"HX-Request": "true"})
    assert neighbour.name in page.text


# At the same instant, on the row locks of PostgreSQL


@pytest.fixture
def pair(transactional_db, clock):
    """Two CPTSs whose coordinators act at the same instant."""
    with scopes_disabled():
        one, two = make_desk("vallee", live_proposals_max=3), make_desk("voisine")
    return one, two


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turns", range(4))
def test_two_proposals_that_cross_make_one_agreement(pair, turns):
    one, two = pair
    calls = [
        partial(actions.propose_agreement, by=coordinator(a), cpts=a, other=b, professions=["10"])
        for a, b in ((one, two), (two, one))
    ]
    (refused,) = sentences(together(one, *calls))
    assert "existe déjà" in refused and Agreement.objects.count() == 1


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turns", range(4))
def test_one_slot_asked_by_its_own_desk_and_by_the_neighbours(pair, turns):
    one, two = pair
    agree(coordinator(one), coordinator(two))
    _, slot = make_willing(two)
    calls = []
    for cpts in (one, two):
        with scope(cpts=cpts):
            by = actor_as(cpts, Role.DISPATCHER)
            care_request = make_request(by, **AGREED)
            if cpts == one:
                actions.widen(by=by, care_request=care_request)
        calls.append(partial(in_scope, cpts, by, care_request, slot))
    told_ = together(one, *calls)
    assert len(sentences(told_)) == 1
    assert Booking.objects.filter(state="held").count() == 1


def in_scope(cpts, by, care_request, slot):
    with scope(cpts=cpts):
        return actions.propose(by=by, care_request=care_request, slot=slot)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turns", range(4))
def test_withdrawn_while_the_neighbours_professional_accepts(pair, turns):
    """Either the patient has a place that stays, or the proposal is taken back: never half of both."""
    one, two = pair
    theirs = coordinator(two)
    agreement = agree(coordinator(one), theirs)
    _, slot = make_willing(two)
    with scope(cpts=one):
        proposal = ask(actor_as(one, Role.DISPATCHER), slot)
    link = LinkActor(cpts_id=one.pk, target=f"proposal:{proposal.pk}")
    told_ = together(
        one,
        partial(actions.accept_proposal, by=link, proposal=proposal),
        partial(actions.withdraw_agreement, by=theirs, agreement=agreement),
    )
    sentences(told_)
    with scope(cpts=one):
        state = fresh(proposal).state, fresh(proposal.booking).state
        assert state in {("accepted", "taken"), ("withdrawn", "released")}
        assert fresh(proposal.care_request).status == (
            "accepted" if state[0] == "accepted" else "new"
        )
    assert fresh(agreement).withdrawn_at is not None
