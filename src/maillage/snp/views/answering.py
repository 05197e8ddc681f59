"""The professional's side: the link of a proposal before log-in, its page after."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django_scopes import scope

from maillage.accounts.rules import LinkActor
from maillage.directory.enums import CareKind, Profession
from maillage.kernel.errors import DomainError
from maillage.kernel.pages import Access, page, read, render_page
from maillage.kernel.permissions import Permission
from maillage.snp import actions, queries
from maillage.snp.enums import AgeBand, CareRequestStatus, ProposalState, Reason
from maillage.snp.forms import RefusalForm
from maillage.snp.models import Proposal
from maillage.snp.rules import can_answer, can_see_identity, can_see_reason, is_withdrawn
from maillage.snp.views.countering import HOUR_SAID, counter_form, offer_hour
from maillage.snp.views.desk import on_board
from maillage.territory import queries as territory
from maillage.territory.models import Cpts


def words(proposal: Proposal, *, with_commune: bool) -> dict:
    """What may be said of a proposal before log-in: no reason, no identity, no phone. To a
    neighbour's professional, only what the agreement shares."""
    care_request, slot = proposal.care_request, proposal.booking.slot
    there = slot.place.commune_id
    route = territory.travel_minutes(care_request.commune, [there])[there]
    agreement = proposal.agreement
    with_age = agreement is None or agreement.shares_age
    with_commune = with_commune and (agreement is None or agreement.shares_commune)
    return {
        "profession": Profession(care_request.profession).label,
        "kind": CareKind(slot.kind).label,
        "age": AgeBand(care_request.age_band).label if with_age else "",
        "slot": queries.slot_text(slot),
        "travel": route.text,
        "travel_source": "" if route.same_commune else route.source,
        "commune": care_request.commune.name if with_commune else "",
    }


def fetch(proposal_id: int) -> Proposal:
    return Proposal.objects.select_related(
        *("cpts", "care_request__commune", "care_request__resident", "care_request__cpts"),
        "care_request__sharing",
        *("professional", "booking__slot__place__commune", "agreement"),
    ).get(pk=proposal_id)


def say(request, call, thanks: str) -> None:
    try:
        call()
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, thanks)


THANKS = ("Acceptée. La régulation prévient le patient.", "Refus noté. Merci de votre réponse.")
NOTED = ("Acceptation notée : prévenez le patient.", "Refus noté : cherchez un autre créneau.")


def respond(request, proposal: Proposal, actor, said: tuple[str, str] = THANKS) -> None:
    """Accept, refuse or say another hour, from a form with a button named `answer`."""
    if request.POST.get("answer") == "accept":
        say(
            request,
            lambda: actions.accept_proposal(by=actor, proposal=proposal),
            said[0],
        )
        return
    if request.POST.get("answer") == "counter":
        hour = offer_hour(request, proposal, actor)
        if hour is None:
            messages.success(request, HOUR_SAID)
        for errors in hour.errors.values() if hour else ():
            messages.error(request, " ".join(errors))
        return
    form = RefusalForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choisissez une raison dans la liste.")
        return
    say(
        request,
        lambda: actions.refuse_proposal(
            by=actor, proposal=proposal, reason=form.cleaned_data["reason"]
        ),
        said[1],
    )


DEAD = {"withdrawn": False}


# The token in the address is what authorises the act; a browser opened from an SMS may keep no cookie.
@csrf_exempt
@page(Access.LINK, methods=("GET", "POST"))
def link(request, token):
    """The signed link: opening it does nothing; the button does."""
    ids = queries.read_token(token)
    if ids is None:
        return render_page(request, "snp/link_dead.html", DEAD, status=410)
    cpts = Cpts.objects.filter(pk=ids[0], closed_at=None).first()
    if cpts is None:
        raise Http404
    with scope(cpts=cpts), timezone.override(cpts.zone):
        try:
            proposal = fetch(ids[1])
        except Proposal.DoesNotExist:
            raise Http404 from None
        locum = f"+{ids[2]}" if ids[2] else ""
        actor = LinkActor(cpts_id=cpts.pk, target=f"proposal:{proposal.pk}{locum}")
        if not Proposal.objects.within_relation(cpts.pk, timezone.now()).filter(pk=ids[1]).exists():
            return render_page(request, "snp/link_dead.html", DEAD, status=410)
        if is_withdrawn(proposal.care_request):
            return render_page(request, "snp/link_dead.html", {"withdrawn": True}, status=410)
        if locum and not can_answer(actor, proposal):
            return render_page(
                request, "snp/link_dead.html", DEAD, status=410
            )  # no longer replaces
        if request.method == "POST":
            respond(request, proposal, actor)
            return redirect("snp:link", token=token)
        return render_page(
            request,
            "snp/link.html",
            {
                "proposal": proposal,
                "cpts_name": cpts.name,
                "words": words(proposal, with_commune=is_large(proposal)),
                "form": RefusalForm(),
                "counter": counter_form(proposal),
                "waits": waits(proposal),
                "login_url": ""
                if proposal.agreement_id
                else reverse("snp:proposal", kwargs={"cpts": cpts.slug, "pk": proposal.pk}),
                "token": token,
            },
        )


def is_large(proposal: Proposal) -> bool:
    """The commune is said before log-in only above the dated population threshold."""
    threshold = queries.settings_of(proposal.cpts).commune_population_min
    latest = proposal.care_request.commune.populations.order_by("-year").first()
    return latest is not None and latest.population >= threshold


def waits(proposal: Proposal) -> bool:
    """Does answering still make sense? Late answers do, while the request is free."""
    return proposal.state == ProposalState.SENT or (
        proposal.state == ProposalState.EXPIRED
        and proposal.care_request.status in (CareRequestStatus.NEW, CareRequestStatus.PROPOSED)
    )


@page(Permission.PROPOSAL_ANSWER, of=Proposal)
def proposal(request, proposal):
    """After log-in: reason, identity and phone, once accepted and with the patient's agreement."""
    proposal = fetch(proposal.pk)
    care_request = proposal.care_request
    open_identity = can_see_identity(request.actor, proposal)
    if open_identity:
        read(
            request, "snp.proposal", [care_request.resident_id], purpose="soins du patient accepté"
        )
    accepted = proposal.state == ProposalState.ACCEPTED
    return render_page(
        request,
        "snp/proposal.html",
        {
            "proposal": proposal,
            "care_request": care_request,
            "words": words(proposal, with_commune=True),
            "reason": Reason(care_request.reason).label
            if can_see_reason(request.actor, proposal)
            else "",
            "identity": open_identity,
            "withdrawn": is_withdrawn(care_request),
            "form": RefusalForm(),
            "counter": counter_form(proposal),
            "waits": waits(proposal),
            "accepted": accepted,
            "asks_outcome": accepted
            and care_request.status in (CareRequestStatus.ACCEPTED, CareRequestStatus.INFORMED)
            and proposal.booking.slot.starts_at <= timezone.now(),
        },
    )


@page(Permission.PROPOSAL_ANSWER, of=Proposal, methods=("POST",))
def answer(request, proposal):
    respond(request, proposal, request.actor)
    return redirect("snp:proposal", cpts=request.cpts.slug, pk=proposal.pk)


@page(Permission.SNP_DESK, of=Proposal, methods=("POST",))
def voice(request, proposal):
    """The professional answered the desk by telephone: the desk writes it for them."""
    respond(request, proposal, request.actor, said=NOTED)
    return on_board(request, proposal.care_request)
