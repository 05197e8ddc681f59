"""The journal's chain: columns first, empty; the lines already there are chained by the next step."""

from importlib import import_module

from django.db import migrations, models

guard = import_module("maillage.kernel.migrations.0002_journal_never_changes")


class Migration(migrations.Migration):
    dependencies = [("kernel", "0003_pulse_reach")]

    operations = [
        migrations.RunPython(guard.release, guard.guard),
        migrations.CreateModel(
            name="JournalHead",
            fields=[
                (
                    "chain",
                    models.BigIntegerField(
                        primary_key=True, serialize=False, verbose_name="CPTS, ou 0"
                    ),
                ),
                ("number", models.PositiveBigIntegerField(default=0)),
                ("hmac", models.CharField(blank=True, max_length=64)),
            ],
        ),
        migrations.AddField("journalline", "number", models.PositiveBigIntegerField(null=True)),
        migrations.AddField(
            "journalline", "hmac", models.CharField(default="", max_length=64), False
        ),
        migrations.AddField(
            "journalline", "sealed_through", models.PositiveBigIntegerField(null=True)
        ),
    ]
