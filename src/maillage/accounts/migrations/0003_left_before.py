"""Seats ended before their day was kept: counted from today."""

from django.db import migrations
from django.utils import timezone


def count_from_today(apps, schema_editor):
    seats = apps.get_model("accounts", "Seat").objects.filter(state="left", left_on=None)
    seats.update(left_on=timezone.localdate())


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_erased_in_time")]

    operations = [migrations.RunPython(count_from_today, migrations.RunPython.noop)]
