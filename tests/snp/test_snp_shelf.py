"""What a board keeps from one dispatcher to the next is what the database says now."""

import datetime as dt
import re

import pytest
from django.db import connection
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from factories import (
    MONDAY,
    MONTCEAU,
    SAINT_VALLIER,
    give,
    make_desk,
    make_doctor,
    make_offer,
    make_request,
    make_slot,
    professional_actor,
)
from maillage.accounts.rules import SYSTEM
from maillage.availability import actions as availability
from maillage.kernel import pulse
from maillage.kernel.models import JournalLine, Pulse
from maillage.snp import actions, queries
from maillage.snp.models import CareRequest
from people import mark_demo


def seen(cpts, pk, *, kept):
    board = queries.board_of(cpts, selected=pk, kept=kept)
    matching = board.matching
    return {
        "version": board.moment.version,
        "rows": board.rows,
        "counts": board.counts,
        "ranked": matching and matching.ranked,
        "left_out": matching and matching.left_out_groups,
        "proposals": [(each.pk, each.state) for each in board.proposals],
        "history": [each.pk for each in board.history],
        "awaited": board.awaited,
    }


def shown(board):
    """All that the page draws of the request in hand."""
    return {
        "request": model_to_dict(board.current),
        "owner": str(board.current.owner and board.current.owner.user),
        "proposals": [model_to_dict(each) for each in board.proposals + board.countered],
        "history": [each.text for each in board.history],
        "awaited": board.awaited,
        "lines": [row for row in board.rows if row.id == board.current.pk],
    }


def alone(cpts, board):
    return queries.glance(
        cpts,
        selected=board.current.pk,
        mark=board.mark,
        settings=queries.settings_of(cpts),
        now=timezone.now(),
    )


boards = {}  # by request: as it was at the check before


@pytest.fixture(autouse=True)
def _no_board_before():
    boards.clear()


def check(cpts):
    """For every request in turn: kept, and read afresh; and what a page that shows the board of the
    check before keeps of it is what it would be given now."""
    for pk in CareRequest.objects.filter(cpts=cpts).order_by("pk").values_list("pk", flat=True):
        before = boards.get(pk)
        kept = before and before.mark and alone(cpts, before)
        assert seen(cpts, pk, kept=True) == seen(cpts, pk, kept=False)
        boards[pk] = queries.board_of(cpts, selected=pk, kept=True)
        if kept:
            assert shown(before) == shown(boards[pk])
            assert kept.queue.rows == boards[pk].rows
            matching = kept.matching if kept.has_ranked else before.matching
            assert matching == boards[pk].matching
            names = [
                [each.name for each in b.matching.ranked]
                for b in (before, boards[pk])
                if b.matching
            ]
            assert kept.has_map or names[:1] == names[1:]


def test_a_page_whose_request_did_not_change_is_given_the_queue_alone(cpts, desk, people, client):
    mine, other = make_request(desk), make_request(desk, phone="06 39 98 00 02")
    actions.widen(by=desk, care_request=other)
    board = queries.board_of(cpts, selected=mine.pk, kept=True)
    actions.take_case(by=desk, care_request=other)
    assert alone(cpts, board) is not None
    slot = people[2].slots.select_related("place__commune").get()
    first = actions.propose(by=desk, care_request=other, slot=slot)
    after = alone(cpts, board)  # the only place of somebody ranked for mine too
    assert (after.has_ranked, after.has_map) == (True, True)
    board = queries.board_of(cpts, selected=mine.pk, kept=True)
    assert after.matching == board.matching and after.mark == board.mark
    doctor = professional_actor(cpts, people[2])
    actions.refuse_proposal(by=doctor, proposal=first, reason="no_time")
    assert alone(cpts, board).has_ranked
    board = queries.board_of(cpts, selected=mine.pk, kept=True)
    actions.note_call(by=desk, care_request=mine, to="patient", result="no_answer")
    assert alone(cpts, board) is None


def test_a_page_that_follows_is_given_the_new_ranking_and_its_map(cpts, desk, people, client):
    mine, other = make_request(desk), make_request(desk, phone="06 39 98 00 02")
    actions.widen(by=desk, care_request=other)
    client.force_login(desk.seat.user)
    url, ask = reverse("snp:board", args=[cpts.slug]), {"headers": {"HX-Request": "true"}}
    told = {"demande": mine.pk, "since": 1}
    page = client.get(url, told, **ask)
    slot = people[0].slots.select_related("place__commune").get()
    actions.propose(by=desk, care_request=other, slot=slot)
    for parts in (("board-queue", "board-map", "board-ranked"), ("board-queue",)):
        told["shown"] = re.search(r'name="shown" value="([^"]+)"', page.text)[1]
        page = client.get(url, told, **ask)
        assert tuple(re.findall(r'id="(board-(?:queue|map|ranked))"', page.text)) == parts
        assert (f'value="{slot.pk}"' in page.text) is False
        actions.take_case(by=desk, care_request=other)


def test_the_part_of_a_board_puts_nothing_of_a_patient(cpts, desk, people, client):
    mark_demo(False)
    mine = make_request(desk, family_name="Fictif")
    other = make_request(desk, phone="06 39 98 00 02")
    client.force_login(desk.seat.user)
    url, ask = reverse("snp:board", args=[cpts.slug]), {"headers": {"HX-Request": "true"}}
    page = client.get(url, {"demande": mine.pk})
    mark = re.search(r'name="shown" value="([^"]+)"', page.text)[1]
    actions.take_case(by=desk, care_request=other)
    reads = JournalLine.objects.filter(kind="read").count()
    with CaptureQueriesContext(connection) as queried:
        part = client.get(url, {"demande": mine.pk, "since": 1, "shown": mark}, **ask)
    assert part.headers["X-Board-Part"] == "1"
    assert "Fictif" in page.text and "Fictif" not in part.text
    assert part.text.count('class="req ') == 2 and f'id="req-{mine.pk}" aria-current' in part.text
    assert JournalLine.objects.filter(kind="read").count() == reads
    assert len(queried) <= 7
    for wrong in ("", "x", "1.2.3.4.5", f"z{mark}", mark.replace("-", "."), "🐢" * 900):
        whole = client.get(url, {"demande": mine.pk, "since": 1, "shown": wrong}, **ask)
        assert whole.status_code == 200 and "X-Board-Part" not in whole.headers


@pytest.fixture
def people(cpts):
    """Five doctors and a nurse, each with what makes a difference."""
    found = [make_offer(cpts, minutes, slot_mode=mode)[0] for minutes, mode in (
        (30, "on_agreement"), (60, "bookable"), (90, "on_agreement"))]  # fmt: skip
    found.append(make_doctor(cpts, insee=SAINT_VALLIER, age_from=16))
    make_slot(found[-1], 45)
    found.append(make_doctor(cpts))
    nurse = make_doctor(cpts, profession="60", speciality="")
    make_slot(nurse, 20)
    return found


def test_what_is_kept_is_what_is_true_after_every_act(cpts, desk, people, clock):
    first = make_request(desk, usual_doctor=people[2])
    child = make_request(desk, age_band="2-5", insee=SAINT_VALLIER, phone="06 39 98 00 02")
    nursing = make_request(desk, profession="60", phone="06 39 98 00 03")
    for _ in range(3):
        first = actions.widen(by=desk, care_request=first) if first.circle != "cpts" else first
    check(cpts)
    slots = people[0].slots.select_related("place__commune")
    proposal = actions.propose(by=desk, care_request=first, slot=slots.first())
    check(cpts)
    actions.note_call(by=desk, care_request=first, to="patient", result="no_answer")
    actions.take_case(by=desk, care_request=child)
    check(cpts)
    actions.accept_proposal(by=desk, proposal=proposal)
    check(cpts)
    actions.inform_patient(by=desk, care_request=first, means="phone", result="reached")
    check(cpts)
    availability.pause_asking(by=SYSTEM, professional=people[2], until=None)
    check(cpts)
    availability.set_asking(
        by=SYSTEM,
        professional=people[1],
        weekly_cap=1,
        quiet_from_minute=None,
        quiet_to_minute=None,
        for_neighbours=False,
    )
    check(cpts)
    booked = people[1].slots.select_related("place__commune").first()
    actions.propose(by=desk, care_request=child, slot=booked)
    check(cpts)  # the cap of the week is reached
    availability.open_once(
        by=SYSTEM,
        professional=people[4],
        place=people[4].places.first(),
        starts_at=timezone.now() + dt.timedelta(hours=2),
        ends_at=timezone.now() + dt.timedelta(hours=3),
        slot_minutes=20,
    )
    check(cpts)
    clock.move(minutes=35)  # slots have begun
    check(cpts)
    actions.reorient(by=desk, care_request=first)
    check(cpts)
    actions.cancel(by=desk, care_request=nursing, cancelled_by="patient")
    check(cpts)


def test_a_place_taken_elsewhere_is_gone_here_too(cpts, desk, people, neighbour):
    mine = make_request(desk, insee=MONTCEAU)
    check(cpts)
    with scopes_disabled():
        give(people[1], neighbour)
    pulse.bump(cpts.pk)  # `give` writes the choice without its action
    taken = people[1].slots.select_related("place__commune").first()
    with scope(cpts=neighbour):
        from_there = _desk_of(neighbour)
        other = make_request(from_there, insee=MONTCEAU, phone="06 39 98 00 09")
        queries.board_of(neighbour, selected=other.pk, kept=True)
        before = pulse.version(cpts.pk)
    with scope(cpts=cpts):
        actions.propose(by=desk, care_request=mine, slot=taken)
    assert pulse.version(cpts.pk) > before
    check(cpts)
    with scope(cpts=neighbour):
        check(neighbour)
        assert [row.id for row in queries.board_of(neighbour, selected=0, kept=True).rows] == [
            other.pk
        ]


def _desk_of(cpts):
    from people import actor_as  # noqa: PLC0415 - the fixture of this name hides the module

    return actor_as(cpts, "dispatcher")


def test_two_cpts_never_share_a_queue(cpts, desk, people, db):
    make_request(desk)
    with scopes_disabled():
        other = make_desk("ailleurs")
    assert len(queries.board_of(cpts, selected=None, kept=True).rows) == 1
    with scope(cpts=other):
        assert queries.board_of(other, selected=None, kept=True).rows == []


@pytest.mark.parametrize(
    ("reach", "moved"),
    [
        (pulse.Reach.BOARD, (2, 1, 1)),
        (pulse.Reach.PLACES, (2, 2, 1)),
        (pulse.Reach.DIRECTORY, (2, 2, 2)),
    ],
)
def test_the_counters_move_as_far_as_the_act_reaches(cpts, reach, moved):
    Pulse.objects.update_or_create(pk=cpts.pk, defaults={"version": 1, "places": 1, "directory": 1})
    pulse.bump(cpts.pk, reach=reach)
    assert Pulse.objects.values_list("version", "places", "directory").get(pk=cpts.pk) == moved


def test_the_board_of_monday_is_not_that_of_tuesday(cpts, desk, people, clock):
    make_request(desk)
    check(cpts)
    clock.move(days=1)
    check(cpts)
    assert timezone.now() > MONDAY
