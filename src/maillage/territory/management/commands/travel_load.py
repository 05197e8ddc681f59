"""`maillage travel load FILE`: known travel times between communes, from a matrix file."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from maillage.kernel.errors import DomainError
from maillage.territory import actions, gateway, queries
from maillage.territory.enums import TravelFacts, TravelKind
from maillage.territory.management.commands.reference_load import (
    Operator,
    bars_of,
    console_of,
    tell_refusals,
)


def load(console, bars, source, rows, refused, dry_run):
    """One call of the action, its bar, its counts; shared with `travel fetch`."""
    writing = bars.add_task("temps de trajet", total=len(rows))
    counts = actions.load_travel(
        by=Operator(),
        source=source,
        rows=rows,
        dry_run=dry_run,
        progress=lambda done, _: bars.update(writing, completed=done),
    )
    bars.stop()
    console.print(
        f"{'Essai, rien n' + chr(39) + 'est écrit : ' if dry_run else ''}"
        f"{counts.created} temps de trajet créés, {counts.updated} modifiés, "
        f"{counts.unchanged} inchangés, {len(refused)} lignes refusées.",
        highlight=False,
    )
    tell_refusals(console, refused)


class Command(BaseCommand):
    help = (
        "Charge des temps de trajet entre communes : un fichier CSV (ou .csv.gz) de lignes "
        "« code INSEE de départ, code INSEE d'arrivée, minutes »."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--source", required=True, help="nom de la source, affiché avec chaque temps"
        )
        parser.add_argument(
            "--vintage", required=True, help="millésime de la source, affiché aussi"
        )
        parser.add_argument("--dry-run", action="store_true", help="compte sans rien écrire")

    def handle(self, *, file, source, vintage, dry_run, **options):
        console = console_of(self)
        facts = TravelFacts(kind=TravelKind.MATRIX.value, name=source, vintage=vintage)
        with bars_of(console) as bars:
            reading = bars.add_task("lecture", total=1)
            try:
                rows, refused = gateway.read_travel(file, queries.known_communes())
                bars.update(reading, completed=1)
                load(console, bars, facts, rows, refused, dry_run)
            except DomainError as error:
                raise CommandError(str(error)) from error
