"""The on-call roster: who answers for the desk's requests when it is closed, or when nobody did."""

import datetime as dt

from django.db import transaction
from django.utils import timezone

from maillage.accounts.enums import Role, SeatState
from maillage.accounts.models import Seat
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.snp.models import OnCall
from maillage.snp.rules import can_set_desk
from maillage.territory.models import Cpts

ON_CALL_ROLES = (Role.DISPATCHER, Role.COORDINATOR, Role.ADMINISTRATOR)
LONGEST = dt.timedelta(days=14)


class BadOnCall(DomainError):
    """A span of the roster that cannot be as asked."""


@transaction.atomic
def set_on_call(
    *, by: Actor, cpts: Cpts, seat: Seat, starts_at: dt.datetime, ends_at: dt.datetime
) -> OnCall:
    """Put somebody on call between two instants. Raises NotAllowed, BadOnCall (the role, the dates,
    somebody is on call already)."""
    if not can_set_desk(by, cpts):
        raise NotAllowed(
            "Seuls le coordinateur et l'administrateur tiennent le tableau d'astreinte."
        )
    Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    if seat.cpts_id != cpts.pk or seat.state != SeatState.ACTIVE or seat.role not in ON_CALL_ROLES:
        raise BadOnCall("L'astreinte revient à un opérateur, un coordinateur ou un administrateur.")
    if ends_at <= max(starts_at, timezone.now()):
        raise BadOnCall("La fin de l'astreinte doit suivre son début, et être à venir.")
    if ends_at - starts_at > LONGEST:
        raise BadOnCall(f"Une astreinte dure au plus {LONGEST.days} jours.")
    if OnCall.objects.filter(cpts=cpts, starts_at__lt=ends_at, ends_at__gt=starts_at).exists():
        raise BadOnCall("Quelqu'un est déjà d'astreinte pendant ce temps.")
    on_call = OnCall.objects.create(
        cpts=cpts, seat=seat, starts_at=starts_at, ends_at=ends_at, set_by_id=by.seat_id
    )
    journal.record("snp.on_call_set", on_call, by=by, cpts=cpts, seat_on_call=seat.pk)
    pulse.bump(cpts.pk)
    return on_call


@transaction.atomic
def end_on_call(*, by: Actor, on_call: OnCall) -> None:
    """Take a span off the roster: one to come never was, the one under way ends now.

    Raises NotAllowed, BadOnCall (already over).
    """
    if not can_set_desk(by, on_call.cpts_id):
        raise NotAllowed(
            "Seuls le coordinateur et l'administrateur tiennent le tableau d'astreinte."
        )
    on_call = OnCall.objects.select_for_update(of=("self",)).filter(pk=on_call.pk).first()
    now = timezone.now()
    if on_call is None or on_call.ends_at <= now:
        raise BadOnCall("Cette astreinte est terminée.")
    journal.record("snp.on_call_ended", on_call, by=by, cpts=on_call.cpts_id)
    if on_call.starts_at < now:
        on_call.ends_at = now
        on_call.save(update_fields=["ends_at"])
    else:
        on_call.delete()
    pulse.bump(on_call.cpts_id)
