"""`maillage structures load FILE`: the establishments of the FINESS file of open data."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from maillage.accounts.rules import SYSTEM
from maillage.directory import actions, gateway
from maillage.kernel.errors import DomainError

REFUSALS_SHOWN = 20


class Command(BaseCommand):
    help = "Charge les établissements d'un fichier FINESS (rejouable : l'inchangé n'est pas écrit)."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--dry-run", action="store_true", help="compte sans rien écrire")
        parser.add_argument(
            "--close-absent",
            action="store_true",
            help="ferme ceux que le fichier n'a plus (fichier de toute la France seulement)",
        )

    def handle(self, *, file, dry_run, close_absent, **options):
        console = Console(
            file=self.stdout._out, force_terminal=None if self.stdout.isatty() else False
        )
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console) as bars:
            reading = bars.add_task("lecture du fichier", total=1)
            try:
                given = gateway.read_structures(file)
                bars.update(reading, completed=1)
                loading = bars.add_task("établissements", total=len(given.structures))
                report = actions.load_structures(
                    by=SYSTEM,
                    given=given,
                    dry_run=dry_run,
                    close_absent=close_absent,
                    progress=lambda done, total: bars.update(loading, completed=done, total=total),
                )
            except DomainError as error:
                raise CommandError(str(error)) from error
        self.tell(console, given, report, dry_run)

    def tell(self, console, given, report, dry_run):
        """Counts, then the first refusals; the exit code stays 0: the rest was loaded."""
        if dry_run:
            console.print("Rien n'est écrit (essai).")
        console.print(f"{given.source}, millésime {given.vintage:%d/%m/%Y}.", markup=False)
        console.print(
            f"Établissements : {report.created} créés, {report.updated} modifiés, "
            f"{report.unchanged} inchangés, {len(report.refused)} refusés."
        )
        if report.wrong_keys:
            console.print(f"{report.wrong_keys} numéros FINESS ont une clé à vérifier.")
        if report.closed:
            console.print(f"{report.closed} fermés : le fichier ne les a plus.")
        elif report.absent:
            console.print(f"{report.absent} établissements en base ne sont plus dans le fichier.")
        for refusal in report.refused[:REFUSALS_SHOWN]:
            console.print(f"Refusé : {refusal}", markup=False)
        if len(report.refused) > REFUSALS_SHOWN:
            console.print(f"… et {len(report.refused) - REFUSALS_SHOWN} autres lignes refusées.")
