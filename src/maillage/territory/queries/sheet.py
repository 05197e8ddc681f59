"""What the pages of a territory and of a commune say: perimeter, populations, counts, trips."""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass

from maillage.territory.enums import OfferKind
from maillage.territory.models import (
    Commune,
    CommuneOffer,
    CommunePopulation,
    Cpts,
    CptsCommune,
    CptsPopulation,
)
from maillage.territory.queries.travel import Travel, travel_minutes


@dataclass(frozen=True, slots=True)
class CommuneLine:
    """A commune (or a part) of a perimeter with its figures. `populations` by census year; for a
    part, its own figure only. `offers` by kind: 0 when the source lists none."""

    row: CptsCommune
    populations: dict[int, int]
    offers: dict[str, int]

    @property
    def name(self) -> str:
        part = self.row.part
        return f"{self.row.commune.name} ({part.name})" if part else self.row.commune.name


@dataclass(frozen=True, slots=True)
class YearTotal:
    """Sum of the communes at one census; `unknown`: those whose figure is missing from it."""

    year: int
    total: int
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TerritoryPopulation:
    """Sums by census year (newest first), and the recorded figure beside them."""

    totals: tuple[YearTotal, ...]
    sources: tuple[str, ...]
    years_missing: tuple[int, ...]
    recorded: CptsPopulation | None


@dataclass(frozen=True, slots=True)
class TerritorySheet:
    """What the territory page shows. `changes`: perimeter rows not in force that day."""

    lines: tuple[CommuneLine, ...]
    changes: tuple[CptsCommune, ...]
    population: TerritoryPopulation
    offer_year: int | None
    offer_source: str
    offer_totals: dict[str, int]


def perimeter(cpts: Cpts, on: dt.date) -> list[CptsCommune]:
    """Rows of the perimeter in force that day, by name of commune."""
    return [row for row in _rows(cpts) if _in_force(row, on)]


def commune_choices(cpts: Cpts, on: dt.date) -> list[tuple[str, str]]:
    """Codes and names of the communes in force that day, to choose from, by name. One query."""
    rows = CptsCommune.objects.filter(cpts=cpts, from_on__lte=on).exclude(until_on__lte=on)
    found = rows.order_by().values_list("commune", "commune__name", "commune__name_key").distinct()
    return [row[:2] for row in sorted(found, key=lambda row: row[2])]


def population_of(cpts: Cpts, on: dt.date) -> TerritoryPopulation:
    """Sum of the perimeter in force by census year, and the recorded population."""
    lines, sources = _lines(perimeter(cpts, on))
    return _population(cpts, lines, sources)


def sheet_of(cpts: Cpts, on: dt.date) -> TerritorySheet:
    rows = _rows(cpts)
    current = [row for row in rows if _in_force(row, on)]
    lines, sources = _lines(current)
    lines, year, source = _with_offers(lines)
    return TerritorySheet(
        lines=tuple(lines),
        changes=tuple(row for row in rows if not _in_force(row, on)),
        population=_population(cpts, lines, sources),
        offer_year=year,
        offer_source=source,
        # Professionals are counted by commune: a shared one would count those of its other CPTSs.
        offer_totals={
            kind: sum(line.offers.get(kind, 0) for line in lines if line.row.part is None)
            for kind in OfferKind.values
        },
    )


def _rows(cpts: Cpts) -> list[CptsCommune]:
    rows = CptsCommune.objects.filter(cpts=cpts).select_related("commune__epci", "part")
    return list(rows.order_by("commune__name_key", "part__name", "from_on"))


def _in_force(row: CptsCommune, on: dt.date) -> bool:
    return row.from_on <= on and (row.until_on is None or row.until_on > on)


def _lines(rows: list[CptsCommune]) -> tuple[list[CommuneLine], set[str]]:
    known: dict[str, dict[int, int]] = defaultdict(dict)
    whole = {row.commune_id for row in rows if row.part is None}
    sources = {row.part.source for row in rows if row.part and row.part.source}
    figures = CommunePopulation.objects.filter(commune__in=whole)
    columns = ("commune_id", "year", "population", "source")
    for insee, year, count, source in figures.values_list(*columns):
        known[insee][year] = count
        sources.add(source)
    lines = []
    for row in rows:
        populations = known[row.commune_id]
        if row.part:
            populations = {row.part.year: row.part.population} if row.part.year else {}
        lines.append(CommuneLine(row=row, populations=populations, offers={}))
    return lines, sources


def _population(cpts: Cpts, lines: list[CommuneLine], sources: set[str]) -> TerritoryPopulation:
    years = sorted({year for line in lines for year in line.populations}, reverse=True)
    totals = tuple(
        YearTotal(
            year=year,
            total=sum(line.populations.get(year, 0) for line in lines),
            unknown=tuple(line.name for line in lines if year not in line.populations),
        )
        for year in years
    )
    gaps = set(range(min(years), max(years))) - set(years) if years else set()
    return TerritoryPopulation(
        totals=totals,
        sources=tuple(sorted(sources)),
        years_missing=tuple(sorted(gaps)),
        recorded=CptsPopulation.objects.filter(cpts=cpts).first(),
    )


def _with_offers(lines: list[CommuneLine]) -> tuple[list[CommuneLine], int | None, str]:
    """Lines with the counts of the newest year held; the source lists every place that has some."""
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    year, label = None, ""
    offers = CommuneOffer.objects.filter(commune__in={line.row.commune_id for line in lines})
    columns = ("commune_id", "year", "kind", "count", "source")
    for insee, at, kind, count, source in offers.order_by("year").values_list(*columns):
        if at != year:
            counts.clear()
        counts[insee][kind], year, label = count, at, source
    if year is None:
        return lines, None, ""
    complete = [
        CommuneLine(
            line.row,
            line.populations,
            {kind: counts[line.row.commune_id].get(kind, 0) for kind in OfferKind.values},
        )
        for line in lines
    ]
    return complete, year, label


@dataclass(frozen=True, slots=True)
class CommuneSheet:
    """What the page of a commune shows. `rows`: its dated places in the perimeter of the CPTS."""

    populations: tuple[CommunePopulation, ...]
    offers: tuple[CommuneOffer, ...]
    rows: tuple[CptsCommune, ...]
    trips: tuple[tuple[Commune, Travel], ...]

    @property
    def has_estimates(self) -> bool:
        return any(not trip.known for _, trip in self.trips)


def commune_sheet(commune: Commune, cpts: Cpts, on: dt.date) -> CommuneSheet:
    """Figures of a commune, and the trips from it to the others of the perimeter, nearest first."""
    rows = _rows(cpts)
    others = {row.commune_id: row.commune for row in rows if _in_force(row, on)}
    others.pop(commune.pk, None)
    trips = travel_minutes(commune, others)
    nearest = sorted(
        others, key=lambda code: (trips[code].km is None, trips[code].km or 0, others[code].name)
    )
    return CommuneSheet(
        populations=tuple(commune.populations.all()),
        offers=tuple(commune.offers.order_by("-year", "-count", "kind")),
        rows=tuple(row for row in rows if row.commune_id == commune.pk),
        trips=tuple((others[code], trips[code]) for code in nearest),
    )
