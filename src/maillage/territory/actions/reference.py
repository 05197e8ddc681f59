"""Load reference data: created or updated in batches, nothing deleted, what is unchanged not written."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from django.db import models, transaction

from maillage.kernel import journal, pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.identifiers import fold
from maillage.kernel.permissions import Actor
from maillage.territory import rules
from maillage.territory.enums import Reference, Refused
from maillage.territory.models import (
    Commune,
    CommuneFormerCode,
    CommuneOffer,
    CommuneOutline,
    CommunePopulation,
    Cpts,
    Epci,
)

BATCH = 5000
CHANGES_TOLD = 20
Progress = Callable[[str, int, int], None]  # kind, lines done, lines in all


@dataclass(slots=True)
class Counts:
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did, kind by kind. `absent`: communes held that the new files no longer have.

    `changes`: the first rows that differ from what was held, in words.
    """

    counts: dict[str, Counts]
    refused: tuple[Refused, ...]
    absent: int
    changes: tuple[str, ...] = ()

    @property
    def written(self) -> int:
        return sum(each.created + each.updated for each in self.counts.values())


@dataclass(frozen=True, slots=True)
class _Table:
    """One kind of reference data. `heavy` columns are written but not read back to compare."""

    kind: str
    model: type[models.Model]
    key: tuple[str, ...]
    values: tuple[str, ...]
    rows: Callable[[Reference], Iterable[tuple[Any, ...]]]
    heavy: tuple[str, ...] = field(default=())


def _communes(reference: Reference) -> Iterator[tuple[Any, ...]]:
    for each in reference.communes:
        yield (
            each.insee,
            each.name,
            fold(each.name),
            each.departement,
            each.departement_name,
            each.region,
            each.region_name,
            each.epci or None,
            each.postal_codes,
            each.longitude,
            each.latitude,
            each.surface_km2,
            each.source,
        )


def _populations(reference: Reference) -> Iterator[tuple[Any, ...]]:
    for each in reference.communes:
        for year, population in each.populations:
            source = each.source if each.is_undated else f"INSEE, population municipale {year}"
            yield each.insee, year, population, source


TABLES = (
    _Table(
        "epcis",
        Epci,
        ("siren",),
        ("name", "kind"),
        lambda reference: ((row.siren, row.name, row.kind) for row in reference.epcis),
    ),
    _Table(
        "communes",
        Commune,
        ("insee",),
        (
            "name",
            "name_key",
            "departement",
            "departement_name",
            "region",
            "region_name",
            "epci_id",
            "postal_codes",
            "longitude",
            "latitude",
            "surface_km2",
            "source",
        ),
        _communes,
    ),
    _Table(
        "populations",
        CommunePopulation,
        ("commune_id", "year"),
        ("population", "source"),
        _populations,
    ),
    _Table(
        "former_codes",
        CommuneFormerCode,
        ("code",),
        ("commune_id",),
        lambda reference: ((row.code, row.insee) for row in reference.former_codes),
    ),
    _Table(
        "outlines",
        CommuneOutline,
        ("commune_id",),
        ("fingerprint", "source"),
        lambda reference: (
            (row.insee, row.fingerprint, row.source, row.geometry) for row in reference.outlines
        ),
        heavy=("geometry",),
    ),
    _Table(
        "offers",
        CommuneOffer,
        ("commune_id", "year", "kind"),
        ("count", "source"),
        lambda reference: (
            (row.insee, row.year, row.kind, row.count, row.source) for row in reference.offers
        ),
    ),
)


def load_reference(
    *,
    by: Actor,
    reference: Reference,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> LoadReport:
    """Create and update communes, EPCI, populations, former codes, outlines and offers.

    What is unchanged is not written; nothing is deleted; what a partial reference does not give is
    kept. Each batch is its own transaction, so that the desk keeps writing while a whole country
    loads; a load cut short is simply played again. Raises NotAllowed.
    """
    if not rules.can_load_reference(by):
        raise NotAllowed("Seul l'opérateur technique charge les données de référence.")
    if reference.is_partial:
        reference = _sparing_town_halls(reference)
    report = _merge_all(reference, dry_run=dry_run, progress=progress, create_only=False)
    if report.written and not dry_run:
        _record_load("territory.reference_loaded", report, by)
    return report


@transaction.atomic
def load_extract(*, by: Actor, extract: Reference) -> LoadReport:
    """Create what is missing of the packaged extract (`gateway.read_extract()`).

    What is already there is never touched: fuller or newer reference data stay. Raises NotAllowed.
    """
    if not rules.can_load_reference(by):
        raise NotAllowed("Seul l'opérateur technique charge les données de référence.")
    report = _merge_all(extract, dry_run=False, progress=None, create_only=True)
    if report.written:
        _record_load("territory.extract_loaded", report, by)
    return report


def _merge_all(
    reference: Reference, *, dry_run: bool, progress: Progress | None, create_only: bool
) -> LoadReport:
    refused = Counter(each.kind for each in reference.refused)
    counts = {}
    changes: list[str] = []
    for table in TABLES:
        counts[table.kind] = _merge(table, reference, dry_run, progress, create_only, changes)
        counts[table.kind].refused = refused[table.kind]
    given = {row.insee for row in reference.communes}
    held = set() if create_only else set(Commune.objects.values_list("pk", flat=True))
    return LoadReport(
        counts=counts,
        refused=reference.refused,
        absent=len(held - given),
        changes=tuple(changes),
    )


def _merge(
    table: _Table,
    reference: Reference,
    dry_run: bool,
    progress: Progress | None,
    create_only: bool,
    changes: list[str],
) -> Counts:
    """Write what differs from what is held, in batches; the first differences into `changes`."""
    rows = list(table.rows(reference))
    width, compared = len(table.key), len(table.key) + len(table.values)
    held = table.model._default_manager.values_list(*table.key, *table.values)
    if create_only:
        held = held.filter(**{f"{table.key[0]}__in": {row[0] for row in rows}})
    existing = {row[:width]: row[width:] for row in held.iterator(chunk_size=BATCH)}
    counts, done = Counts(), 0
    for batch in _batches(rows):
        if reference.is_partial:
            batch = [_completed(table, row, existing.get(row[:width])) for row in batch]
        new = [row for row in batch if row[:width] not in existing]
        changed = []
        if not create_only:
            changed = [
                row
                for row in batch
                if row[:width] in existing and existing[row[:width]] != row[width:compared]
            ]
        for row in changed[: CHANGES_TOLD - len(changes)]:
            changes.append(_told(table, row, existing[row[:width]]))
        counts.created += len(new)
        counts.updated += len(changed)
        counts.unchanged += len(batch) - len(new) - len(changed)
        if not dry_run:
            _write(table, new + changed)
        done += len(batch)
        if progress:
            progress(table.kind, done, len(rows))
    return counts


def _sparing_town_halls(reference: Reference) -> Reference:
    """Without the centres that are not town halls, where we already hold a better one."""
    placed = Commune.objects.filter(longitude__isnull=False).values_list("pk", flat=True)
    held = set(placed) if any(row.is_rough for row in reference.communes) else set()
    communes = (
        replace(row, longitude=None, latitude=None) if row.is_rough and row.insee in held else row
        for row in reference.communes
    )
    return replace(reference, communes=tuple(communes))


def _completed(
    table: _Table, row: tuple[Any, ...], held: tuple[Any, ...] | None
) -> tuple[Any, ...]:
    """A row whose blanks keep what is held; where nothing else differs, the source stays too."""
    width = len(table.key)
    values = row[width : width + len(table.values)]
    if held is None:
        defaults = (table.model._meta.get_field(name).get_default() for name in table.values)
        filled = tuple(
            default if value == "" else value
            for value, default in zip(values, defaults, strict=True)
        )
    else:
        filled = tuple(
            old if value in (None, "") else value for value, old in zip(values, held, strict=True)
        )
        is_same = all(
            new == old
            for name, new, old in zip(table.values, filled, held, strict=True)
            if name != "source"
        )
        filled = held if is_same else filled
    return (*row[:width], *filled, *row[width + len(table.values) :])


def _told(table: _Table, row: tuple[Any, ...], held: tuple[Any, ...]) -> str:
    """ "commune 71001 : nom « Étang » devient « Étang-Neuf »"."""
    differing = (
        f"{table.model._meta.get_field(name).verbose_name} « {old} » devient « {new} »"
        for name, old, new in zip(table.values, held, row[len(table.key) :], strict=False)
        if old != new and name != "name_key"
    )
    key = " ".join(str(part) for part in row[: len(table.key)])
    return f"{table.model._meta.verbose_name} {key} : {', '.join(differing)}"


def _batches(rows: list[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH)):
        yield batch


@transaction.atomic
def _write(table: _Table, rows: list[tuple[Any, ...]]) -> None:
    columns = (*table.key, *table.values, *table.heavy)
    table.model._default_manager.bulk_create(
        [table.model(**dict(zip(columns, row, strict=True))) for row in rows],
        update_conflicts=True,
        unique_fields=table.key,
        update_fields=[*table.values, *table.heavy],
    )


def _record_load(action: str, report: LoadReport, by: Actor) -> None:
    written = {kind: each.created + each.updated for kind, each in report.counts.items()}
    journal.record(action, None, by=by, cpts=None, **written)
    # Names, outlines, populations: every screen that shows them.
    pulse.bump(*Cpts.objects.values_list("pk", flat=True))
