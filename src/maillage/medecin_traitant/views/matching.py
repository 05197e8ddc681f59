"""The attribution, run and read: the engine proposes with its reasons, a person chooses and sends."""

from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect
from django.utils import timezone

from maillage.directory.models import Professional
from maillage.kernel.pages import page, render_page
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.models import DoctorRequest
from maillage.medecin_traitant.rules import can_see_health
from maillage.medecin_traitant.views.desk import COORDINATE

PAIRS_PER_PAGE = 50
CHOICES_MAX = 500


def _pairs(texts) -> dict[int, int]:
    """ "request:professional" as numbers; what is not so is left out."""
    found = {}
    for text in texts[:CHOICES_MAX]:
        first, _, second = text.partition(":")
        if first.isdecimal() and second.isdecimal() and len(text) < 45:
            found[int(first)] = int(second)
    return found


@page(COORDINATE)
def matching(request):
    """Every pair with its reasons, who is left out, and the price of what was chosen by hand."""
    settings = queries.last_settings(request.cpts)
    if settings is None:
        return render_page(request, "medecin_traitant/not_set.html")
    rules, now = queries.rules_of(request.cpts), timezone.localtime()
    choices = _pairs(request.GET.getlist("choix"))
    found = queries.matching_for(request.cpts, settings, rules, now=now, choices=choices)
    placed, left = queries.explained(found)
    prices = None
    if "prix" in request.GET:
        prices = queries.prices_of_rules(found, rules, timezone.localdate(now))
    to_print = "imprimer" in request.GET
    per_page = max(len(placed), 1) if to_print else PAIRS_PER_PAGE
    kept = [("choix", f"{one}:{other}") for one, other in choices.items()]
    context = {
        "found": found,
        "proof": queries.proof_of(found),
        "whole": queries.whole_of(found, settings.small_cell_min),
        "lines": Paginator(placed, per_page).get_page(request.GET.get("page")),
        "to_print": to_print,
        "left": left,
        "rules": rules,
        "prices": prices,
        "settings": settings,
        "health": can_see_health(request.actor, request.cpts, settings),
        "choices": choices,
        "aside": queries.ASIDE,
        "exact_max": queries.EXACT_MAX,
        "now": now,
        "query": f"{urlencode(kept)}&" if kept else "",
    }
    return render_page(request, "medecin_traitant/matching.html", context)


@page(COORDINATE, methods=("POST",))
def send(request):
    """The pairs that were ticked go to the doctors."""
    wanted = _pairs(request.POST.getlist("paire"))
    requests = DoctorRequest.objects.visible_to(request.actor).in_bulk(wanted)
    doctors = Professional.objects.in_bulk(set(wanted.values()))
    pairs = [
        (requests[one], doctors[other])
        for one, other in wanted.items()
        if one in requests and other in doctors
    ]
    if not pairs:
        messages.error(request, "Cochez au moins une proposition.")
        return redirect("medecin_traitant:matching", cpts=request.cpts.slug)
    done = actions.propose_pairs(by=request.actor, cpts=request.cpts, pairs=pairs)
    if done.sent:
        many = (
            f"{len(done.sent)} propositions envoyées"
            if len(done.sent) > 1
            else "Proposition envoyée"
        )
        messages.success(request, f"{many}.")
    for doctor_request, why in done.refused:
        messages.error(request, f"Demande {doctor_request} : {why}")
    return redirect("medecin_traitant:matching", cpts=request.cpts.slug)
