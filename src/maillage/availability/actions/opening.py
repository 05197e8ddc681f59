"""Open, close, be away. Every change computes the slots again in the same transaction."""

import datetime as dt

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from maillage.availability.actions.slots import refresh_slots
from maillage.availability.actions.visibility import cpts_ids_of, usual_flags
from maillage.availability.enums import QUICK_WINDOWS, AbsenceReason, BookingMode, QuickAnswer
from maillage.availability.models import Absence, Opening, WeeklyPeriod
from maillage.availability.queries import main_place, wall_instant
from maillage.availability.rules import can_edit_availability
from maillage.directory.enums import CareKind
from maillage.directory.models import Place, Professional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor


class BadOpening(DomainError):
    """What was asked for cannot be opened as it stands."""


def _begin(by: Actor, professional: Professional) -> None:
    if not can_edit_availability(by, professional):
        raise NotAllowed("Vous ne pouvez pas changer les disponibilités de ce professionnel.")
    Professional.objects.select_for_update(of=("self",)).get(pk=professional.pk)


def _finish(action: str, rule: WeeklyPeriod | Opening | Absence, *, by: Actor) -> None:
    refresh_slots([rule.professional_id])
    journal.record(
        f"availability.{action}", rule, by=by, cpts=by.cpts_id, professional=rule.professional_id
    )
    pulse.bump_all(cpts_ids_of(rule.professional))


def _check_place(professional: Professional, place: Place) -> None:
    if place.professional_id != professional.pk or place.closed_on is not None:
        raise BadOpening("Ce lieu n'est pas un lieu d'exercice ouvert de ce professionnel.")


@transaction.atomic
def add_period(
    *,
    by: Actor,
    professional: Professional,
    place: Place,
    weekday: int,
    starts_minute: int,
    ends_minute: int,
    slot_minutes: int,
    from_on: dt.date,
    until_on: dt.date | None = None,
    kind: str = CareKind.OFFICE,
    mode: str = BookingMode.ON_AGREEMENT,
    capacity: int = 1,
) -> WeeklyPeriod:
    """Open every week on one day. Raises NotAllowed, VisibilityNotChosen, BadOpening."""
    _begin(by, professional)
    _check_place(professional, place)
    flags = usual_flags(professional)
    if not starts_minute < ends_minute <= 1440:
        raise BadOpening("L'heure de fin doit suivre l'heure de début.")
    if ends_minute - starts_minute < slot_minutes:
        raise BadOpening("La plage est plus courte qu'un créneau.")
    overlapping = WeeklyPeriod.objects.filter(
        Q(until_on=None) | Q(until_on__gte=from_on),
        professional=professional,
        weekday=weekday,
        starts_minute__lt=ends_minute,
        ends_minute__gt=starts_minute,
    )
    if until_on is not None:
        overlapping = overlapping.filter(from_on__lte=until_on)
    if overlapping.exists():
        raise BadOpening("Une autre plage occupe déjà ces heures ce jour-là. Modifiez l'une des deux.")
    period = WeeklyPeriod.objects.create(
        professional=professional,
        place=place,
        weekday=weekday,
        starts_minute=starts_minute,
        ends_minute=ends_minute,
        slot_minutes=slot_minutes,
        from_on=from_on,
        until_on=until_on,
        kind=kind,
        mode=mode,
        capacity=capacity,
        **flags,
    )
    _finish("period_added", period, by=by)
    return period


@transaction.atomic
def end_period(*, by: Actor, period: WeeklyPeriod, until_on: dt.date) -> WeeklyPeriod:
    """Stop a weekly period after the day `until_on`; before its first day, it never was."""
    _begin(by, period.professional)
    period = WeeklyPeriod.objects.select_for_update(of=("self",)).get(pk=period.pk)
    if until_on < period.from_on:
        refused = period.professional
        journal.record(
            "availability.period_removed", period, by=by, cpts=by.cpts_id, professional=refused.pk
        )
        period.delete()
        refresh_slots([refused.pk])
        pulse.bump_all(cpts_ids_of(refused))
        return period
    period.until_on = until_on
    period.save(update_fields=["until_on"])
    _finish("period_ended", period, by=by)
    return period


@transaction.atomic
def open_once(
    *,
    by: Actor,
    professional: Professional,
    place: Place,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    capacity: int = 1,
    slot_minutes: int | None = None,
    kind: str = CareKind.OFFICE,
    mode: str = BookingMode.ON_AGREEMENT,
) -> Opening:
    """Open once, cut in slots or as one window. Raises NotAllowed, VisibilityNotChosen, BadOpening."""
    _begin(by, professional)
    _check_place(professional, place)
    flags = usual_flags(professional)
    if ends_at <= starts_at:
        raise BadOpening("L'heure de fin doit suivre l'heure de début.")
    if ends_at <= timezone.now():
        raise BadOpening("Cette plage est déjà passée.")
    if ends_at - starts_at > dt.timedelta(days=1):
        raise BadOpening("Une ouverture ponctuelle dure au plus un jour.")
    opening = Opening.objects.create(
        professional=professional,
        place=place,
        starts_at=starts_at,
        ends_at=ends_at,
        capacity=capacity,
        slot_minutes=slot_minutes,
        kind=kind,
        mode=mode,
        **flags,
    )
    _finish("opened", opening, by=by)
    return opening


@transaction.atomic
def close_opening(*, by: Actor, opening: Opening) -> None:
    """Take a one-off opening back; places already taken stay taken. Raises NotAllowed."""
    _begin(by, opening.professional)
    professional = opening.professional
    journal.record(
        "availability.opening_closed", opening, by=by, cpts=by.cpts_id, professional=professional.pk
    )
    opening.delete()
    refresh_slots([professional.pk])
    pulse.bump_all(cpts_ids_of(professional))


@transaction.atomic
def add_absence(
    *,
    by: Actor,
    professional: Professional,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    reason: str = AbsenceReason.AWAY,
) -> Absence:
    """Say one is away. Places already taken stay, and their desks are alerted. Raises NotAllowed, BadOpening."""
    _begin(by, professional)
    if ends_at <= starts_at:
        raise BadOpening("La fin de l'absence doit suivre son début.")
    if ends_at <= timezone.now():
        raise BadOpening("Cette absence est déjà passée.")
    absence = Absence.objects.create(
        professional=professional, starts_at=starts_at, ends_at=ends_at, reason=reason
    )
    _finish("absence_added", absence, by=by)
    return absence


@transaction.atomic
def end_absence(*, by: Actor, absence: Absence) -> Absence:
    """Take an absence back: its slots are offered again. Raises NotAllowed."""
    _begin(by, absence.professional)
    absence = Absence.objects.select_for_update(of=("self",)).get(pk=absence.pk)
    if absence.ended_at is None:
        absence.ended_at = timezone.now()
        absence.save(update_fields=["ended_at"])
        _finish("absence_ended", absence, by=by)
    return absence


@transaction.atomic
def answer_quickly(*, by: Actor, professional: Professional, answer: str) -> Opening | Absence:
    """« Je peux prendre un patient »: in two taps. Said twice, it counts once.

    Raises NotAllowed, VisibilityNotChosen, BadOpening (the moment has passed, no place of practice).
    """
    _begin(by, professional)
    place = main_place(professional)
    if place is None:
        raise BadOpening("Aucun lieu d'exercice n'est connu : demandez à votre CPTS de le compléter.")
    now = timezone.now()
    today = timezone.localdate(now, place.commune.zone)
    end_of_day = wall_instant(today + dt.timedelta(days=1), 0, place.commune.zone)
    absent = Absence.objects.filter(
        professional=professional,
        reason=AbsenceReason.FULL_DAY,
        ended_at=None,
        starts_at__lt=end_of_day,
        ends_at__gt=now,
    )
    if answer == QuickAnswer.NOT_TODAY:
        return absent.first() or add_absence(
            by=by,
            professional=professional,
            starts_at=now,
            ends_at=end_of_day,
            reason=AbsenceReason.FULL_DAY,
        )
    for absence in absent:
        end_absence(by=by, absence=absence)
    if answer == QuickAnswer.HOUR:
        starts_at, ends_at, capacity = now, now + dt.timedelta(hours=1), 1
    else:
        first, last, capacity = QUICK_WINDOWS[QuickAnswer(answer)]
        starts_at = max(now, wall_instant(today, first, place.commune.zone))
        ends_at = wall_instant(today, last, place.commune.zone)
    if ends_at <= now:
        raise BadOpening("Ce moment de la journée est passé. Choisissez-en un autre.")
    starts_at = starts_at.replace(second=0, microsecond=0)
    ends_at = ends_at.replace(second=0, microsecond=0)
    said = Opening.objects.filter(
        professional=professional,
        slot_minutes=None,
        capacity=capacity,
        ends_at__gt=now,
        ends_at__range=(ends_at - dt.timedelta(minutes=10), ends_at),
        starts_at__lte=starts_at + dt.timedelta(minutes=1),
    ).first()
    return said or open_once(
        by=by,
        professional=professional,
        place=place,
        starts_at=starts_at,
        ends_at=ends_at,
        capacity=capacity,
    )
