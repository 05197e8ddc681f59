"""`maillage reference fetch`: communes and EPCI from the State's public geography API."""

from django.conf import settings
from django.utils import timezone

from maillage.territory import gateway
from maillage.territory.management.commands import reference_load


class Command(reference_load.Command):
    help = (
        "Prend les communes et les EPCI à l'API géographique publique de l'État, à la date du jour "
        "(rejouable : l'inchangé n'est pas écrit, ce que l'API ne donne pas est gardé)."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--address",
            default=settings.GEO_API_URL,
            metavar="URL",
            help="adresse de l'API (réglage MAILLAGE_GEO_API ; défaut : %(default)s)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="dit ce qui changerait, n'écrit rien"
        )

    def read(self, options):
        return gateway.fetch_reference(options["address"], timezone.localdate())
