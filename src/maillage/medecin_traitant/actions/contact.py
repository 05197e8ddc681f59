"""The desk calls the resident: what it learns, what it tells them."""

import datetime as dt

from django.db import transaction
from django.utils import timezone

from maillage.kernel import journal, pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.permissions import Actor
from maillage.medecin_traitant.actions.life import Incomplete, lock, lock_followed, save, tell
from maillage.medecin_traitant.enums import LAST_CALL, OPEN, EventKind
from maillage.medecin_traitant.models import DoctorRequest
from maillage.medecin_traitant.rules import can_keep_requests
from maillage.residents import actions as residents

DOUBLE_CLICK = dt.timedelta(seconds=10)


@transaction.atomic
def record_call(
    *,
    by: Actor,
    doctor_request: DoctorRequest,
    is_reached: bool,
    agreement_from: str = "",
    agreement_means: str = "spoken",
    information: str = "",
) -> DoctorRequest:
    """The desk called: nobody answered, or the person was told where the request is, and perhaps
    agreed to share, or was read the notice. What the desk had to look at is then seen to; a closed
    request after several calls without an answer too. A double click counts once.

    Raises NotAllowed, TooLate, Incomplete (nobody answered, and yet agreed), BadConsent.
    """
    if not can_keep_requests(by, doctor_request.cpts_id):
        raise NotAllowed("Seul le guichet note un appel.")
    if not is_reached and (agreement_from or information):
        raise Incomplete("Sans réponse, ni accord ni information : notez-les au prochain appel.")
    said = ["Appel : personne jointe." if is_reached else "Appel : pas de réponse."]
    if _said_twice(lock(doctor_request), said[0], by):
        return doctor_request
    doctor_request = lock_followed(doctor_request)
    given = {"by": by, "cpts": doctor_request.cpts, "resident": doctor_request.resident}
    if agreement_from:
        doctor_request.agreement = residents.record_agreement(
            giver=agreement_from, means=agreement_means, **given
        )
        said.append("Accord de partage recueilli.")
    if information:
        doctor_request.information = residents.record_information(means=information, **given)
        said.append("Information sur les données donnée.")
    if is_reached or _is_last_call(doctor_request):
        doctor_request.alert = ""
        said += [] if is_reached else ["Dernier essai : la personne n'a pas pu être prévenue."]
    save(doctor_request)
    tell(doctor_request, EventKind.CALLED, " ".join(said), by=by)
    journal.record(
        "mt.called", doctor_request, by=by, cpts=doctor_request.cpts_id, reached=is_reached
    )
    pulse.bump(doctor_request.cpts_id, reach=pulse.Reach.BOARD)
    return doctor_request


def _said_twice(doctor_request: DoctorRequest, said: str, by: Actor) -> bool:
    """The same call noted again at once by the same person."""
    last = doctor_request.events.order_by("at", "pk").last()
    return (
        last is not None
        and last.kind == EventKind.CALLED
        and last.by_seat_id == by.seat_id
        and last.at > timezone.now() - DOUBLE_CLICK
        and last.text.startswith(said)
    )


def _is_last_call(doctor_request: DoctorRequest) -> bool:
    """Closed, and called for nothing as many times as is asked."""
    if doctor_request.state in OPEN:
        return False
    calls = doctor_request.events.filter(
        kind=EventKind.CALLED, at__gte=doctor_request.closed_at
    ).count()
    return calls + 1 >= LAST_CALL
