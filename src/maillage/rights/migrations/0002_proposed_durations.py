"""Durations proposed to the data-protection officer, who confirms or changes them CPTS by CPTS."""

import datetime as dt

from django.db import migrations

FROM = dt.date(2020, 1, 1)
PROPOSED = "Proposition de maillage, à confirmer par le délégué à la protection des données"
# (class, step, days, why)
DURATIONS = [
    ("care_request", "erase", 90, "trois mois après la clôture ; aucune durée n'est publiée pour "
     "la file d'une CPTS"),
    ("care_request", "delete", 2191, "six ans : les cinq ans d'un contrat ACI, puis une année"),
    ("resident", "erase", 180, "six mois sans demande ouverte"),
    ("resident", "delete", 180, "six mois sans demande ouverte"),
    ("consent", "delete", 1095, "trente-six mois après ce qu'ils permettent"),
    ("notice", "erase", 30, "trente jours après l'envoi"),
    ("notice", "delete", 395, "treize mois après l'envoi"),
    ("seat", "erase", 365, "douze mois après le départ"),
    ("seat", "delete", 365, "douze mois après le départ"),
    ("token", "delete", 30, "trente jours après l'expiration"),
    ("availability", "delete", 395, "treize mois"),
    ("directory", "delete", 365, "douze mois après la sortie"),
    ("decision", "delete", 2191, "six ans après leur remplacement, comme les demandes qu'elles "
     "ont réglées"),
    ("journal", "delete", 1095, "trente-six mois : CNIL, délibération 2021-122, de six mois à un "
     "an, trois ans où un détournement est à craindre"),
]  # fmt: skip


def propose(apps, schema_editor):
    rules = apps.get_model("rights", "RetentionRule")
    for kind, step, days, why in DURATIONS:
        rules.objects.get_or_create(
            cpts=None,
            kind=kind,
            step=step,
            valid_from=FROM,
            defaults={"days": days, "source": f"{PROPOSED} : {why}."},
        )


class Migration(migrations.Migration):
    dependencies = [("rights", "0001_initial")]

    operations = [migrations.RunPython(propose, migrations.RunPython.noop)]
