"""A place taken is a row. Lock the slot, then look."""

import datetime as dt

from django.db import transaction
from django.utils import timezone

from maillage.availability.actions.shelves import shelve_slot, unshelve_slot
from maillage.availability.enums import BOOKING_TRANSITIONS, LIVE, BookingState
from maillage.availability.models import Booking, Slot
from maillage.availability.rules import can_book, can_change_booking
from maillage.kernel import journal
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.kernel.transitions import check_transition
from maillage.territory.models import Cpts


class SlotFull(DomainError):
    """No place left: somebody was quicker."""


class SlotClosed(DomainError):
    """The slot is over, withdrawn, or not given to this CPTS."""


def _claim(
    *,
    by: Actor,
    cpts: Cpts,
    slot: Slot,
    state: str,
    held_until: dt.datetime | None,
    lent_by: Cpts | None,
) -> Booking:
    if not can_book(by, cpts):
        raise NotAllowed("Votre rôle ne permet pas de réserver un créneau.")
    locked = (
        Slot.objects.select_for_update(of=("self",))
        .only("capacity")
        .filter(pk=slot.pk)
        .order_by()
        .first()
    )
    now = timezone.now()
    # A free slot whose rule is gone is deleted: whoever still saw it reads the same sentence.
    offered = Slot.objects.open(now).given_to(lent_by or cpts).filter(pk=slot.pk)
    if lent_by is not None:
        offered = offered.filter(professional__asking_preferences__for_neighbours=True)
    if locked is None or not offered.exists():
        raise SlotClosed("Ce créneau n'est plus proposé à votre CPTS. Choisissez-en un autre.")
    used = set(locked.bookings.filter(state__in=LIVE).values_list("place_number", flat=True))
    free = next((n for n in range(1, locked.capacity + 1) if n not in used), None)
    if free is None:
        raise SlotFull("Ce créneau vient d'être pris. Choisissez-en un autre.")
    booking = Booking.objects.create(
        slot=slot,
        place_number=free,
        cpts=cpts,
        state=state,
        held_until=held_until,
        changed_at=now,
    )
    if len(used) + 1 == locked.capacity:
        unshelve_slot(slot.pk)
    journal.record(
        f"availability.place_{state}", booking, by=by, cpts=cpts, slot=slot.pk, place=free
    )
    return booking


@transaction.atomic
def hold_place(
    *, by: Actor, cpts: Cpts, slot: Slot, until: dt.datetime, lent_by: Cpts | None = None
) -> Booking:
    """Keep a place aside until a professional answers. `lent_by`: the neighbour the slot was given
    to, when its professional helps neighbours. Raises NotAllowed, SlotClosed, SlotFull."""
    held = BookingState.HELD
    return _claim(by=by, cpts=cpts, slot=slot, state=held, held_until=until, lent_by=lent_by)


@transaction.atomic
def take_place(
    *,
    by: Actor,
    cpts: Cpts,
    slot: Slot | None = None,
    booking: Booking | None = None,
    lent_by: Cpts | None = None,
) -> Booking:
    """Take a place of `slot` (`lent_by` as for `hold_place`), or the one already held as `booking`.

    Raises NotAllowed, SlotClosed, SlotFull, InvalidTransition.
    """
    if booking is None:
        if slot is None:
            raise ValueError("slot or booking")
        taken = BookingState.TAKEN
        return _claim(by=by, cpts=cpts, slot=slot, state=taken, held_until=None, lent_by=lent_by)
    return _move(by=by, booking=booking, state=BookingState.TAKEN)


@transaction.atomic
def release_place(*, by: Actor, booking: Booking) -> Booking:
    """Give a held or taken place back. Raises NotAllowed, InvalidTransition."""
    return _move(by=by, booking=booking, state=BookingState.RELEASED)


def _move(*, by: Actor, booking: Booking, state: str) -> Booking:
    if not can_change_booking(by, booking):
        raise NotAllowed("Votre rôle ne permet pas de changer cette réservation.")
    # The slot first, as in `_claim`: two acts on one slot queue in the same order.
    Slot.objects.select_for_update(of=("self",)).get(pk=booking.slot_id)
    booking = Booking.objects.select_for_update(of=("self",)).get(pk=booking.pk)
    word = BookingState(booking.state).label
    check_transition(
        BOOKING_TRANSITIONS, booking.state, state, sentence=f"Cette place a déjà été {word}."
    )
    booking.state = state
    booking.held_until = None
    booking.changed_at = timezone.now()
    booking.save(update_fields=["state", "held_until", "changed_at"])
    if state == BookingState.RELEASED:
        shelve_slot(booking.slot_id)
    journal.record(
        f"availability.place_{state}", booking, by=by, cpts=booking.cpts_id, slot=booking.slot_id
    )
    return booking
