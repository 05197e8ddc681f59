"""The verbs of the territory: load reference data, open a CPTS, set perimeter and population."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.identifiers import fold
from maillage.kernel.permissions import Actor
from maillage.territory import rules
from maillage.territory.enums import Reference, Refused
from maillage.territory.models import (
    Commune,
    CommuneFormerCode,
    CommuneOffer,
    CommuneOutline,
    CommunePart,
    CommunePopulation,
    Cpts,
    CptsCommune,
    CptsPopulation,
    Epci,
)

BATCH = 5000
Progress = Callable[[str, int, int], None]  # kind, lines done, lines in all


class UnknownCommune(DomainError):
    """A code that is not, or no longer, the code of a commune we hold."""


class SlugTaken(DomainError):
    """Another CPTS already answers at this address."""


class PerimeterRefused(DomainError):
    """The perimeter asked for contradicts itself or a later one."""


@dataclass(slots=True)
class Counts:
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did, kind by kind. `absent`: communes held that the new files no longer have."""

    counts: dict[str, Counts]
    refused: tuple[Refused, ...]
    absent: int

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
            yield each.insee, year, population, f"INSEE, population municipale {year}"


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

    What is unchanged is not written; nothing is deleted. Each batch is its own transaction, so that
    the desk keeps writing while a whole country loads; a load cut short is simply played again.
    Raises NotAllowed.
    """
    if not rules.can_load_reference(by):
        raise NotAllowed("Seul l'opérateur technique charge les données de référence.")
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


@transaction.atomic
def create_cpts(
    *,
    by: Actor,
    slug: str,
    name: str,
    finess: str = "",
    zone: str = "Europe/Paris",
    desk_phone: str = "",
) -> Cpts:
    """Open a tenant. Raises NotAllowed, SlugTaken."""
    if not rules.can_create_cpts(by):
        raise NotAllowed("Seul l'opérateur technique ouvre une CPTS.")
    if Cpts.objects.filter(slug=slug).exists():
        raise SlugTaken(f"L'adresse « {slug} » est déjà celle d'une CPTS.")
    cpts = Cpts.objects.create(
        slug=slug, name=name, finess=finess, zone=zone, desk_phone=desk_phone
    )
    journal.record("territory.cpts_created", cpts, by=by, cpts=cpts)
    pulse.bump(cpts.pk)
    return cpts


@transaction.atomic
def set_perimeter(
    *,
    by: Actor,
    cpts: Cpts,
    communes: Iterable[str],
    from_on: dt.date,
    parts: Iterable[CommunePart] = (),
    source: str = "",
    note: str = "",
) -> list[CptsCommune]:
    """The perimeter of a CPTS from the day `from_on`: what stays is kept, what goes ends that day.

    `communes`: INSEE codes of whole communes. `source` and `note` (what is not known) are shown on
    the page. Returns the rows in force. Raises NotAllowed, UnknownCommune, PerimeterRefused.
    """
    if not rules.can_set_perimeter(by, cpts):
        raise NotAllowed("Votre rôle ne permet pas de changer le périmètre de la CPTS.")
    cpts = Cpts.objects.select_for_update(of=("self",)).get(pk=cpts.pk)
    wanted = _wanted(communes, parts)
    rows = CptsCommune.objects.filter(cpts=cpts)
    later = rows.filter(from_on__gt=from_on).order_by("from_on").first()
    if later or rows.filter(until_on__gt=from_on).exists():
        raise PerimeterRefused("Un changement de périmètre plus récent est déjà enregistré.")
    now = {(row.commune_id, row.part_id): row for row in rows.in_force(from_on)}
    gone = [row for key, row in now.items() if key not in wanted]
    rows.filter(pk__in=[row.pk for row in gone], from_on=from_on).delete()
    rows.filter(pk__in=[row.pk for row in gone]).update(until_on=from_on)
    added = [
        CptsCommune(cpts=cpts, commune_id=insee, part_id=part, from_on=from_on)
        for insee, part in wanted
        if (insee, part) not in now
    ]
    CptsCommune.objects.bulk_create(added)
    texts = {"perimeter_source": source, "perimeter_note": note}
    if added or gone or any(getattr(cpts, name) != text for name, text in texts.items()):
        Cpts.objects.filter(pk=cpts.pk).update(**texts)
        journal.record(
            "territory.perimeter_set",
            cpts,
            by=by,
            cpts=cpts,
            from_on=from_on.isoformat(),
            added=len(added),
            ended=len(gone),
        )
        pulse.bump(cpts.pk)
    return list(rows.in_force(from_on).select_related("commune", "part"))


@transaction.atomic
def record_part(
    *,
    by: Actor,
    commune: Commune,
    name: str,
    population: int | None = None,
    year: int | None = None,
    source: str = "",
) -> CommunePart:
    """Name a part of a commune, with its own population when somebody published one.

    Recording the same name again replaces its figures. Raises NotAllowed, DomainError.
    """
    if not rules.can_record_part(by):
        raise NotAllowed("Seul l'opérateur technique enregistre une partie de commune.")
    if (population is None) != (year is None) or (population is not None and not source):
        raise DomainError("La population d'une partie de commune se donne avec année et source.")
    part, _ = CommunePart.objects.update_or_create(
        commune=commune,
        name=name,
        defaults={"population": population, "year": year, "source": source},
    )
    journal.record("territory.part_recorded", part, by=by, cpts=None, population=population)
    return part


@transaction.atomic
def record_population(
    *,
    by: Actor,
    cpts: Cpts,
    population: int,
    year: int,
    source: str,
    note: str = "",
    recorded_on: dt.date | None = None,
) -> CptsPopulation:
    """Record a published population beside the sum of the communes; earlier ones are kept.

    The same figure, year, source and note given again is not written twice.
    Raises NotAllowed, DomainError.
    """
    if not rules.can_record_population(by, cpts):
        raise NotAllowed("Votre rôle ne permet pas d'enregistrer la population de la CPTS.")
    if population <= 0 or not source:
        raise DomainError("La population enregistrée est un nombre positif, avec sa source.")
    Cpts.objects.select_for_update(of=("self",)).get(pk=cpts.pk)
    facts = {"population": population, "year": year, "source": source, "note": note}
    latest = CptsPopulation.objects.filter(cpts=cpts).first()
    if latest and all(getattr(latest, name) == value for name, value in facts.items()):
        return latest
    row = CptsPopulation.objects.create(
        cpts=cpts, recorded_on=recorded_on or timezone.localdate(), **facts
    )
    journal.record("territory.population_recorded", row, by=by, cpts=cpts, year=year)
    pulse.bump(cpts.pk)
    return row


def _wanted(
    communes: Iterable[str], parts: Iterable[CommunePart]
) -> dict[tuple[str, int | None], None]:
    """(code, part) in the order given, once each; whole communes and parts of others."""
    codes = list(dict.fromkeys(communes))
    known = set(Commune.objects.filter(pk__in=codes).values_list("pk", flat=True))
    if unknown := [code for code in codes if code not in known]:
        moved = dict(
            CommuneFormerCode.objects.filter(pk__in=unknown).values_list("code", "commune_id")
        )
        told = [f"{code} (devenu {moved[code]})" if code in moved else code for code in unknown]
        raise UnknownCommune(f"Code de commune inconnu : {', '.join(told)}.")
    wanted: dict[tuple[str, int | None], None] = {(code, None): None for code in codes}
    for part in parts:
        if part.commune_id in known:
            raise PerimeterRefused(
                f"{part.name} fait partie d'une commune déjà prise en entier ({part.commune_id})."
            )
        wanted[part.commune_id, part.pk] = None
    return wanted


def _merge_all(
    reference: Reference, *, dry_run: bool, progress: Progress | None, create_only: bool
) -> LoadReport:
    refused = Counter(each.kind for each in reference.refused)
    counts = {}
    for table in TABLES:
        counts[table.kind] = _merge(table, reference, dry_run, progress, create_only)
        counts[table.kind].refused = refused[table.kind]
    given = {row.insee for row in reference.communes}
    held = set() if create_only else set(Commune.objects.values_list("pk", flat=True))
    return LoadReport(counts=counts, refused=reference.refused, absent=len(held - given))


def _merge(
    table: _Table,
    reference: Reference,
    dry_run: bool,
    progress: Progress | None,
    create_only: bool,
) -> Counts:
    """Write what differs from what is held, in batches."""
    rows = list(table.rows(reference))
    width, compared = len(table.key), len(table.key) + len(table.values)
    held = table.model._default_manager.values_list(*table.key, *table.values)
    if create_only:
        held = held.filter(**{f"{table.key[0]}__in": {row[0] for row in rows}})
    existing = {row[:width]: row[width:] for row in held.iterator(chunk_size=BATCH)}
    counts, done = Counts(), 0
    for batch in _batches(rows):
        new = [row for row in batch if row[:width] not in existing]
        changed = []
        if not create_only:
            changed = [
                row
                for row in batch
                if row[:width] in existing and existing[row[:width]] != row[width:compared]
            ]
        counts.created += len(new)
        counts.updated += len(changed)
        counts.unchanged += len(batch) - len(new) - len(changed)
        if not dry_run:
            _write(table, new + changed)
        done += len(batch)
        if progress:
            progress(table.kind, done, len(rows))
    return counts


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
