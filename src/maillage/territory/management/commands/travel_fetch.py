"""`maillage travel fetch`: travel times of a CPTS, asked of an OSRM server."""

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from maillage.kernel.errors import DomainError
from maillage.territory import gateway, queries
from maillage.territory.enums import TravelFacts, TravelKind
from maillage.territory.management.commands.reference_load import bars_of, console_of
from maillage.territory.management.commands.travel_load import load
from maillage.territory.models import Cpts


class Command(BaseCommand):
    help = (
        "Demande à un serveur OSRM les temps de trajet entre les communes d'une CPTS, dans les deux "
        "sens (rejouable : l'inchangé n'est pas écrit)."
    )

    def add_arguments(self, parser):
        parser.add_argument("--osrm", required=True, metavar="URL", help="adresse du serveur OSRM")
        parser.add_argument(
            "--cpts", required=True, metavar="SLUG", help="adresse courte de la CPTS"
        )
        parser.add_argument(
            "--within-km",
            type=float,
            default=0,
            metavar="N",
            help="aussi les communes voisines, à N km au plus à vol d'oiseau",
        )
        parser.add_argument(
            "--source", default="", help="nom de la source (défaut : OSRM et l'hôte)"
        )
        parser.add_argument("--vintage", default="", help="millésime (défaut : au jour dit)")
        parser.add_argument("--dry-run", action="store_true", help="compte sans rien écrire")

    def handle(self, *, osrm, cpts, within_km, source, vintage, dry_run, **options):
        console = console_of(self)
        on = timezone.localdate()
        found = Cpts.objects.filter(slug=cpts).first()
        if found is None:
            raise CommandError(f"Aucune CPTS n'a l'adresse « {cpts} ».")
        asked = queries.journeys_of(found, on, within_km=within_km)
        if not asked:
            raise CommandError("Le périmètre de cette CPTS n'a aucune commune de position connue.")
        rows, refused = [], []
        with bars_of(console) as bars:
            total = sum(len(each.origins) * len(each.destinations) for each in asked)
            reading = bars.add_task("questions au serveur", total=total)
            try:
                for each in asked:
                    some, no_route = gateway.fetch_travel(
                        osrm, each.origins, each.destinations, lambda n: bars.advance(reading, n)
                    )
                    rows += some
                    refused += no_route
                facts = TravelFacts(
                    kind=TravelKind.OSRM.value,
                    name=source or f"OSRM {gateway.host_of(osrm)}"[:120],
                    vintage=vintage or f"au {on:%d/%m/%Y}",
                )
                load(console, bars, facts, rows, refused, dry_run)
            except DomainError as error:
                raise CommandError(str(error)) from error
