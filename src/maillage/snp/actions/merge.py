"""Two requests for one call become one; a merge made by mistake is undone."""

import datetime as dt

from django.db import transaction
from django.utils import timezone

from maillage.kernel import journal
from maillage.kernel.permissions import Actor
from maillage.snp.actions.circles import begin_circles
from maillage.snp.actions.life import (
    Incomplete,
    TooLate,
    accepted_proposal,
    bump_boards,
    check_desk,
    check_open,
    lock,
    move,
    own,
    own_by_standby,
    save,
    tell,
    withdraw_all,
)
from maillage.snp.enums import CareRequestStatus, EventKind, OwnerReason
from maillage.snp.models import CareRequest
from maillage.snp.queries.absences import BOOKED, patient_knows
from maillage.snp.queries.words import when_text

# What the kept request takes from the double where it says nothing, and how « nothing » is written.
LENT = {
    "note": "",
    "caller_name": "",
    "resident_id": None,
    "usual_doctor_id": None,
    "sharing_id": None,
    "information_id": None,
}


def _lock_pair(one: CareRequest, other: CareRequest) -> tuple[CareRequest, CareRequest]:
    """Both rows, always in the same order: two merges never wait for each other."""
    locked = {each.pk: lock(each) for each in sorted((one, other), key=lambda each: each.pk)}
    return locked[one.pk], locked[other.pk]


def _check_same_call(care_request: CareRequest, into: CareRequest) -> None:
    check_open(care_request)
    check_open(into)
    if None not in (care_request.resident_id, into.resident_id) and (
        care_request.resident_id != into.resident_id
    ):
        raise Incomplete("Ces deux demandes nomment deux patients : elles ne se fusionnent pas.")
    if care_request.status in BOOKED and into.status not in BOOKED:
        raise Incomplete(
            f"La demande n° {care_request.number} a un rendez-vous : gardez-la, et fusionnez plutôt "
            f"la demande n° {into.number} dans celle-ci."
        )


@transaction.atomic
def merge(*, by: Actor, care_request: CareRequest, into: CareRequest) -> CareRequest:
    """`care_request` is the same call as `into`, which goes on alone, counted from the first of the
    two receptions. Its proposals are withdrawn and its places freed. Twice counts once.

    Raises NotAllowed, Incomplete (itself, another CPTS's, another patient's), TooLate (over).
    """
    check_desk(by, care_request)
    if into.pk == care_request.pk:
        raise Incomplete("Une demande ne se fusionne pas avec elle-même.")
    if into.cpts_id != care_request.cpts_id:
        raise Incomplete("Cette demande n'est pas de votre CPTS.")
    care_request, into = _lock_pair(care_request, into)
    if care_request.merged_into_id == into.pk:
        return care_request
    _check_same_call(care_request, into)
    told_off = _told_off(care_request)
    move(care_request, CareRequestStatus.MERGED)
    withdrawn = withdraw_all(care_request, by=by)
    care_request.merged_into = into
    care_request.closed_at = timezone.now()
    care_request.lent = _lend(care_request, into)
    into.to_tell = into.to_tell or care_request.to_tell or told_off
    care_request.alert = care_request.to_tell = ""
    _count_from(into, care_request.received_at)
    save(care_request, by=by)
    save(into, by=by)
    text = f"Même appel que la demande n° {into.number} : la suite s'y passe."
    tell(care_request, EventKind.MERGED, text, by=by)
    tell(into, EventKind.MERGED, f"La demande n° {care_request.number} y est fusionnée.", by=by)
    journal.record("snp.merged", care_request, by=by, cpts=into.cpts_id, into=into.pk)
    bump_boards(care_request, *withdrawn)
    return care_request


def _told_off(care_request: CareRequest) -> str:
    """What must be said to a patient whose appointment the merge takes back."""
    proposal = accepted_proposal(care_request)
    if proposal is None or proposal.outcome or not patient_knows(care_request, proposal):
        return ""
    return f"rendez-vous {when_text(proposal.booking.slot)} annulé"[:160]


def _lend(care_request: CareRequest, into: CareRequest) -> list[str]:
    """Fill what `into` does not say; the agreement goes with the patient who gave it, taken back or
    not."""
    lent = [name for name, empty in LENT.items() if getattr(into, name) == empty]
    lent = [name for name in lent if getattr(care_request, name) != LENT[name]]
    for name in lent:
        setattr(into, name, getattr(care_request, name))
    return lent


def _count_from(into: CareRequest, received_at: dt.datetime) -> None:
    """The deadlines run from the first reception; its own is kept beside."""
    if received_at < into.received_at:
        into.own_received_at = into.own_received_at or into.received_at
        into.received_at = received_at


@transaction.atomic
def unmerge(*, by: Actor, care_request: CareRequest) -> CareRequest:
    """It was another call after all: it is to be treated again, from its own reception, and the
    other takes back what it lent. Raises NotAllowed, TooLate.
    """
    check_desk(by, care_request)
    if care_request.merged_into is None:
        raise TooLate("Cette demande n'est pas fusionnée.")
    care_request, into = _lock_pair(care_request, care_request.merged_into)
    if care_request.status != CareRequestStatus.MERGED:
        raise TooLate("Cette demande n'est plus fusionnée.")
    if into.status == CareRequestStatus.MERGED:
        raise TooLate(f"La demande n° {into.number} est elle-même fusionnée : séparez-la d'abord.")
    _take_back(care_request, into)
    move(care_request, CareRequestStatus.NEW)
    care_request.merged_into = None
    care_request.closed_at = None
    if by.seat_id is None:
        own_by_standby(care_request)
    else:
        own(care_request, by.seat_id, OwnerReason.TOOK)
    begin_circles(care_request)
    care_request.alert = f"Séparée de la demande n° {into.number} : à traiter."
    save(care_request, by=by)
    save(into, by=by)
    tell(care_request, EventKind.MERGED, care_request.alert, by=by)
    text = f"La demande n° {care_request.number} en est séparée : c'était un autre appel."
    tell(into, EventKind.MERGED, text, by=by)
    journal.record("snp.unmerged", care_request, by=by, cpts=into.cpts_id, into=into.pk)
    bump_boards(care_request)
    return care_request


def _take_back(care_request: CareRequest, into: CareRequest) -> None:
    """What was lent and not changed since, and the reception."""
    for name in care_request.lent:
        if getattr(into, name) == getattr(care_request, name):
            setattr(into, name, LENT[name])
    care_request.lent = []
    if into.own_received_at is None:
        return
    others = into.merged.exclude(pk=care_request.pk).values_list("received_at", flat=True)
    earliest = min([into.own_received_at, *others])
    into.received_at = earliest
    if earliest == into.own_received_at:
        into.own_received_at = None
