"""`maillage rights export`: everything that is held on one resident, as a file to hand over."""

import json

from django.core.management.base import BaseCommand, CommandError
from django_scopes import scope

from maillage.accounts.rules import SystemActor
from maillage.kernel import journal
from maillage.residents.models import Resident
from maillage.rights import queries
from maillage.territory.models import Cpts

PURPOSE = "droits de la personne"


class Command(BaseCommand):
    help = "Écrit en JSON tout ce qui est gardé sur un habitant, et qui l'a regardé."

    def add_arguments(self, parser):
        parser.add_argument("--cpts", required=True, help="adresse de la CPTS")
        parser.add_argument("--resident", required=True, type=int, help="numéro interne")

    def handle(self, *, cpts, resident, **options):
        found = Cpts.objects.filter(slug=cpts).first()
        if found is None:
            raise CommandError(f"Aucune CPTS à l'adresse {cpts}.")
        actor = SystemActor(cpts_id=found.pk)
        with scope(cpts=found):
            person = Resident.objects.visible_to(actor).filter(pk=resident).first()
            if person is None:
                raise CommandError(f"Aucun habitant n° {resident} dans cette CPTS, ou déjà effacé.")
            answer = queries.answer_about(actor, found, person)
            journal.record_read(
                "rights.export", by=actor, cpts=found, residents=[person.pk], purpose=PURPOSE
            )
        self.stdout.write(json.dumps(answer, ensure_ascii=False, indent=1))
