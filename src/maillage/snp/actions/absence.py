"""A professional will be away: each patient they had is looked after again, and told."""

from django.db import transaction
from django.utils import timezone

from maillage.availability.models import Booking
from maillage.kernel import journal
from maillage.kernel.permissions import Actor
from maillage.snp.actions.circles import begin_circles
from maillage.snp.actions.life import (
    TooLate,
    accepted_proposal,
    bump_boards,
    check_desk,
    lock,
    move,
    save,
    tell,
    withdraw_all,
)
from maillage.snp.actions.notices import may_get_sms, queue_cancelled_sms
from maillage.snp.enums import CareRequestStatus, EventKind
from maillage.snp.models import CareRequest, Proposal
from maillage.snp.queries.absences import BOOKED, patient_knows
from maillage.snp.queries.words import slot_text, when_text


@transaction.atomic
def reorient_absent(*, by: Actor, care_request: CareRequest) -> CareRequest:
    """Take an appointment back from somebody who will be away: the search begins again at its first
    circle, and a patient who knew of it is told, by SMS where allowed, else by a call that stays to
    be made. One request, one transaction.

    Raises NotAllowed, TooLate (no appointment under an absence: done already, or the absence lifted).
    """
    check_desk(by, care_request)
    care_request = lock(care_request)
    proposal = accepted_proposal(care_request)
    if (
        proposal is None
        or care_request.status not in BOOKED
        or not Booking.objects.under_absence().filter(pk=proposal.booking_id).exists()
        or proposal.booking.slot.ends_at <= timezone.now()
    ):
        raise TooLate(
            f"La demande n° {care_request.number} n'a pas de rendez-vous à venir sous une absence : "
            "elle est déjà réorientée, ou l'absence est levée."
        )
    is_known = patient_knows(care_request, proposal)
    move(care_request, CareRequestStatus.NEW)
    withdrawn = withdraw_all(care_request, by=by)
    begin_circles(care_request)
    told = _tell_patient(care_request, proposal, by=by) if is_known else ""
    care_request.alert = f"À réorienter : {proposal.professional} est absent."[:200]
    save(care_request, by=by)
    text = f"{proposal.professional}, absent, {slot_text(proposal.booking.slot)} : à réorienter."
    tell(care_request, EventKind.REORIENTED, f"{text}{told}", by=by)
    journal.record(
        "snp.reoriented_absent",
        care_request,
        by=by,
        cpts=care_request.cpts_id,
        proposal=proposal.pk,
        told="sms" if told and not care_request.to_tell else ("call" if told else "nothing"),
    )
    bump_boards(care_request, *withdrawn)
    return care_request


def _tell_patient(care_request: CareRequest, proposal: Proposal, *, by: Actor) -> str:
    """By SMS where allowed, else to be told by a call; what the history says of it."""
    if care_request.sms_allowed and may_get_sms(care_request.phone):
        queue_cancelled_sms(by=by, care_request=care_request, proposal=proposal)
        return " Patient prévenu par SMS."
    when = when_text(proposal.booking.slot)
    care_request.to_tell = f"rendez-vous {when} annulé"[:160]
    return " Patient à prévenir."
