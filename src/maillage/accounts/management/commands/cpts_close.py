"""`maillage cpts close`: nobody enters the CPTS any more; what it holds stays as long as it must."""

from django.core.management.base import BaseCommand, CommandError

from maillage.accounts.rules import SYSTEM
from maillage.territory.actions import close_cpts
from maillage.territory.models import Cpts


class Command(BaseCommand):
    help = "Ferme une CPTS : plus personne n'y entre, ses liens et ses envois s'arrêtent."

    def add_arguments(self, parser):
        parser.add_argument("slug", help="mot de son adresse, par exemple ma-cpts")

    def handle(self, *, slug, **options):
        cpts = Cpts.objects.filter(slug=slug).first()
        if cpts is None:
            raise CommandError(f"Aucune CPTS à l'adresse « {slug} ».")
        close_cpts(by=SYSTEM, cpts=cpts)
        self.stdout.write(f"{cpts.name} est fermée.")
