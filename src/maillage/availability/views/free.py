"""The desk's own look at the free slots, without a request."""

from django.utils import timezone

from maillage.availability import queries
from maillage.availability.forms import FreeSlotForm
from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission

HOURS, MINUTES = 24, "20"


@page(Permission.SNP_DESK)
def free_slots(request):
    """The soonest slots of a profession near a commune. Shows no patient: nothing to journal."""
    communes = queries.communes_to_search(request.cpts, request.GET.get("commune", ""))
    first = next(iter(communes), "")
    asked = {"profession": "10", "commune": first, "minutes": MINUTES} | request.GET.dict()
    form = FreeSlotForm(asked, communes=communes)
    found = None
    if form.is_valid():
        said = form.cleaned_data
        found = queries.free_slots_near(
            request.cpts,
            profession=said["profession"],
            commune=said["commune"],
            minutes=said["minutes"],
            now=timezone.now(),
            hours=HOURS,
        )
    around = communes.get(asked["commune"], "")
    context = {"form": form, "found": found, "around": around, "hours": HOURS}
    return render_page(request, "availability/free.html", context)
