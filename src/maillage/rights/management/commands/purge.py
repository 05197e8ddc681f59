"""`maillage purge`: what is due today by the durations; `--apply` does it."""

from collections import Counter

from django.core.management.base import BaseCommand
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from maillage.accounts import actions as accounts
from maillage.accounts.rules import SYSTEM
from maillage.kernel.retention import RetentionClass
from maillage.rights import actions, queries
from maillage.rights.enums import Step
from maillage.territory.models import Cpts


class Command(BaseCommand):
    help = "Compte ce que les durées de conservation demandent d'effacer ; --apply l'efface."

    def add_arguments(self, parser):
        parser.add_argument("--apply", action="store_true", help="efface (sinon, compte seulement)")
        parser.add_argument("--cpts", help="adresse d'une seule CPTS")
        parser.add_argument("--batch", type=int, default=actions.BATCH, help="lignes par lot")
        parser.add_argument("--batches", type=int, help="lots au plus, par CPTS")

    def handle(self, *, apply, cpts, batch, batches, **options):
        total = Counter()
        chosen = Cpts.objects.order_by("pk")
        for each in chosen.filter(slug=cpts) if cpts else chosen:
            with scope(cpts=each), timezone.override(each.zone):
                total += self.one(each, apply, batch, batches)
        if not cpts:  # tables of no CPTS: what refers to their rows may be anybody's
            with scopes_disabled():
                total += self.one(None, apply, batch, batches)
        if apply and not cpts:
            accounts.purge_tries(by=SYSTEM, now=timezone.now())
        self.tell(total, apply)

    def one(self, cpts, apply, batch, batches):
        if apply:
            return actions.purge(by=SYSTEM, cpts=cpts, batch=batch, batches=batches)
        today = timezone.localdate()
        found = Counter(
            {
                (due.said.kind, due.step, due.label): queries.due_rows(due, cpts, today).count()
                for due in queries.due_steps(cpts, today)
            }
        )
        lines = queries.old_lines(cpts, today)
        found[RetentionClass.JOURNAL, Step.DELETE, lines.model._meta.label] += lines.count()
        return found

    def tell(self, total, apply):
        for (kind, step, table), rows in sorted(total.items()):
            if rows:
                of_class = RetentionClass(kind).label
                self.stdout.write(f"{of_class} : {Step(step).label} : {rows} ({table})")
        count = sum(total.values())
        if apply:
            self.stdout.write(f"Fait : {count} ligne(s).")
        else:
            self.stdout.write(f"À faire : {count} ligne(s). Rien n'est changé (--apply le fait).")
