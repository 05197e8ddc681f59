"""A doctor is proposed, answers; the resident is told; the declaration is awaited, then confirmed."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from maillage.accounts.rules import SYSTEM
from maillage.directory.models import Professional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.kernel.transitions import check_transition
from maillage.medecin_traitant.actions.ends import end_attribution, say_end
from maillage.medecin_traitant.actions.life import TooLate, lock, lock_open, move, save, tell
from maillage.medecin_traitant.actions.notices import tell_accepted, tell_proposed, tell_waits_again
from maillage.medecin_traitant.actions.wishes import unwanted_alert
from maillage.medecin_traitant.enums import (
    ATTRIBUTION_TRANSITIONS,
    AnsweredVia,
    AttributionState,
    DoctorRequestState,
    EventKind,
    RefusalReason,
)
from maillage.medecin_traitant.models import Attribution, DoctorOffer, DoctorRequest
from maillage.medecin_traitant.queries import settings_of
from maillage.medecin_traitant.queries.attributions import left_this_month, why_not
from maillage.medecin_traitant.rules import can_answer, can_propose, follows
from maillage.residents import actions as residents
from maillage.residents.rules import covers
from maillage.territory.models import Cpts

CALL_DOCTOR = "Ce médecin n'a ni mobile ni adresse connus : appelez-le pour avoir sa réponse."


class NotSuitable(DomainError):
    """The doctor has no offer, no place left, or lawfully excludes it; or the person excludes them."""


@transaction.atomic
def propose_doctor(
    *, by: Actor, doctor_request: DoctorRequest, professional: Professional
) -> Attribution:
    """Propose somebody who waits to a doctor, who has so many days to answer. No name leaves.

    Raises NotAllowed, TooLate, InvalidTransition (a doctor is already asked), NotSuitable.
    """
    if not can_propose(by, doctor_request.cpts_id):
        raise NotAllowed("Seule la coordination propose un médecin.")
    doctor_request = lock_open(doctor_request)
    move(doctor_request, DoctorRequestState.PROPOSED)
    cpts = Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=doctor_request.cpts_id)
    now, today = timezone.now(), timezone.localdate()
    offers = DoctorOffer.objects.filter(cpts=cpts, professional=professional).in_force(today)
    offer = offers.first()
    if offer is None or left_this_month(offer, today) <= 0:
        raise NotSuitable("Ce médecin n'offre plus de place ce mois-ci.")
    settings = settings_of(cpts, now)
    excluded = why_not(doctor_request, offer, settings, today)
    if excluded:
        raise NotSuitable(excluded)
    doctor_request.doctor = professional
    doctor_request.deadline_on = today + dt.timedelta(days=settings.answer_days)
    doctor_request.reminded_at = None
    attribution = Attribution.objects.create(
        cpts=cpts,
        doctor_request=doctor_request,
        professional=professional,
        sent_at=now,
        sent_by_id=by.seat_id,
        answer_by=doctor_request.deadline_on,
    )
    is_told = tell_proposed(attribution, by=by)
    doctor_request.alert = "" if is_told else CALL_DOCTOR
    save(doctor_request)
    tell(doctor_request, EventKind.PROPOSED, f"Proposée à {professional}.", by=by)
    journal.record("mt.proposed", attribution, by=by, cpts=cpts, professional=professional.pk)
    pulse.bump(cpts.pk, reach=pulse.Reach.BOARD)
    return attribution


@dataclass(frozen=True, slots=True)
class Sent:
    """What was proposed of a list, and what no longer could be, with the sentence that says why."""

    sent: list[Attribution]
    refused: list[tuple[DoctorRequest, str]]


@transaction.atomic
def propose_pairs(
    *, by: Actor, cpts: Cpts, pairs: Iterable[tuple[DoctorRequest, Professional]]
) -> Sent:
    """Propose to doctors the pairs somebody read and chose: each is checked again, what no longer
    holds is told and the rest is sent. Raises NotAllowed."""
    if not can_propose(by, cpts):
        raise NotAllowed("Seule la coordination propose un médecin.")
    done = Sent([], [])
    for doctor_request, professional in pairs:
        try:
            given = {"doctor_request": doctor_request, "professional": professional}
            done.sent.append(propose_doctor(by=by, **given))
        except DomainError as error:
            done.refused.append((doctor_request, str(error)))
    return done


def _lock(by: Actor, attribution: Attribution) -> tuple[Attribution, DoctorRequest]:
    """The request first, always: two acts that share it never cross."""
    doctor_request = lock(attribution.doctor_request)
    rows = Attribution.objects.select_for_update(of=("self",)).select_related("professional")
    return rows.get(pk=attribution.pk), doctor_request


def _answered(attribution: Attribution, state: str, by: Actor) -> None:
    check_transition(
        ATTRIBUTION_TRANSITIONS,
        attribution.state,
        state,
        sentence="Cette proposition n'attend plus de réponse.",
    )
    attribution.state = state
    attribution.answered_at = timezone.now()
    attribution.answered_by_id = by.seat_id
    attribution.answered_via = AnsweredVia.COORDINATION
    if by.kind == "link":
        attribution.answered_via = AnsweredVia.LINK
    elif not follows(by, attribution.cpts_id):
        attribution.answered_via = AnsweredVia.PAGE


@transaction.atomic
def accept_attribution(*, by: Actor, attribution: Attribution) -> Attribution:
    """The doctor takes this resident: the resident is told, the declaration is awaited. Twice counts
    once. Raises NotAllowed, InvalidTransition (answered, withdrawn or expired)."""
    if not can_answer(by, attribution):
        raise NotAllowed("Cette proposition a été faite à un autre médecin.")
    attribution, doctor_request = _lock(by, attribution)
    if attribution.state == AttributionState.ACCEPTED:
        return attribution
    _answered(attribution, AttributionState.ACCEPTED, by)
    attribution.save()
    move(doctor_request, DoctorRequestState.ACCEPTED)
    doctor_request.doctor = attribution.professional
    days = settings_of(doctor_request.cpts).follow_up_days
    doctor_request.deadline_on = timezone.localdate() + dt.timedelta(days=days)
    doctor_request.reminded_at = None
    doctor_request.alert = "Un médecin accepte : appelez l'habitant, dites-lui lequel"
    agreed = covers(doctor_request.agreement)
    doctor_request.alert += "." if agreed else " et demandez-lui son accord de partage."
    doctor_request.alert = unwanted_alert(doctor_request) or doctor_request.alert
    save(doctor_request)
    text = f"Acceptée par {attribution.professional} : à déclarer au premier rendez-vous."
    tell(doctor_request, EventKind.ACCEPTED, text, by=by)
    journal.record("mt.accepted", attribution, by=by, cpts=attribution.cpts_id)
    tell_accepted(doctor_request, by=by)
    pulse.bump(attribution.cpts_id, reach=pulse.Reach.BOARD)
    return attribution


@transaction.atomic
def refuse_attribution(*, by: Actor, attribution: Attribution, reason: str) -> Attribution:
    """The doctor does not take this resident, for a reason of the closed list: they wait again, and
    this doctor is not asked for them again. Twice counts once.

    Raises NotAllowed, NotSuitable (an unknown reason), InvalidTransition.
    """
    if not can_answer(by, attribution):
        raise NotAllowed("Cette proposition a été faite à un autre médecin.")
    if reason not in RefusalReason.values:
        raise NotSuitable("Choisissez une raison dans la liste.")
    attribution, doctor_request = _lock(by, attribution)
    if attribution.state == AttributionState.REFUSED:
        return attribution
    _answered(attribution, AttributionState.REFUSED, by)
    attribution.refusal_reason = reason
    attribution.save()
    why = RefusalReason(reason).label
    _wait_again(doctor_request, "Refusée par un médecin : proposez-en un autre.")
    text = f"Refusée par {attribution.professional} : {why}."
    tell(doctor_request, EventKind.REFUSED, text, by=by)
    journal.record("mt.refused", attribution, by=by, cpts=attribution.cpts_id, reason=reason)
    pulse.bump(attribution.cpts_id, reach=pulse.Reach.BOARD)
    return attribution


def _wait_again(doctor_request: DoctorRequest, alert: str) -> None:
    move(doctor_request, DoctorRequestState.WAITING)
    doctor_request.deadline_on = doctor_request.promised_by
    doctor_request.reminded_at = None
    doctor_request.alert = alert
    save(doctor_request)


@transaction.atomic
def take_back_attribution(*, by: Actor, attribution: Attribution) -> Attribution:
    """The coordination takes the proposal back, or what came of it: the resident waits again. Twice
    counts once. Raises NotAllowed, InvalidTransition."""
    if not can_propose(by, attribution.cpts_id):
        raise NotAllowed("Seule la coordination retire une proposition.")
    attribution, doctor_request = _lock(by, attribution)
    if attribution.state == AttributionState.WITHDRAWN:
        return attribution
    was_accepted = doctor_request.state == DoctorRequestState.ACCEPTED
    left = [] if end_attribution(attribution, AttributionState.WITHDRAWN, by=by) else ["le médecin"]
    if was_accepted:  # the resident was told of it, and perhaps of the name
        tell_waits_again(doctor_request, by=by)
        left.append("l'habitant")
    call = f"appelez {' et '.join(left)}, " if left else ""
    _wait_again(doctor_request, f"Proposition retirée : {call}proposez un autre médecin.")
    text = f"Proposition à {attribution.professional} retirée."
    tell(doctor_request, EventKind.REFUSED, text, by=by)
    journal.record("mt.proposal_withdrawn", attribution, by=by, cpts=attribution.cpts_id)
    pulse.bump(attribution.cpts_id, reach=pulse.Reach.BOARD)
    return attribution


@transaction.atomic
def expire_attribution(*, by: Actor, attribution: Attribution) -> Attribution:
    """No answer in time: the resident waits again. Raises NotAllowed, TooLate (not over yet),
    InvalidTransition."""
    if by.kind != "system":
        raise NotAllowed("Seule l'horloge constate une absence de réponse.")
    attribution, doctor_request = _lock(by, attribution)
    if attribution.answer_by >= timezone.localdate():
        raise TooLate("Le délai de réponse n'est pas passé.")
    end_attribution(attribution, AttributionState.EXPIRED, by=by)
    _wait_again(doctor_request, "Médecin sans réponse : proposez-en un autre.")
    text = f"{attribution.professional} n'a pas répondu à temps."
    tell(doctor_request, EventKind.REFUSED, text, by=by)
    journal.record("mt.unanswered", attribution, by=by, cpts=attribution.cpts_id)
    pulse.bump(attribution.cpts_id, reach=pulse.Reach.BOARD)
    return attribution


@transaction.atomic
def confirm_declaration(*, by: Actor, doctor_request: DoctorRequest) -> DoctorRequest:
    """The declaration is made: this doctor is the resident's médecin traitant. Twice counts once.

    Raises NotAllowed, InvalidTransition (no doctor accepted).
    """
    if not follows(by, doctor_request.cpts_id):
        raise NotAllowed("Seuls le guichet et la coordination confirment une déclaration.")
    doctor_request = lock(doctor_request)
    if doctor_request.state == DoctorRequestState.DECLARED:
        return doctor_request
    move(doctor_request, DoctorRequestState.DECLARED)
    say_end(doctor_request, by=by)
    save(doctor_request)
    held = doctor_request.resident
    kept = ("family_name", "given_name", "birth_date", "commune", "phone", "email")
    residents.change_resident(
        by=SYSTEM,
        resident=held,
        version=held.version,
        usual_doctor=doctor_request.doctor,
        **{name: getattr(held, name) for name in kept},
    )
    tell(doctor_request, EventKind.DECLARED, "Déclaration confirmée.", by=by)
    journal.record("mt.declared", doctor_request, by=by, cpts=doctor_request.cpts_id)
    pulse.bump(doctor_request.cpts_id, reach=pulse.Reach.BOARD)
    return doctor_request
