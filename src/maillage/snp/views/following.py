"""What the desk does next: agreement, patient, signs, information, outcome."""

from django.contrib import messages
from django.shortcuts import redirect

from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.pages import page, read, render_page
from maillage.kernel.permissions import Permission
from maillage.residents import queries as residents
from maillage.residents.models import Resident, SharingAgreement
from maillage.snp import actions, queries
from maillage.snp.enums import InformResult
from maillage.snp.forms import (
    AgreementForm,
    CancelForm,
    ConfirmForm,
    InformationForm,
    InformForm,
    OutcomeForm,
    PatientForm,
    SignsAgainForm,
)
from maillage.snp.models import CareRequest
from maillage.snp.views.desk import PURPOSE, act, facts, on_board
from maillage.snp.views.intake import likely_doubles


def small_form(
    request,
    care_request,
    form,
    *,
    title,
    call,
    button="",
    note="",
    danger=False,
    said="",
    template="snp/act.html",
):
    """A page with one short form about a request; its act, then the board, told `said`."""
    if request.method == "POST" and form.is_valid():
        try:
            call(form)
        except NotAllowed:
            raise
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            if said:
                messages.success(request, said)
            return on_board(request, care_request)
    context = {
        "care_request": care_request,
        "facts": facts(care_request),
        "form": form,
        "title": title,
        "button": button,
        "note": note,
        "danger": danger,
    }
    status = 422 if request.method == "POST" else 200
    return render_page(request, template, context, status=status)


NO_NOTICE = (
    "Aucun texte d'information n'est en service : un administrateur l'écrit dans « Information des "
    "habitants »."
)
ASK = (
    "« Acceptez-vous que je transmette votre nom et votre numéro au professionnel qui va vous "
    "recevoir ? » S'il exerce dans une CPTS voisine, dites-le. Sans accord, l'identité n'est montrée "
    "à aucun professionnel."
)


@page(Permission.SNP_DESK, of=CareRequest, methods=("GET", "POST"))
def agreement(request, care_request):
    return small_form(
        request,
        care_request,
        AgreementForm(request.POST or None),
        title="Accord de partage",
        note=ASK,
        button="Noter l'accord",
        said="Accord noté.",
        call=lambda form: actions.record_agreement(
            by=request.actor, care_request=care_request, **form.cleaned_data
        ),
    )


@page(Permission.SNP_DESK, of=CareRequest, methods=("GET", "POST"))
def information(request, care_request):
    notice = residents.notice_of(request.cpts)
    return small_form(
        request,
        care_request,
        InformationForm(request.POST or None),
        title="Information sur les données",
        note=notice.text if notice else NO_NOTICE,
        button="Noter l'information",
        said="Information notée.",
        call=lambda form: actions.record_information(
            by=request.actor, care_request=care_request, means=form.cleaned_data["means"]
        ),
    )


@page(Permission.RESIDENT_DESK, of=SharingAgreement, methods=("POST",))
def sharing_withdraw(request, sharing):
    """From the request's page or the resident's: every door closes at the next request."""
    actions.withdraw_sharing(by=request.actor, agreement=sharing)
    messages.success(request, "Accord retiré : plus rien n'est montré aux professionnels.")
    if request.POST.get("from") == "habitant" and sharing.resident_id:
        return redirect("residents:detail", cpts=request.cpts.slug, pk=sharing.resident_id)
    return on_board(request, sharing.care_requests.order_by("-pk").first())


@page(Permission.SNP_DESK, of=CareRequest, methods=("GET", "POST"))
def signs(request, care_request):
    """To the 15 now, for a worry or a sign; or the signs were asked again, and there was none."""
    flags = queries.red_flags(request.cpts)

    def call(form):
        if form.red_flag is None and not form.is_worried:
            actions.check_signs(by=request.actor, care_request=care_request)
            messages.success(request, "Noté : aucun signe, redemandé maintenant.")
        else:
            actions.hand_over(by=request.actor, care_request=care_request, red_flag=form.red_flag)

    return small_form(
        request,
        care_request,
        SignsAgainForm(request.POST or None, flags=flags.flags.all() if flags else []),
        title="Passer au 15",
        note="Passez l'appel au 15, puis choisissez : la demande lui est transmise maintenant. "
        "Le téléphone et la commune sont gardés jusqu'à la reprise.",
        call=call,
        template="snp/signs.html",
    )


@page(Permission.SNP_DESK, of=CareRequest, methods=("GET", "POST"))
def confirm(request, care_request):
    return small_form(
        request,
        care_request,
        ConfirmForm(request.POST or None),
        title="Reprise par le 15",
        note="Le numéro à rappeler n'est plus gardé une fois la reprise notée.",
        button="Noter la reprise",
        said="Reprise par le 15 notée.",
        call=lambda form: actions.confirm_hand_over(
            by=request.actor,
            care_request=care_request,
            taken_over_by=form.cleaned_data["taken_over_by"],
        ),
    )


@page(Permission.SNP_DESK, of=CareRequest, methods=("GET", "POST"))
def cancel(request, care_request):
    return small_form(
        request,
        care_request,
        CancelForm(request.POST or None),
        title="Annuler la demande",
        note="Les places retenues sont rendues et les professionnels prévenus.",
        button="Annuler la demande",
        said="Demande annulée.",
        call=lambda form: actions.cancel(
            by=request.actor,
            care_request=care_request,
            cancelled_by=form.cleaned_data["cancelled_by"],
        ),
        danger=True,
    )


@page(Permission.SNP_DESK, of=CareRequest, methods=("GET", "POST"))
def name_patient(request, care_request):
    """Say who the request is for: somebody known, looked for first, else a new record."""
    found = []
    if request.method == "POST":
        found = likely_doubles(request, phone=care_request.phone, commune=care_request.commune_id)
    form = PatientForm(request.POST or None, doubles=found)
    read(request, "snp.name", [each.pk for each in found], purpose=PURPOSE)
    asked = "resident" in request.POST or not found
    if request.method == "POST" and not asked:
        context = {
            "care_request": care_request,
            "facts": facts(care_request),
            "form": form,
            "title": "Nommer le patient",
            "button": "Confirmer",
            "note": "Des personnes ressemblantes sont déjà connues : choisissez.",
            "danger": False,
        }
        return render_page(request, "snp/act.html", context)

    def call(form):
        data = form.cleaned_data
        known = None
        if data.get("resident"):
            known = Resident.objects.visible_to(request.actor).get(pk=data["resident"])
        actions.name_resident(
            by=request.actor,
            care_request=care_request,
            resident=known,
            **{name: data[name] for name in ("family_name", "given_name", "birth_date")},
            is_sure="resident" in request.POST,
        )

    return small_form(
        request,
        care_request,
        form,
        title="Nommer le patient",
        note="On cherche d'abord parmi les personnes connues.",
        button="Enregistrer",
        said="Patient nommé.",
        call=call,
    )


@page(Permission.SNP_DESK, of=CareRequest, methods=("POST",))
def inform(request, care_request):
    form = InformForm(request.POST)

    def call():
        if not form.is_valid():
            raise actions.Incomplete("Indiquez le moyen et le résultat.")
        actions.inform_patient(
            by=request.actor,
            care_request=care_request,
            means=form.cleaned_data["means"],
            result=form.cleaned_data["result"],
        )
        return f"Noté : {InformResult(form.cleaned_data['result']).label}."

    return act(request, care_request, call, said=str)


@page(Permission.SNP_DESK, Permission.PROPOSAL_ANSWER, of=CareRequest, methods=("POST",))
def outcome(request, care_request):
    form = OutcomeForm(request.POST)

    def call():
        if not form.is_valid():
            raise actions.Incomplete("Choisissez : honoré ou non honoré.")
        actions.record_outcome(
            by=request.actor,
            care_request=care_request,
            honoured=form.cleaned_data["outcome"] == "honoured",
        )

    if request.actor.may(Permission.SNP_DESK, request.cpts):
        return act(request, care_request, call, said="Issue notée.")
    call()
    messages.success(request, "Issue notée. Merci.")
    return redirect("home:cpts", cpts=request.cpts.slug)


@page(Permission.SNP_DESK, of=CareRequest, methods=("POST",))
def reorient(request, care_request):
    return act(
        request,
        care_request,
        lambda: actions.reorient(by=request.actor, care_request=care_request),
        said="Demande à réorienter : choisissez un autre créneau.",
    )


@page(Permission.SNP_DESK, methods=("POST",))
def by_phone(request):
    """Open requests whose number to call back is this one; posted: no number in an address."""
    found = queries.called_from(request.cpts, request.POST.get("phone", ""))
    read(request, "snp.by_phone", [each.resident_id for each in found], purpose=PURPOSE)
    return render_page(request, "snp/by_phone.html", {"found": found})
