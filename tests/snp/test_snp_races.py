"""Two people at the same instant, on the row locks of PostgreSQL: one wins, the other reads why."""

import threading
from functools import partial

import pytest
from django.db import connection
from django_scopes import scope

from factories import (
    make_case,
    make_desk,
    make_intake,
    make_offer,
    make_request,
    professional_actor,
    set_desk,
)
from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.availability.models import Booking
from maillage.kernel.errors import DomainError
from maillage.snp import actions
from maillage.snp.models import CareRequest, CareRequestNumber, Proposal
from people import actor_as

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cpts(transactional_db, clock):
    cpts = make_desk(live_proposals_max=3)
    with scope(cpts=cpts):
        yield cpts


@pytest.fixture
def desk(cpts):
    return actor_as(cpts, Role.DISPATCHER)


def together(cpts, *calls):
    """Run the calls at once, each on its own connection; what each returned or read."""
    barrier, told = threading.Barrier(len(calls)), [None] * len(calls)

    def run(position, call):
        try:
            with scope(cpts=cpts):
                connection.ensure_connection()
                barrier.wait(10)
                told[position] = call()
        except Exception as error:  # noqa: BLE001 - a bug must reach the test, not the thread
            told[position] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return told


def sentences(told):
    """What the losers read; anything but an expected refusal is a bug."""
    errors = [each for each in told if isinstance(each, Exception)]
    assert all(isinstance(each, DomainError) for each in errors), errors
    return [str(each) for each in errors]


def accept(by, proposal):
    return lambda: actions.accept_proposal(by=by, proposal=proposal)


@pytest.mark.parametrize("turn", range(5))
def test_two_professionals_accept_one_request(desk, cpts, turn):
    care_request = make_request(desk)
    calls = []
    for _ in range(2):
        doctor, slot = make_offer(cpts)
        proposal = actions.propose(by=desk, care_request=care_request, slot=slot)
        calls.append(accept(professional_actor(cpts, doctor), proposal))
    told = sentences(together(cpts, *calls))
    assert told == ["Un autre professionnel a répondu avant vous. Merci de votre réponse."]
    assert sorted(Proposal.objects.values_list("state", flat=True)) == ["accepted", "withdrawn"]
    assert sorted(Booking.objects.values_list("state", flat=True)) == ["released", "taken"]


@pytest.mark.parametrize("mode", ["on_agreement", "bookable"])
def test_two_dispatchers_want_the_last_place(desk, cpts, mode):
    _, slot = make_offer(cpts, slot_mode=mode)
    other = actor_as(cpts, Role.DISPATCHER)
    requests = [make_request(desk), make_request(other)]
    told = together(
        cpts,
        *(
            lambda by=by, each=each: actions.propose(by=by, care_request=each, slot=slot)
            for by, each in zip((desk, other), requests, strict=True)
        ),
    )
    (sentence,) = sentences(told)
    assert "vient d'être pris" in sentence or "plus de place libre" in sentence
    assert Booking.objects.exclude(state="released").count() == 1
    assert sorted(CareRequest.objects.values_list("status", flat=True)) == sorted(
        ["new", "proposed" if mode == "on_agreement" else "accepted"]
    )


@pytest.mark.parametrize("turn", range(5))
def test_an_answer_at_the_instant_it_expires(desk, cpts, clock, turn):
    case = make_case(desk, "proposed")
    by = professional_actor(cpts, case.doctor)
    clock.move(minutes=15)
    told = together(
        cpts,
        accept(by, case.proposal),
        lambda: actions.expire_proposal(by=SYSTEM, proposal=case.proposal),
    )
    assert sentences(told) == []  # accepted in time, or late and still free: it counts
    case.care_request.refresh_from_db()
    assert case.care_request.status == "accepted" and case.care_request.alert == ""
    assert list(Booking.objects.exclude(state="released").values_list("state")) == [("taken",)]


def test_one_form_posted_twice_at_once_is_one_request(desk, cpts):
    CareRequestNumber.objects.all().delete()  # the very first request of the CPTS
    intake = make_intake(form_key="une-fois")
    call = lambda: actions.create_care_request(by=desk, cpts=cpts, intake=intake)  # noqa: E731
    first, second = together(cpts, call, call)
    assert first == second and CareRequest.objects.count() == 1


def test_two_forms_at_once_are_two_numbers(desk, cpts):
    make_request(desk)
    calls = [
        partial(actions.create_care_request, by=desk, cpts=cpts, intake=make_intake())
        for _ in range(4)
    ]
    told = together(cpts, *calls)
    assert sentences(told) == []
    assert sorted(each.number for each in told) == [2, 3, 4, 5]


def test_one_acceptance_clicked_twice_counts_once(desk, cpts):
    case = make_case(desk, "proposed")
    by = professional_actor(cpts, case.doctor)
    told = together(cpts, accept(by, case.proposal), accept(by, case.proposal))
    assert sentences(told) == []
    assert case.care_request.events.filter(kind="accepted").count() == 1


def test_one_proposal_clicked_twice_counts_once(desk, cpts):
    _, slot = make_offer(cpts, slot_capacity=2)
    care_request = make_request(desk)
    call = lambda: actions.propose(by=desk, care_request=care_request, slot=slot)  # noqa: E731
    assert sentences(together(cpts, call, call)) == []
    assert Proposal.objects.count() == Booking.objects.count() == 1


@pytest.mark.parametrize("turn", range(6))
def test_two_requests_that_share_their_slots_never_wait_for_each_other(desk, cpts, turn):
    """Each acceptance takes one slot and frees the other's: locked crosswise they would deadlock."""
    (_, one), (_, two) = make_offer(cpts, slot_capacity=4), make_offer(cpts, slot_capacity=4)
    mine = []
    for chosen in (one, two):
        care_request = make_request(desk)
        proposals = {
            slot.pk: actions.propose(by=desk, care_request=care_request, slot=slot)
            for slot in (one, two)
        }
        mine.append(proposals[chosen.pk])
    assert sentences(together(cpts, *(accept(desk, proposal) for proposal in mine))) == []
    assert Booking.objects.filter(state="taken").count() == 2


def test_cancelled_and_accepted_at_once(desk, cpts):
    set_desk(cpts)
    case = make_case(desk, "proposed")
    by = professional_actor(cpts, case.doctor)
    told = together(
        cpts,
        accept(by, case.proposal),
        lambda: actions.cancel(by=desk, care_request=case.care_request, cancelled_by="patient"),
    )
    assert all("retirée" in sentence for sentence in sentences(told))
    case.care_request.refresh_from_db()
    assert case.care_request.status == "cancelled"
    assert not Booking.objects.exclude(state="released").exists()
