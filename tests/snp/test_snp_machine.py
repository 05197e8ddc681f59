"""Random histories of two requests over shared slots: what must always hold."""

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone
from django_scopes import scope, scopes_disabled
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from factories import MONDAY, make_desk, make_offer, make_request
from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.availability.enums import LIVE
from maillage.availability.models import Booking
from maillage.kernel.errors import DomainError
from maillage.snp import actions, queries
from maillage.snp.actions import life
from maillage.snp.enums import OPEN, CancelledBy, InformResult, RefusalReason
from maillage.snp.models import CareRequest, Proposal
from people import actor_as

QUICK = settings(
    max_examples=25,
    stateful_step_count=18,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


class Undo(Exception):
    """Ends a history: nothing of it stays."""


class Desk(RuleBasedStateMachine):
    """Every history begins with two requests, three doctors (one bookable) and a capacity of two."""

    proposals = Bundle("proposals")
    which = st.integers(0, 1)

    def __init__(self):
        super().__init__()
        self.now = MONDAY
        self.before, timezone.now = timezone.now, lambda: self.now
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        with scopes_disabled():
            self.cpts = make_desk(live_proposals_max=3)
        self.scope = scope(cpts=self.cpts)
        self.scope.__enter__()
        self.desk = actor_as(self.cpts, Role.DISPATCHER)
        self.requests = [make_request(self.desk), make_request(self.desk)]
        self.slots = [
            make_offer(self.cpts, 240, slot_lasts=60)[1],
            make_offer(self.cpts, 250, slot_lasts=60, slot_capacity=2)[1],
            make_offer(self.cpts, 260, slot_lasts=60, slot_mode="bookable")[1],
        ]

    def teardown(self):
        self.scope.__exit__(None, None, None)
        self.atomic.__exit__(Undo, Undo(), None)
        timezone.now = self.before

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
        return self.attempt(actions.propose, care_request=self.requests[n], slot=self.slots[slot])

    @rule(proposal=proposals)
    def accept(self, proposal):
        if proposal is not None:
            self.attempt(actions.accept_proposal, proposal=proposal)

    @rule(proposal=proposals, reason=st.sampled_from(RefusalReason.values))
    def refuse(self, proposal, reason):
        if proposal is not None:
            self.attempt(actions.refuse_proposal, proposal=proposal, reason=reason)

    @rule(proposal=proposals)
    def withdraw(self, proposal):
        if proposal is not None:
            self.attempt(actions.withdraw_proposal, proposal=proposal)

    @precondition(lambda self: self.now < MONDAY + dt.timedelta(hours=6))
    @rule(minutes=st.sampled_from([5, 16, 60]))
    def wait(self, minutes):
        self.now += dt.timedelta(minutes=minutes)
        for found in queries.due_proposals(self.now).values():
            for proposal in found:
                self.attempt(actions.expire_proposal, by=SYSTEM, proposal=proposal)
        for found in queries.silent_outcomes(self.now).values():
            for care_request in found:
                self.attempt(actions.ask_outcome, by=SYSTEM, care_request=care_request)

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

    @rule(n=which, who=st.sampled_from(CancelledBy.values), hand_over=st.booleans(), go=which)
    def end(self, n, who, hand_over, go):
        if not go:  # ends are rarer than the rest, or histories would be short
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
            expected = {
                "new": (False, 0),
                "proposed": (True, 0),
                "cancelled": (False, 0),
                "handed_over": (False, 0),
            }.get(care_request.status, (False, 1))
            assert (sent > 0, accepted) == expected, care_request.status

    @invariant()
    def nobody_is_forgotten(self):
        shown = {row.id for row in queries.board_of(self.cpts, selected=0).rows}
        for care_request in CareRequest.objects.all():
            waits_for_15 = care_request.status == "handed_over" and not care_request.closed_at
            assert (care_request.pk in shown) == (care_request.status in OPEN or waits_for_15)
            assert care_request.taken_by_id or care_request.cpts_id
            assert bool(care_request.phone) or care_request.pk not in shown
            if care_request.status in OPEN:
                assert care_request.closed_at is None
        assert CareRequest.objects.count() == len(self.requests)


@pytest.mark.slow
def test_random_histories_hold(db):
    run_state_machine_as_test(Desk, settings=QUICK)


@pytest.mark.slow
def test_the_histories_find_a_place_that_refusal_forgets_to_free(db, monkeypatch):
    """The machine can fail: a seeded fault turns it red."""
    monkeypatch.setattr(life, "release_place", lambda *, by, booking: booking)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            Desk, settings=settings(QUICK, phases=[Phase.generate], print_blob=False)
        )
