"""The connection follows the scope: `maillage.cpts` is told before a statement, once per change.

The row-level policies (kernel/row_security.py) compare it with each row. It is a setting of the
session, so a pooler that gives a session away between two transactions must not stand in between.
"""

from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.utils import CursorWrapper
from psycopg.pq import TransactionStatus

from maillage.kernel import tenancy

TELL = "SELECT set_config('maillage.cpts', %s, false)"


class Following:
    """A cursor whose statements stand in the rows of the scope open at that moment."""

    db: "DatabaseWrapper"

    def _execute(self, sql: str, params: Any, *ignored: Any) -> Any:
        self.db.follow()
        return super()._execute(sql, params, *ignored)  # type: ignore[misc]

    def _executemany(self, sql: str, param_list: Any, *ignored: Any) -> Any:
        self.db.follow()
        return super()._executemany(sql, param_list, *ignored)  # type: ignore[misc]


class Cursor(Following, CursorWrapper):
    pass


class DebugCursor(Following, base.CursorDebugWrapper):
    pass


class DatabaseWrapper(base.DatabaseWrapper):
    """`told` is what the server surely holds; None when it must be told again."""

    told: str | None = None

    def follow(self) -> None:
        """Tell the server the scope of now, unless it knows it."""
        wanted = tenancy.current()
        if wanted == self.told or self.connection is None:
            return
        if self.connection.info.transaction_status == TransactionStatus.INERROR:
            return  # nothing but a rollback is taken, and it brings the former value back
        with self.wrap_database_errors:
            self.connection.execute(TELL, [wanted])
        self.told = wanted

    def get_new_connection(self, conn_params: Any) -> Any:
        self.told = None
        return super().get_new_connection(conn_params)

    def create_cursor(self, name: str | None = None) -> Any:
        self.follow()  # for what goes by no `execute` of ours: COPY, a cursor of the server
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
