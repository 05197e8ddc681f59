"""A doctor is proposed and answers: the coordination's page, the doctor's, the signed link."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope

from maillage.accounts.rules import LinkActor
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.pages import Access, page, read, render_page
from maillage.kernel.permissions import Permission
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.forms import RefusalForm
from maillage.medecin_traitant.models import Attribution, DoctorRequest
from maillage.medecin_traitant.rules import can_answer, can_meet
from maillage.medecin_traitant.views.desk import COORDINATE, DESK
from maillage.medecin_traitant.views.links import cpts_of, dead

PROFESSIONAL = Permission.MT_PROFESSIONAL


def _to(request, doctor_request):
    return redirect("medecin_traitant:request", cpts=request.cpts.slug, pk=doctor_request.pk)


def _say(request, call, thanks: str) -> None:
    try:
        call()
    except NotAllowed:
        raise
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, thanks)


def _age(attribution: Attribution) -> str:
    born = attribution.doctor_request.resident.birth_date
    return queries.age_band(queries.age_on(born, timezone.localdate()))


@page(COORDINATE, of=DoctorRequest, methods=("POST",))
def propose(request, doctor_request):
    """To one of the doctors the page offers."""
    settings = queries.settings_of(request.cpts)
    wanted = request.POST.get("professional", "")
    found = queries.candidates_for(doctor_request, settings, timezone.localdate())
    chosen = next((each for each in found if str(each.professional.pk) == wanted), None)
    if chosen is None:
        messages.error(request, "Choisissez un des médecins proposés par la page.")
        return _to(request, doctor_request)
    _say(
        request,
        lambda: actions.propose_doctor(
            by=request.actor, doctor_request=doctor_request, professional=chosen.professional
        ),
        f"Proposée à {chosen.professional}.",
    )
    return _to(request, doctor_request)


@page(DESK, COORDINATE, of=DoctorRequest, methods=("POST",))
def declared(request, doctor_request):
    _say(
        request,
        lambda: actions.confirm_declaration(by=request.actor, doctor_request=doctor_request),
        "Déclaration confirmée.",
    )
    return _to(request, doctor_request)


def _respond(request, attribution, actor, thanks: tuple[str, str]) -> None:
    given = {"by": actor, "attribution": attribution}
    if request.POST.get("answer") == "accept":
        _say(request, lambda: actions.accept_attribution(**given), thanks[0])
        return
    form = RefusalForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choisissez une raison dans la liste.")
        return
    reason = form.cleaned_data["reason"]
    _say(request, lambda: actions.refuse_attribution(**given, reason=reason), thanks[1])


@page(DESK, COORDINATE, of=Attribution, methods=("POST",))
def voice(request, attribution):
    """The doctor answered by voice; or the coordination takes the proposal back."""
    if request.POST.get("answer") == "withdraw":
        actions.take_back_attribution(by=request.actor, attribution=attribution)
        messages.success(request, "Proposition retirée.")
    else:
        said = ("Acceptation notée : prévenez la personne.", "Refus noté.")
        _respond(request, attribution, request.actor, said)
    return _to(request, attribution.doctor_request)


THANKS = ("Merci. Le guichet prévient le patient.", "Refus noté, merci de votre réponse.")


@page(PROFESSIONAL, of=Attribution)
def attribution(request, attribution):
    """After log-in: who it is, once accepted and with their agreement."""
    meets = can_meet(request.actor, attribution)
    if meets:
        shown = [attribution.doctor_request.resident_id]
        read(request, "medecin_traitant.attribution", shown, purpose="soins du patient accepté")
    context = {
        "it": attribution,
        "age": _age(attribution),
        "meets": meets,
        "settings": queries.settings_of(request.cpts),
        "form": RefusalForm(),
    }
    return render_page(request, "medecin_traitant/attribution.html", context)


@page(PROFESSIONAL, of=Attribution, methods=("POST",))
def answer(request, attribution):
    _respond(request, attribution, request.actor, THANKS)
    if request.POST.get("answer") == "accept":
        return redirect("medecin_traitant:attribution", cpts=request.cpts.slug, pk=attribution.pk)
    return redirect("medecin_traitant:offer", cpts=request.cpts.slug)


@page(Access.LINK, methods=("GET", "POST"))
def attribution_link(request, token):
    """The signed link: opening it does nothing; the button does."""
    ids = queries.read_attribution_token(token)
    if ids is None:
        return dead(request)
    cpts = cpts_of(ids[0])
    with scope(cpts=cpts), timezone.override(cpts.zone):
        actor = LinkActor(cpts_id=cpts.pk, target=f"attribution:{ids[1]}")
        found = Attribution.objects.visible_to(actor).first()
        if found is None:
            raise Http404
        if not can_answer(actor, found):
            return dead(request)
        if request.method == "POST":
            _respond(request, found, actor, THANKS)
            return redirect("medecin_traitant:attribution_link", token=token)
        context = {
            "it": found,
            "cpts_name": cpts.name,
            "age": _age(found),
            "form": RefusalForm(),
            "here": reverse("medecin_traitant:attribution_link", kwargs={"token": token}),
            "login_url": reverse(
                "medecin_traitant:attribution", kwargs={"cpts": cpts.slug, "pk": found.pk}
            ),
        }
        return render_page(request, "medecin_traitant/attribution_link.html", context)
