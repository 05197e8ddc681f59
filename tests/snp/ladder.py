"""What the tests of circles, deadlines, hours and agreements share: turns of the clock, a ring, two
CPTSs that agree."""

import time

from django.utils import timezone
from django_scopes import scope

from factories import LONG_BEFORE, MONDAY, make_offer
from maillage.accounts.enums import Role
from maillage.availability.models import AskingPreferences
from maillage.snp import actions
from maillage.snp.management.commands.clock import Command
from maillage.snp.models import Ring, RingMember
from people import actor_as


def turn(clock, **span):
    """Time passes, then one turn of the clock as the loop does it, the horizon and the purge left
    alone."""
    clock.move(**span)
    command = Command()
    command.rolled_at = command.purged_at = time.monotonic()
    command.tick()


def fresh(row):
    row.refresh_from_db()
    return row


def words(page) -> str:
    """The text of an answer, its spaces all alike."""
    return page.text.replace("\u00a0", " ").replace("\u202f", " ")


def told(care_request, kind) -> list[str]:
    """The lines of one kind in its history."""
    return [event.text for event in care_request.events.filter(kind=kind)]


def make_ring(cpts, *professionals) -> Ring:
    ring = Ring.objects.create(cpts=cpts, name="Garde", profession="10")
    for each in professionals:
        RingMember.objects.create(
            cpts=cpts, ring=ring, professional=each, from_on=LONG_BEFORE.date()
        )
    return ring


def coordinator(cpts):
    with scope(cpts=cpts):
        return actor_as(cpts, Role.COORDINATOR)


def make_willing(cpts, minutes=60, **about):
    """A professional of `cpts` who accepts to help its neighbours, and a slot given to their own desk."""
    with scope(cpts=cpts):
        doctor, slot = make_offer(cpts, minutes, **about)
    AskingPreferences.objects.create(
        professional=doctor, for_neighbours=True, changed_at=timezone.now()
    )
    return doctor, slot


def agree(ours, theirs, **said):
    """An agreement proposed by the coordinator `ours` and signed by `theirs`; each in their scope."""
    said = {"professions": ["10"], "starts_at": MONDAY} | said
    cpts, other = ours.seat.cpts, theirs.seat.cpts
    with scope(cpts=cpts):
        agreement = actions.propose_agreement(by=ours, cpts=cpts, other=other, **said)
    with scope(cpts=other):
        return actions.sign_agreement(by=theirs, agreement=agreement)
