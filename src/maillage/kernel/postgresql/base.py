"""The connection follows the scope: `maillage.cpts` is told with a statement, once per change.

The row-level policies (kernel/row_security.py) compare it with each row. It is a setting of the
session, so a pooler that gives a session away between two transactions must not stand in between.
"""

import datetime as dt
from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.utils import CursorWrapper
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.types.datetime import TimestamptzLoader

from maillage.kernel import tenancy

TELL = "SELECT set_config('maillage.cpts', {}, false)"


class MomentLoader(TimestamptzLoader):
    """As Django's, at a fifth of its price for what the server writes of a session in UTC: a board
    reads some 20 000 moments."""

    timezone = dt.UTC

    def load(self, data: Any) -> dt.datetime:
        text = bytes(data)
        if text.endswith(b"+00"):
            return dt.datetime.fromisoformat(text.decode())
        return super().load(data).replace(tzinfo=dt.UTC)  # as Django does


class Following:
    """A cursor whose statements stand in the rows of the scope open at that moment."""

    db: "DatabaseWrapper"
    cursor: Any

    def _execute(self, query: Any, params: Any, *ignored: Any) -> Any:
        """A scope to tell goes in one message with what reads in it: each costs a round trip."""
        is_read = isinstance(query, str) and query.startswith("SELECT ")
        if not (is_read and self.db.is_to_tell()):
            self.db.follow()
            return super()._execute(query, params, *ignored)  # type: ignore[misc]
        wanted = tenancy.current()
        query = f"{TELL.format(sql.quote(wanted))}; {query}"
        result = super()._execute(query, params, *ignored)  # type: ignore[misc]
        self.cursor.nextset()
        self.db.told = wanted
        return result

    def copy(self, *given: Any, **named: Any) -> Any:
        self.db.follow()
        return self.cursor.copy(*given, **named)

    def _executemany(self, query: str, param_list: Any, *ignored: Any) -> Any:
        self.db.follow()
        return super()._executemany(query, param_list, *ignored)  # type: ignore[misc]


class Cursor(Following, CursorWrapper):
    pass


class DebugCursor(Following, base.CursorDebugWrapper):
    pass


class DatabaseWrapper(base.DatabaseWrapper):
    """`told` is what the server surely holds; None when it must be told again."""

    told: str | None = None

    def is_to_tell(self) -> bool:
        if tenancy.current() == self.told or self.connection is None:
            return False
        # Broken, it takes nothing but a rollback, which brings the former value back.
        return bool(self.connection.info.transaction_status != TransactionStatus.INERROR)

    def follow(self) -> None:
        """Tell the server the scope of now, unless it knows it."""
        if self.is_to_tell():
            wanted = tenancy.current()
            with self.wrap_database_errors:
                self.connection.execute(TELL.format(sql.quote(wanted)))
            self.told = wanted

    def get_new_connection(self, conn_params: Any) -> Any:
        self.told = None
        connection = super().get_new_connection(conn_params)
        if self.timezone == dt.UTC:
            connection.adapters.register_loader("timestamptz", MomentLoader)
        return connection

    def create_cursor(self, name: str | None = None) -> Any:
        if name:
            self.follow()  # a cursor of the server goes by no `execute` of ours
        return super().create_cursor(name)

    def make_cursor(self, cursor: Any) -> Cursor:
        return Cursor(cursor, self)

    def make_debug_cursor(self, cursor: Any) -> DebugCursor:
        return DebugCursor(cursor, self)

    def _rollback(self) -> None:
        self.told = None
        super()._rollback()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self.told = None

    def _close(self) -> None:
        self.told = None
        super()._close()  # type: ignore[misc]
