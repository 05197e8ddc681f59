import datetime as dt
from decimal import Decimal

from django.db import migrations

# Published in 2023, the day it took effect was not read: in force on this day at the latest.
FROM = dt.date(2024, 1, 1)
SOURCE = (
    "NGAP, art. 14.1.3 (JORFTEXT000047542123, 2023) pour la règle et le plafond ; montant : "
    "fmfpro.org, « La majoration SNP » (à vérifier). Date d'effet non relevée : au plus tard ce jour."
)


def write_fee(apps, schema_editor):
    apps.get_model("snp", "SnpFee").objects.get_or_create(
        valid_from=FROM,
        defaults={
            "amount_euros": Decimal("15.00"),
            "weekly_ceiling": 20,
            "within_hours": 48,
            "source": SOURCE,
        },
    )


class Migration(migrations.Migration):
    dependencies = [("snp", "0007_merge_and_counter")]

    operations = [migrations.RunPython(write_fee, migrations.RunPython.noop)]
