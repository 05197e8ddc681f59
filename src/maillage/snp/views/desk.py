"""What the desk does with one request, and its story."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from maillage.directory.enums import Profession
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.pages import is_fragment, page, read, render_page
from maillage.kernel.permissions import Permission
from maillage.snp import actions, queries
from maillage.snp.enums import (
    AgeBand,
    ProposalState,
    Reason,
)
from maillage.snp.models import CareRequest, Proposal

PURPOSE = "régulation SNP"


def on_board(request, care_request=None) -> HttpResponse:
    """Back to the board, with the request in hand."""
    url = reverse("snp:board", kwargs={"cpts": request.cpts.slug})
    return redirect(f"{url}?demande={care_request.pk}" if care_request else url)


def id_of(text: str) -> int | None:
    """What may be the id of a row; None for anything else, numbers too long for a column included."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def act(request, care_request, call, said="") -> HttpResponse:
    """One call, then the board; an expected refusal is shown there, as a sentence.

    `said`: the sentence of success, or a function that makes it of what the call returned.
    """
    try:
        done = call()
    except NotAllowed:
        raise
    except DomainError as error:
        messages.error(request, str(error))
        if is_fragment(request):
            return render(request, "_messages.html", status=409, using="jinja2")
    else:
        sentence = said(done) if callable(said) else said
        if sentence:
            messages.success(request, sentence)
    return on_board(request, care_request)


@page(Permission.SNP_DESK, of=CareRequest, methods=("POST",))
def widen(request, care_request):
    return act(
        request,
        care_request,
        lambda: actions.widen(
            by=request.actor, care_request=care_request, seen=request.POST.get("circle", "")
        ),
        lambda done: f"Cercle ouvert : {done.get_circle_display()}.",
    )


def facts(care_request: CareRequest) -> dict:
    """The words of the request in hand."""
    return {
        "reason": Reason(care_request.reason).label if care_request.reason else "Transmis au 15",
        "age": AgeBand(care_request.age_band).label if care_request.age_band else "âge non demandé",
        "profession": Profession(care_request.profession).label,
        "inform": care_request.get_inform_state_display(),
    }


@page(Permission.SNP_DESK, of=CareRequest)
def story(request, care_request):
    """A case from its first minute to its end."""
    history = queries.history(care_request)
    read(request, "snp.story", [care_request.resident_id], purpose=PURPOSE)
    proposals = care_request.proposals.select_related(
        "professional", "booking__slot__place__commune"
    ).order_by("sent_at", "pk")
    return render_page(
        request,
        "snp/story.html",
        {
            "care_request": care_request,
            "facts": facts(care_request),
            "history": history,
            "proposals": proposals,
        },
    )


@page(Permission.SNP_DESK, of=CareRequest, methods=("POST",))
def take(request, care_request):
    return act(
        request,
        care_request,
        lambda: actions.take_case(by=request.actor, care_request=care_request),
        said="Vous suivez cette demande.",
    )


@page(Permission.SNP_DESK, of=CareRequest, methods=("POST",))
def propose(request, care_request):
    wanted = id_of(request.POST.get("slot", ""))
    if wanted is None:
        messages.error(request, "Choisissez un créneau.")
        return on_board(request, care_request)
    slots = queries.slots_to_choose(care_request, timezone.now()).select_related("place__commune")
    slot = get_object_or_404(slots, pk=wanted)
    return act(
        request,
        care_request,
        lambda: actions.propose(by=request.actor, care_request=care_request, slot=slot),
        said=lambda proposal: (
            "Créneau réservé : prévenez le patient."
            if proposal.state == ProposalState.ACCEPTED
            else "Proposition envoyée : la réponse est attendue."
        ),
    )


@page(Permission.SNP_DESK, of=Proposal, methods=("POST",))
def withdraw(request, proposal):
    return act(
        request,
        proposal.care_request,
        lambda: actions.withdraw_proposal(by=request.actor, proposal=proposal),
        said="Proposition retirée, la place est libre."
        if proposal.state == ProposalState.SENT
        else "",
    )
