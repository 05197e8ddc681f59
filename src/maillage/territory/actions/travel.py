"""Load known travel times from a matrix file or from the answers of an OSRM server."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.territory import queries, rules
from maillage.territory.actions.reference import Counts
from maillage.territory.enums import TravelFacts, TravelKind, TravelRow
from maillage.territory.models import Cpts, TravelSource, TravelTime

BATCH = 50_000
REPLACING = (
    "ON CONFLICT (origin_id, destination_id, source_id) DO UPDATE SET minutes = excluded.minutes"
)
Progress = Callable[[int, int], None]  # lines done, lines in all


class TravelRefused(DomainError):
    """The source of the travel times is not named, dated or of a known kind."""


def load_travel(
    *,
    by: Actor,
    source: TravelFacts,
    rows: Sequence[TravelRow],
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Counts:
    """Create and update the travel times of one source; each pair of communes given once.

    What is unchanged is not written; nothing is deleted. Each batch is its own transaction, as for
    reference data; a load cut short is simply played again. Raises NotAllowed, TravelRefused.
    """
    if not rules.can_load_reference(by):
        raise NotAllowed("Seul l'opérateur technique charge les temps de trajet.")
    facts = _checked(source)
    row = TravelSource.objects.filter(**facts).first()
    times = TravelTime.objects.filter(source=row).values_list(
        "origin_id", "destination_id", "minutes"
    )
    held = {each[:2]: each[2] for each in times.iterator(chunk_size=BATCH)} if row else {}
    counts = Counts()
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        new = [each for each in batch if each[:2] not in held]
        changed = [each for each in batch if each[:2] in held and held[each[:2]] != each[2]]
        counts.created += len(new)
        counts.updated += len(changed)
        counts.unchanged += len(batch) - len(new) - len(changed)
        if not dry_run and (new or changed):
            _write(facts, new + changed)
        if progress:
            progress(start + len(batch), len(rows))
    if not dry_run and counts.created + counts.updated:
        _tell(by, facts, counts)
        queries.forget_trips()
    return counts


def _checked(source: TravelFacts) -> dict[str, str]:
    facts = {"kind": source.kind, "name": source.name.strip(), "vintage": source.vintage.strip()}
    sizes = {name: TravelSource._meta.get_field(name).max_length for name in ("name", "vintage")}
    if source.kind not in TravelKind.values:
        raise TravelRefused("Une source de temps de trajet est une matrice ou un serveur OSRM.")
    if not all(0 < len(facts[name]) <= size for name, size in sizes.items()):
        raise TravelRefused(
            f"Donnez la source (au plus {sizes['name']} signes) et son millésime (au plus "
            f"{sizes['vintage']}) : ils s'affichent à côté de chaque temps de trajet."
        )
    return facts


@transaction.atomic
def _write(facts: dict[str, str], rows: list[TravelRow]) -> None:
    source, _ = TravelSource.objects.update_or_create(
        **facts, defaults={"loaded_at": timezone.now()}
    )
    if connection.vendor == "postgresql":
        _copy(source.pk, rows)
        return
    table = connection.ops.quote_name(TravelTime._meta.db_table)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} (origin_id, destination_id, minutes, source_id) "
            f"VALUES (%s, %s, %s, %s) {REPLACING}",
            [(*each, source.pk) for each in rows],
        )


def _copy(source_id: int, rows: list[TravelRow]) -> None:
    """The rows by COPY in a table of this transaction, then merged in one statement."""
    table = connection.ops.quote_name(TravelTime._meta.db_table)
    cursor: Any
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE travel_given (origin_id varchar(5), destination_id varchar(5), "
            "minutes double precision) ON COMMIT DROP"
        )
        with cursor.copy("COPY travel_given FROM STDIN") as copy:
            copy.write("".join(f"{o}\t{d}\t{_number(m)}\n" for o, d, m in rows))
        cursor.execute(
            f"INSERT INTO {table} (origin_id, destination_id, minutes, source_id) "
            f"SELECT origin_id, destination_id, minutes, %s FROM travel_given ORDER BY 1, 2 {REPLACING}",
            [source_id],
        )
        # A test runs several batches in one transaction.
        cursor.execute("DROP TABLE travel_given")


def _number(minutes: float | None) -> str:
    return "\\N" if minutes is None else repr(float(minutes))


@transaction.atomic
def _tell(by: Actor, facts: dict[str, str], counts: Counts) -> None:
    """The journal, then every screen: another time may be shown, in another order."""
    source = TravelSource.objects.get(**facts)
    journal.record(
        "territory.travel_loaded",
        source,
        by=by,
        cpts=None,
        created=counts.created,
        updated=counts.updated,
    )
    pulse.bump(*Cpts.objects.values_list("pk", flat=True))
