"""`maillage demo`: fill an empty database with the demonstration."""

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from maillage.accounts.rules import SYSTEM
from maillage.demo.actions import build_demo
from maillage.kernel import instance, row_security
from maillage.kernel.errors import DomainError

STEPS = 14


class Command(BaseCommand):
    help = "Charge la démonstration dans une base vide."

    def handle(self, *args, verbosity, **options):
        if instance.is_demo():
            self.stdout.write("La démonstration est déjà chargée : rien n'a changé.")
            return
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            console=Console(stderr=True),
            disable=verbosity == 0,
        )
        with bar:
            task = bar.add_task("Démonstration", total=STEPS)

            def step(name: str) -> None:
                bar.update(task, advance=1, description=name)

            try:
                counts = build_demo(by=SYSTEM, step=step)
            except DomainError as error:
                raise CommandError(str(error)) from None
        row_security.count_rows()
        self.stdout.write(
            f"Démonstration chargée : {counts['cpts']} CPTS, "
            f"{counts['professionals']} professionnels fictifs, {counts['slots']} créneaux, "
            f"{counts['accounts']} comptes."
        )
