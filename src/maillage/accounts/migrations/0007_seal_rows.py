"""Seal what was written to people.

Not atomic: emptying the pages where the clear text stood is not done inside a transaction.
"""

from django.db import migrations, transaction

from maillage.kernel.sealing import seal_clear, wipe

TABLES = {
    "accounts_notice": (["recipient", "subject", "body", "last_error"], {}),
}


def seal(apps, schema_editor):
    connection = schema_editor.connection
    done = 0
    with transaction.atomic(using=connection.alias):
        for table, (texts, hashes) in TABLES.items():
            done += seal_clear(connection, table, texts=texts, hashes=hashes)
    if done:
        wipe(connection, list(TABLES))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", '0006_seal_columns')]
    operations = [migrations.RunPython(seal, elidable=True)]
