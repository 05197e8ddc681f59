"""The wall PostgreSQL holds by itself: which row a connection may reach, and who may do what.

Written from the models, after each migration, by the role that owns the tables; twice changes
nothing. Reading it needs no setting of ours: a connection that said nothing reaches no row.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models, transaction
from django_scopes import scopes_disabled
from psycopg import sql

from maillage.kernel.models import AGREEMENT, NATIONAL, OF_CPTS, TECHNICAL, JournalLine

POLICY = "of_cpts"
# Sub-selects: read once for a statement, not once for a row.
EVERY = "(SELECT current_setting('maillage.cpts', true) = '*')"
CPTS = "(SELECT nullif(nullif(current_setting('maillage.cpts', true), ''), '*')::bigint)"
CREDENTIALS = ("USER", "PASSWORD", "HOST", "PORT")
APPEND_ONLY = {JournalLine}


def ours() -> list[type[models.Model]]:
    """The tables of maillage; those of Django and of the log-in library hold no tenant."""
    return [each for each in apps.get_models() if each.__module__.startswith("maillage.")]


def _keys(model: type[models.Model]) -> dict[str, Any]:
    """The keys a row always has: column by column, the model each refers to."""
    return {
        str(field.column): field.related_model
        for field in model._meta.concrete_fields
        if field.is_relation and not field.null
    }


def condition(model: type[models.Model]) -> str | None:
    """Which rows of the table stand in the scope, as SQL; None for a table of the whole country.

    Of a CPTS: its own. An agreement: both sides. What hangs on an agreement: as the agreement.
    Raises ImproperlyConfigured for a table that does not say whose it is.
    """
    tenancy = getattr(model, "tenancy", None)
    if tenancy in {NATIONAL, TECHNICAL}:
        return None
    if tenancy == OF_CPTS:
        return f"{EVERY} OR cpts_id = {CPTS}"
    if tenancy == AGREEMENT:
        keys = _keys(model).items()
        sides = [column for column, to in keys if to._meta.label == "territory.Cpts"]
        if sides:
            return " OR ".join([EVERY, *(f"{side} = {CPTS}" for side in sides)])
        for column, to in keys:
            if to.tenancy == AGREEMENT:  # read under the policy of that table
                return f"{column} IN (SELECT id FROM {to._meta.db_table})"
    raise ImproperlyConfigured(f"{model._meta.label} does not say whose its rows are.")


def _policy(model: type[models.Model]) -> list[str]:
    table, rows = model._meta.db_table, condition(model)
    if rows is None:
        return []
    return [
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
        f'DROP POLICY IF EXISTS {POLICY} ON "{table}"',
        f'CREATE POLICY {POLICY} ON "{table}" USING ({rows}) WITH CHECK ({rows})',
    ]


def _grants(role: str, made: set[str]) -> list[sql.Composed]:
    """Everything on the rows, nothing on the tables; a line of the journal never changes (and leaves
    only once sealed: a trigger sees to it)."""
    to = sql.Identifier(role)
    fixed = {each._meta.db_table for each in APPEND_ONLY}
    said = [
        "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}",
        "REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {}",
        *(f'REVOKE UPDATE ON "{table}" FROM {{}}' for table in sorted(fixed & made)),
    ]
    return [sql.SQL(each).format(to) for each in said]


def secure() -> int:
    """Write the policies of every table and the grants of the application; how many tables hold one.

    Runs as the owner. The application is the role of MAILLAGE_DATABASE_URL.
    """
    if connection.vendor != "postgresql":
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        made = set(connection.introspection.table_names(cursor))  # less than all, half-way back
        held = [each for each in ours() if condition(each) and each._meta.db_table in made]
        for model in held:
            for statement in _policy(model):
                cursor.execute(statement)
        if settings.APPLICATION_ROLE:
            for grant in _grants(str(settings.APPLICATION_ROLE), made):
                cursor.execute(grant)
    return len(held)


ROLE = """
SELECT rolsuper, rolbypassrls, EXISTS (
  SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
  AND pg_has_role(current_user, relowner, 'MEMBER')
) FROM pg_roles WHERE rolname = current_user
"""
GUARDED = """
SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = %s
WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity AND c.relforcerowsecurity
"""


def weaknesses() -> list[str]:
    """Why the wall would not hold this connection, in words for whoever installs; [] elsewhere."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(ROLE)
        is_superuser, bypasses, owns = cursor.fetchone()
        cursor.execute(GUARDED, [POLICY])
        guarded = {name for (name,) in cursor.fetchall()}
    wanted = {each._meta.db_table for each in ours() if condition(each)}
    open_tables = ", ".join(sorted(wanted - guarded))
    return [
        said
        for is_so, said in (
            (is_superuser, "est superutilisateur de PostgreSQL"),
            (bypasses, "a le droit BYPASSRLS"),
            (owns, "est propriétaire des tables"),
            (open_tables, f"trouve sans leur cloison : {open_tables}"),
        )
        if is_so
    ]


def open_as(role: dict[str, Any]) -> None:
    """From the next statement on, the connection is this role's."""
    if any(connection.settings_dict[key] != role[key] for key in CREDENTIALS):
        connection.close()
        for key in CREDENTIALS:
            connection.settings_dict[key] = role[key]


@contextmanager
def as_owner() -> Iterator[None]:
    """The default connection under the role that owns the tables, beyond every CPTS; for migrations,
    counts and copies. Without MAILLAGE_OWNER_DATABASE_URL the one role does both."""
    owner: dict[str, Any] | None = settings.OWNER_DATABASE
    with scopes_disabled():
        if connection.vendor != "postgresql" or owner is None:
            yield
            return
        served = {key: connection.settings_dict[key] for key in CREDENTIALS}
        open_as(owner)
        try:
            yield
        finally:
            open_as(served)


def count_rows() -> None:
    """PostgreSQL plans by its counts, made minutes after a load: until then a page takes seconds."""
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("ANALYZE")
