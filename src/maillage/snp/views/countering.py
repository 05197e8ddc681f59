"""Another hour proposed by a professional, and what the desk makes of it."""

from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone

from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission
from maillage.snp import actions, queries
from maillage.snp.forms import CounterForm
from maillage.snp.models import Proposal
from maillage.snp.views.desk import act, on_board

HOUR_SAID = "Autre heure notée : la régulation demande au patient."


def counter_form(proposal: Proposal, data=None) -> CounterForm:
    return CounterForm(
        data,
        zone=proposal.booking.slot.place.commune.zone,
        search_hours=queries.settings_of(proposal.cpts).search_hours,
        now=timezone.now(),
    )


def offer_hour(request, proposal: Proposal, actor) -> CounterForm | None:
    """Try the other hour typed in; None when it is said, else the form with what is wrong."""
    form = counter_form(proposal, request.POST)
    if not form.is_valid():
        return form
    try:
        actions.counter_offer(by=actor, proposal=proposal, starts_at=form.starts_at)
    except NotAllowed:
        raise
    except DomainError as error:
        form.add_error(None, str(error))
        return form
    return None


@page(Permission.SNP_DESK, Permission.PROPOSAL_ANSWER, of=Proposal, methods=("GET", "POST"))
def counter(request, proposal):
    """« Pas à cette heure, mais à… »: the professional signed in, or the desk on their word."""
    is_desk = request.actor.may(Permission.SNP_DESK, request.cpts)
    form = counter_form(proposal)
    if request.method == "POST":
        form = offer_hour(request, proposal, request.actor)
        if form is None:
            messages.success(request, HOUR_SAID)
            if is_desk:
                return on_board(request, proposal.care_request)
            return redirect("snp:proposal", cpts=request.cpts.slug, pk=proposal.pk)
    context = {
        "proposal": proposal,
        "form": form,
        "slot": queries.slot_text(proposal.booking.slot),
        "is_desk": is_desk,
    }
    status = 422 if request.method == "POST" else 200
    return render_page(request, "snp/counter.html", context, status=status)


@page(Permission.SNP_DESK, of=Proposal, methods=("POST",))
def counter_take(request, proposal):
    return act(
        request,
        proposal.care_request,
        lambda: actions.take_counter(by=request.actor, proposal=proposal),
        said="Heure retenue : prévenez le patient.",
    )


@page(Permission.SNP_DESK, of=Proposal, methods=("POST",))
def counter_decline(request, proposal):
    return act(
        request,
        proposal.care_request,
        lambda: actions.decline_counter(by=request.actor, proposal=proposal),
        said="Heure non retenue : le professionnel est prévenu.",
    )
