"""The database a bench fills with its own hand, then measures as the platform is served."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection
from django_scopes import scopes_disabled

from maillage.config.settings import database
from maillage.kernel import row_security


@contextmanager
def filling() -> Iterator[None]:
    """Beyond every CPTS; on PostgreSQL as the superuser of tools/postgres, which may add extensions.

    What was made meanwhile is then everybody's: the role that serves is the one that is measured.
    """
    with scopes_disabled():
        if connection.vendor != "postgresql":
            yield
            return
        served = {key: connection.settings_dict[key] for key in row_security.CREDENTIALS}
        row_security._open_as(database(os.environ["MAILLAGE_SUPERUSER_DATABASE_URL"]))
        try:
            yield
            with connection.cursor() as cursor:
                for kind in ("TABLES", "SEQUENCES"):
                    cursor.execute(
                        f"GRANT ALL ON ALL {kind} IN SCHEMA public TO {settings.APPLICATION_ROLE}"
                    )
        finally:
            row_security._open_as(served)
