"""What a professional chooses about being asked, what was asked of them, and fairness seen by all."""

from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from maillage.availability import actions as availability_actions
from maillage.availability import queries as availability
from maillage.availability.enums import PauseUntil
from maillage.directory.enums import Profession
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission
from maillage.kernel.words import moment
from maillage.snp import queries
from maillage.snp.forms import AskingForm, PauseForm, hour_of

EDIT = Permission.AVAILABILITY_EDIT
ROWS_PER_PAGE = 100


def _people(request):
    """Those whose availability this account keeps, and the one asked for (`pro`), else the first."""
    people = list(availability.editable_professionals(request.actor.user_id))
    asked = request.POST.get("pro") or request.GET.get("pro")
    if asked is None:
        return people, people[0] if people else None
    for each in people:
        if str(each.pk) == asked:
            return people, each
    raise Http404


def _back(request, professional):
    url = reverse("snp:preferences", kwargs={"cpts": request.cpts.slug})
    return redirect(f"{url}?{urlencode({'pro': professional.pk})}")


def _show(request, people, professional, *, form=None, pause_form=None):
    if professional is None:
        return render_page(request, "snp/preferences.html", {"professional": None})
    now = timezone.now()
    asking = availability.asking_of(professional, now)
    initial = {
        "weekly_cap": asking.weekly_cap,
        "quiet_from": hour_of(asking.quiet_from_minute),
        "quiet_to": hour_of(asking.quiet_to_minute),
        "for_neighbours": asking.for_neighbours,
    }
    own = availability.professional_of(request.actor.user_id)
    context = {
        "people": people,
        "professional": professional,
        "asking": asking,
        "form": form or AskingForm(initial=initial),
        "pause_form": pause_form or PauseForm(),
        "pauses": [each for each in PauseUntil.choices if each[0] != PauseUntil.DAY],
        "memberships": queries.memberships_of(professional, request.cpts, timezone.localdate(now)),
        "fee_week": queries.week_of(professional, now),
        "is_own": own == professional
        and request.actor.may(Permission.PROPOSAL_ANSWER, request.cpts),
    }
    status = 422 if form is not None or pause_form is not None else 200
    with timezone.override(asking.zone):
        return render_page(request, "snp/preferences.html", context, status=status)


@page(EDIT, methods=("GET", "POST"))
def preferences(request):
    """Pause, weekly cap, quiet hours, neighbours; rings; the week against the ceiling of the fee."""
    people, professional = _people(request)
    if request.method == "POST" and professional is not None:
        form = AskingForm(request.POST)
        if not form.is_valid():
            return _show(request, people, professional, form=form)
        try:
            availability_actions.set_asking(
                by=request.actor, professional=professional, **form.values()
            )
        except NotAllowed:
            raise
        except DomainError as error:
            form.add_error(None, str(error))
            return _show(request, people, professional, form=form)
        messages.success(request, "C'est noté : votre choix vaut dès maintenant.")
        return _back(request, professional)
    return _show(request, people, professional)


@page(EDIT, methods=("POST",))
def pause(request):
    """« Tout mettre en pause », and its end."""
    people, professional = _people(request)
    if professional is None:
        raise Http404
    if "resume" in request.POST:
        availability_actions.resume_asking(by=request.actor, professional=professional)
        messages.success(request, "C'est repris : vos créneaux sont de nouveau proposés.")
        return _back(request, professional)
    now, zone = timezone.now(), availability.zone_of_practice(professional)
    with timezone.override(zone):
        form = PauseForm(request.POST)
        if not form.is_valid():
            return _show(request, people, professional, pause_form=form)
        data = form.cleaned_data
        until = availability.pause_end(data["until"], zone, now, data["day"])
        availability_actions.pause_asking(by=request.actor, professional=professional, until=until)
        told = f", jusqu'à {moment(until)}" if until else ""
    messages.success(
        request, f"En pause{told} : plus rien n'est proposé. Ce qui est accepté reste."
    )
    return _back(request, professional)


@page(Permission.PROPOSAL_ANSWER)
def asked(request):
    """« Ce qu'on m'a demandé »: thirty days, without any patient."""
    professional = availability.professional_of(request.actor.user_id)
    now = timezone.now()
    rows = [] if professional is None else queries.asked_of(professional, request.cpts, now=now)
    context = {"professional": professional, "rows": rows, "days": queries.ASKED_DAYS}
    return render_page(request, "snp/asked.html", context)


@page(Permission.DIRECTORY_VIEW)
def fairness(request):
    """Offers, acceptances, refusals and silences, for everybody to see."""
    own = availability.professional_of(request.actor.user_id)
    wanted = request.GET.get("profession", "")
    if wanted not in Profession.values:
        wanted = own.profession if own else Profession.DOCTOR.value
    found = queries.fairness_of(
        request.cpts, wanted, now=timezone.now(), mine=own.pk if own else None
    )
    context = {
        "fairness": found,
        "rows": Paginator(found.rows, ROWS_PER_PAGE).get_page(request.GET.get("page")),
        "profession": wanted,
        "professions": Profession.choices,
        "query": f"{urlencode({'profession': wanted})}&",
        "can_answer": request.actor.may(Permission.PROPOSAL_ANSWER, request.cpts),
    }
    return render_page(request, "snp/fairness.html", context)
