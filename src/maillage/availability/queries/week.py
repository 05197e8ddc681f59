"""The weeks of many professionals: what was said means here, and what it would change."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from django.db.models import Q
from django.utils import timezone

from maillage.availability.enums import (
    CAPACITY_MAX,
    LIVE,
    SLOT_MINUTES_MAX,
    SLOT_MINUTES_MIN,
    BookingMode,
    Weekday,
)
from maillage.availability.models import Booking, Opening, UsualVisibility, WeeklyPeriod
from maillage.availability.queries.overlaps import meets
from maillage.availability.queries.people import kinds_of
from maillage.directory.enums import CareKind
from maillage.directory.models import Place, Professional

USUAL_MINUTES = 20
SAME = (
    *("weekday", "starts_minute", "ends_minute", "slot_minutes"),
    *("place_id", "kind", "mode", "capacity"),
)
UNSAID = ("slot_minutes", "capacity", "kind", "mode")


@dataclass(frozen=True, slots=True)
class SaidPeriod:
    """A weekly opening as somebody says it, in wall-clock minutes; None: as usual.

    `place` is a rank, from 1, among the open places of the professional, the main one first.
    """

    weekday: int
    starts_minute: int
    ends_minute: int
    slot_minutes: int | None = None
    capacity: int | None = None
    kind: str | None = None
    mode: str | None = None
    place: int | None = None


@dataclass(frozen=True, slots=True)
class WeekLine:
    """A professional and what their week stands on at a date: one line of the page."""

    professional: Professional
    places: Sequence[Place]
    periods: Sequence[WeeklyPeriod]  # in force at the date, or later
    openings: Sequence[Opening]  # cut in slots, still to come
    has_chosen: bool  # who sees what they open
    from_on: dt.date

    @property
    def current(self) -> list[WeeklyPeriod]:
        return [each for each in self.periods if each.from_on <= self.from_on]

    @property
    def said(self) -> tuple[SaidPeriod, ...]:
        """The week in force as it would be said: what is usual everywhere goes unsaid."""
        ranks = {place.pk: rank for rank, place in enumerate(self.places, 1)}
        said = [
            SaidPeriod(
                *(each.weekday, each.starts_minute, each.ends_minute, each.slot_minutes),
                *(each.capacity, each.kind, each.mode, ranks.get(each.place_id)),
            )
            for each in self.current
        ]
        kind = next(iter(kinds_of(self.professional)), CareKind.OFFICE)
        usual = {"capacity": 1, "kind": kind, "mode": BookingMode.ON_AGREEMENT, "place": 1}
        unsaid = {
            name: None
            for name, value in usual.items()
            if all(getattr(each, name) in {value, None} for each in said)
        }
        return tuple(replace(each, **unsaid) for each in said)


@dataclass(frozen=True, slots=True)
class WeekPlan:
    """What a week said would change: `refusal` is a sentence, empty when it can be done."""

    added: Sequence[WeeklyPeriod] = ()
    kept: Sequence[WeeklyPeriod] = ()
    ended: Sequence[WeeklyPeriod] = ()
    removed: Sequence[WeeklyPeriod] = ()  # planned later: they never begin
    refusal: str = ""

    @property
    def is_change(self) -> bool:
        return bool(self.added or self.ended or self.removed)

    @property
    def replaced(self) -> list[WeeklyPeriod]:
        return [*self.ended, *self.removed]

    @property
    def signature(self) -> tuple:
        """Equal when two plans would write the same."""
        added = tuple(tuple(getattr(each, name) for name in SAME) for each in self.added)
        return added, *(tuple(each.pk for each in rows) for rows in (self.ended, self.removed))


def week_lines(professionals: Iterable[Professional], from_on: dt.date) -> list[WeekLine]:
    """One line each, in the order given, in as many queries for one as for a hundred."""
    people = list(professionals)
    places = Place.objects.filter(professional__in=people, closed_on=None)
    periods = WeeklyPeriod.objects.filter(
        Q(until_on=None) | Q(until_on__gte=from_on), professional__in=people
    )
    openings = Opening.objects.filter(
        professional__in=people, slot_minutes__isnull=False, ends_at__gt=timezone.now()
    )
    chosen = set(
        UsualVisibility.objects.filter(professional__in=people).values_list("pk", flat=True)
    )
    places = _by_professional(places.select_related("commune").order_by("-is_main", "pk"))
    periods = _by_professional(periods.select_related("place__commune"))
    openings = _by_professional(openings)
    return [
        WeekLine(
            each, places[each.pk], periods[each.pk], openings[each.pk], each.pk in chosen, from_on
        )
        for each in people
    ]


def _by_professional(rows) -> dict[int, list]:
    found = defaultdict(list)
    for each in rows:
        found[each.professional_id].append(each)
    return found


def week_plan(line: WeekLine, said: Sequence[SaidPeriod]) -> WeekPlan:
    """What it would change to make `said` the only week of this professional from the date on.

    Periods alike are left alone; the others end the day before, or never begin.
    """
    refusal = _refusal_of_words(line, said)
    if refusal:
        return WeekPlan(refusal=refusal)
    wanted = [_meant(line, each) for each in said]
    lasting = {_key(each): each for each in line.current if each.until_on is None}
    added = [each for each in wanted if _key(each) not in lasting]
    kept = [lasting[_key(each)] for each in wanted if _key(each) in lasting]
    gone = [each for each in line.periods if each not in kept]
    refusal = next(filter(None, (_refusal(line, each) for each in added)), "")
    if refusal:
        return WeekPlan(refusal=refusal)
    return WeekPlan(
        added=added,
        kept=kept,
        ended=[each for each in gone if each.from_on < line.from_on],
        removed=[each for each in gone if each.from_on >= line.from_on],
    )


def _key(period: WeeklyPeriod) -> tuple:
    return tuple(getattr(period, name) for name in SAME)


def _refusal_of_words(line: WeekLine, said: Sequence[SaidPeriod]) -> str:
    if said and not line.has_chosen:
        return (
            "Ce professionnel n'a pas encore choisi qui voit ses disponibilités : "
            "sa semaine attend ce choix."
        )
    if said and not line.places:
        return "Aucun lieu d'exercice n'est connu : demandez à votre CPTS de le compléter."
    ranks = {each.place for each in said if each.place is not None}
    if not ranks <= set(range(1, len(line.places) + 1)):
        wrong = next(each for each in sorted(ranks) if not 1 <= each <= len(line.places))
        return f"Pas de lieu d'exercice @{wrong} pour ce professionnel."
    if any(
        not 0 <= s.weekday <= 6 or not 0 <= s.starts_minute < s.ends_minute <= 1440 for s in said
    ):
        return "L'heure de fin doit suivre l'heure de début."
    for before, after in pairwise(sorted(said, key=lambda s: (s.weekday, s.starts_minute))):
        if before.weekday == after.weekday and after.starts_minute < before.ends_minute:
            return f"Deux plages se chevauchent le {Weekday(after.weekday).label}."
    return ""


def _meant(line: WeekLine, said: SaidPeriod) -> WeeklyPeriod:
    """What goes unsaid is taken from the period in force at these hours, else from the week."""
    here = [each for each in line.current if each.weekday == said.weekday]
    shared = [
        (min(e.ends_minute, said.ends_minute) - max(e.starts_minute, said.starts_minute), e)
        for e in here
    ]
    shared = [pair for pair in shared if pair[0] > 0]
    like = max(shared, key=lambda pair: pair[0])[1] if shared else None
    values = {name: getattr(said, name) for name in UNSAID}
    for name in (name for name, value in values.items() if value is None):
        values[name] = _usual(line, name, [like] if like else line.current)
    return WeeklyPeriod(
        professional=line.professional,
        place=line.places[said.place - 1] if said.place else _place(line, like),
        weekday=said.weekday,
        starts_minute=said.starts_minute,
        ends_minute=said.ends_minute,
        from_on=line.from_on,
        **values,
    )


def _place(line: WeekLine, like: WeeklyPeriod | None) -> Place:
    same = like and next((each for each in line.places if each.pk == like.place_id), None)
    return same or line.places[0]


def _usual(line: WeekLine, name: str, among: Sequence[WeeklyPeriod]):
    if among:
        counts = Counter(getattr(each, name) for each in among)
        return min(counts, key=lambda value: (-counts[value], value))
    kinds = kinds_of(line.professional)
    return {
        "slot_minutes": USUAL_MINUTES,
        "capacity": 1,
        "kind": kinds[0] if kinds else CareKind.OFFICE,
        "mode": BookingMode.ON_AGREEMENT,
    }[name]


def _refusal(line: WeekLine, period: WeeklyPeriod) -> str:
    if period.kind not in kinds_of(line.professional):
        return f"Ce professionnel ne reçoit pas ainsi : {CareKind(period.kind).label}."
    if period.mode not in BookingMode.values or not 1 <= period.capacity <= CAPACITY_MAX:
        return f"Indiquez de 1 à {CAPACITY_MAX} places."
    if not SLOT_MINUTES_MIN <= period.slot_minutes <= SLOT_MINUTES_MAX:
        return "Un créneau dure de 5 minutes à 8 heures."
    if period.ends_minute - period.starts_minute < period.slot_minutes:
        return f"Une plage du {period.get_weekday_display()} est plus courte qu'un créneau."
    for each in line.openings:
        if meets(period, each.starts_at, each.ends_at):
            on = timezone.localtime(each.starts_at, period.place.commune.zone)
            return (
                f"Une ouverture ponctuelle occupe déjà ces heures le {on:%d/%m/%Y}. "
                "Retirez-la, ou changez ces heures."
            )
    return ""


def places_under(plans: Iterable[WeekPlan], from_on: dt.date) -> int:
    """Places held or taken from the date on in periods that the plans would replace."""
    replaced = [each.pk for plan in plans for each in plan.replaced]
    return Booking.objects.filter(
        slot__period__in=replaced,
        slot__starts_at__gte=timezone.make_aware(dt.datetime.combine(from_on, dt.time())),  # noqa: DTZ001
        state__in=LIVE,
    ).count()
