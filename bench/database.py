"""The database a bench fills with its own hand, then measures as the platform is served."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from django.conf import settings
from django.db import connection
from django_scopes import scopes_disabled


@contextmanager
def filling() -> Iterator[None]:
    """Beyond every CPTS; on PostgreSQL as the superuser of tools/postgres, which may add extensions.

    What was made meanwhile is then everybody's: the role that serves is the one that is measured.
    """
    row_security = import_module("maillage.kernel.row_security")
    database = import_module("maillage.config.settings").database
    with scopes_disabled():
        if connection.vendor != "postgresql":
            yield
            return
        served = {key: connection.settings_dict[key] for key in row_security.CREDENTIALS}
        row_security.open_as(database(os.environ["MAILLAGE_SUPERUSER_DATABASE_URL"]))
        try:
            yield
            with connection.cursor() as cursor:
                for kind in ("TABLES", "SEQUENCES"):
                    cursor.execute(
                        f"GRANT ALL ON ALL {kind} IN SCHEMA public TO {settings.APPLICATION_ROLE}"
                    )
        finally:
            row_security.open_as(served)


def gave_both_factors(client: Any) -> None:
    """The log-in of a test client counts as whole: the second factor was given too."""
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa", "at": time.time() + 86_400}]
    session["account_authentication_methods_user"] = session["_auth_user_id"]
    session.save()
