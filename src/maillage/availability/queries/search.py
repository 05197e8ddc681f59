"""Free slots near a commune, soonest first, among those of the whole country.

Where to look is read from `FreeSlot`; what may be shown is asked of `Slot` itself.
"""

import datetime as dt
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    DateField,
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
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce
from django.utils import timezone

from maillage.availability.enums import LIVE, BookingMode
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
from maillage.availability.queries.compiled import Asked, Compiled, instant_reader
from maillage.directory.enums import CareKind
from maillage.directory.models import Professional
from maillage.kernel.words import clock, day
from maillage.territory import queries as territory
from maillage.territory.enums import zone_of
from maillage.territory.models import Commune, Cpts, CptsCommune

EVERYBODY = Q(for_public=True) | Q(for_pro=True)
SHOWN = 50
# What is shown of a professional, in the order of the model.
WORDS = ("id", "given_name", "family_name", "profession", "speciality", "phone")
PROFESSION, PHONE = WORDS.index("profession"), WORDS.index("phone")
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


@cache
def _perimeter(vendor: str) -> Compiled:
    return Compiled(
        CptsCommune.objects.filter(cpts=Asked("cpts", BigIntegerField()))
        .in_force(Asked("today", DateField()))
        .order_by()
        .values_list("commune_id")
    )


def communes_to_search(cpts: Cpts, asked: str) -> dict[str, str]:
    """Around which communes a desk may look, their names by INSEE code: its own, by name, and the
    one asked for if there is."""
    own = _perimeter(connection.vendor)
    with connection.cursor() as cursor:
        cursor.execute(own.sql, own.values(cpts=cpts.pk, today=timezone.localdate()))
        found = territory.names_of(code for (code,) in cursor.fetchall())
    if asked and asked not in found:
        found |= territory.names_of([asked])
    return found


@dataclass(frozen=True, slots=True)
class FreeSlotLine:
    """A slot a desk may take, as it is shown; and the way there."""

    slot_id: int
    starts_at: dt.datetime  # in its own zone
    when: str
    until: str  # of a window; a cut slot is taken for its start
    kind: str
    mode: str
    places_left: int
    name: str
    job: str
    phone: str
    commune: str
    travel: territory.Travel

    @property
    def kind_label(self) -> str:
        return CareKind(self.kind).label

    @property
    def mode_label(self) -> str:
        return BookingMode(self.mode).label


@dataclass(frozen=True, slots=True)
class FreeSlots:
    """Lines soonest first; `is_cut`: there are more."""

    lines: tuple[FreeSlotLine, ...]
    is_cut: bool


def free_slots_near(
    cpts: Cpts,
    *,
    profession: str,
    commune: Commune | str,
    minutes: int,
    now: dt.datetime,
    hours: int = 24,
    shown: int = SHOWN,
) -> FreeSlots:
    """The soonest slots of a profession the desk of `cpts` may see, within `minutes` of a commune."""
    reached = territory.communes_within(commune, minutes)
    found: list[FreeSlotLine] = []
    after = None
    # One more than shown says whether there are others; a pause may take some away: look further.
    while len(found) <= shown:
        narrowed = narrowing(
            cpts, profession, reached, now=now, hours=hours, after=after, limit=shown + 1
        )
        rows = _with_their_truth(cpts, narrowed, now)
        found += _lines(rows, profession, reached)
        if len(rows) <= shown:
            break
        after = rows[-1][:2]
    return FreeSlots(lines=tuple(found[:shown]), is_cut=len(found) > shown)


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
    # One text each, however many there are: the same statement every time, nothing to adapt.
    shelves = ",".join(map(str, [*cells_of(reached.values()), -cpts.pk]))
    if connection.vendor == "postgresql":
        on_them, shelves = "= ANY(%s::int[])", f"{{{shelves}}}"
        there, codes = "unnest(%s::text[])", f"{{{','.join(reached)}}}"
    else:
        on_them, shelves = "IN (SELECT value FROM json_each(%s))", f"[{shelves}]"
        there, codes = "(SELECT value FROM json_each(%s))", json.dumps([*reached])
    times = (now - LONGEST_WINDOW, now + dt.timedelta(hours=hours), now)
    rest = "" if after is None else "AND (starts_at, slot_id) > (%s, %s) "
    return (
        "SELECT slot_id, starts_at FROM availability_freeslot WHERE profession = %s "
        f"AND shelf {on_them} AND starts_at >= %s AND starts_at < %s AND until_at >= %s "
        f"{rest}AND (commune IN (SELECT * FROM {there} AS there)) IS TRUE "
        "ORDER BY starts_at, slot_id LIMIT %s",
        [
            *(profession, shelves),
            *map(connection.ops.adapt_datetimefield_value, times),
            *(() if after is None else (after[1], after[0])),
            *(codes, limit),
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


# What is true of them

TRUE_COLUMNS = ("pk", "ends_at", "is_window", "kind", "mode", "professional_id", "place_id")


@cache
def _truth(vendor: str) -> Compiled:
    """Those of the rows narrowed that the desk may see and take at this moment.

    One per engine, said by the querysets of `Slot`: making its SQL costs more than running it.
    """
    live = Booking.objects.filter(slot=OuterRef("pk"), state__in=LIVE).order_by().values("slot")
    taken = Coalesce(Subquery(live.annotate(n=Count("pk")).values("n")), 0)
    return Compiled(
        Slot.objects.open(Asked("now", DateTimeField()))
        .given_to(Asked("cpts", BigIntegerField()))
        .filter(pk__in=RawSQL("SELECT slot_id FROM narrowed", ()))
        .annotate(places_left=F("capacity") - taken)
        .filter(places_left__gt=0)
        .order_by()
        .values_list(*TRUE_COLUMNS, "places_left")
    )


def _with_their_truth(cpts: Cpts, narrowed: tuple[str, list], now: dt.datetime) -> list[tuple]:
    """Every row narrowed (slot, start), with what is shown of it; empty when it is not to take.

    One statement: the planner meets the shelves, the truth and the words apart, since it weighs few
    tables at once quickly, and many slowly.
    """
    truth = _truth(connection.vendor)
    words = ", ".join(f"p.{name}" for name in WORDS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH narrowed AS MATERIALIZED ({narrowed[0]}), "
            "truth(id, ends_at, is_window, kind, mode, professional_id, place_id, places_left) "
            f"AS MATERIALIZED ({truth.sql}) "
            "SELECT n.slot_id, n.starts_at, CASE WHEN t.is_window THEN t.ends_at END, "
            f"t.kind, t.mode, t.places_left, c.insee, c.name, {words} FROM narrowed n "
            "LEFT JOIN truth t ON t.id = n.slot_id "
            "LEFT JOIN directory_professional p ON p.id = t.professional_id "
            "LEFT JOIN directory_place l ON l.id = t.place_id "
            "LEFT JOIN territory_commune c ON c.insee = l.commune_id "
            "ORDER BY n.starts_at, n.slot_id",
            [*narrowed[1], *truth.values(now=now, cpts=cpts.pk)],
        )
        return cursor.fetchall()


def _lines(
    rows: list[tuple], profession: str, reached: dict[str, territory.Reached]
) -> Iterator[FreeSlotLine]:
    """What is to take among these rows, still of the profession asked for and within reach."""
    instant = instant_reader()
    people: dict[int, tuple[str, str]] = {}
    zones: dict[str, ZoneInfo] = {}
    days: dict[tuple[str, dt.date], str] = {}
    for slot, starts_at, ends_at, kind, mode, left, insee, name, *words in rows:
        if words[PROFESSION] != profession or insee not in reached:
            continue
        if words[0] not in people:
            someone = Professional.from_db(connection.alias, WORDS, words)
            people[words[0]] = str(someone), someone.job
        who, job = people[words[0]]
        name_of_zone = zone_of(insee)
        zone = zones.get(name_of_zone) or zones.setdefault(name_of_zone, ZoneInfo(name_of_zone))
        local = instant(starts_at).astimezone(zone)
        on = name_of_zone, local.date()
        yield FreeSlotLine(
            slot_id=slot,
            starts_at=local,
            when=f"{days.get(on) or days.setdefault(on, day(local, zone))} {clock(local.time())}",
            until=clock(instant(ends_at), zone) if ends_at else "",
            kind=kind,
            mode=mode,
            places_left=left,
            name=who,
            job=job,
            phone=words[PHONE],
            commune=name,
            travel=reached[insee].travel,
        )
