"""The attribution people agreed on is kept, or forgotten: nothing is sent by it."""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.medecin_traitant.enums import DoctorRequestState
from maillage.medecin_traitant.models import DoctorRequest, PlannedPair
from maillage.medecin_traitant.rules import can_propose
from maillage.territory.models import Cpts

ANSWERING = [DoctorRequestState.PROPOSED, DoctorRequestState.ACCEPTED]


class NothingToKeep(DomainError):
    """A plan without a pair."""


@transaction.atomic
def keep_plan(*, by: Actor, cpts: Cpts, pairs: Mapping[int, int]) -> int:
    """These pairs (request: professional) are the plan of the CPTS, in the place of the one before;
    pairs whose doctor is being asked stay. How many were kept; the same again changes nothing.

    Raises NotAllowed, NothingToKeep (nobody of them waits).
    """
    if not can_propose(by, cpts):
        raise NotAllowed("Seule la coordination garde un plan.")
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    waiting = DoctorRequest.objects.filter(cpts=cpts, state=DoctorRequestState.WAITING)
    wanted = {pk: pairs[pk] for pk in waiting.values_list("pk", flat=True) if pk in pairs}
    if not wanted:
        raise NothingToKeep("Aucune proposition à garder : rechargez la page.")
    before = PlannedPair.objects.filter(cpts=cpts).exclude(doctor_request__state__in=ANSWERING)
    if dict(before.values_list("doctor_request_id", "professional_id")) == wanted:
        return len(wanted)
    before.delete()
    now = timezone.now()
    PlannedPair.objects.bulk_create(
        PlannedPair(
            cpts=cpts,
            doctor_request_id=pk,
            professional_id=professional,
            kept_at=now,
            kept_by_id=by.seat_id,
        )
        for pk, professional in wanted.items()
    )
    journal.record("mt.plan_kept", None, by=by, cpts=cpts, pairs=len(wanted))
    pulse.bump(cpts.pk)
    return len(wanted)


@transaction.atomic
def forget_plan(*, by: Actor, cpts: Cpts) -> None:
    """The next attribution starts from nothing. Twice counts once. Raises NotAllowed."""
    if not can_propose(by, cpts):
        raise NotAllowed("Seule la coordination oublie un plan.")
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    count, _ = PlannedPair.objects.filter(cpts=cpts).delete()
    if count:
        journal.record("mt.plan_forgotten", None, by=by, cpts=cpts, pairs=count)
        pulse.bump(cpts.pk)
