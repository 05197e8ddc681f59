"""The board: what it shows, in which order, and what it costs."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_scopes import scope

from factories import (
    MONDAY,
    fill_board,
    fill_directory,
    make_case,
    make_offer,
    make_request,
    professional_actor,
)
from maillage.accounts.enums import Role
from maillage.kernel import pulse
from maillage.kernel.models import JournalLine
from maillage.snp import actions, queries
from maillage.snp.queries import proposal_token
from maillage.territory.queries import forget_centres
from people import actor_as, mark_demo


def board_url(cpts, care_request=None):
    url = reverse("snp:board", kwargs={"cpts": cpts.slug})
    return f"{url}?demande={care_request.pk}" if care_request else url


def test_the_board_of_a_large_cpts_takes_thirteen_queries_at_most(client, cpts, desk):
    """With 200 open requests and 1 500 professionals, a resident shown and so a line of journal."""
    mark_demo(False)
    fill_directory(cpts, 1500)
    fill_board(desk, 200)
    named = make_request(desk, family_name="Fictif")
    client.force_login(desk.seat.user)
    client.get(board_url(cpts))  # the memories of the process
    with CaptureQueriesContext(connection) as first:
        page = client.get(board_url(cpts, named))
    assert page.status_code == 200 and "Fictif" in page.text
    assert JournalLine.objects.filter(kind="read").count() == 1
    with CaptureQueriesContext(connection) as again:
        client.get(board_url(cpts, named))
    assert (len(first) <= 13, len(again) <= 12) == (True, True), (len(first), len(again))
    forget_centres()
    queries.forget_maps()
    with CaptureQueriesContext(connection) as cold:
        client.get(board_url(cpts, named))
    assert len(cold) <= 13  # the map, once a minute, brings the centres


@pytest.mark.parametrize("count", [1, 30])
def test_what_the_board_costs_does_not_grow(client, cpts, desk, count):
    mark_demo(False)
    fill_directory(cpts, 10)
    fill_board(desk, count)
    client.force_login(desk.seat.user)
    client.get(board_url(cpts))
    with CaptureQueriesContext(connection) as seen:
        client.get(board_url(cpts))
    assert len(seen) <= 11


def test_an_unchanged_board_answers_nothing_and_a_changed_one_its_fragment(client, cpts, desk):
    make_request(desk)
    client.force_login(desk.seat.user)
    url, version = board_url(cpts), pulse.version(cpts.pk)
    ask = {"headers": {"HX-Request": "true"}}
    assert client.get(f"{url}?since={version}", **ask).status_code == 204
    make_request(desk)
    changed = client.get(f"{url}?since={version}", **ask)
    assert changed.status_code == 200 and "<html" not in changed.text
    assert int(changed.headers["X-Board-Version"].split(".")[0]) == pulse.version(cpts.pk) > version


def test_the_order_of_the_board(desk, cpts, clock):
    cases = {moment: make_case(desk, moment) for moment in ("informed", "proposed", "accepted")}
    cases["new"] = make_case(desk, "new")
    cases["alert"] = make_case(desk, "proposed")
    actions.refuse_proposal(by=desk, proposal=cases["alert"].proposal, reason="away")
    cases["handed"] = make_case(desk, "handed_over")
    rows = queries.board_of(cpts, selected=None).rows
    order = ["handed", "alert", "new", "accepted", "proposed", "informed"]
    assert [row.id for row in rows] == [cases[name].care_request.pk for name in order]


def test_waiting_grows_urgent_as_the_settings_say(desk, cpts, clock):
    make_request(desk)
    seen = []
    for minutes in (14, 1, 14, 1):
        clock.move(minutes=minutes)
        seen.append(queries.board_of(cpts, selected=None).rows[0].urgency)
    assert seen == [1, 2, 2, 3]


def test_the_request_in_hand_is_the_one_asked_else_the_first(desk, cpts):
    first, second = make_request(desk), make_request(desk)
    assert queries.board_of(cpts, selected=None).current == first
    assert queries.board_of(cpts, selected=second.pk).current == second
    assert queries.board_of(cpts, selected=10**9).current is None
    closed = make_case(desk, "honoured")
    board = queries.board_of(cpts, selected=closed.care_request.pk)
    assert board.current == closed.care_request and board.matching is None
    assert [p.pk for p in board.proposals] == [closed.proposal.pk]


def test_the_board_tells_the_proposal_the_owner_and_the_counts(desk, cpts):
    case = make_case(desk, "proposed", note="depuis hier", channel="sas")
    row = queries.board_of(cpts, selected=None).rows[0]
    assert row.proposal == f"{case.doctor}, aujourd'hui, 10\u00a0h"
    assert (row.owner, row.note, row.channel) == ("Ada E", "depuis hier", "15 / SAS")
    counts = {label: n for label, n, _ in queries.board_of(cpts, selected=None).counts}
    assert counts["En attente de réponse"] == 1 and counts["À traiter"] == 0


def test_the_refused_are_told_on_the_board_too(desk, cpts):
    case = make_case(desk, "proposed")
    actions.refuse_proposal(by=desk, proposal=case.proposal, reason="away")
    matching = queries.board_of(cpts, selected=None).matching
    assert [c.left_out for c in matching.left_out] == ["a déjà refusé cette demande"]


def test_the_coordinator_counts_without_identity(desk, cpts):
    make_case(desk, "honoured", family_name="Canari", note="canari", caller_name="Canari")
    make_case(desk, "cancelled")
    seen = queries.follow_up(cpts, now=MONDAY + dt.timedelta(hours=1))
    assert seen["total"] == 2 and dict(seen["counts"])["Honorée"] == 1
    assert "canari" not in str(seen).lower() and "0639980001" not in str(seen)


def test_what_waits_for_a_professional(desk, cpts):
    case, other = make_case(desk, "proposed"), make_case(desk, "accepted")
    for each in (case, other):
        to_do = queries.to_do_for(each.doctor, cpts, now=MONDAY)
        assert [p.pk for p in to_do] == [each.proposal.pk]
    actions.record_outcome(by=desk, care_request=other.care_request, honoured=True)
    assert queries.to_do_for(other.doctor, cpts, now=MONDAY) == []


# The link


def link_url(proposal):
    return reverse("snp:link", kwargs={"token": proposal_token(proposal)})


def test_opening_the_link_does_nothing_the_button_does(client, desk, cpts):
    case = make_case(
        desk, "proposed", family_name="Canari", note="canari", agreement_from="patient"
    )
    url = link_url(case.proposal)
    for _ in range(2):
        page = client.get(url)
        assert page.status_code == 200
        case.proposal.refresh_from_db()
        assert case.proposal.state == "sent"
    for never in ("canari", "Fièvre", "0639980001", "06 39 98 00 01", "06\u00a039\u00a098"):
        assert never.lower() not in page.text.lower()
    for always in ("Médecin", "Adulte", "même commune", "10\u00a0h", "Montceau-les-Mines"):
        assert always in page.text
    client.post(url, {"answer": "accept"})
    case.proposal.refresh_from_db()
    assert (case.proposal.state, case.proposal.answered_via) == ("accepted", "link")
    after = client.get(url).text.lower()
    assert "canari" not in after and "fièvre" not in after


def test_a_small_commune_is_not_said_before_log_in(client, desk, cpts):
    doctor, slot = make_offer(cpts)
    care_request = make_request(desk, insee="71212")
    proposal = actions.propose(by=desk, care_request=care_request, slot=slot)
    assert "Génelard" not in client.get(link_url(proposal)).text
    client.force_login(professional_actor(cpts, doctor).seat.user)
    url = reverse("snp:proposal", kwargs={"cpts": cpts.slug, "pk": proposal.pk})
    assert "Génelard" in client.get(url).text


def test_a_link_that_is_not_ours_is_dead(client, desk, cpts):
    case = make_case(desk, "proposed")
    token = proposal_token(case.proposal)
    for wrong in (token[:-3] + "abc", "x", token + "a"):
        assert client.get(reverse("snp:link", kwargs={"token": wrong})).status_code == 410
    assert client.post(link_url(case.proposal), {"answer": "refuse"}).status_code == 302
    case.proposal.refresh_from_db()
    assert case.proposal.state == "sent"


def test_after_log_in_identity_opens_once_accepted_and_the_journal_says_so(client, desk, cpts):
    case = make_case(desk, "proposed", family_name="Canari", agreement_from="patient")
    mine = professional_actor(cpts, case.doctor)
    client.force_login(mine.seat.user)
    url = reverse("snp:proposal", kwargs={"cpts": cpts.slug, "pk": case.proposal.pk})
    assert "Canari" not in client.get(url).text
    client.post(
        reverse("snp:answer", kwargs={"cpts": cpts.slug, "pk": case.proposal.pk}),
        {"answer": "accept"},
    )
    page = client.get(url).text
    assert "Canari" in page and "Fièvre" in page
    line = JournalLine.objects.get(kind="read")
    assert (line.action, line.seat_id) == ("snp.proposal", mine.seat_id)
    assert line.residents == [case.care_request.resident_id]


def test_a_stranger_meets_the_same_404_as_a_random_number(client, desk, cpts, neighbour):
    case = make_case(desk, "accepted")
    with scope(cpts=neighbour):
        client.force_login(actor_as(neighbour, Role.DISPATCHER).seat.user)
    for name, pk in (("story", case.care_request.pk), ("story", 10**9)):
        for slug in (cpts.slug, neighbour.slug):
            url = reverse(f"snp:{name}", kwargs={"cpts": slug, "pk": pk})
            assert client.get(url).status_code == 404
