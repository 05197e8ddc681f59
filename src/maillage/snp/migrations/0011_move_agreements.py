from django.db import migrations
from django.db.models import F


def to_rows(apps, schema_editor):
    """Each agreement becomes a row of its own: spoken, for a professional of the CPTS. One that came
    back from its row has it still."""
    agreements = apps.get_model("residents", "SharingAgreement").objects
    requests = apps.get_model("snp", "CareRequest").objects
    told = requests.exclude(agreement_at=None).exclude(sharing__given_at=F("agreement_at"))
    for each in told.order_by("pk").iterator():
        each.sharing = agreements.create(
            cpts_id=each.cpts_id,
            resident_id=each.resident_id,
            giver=each.agreement_from,
            scope="cpts",
            means="spoken",
            given_at=each.agreement_at,
            collected_by_id=each.agreement_by_id,
        )
        each.save(update_fields=["sharing"])


def to_columns(apps, schema_editor):
    """Back to columns, those still given. They knew no parent."""
    requests = apps.get_model("snp", "CareRequest").objects
    live = requests.filter(sharing__isnull=False, sharing__withdrawn_at=None)
    for each in live.select_related("sharing").order_by("pk").iterator():
        giver = each.sharing.giver
        each.agreement_from = "representative" if giver == "parent" else giver
        each.agreement_at = each.sharing.given_at
        each.agreement_by_id = each.sharing.collected_by_id
        each.save(update_fields=["agreement_from", "agreement_at", "agreement_by"])


class Migration(migrations.Migration):
    dependencies = [("snp", "0010_consent")]

    operations = [migrations.RunPython(to_rows, to_columns)]
