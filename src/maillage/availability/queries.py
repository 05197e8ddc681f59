"""Reads of availability, and the computing of slots from rules."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils import timezone
from django_scopes import scopes_disabled

from maillage.availability.enums import (
    LIVE,
    QUICK_WINDOWS,
    AbsenceReason,
    BookingState,
    QuickAnswer,
)
from maillage.availability.models import (
    Absence,
    Booking,
    CptsVisibility,
    Opening,
    Slot,
    UsualVisibility,
    WeeklyPeriod,
    kept_by,
)
from maillage.compute import intervals
from maillage.directory.enums import CareKind
from maillage.directory.models import (
    CptsProfessional,
    Place,
    Professional,
    ProfessionalAccount,
)
from maillage.territory.models import Cpts


def wall_instant(day: dt.date, minute: int, zone: ZoneInfo) -> dt.datetime:
    """The instant a wall clock of the zone shows `minute` (0 to 1440) on `day`."""
    wall = dt.datetime.combine(day, dt.time()) + dt.timedelta(minutes=minute)  # noqa: DTZ001
    return wall.replace(tzinfo=zone)


def main_place(professional: Professional) -> Place | None:
    return (
        professional.places.filter(closed_on=None)
        .select_related("commune")
        .order_by("-is_main", "pk")
        .first()
    )


def professional_of(user_id: int | None) -> Professional | None:
    """The national record an account is linked to (verified, not ended)."""
    account = (
        ProfessionalAccount.objects.filter(user=user_id, ended_on=None)
        .select_related("professional")
        .first()
    )
    return account.professional if account else None


def editable_professionals(user_id: int | None):
    """Those whose availability this account keeps: themselves, and those who delegated."""
    return kept_by(user_id).order_by("family_name", "given_name", "pk")


def computed_slots(professional_ids: Iterable[int], *, now: dt.datetime, days: int) -> list[Slot]:
    """The slots the rules of these professionals give from `now` on, for `days` days (unsaved)."""
    ids = list(professional_ids)
    # The same day whoever asks: a page under another zone must not move the horizon.
    today = now.astimezone(dt.UTC).date()
    periods = {
        period.pk: period
        for period in WeeklyPeriod.objects.filter(professional__in=ids)
        .exclude(until_on__lt=today - dt.timedelta(days=1))
        .select_related("place__commune")
    }
    openings = {
        opening.pk: opening
        for opening in Opening.objects.filter(professional__in=ids, ends_at__gt=now).select_related(
            "place__commune"
        )
    }
    # One just over may still cover the beginning of a window of today.
    absences = Absence.objects.filter(
        professional__in=ids, ended_at=None, ends_at__gt=now - dt.timedelta(days=1)
    )
    slots = intervals.expand(
        periods=[_period(each) for each in periods.values()],
        openings=[_opening(each) for each in openings.values()],
        absences=[
            intervals.Absence(owner=a.professional_id, starts_at=a.starts_at, ends_at=a.ends_at)
            for a in absences
        ],
        # A day of margin on both sides for the zones ahead of and behind Paris.
        first_on=today - dt.timedelta(days=1),
        before_on=today + dt.timedelta(days=days + 1),
    )
    keep = slots.end > intervals.minute_of(now)
    rules = {intervals.Source.WEEKLY: periods, intervals.Source.OPENING: openings}
    return [
        _slot(
            rules[intervals.Source(kind)][source],
            intervals.instant_of(start),
            intervals.instant_of(end),
        )
        for kind, source, start, end in zip(
            slots.source_kind[keep].tolist(),
            slots.source[keep].tolist(),
            slots.start[keep].tolist(),
            slots.end[keep].tolist(),
            strict=True,
        )
    ]


def _period(period: WeeklyPeriod) -> intervals.WeeklyPeriod:
    return intervals.WeeklyPeriod(
        id=period.pk,
        owner=period.professional_id,
        weekday=period.weekday,
        starts_minute=period.starts_minute,
        ends_minute=period.ends_minute,
        slot_minutes=period.slot_minutes,
        capacity=period.capacity,
        from_on=period.from_on,
        until_on=period.until_on,
        zone=period.place.commune.zone.key,
    )


def _opening(opening: Opening) -> intervals.Opening:
    length = opening.ends_at - opening.starts_at
    return intervals.Opening(
        id=opening.pk,
        owner=opening.professional_id,
        starts_at=opening.starts_at,
        ends_at=opening.ends_at,
        slot_minutes=opening.slot_minutes or int(length.total_seconds() // 60),
        capacity=opening.capacity,
        zone=opening.place.commune.zone.key,
    )


def _slot(rule: WeeklyPeriod | Opening, start: dt.datetime, end: dt.datetime) -> Slot:
    is_period = isinstance(rule, WeeklyPeriod)
    return Slot(
        professional_id=rule.professional_id,
        place_id=rule.place_id,
        period=rule if is_period else None,
        opening=None if is_period else rule,
        starts_at=start,
        ends_at=end,
        is_window=not is_period and rule.slot_minutes is None,
        kind=rule.kind,
        mode=rule.mode,
        capacity=rule.capacity,
        for_public=rule.for_public,
        for_pro=rule.for_pro,
        for_snp=rule.for_snp,
        for_cpts=rule.for_cpts,
    )


def slots_for_desk(
    cpts: Cpts, professional_ids: Iterable[int], *, now: dt.datetime, until: dt.datetime
):
    """Open slots the desk of `cpts` may see, with `places_left`, full ones too, soonest first."""
    return (
        Slot.objects.open(now)
        .given_to(cpts)
        .filter(professional__in=professional_ids, starts_at__lt=until)
        .with_places_left()
        .order_by("professional_id", "starts_at", "pk")
    )


def cptss_of(professional: Professional) -> list[Cpts]:
    """The CPTSs whose directory holds this professional today: their own rows, names only."""
    with scopes_disabled():
        records = CptsProfessional.objects.in_force(timezone.localdate())
        held = list(records.filter(professional=professional).values_list("cpts", flat=True))
    return list(Cpts.objects.filter(pk__in=held).only("pk", "name").order_by("name", "pk"))


def kinds_of(professional: Professional) -> list[CareKind]:
    """Where this professional gives care, the usual one first."""
    does = (
        (CareKind.OFFICE, professional.does_office),
        (CareKind.HOME, professional.does_home),
        (CareKind.REMOTE, professional.does_remote),
    )
    return [kind for kind, is_done in does if is_done]


# Two cut rules never share an hour: a person would be booked twice. A window ("this afternoon")
# has no hour of its own and fits between the others.


def _wall_spans(
    starts_at: dt.datetime, ends_at: dt.datetime, zone: ZoneInfo
) -> Iterable[tuple[dt.date, int, int]]:
    """Days of the zone that the stretch covers, with the wall-clock minutes in each."""
    first, last = (timezone.localtime(at, zone) for at in (starts_at, ends_at))
    for shift in range((last.date() - first.date()).days + 1):
        day = first.date() + dt.timedelta(days=shift)
        start = first.hour * 60 + first.minute if shift == 0 else 0
        end = last.hour * 60 + last.minute if day == last.date() else 1440
        if end > start:
            yield day, start, end


def _meets(period: WeeklyPeriod, starts_at: dt.datetime, ends_at: dt.datetime) -> bool:
    return any(
        day.weekday() == period.weekday
        and period.from_on <= day
        and (period.until_on is None or day <= period.until_on)
        and start < period.ends_minute
        and period.starts_minute < end
        for day, start, end in _wall_spans(starts_at, ends_at, period.place.commune.zone)
    )


def rules_meeting_period(period: WeeklyPeriod, now: dt.datetime) -> bool:
    """Does another period, or a cut opening to come, share hours with this one?"""
    others = WeeklyPeriod.objects.exclude(pk=period.pk).filter(
        Q(until_on=None) | Q(until_on__gte=period.from_on),
        professional=period.professional_id,
        weekday=period.weekday,
        starts_minute__lt=period.ends_minute,
        ends_minute__gt=period.starts_minute,
    )
    if period.until_on is not None:
        others = others.filter(from_on__lte=period.until_on)
    openings = Opening.objects.filter(
        professional=period.professional_id, slot_minutes__isnull=False, ends_at__gt=now
    )
    return others.exists() or any(_meets(period, o.starts_at, o.ends_at) for o in openings)


def rules_meeting_opening(opening: Opening) -> bool:
    """Does a period, or another cut opening, share hours with this one?"""
    if opening.slot_minutes is None:
        return False
    others = Opening.objects.exclude(pk=opening.pk).filter(
        professional=opening.professional_id,
        slot_minutes__isnull=False,
        starts_at__lt=opening.ends_at,
        ends_at__gt=opening.starts_at,
    )
    periods = WeeklyPeriod.objects.filter(professional=opening.professional_id).select_related(
        "place__commune"
    )
    return others.exists() or any(_meets(p, opening.starts_at, opening.ends_at) for p in periods)


# Quick answers


def end_of_day(now: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    return wall_instant(timezone.localdate(now, zone) + dt.timedelta(days=1), 0, zone)


def quick_span(
    answer: str, now: dt.datetime, zone: ZoneInfo
) -> tuple[dt.datetime, dt.datetime, int] | None:
    """From when, until when and for how many an answer stands; None when its moment has passed."""
    if answer == QuickAnswer.HOUR:
        start, end, places = now, now + dt.timedelta(hours=1), 1
    else:
        today = timezone.localdate(now, zone)
        first, last, places = QUICK_WINDOWS[QuickAnswer(answer)]
        start = max(now, wall_instant(today, first, zone))
        end = wall_instant(today, last, zone)
    start, end = (at.replace(second=0, microsecond=0) for at in (start, end))
    return (start, end, places) if end > now and end > start else None


def day_off(professional: Professional, now: dt.datetime, zone: ZoneInfo):
    """The absence « pas aujourd'hui » of this day."""
    return Absence.objects.filter(
        professional=professional,
        reason=AbsenceReason.FULL_DAY,
        ended_at=None,
        starts_at__lt=end_of_day(now, zone),
        ends_at__gt=now,
    )


def quick_openings(professional: Professional, now: dt.datetime):
    """Quick answers still standing, with `places_left` and `is_untouched` (nobody ever asked)."""
    ever = Booking.objects.filter(slot__opening=OuterRef("pk"))
    return (
        professional.openings.filter(ends_at__gt=now)
        .exclude(quick_answer="")
        .annotate(
            places_left=F("capacity")
            - Count("slots__bookings", filter=Q(slots__bookings__state__in=LIVE)),
            is_untouched=~Exists(ever),
        )
        .order_by("starts_at", "pk")
    )


@dataclass(frozen=True, slots=True)
class QuickChoice:
    """An answer that still makes sense now; `note` says what it covers."""

    value: str
    label: str
    note: str


@dataclass(frozen=True, slots=True)
class QuickState:
    """What may be said today from a phone, and what was."""

    professional: Professional
    choices: list[QuickChoice]
    openings: list[Opening]
    absence: Absence | None
    zone: ZoneInfo | None


def quick_state(professional: Professional, now: dt.datetime) -> QuickState:
    """For `availability/_quick.html`; no choice when no place of practice is known."""
    place = main_place(professional)
    if place is None:
        return QuickState(professional, [], [], None, None)
    zone = place.commune.zone
    absence = day_off(professional, now, zone).first()
    choices = []
    for answer in QuickAnswer:
        if answer == QuickAnswer.NOT_TODAY:
            if absence is None:
                choices.append(QuickChoice(answer, answer.label, "rien n'est proposé"))
        elif span := quick_span(answer, now, zone):
            end = timezone.localtime(span[1], zone)
            places = "2 places, " if span[2] == 2 else ""
            note = f"{places}jusqu'à {end.hour}\u00a0h" + (f"\u00a0{end:%M}" if end.minute else "")
            choices.append(QuickChoice(answer, answer.label, note))
    return QuickState(professional, choices, list(quick_openings(professional, now)), absence, zone)


# The professional's own pages


def agenda(professional: Professional, *, now: dt.datetime, days: int):
    """A professional's own slots of the coming days: `places_left`, `taken` and `held` places.

    Withdrawn ones only while somebody holds a place in them.
    """
    live = Booking.objects.filter(slot=OuterRef("pk"), state__in=LIVE)
    return (
        professional.slots.filter(
            Q(closed_at=None) | Exists(live),
            ends_at__gt=now,
            starts_at__lt=now + dt.timedelta(days=days),
        )
        .annotate(
            taken=Count("bookings", filter=Q(bookings__state=BookingState.TAKEN)),
            held=Count("bookings", filter=Q(bookings__state=BookingState.HELD)),
            places_left=F("capacity") - F("taken") - F("held"),
        )
        .select_related("place__commune")
        .order_by("starts_at", "pk")
    )


@dataclass(frozen=True, slots=True)
class AgendaDay:
    """A day of the zone of practice and its slots; never who they are for."""

    day: dt.date
    slots: list[Slot]
    places_left: int
    taken: int
    held: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the availability page of one professional shows."""

    zone: ZoneInfo
    days: list[AgendaDay]
    periods: list[WeeklyPeriod]
    openings: list[Opening]
    absences: list[Absence]
    under_absence: list[Booking]
    usual: UsualVisibility | None
    given_count: int


def sheet_of(professional: Professional, *, now: dt.datetime, days: int) -> Sheet:
    """The coming days and the rules of a professional, for whoever keeps them."""
    place = main_place(professional)
    zone = place.commune.zone if place else ZoneInfo("Europe/Paris")
    by_day = defaultdict(list)
    for slot in agenda(professional, now=now, days=days):
        by_day[timezone.localdate(slot.starts_at, zone)].append(slot)
    today = timezone.localdate(now, zone)
    span = sorted({today + dt.timedelta(days=n) for n in range(days)} | set(by_day))
    periods = professional.periods.exclude(until_on__lt=today)
    absences = professional.absences.filter(ended_at=None, ends_at__gt=now)
    taken = Booking.objects.filter(slot__professional=professional, slot__ends_at__gt=now)
    return Sheet(
        zone=zone,
        days=[_agenda_day(day, by_day[day]) for day in span],
        periods=list(periods.select_related("place__commune")),
        openings=list(
            professional.openings.filter(ends_at__gt=now).select_related("place__commune")
        ),
        absences=list(absences),
        under_absence=list(
            taken.under_absence().select_related("slot").order_by("slot__starts_at")
        ),
        usual=UsualVisibility.objects.filter(professional=professional).first(),
        given_count=CptsVisibility.objects.filter(professional=professional)
        .filter(Q(snp=True) | Q(members=True))
        .count(),
    )


def _agenda_day(day: dt.date, slots: list[Slot]) -> AgendaDay:
    open_slots = [slot for slot in slots if slot.closed_at is None]
    return AgendaDay(
        day=day,
        slots=slots,
        places_left=sum(slot.places_left for slot in open_slots),
        taken=sum(slot.taken for slot in slots),
        held=sum(slot.held for slot in slots),
    )
