"""Bris de glace: a motive, a short opening, the data-protection officers told, then a review."""

import datetime as dt

from django.db import transaction
from django.utils import timezone

from maillage.accounts.enums import Role
from maillage.kernel import journal
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.snp.actions.life import lock
from maillage.snp.actions.notices import tell_glass
from maillage.snp.enums import GlassMotive, GlassReview
from maillage.snp.models import BreakGlass, CareRequest
from maillage.snp.queries import settings_of
from maillage.snp.queries.ladder import active_seats
from maillage.snp.rules import can_break_glass, can_review_glass, is_withdrawn


class GlassRefused(DomainError):
    """The opening or its review cannot be kept as asked."""


@transaction.atomic
def break_glass(*, by: Actor, care_request: CareRequest, motive: str, reason: str) -> BreakGlass:
    """Open one request's identity to the asker for a short time, and tell the data-protection
    officers at once. Asked again while it is open, it counts once.

    Raises NotAllowed, GlassRefused (no motive, agreement taken back).
    """
    if not can_break_glass(by, care_request.cpts_id):
        raise NotAllowed("Votre rôle ne permet pas le bris de glace.")
    if motive not in GlassMotive.values or not reason.strip():
        raise GlassRefused("Choisissez un motif et écrivez en une phrase pourquoi.")
    care_request = lock(care_request)
    if is_withdrawn(care_request):
        raise GlassRefused(
            "Le patient a retiré son accord : son identité ne s'ouvre plus. La régulation peut "
            "l'appeler."
        )
    now = timezone.now()
    mine = BreakGlass.objects.filter(care_request=care_request, seat=by.seat_id, until__gt=now)
    if (known := mine.first()) is not None:
        return known
    minutes = settings_of(care_request.cpts, now).break_glass_minutes
    opening = BreakGlass.objects.create(
        cpts_id=care_request.cpts_id,
        care_request=care_request,
        seat_id=by.seat_id,
        motive=motive,
        reason=" ".join(reason.split())[:200],
        opened_at=now,
        until=now + dt.timedelta(minutes=minutes),
    )
    journal.record(
        "snp.break_glass",
        care_request,
        by=by,
        cpts=care_request.cpts_id,
        opening=opening.pk,
        motive=motive,
        minutes=minutes,
    )
    seats = active_seats(care_request.cpts_id, now).select_related("user")
    officers = seats.filter(role=Role.DATA_PROTECTION_OFFICER)
    tell_glass(opening, officers or seats.filter(role=Role.ADMINISTRATOR), by=by)
    return opening


@transaction.atomic
def review_glass(*, by: Actor, opening: BreakGlass, review: str) -> BreakGlass:
    """Say whether an opening was justified; said again, the last counts. Raises NotAllowed,
    GlassRefused."""
    if not can_review_glass(by, opening.cpts_id):
        raise NotAllowed("Seul le délégué à la protection des données relit les bris de glace.")
    if review not in GlassReview.values:
        raise GlassRefused("Choisissez : justifié ou non justifié.")
    opening = BreakGlass.objects.select_for_update(of=("self",)).get(pk=opening.pk)
    opening.review = review
    opening.reviewed_at = timezone.now()
    opening.reviewed_by_id = by.seat_id
    opening.save(update_fields=["review", "reviewed_at", "reviewed_by"])
    journal.record("snp.glass_reviewed", opening, by=by, cpts=opening.cpts_id, review=review)
    return opening
