"""What ends a proposal to a doctor who has no patient to expect from it; who is told of an end."""

import datetime as dt

from django.utils import timezone

from maillage.kernel.permissions import Actor
from maillage.kernel.transitions import check_transition
from maillage.medecin_traitant.actions.notices import tell_end, tell_withdrawn
from maillage.medecin_traitant.enums import (
    ATTRIBUTION_TRANSITIONS,
    AttributionState,
    DoctorRequestState,
    WithdrawalReason,
)
from maillage.medecin_traitant.models import Attribution, DoctorRequest
from maillage.medecin_traitant.queries import settings_of

S, W = DoctorRequestState, WithdrawalReason


def end_attribution(attribution: Attribution, state: str, *, by: Actor) -> bool:
    """Expired or taken back; the doctor is told of what is taken back, False when they cannot be."""
    check_transition(
        ATTRIBUTION_TRANSITIONS,
        attribution.state,
        state,
        sentence="Cette proposition n'attend plus de réponse.",
    )
    attribution.state = state
    attribution.save(update_fields=["state"])
    return state != AttributionState.WITHDRAWN or tell_withdrawn(attribution, by=by)


def _end_live(doctor_request: DoctorRequest, *, by: Actor) -> bool:
    """Nobody waits any more behind what was sent or accepted; False: a doctor is to be called."""
    live = doctor_request.attributions.select_for_update(of=("self",)).live()
    ended = [
        end_attribution(each, AttributionState.WITHDRAWN, by=by)
        for each in live.select_related("professional", "cpts")
    ]
    return all(ended)


def _knows(doctor_request: DoctorRequest, *, by: Actor) -> bool:
    """Whether they know it is over: they said so themselves, or a message leaves. Nobody is told of
    a death; nor called, who answers to no call."""
    why = doctor_request.withdrawn_why
    if by.kind == "link" or why == W.DECEASED:
        return True
    said = doctor_request.state == S.FOUND_ELSEWHERE or why in {W.ASKED, W.UNREACHABLE}
    return tell_end(doctor_request, by=by) or said


def say_end(doctor_request: DoctorRequest, *, by: Actor) -> None:
    """It is over: the doctor and the resident are told; whoever cannot be is to be called, before a
    date, by whoever answers for the request. The request is locked, and saved after."""
    left = []
    if not _knows(doctor_request, by=by):
        left.append("l'habitant")
    if doctor_request.state != S.DECLARED and not _end_live(doctor_request, by=by):
        left.append("le médecin")
    if not left:
        return
    today, days = timezone.localdate(), settings_of(doctor_request.cpts).remind_days
    doctor_request.alert = f"Close, et aucun message possible : appelez {' et '.join(left)}."
    doctor_request.deadline_on = today + dt.timedelta(days=days)
    doctor_request.reminded_at = None
