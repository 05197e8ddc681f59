"""Free slots near a commune, soonest first, among those of the whole country.

Where to look is read from `FreeSlot`; what may be shown is asked of `Slot` itself.
"""

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import (
    Case,
    Count,
    DateTimeField,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.utils import timezone

from maillage.availability.enums import LIVE
from maillage.availability.models import (
    CELL_LATITUDE,
    CELL_LONGITUDE,
    CELLS_IN_A_ROW,
    NOWHERE,
    Booking,
    Slot,
    UsualVisibility,
    cell_expression,
)
from maillage.territory import queries as territory
from maillage.territory.enums import zone_of
from maillage.territory.models import Commune, Cpts, CptsCommune

EVERYBODY = Q(for_public=True) | Q(for_pro=True)
SHOWN = 50
# What is shown of a professional.
WORDS = ("given_name", "family_name", "profession", "speciality", "phone")
# A window lasts a day at most: one that is under way began after this.
LONGEST_WINDOW = dt.timedelta(days=1)
LAST_MOMENT = dt.timedelta(microseconds=1)

SHELVED = ("slot_id", "shelf", "profession", "commune", "starts_at", "until_at")


# What lies on the shelves


def shelved(slots: QuerySet[Slot], now: dt.datetime) -> tuple[QuerySet, QuerySet]:
    """The rows `FreeSlot` must hold for these slots, in the order of SHELVED: those everybody may
    see, then those given to some CPTSs.

    A pause is not counted here: it begins and ends by itself, and the search asks for it.
    """
    live = Booking.objects.filter(slot=OuterRef("pk"), state__in=LIVE).order_by().values("slot")
    takeable = (
        slots.not_over(now)
        .not_away()
        .filter(
            Exists(UsualVisibility.objects.filter(professional=OuterRef("professional"))),
            capacity__gt=Coalesce(Subquery(live.annotate(n=Count("pk")).values("n")), 0),
        )
        .annotate(
            until_at=Case(
                When(is_window=True, then=F("ends_at") - Value(LAST_MOMENT)),
                default=F("starts_at"),
                output_field=DateTimeField(),
            )
        )
        .order_by()
    )
    everybody = takeable.filter(EVERYBODY).annotate(shelf=cell_expression("place__commune"))
    given = takeable.filter(
        Q(for_snp=True, professional__cpts_visibilities__snp=True)
        | Q(for_cpts=True, professional__cpts_visibilities__members=True),
        ~EVERYBODY,
    ).annotate(shelf=-F("professional__cpts_visibilities__cpts"))
    columns = ("pk", "shelf", "professional__profession", "place__commune_id", "starts_at")
    return everybody.values_list(*columns, "until_at"), given.values_list(*columns, "until_at")


# What a desk finds


def communes_to_search(cpts: Cpts, asked: str) -> list[Commune]:
    """Around which communes a desk may look: its own, by name, and the one asked for if there is."""
    today = timezone.localdate()
    own = Q(pk__in=CptsCommune.objects.filter(cpts=cpts).in_force(today).values("commune"))
    return list(Commune.objects.filter(own | Q(pk=asked)).only("pk", "name"))


@dataclass(frozen=True, slots=True)
class FreeSlotLine:
    """A slot a desk may take (with its professional, its place and `places_left`), the way there."""

    slot: Slot
    travel: territory.Travel
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class FreeSlots:
    """Lines soonest first; `is_cut`: there are more."""

    lines: tuple[FreeSlotLine, ...]
    is_cut: bool


def free_slots_near(
    cpts: Cpts,
    *,
    profession: str,
    commune: Commune,
    minutes: int,
    now: dt.datetime,
    hours: int = 24,
    shown: int = SHOWN,
) -> FreeSlots:
    """The soonest slots of a profession the desk of `cpts` may see, within `minutes` of a commune."""
    reached = territory.communes_within(commune, minutes)
    found: list[Slot] = []
    after = None
    # One more than shown says whether there are others; a pause may take some away: look further.
    while len(found) <= shown:
        sql, values = narrowing(
            cpts, profession, reached, now=now, hours=hours, after=after, limit=shown + 1
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            narrowed = cursor.fetchall()
        found += _true_ones(cpts, [pk for pk, _ in narrowed], profession, now)
        if len(narrowed) <= shown:
            break
        after = narrowed[-1]
    lines = tuple(
        FreeSlotLine(
            slot=slot,
            travel=reached[slot.place.commune_id].travel,
            zone=ZoneInfo(zone_of(slot.place.commune_id)),
        )
        for slot in found[:shown]
    )
    return FreeSlots(lines=lines, is_cut=len(found) > shown)


def narrowing(
    cpts: Cpts,
    profession: str,
    reached: dict[str, territory.Reached],
    *,
    now: dt.datetime,
    hours: int = 24,
    after: tuple | None = None,
    limit: int = SHOWN,
) -> tuple[str, list]:
    """The statement that reads the shelves, (slot, start) soonest first, and its values.

    Written by hand: the communes are one value, which the planner does not weigh one by one, and
    they are looked up in a table built once. `after`: the last row of the page before.
    """
    shelves = [*cells_of(reached.values()), -cpts.pk]
    codes = list(reached)
    if connection.vendor == "postgresql":
        there, codes = "SELECT unnest(%s::text[])", [codes]
    else:
        there = f"VALUES {', '.join(['(%s)'] * len(codes))}"
    times = (now - LONGEST_WINDOW, now + dt.timedelta(hours=hours), now)
    rest = "" if after is None else "AND (starts_at, slot_id) > (%s, %s) "
    return (
        "SELECT slot_id, starts_at FROM availability_freeslot WHERE profession = %s "
        f"AND shelf IN ({', '.join(['%s'] * len(shelves))}) "
        "AND starts_at >= %s AND starts_at < %s AND until_at >= %s "
        f"{rest}AND (commune IN ({there})) IS TRUE "
        "ORDER BY starts_at, slot_id LIMIT %s",
        [
            *(profession, *shelves),
            *map(connection.ops.adapt_datetimefield_value, times),
            *(() if after is None else (after[1], after[0])),
            *(*codes, limit),
        ],
    )


def cells_of(reached: Iterable[territory.Reached]) -> list[int]:
    """The shelves of the places reached: the same arithmetic as `cell_expression`."""
    return sorted(
        {NOWHERE}
        | {
            math.floor((each.latitude + 90) / CELL_LATITUDE) * CELLS_IN_A_ROW
            + math.floor((each.longitude + 180) / CELL_LONGITUDE)
            for each in reached
            if each.latitude is not None
        }
    )


def _true_ones(cpts: Cpts, ids: list[int], profession: str, now: dt.datetime) -> list[Slot]:
    """Those of these slots that the desk may see and take at this moment, soonest first."""
    return list(
        Slot.objects.open(now)
        .given_to(cpts)
        .filter(pk__in=ids, professional__profession=profession)
        .with_places_left()
        .filter(places_left__gt=0)
        .select_related("professional", "place__commune")
        .only(
            *("starts_at", "ends_at", "is_window", "kind", "mode", "place__commune__name"),
            *(f"professional__{name}" for name in WORDS),
        )
        .order_by("starts_at", "pk")
    )
