"""The on-call roster, the closing of the desk, and the agreements with neighbour CPTSs."""

import datetime as dt

from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone

from maillage.kernel.errors import DomainError, NotAllowed, Unchanged
from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission
from maillage.snp import actions, queries
from maillage.snp.forms import AgreementProposalForm, OnCallForm
from maillage.snp.models import Agreement, OnCall
from maillage.snp.rules import can_set_desk
from maillage.territory.models import Cpts

SET = Permission.SNP_SETTINGS


def _try(request, form, call) -> bool:
    """Whether the act was done; an expected refusal is said in the form, or above the page."""
    try:
        call()
    except NotAllowed:
        raise
    except Unchanged as same:
        messages.info(request, str(same))
        return False
    except DomainError as error:
        if form is None:
            messages.error(request, str(error))
        else:
            form.add_error(None, str(error))
        return False
    return True


@page(SET, Permission.SNP_DESK, methods=("GET", "POST"))
def roster(request):
    """Who is on call and when; another span, by whoever sets the desk."""
    may_set = can_set_desk(request.actor, request.cpts)
    form = OnCallForm(request.POST or None, seats=queries.on_call_candidates(request.cpts))
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        if _try(
            request,
            form,
            lambda: actions.set_on_call(by=request.actor, cpts=request.cpts, **values),
        ):
            messages.success(request, "Astreinte notée.")
            return redirect("snp:roster", cpts=request.cpts.slug)
    now = timezone.now()
    context = {
        "form": form if may_set else None,
        "spans": queries.roster_of(request.cpts, now),
        "standby": queries.standby(request.cpts, now),
        "is_open": queries.desk_is_open(request.cpts, now),
        "closings": queries.closings_of(request.cpts),
        "may_close": request.actor.may(Permission.SNP_DESK, request.cpts),
        "now": now,
    }
    status = 422 if request.method == "POST" else 200
    return render_page(request, "snp/roster.html", context, status=status)


@page(SET, of=OnCall, methods=("POST",))
def roster_end(request, on_call):
    if _try(request, None, lambda: actions.end_on_call(by=request.actor, on_call=on_call)):
        messages.success(request, "Astreinte retirée.")
    return redirect("snp:roster", cpts=request.cpts.slug)


@page(Permission.SNP_DESK, methods=("POST",))
def close_desk(request):
    """Close before the hour: every open request gets somebody who answers for it."""
    if _try(request, None, lambda: actions.close_desk(by=request.actor, cpts=request.cpts)):
        messages.success(request, "Régulation fermée : chaque demande ouverte a un responsable.")
    return redirect("snp:roster", cpts=request.cpts.slug)


@page(SET, Permission.SNP_DESK, methods=("GET", "POST"))
def agreements(request):
    """Agreements this CPTS is a side of; a new one, by whoever sets the desk."""
    may_set = can_set_desk(request.actor, request.cpts)
    others = Cpts.objects.exclude(pk=request.cpts.pk).order_by("name")
    form = AgreementProposalForm(request.POST or None, others=others)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        until = values.pop("until_on")
        if until is not None:
            after = until + dt.timedelta(days=1)
            values["ends_at"] = timezone.make_aware(dt.datetime.combine(after, dt.time()))
        if _try(
            request,
            form,
            lambda: actions.propose_agreement(by=request.actor, cpts=request.cpts, **values),
        ):
            messages.success(
                request, "Accord proposé et signé. L'autre CPTS doit signer à son tour."
            )
            return redirect("snp:agreements", cpts=request.cpts.slug)
    context = {
        "form": form if may_set else None,
        "agreements": queries.agreements_page(request.actor, timezone.now()),
    }
    status = 422 if request.method == "POST" else 200
    return render_page(request, "snp/agreements.html", context, status=status)


@page(SET, of=Agreement, methods=("POST",))
def agreement_sign(request, agreement):
    if _try(request, None, lambda: actions.sign_agreement(by=request.actor, agreement=agreement)):
        messages.success(request, "Accord signé : il est en service.")
    return redirect("snp:agreements", cpts=request.cpts.slug)


@page(SET, of=Agreement, methods=("POST",))
def agreement_withdraw(request, agreement):
    if _try(
        request, None, lambda: actions.withdraw_agreement(by=request.actor, agreement=agreement)
    ):
        messages.success(request, "Accord dénoncé : il ne sert plus, dès maintenant.")
    return redirect("snp:agreements", cpts=request.cpts.slug)
