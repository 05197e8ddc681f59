"""`maillage reference load DIR`: communes, EPCI, populations, former codes, outlines, offers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from maillage.kernel.errors import DomainError
from maillage.kernel.permissions import Permission
from maillage.territory import actions, gateway

LABELS = {
    "epcis": "EPCI",
    "communes": "communes",
    "populations": "populations",
    "former_codes": "anciens codes",
    "outlines": "contours",
    "offers": "professionnels par commune",
}
REFUSALS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Operator:
    """Whoever may type a command on the server."""

    kind: str = "system"
    seat_id: int | None = None
    user_id: int | None = None
    label: str = "maillage reference load"

    def may(self, permission: Permission, cpts: Any) -> bool:
        return False


class Command(BaseCommand):
    help = "Charge les données de référence d'un dossier (rejouable : l'inchangé n'est pas écrit)."

    def add_arguments(self, parser):
        parser.add_argument("directory", type=Path, metavar="DIR")
        parser.add_argument("--dry-run", action="store_true", help="compte sans rien écrire")

    def handle(self, *, directory, dry_run, **options):
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
            reading = bars.add_task("lecture des fichiers", total=1)
            try:
                reference = gateway.read_reference(directory)
                bars.update(reading, completed=1)
                tasks = {}

                def progress(kind, done, total):
                    if kind not in tasks:
                        tasks[kind] = bars.add_task(LABELS[kind], total=total)
                    bars.update(tasks[kind], completed=done)

                report = actions.load_reference(
                    by=Operator(), reference=reference, dry_run=dry_run, progress=progress
                )
            except DomainError as error:
                raise CommandError(str(error)) from error
        self.tell(console, report, dry_run)

    def tell(self, console, report, dry_run):
        """Counts, then the first refusals; the exit code stays 0: the rest was loaded."""
        table = Table(title="Rien n'est écrit (essai)" if dry_run else None)
        for head in ("", "créés", "modifiés", "inchangés", "refusés"):
            table.add_column(head, justify="right" if head else "left")
        for kind, count in report.counts.items():
            figures = (count.created, count.updated, count.unchanged, count.refused)
            table.add_row(LABELS[kind], *map(str, figures))
        console.print(table)
        if report.absent:
            console.print(f"{report.absent} communes en base ne sont plus dans les fichiers.")
        for refusal in report.refused[:REFUSALS_SHOWN]:
            console.print(f"Refusé : {refusal}", markup=False)
        if len(report.refused) > REFUSALS_SHOWN:
            console.print(f"… et {len(report.refused) - REFUSALS_SHOWN} autres lignes refusées.")
