"""Doctors: their own offer, the coordination's list, a patient they signal."""

import uuid

from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone

from maillage.availability.queries import professional_of
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.enums import Channel
from maillage.medecin_traitant.forms import DoctorForm, OfferForm, SignalForm
from maillage.medecin_traitant.models import DoctorOffer
from maillage.medecin_traitant.queries.doctors import doctors_of
from maillage.medecin_traitant.views.desk import COPIED, communes_of
from maillage.territory.models import Commune

PROFESSIONAL, COORDINATE = Permission.MT_PROFESSIONAL, Permission.MT_COORDINATE
OFFER_FIELDS = tuple(OfferForm.base_fields)


def offer_form(data, held: DoctorOffer | None) -> OfferForm:
    """What was said last is ready to be said again."""
    if held is None or held.answered_at is None:
        return OfferForm(data)
    return OfferForm(
        data,
        initial={name: getattr(held, name) for name in OFFER_FIELDS if name != "from_on"},
    )


@page(PROFESSIONAL, methods=("GET", "POST"))
def offer(request):
    """« Combien de nouveaux patients ? », by the doctor signed in."""
    doctor = professional_of(request.actor.user_id)
    held = queries.offer_of(request.cpts, doctor) if doctor is not None else None
    form = offer_form(request.POST or None, held)
    if doctor is not None and form.is_valid():
        try:
            actions.record_offer(
                by=request.actor,
                cpts=request.cpts,
                professional=doctor,
                offer=actions.Offer(**form.cleaned_data),
            )
        except NotAllowed:
            raise
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "C'est noté, merci.")
            return redirect("medecin_traitant:offer", cpts=request.cpts.slug)
    context = {"form": form, "held": held, "doctor": doctor, "today": timezone.localdate()}
    context["proposals"] = queries.proposals_to(doctor, request.cpts) if doctor is not None else []
    status = 422 if request.method == "POST" else 200
    return render_page(request, "medecin_traitant/offer.html", context, status=status)


def _list(request, *, form=None, doctor_form=None, status=200):
    doctors = doctors_of(request.cpts, timezone.localdate())
    context = {
        "found": queries.offers_of(request.cpts),
        "today": timezone.localdate(),
        "form": form or OfferForm(),
        "doctor_form": doctor_form or DoctorForm(doctors=doctors),
    }
    return render_page(request, "medecin_traitant/offers.html", context, status=status)


@page(COORDINATE)
def offers(request):
    """Every doctor's answer, and who has not answered."""
    return _list(request)


@page(COORDINATE, methods=("POST",))
def ask(request):
    try:
        asked, unreached = actions.ask_doctors(by=request.actor, cpts=request.cpts)
    except NotAllowed:
        raise
    except DomainError as error:
        messages.error(request, str(error))
    else:
        told = f"Médecins interrogés : {asked}."
        if unreached:
            told += f" Sans portable ni adresse, à appeler : {unreached}."
        messages.success(request, told)
    return redirect("medecin_traitant:offers", cpts=request.cpts.slug)


@page(COORDINATE, methods=("POST",))
def offer_for(request):
    """The doctor said it by voice: the coordination writes it for them."""
    doctors = doctors_of(request.cpts, timezone.localdate())
    doctor_form, form = DoctorForm(request.POST, doctors=doctors), OfferForm(request.POST)
    if doctor_form.is_valid() and form.is_valid():
        try:
            actions.record_offer(
                by=request.actor,
                cpts=request.cpts,
                professional=doctor_form.cleaned_data["professional"],
                offer=actions.Offer(**form.cleaned_data),
            )
        except NotAllowed:
            raise
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "L'offre est notée.")
            return redirect("medecin_traitant:offers", cpts=request.cpts.slug)
    return _list(request, form=form, doctor_form=doctor_form, status=422)


@page(COORDINATE, PROFESSIONAL, of=DoctorOffer, methods=("POST",))
def offer_end(request, offer):
    actions.withdraw_offer(by=request.actor, offer=offer)
    messages.success(request, "L'offre est retirée : personne n'est plus proposé.")
    back = "offers" if request.actor.may(COORDINATE, request.cpts) else "offer"
    return redirect(f"medecin_traitant:{back}", cpts=request.cpts.slug)


@page(PROFESSIONAL, methods=("GET", "POST"))
def signal(request):
    """A patient without a médecin traitant: the desk calls them. Nobody known is shown."""
    form = SignalForm(
        request.POST or None,
        communes=communes_of(request.cpts),
        initial={"form_key": str(uuid.uuid4())},
    )
    if form.is_valid():
        said = form.cleaned_data
        try:
            made = actions.record_request(
                by=request.actor,
                cpts=request.cpts,
                intake=actions.Intake(
                    channel=Channel.PROFESSIONAL,
                    commune=Commune.objects.get(pk=said["commune"]),
                    **{name: said[name] for name in COPIED},
                ),
            )
        except NotAllowed:
            raise
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request, f"Demande n° {made.number} transmise. Code de suivi : {made.code}"
            )
            return redirect("medecin_traitant:signal", cpts=request.cpts.slug)
    status = 422 if request.method == "POST" else 200
    return render_page(request, "medecin_traitant/signal.html", {"form": form}, status=status)
