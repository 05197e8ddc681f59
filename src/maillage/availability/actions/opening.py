"""Open, close, be away. Every change computes the slots again in the same transaction."""

import datetime as dt

from django.db import transaction
from django.utils import timezone

from maillage.availability import queries
from maillage.availability.actions.slots import refresh_slots
from maillage.availability.actions.visibility import cpts_ids_of, usual_flags
from maillage.availability.enums import (
    CAPACITY_MAX,
    SLOT_MINUTES_MAX,
    SLOT_MINUTES_MIN,
    AbsenceReason,
    BookingMode,
    QuickAnswer,
)
from maillage.availability.models import Absence, Opening, WeeklyPeriod
from maillage.availability.queries import main_place
from maillage.availability.rules import can_edit_availability
from maillage.directory.enums import CareKind
from maillage.directory.models import Place, Professional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor

TWICE = "Une autre plage occupe déjà ces heures ce jour-là. Modifiez l'une des deux."
# « Dans l'heure », said again this long after, moves the hour instead of counting twice.
RENEW_AFTER = dt.timedelta(minutes=10)


class BadOpening(DomainError):
    """What was asked for cannot be opened as it stands."""


def _begin(by: Actor, professional: Professional) -> None:
    if not can_edit_availability(by, professional):
        raise NotAllowed("Vous ne pouvez pas changer les disponibilités de ce professionnel.")
    Professional.objects.select_for_update(of=("self",), no_key=True).get(pk=professional.pk)


def _finish(action: str, rule: WeeklyPeriod | Opening | Absence, *, by: Actor) -> None:
    refresh_slots([rule.professional_id])
    journal.record(
        f"availability.{action}", rule, by=by, cpts=by.cpts_id, professional=rule.professional_id
    )
    pulse.bump(*cpts_ids_of(rule.professional))


def _check_place(professional: Professional, place: Place) -> None:
    if place.professional_id != professional.pk or place.closed_on is not None:
        raise BadOpening("Ce lieu n'est pas un lieu d'exercice ouvert de ce professionnel.")


def _check_offer(professional: Professional, kind: str, mode: str, capacity: int) -> None:
    if mode not in BookingMode.values or kind not in queries.kinds_of(professional):
        raise BadOpening("Choisissez le type de rendez-vous dans la liste.")
    if not 1 <= capacity <= CAPACITY_MAX:
        raise BadOpening(f"Indiquez de 1 à {CAPACITY_MAX} places.")


def _check_cut(slot_minutes: int, length_minutes: float) -> None:
    if not SLOT_MINUTES_MIN <= slot_minutes <= SLOT_MINUTES_MAX:
        raise BadOpening("Un créneau dure de 5 minutes à 8 heures.")
    if length_minutes < slot_minutes:
        raise BadOpening("La plage est plus courte qu'un créneau.")


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
    flags = usual_flags(professional)
    _check_place(professional, place)
    _check_offer(professional, kind, mode, capacity)
    if not 0 <= starts_minute < ends_minute <= 1440:
        raise BadOpening("L'heure de fin doit suivre l'heure de début.")
    _check_cut(slot_minutes, ends_minute - starts_minute)
    if until_on is not None and until_on < from_on:
        raise BadOpening("La date de fin précède la date de début.")
    period = WeeklyPeriod(
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
    if queries.rules_meeting_period(period, timezone.now()):
        raise BadOpening(TWICE)
    period.save()
    _finish("period_added", period, by=by)
    return period


@transaction.atomic
def end_period(*, by: Actor, period: WeeklyPeriod, until_on: dt.date) -> WeeklyPeriod:
    """Stop a weekly period after the day `until_on`; before its first day, it never was.

    Places already taken stay taken. Raises NotAllowed, BadOpening.
    """
    _begin(by, period.professional)
    period = WeeklyPeriod.objects.select_for_update(of=("self",)).filter(pk=period.pk).first()
    if period is None or (period.until_on is not None and until_on > period.until_on):
        raise BadOpening("Cette plage est déjà terminée à cette date.")
    if until_on < period.from_on:
        _remove("period_removed", period, by=by)
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
    quick_answer: str = "",
) -> Opening:
    """Open once, cut in slots or, without `slot_minutes`, as one window.

    Raises NotAllowed, VisibilityNotChosen, BadOpening.
    """
    _begin(by, professional)
    flags = usual_flags(professional)
    _check_place(professional, place)
    _check_offer(professional, kind, mode, capacity)
    if ends_at <= starts_at:
        raise BadOpening("L'heure de fin doit suivre l'heure de début.")
    if ends_at <= timezone.now():
        raise BadOpening("Cette plage est déjà passée.")
    if ends_at - starts_at > dt.timedelta(days=1):
        raise BadOpening("Une ouverture ponctuelle dure au plus un jour.")
    if slot_minutes is not None:
        _check_cut(slot_minutes, (ends_at - starts_at) / dt.timedelta(minutes=1))
    opening = Opening(
        professional=professional,
        place=place,
        starts_at=starts_at,
        ends_at=ends_at,
        capacity=capacity,
        slot_minutes=slot_minutes,
        kind=kind,
        mode=mode,
        quick_answer=quick_answer,
        **flags,
    )
    if queries.rules_meeting_opening(opening):
        raise BadOpening(TWICE)
    opening.save()
    _finish("opened", opening, by=by)
    return opening


@transaction.atomic
def close_opening(*, by: Actor, opening: Opening) -> None:
    """Take a one-off opening back; places already taken stay taken. Raises NotAllowed."""
    _begin(by, opening.professional)
    opening = Opening.objects.select_for_update(of=("self",)).filter(pk=opening.pk).first()
    if opening is not None:
        _remove("opening_closed", opening, by=by)


def _remove(action: str, rule: WeeklyPeriod | Opening, *, by: Actor) -> None:
    """Forget a rule: its free slots go, those ever booked stay, closed to others."""
    professional = rule.professional
    journal.record(
        f"availability.{action}", rule, by=by, cpts=by.cpts_id, professional=professional.pk
    )
    rule.delete()
    refresh_slots([professional.pk])
    pulse.bump(*cpts_ids_of(professional))


@transaction.atomic
def add_absence(
    *,
    by: Actor,
    professional: Professional,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    reason: str = AbsenceReason.AWAY,
) -> Absence:
    """Say one is away. Places already taken stay, and their desks are alerted.

    Raises NotAllowed, BadOpening.
    """
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

    Said again once everything it offered is taken, it offers as much again. « Pas aujourd'hui » is
    taken back by any other answer. Raises NotAllowed, VisibilityNotChosen, BadOpening (the moment
    has passed, no place of practice).
    """
    _begin(by, professional)
    place = main_place(professional)
    if place is None:
        raise BadOpening(
            "Aucun lieu d'exercice n'est connu : demandez à votre CPTS de le compléter."
        )
    now, zone = timezone.now(), place.commune.zone
    absent = queries.day_off(professional, now, zone)
    if answer == QuickAnswer.NOT_TODAY:
        return absent.first() or add_absence(
            by=by,
            professional=professional,
            starts_at=now,
            ends_at=queries.end_of_day(now, zone),
            reason=AbsenceReason.FULL_DAY,
        )
    if answer not in QuickAnswer.values:
        raise BadOpening("Choisissez une réponse dans la liste.")
    span = queries.quick_span(answer, now, zone)
    if span is None:
        raise BadOpening("Ce moment de la journée est passé. Choisissez-en un autre.")
    for absence in absent:
        end_absence(by=by, absence=absence)
    starts_at, ends_at, capacity = span
    for said in queries.quick_openings(professional, now).filter(quick_answer=answer):
        if said.places_left == said.capacity and ends_at - said.ends_at > RENEW_AFTER:
            close_opening(by=by, opening=said)  # the same hour, said later: it starts again
        elif said.places_left > 0:
            return said
    return open_once(
        by=by,
        professional=professional,
        place=place,
        starts_at=starts_at,
        ends_at=ends_at,
        capacity=capacity,
        kind=next(iter(queries.kinds_of(professional)), CareKind.OFFICE),
        quick_answer=answer,
    )
