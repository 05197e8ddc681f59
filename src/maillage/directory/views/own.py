"""One's own national record, outside any CPTS."""

from django.contrib import messages
from django.shortcuts import redirect

from maillage.directory import actions, queries
from maillage.kernel.pages import Access, page, render_page


@page(Access.SIGNED_IN, methods=("GET", "POST"))
def own_record(request):
    """The record this account is, or the one its card names: to be linked by whoever holds both."""
    found = queries.record_of_card(request.user.pk)
    if request.method == "POST":
        if found is None:
            raise actions.LinkRefused("Votre carte ne porte le numéro d'aucune fiche.")
        actions.link_own_record(by=request.actor, professional=found)
        messages.success(request, f"Votre compte est relié à la fiche de {found}.")
        return redirect("home:start")
    links = queries.links_of(request.user.pk)
    link = links[0] if links and links[0].ended_on is None else None
    record = link.professional if link else found
    context = {
        "record": record,
        "link": link,
        "ended": next((each for each in links if each.professional == record), None),
        "is_taken": record is not None and queries.account_of(record) is not None,
        "places": record.places.filter(closed_on=None).select_related("commune") if record else (),
        "rpps": queries.rpps_of_card(request.user.pk),
    }
    return render_page(request, "directory/own.html", context)
