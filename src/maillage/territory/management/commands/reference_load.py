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
    label: str = "maillage"

    def may(self, permission: Permission, cpts: Any) -> bool:
        return False


def bars_of(console):
    """Progress bars of a load."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=console)


def console_of(command):
    is_terminal = command.stdout.isatty()
    return Console(file=command.stdout._out, force_terminal=None if is_terminal else False)


def tell_refusals(console, refused):
    """The first refusals; the exit code stays 0: the rest was loaded."""
    for refusal in refused[:REFUSALS_SHOWN]:
        console.print(f"Refusé : {refusal}", markup=False, highlight=False)
    if len(refused) > REFUSALS_SHOWN:
        console.print(f"… et {len(refused) - REFUSALS_SHOWN} autres lignes refusées.")


class Command(BaseCommand):
    help = "Charge les données de référence d'un dossier (rejouable : l'inchangé n'est pas écrit)."

    def add_arguments(self, parser):
        parser.add_argument("directory", type=Path, metavar="DIR")
        parser.add_argument("--dry-run", action="store_true", help="compte sans rien écrire")

    def read(self, options):
        """The reference data; `reference fetch` has another source."""
        return gateway.read_reference(options["directory"])

    def handle(self, *, dry_run, **options):
        console = console_of(self)
        with bars_of(console) as bars:
            reading = bars.add_task("lecture", total=1)
            try:
                reference = self.read(options)
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
        """Counts, the first changes before they are made, the first refusals."""
        table = Table(title="Rien n'est écrit (essai)" if dry_run else None)
        for head in ("", "créés", "modifiés", "inchangés", "refusés"):
            table.add_column(head, justify="right" if head else "left")
        for kind, count in report.counts.items():
            figures = (count.created, count.updated, count.unchanged, count.refused)
            table.add_row(LABELS[kind], *map(str, figures))
        console.print(table)
        if report.absent:
            console.print(f"{report.absent} communes en base ne sont plus dans la source.")
        for change in report.changes if dry_run else ():
            console.print(f"Changerait : {change}", markup=False, highlight=False)
        tell_refusals(console, report.refused)
