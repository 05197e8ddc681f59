"""Seal what the requests and their histories say, and hash the number to call back.

Not atomic: emptying the pages where the clear text stood is not done inside a transaction.
"""

from django.db import migrations, transaction

from maillage.kernel.sealing import seal_clear, wipe

TABLES = {
    "snp_carerequest": (["phone", "caller_name", "note", "to_tell"], {"phone_key": "phone"}),
    "snp_carerequestevent": (["text"], {}),
    "snp_handover": (["taken_over_by"], {}),
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
    dependencies = [("snp", '0013_seal_columns')]
    operations = [migrations.RunPython(seal, elidable=True)]
