"""Seal what was written to people.

Not atomic: emptying the pages where the clear text stood is not done inside a transaction.
"""

from django.db import migrations

from maillage.kernel.sealing import seal_rows

TABLES = {
    "accounts_notice": (["recipient", "subject", "body", "last_error"], {}),
}


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", '0006_seal_columns')]
    operations = [seal_rows(TABLES)]
