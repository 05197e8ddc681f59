"""Tell the patient, keep the outcome, end the case: never in silence."""

import datetime as dt

from django.db import transaction
from django.utils import timezone

from maillage.availability.models import Booking
from maillage.kernel import journal, pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.permissions import Actor
from maillage.snp.actions.intake import begin_hand_over
from maillage.snp.actions.life import (
    Incomplete,
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
from maillage.snp.actions.notices import may_get_sms, queue_patient_sms, tell_reminded
from maillage.snp.enums import (
    AWAY,
    AppointmentOutcome,
    CancelledBy,
    CareRequestStatus,
    EventKind,
    InformMeans,
    InformResult,
    InformState,
)
from maillage.snp.models import CareRequest, HandOver, InformAttempt, Proposal, RedFlag
from maillage.snp.queries import settings_of
from maillage.snp.rules import can_record_outcome

DOUBLE_CLICK = dt.timedelta(seconds=10)
STATE_AFTER = {
    InformResult.REACHED: InformState.INFORMED,
    InformResult.SENT: InformState.ATTEMPTED,
    InformResult.NO_ANSWER: InformState.ATTEMPTED,
    InformResult.UNREACHABLE: InformState.UNREACHABLE,
    InformResult.REFUSED: InformState.REFUSED,
}
MISSED = "Patient non venu : rappelez-le, puis réorientez ou annulez."
ALERT_AFTER = {
    InformResult.UNREACHABLE: "Patient injoignable : réorientez, annulez ou rappelez.",
    InformResult.REFUSED: "Le patient refuse ce rendez-vous : réorientez ou annulez.",
}


def _said_twice(care_request: CareRequest, means: str, result: str, *, by: Actor) -> bool:
    """The same try noted again at once by the same person: one click too many, not another try."""
    last = care_request.inform_attempts.last()
    return (
        last is not None
        and (last.means, last.result, last.by_seat_id) == (means, result, by.seat_id)
        and timezone.now() - last.at < DOUBLE_CLICK
    )


def _check_sms(care_request: CareRequest, means: str) -> None:
    if means != InformMeans.SMS:
        raise Incomplete("« SMS envoyé » va avec le moyen SMS.")
    if not care_request.sms_allowed:
        raise Incomplete(
            "Pas de SMS : le numéro n'est pas noté comme celui du patient "
            "et l'appelant n'a pas donné son accord."
        )
    if not may_get_sms(care_request.phone):
        raise Incomplete("Pas de SMS : le numéro à rappeler n'est pas celui d'un portable.")


@transaction.atomic
def inform_patient(*, by: Actor, care_request: CareRequest, means: str, result: str) -> CareRequest:
    """Note a try at telling the patient. An SMS is queued here, on a number it may go to.

    A double click counts once.

    Raises NotAllowed, InvalidTransition, Incomplete.
    """
    check_desk(by, care_request)
    care_request = lock(care_request)
    proposal = accepted_proposal(care_request)
    if proposal is None or care_request.status not in (
        CareRequestStatus.ACCEPTED,
        CareRequestStatus.INFORMED,
    ):
        raise TooLate("Aucun rendez-vous n'est accepté : il n'y a rien à annoncer au patient.")
    if means not in InformMeans.values or result not in InformResult.values:
        raise Incomplete("Indiquez le moyen et le résultat.")
    if _said_twice(care_request, means, result, by=by):
        return care_request
    if result == InformResult.SENT:
        _check_sms(care_request, means)
        attempt = care_request.inform_attempts.count()
        queue_patient_sms(by=by, care_request=care_request, proposal=proposal, attempt=attempt)
    InformAttempt.objects.create(
        cpts_id=care_request.cpts_id,
        care_request=care_request,
        at=timezone.now(),
        by_seat_id=by.seat_id,
        means=means,
        result=result,
    )
    if care_request.inform_state != InformState.INFORMED or result in ALERT_AFTER:
        care_request.inform_state = STATE_AFTER[InformResult(result)]
    if result == InformResult.REACHED and care_request.status == CareRequestStatus.ACCEPTED:
        move(care_request, CareRequestStatus.INFORMED)
    if care_request.status == CareRequestStatus.INFORMED:
        care_request.inform_state = InformState.INFORMED  # told once is told
    care_request.alert = ALERT_AFTER.get(InformResult(result), "")
    if result in (InformResult.REACHED, InformResult.SENT):
        care_request.to_tell = ""  # whoever hears of the new appointment hears of the old one
    save(care_request, by=by)
    text = f"{InformMeans(means).label.capitalize()} : {InformResult(result).label}."
    tell(care_request, EventKind.INFORM, text, by=by)
    journal.record(
        "snp.informed", care_request, by=by, cpts=care_request.cpts_id, means=means, result=result
    )
    pulse.bump(care_request.cpts_id, reach=pulse.Reach.BOARD)
    return care_request


def _start(care_request: CareRequest, started_at: dt.datetime | None) -> dt.datetime:
    now = timezone.now()
    if started_at is not None and not care_request.received_at <= started_at <= now:
        raise Incomplete("L'heure du soin est entre la réception de la demande et maintenant.")
    # Said before its planned hour (the end, for a window): it has begun already.
    return started_at or min(care_request.planned_at or now, now)


def _keep_outcome(proposal: Proposal | None, outcome: AppointmentOutcome) -> None:
    if proposal is not None:
        proposal.outcome = outcome
        proposal.outcome_at = timezone.now()
        proposal.save(update_fields=["outcome", "outcome_at"])


@transaction.atomic
def record_outcome(
    *,
    by: Actor,
    care_request: CareRequest,
    honoured: bool,
    started_at: dt.datetime | None = None,
) -> CareRequest:
    """Keep what happened. A patient who came was informed, whoever told them; `started_at` is when
    care really began (the planned start when not said). A missed appointment ends nothing: the
    watch is open again from the first reception.

    Raises NotAllowed, InvalidTransition, Incomplete.
    """
    if not can_record_outcome(by, care_request):
        raise NotAllowed(
            "L'issue est notée par la régulation ou par le professionnel qui a accepté."
        )
    care_request = lock(care_request)
    proposal = accepted_proposal(care_request)
    wanted = CareRequestStatus.HONOURED if honoured else CareRequestStatus.MISSED
    if care_request.status == wanted:
        return care_request
    if honoured and care_request.status == CareRequestStatus.ACCEPTED:
        move(care_request, CareRequestStatus.INFORMED)
        care_request.inform_state = InformState.INFORMED
        tell(care_request, EventKind.INFORM, "Patient venu : il était informé.", by=by)
    move(care_request, wanted)
    now = timezone.now()
    if honoured:
        care_request.care_started_at = _start(care_request, started_at)
        care_request.closed_at = now
        care_request.alert = care_request.to_tell = ""
    else:
        care_request.planned_at = None
        care_request.alert = MISSED
    _keep_outcome(proposal, AppointmentOutcome(wanted.value))
    save(care_request, by=by)
    early = timezone.now() < proposal.booking.slot.starts_at if proposal else False
    when = ", notée avant l'heure prévue" if early else ""
    tell(care_request, EventKind.OUTCOME, f"Issue : {wanted.label.lower()}{when}.", by=by)
    journal.record(f"snp.{wanted.value}", care_request, by=by, cpts=care_request.cpts_id)
    pulse.bump(care_request.cpts_id)
    return care_request


@transaction.atomic
def cancel(*, by: Actor, care_request: CareRequest, cancelled_by: str) -> CareRequest:
    """End a request no longer wanted; places are given back. Raises NotAllowed, InvalidTransition."""
    check_desk(by, care_request)
    if cancelled_by not in CancelledBy.values:
        raise Incomplete("Indiquez qui annule.")
    care_request = lock(care_request)
    move(care_request, CareRequestStatus.CANCELLED)
    withdrawn = withdraw_all(care_request, by=by)
    care_request.cancelled_by = cancelled_by
    care_request.closed_at = timezone.now()
    care_request.alert = ""
    if cancelled_by == CancelledBy.PATIENT:
        care_request.to_tell = ""  # whoever cancels is on the line
    save(care_request, by=by)
    text = f"Annulée par {CancelledBy(cancelled_by).label}."
    tell(care_request, EventKind.CANCELLED, text, by=by)
    journal.record(
        "snp.cancelled", care_request, by=by, cpts=care_request.cpts_id, cancelled_by=cancelled_by
    )
    bump_boards(care_request, *withdrawn)
    return care_request


@transaction.atomic
def hand_over(
    *, by: Actor, care_request: CareRequest, red_flag: RedFlag | None = None
) -> CareRequest:
    """Hand an open request to the 15 now; it stays on the board until the 15 took over.

    Raises NotAllowed, InvalidTransition, Incomplete.
    """
    check_desk(by, care_request)
    care_request = lock(care_request)
    if red_flag is not None and red_flag.cpts_id != care_request.cpts_id:
        raise Incomplete("Ce signe n'est pas de la liste de votre CPTS.")
    begin_hand_over(care_request, red_flag, by=by)
    withdrawn = withdraw_all(care_request, by=by)
    care_request.alert = care_request.to_tell = ""
    save(care_request, by=by)
    journal.record(
        "snp.handed_over",
        care_request,
        by=by,
        cpts=care_request.cpts_id,
        red_flag=red_flag.pk if red_flag else None,
    )
    bump_boards(care_request, *withdrawn)
    return care_request


@transaction.atomic
def confirm_hand_over(*, by: Actor, care_request: CareRequest, taken_over_by: str) -> CareRequest:
    """The 15 took over: who, when. The number to call back is then no longer kept.

    Raises NotAllowed, Incomplete.
    """
    check_desk(by, care_request)
    care_request = lock(care_request)
    if not taken_over_by.strip():
        raise Incomplete("Indiquez qui, au 15, a repris l'appel.")
    hand_over_row = (
        HandOver.objects.select_for_update(of=("self",)).filter(care_request=care_request).first()
    )
    if hand_over_row is None:
        raise TooLate("Cette demande n'a pas été transmise au 15.")
    if hand_over_row.confirmed_at is not None:
        return care_request
    if by.seat_id is None:
        raise NotAllowed("La reprise est notée par une personne de la régulation.")
    now = timezone.now()
    hand_over_row.confirmed_at = now
    hand_over_row.confirmed_by_id = by.seat_id
    hand_over_row.taken_over_by = taken_over_by.strip()
    hand_over_row.save()
    care_request.closed_at = now
    care_request.phone = ""
    save(care_request, by=by)
    tell(care_request, EventKind.CONFIRMED, f"Reprise au 15 par {taken_over_by.strip()}.", by=by)
    journal.record("snp.taken_over", care_request, by=by, cpts=care_request.cpts_id)
    pulse.bump(care_request.cpts_id)
    return care_request


@transaction.atomic
def ask_outcome(*, by: Actor, care_request: CareRequest) -> CareRequest:
    """Its time has passed: the board asks what happened. Nothing is written twice."""
    if by.kind != "system":
        raise NotAllowed("La question se pose toute seule.")
    care_request = lock(care_request)
    proposal = accepted_proposal(care_request)
    if proposal is None or care_request.alert or care_request.closed_at is not None:
        return care_request
    settings = settings_of(care_request.cpts)
    ended = timezone.now() - proposal.booking.slot.ends_at
    if ended.total_seconds() < settings.outcome_after_minutes * 60:
        return care_request
    care_request.alert = "L'heure est passée : le patient est-il venu ?"
    save(care_request, by=by)
    journal.record("snp.outcome_asked", care_request, by=by, cpts=care_request.cpts_id)
    pulse.bump(care_request.cpts_id, reach=pulse.Reach.BOARD)
    return care_request


@transaction.atomic
def flag_absence(*, by: Actor, care_request: CareRequest) -> CareRequest:
    """The professional who accepted says they will be away: the owner must re-orient, and is told.

    Nothing happens twice, nor when the place is no longer under an absence.
    """
    if by.kind != "system":
        raise NotAllowed("Une absence se signale toute seule.")
    care_request = lock(care_request)
    proposal = accepted_proposal(care_request)
    if proposal is None or care_request.alert == AWAY or care_request.closed_at is not None:
        return care_request
    if not Booking.objects.under_absence().filter(pk=proposal.booking_id).exists():
        return care_request
    care_request.alert = AWAY
    save(care_request, by=by)
    tell(care_request, EventKind.AWAY, f"{proposal.professional} s'est déclaré absent.", by=by)
    since = int(timezone.now().timestamp())
    tell_reminded(care_request, AWAY, f"away:{proposal.pk}:{since}", by=by)
    journal.record("snp.absence_flagged", care_request, by=by, cpts=care_request.cpts_id)
    pulse.bump(care_request.cpts_id, reach=pulse.Reach.BOARD)
    return care_request
