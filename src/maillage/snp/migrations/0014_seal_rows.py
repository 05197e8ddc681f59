"""Seal what the requests and their histories say, and hash the number to call back.

Not atomic: emptying the pages where the clear text stood is not done inside a transaction.
"""

from django.db import migrations

from maillage.kernel.sealing import seal_rows

TABLES = {
    "snp_carerequest": (["phone", "caller_name", "note", "to_tell"], {"phone_key": "phone"}),
    "snp_carerequestevent": (["text"], {}),
    "snp_handover": (["taken_over_by"], {}),
}


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("snp", '0013_seal_columns')]
    operations = [seal_rows(TABLES)]
