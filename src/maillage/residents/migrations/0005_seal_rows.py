"""Seal who the residents are, and hash what they are looked for by.

Not atomic: emptying the pages where the clear text stood is not done inside a transaction.
"""

from django.db import migrations, transaction

from maillage.kernel.sealing import seal_clear, wipe

TABLES = {
    "residents_resident": (
        ["family_name", "given_name", "birth_date", "phone", "email"],
        {
            "phone_key": "phone_key",
            "name_birth_key": "name_birth_key",
            "name_commune_key": "name_commune_key",
        },
    )
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
    dependencies = [("residents", '0004_seal_columns')]
    operations = [migrations.RunPython(seal, elidable=True)]
