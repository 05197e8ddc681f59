"""Write the search words of the records already there, and file them."""

from django.db import migrations

from maillage.compute import spelling
from maillage.directory.enums import TITLES, WORD_MAX
from maillage.kernel.identifiers import fold

BATCH = 2000


def file_words(apps, schema_editor):
    professionals = apps.get_model("directory", "Professional").objects
    places = apps.get_model("directory", "Place").objects.filter(closed_on=None).exclude(phone="")
    word_model = apps.get_model("directory", "ProfessionalWord")
    key_model = apps.get_model("directory", "WordKey")
    filed = set()
    ids = list(professionals.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        wanted = set()
        for pk, family, given, phone in professionals.filter(pk__in=batch).values_list(
            "pk", "family_name", "given_name", "phone"
        ):
            words = {word[:WORD_MAX] for word in fold(f"{family} {given}").split()}
            wanted |= {(pk, word) for word in words - TITLES or words}
            wanted |= {(pk, phone)} if phone else set()
        wanted |= set(places.filter(professional__in=batch).values_list("professional", "phone"))
        word_model.objects.bulk_create(
            [word_model(professional_id=pk, word=word) for pk, word in sorted(wanted)],
            batch_size=BATCH,
        )
        names = {word for _, word in wanted if not word.lstrip("+").isdigit()} - filed
        filed |= names
        key_model.objects.bulk_create(
            [
                key_model(key=key, word=word)
                for word in sorted(names)
                for key in sorted(spelling.keys(word))
            ],
            batch_size=BATCH,
        )


class Migration(migrations.Migration):
    dependencies = [("directory", "0003_search_words")]
    operations = [migrations.RunPython(file_words, migrations.RunPython.noop, elidable=True)]
