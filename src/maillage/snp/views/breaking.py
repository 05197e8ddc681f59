"""Bris de glace: asked, seen for a short time, reviewed."""

from django.contrib import messages
from django.shortcuts import redirect

from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.pages import page, read, render_page
from maillage.kernel.permissions import Permission
from maillage.snp import actions, queries
from maillage.snp.forms import GlassForm, GlassReviewForm
from maillage.snp.models import BreakGlass
from maillage.snp.rules import can_see_through
from maillage.snp.views.desk import facts, id_of


@page(Permission.BREAK_GLASS, methods=("GET", "POST"))
def glass_ask(request):
    """By the number of the request: whoever asks has no list of them."""
    form = GlassForm(request.POST or None, initial={"number": id_of(request.GET.get("n", ""))})
    if form.is_valid():
        care_request = queries.numbered(request.cpts, form.cleaned_data["number"])
        if care_request is None:
            form.add_error("number", "Aucune demande de votre CPTS ne porte ce numéro.")
        else:
            try:
                opening = actions.break_glass(
                    by=request.actor,
                    care_request=care_request,
                    motive=form.cleaned_data["motive"],
                    reason=form.cleaned_data["reason"],
                )
            except NotAllowed:
                raise
            except DomainError as error:
                form.add_error(None, str(error))
            else:
                return redirect("snp:glass", cpts=request.cpts.slug, pk=opening.pk)
    context = {"form": form, "minutes": queries.settings_of(request.cpts).break_glass_minutes}
    status = 422 if form.is_bound else 200
    return render_page(request, "snp/glass_ask.html", context, status=status)


@page(Permission.BREAK_GLASS, of=BreakGlass)
def glass(request, opening):
    """One patient, until the opening closes."""
    opening = queries.opening_of(opening.pk)
    care_request = opening.care_request
    is_open = can_see_through(request.actor, opening)
    if is_open:
        read(request, "snp.glass", [care_request.resident_id], purpose="bris de glace")
    context = {
        "opening": opening,
        "care_request": care_request if is_open else None,
        "number": care_request.number,
        "facts": facts(care_request),
    }
    return render_page(request, "snp/glass.html", context)


@page(Permission.BREAK_GLASS_REVIEW)
def glass_reviews(request):
    """Every opening of the CPTS, those to review first; no identity."""
    return render_page(
        request, "snp/glass_reviews.html", {"openings": queries.openings_of(request.cpts)}
    )


@page(Permission.BREAK_GLASS_REVIEW, of=BreakGlass, methods=("POST",))
def glass_review(request, opening):
    form = GlassReviewForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choisissez : justifié ou non justifié.")
    else:
        actions.review_glass(by=request.actor, opening=opening, **form.cleaned_data)
        messages.success(request, "Relecture notée.")
    return redirect("snp:glass_reviews", cpts=request.cpts.slug)
