"""The national list of establishments: loaded from its file, unchanged rows not written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from maillage.directory.enums import KindRow, StructureFile, StructureRow
from maillage.directory.models import Structure, StructureKind
from maillage.directory.rules import can_load_structures
from maillage.kernel import journal
from maillage.kernel.errors import NotAllowed
from maillage.kernel.identifiers import fold, is_finess_key_right
from maillage.kernel.permissions import Actor
from maillage.territory.enums import Refused
from maillage.territory.models import Commune, CommuneFormerCode

BATCH = 5000
FIELDS = (
    *("legal_finess", "name", "kind_id", "commune_id", "address", "postal_line", "phone"),
    *("opened_on", "closed_on", "search_key"),
)
Progress = Callable[[int, int], None]  # lines done, lines in all


@dataclass(slots=True)
class StructuresReport:
    """What a load did. `absent`: open structures held that the file no longer has."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    kinds: int = 0
    absent: int = 0
    closed: int = 0
    wrong_keys: int = 0
    refused: tuple[Refused, ...] = field(default=())


def _check_communes(given: StructureFile) -> tuple[list[StructureRow], list[str], list[Refused]]:
    """Rows whose commune we hold, their communes (former codes followed), and the others."""
    known = set(Commune.objects.values_list("pk", flat=True))
    former = dict(CommuneFormerCode.objects.values_list("code", "commune"))
    rows, insees, refused = [], [], []
    for row in given.structures:
        insee = row.insee if row.insee in known else former.get(row.insee)
        if insee is None:
            reason = f"« {row.insee} » n'est pas une commune connue"
            refused.append(Refused("structures", given.name, row.line, "commune", reason))
        else:
            rows.append(row)
            insees.append(insee)
    return rows, insees, refused


def _values(row: StructureRow, insee: str, label: str) -> tuple[object, ...]:
    """What a row decides of a structure, in the order of FIELDS; being in the file, it is open."""
    key = fold(f"{row.name} {label}")[:290]
    place = (row.address, row.postal_line, row.phone)
    return (row.legal_finess, row.name, row.kind, insee, *place, row.opened_on, None, key)


@transaction.atomic
def _write_kinds(kinds: Sequence[KindRow], *, dry_run: bool) -> int:
    names = ("label", "group_code", "group_label")
    held = {row[0]: row[1:] for row in StructureKind.objects.values_list("code", *names)}
    rows = [
        StructureKind(code=each.code, **{name: getattr(each, name) for name in names})
        for each in kinds
        if held.get(each.code) != (each.label, each.group_code, each.group_label)
    ]
    if not dry_run:
        StructureKind.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["code"], update_fields=names
        )
    return len(rows)


@transaction.atomic
def _write(
    given: StructureFile, changed: dict[str, tuple[object, ...]], unchanged: list[str]
) -> None:
    """Upsert what differs; the others are only said to be in this file too."""
    stamp = {"source": given.source, "vintage": given.vintage}
    Structure.objects.bulk_create(
        [
            Structure(finess=finess, **dict(zip(FIELDS, values, strict=True)), **stamp)
            for finess, values in changed.items()
        ],
        update_conflicts=True,
        unique_fields=["finess"],
        update_fields=[*FIELDS, *stamp],
    )
    Structure.objects.filter(pk__in=unchanged).update(**stamp)


def _merge(
    given: StructureFile,
    rows: list[StructureRow],
    insees: list[str],
    report: StructuresReport,
    *,
    dry_run: bool,
    progress: Progress | None,
) -> None:
    """Write what differs from what is held, by batches, and count it."""
    labels = {each.code: each.label for each in given.kinds}
    held = {
        row[0]: row[1:]
        for row in Structure.objects.values_list("finess", "vintage", *FIELDS).iterator(BATCH)
    }
    for start in range(0, len(rows), BATCH):
        batch = zip(rows[start : start + BATCH], insees[start : start + BATCH], strict=True)
        changed: dict[str, tuple[object, ...]] = {}
        older: list[str] = []
        for row, insee in batch:
            values = _values(row, insee, labels.get(row.kind, ""))
            vintage, *before = held.get(row.finess, (None,))
            if vintage is None:
                report.created += 1
            elif vintage > given.vintage or tuple(before) == values:
                report.unchanged += 1
                if vintage < given.vintage:
                    older.append(row.finess)
                continue
            else:
                report.updated += 1
            changed[row.finess] = values
        if not dry_run:
            _write(given, changed, older)
        if progress:
            progress(min(start + BATCH, len(rows)), len(rows))


def load_structures(
    *,
    by: Actor,
    given: StructureFile,
    dry_run: bool = False,
    close_absent: bool = False,
    progress: Progress | None = None,
) -> StructuresReport:
    """Create and update the establishments of a FINESS file; what is unchanged is not written.

    A structure that a newer file described is left as it is. `close_absent` closes, on the day of
    the file, the open structures it no longer holds: only for a file of the whole country. Each
    batch is its own transaction; a load cut short is played again. Raises NotAllowed.
    """
    if not can_load_structures(by):
        raise NotAllowed("Seul l'opérateur technique charge la liste des établissements.")
    report = StructuresReport()
    rows, insees, refused = _check_communes(given)
    report.refused = (*given.refused, *refused)
    report.wrong_keys = sum(not is_finess_key_right(row.finess) for row in rows)
    report.kinds = _write_kinds(given.kinds, dry_run=dry_run)
    _merge(given, rows, insees, report, dry_run=dry_run, progress=progress)
    _close(given, report, is_asked=close_absent and not dry_run)
    if not dry_run and report.created + report.updated + report.closed:
        counts = {"created": report.created, "updated": report.updated, "closed": report.closed}
        journal.record("directory.structures_loaded", None, by=by, cpts=None, **counts)
    return report


@transaction.atomic
def _close(given: StructureFile, report: StructuresReport, *, is_asked: bool) -> None:
    """Structures opened before the file that it does not hold."""
    held = (
        Structure.objects.open_on(given.vintage)
        .filter(vintage__lt=given.vintage)
        .exclude(opened_on__gt=given.vintage)
    )
    numbers: list[str] = list(held.values_list("pk", flat=True))
    gone = [number for number in numbers if number not in given.seen]
    report.absent = len(gone)
    if is_asked:
        for start in range(0, len(gone), BATCH):
            report.closed += Structure.objects.filter(pk__in=gone[start : start + BATCH]).update(
                closed_on=given.vintage
            )
