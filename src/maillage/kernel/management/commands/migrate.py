"""Django's `migrate`, under the role that owns the tables; then the wall between the CPTSs."""

from typing import Any

from django.core.management.commands.migrate import Command as Migrate

from maillage.kernel import row_security


class Command(Migrate):
    def handle(self, *args: Any, **options: Any) -> None:
        with row_security.as_owner():
            super().handle(*args, **options)
            row_security.secure()
