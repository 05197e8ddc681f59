"""The same person twice: two requests merged into one, and taken apart when it was a mistake."""

from django.db import transaction

from maillage.kernel import journal, pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.permissions import Actor
from maillage.medecin_traitant.actions.life import (
    Incomplete,
    TooLate,
    lock_pair,
    move,
    own,
    save,
    tell,
)
from maillage.medecin_traitant.actions.notices import tell_merged, tell_waits_again
from maillage.medecin_traitant.actions.wishes import carry_wishes, give_wishes_back, unwanted_alert
from maillage.medecin_traitant.enums import OPEN, DoctorRequestState, EventKind
from maillage.medecin_traitant.models import DoctorRequest
from maillage.medecin_traitant.rules import can_keep_requests
from maillage.residents.rules import covers


@transaction.atomic
def merge(*, by: Actor, doctor_request: DoctorRequest, into: DoctorRequest) -> DoctorRequest:
    """`doctor_request` is the same person as `into`, which goes on alone, counted from the first of
    the two receptions. Twice counts once.

    Raises NotAllowed, Incomplete (itself, another CPTS's, wishes that contradict each other), TooLate,
    InvalidTransition (a doctor was already asked: keep that one).
    """
    if not can_keep_requests(by, doctor_request.cpts_id):
        raise NotAllowed("Seul le guichet fusionne deux demandes.")
    if into.pk == doctor_request.pk or into.cpts_id != doctor_request.cpts_id:
        raise Incomplete("Choisissez une autre demande de la CPTS.")
    doctor_request, into = lock_pair(doctor_request, into)
    if doctor_request.merged_into_id == into.pk:
        return doctor_request
    if into.state not in OPEN:
        raise TooLate(f"La demande n° {into.number} est close : rien ne s'y fusionne.")
    move(doctor_request, DoctorRequestState.MERGED)
    doctor_request.merged_into = into
    into.waits_since = min(into.waits_since, doctor_request.waits_since)
    carry_wishes(doctor_request, into)
    is_told, agreed = tell_merged(doctor_request, into, by=by), covers(into.agreement)
    waits = into.state == DoctorRequestState.WAITING
    if not (is_told and agreed) and (waits or not into.alert):
        into.alert = "Deux demandes réunies : appelez l'habitant pour le lui dire"
        into.alert += "." if agreed else ", recueillez l'accord."
    into.alert = unwanted_alert(into) or into.alert
    save(doctor_request)
    save(into)
    text = f"Même personne que la demande n° {into.number} : la suite s'y passe."
    tell(doctor_request, EventKind.MERGED, text, by=by)
    tell(into, EventKind.MERGED, f"La demande n° {doctor_request.number} y est fusionnée.", by=by)
    journal.record("mt.merged", doctor_request, by=by, cpts=into.cpts_id, into=into.pk)
    pulse.bump(into.cpts_id, reach=pulse.Reach.BOARD)
    return doctor_request


@transaction.atomic
def unmerge(*, by: Actor, doctor_request: DoctorRequest) -> DoctorRequest:
    """It was somebody else after all: it waits again, from its own reception; so does the other.

    Raises NotAllowed, TooLate (not merged, or an open request of theirs exists).
    """
    if not can_keep_requests(by, doctor_request.cpts_id):
        raise NotAllowed("Seul le guichet sépare deux demandes.")
    if doctor_request.merged_into is None:
        raise TooLate("Cette demande n'est pas fusionnée.")
    doctor_request, into = lock_pair(doctor_request, doctor_request.merged_into)
    if doctor_request.state != DoctorRequestState.MERGED:
        raise TooLate("Cette demande n'est plus fusionnée.")
    theirs = DoctorRequest.objects.filter(resident=doctor_request.resident_id).open()
    if theirs.exists():
        raise TooLate("Cette personne a déjà une autre demande ouverte.")
    move(doctor_request, DoctorRequestState.WAITING)
    doctor_request.merged_into = None
    own(doctor_request, by)
    doctor_request.deadline_on = doctor_request.promised_by
    if not tell_waits_again(doctor_request, by=by):
        doctor_request.alert = "Séparée d'une autre demande : appelez l'habitant pour le lui dire."
    others = into.merged.exclude(pk=doctor_request.pk).values_list("waits_since", flat=True)
    into.waits_since = min([into.received_at, *others])
    give_wishes_back(doctor_request, into)
    save(doctor_request)
    save(into)
    text = f"Séparée de la demande n° {into.number} : c'était une autre personne."
    tell(doctor_request, EventKind.MERGED, text, by=by)
    text = f"La demande n° {doctor_request.number} en est séparée."
    tell(into, EventKind.MERGED, text, by=by)
    journal.record("mt.unmerged", doctor_request, by=by, cpts=into.cpts_id, into=into.pk)
    pulse.bump(into.cpts_id, reach=pulse.Reach.BOARD)
    return doctor_request
