"""`maillage doctor_requests load FILE --cpts SLUG`: a list of the CPAM, seen first or loaded."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django_scopes import scope

from maillage.accounts.rules import SYSTEM
from maillage.kernel.errors import DomainError
from maillage.medecin_traitant import actions, gateway
from maillage.territory.models import Cpts


class Command(BaseCommand):
    help = "Charge une liste de la CPAM (rejouable : qui est connu reste comme il est)."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--cpts", required=True, metavar="SLUG")
        parser.add_argument("--dry-run", action="store_true", help="dit sans rien écrire")

    def handle(self, *, file, cpts, dry_run, **options):
        found = Cpts.objects.filter(slug=cpts, closed_at=None).first()
        if found is None:
            raise CommandError(f"Aucune CPTS ouverte ne s'appelle « {cpts} ».")
        with scope(cpts=found), timezone.override(found.zone):
            try:
                given = gateway.read_cpam_file(file)
                report = actions.load_cpam_list(by=SYSTEM, cpts=found, given=given, dry_run=dry_run)
            except DomainError as error:
                raise CommandError(str(error)) from error
        if report.dry_run:
            self.stdout.write("Rien n'est écrit (essai).")
        self.stdout.write(
            f"Demandes : {report.created} créées (dont {report.matched} avec une fiche connue), "
            f"{report.unchanged} inchangées, {len(report.quarantined)} mises de côté."
        )
        for each in report.quarantined:
            self.stdout.write(f"Ligne {each.line} : {each.reason}")
