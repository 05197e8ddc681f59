"""By a signed link: a resident follows their request, a doctor says their offer."""

import datetime as dt

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope

from maillage.accounts.rules import LinkActor
from maillage.kernel.errors import DomainError
from maillage.kernel.pages import Access, page, render_page
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.enums import OPEN
from maillage.medecin_traitant.forms import CodeForm, CorrectionForm, OfferForm, SureForm
from maillage.medecin_traitant.models import DoctorOffer, DoctorRequest
from maillage.medecin_traitant.rules import can_answer_link
from maillage.medecin_traitant.views.desk import communes_of, corrections
from maillage.medecin_traitant.views.offers import offer_form
from maillage.territory.models import Cpts

TOLD_DAYS = 30  # once closed, the link still says how it ended


def cpts_of(cpts_id: int) -> Cpts:
    return get_object_or_404(Cpts, pk=cpts_id, closed_at=None)


def dead(request):
    return render_page(request, "medecin_traitant/link_dead.html", status=410)


@page(Access.PUBLIC, methods=("GET", "POST"))
def follow(request):
    """The code given by the CPTS opens the same page as the link."""
    form = CodeForm(request.POST or None)
    if form.is_valid():
        found = queries.request_of_code(form.cleaned_data["code"])
        if found is not None:
            return redirect(queries.link_to_request(found))
        form.add_error("code", "Aucune demande n'a ce code : vérifiez chaque lettre.")
    status = 422 if request.method == "POST" else 200
    return render_page(request, "medecin_traitant/follow.html", {"form": form}, status=status)


@page(Access.LINK, methods=("GET", "POST"))
def follow_link(request, token):
    """The state only, and an estimated wait. Opening it does nothing; a button, confirmed, does."""
    ids = queries.read_request_token(token)
    if ids is None:
        return dead(request)
    cpts = cpts_of(ids[0])
    with scope(cpts=cpts), timezone.override(cpts.zone):
        actor = LinkActor(cpts_id=cpts.pk, target=f"doctor_request:{ids[1]}")
        doctor_request = DoctorRequest.objects.visible_to(actor).first()
        if doctor_request is None:
            raise Http404
        if _is_over(doctor_request):
            return dead(request)
        if doctor_request.merged_into is not None:  # the same person: the rest happens there
            return redirect(queries.link_to_request(doctor_request.merged_into))
        forms = {"form": CorrectionForm(communes=communes_of(cpts)), "sure": SureForm()}
        status = 200
        if request.method == "POST":
            if _act(request, actor, doctor_request, forms):
                return redirect("medecin_traitant:follow_link", token=token)
            status = 422
        settings, now = queries.last_settings(cpts), timezone.now()
        context = forms | {
            "cpts_name": cpts.name,
            "doctor_request": doctor_request,
            "cpts_phone": cpts.desk_phone,
            "is_open": doctor_request.state in OPEN,
            "is_late": doctor_request.promised_by < timezone.localdate(now),
            "told_until": _told_until(doctor_request),
            "estimate": queries.estimate_of(cpts, settings, now=now) if settings else None,
            "here": reverse("medecin_traitant:follow_link", kwargs={"token": token}),
        }
        return render_page(request, "medecin_traitant/follow_link.html", context, status=status)


def _told_until(doctor_request: DoctorRequest) -> dt.date | None:
    closed = doctor_request.closed_at
    return closed and timezone.localdate(closed) + dt.timedelta(days=TOLD_DAYS)


def _is_over(doctor_request: DoctorRequest) -> bool:
    until = _told_until(doctor_request)
    is_old = until is not None and timezone.localdate() >= until
    return is_old or doctor_request.erased_at is not None


def _act(request, actor, doctor_request, forms) -> bool:
    """One of the three acts of the page; False when its form must be seen again."""
    given = {"by": actor, "doctor_request": doctor_request}
    act = request.POST.get("act")
    if act == "correct":
        form = forms["form"] = CorrectionForm(
            request.POST, communes=communes_of(doctor_request.cpts)
        )
        call, thanks = actions.correct, "C'est corrigé."
        given |= corrections(form) if form.is_valid() else {}
    else:
        form = forms["sure"] = SureForm(request.POST)
        call = actions.found_elsewhere if act == "found" else actions.withdraw
        thanks = "C'est noté, merci." if act == "found" else "Votre demande est retirée."
    if not form.is_valid():
        return False
    try:
        call(**given)
    except DomainError as error:
        form.add_error(None, str(error))
        return False
    messages.success(request, thanks)
    return True


@page(Access.LINK, methods=("GET", "POST"))
def offer_link(request, token):
    """The question, answered on a phone without signing in; then what was said, to take back."""
    ids = queries.read_offer_token(token)
    if ids is None:
        return dead(request)
    cpts = cpts_of(ids[0])
    with scope(cpts=cpts), timezone.override(cpts.zone):
        actor = LinkActor(cpts_id=cpts.pk, target=f"doctor_offer:{ids[1]}")
        asked = DoctorOffer.objects.visible_to(actor).first()
        if asked is None:
            raise Http404
        if not can_answer_link(actor, asked):
            return dead(request)
        form = offer_form(None, queries.offer_of(cpts, asked.professional))
        if request.method == "POST":
            form = OfferForm(request.POST)
            if _answered(request, actor, asked, form):
                return redirect("medecin_traitant:offer_link", token=token)
        context = {
            "cpts_name": cpts.name,
            "asked": asked,
            "form": form,
            "today": timezone.localdate(),
            "here": reverse("medecin_traitant:offer_link", kwargs={"token": token}),
        }
        status = 422 if request.method == "POST" else 200
        return render_page(request, "medecin_traitant/offer_link.html", context, status=status)


def _answered(request, actor, asked, form) -> bool:
    try:
        if "withdraw" in request.POST:
            actions.withdraw_offer(by=actor, offer=asked)
            messages.success(request, "Votre offre est retirée.")
            return True
        if not form.is_valid():
            return False
        actions.answer_by_link(by=actor, asked=asked, offer=actions.Offer(**form.cleaned_data))
    except DomainError as error:
        form.is_valid()
        form.add_error(None, str(error))
        return False
    messages.success(request, "C'est noté, merci.")
    return True
