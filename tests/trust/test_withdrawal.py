"""A right taken back is closed at the next request, in a session that lives, on every route."""

import pytest
from django.db import transaction
from django.urls import reverse
from django_scopes import scope
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from world import SIDES, forget_all, methods_of, routes

from maillage.accounts import queries
from maillage.accounts.enums import Role, SeatState
from maillage.accounts.models import Seat, SeatQuerySet, User
from maillage.accounts.rules import SYSTEM, SeatActor
from maillage.kernel.errors import DomainError
from maillage.residents import rules as residents
from maillage.snp import actions as snp
from maillage.snp import rules
from maillage.snp.models import CareRequest, Proposal
from maillage.snp.queries import proposal_token
from maillage.territory.actions import close_cpts
from trusted import FULL, evidence, size

pytestmark = pytest.mark.django_db
IDENTITY = f"{SIDES['own']}Famille"


def addresses(world):
    """Every page and button of the CPTS, with an object of ours where there is one."""
    objects = world.objects["own"]
    kinds = {
        "accounts": "seat",
        "residents": "resident",
        "directory": "professional",
        "availability": "period",
        "snp": "care_request",
        "territory": "commune",
        "rights": "resident",
    }
    for name, route in routes().items():
        if "cpts" not in route.pattern.converters or "demo" in name:
            continue
        pk = None
        if "pk" in route.pattern.converters:
            pk = objects[kinds.get(name.split(":")[0], "care_request")].pk
        for method in methods_of(name):
            yield name, method, world.url(name, pk)


def end_role(world, user):
    Seat.objects.filter(cpts=world.own, user=user).update(state=SeatState.LEFT)


def suspend(world, user):
    Seat.objects.filter(cpts=world.own, user=user).update(state=SeatState.SUSPENDED)


def deactivate(world, user):
    User.objects.filter(pk=user.pk).update(is_active=False)


def close(world, user):
    close_cpts(by=SYSTEM, cpts=world.own)


LOSSES = {"role ended": end_role, "suspended": suspend, "inactive": deactivate, "closed": close}


def still_open(world, lose, roles):
    """Routes that answer otherwise than to a stranger, once the right is lost."""
    found, asked = [], 0
    for role in roles:
        user = world.users[role]
        home = reverse("home:cpts", kwargs={"cpts": world.own.slug})
        assert world.ask(user, home).status_code in {200, 302}, "the session lives before"
        with transaction.atomic():
            lose(world, user)
            for name, method, url in addresses(world):
                status = world.ask(user, url, method).status_code
                asked += 1
                at_login = lose is deactivate and status == 302
                if status != 404 and not at_login:
                    found.append(f"{role} {method} {name}: {status}")
            transaction.set_rollback(True)
        forget_all()
    return found, asked


@pytest.mark.parametrize("loss", LOSSES)
def test_a_lost_right_is_closed_on_every_route(world, loss):
    roles = list(Role) if FULL else [Role.DISPATCHER]
    found, asked = still_open(world, LOSSES[loss], roles)
    assert found == [], "\n".join(found)
    evidence("G5", f"requests refused in a living session, {loss}", asked)


def seats_of_the_account(user, slug, day):
    """Whatever their state and their days: `day` is only said."""
    found = Seat.objects.filter(user=user, cpts__slug=slug).exclude(left_on=day)
    return found.select_related("cpts").order_by("pk")


def test_the_walk_sees_a_seat_that_is_not_looked_at(world, monkeypatch):
    """Seeded fault: the state of the seat is forgotten."""
    monkeypatch.setattr(SeatQuerySet, "active", lambda self, on: self.all())
    monkeypatch.setattr(queries._active_seats, "written", {})
    monkeypatch.setattr(queries._active_seats, "make", seats_of_the_account)
    found, _ = still_open(world, suspend, [Role.DISPATCHER])
    assert found


# The agreement


def shown_to_the_professional(world):
    """What the professional who accepted is shown of the patient, page by page."""
    user, objects = world.users[Role.PROFESSIONAL], world.objects["own"]
    proposal = objects["accepted_proposal"]
    found = []
    for name, pk in (
        ("snp:proposal", proposal.pk),
        ("home:cpts", None),
        ("snp:asked", None),
        ("snp:glass", objects["opening_glass"].pk),
    ):
        if IDENTITY in world.ask(user, world.url(name, pk)).content.decode():
            found.append(name)
    return found


def withdraw_all(world):
    with scope(cpts=world.own):
        desk = SeatActor(Seat.objects.filter(cpts=world.own, role=Role.DISPATCHER)[0])
        for each in ("care_request", "accepted"):
            sharing = CareRequest.objects.get(pk=world.objects["own"][each].pk).sharing
            snp.withdraw_sharing(by=desk, agreement=sharing)


def test_an_agreement_taken_back_closes_every_door(world):
    proposal = world.objects["own"]["accepted_proposal"]
    link = reverse("snp:link", kwargs={"token": proposal_token(proposal)})
    assert {"snp:proposal", "home:cpts", "snp:glass"} <= set(shown_to_the_professional(world))
    assert world.ask(None, link).status_code == 200
    with transaction.atomic():
        withdraw_all(world)
        forget_all()
        assert shown_to_the_professional(world) == []
        for method in ("get", "post"):
            assert world.ask(None, link, method, {"answer": "accept"}).status_code == 410
        transaction.set_rollback(True)
    forget_all()
    evidence("G5", "doors closed by an agreement taken back", 5)


def test_the_doors_are_seen_open_when_a_withdrawal_is_forgotten(world, monkeypatch):
    """Seeded fault: an agreement is an agreement, taken back or not."""

    def given_once(agreement, scope="cpts"):
        return agreement is not None

    with transaction.atomic():
        withdraw_all(world)
        monkeypatch.setattr(residents, "covers", given_once)
        monkeypatch.setattr(rules, "covers", given_once)
        assert shown_to_the_professional(world)
        transaction.set_rollback(True)
    forget_all()


# Histories


STEPS = ("agree", "withdraw", "propose", "accept", "refuse", "reorient", "cancel", "honour")


def step(world, desk, doctor, pk, what):
    care_request = CareRequest.objects.get(pk=pk)
    proposal = care_request.proposals.order_by("-pk").first()
    act = {
        "agree": lambda: snp.record_agreement(by=desk, care_request=care_request, giver="patient"),
        "withdraw": lambda: (
            care_request.sharing and snp.withdraw_sharing(by=desk, agreement=care_request.sharing)
        ),
        "propose": lambda: snp.propose(
            by=desk, care_request=care_request, slot=world.objects["own"]["slot_free"]
        ),
        "accept": lambda: proposal and snp.accept_proposal(by=doctor, proposal=proposal),
        "refuse": lambda: (
            proposal and snp.refuse_proposal(by=doctor, proposal=proposal, reason="other")
        ),
        "reorient": lambda: snp.reorient(by=desk, care_request=care_request),
        "cancel": lambda: snp.cancel(by=desk, care_request=care_request, cancelled_by="patient"),
        "honour": lambda: snp.record_outcome(by=desk, care_request=care_request, honoured=True),
    }[what]
    try:
        with transaction.atomic():
            act()
    except DomainError:  # an act that is not possible now
        return


def identity_is_right(world, pk):
    """Shown to nobody but the professional who accepted, with an agreement that stands."""
    care_request = CareRequest.objects.select_related("sharing").get(pk=pk)
    sharing = care_request.sharing
    agreed = sharing is not None and sharing.withdrawn_at is None
    for role, user in world.users.items():
        actor = SeatActor(Seat.objects.get(cpts=world.own, user=user, role=role))
        for proposal in Proposal.objects.filter(care_request=pk):
            accepted = proposal.state == "accepted" and role == Role.PROFESSIONAL
            allowed = accepted and agreed
            if rules.can_see_identity(actor, proposal) and not allowed:
                return False
    return True


def walk(world, history):
    with transaction.atomic(), scope(cpts=world.own):
        desk = SeatActor(Seat.objects.get(cpts=world.own, user=world.users[Role.DISPATCHER]))
        doctor = SeatActor(Seat.objects.get(cpts=world.own, user=world.users[Role.PROFESSIONAL]))
        pk = world.objects["own"]["alone"].pk
        right = True
        for what in history:
            step(world, desk, doctor, pk, what)
            right = right and identity_is_right(world, pk)
        transaction.set_rollback(True)
    forget_all()
    return right


HISTORIES = st.lists(st.sampled_from(STEPS), min_size=2, max_size=9)


def test_no_history_shows_an_identity_without_relation_and_agreement(world):
    @settings(
        max_examples=size(15, 400),
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(HISTORIES)
    def every(history):
        assert walk(world, history)

    every()
    assert walk(world, ["agree", "propose", "accept", "withdraw", "agree", "reorient"])
    evidence("G5", "random histories, identity never shown without both", size(15, 400))


def test_the_histories_see_a_withdrawal_forgotten(world, monkeypatch):
    monkeypatch.setattr(rules, "covers", lambda agreement, scope="cpts": agreement is not None)
    assert not walk(world, ["agree", "propose", "accept", "withdraw"])
