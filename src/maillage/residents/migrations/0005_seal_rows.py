"""Seal who the residents are, and hash what they are looked for by.

Not atomic: emptying the pages where the clear text stood is not done inside a transaction.
"""

from django.db import migrations

from maillage.kernel.sealing import seal_rows

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


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("residents", '0004_seal_columns')]
    operations = [seal_rows(TABLES)]
