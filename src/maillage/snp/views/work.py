"""The desk at work: calls, the shift, absences, the day's sheet."""

import datetime as dt

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.utils import timezone

from maillage.directory.models import Professional
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission
from maillage.snp import actions, queries
from maillage.snp.forms import CallForm, ShiftForm
from maillage.snp.models import CareRequest
from maillage.snp.queries.absences import absents_of, displaced_proposals
from maillage.snp.queries.sheet import day_of, open_rows, relievers
from maillage.snp.views.desk import act, id_of

OLDEST_DAY = dt.date(2000, 1, 1)


def called(request, care_request, pk: int | None) -> Professional | None:
    """Somebody of the directory, or a neighbour's who was asked; nobody else's record is read."""
    if pk is None:
        return None
    known = Professional.objects.visible_to(request.actor).filter(pk=pk).first()
    asked = care_request.proposals.filter(professional=pk).select_related("professional").first()
    if known is None and asked is None:
        raise Http404
    return known or asked.professional


@page(Permission.SNP_DESK, of=CareRequest, methods=("POST",))
def call(request, care_request):
    form = CallForm(request.POST)

    def note():
        if not form.is_valid():
            raise actions.Incomplete("Indiquez qui a été appelé et ce qu'il en est.")
        data = form.cleaned_data
        professional = called(request, care_request, data["professional"])
        actions.note_call(
            by=request.actor,
            care_request=care_request,
            to=data["to"],
            result=data["result"],
            professional=professional,
        )

    return act(request, care_request, note, said="Appel noté.")


@page(Permission.SNP_DESK, methods=("GET", "POST"))
def shift(request):
    """What is open, mine first; and the act that gives mine to somebody else."""
    now = timezone.now()
    seats = relievers(request.cpts, request.actor.seat_id, now)
    form = ShiftForm(request.POST or None, seats=seats)
    if request.method == "POST" and form.is_valid():
        try:
            done = actions.hand_over_shift(
                by=request.actor, cpts=request.cpts, to_seat=form.cleaned_data["to_seat"]
            )
        except NotAllowed:
            raise
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request, f"Relève faite : {done.to_seat.user} répond de {done.requests} demande(s)."
            )
            return redirect("snp:shift", cpts=request.cpts.slug)
    rows = open_rows(request.cpts, now)
    mine = [row for row in rows if row.care_request.owner_id == request.actor.seat_id]
    context = {
        "form": form,
        "mine": mine,
        "others": [row for row in rows if row not in mine],
        "has_relievers": seats.exists(),
    }
    status = 422 if request.method == "POST" else 200
    return render_page(request, "snp/shift.html", context, status=status)


@page(Permission.SNP_DESK, Permission.SNP_COUNTS)
def day(request):
    """One day of the desk, without identity: to print, or to read the day after."""
    today = timezone.localdate()
    wanted = _date_or(request.GET.get("date", ""), today)
    context = {
        "wanted": wanted,
        "is_today": wanted == today,
        "before": wanted - dt.timedelta(days=1),
        "after": wanted + dt.timedelta(days=1) if wanted < today else None,
        "sheet": day_of(request.cpts, wanted, now=timezone.now()),
    }
    return render_page(request, "snp/day.html", context)


def _date_or(text: str, today: dt.date) -> dt.date:
    """A past day or today; anything else is today."""
    try:
        wanted = dt.date.fromisoformat(text)
    except ValueError:
        return today
    return wanted if OLDEST_DAY <= wanted <= today else today


@page(Permission.SNP_DESK)
def absences(request):
    """Appointments under an absence, by professional, each with the best alternative."""
    now = timezone.now()
    settings = queries.settings_of(request.cpts, now)
    found = absents_of(request.cpts, settings, now)
    return render_page(request, "snp/absences.html", {"absents": found})


@page(Permission.SNP_DESK, of=CareRequest, methods=("POST",))
def reorient_one(request, care_request):
    _reorient(request, [care_request])
    return redirect("snp:absences", cpts=request.cpts.slug)


@page(Permission.SNP_DESK, methods=("POST",))
def reorient_all(request):
    """One transaction for each request: what a power cut leaves undone is still on the page."""
    wanted = id_of(request.POST.get("professional", ""))
    if wanted is None:
        messages.error(request, "Choisissez le professionnel absent.")
    else:
        found = displaced_proposals(request.cpts, timezone.now(), wanted)
        _reorient(request, [proposal.care_request for proposal in found])
    return redirect("snp:absences", cpts=request.cpts.slug)


def _reorient(request, care_requests) -> None:
    done = 0
    for care_request in care_requests:
        try:
            actions.reorient_absent(by=request.actor, care_request=care_request)
        except NotAllowed:
            raise
        except DomainError as error:
            messages.error(request, str(error))
        else:
            done += 1
    if done:
        messages.success(request, f"{done} demande(s) à réorienter : elles sont sur le tableau.")
