"""Random histories of two requests over shared slots: what must always hold, and that no request
stays without somebody who answers for it, nor without an end or a next call to act."""

import datetime as dt
import os
import time

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from factories import MONDAY, make_offer, make_request, set_desk
from maillage.accounts.enums import Role
from maillage.accounts.models import Seat
from maillage.accounts.rules import SeatActor
from maillage.availability.enums import LIVE
from maillage.availability.models import Absence, Booking
from maillage.kernel.errors import DomainError
from maillage.snp import actions
from maillage.snp.actions import circles, life, orientation
from maillage.snp.enums import (
    LADDER,
    OPEN,
    CancelledBy,
    InformResult,
    ProposalState,
    RefusalReason,
)
from maillage.snp.management.commands.clock import Command
from maillage.snp.models import CareRequest, OnCall, Proposal
from maillage.snp.queries.board import on_board
from people import make_seat

# MAILLAGE_HISTORIES=3000 makes a long run.
QUICK = settings(
    max_examples=int(os.environ.get("MAILLAGE_HISTORIES", "40")),
    stateful_step_count=20,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


class Undo(Exception):
    """Ends a history: nothing of it stays."""


class Desk(RuleBasedStateMachine):
    """Two requests and three slots: one place, two places, one bookable. `world` is made once; a
    history happens in a transaction that is then undone."""

    world = None
    proposals = Bundle("proposals")
    which = st.integers(0, 1)
    rarely = st.integers(0, 3)

    def __init__(self):
        super().__init__()
        self.desk, self.requests, self.slots, self.others = self.world
        self.cpts = self.desk.seat.cpts
        self.clock = Command()
        self.now = MONDAY
        timezone.now = lambda: self.now
        self.atomic = transaction.atomic()
        self.atomic.__enter__()

    def attempt(self, verb, **given):
        """An expected refusal leaves no trace; anything else is a bug."""
        try:
            with transaction.atomic():
                return verb(by=given.pop("by", self.desk), **given)
        except DomainError as refusal:
            assert str(refusal).strip()
            return None

    @rule(target=proposals, n=which, slot=st.integers(0, 2))
    def propose(self, n, slot):
        made = self.attempt(actions.propose, care_request=self.requests[n], slot=self.slots[slot])
        return multiple() if made is None else made

    @rule(proposal=proposals)
    def accept(self, proposal):
        self.attempt(actions.accept_proposal, proposal=proposal)

    @rule(proposal=proposals, reason=st.sampled_from(RefusalReason.values))
    def refuse(self, proposal, reason):
        self.attempt(actions.refuse_proposal, proposal=proposal, reason=reason)

    @rule(proposal=proposals)
    def withdraw(self, proposal):
        self.attempt(actions.withdraw_proposal, proposal=proposal)

    def tick(self, **span):
        """Time passes, and the clock runs as the loop would."""
        self.now += dt.timedelta(**span)
        self.clock.asked_at = self.clock.rolled_at = self.clock.beat_at = 0.0
        self.clock.rolled_at = time.monotonic()  # the horizon is not what is tried here
        self.clock.tick()
        active = Seat.objects.active(self.now.date())
        assert not CareRequest.objects.filter(closed_at=None).exclude(owner__in=active).exists()

    @precondition(lambda self: self.now < MONDAY + dt.timedelta(hours=9))
    @rule(minutes=st.sampled_from([5, 16, 16, 31, 150]))
    def wait(self, minutes):
        self.tick(minutes=minutes)

    @rule(n=which)
    def widen(self, n):
        self.attempt(actions.widen, care_request=self.requests[n])

    @rule(n=which, who=st.integers(0, 1))
    def take(self, n, who):
        self.attempt(
            actions.take_case, by=SeatActor(self.others[who]), care_request=self.requests[n]
        )

    @rule(who=st.integers(0, 1), state=st.sampled_from(["active", "suspended", "suspended"]))
    def come_or_go(self, who, state):
        """People of the desk are suspended and come back; the coordinator stays."""
        Seat.objects.filter(pk=self.others[who].pk).update(state=state)

    @rule(who=st.integers(0, 1))
    def put_on_call(self, who):
        if not OnCall.objects.filter(ends_at__gt=self.now).exists():
            OnCall.objects.create(
                cpts=self.cpts,
                seat=self.others[who],
                starts_at=self.now,
                ends_at=self.now + dt.timedelta(hours=3),
            )

    @rule()
    def close_desk(self):
        self.attempt(actions.close_desk, cpts=self.cpts)

    @rule(slot=st.integers(0, 2), go=rarely)
    def fall_ill(self, slot, go):
        if go == 0:
            Absence.objects.get_or_create(
                professional=self.slots[slot].professional,
                defaults={"starts_at": self.now, "ends_at": self.now + dt.timedelta(days=1)},
            )

    @rule(n=which)
    def merge(self, n):
        self.attempt(actions.merge, care_request=self.requests[n], into=self.requests[1 - n])

    @rule(n=which)
    def unmerge(self, n):
        self.attempt(actions.unmerge, care_request=self.requests[n])

    @rule(proposal=proposals, minutes=st.sampled_from([120, 300]))
    def counter(self, proposal, minutes):
        self.attempt(
            actions.counter_offer,
            proposal=proposal,
            starts_at=self.now + dt.timedelta(minutes=minutes),
        )

    @rule(proposal=proposals, take=st.booleans())
    def answer_counter(self, proposal, take):
        verb = actions.take_counter if take else actions.decline_counter
        self.attempt(verb, proposal=proposal)

    @rule(n=which, result=st.sampled_from(InformResult.values))
    def inform(self, n, result):
        means = "sms" if result == InformResult.SENT else "phone"
        self.attempt(
            actions.inform_patient, care_request=self.requests[n], means=means, result=result
        )

    @rule(n=which, honoured=st.booleans())
    def outcome(self, n, honoured):
        self.attempt(actions.record_outcome, care_request=self.requests[n], honoured=honoured)

    @rule(n=which)
    def reorient(self, n):
        self.attempt(actions.reorient, care_request=self.requests[n])

    @rule(n=which, who=st.sampled_from(CancelledBy.values), hand_over=st.booleans(), go=rarely)
    def end(self, n, who, hand_over, go):
        if go:  # ends are rarer than the rest, or histories would be short
            return
        if hand_over:
            self.attempt(actions.hand_over, care_request=self.requests[n])
        else:
            self.attempt(actions.cancel, care_request=self.requests[n], cancelled_by=who)

    @rule(n=which)
    def confirm(self, n):
        self.attempt(actions.confirm_hand_over, care_request=self.requests[n], taken_over_by="ARM")

    @invariant()
    def places_are_never_sold_twice(self):
        for slot in self.slots:
            live = Booking.objects.filter(slot=slot, state__in=LIVE)
            assert live.count() <= slot.capacity
            assert set(live.values_list("place_number", flat=True)) <= {1, 2}

    @invariant()
    def a_place_is_live_only_for_a_live_proposal(self):
        live = {"sent": "held", "accepted": "taken"}
        for proposal in Proposal.objects.select_related("booking"):
            assert proposal.booking.state == live.get(proposal.state, "released")
        orphans = Booking.objects.filter(proposal=None, state__in=LIVE)
        assert not orphans.exists()

    @invariant()
    def the_status_says_what_the_proposals_say(self):
        for care_request in CareRequest.objects.all():
            states = list(care_request.proposals.values_list("state", flat=True))
            sent, accepted = states.count("sent"), states.count("accepted")
            assert sent <= 3
            if care_request.status == "new" and "countered" in states:
                continue
            expected = {
                "new": (False, 0),
                "proposed": (True, 0),
                "cancelled": (False, 0),
                "handed_over": (False, 0),
                "merged": (False, 0),
            }.get(care_request.status, (False, 1))
            assert (sent > 0, accepted) == expected, care_request.status

    @invariant()
    def nobody_is_forgotten(self):
        shown = set(on_board(self.cpts).values_list("pk", flat=True))
        for care_request in CareRequest.objects.all():
            waits_for_15 = care_request.status == "handed_over" and not care_request.closed_at
            assert (care_request.pk in shown) == (care_request.status in OPEN or waits_for_15)
            assert bool(care_request.phone) or care_request.pk not in shown
            if care_request.status in OPEN:
                assert care_request.closed_at is None
        assert CareRequest.objects.count() == len(self.requests)

    @invariant()
    def somebody_answers_and_something_is_to_come(self):
        for care_request in CareRequest.objects.filter(closed_at=None):
            assert care_request.owner_id is not None
            waits = care_request.watch_at or care_request.circle_until
            planned = care_request.status == "informed" and care_request.planned_at
            assert waits or planned, care_request.status

    def teardown(self):
        """Left alone for three days, whatever is open has called somebody who is there."""
        try:
            if CareRequest.objects.filter(closed_at=None).exists():
                for _ in range(8):
                    self.tick(hours=10)
                self.nobody_was_left_in_silence()
        finally:
            self.atomic.__exit__(Undo, Undo(), None)

    def nobody_was_left_in_silence(self):
        active = Seat.objects.active(self.now.date())
        for care_request in CareRequest.objects.filter(closed_at=None):
            assert active.filter(pk=care_request.owner_id).exists()
            assert care_request.alert or care_request.status == "handed_over", care_request.status
            assert care_request.escalated_at is not None
            assert self.now - care_request.escalated_at < dt.timedelta(hours=11)
            if care_request.status in ("new", "proposed"):
                assert care_request.circle == "hand_over"


@pytest.fixture
def world(cpts, desk, monkeypatch):
    """What every history begins with. The slots are hours away, or histories would be short."""
    set_desk(cpts, valid_from=MONDAY - dt.timedelta(days=1), live_proposals_max=3)
    make_seat(cpts, Role.COORDINATOR)
    others = [make_seat(cpts, Role.DISPATCHER) for _ in range(2)]
    requests = [make_request(desk, sms_allowed=True) for _ in range(2)]
    about = ({}, {"slot_capacity": 2}, {"slot_mode": "bookable"})
    slots = [make_offer(cpts, 400, slot_lasts=60, **each)[1] for each in about]
    monkeypatch.setattr(timezone, "now", timezone.now)  # put back after the last history
    monkeypatch.setattr(Desk, "world", (desk, requests, slots, others))


@pytest.mark.slow
def test_random_histories_hold(world):
    run_state_machine_as_test(Desk, settings=QUICK)


def forget_to_free(monkeypatch):
    """The place stays held after a refusal."""

    def end(proposal, state, *, by):
        if state == ProposalState.REFUSED:
            proposal.state = state
            proposal.save()
        else:
            life.end_proposal(proposal, state, by=by)

    monkeypatch.setattr(orientation, "end_proposal", end)


def forget_the_board(monkeypatch):
    """Nobody asked any more, the request still says it waits for an answer."""
    monkeypatch.setattr(orientation, "back_to_new", lambda *args, **kwargs: None)


def forget_the_watch(monkeypatch):
    """Nothing is to come: no reminder, no warning."""
    monkeypatch.setattr(life, "next_watch", lambda *args: None)


def forget_who_left(monkeypatch):
    """Somebody who left still answers for their requests."""
    monkeypatch.setattr(actions, "heal_owner", lambda **given: None)


def stop_half_way(monkeypatch):
    """The search never goes past the whole CPTS."""
    monkeypatch.setattr(circles, "LADDER", LADDER[:3])


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        forget_the_board,
        forget_the_watch,
        stop_half_way,
    ],
)
def test_the_histories_find_a_seeded_fault(world, monkeypatch, fault):
    """The machine can fail."""
    fault(monkeypatch)
    with pytest.raises((AssertionError, DatabaseError, ExceptionGroup, IndexError)):
        run_state_machine_as_test(
            Desk,
            settings=settings(
                QUICK,
                max_examples=max(60, QUICK.max_examples),
                phases=[Phase.generate],
                print_blob=False,
            ),
        )


# The two rarest faults, by the history that meets them: the same rules, the same invariants.


@pytest.fixture
def history(world):
    desk = Desk()
    yield desk
    desk.atomic.__exit__(Undo, Undo(), None)


def test_the_invariants_see_a_place_that_is_not_freed(history, monkeypatch):
    refused = history.propose(n=0, slot=0)
    forget_to_free(monkeypatch)
    history.refuse(proposal=refused, reason="no_time")
    with pytest.raises(AssertionError):
        history.a_place_is_live_only_for_a_live_proposal()


def test_the_invariants_see_an_owner_who_left(history, monkeypatch):
    history.take(n=0, who=0)
    forget_who_left(monkeypatch)
    history.come_or_go(who=0, state="suspended")
    with pytest.raises(AssertionError):
        history.wait(minutes=5)
