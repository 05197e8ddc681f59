from zoneinfo import ZoneInfo

from django.utils import timezone

from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission
from maillage.territory import queries
from maillage.territory.enums import OfferKind
from maillage.territory.models import Commune


def _today(request):
    return timezone.localdate(timezone=ZoneInfo(request.cpts.zone))


@page(Permission.TERRITORY_VIEW)
def territory(request):
    """The map, the communes and their populations, each figure with its year and source."""
    on = _today(request)
    context = {
        "today": on,
        "sheet": queries.sheet_of(request.cpts, on),
        "map": queries.map_of(request.cpts, on),
        "offer_kinds": OfferKind.choices,
    }
    return render_page(request, "territory/territory.html", context)


@page(Permission.TERRITORY_VIEW, of=Commune)
def commune(request, commune):
    """One commune: populations by census, professionals counted, trips to the other communes."""
    on = _today(request)
    context = {
        "today": on,
        "commune": commune,
        "sheet": queries.commune_sheet(commune, request.cpts, on),
        "map": queries.map_of(request.cpts, on),
        "travel_note": queries.TRAVEL_NOTE,
    }
    return render_page(request, "territory/commune.html", context)
