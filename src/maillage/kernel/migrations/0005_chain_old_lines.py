"""Number and chain the lines written before there was a chain, in the order they were written."""

import datetime as dt

from django.db import migrations

from maillage.kernel import crypto
from maillage.kernel.chain import FIELDS, PURPOSE, link

BATCH = 1_000


def chain(apps, schema_editor):
    lines = apps.get_model("kernel", "JournalLine").objects
    heads = apps.get_model("kernel", "JournalHead").objects
    key = crypto.derived(PURPOSE)
    for cpts_id in list(lines.order_by().values_list("cpts_id", flat=True).distinct()):
        number, previous, batch = 0, "", []
        for line in lines.filter(cpts_id=cpts_id).order_by("pk").iterator(chunk_size=BATCH):
            number += 1
            line.number, line.at = number, line.at.astimezone(dt.UTC)
            previous = line.hmac = link(key, previous, [getattr(line, name) for name in FIELDS])
            batch.append(line)
            if len(batch) == BATCH:
                lines.bulk_update(batch, ["number", "hmac"])
                batch = []
        lines.bulk_update(batch, ["number", "hmac"])
        heads.create(chain=cpts_id or 0, number=number, hmac=previous)


class Migration(migrations.Migration):
    dependencies = [("kernel", "0004_journal_chain")]

    operations = [migrations.RunPython(chain, migrations.RunPython.noop)]
