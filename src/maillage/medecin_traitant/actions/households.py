"""People of one household, who would rather have one doctor."""

from django.db import transaction

from maillage.kernel import journal, pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.permissions import Actor
from maillage.medecin_traitant.actions.life import Incomplete, TooLate, lock_pair, save, tell
from maillage.medecin_traitant.enums import OPEN, EventKind
from maillage.medecin_traitant.models import DoctorRequest
from maillage.medecin_traitant.rules import can_keep_requests


@transaction.atomic
def join_household(
    *, by: Actor, doctor_request: DoctorRequest, other: DoctorRequest
) -> DoctorRequest:
    """`doctor_request` is of the household of `other`: each keeps their own request, and the
    attribution tries to keep them together. Twice counts once.

    Raises NotAllowed, Incomplete (itself, another CPTS's), TooLate (one of them is over).
    """
    if not can_keep_requests(by, doctor_request.cpts_id):
        raise NotAllowed("Seul le guichet réunit un foyer.")
    if other.pk == doctor_request.pk or other.cpts_id != doctor_request.cpts_id:
        raise Incomplete("Choisissez une autre demande de la CPTS.")
    doctor_request, other = lock_pair(doctor_request, other)
    if not {doctor_request.state, other.state} <= set(OPEN):
        raise TooLate("Une de ces deux demandes est close : le foyer ne change plus.")
    head = other.household_id or other.pk
    if head in {doctor_request.pk, doctor_request.household_id}:
        return doctor_request
    # Whoever followed this request follows the same one now: a household has one first request.
    doctor_request.members.update(household=head)
    doctor_request.household_id = head
    save(doctor_request)
    text = f"Même foyer que la demande n° {other.number}."
    tell(doctor_request, EventKind.CHANGED, text, by=by)
    journal.record(
        "mt.household_joined", doctor_request, by=by, cpts=doctor_request.cpts_id, head=head
    )
    pulse.bump(doctor_request.cpts_id, reach=pulse.Reach.BOARD)
    return doctor_request
