"""The desk at work: calls noted, the shift handed over, the day told."""

import datetime as dt

from django.db import transaction
from django.utils import timezone

from maillage.accounts.enums import Role
from maillage.accounts.models import Seat
from maillage.directory.models import Professional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.permissions import Actor
from maillage.snp.actions.life import Incomplete, TooLate, check_desk, lock, own, save, tell
from maillage.snp.actions.notices import tell_day, tell_shift
from maillage.snp.enums import CallResult, CallTo, EventKind, OwnerReason
from maillage.snp.models import Call, CareRequest, ShiftHandOver
from maillage.snp.queries.ladder import active_seats
from maillage.snp.queries.sheet import day_counts, day_text
from maillage.snp.rules import can_dispatch
from maillage.territory.models import Cpts

DOUBLE_CLICK = dt.timedelta(seconds=10)
RELIEVERS = (Role.DISPATCHER, Role.COORDINATOR)


def _said_twice(care_request: CareRequest, said: tuple, *, by: Actor) -> bool:
    """The same call noted again at once by the same person: one click too many."""
    last = care_request.calls.last()
    return (
        last is not None
        and (last.to, last.professional_id, last.result, last.by_seat_id) == (*said, by.seat_id)
        and timezone.now() - last.at < DOUBLE_CLICK
    )


@transaction.atomic
def note_call(
    *,
    by: Actor,
    care_request: CareRequest,
    to: str,
    result: str,
    professional: Professional | None = None,
) -> CareRequest:
    """Keep a call of the desk. Nothing is settled by it, but somebody acted: the wait starts afresh;
    and once the patient was reached, what they had to be told is told.

    A double click counts once. Raises NotAllowed, TooLate, Incomplete.
    """
    check_desk(by, care_request)
    if by.seat_id is None:
        raise NotAllowed("Un appel est noté par une personne de la régulation.")
    if to not in CallTo.values or result not in CallResult.values:
        raise Incomplete("Indiquez qui a été appelé et ce qu'il en est.")
    if professional is not None and to != CallTo.PROFESSIONAL:
        raise Incomplete("Un professionnel ne se choisit que pour un appel à un professionnel.")
    care_request = lock(care_request)
    if care_request.closed_at is not None and not care_request.to_tell:
        raise TooLate(f"La demande n° {care_request.number} est terminée : elle ne change plus.")
    said = (to, professional.pk if professional else None, result)
    if _said_twice(care_request, said, by=by):
        return care_request
    Call.objects.create(
        cpts_id=care_request.cpts_id,
        care_request=care_request,
        at=timezone.now(),
        by_seat_id=by.seat_id,
        to=to,
        professional=professional,
        result=result,
    )
    told = ""
    if to == CallTo.PATIENT and result == CallResult.REACHED and care_request.to_tell:
        told, care_request.to_tell = f" Patient prévenu : {care_request.to_tell}.", ""
    save(care_request, by=by)
    whom = str(professional) if professional else CallTo(to).label
    text = f"Appel : {whom}, {CallResult(result).label}.{told}"
    tell(care_request, EventKind.CALL, text, by=by)
    journal.record(
        "snp.called", care_request, by=by, cpts=care_request.cpts_id, to=to, result=result
    )
    pulse.bump(care_request.cpts_id, reach=pulse.Reach.BOARD)
    return care_request


@transaction.atomic
def hand_over_shift(*, by: Actor, cpts: Cpts, to_seat: Seat) -> ShiftHandOver:
    """Give every open request one answers for to somebody else of the desk, or of the coordination.

    Raises NotAllowed, Incomplete (nobody suitable), TooLate (nothing to hand over).
    """
    if not can_dispatch(by, cpts) or by.seat_id is None:
        raise NotAllowed("La relève se passe entre personnes de la régulation.")
    if to_seat.pk == by.seat_id:
        raise Incomplete("La relève se fait avec une autre personne.")
    now = timezone.now()
    relievers = active_seats(cpts, now).filter(role__in=RELIEVERS)
    if not relievers.filter(pk=to_seat.pk).exists():
        raise Incomplete("Choisissez un opérateur ou un coordinateur en activité dans votre CPTS.")
    mine = list(
        CareRequest.objects.select_for_update(of=("self",))
        .filter(cpts=cpts, owner=by.seat_id, closed_at=None)
        .order_by("pk")
    )
    if not mine:
        raise TooLate("Vous ne répondez d'aucune demande ouverte : il n'y a rien à transmettre.")
    for care_request in mine:
        own(care_request, to_seat, OwnerReason.SHIFT)
        save(care_request, by=by)
        tell(care_request, EventKind.OWNER, f"Relève : {to_seat.user} en répond.", by=by)
    shift = ShiftHandOver.objects.create(
        cpts=cpts, at=now, from_seat_id=by.seat_id, to_seat=to_seat, requests=len(mine)
    )
    journal.record(
        "snp.shift_handed_over", shift, by=by, cpts=cpts, to=to_seat.pk, requests=len(mine)
    )
    tell_shift(shift, by=by)
    pulse.bump(cpts.pk, reach=pulse.Reach.BOARD)
    return shift


@transaction.atomic
def send_day_summary(*, by: Actor, cpts: Cpts, day: dt.date) -> int:
    """Write the day to every coordinator: counts, no identity. Again for the same day, nothing new.

    Returns how many people it was written to. Raises NotAllowed (only the clock).
    """
    if by.kind != "system":
        raise NotAllowed("Le bilan du jour part tout seul.")
    now = timezone.now()
    seats = list(
        active_seats(cpts, now).filter(role=Role.COORDINATOR).select_related("user").order_by("pk")
    )
    if not seats:
        return 0
    text = day_text(day_counts(cpts, day, now=now))
    for seat in seats:
        tell_day(cpts, seat, day, text, by=by)
    journal.record("snp.day_told", None, by=by, cpts=cpts, people=len(seats))
    return len(seats)
