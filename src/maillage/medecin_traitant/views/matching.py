"""The attribution, run and read: the engine proposes with its reasons, a person chooses and sends."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from maillage.directory.models import Professional
from maillage.kernel.pages import page, render_page
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.models import DoctorRequest
from maillage.medecin_traitant.rules import can_see_health
from maillage.medecin_traitant.views.desk import COORDINATE

PAIRS_PER_PAGE = 50
CHOICES_MAX = 500
CHANGED = "La proposition a changé pendant votre lecture : relisez-la, puis gardez-la."


def _pairs(texts) -> dict[int, int]:
    """ "request:professional" as numbers; what is not so is left out."""
    found = {}
    for text in texts[:CHOICES_MAX]:
        first, _, second = text.partition(":")
        if first.isdecimal() and second.isdecimal() and len(text) < 45:
            found[int(first)] = int(second)
    return found


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the page is asked: choices by hand, and whether the plan is left aside. `query`: the same
    in an address."""

    choices: dict[int, int]
    is_anew: bool

    @property
    def query(self) -> str:
        kept = [("choix", f"{one}:{other}") for one, other in self.choices.items()]
        kept += [("neuf", "1")] if self.is_anew else []
        return f"{urlencode(kept)}&" if kept else ""


def _asked(data) -> _Asked:
    return _Asked(_pairs(data.getlist("choix")), "neuf" in data)


def _found(cpts, settings, asked: _Asked, now):
    """The attribution asked for, and the plan the CPTS keeps, followed or not."""
    plan, rules = queries.plan_of(cpts), queries.rules_of(cpts)
    followed = None if asked.is_anew else plan
    found = queries.matching_for(
        cpts, settings, rules, now=now, plan=followed, choices=asked.choices
    )  # fmt: skip
    return found, plan, rules


def _pages(lines, request, name: str):
    """All of them to be printed, else some."""
    to_print = "imprimer" in request.GET
    per_page = max(len(lines), 1) if to_print else PAIRS_PER_PAGE
    return Paginator(lines, per_page).get_page(request.GET.get(name))


@page(COORDINATE)
def matching(request):
    """Every pair with its reasons, who is left out, and the price of what was chosen by hand."""
    settings = queries.last_settings(request.cpts)
    if settings is None:
        return render_page(request, "medecin_traitant/not_set.html")
    asked, now = _asked(request.GET), timezone.localtime()
    found, plan, rules = _found(request.cpts, settings, asked, now)
    placed, left = queries.explained(found)
    prices = None
    if "prix" in request.GET:
        prices = queries.prices_of_rules(found, rules, timezone.localdate(now))
    lines = _pages(placed, request, "page")
    shown = {line.doctor_request.pk for line in lines}
    context = {
        "found": found,
        "plan": plan,
        "asked": asked,
        "mark": queries.mark_of(found),
        "proof": queries.proof_of(found),
        "whole": queries.whole_of(found, settings.small_cell_min),
        "lines": lines,
        "left": _pages(left, request, "attente"),
        "to_print": "imprimer" in request.GET,
        "rules": rules,
        "prices": prices,
        "settings": settings,
        "health": can_see_health(request.actor, request.cpts, settings),
        "choices": asked.choices,
        "elsewhere": {one: other for one, other in asked.choices.items() if one not in shown},
        "aside": queries.ASIDE,
        "exact_max": queries.EXACT_MAX,
        "now": now,
        "query": asked.query,
    }
    return render_page(request, "medecin_traitant/matching.html", context)


@page(COORDINATE, methods=("POST",))
def keep_plan(request):
    """What is shown becomes the plan: computed again here, and kept only if it is what was read."""
    back = reverse("medecin_traitant:matching", kwargs={"cpts": request.cpts.slug})
    settings = queries.last_settings(request.cpts)
    if settings is None:
        return redirect(back)
    asked = _asked(request.POST)
    found, _, _ = _found(request.cpts, settings, asked, timezone.localtime())
    if found.certified is not None or queries.mark_of(found) != request.POST.get("lu"):
        messages.error(request, CHANGED)
        return redirect(f"{back}?{asked.query}")
    pairs = queries.pairs_shown(found)
    try:
        kept = actions.keep_plan(by=request.actor, cpts=request.cpts, pairs=pairs)
    except actions.NothingToKeep as error:
        messages.error(request, str(error))
        return redirect(back)
    many = f"{kept} propositions" if kept > 1 else "1 proposition"
    messages.success(request, f"Plan gardé : {many}. Rien n'est envoyé.")
    return redirect(back)


@page(COORDINATE, methods=("POST",))
def forget_plan(request):
    """The next attribution starts from nothing."""
    actions.forget_plan(by=request.actor, cpts=request.cpts)
    messages.success(request, "Plan oublié : la proposition repart de zéro.")
    return redirect("medecin_traitant:matching", cpts=request.cpts.slug)


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
