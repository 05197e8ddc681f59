"""Every sealed column of the base at once: sealed the first time, sealed again under a new key, checked.

Rows are taken by batches, in the order of their ids. A row is written again only if it still holds
what was read: whoever writes it meanwhile is never overwritten, and the next sweep sees to it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.migrations import RunPython

from maillage.kernel import crypto
from maillage.kernel.fields import KeyedHashField, Sealed, SealedTextField

BATCH = 200
SWEEPS_MAX = 20


@dataclass
class Found:
    """What a look at the sealed columns saw."""

    values: int = 0
    by_key: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)  # "table|column|pk: why", never the value


def sealed_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if columns_of(model)]


def columns_of(model: type[models.Model]) -> list[Any]:
    kinds = (SealedTextField, KeyedHashField)
    return [each for each in model._meta.concrete_fields if isinstance(each, kinds)]


def _batches(model: type[models.Model], size: int) -> Iterator[list[Any]]:
    """All rows, a batch at a time, in the order of ids; what is written after it began comes too."""
    last: Any = None
    while True:
        rows = model._base_manager.order_by("pk")
        batch = list((rows if last is None else rows.filter(pk__gt=last))[:size])
        if not batch:
            return
        yield batch
        last = batch[-1].pk


def _stored(row: Any, column: Any) -> str:
    """As the database holds it; an unopened seal, a hash, or nothing."""
    value = row.__dict__[column.attname]
    return value.stored if isinstance(value, Sealed) else value or ""


def _stale(row: Any, key: str) -> list[Any]:
    held = ((column, _stored(row, column)) for column in columns_of(type(row)))
    return [column for column, value in held if value and crypto.key_of(value) != key]


def sealed_again(row: Any, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The columns of a row that are not under `key`: as they are, and as they shall be."""
    stale = _stale(row, key)
    before = {column.name: row.__dict__[column.attname] for column in stale}
    after = {}
    for column in stale:
        if isinstance(column, SealedTextField):
            after[column.name] = column.sealed_for(row, getattr(row, column.attname))
        else:
            after[column.name] = column.pre_save(row, False)
    return before, after


def reseal_rows(rows: list[Any], key: str) -> tuple[int, int]:
    """Seal again the columns of rows that are not under `key`: (written, overtaken by a write).

    Everything is computed before the first write: SQLite lets nobody else write meanwhile.
    """
    changes = [(row, *sealed_again(row, key)) for row in rows]
    changes = [each for each in changes if each[1]]
    if not changes:
        return 0, 0
    written = 0
    with transaction.atomic():
        for row, before, after in changes:
            written += type(row)._base_manager.filter(pk=row.pk, **before).update(**after)
    return written, len(changes) - written


def reseal(say: Callable[[str], None], *, batch: int = BATCH) -> int:
    """Put every sealed column under the current key, while others write. Replayed, it does nothing.

    Sweeps again until a whole sweep finds nothing to do: a process that had not seen the new key yet
    may still have written under the old one. Returns the rows written. Raises LostKey, Altered.
    """
    key, total = crypto.current_key(), 0
    for _ in range(SWEEPS_MAX):
        written = overtaken = 0
        for model in sealed_models():
            done = 0
            for rows in _batches(model, batch):
                now, others = reseal_rows(rows, key)
                done, overtaken = done + now, overtaken + others
                if done and done % (50 * batch) < batch:
                    say(f"{model._meta.verbose_name} : {done} lignes rechiffrées…")
            if done:
                say(f"{model._meta.verbose_name} : {done} lignes rechiffrées.")
            written += done
        total += written
        if not written and not overtaken:
            return total
    raise crypto.BadKeys(
        "Des lignes reviennent sans cesse sous une ancienne clé : un serveur ne lit pas le même "
        "fichier de clés."
    )


def check(*, batch: int = BATCH) -> Found:
    """Open every sealed value where it stands, and compute every keyed hash again."""
    found = Found()
    for model in sealed_models():
        for rows in _batches(model, batch):
            for row in rows:
                for column in columns_of(model):
                    _check(found, row, column)
    return found


def _check(found: Found, row: Any, column: Any) -> None:
    stored = _stored(row, column)
    if not stored:
        return
    found.values += 1
    found.by_key[crypto.key_of(stored)] += 1
    try:
        if isinstance(column, SealedTextField):
            crypto.open_sealed(stored, aad=column.place(row.pk, row.cpts_id))
        else:
            expected = crypto.keyed_hash(
                getattr(row, column.of),
                purpose=column.purpose,
                cpts=row.cpts_id,
                key=crypto.key_of(stored),
            )
            if expected != stored:
                raise crypto.Altered
    except crypto.CannotOpen as error:
        place = f"{row._meta.db_table}|{column.column}|{row.pk}"
        found.wrong.append(f"{place} : {type(error).__name__}")


def tally(found: Found) -> list[str]:
    """What `check` saw, in French."""
    keys = [f"  clé {key} : {count}" for key, count in sorted(found.by_key.items())]
    return [f"{found.values} valeurs chiffrées ou empreintes lues.", *keys]


def check_newest() -> None:
    """Open the last sealed values of each table: a server that lost its key says so before serving.
    Raises LostKey, Altered."""
    for model in sealed_models():
        for row in model._base_manager.order_by("-pk")[:3]:
            for column in columns_of(model):
                getattr(row, column.attname)


def seal_clear(
    connection: Any, table: str, *, texts: list[str], hashes: dict[str, str], batch: int = 500
) -> int:
    """For a migration: seal the columns `texts` of a table that held them in clear, and write in each
    column of `hashes` the keyed hash of the clear column it names. Replayed, it does nothing more.
    """
    names = list(dict.fromkeys([*texts, *hashes, *hashes.values()]))
    quote = connection.ops.quote_name
    listed = ", ".join(map(quote, ["id", "cpts_id", *names]))
    last, done = 0, 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                f"SELECT {listed} FROM {quote(table)} WHERE id > %s ORDER BY id LIMIT %s",
                [last, batch],
            )
            rows = cursor.fetchall()
            if not rows:
                return done
            for pk, cpts_id, *values in rows:
                change = _change(
                    table, pk, cpts_id, dict(zip(names, values, strict=True)), texts, hashes
                )
                if change:
                    assigned = ", ".join(f"{quote(name)} = %s" for name in change)
                    cursor.execute(
                        f"UPDATE {quote(table)} SET {assigned} WHERE id = %s",
                        [*change.values(), pk],
                    )
                    done += 1
            last = rows[-1][0]


def _change(
    table: str, pk: int, cpts_id: Any, row: dict[str, Any], texts: list[str], hashes: dict[str, str]
) -> dict[str, str]:
    cpts = "" if cpts_id is None else cpts_id
    change = {
        name: crypto.keyed_hash(str(row[of]), purpose=f"{table}.{name}", cpts=cpts_id)
        for name, of in hashes.items()
        if row[of] and not crypto.is_sealed(str(row[of]))
    }
    for name in texts:
        text = str(row[name] or "")
        if text and not crypto.is_sealed(text):
            change[name] = crypto.seal(text, aad=f"{table}|{name}|{pk}|{cpts}")
    return change


def seal_rows(tables: dict[str, tuple[list[str], dict[str, str]]]) -> RunPython:
    """The operation of a migration that seals what stood in clear: the texts and the hashes (which
    of what) of each table. Not atomic: pages are not emptied inside a transaction."""

    def seal(apps: Any, schema_editor: Any) -> None:
        connection = schema_editor.connection
        done = 0
        with transaction.atomic(using=connection.alias):
            for table, (texts, hashes) in tables.items():
                done += seal_clear(connection, table, texts=texts, hashes=hashes)
        if done:
            wipe(connection, list(tables))

    return RunPython(seal, elidable=True)


def wipe(connection: Any, tables: list[str]) -> None:
    """After the first sealing: the pages where the clear text stood are given back, emptied."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            for table in tables:
                cursor.execute(f"VACUUM FULL {connection.ops.quote_name(table)}")
