"""One copy of the whole database, taken while it serves, sealed; and the way back.

Inside a copy: a list of the tables with the count and the hash of their rows, then the database as
its engine copies it (SQLite: a file; PostgreSQL: pg_dump's custom format), both of one instant.
Sessions stay out. The keys of the platform are never in: they are not in the database.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import psycopg
from django.conf import settings
from django.db import connection
from django.db.backends.sqlite3._functions import register  # type: ignore[import-untyped]
from django.utils import timezone
from psycopg import sql

import maillage
from maillage.kernel import row_security, tenancy
from maillage.kernel.errors import DomainError
from maillage.kernel.sealed_stream import NotReadable, Sealer, opened

# Whoever held one was signed in: a copy must not sign them in again.
SESSIONS = ("django_session", "usersessions_usersession")
LENGTH = 8
BUFFER = 2**20
Tables = dict[str, tuple[int, str]]  # by table, its rows and their hash


class BackupRefused(DomainError):
    pass


@dataclass(frozen=True, slots=True)
class Copy:
    """What a copy says of itself."""

    engine: str
    made_at: str
    version: str
    tables: Tables

    @property
    def rows(self) -> int:
        return sum(count for count, _ in self.tables.values())


def back_up(path: Path, key: bytes) -> Copy:
    """Write a sealed copy of the database to `path`, whole or not at all. Raises BackupRefused."""
    if path.exists():
        raise BackupRefused(f"{path} existe déjà : une sauvegarde n'en remplace jamais une autre.")
    part = path.with_name(f".{path.name}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            sealer = Sealer(out, key)
            take = _copy_postgres if connection.vendor == "postgresql" else _copy_sqlite
            made = take(sealer)
            sealer.finish()
            out.flush()
            os.fsync(out.fileno())
        os.link(part, path)  # refuses a file that appeared meanwhile
    except OSError as error:
        raise BackupRefused(f"La sauvegarde ne s'écrit pas : {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return made


def restore(path: Path, key: bytes) -> Copy:
    """Fill an empty database from a copy, whole or not at all; the copy is read to its end before.

    Raises BackupRefused, NotReadable.
    """
    try:
        sealed = path.open("rb")
    except OSError as error:
        raise BackupRefused(f"La sauvegarde ne se lit pas : {error}") from error
    with sealed:
        if connection.introspection.table_names():
            raise BackupRefused(
                "La base n'est pas vide : une sauvegarde ne se restaure que dans une base neuve "
                "(VAR= ou MAILLAGE_DATABASE_URL)."
            )
        said = _head(opened(sealed, key))[0]
        if said.engine != connection.vendor:
            raise BackupRefused(
                f"Cette sauvegarde vient de {said.engine}, la base est sous {connection.vendor}."
            )
        put = _put_postgres if said.engine == "postgresql" else _put_sqlite
        put(sealed, key, said)
    return said


# What a copy holds


def _tell(sealer: Sealer, tables: Tables) -> Copy:
    said = Copy(connection.vendor, timezone.now().isoformat(), maillage.__version__, tables)
    text = json.dumps(
        {name: getattr(said, name) for name in ("engine", "made_at", "version", "tables")}
    ).encode()
    sealer.write(len(text).to_bytes(LENGTH, "big") + text)
    return said


def _head(pieces: Iterator[bytes]) -> tuple[Copy, Iterator[bytes]]:
    """What a copy says of itself, and the pieces of the database that follow."""
    held = b""
    for piece in pieces:
        held += piece
        length = LENGTH + int.from_bytes(held[:LENGTH], "big")
        if len(held) >= length:
            break
    else:
        raise NotReadable("Cette sauvegarde est vide.")
    told: dict[str, Any] = json.loads(held[LENGTH:length])
    told["tables"] = {name: (count, digest) for name, (count, digest) in told["tables"].items()}

    def rest() -> Iterator[bytes]:
        yield held[length:]
        yield from pieces

    return Copy(**told), rest()


def _pieces(sealed: BinaryIO, key: bytes) -> Iterator[bytes]:
    sealed.seek(0)
    return _head(opened(sealed, key))[1]


def _compare(said: Tables, found: Tables) -> None:
    if said != found:
        names = sorted(name for name in said | found if said.get(name) != found.get(name))
        raise BackupRefused(f"Après restauration, ces tables diffèrent : {', '.join(names)}.")


# SQLite


def _copy_sqlite(sealer: Sealer) -> Copy:
    """The engine's own online copy, beside the database (as secret as it is), then sealed."""
    source = Path(str(connection.settings_dict["NAME"]))
    if not source.is_file():
        raise BackupRefused(f"Il n'y a pas de base à copier dans {source}.")
    part = source.with_name(f".{source.name}.copy")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT, 0o600))
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as live,
            closing(sqlite3.connect(part, isolation_level=None)) as copy,
        ):
            live.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            copy.execute("PRAGMA secure_delete=ON")
            held = {name for (name,) in copy.execute("SELECT name FROM sqlite_master")}
            for table in held & set(SESSIONS):
                copy.execute(f'DELETE FROM "{table}"')
            said = _tell(sealer, _sqlite_tables(copy))
        with part.open("rb") as plain:
            while piece := plain.read(BUFFER):
                sealer.write(piece)
    finally:
        part.unlink(missing_ok=True)
    return said


def _sqlite_tables(copy: sqlite3.Connection) -> Tables:
    names = copy.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    ).fetchall()
    tables = {}
    for (name,) in sorted(names):
        digest, count = hashlib.sha256(), 0
        for row in copy.execute(f'SELECT * FROM "{name}"'):
            digest.update(repr(row).encode())
            count += 1
        tables[str(name)] = (count, digest.hexdigest())
    return tables


def _put_sqlite(sealed: BinaryIO, key: bytes, said: Copy) -> None:
    target = Path(str(connection.settings_dict["NAME"]))
    connection.close()
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            for piece in _pieces(sealed, key):
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        with closing(sqlite3.connect(part)) as copy:
            register(copy)  # the checks of the tables call Django's functions
            if copy.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                raise BackupRefused("La base restaurée ne passe pas le contrôle de SQLite.")
            _compare(said.tables, _sqlite_tables(copy))
        for beside in ("-wal", "-shm"):  # left by the empty one
            target.with_name(target.name + beside).unlink(missing_ok=True)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


# PostgreSQL


def _tool(name: str) -> str:
    """The newest of the client tools: an older one refuses a newer server."""
    beside = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda each: int(each.parts[-3])
    )
    found = str(beside[-1]) if beside else shutil.which(name)
    if not found:
        raise BackupRefused(f"Il manque {name} : installez les outils clients de PostgreSQL.")
    return found


def _role() -> dict[str, str]:
    """How to reach the database as the owner of its tables, beyond every CPTS."""
    role: Any = settings.OWNER_DATABASE or connection.settings_dict
    given = {
        "PGHOST": role["HOST"],
        "PGPORT": role["PORT"],
        "PGUSER": role["USER"],
        "PGPASSWORD": role["PASSWORD"],
        "PGDATABASE": connection.settings_dict["NAME"],
        "PGOPTIONS": f"-c maillage.cpts={tenancy.EVERY}",
    }
    return {key: str(value) for key, value in given.items() if value}


def _connect() -> psycopg.Connection[Any]:
    role = _role()
    return psycopg.connect(
        host=role.get("PGHOST"),
        port=role.get("PGPORT"),
        user=role.get("PGUSER"),
        password=role.get("PGPASSWORD"),
        dbname=role["PGDATABASE"],
        options=role["PGOPTIONS"],
    )


def _copy_postgres(sealer: Sealer) -> Copy:
    with closing(_connect()) as opened_, opened_.cursor() as cursor:
        opened_.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        opened_.read_only = True
        cursor.execute("SELECT pg_export_snapshot()")
        [snapshot] = cursor.fetchone() or [None]
        said = _tell(sealer, _postgres_tables(cursor))
        dump = [
            *(_tool("pg_dump"), "--format=custom", "--enable-row-security", "--no-password"),
            *("--no-owner", "--no-privileges", f"--snapshot={snapshot}"),
            *(f"--exclude-table-data=public.{table}" for table in SESSIONS),
        ]
        with subprocess.Popen(
            dump, env=os.environ | _role(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None and process.stderr is not None
            while piece := process.stdout.read(BUFFER):
                sealer.write(piece)
            words = process.stderr.read().decode(errors="replace")
        if process.returncode:
            raise BackupRefused(f"pg_dump s'est arrêté : {words.strip()}")
    return said


PRIMARY_KEYS = """
SELECT c.relname, array_remove(array_agg(a.attname ORDER BY a.attnum), NULL) FROM pg_class c
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' GROUP BY 1 ORDER BY 1
"""


def _postgres_tables(cursor: psycopg.Cursor[Any]) -> Tables:
    """Every row in the order of its key, as COPY writes it, the same whoever asks."""
    cursor.execute("SET LOCAL DateStyle = 'ISO'; SET LOCAL TimeZone = 'UTC'")
    cursor.execute("SET LOCAL IntervalStyle = 'postgres'; SET LOCAL extra_float_digits = 1")
    cursor.execute(PRIMARY_KEYS)
    tables = {}
    for name, keys in cursor.fetchall():
        emptied = sql.SQL(" WHERE false") if name in SESSIONS else sql.SQL("")
        order = sql.SQL(", ").join(map(sql.Identifier, keys)) if keys else sql.SQL("1")
        asked = sql.SQL("COPY (SELECT * FROM {}{} ORDER BY {}) TO STDOUT")
        digest, count = hashlib.sha256(), 0
        with cursor.copy(asked.format(sql.Identifier(name), emptied, order)) as copy:
            for piece in copy:  # one row each
                digest.update(piece)
                count += 1
        tables[str(name)] = (count, digest.hexdigest())
    return tables


def _put_postgres(sealed: BinaryIO, key: bytes, said: Copy) -> None:
    for _ in _pieces(sealed, key):
        pass  # whole and true, before the first statement
    order = [
        *(_tool("pg_restore"), "--single-transaction", "--exit-on-error", "--no-password"),
        *("--no-owner", "--no-privileges", "--no-comments", "--enable-row-security"),
        *("--dbname", str(connection.settings_dict["NAME"])),
    ]
    with subprocess.Popen(
        order, env=os.environ | _role(), stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stderr is not None
        with suppress(BrokenPipeError):  # it stopped, and says why
            for piece in _pieces(sealed, key):
                process.stdin.write(piece)
            process.stdin.close()
        words = process.stderr.read().decode(errors="replace")
    if process.returncode:
        raise BackupRefused(f"pg_restore s'est arrêté, rien n'est restauré : {words.strip()}")
    with row_security.as_owner():
        row_security.secure()
    with closing(_connect()) as opened_, opened_.cursor() as cursor:
        _compare(said.tables, _postgres_tables(cursor))
