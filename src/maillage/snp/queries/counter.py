"""Another hour proposed by a professional: how long it lasts, and which place it would be."""

import datetime as dt

from maillage.availability.enums import BookingMode
from maillage.availability.models import Absence, Opening, Slot
from maillage.availability.queries import rules_meeting_opening
from maillage.kernel.words import clock, day
from maillage.snp.models import Proposal

WINDOW_LASTS = dt.timedelta(minutes=20)


def length_of(proposal: Proposal) -> dt.timedelta:
    """As long as the place first asked; a window has no length of its own."""
    slot = proposal.booking.slot
    return WINDOW_LASTS if slot.is_window else slot.ends_at - slot.starts_at


def counter_text(proposal: Proposal) -> str:
    """ "aujourd'hui, 17 h 40", in the clock of the place."""
    zone = proposal.booking.slot.place.commune.zone
    return f"{day(proposal.counter_at, zone)}, {clock(proposal.counter_at, zone)}"


def is_away(proposal: Proposal, starts_at: dt.datetime) -> bool:
    return Absence.objects.filter(
        professional=proposal.professional_id,
        ended_at=None,
        starts_at__lt=starts_at + length_of(proposal),
        ends_at__gt=starts_at,
    ).exists()


def slots_at(proposal: Proposal, starts_at: dt.datetime, now: dt.datetime):
    """Their own cut slots that begin at this hour and that this CPTS may see, by an agreement with
    theirs too, full ones included."""
    agreement = proposal.agreement
    shown_to = proposal.cpts if agreement is None else agreement.partner_of(proposal.cpts_id)
    return (
        Slot.objects.open(now)
        .given_to(shown_to)
        .filter(
            professional=proposal.professional_id,
            starts_at=starts_at,
            kind=proposal.booking.slot.kind,
            is_window=False,
        )
        .with_places_left()
        .select_related("place__commune")
        .order_by("pk")
    )


def opening_at(proposal: Proposal, starts_at: dt.datetime) -> Opening:
    """The one-off opening, not saved, that would hold just this appointment."""
    slot, lasts = proposal.booking.slot, length_of(proposal)
    return Opening(
        professional_id=proposal.professional_id,
        place=slot.place,
        starts_at=starts_at,
        ends_at=starts_at + lasts,
        slot_minutes=int(lasts.total_seconds() // 60),
        kind=slot.kind,
        mode=BookingMode.ON_AGREEMENT,
        capacity=1,
    )


def meets_other_hours(proposal: Proposal, starts_at: dt.datetime) -> bool:
    """Would it cut through hours they already opened, where their own slots stand?"""
    return rules_meeting_opening(opening_at(proposal, starts_at))
