"""Words of the territory."""

from django.db import models

# Zones of the overseas départements and collectivities, by the first three characters of the INSEE
# code; everything else keeps Europe/Paris.
OVERSEAS_ZONES = {
    "971": "America/Guadeloupe",
    "972": "America/Martinique",
    "973": "America/Cayenne",
    "974": "Indian/Reunion",
    "975": "America/Miquelon",
    "976": "Indian/Mayotte",
    "977": "America/St_Barthelemy",
    "978": "America/Marigot",
    "986": "Pacific/Wallis",
    "987": "Pacific/Tahiti",
    "988": "Pacific/Noumea",
}


def zone_of(insee: str) -> str:
    """IANA time zone of a commune, from its INSEE code."""
    return OVERSEAS_ZONES.get(insee[:3], "Europe/Paris")


class EpciKind(models.TextChoices):
    CC = "CC", "communauté de communes"
    CA = "CA", "communauté d'agglomération"
    CU = "CU", "communauté urbaine"
    METROPOLE = "METRO", "métropole"
    OTHER = "other", "autre"
