"""On PostgreSQL the tests run as the role that serves, under row-level security.

What a test does by its own hand stands beyond every CPTS, whatever scope it opened; a request of the
test client starts in a context of its own, as in a server: no scope, no row. A thread does too.
"""

from contextlib import contextmanager
from contextvars import Context, ContextVar

from django.conf import settings
from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations
from django.test.client import ClientHandler
from psycopg import connect

from maillage.kernel import row_security, tenancy

SERVING = {key: connection.settings_dict.get(key) for key in row_security.CREDENTIALS}
BY_HAND = ContextVar("a test acts by its own hand", default=False)


def open_to_tests() -> None:
    """Before the first test. The product knows nothing of it."""
    real, answer = tenancy.current, ClientHandler.get_response
    flush = BaseDatabaseOperations
    plain_flush = flush.execute_sql_flush

    def current() -> str:
        return tenancy.EVERY if BY_HAND.get() else real()

    def get_response(self, request):
        return Context().run(answer, self, request)

    def execute_sql_flush(self, sql_list):
        if settings.OWNER_DATABASE is None:
            return plain_flush(self, sql_list)
        with owner_connection() as owner:
            owner.execute("ALTER TABLE kernel_journalline DISABLE TRIGGER USER")
            for statement in sql_list:
                owner.execute(statement)
            owner.execute("ALTER TABLE kernel_journalline ENABLE TRIGGER USER")
        return None

    tenancy.current = current
    ClientHandler.get_response = get_response
    flush.execute_sql_flush = execute_sql_flush
    BY_HAND.set(True)


def lower(monkeypatch) -> None:
    """From now on PostgreSQL holds nothing by itself: a seeded fault of the code is then seen."""
    monkeypatch.setattr(tenancy, "current", lambda: tenancy.EVERY)


@contextmanager
def owner_connection(**options):
    """A connection of its own, as the owner of the tables, to the database of the tests."""
    owner = settings.OWNER_DATABASE
    with connect(
        host=owner["HOST"],
        port=owner["PORT"],
        user=owner["USER"],
        password=owner["PASSWORD"],
        dbname=connection.settings_dict["NAME"],
        **options,
    ) as opened:
        yield opened


def serve_as(role) -> None:
    """From now on the default connection is opened by this role (where there are two)."""
    if settings.OWNER_DATABASE is not None:
        row_security.open_as(role)
