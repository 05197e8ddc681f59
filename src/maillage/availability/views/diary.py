"""The pages of whoever keeps a professional's availability: themselves, or their secretary."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from maillage.availability import actions, queries
from maillage.availability.enums import HORIZON_DAYS
from maillage.availability.forms import (
    AbsenceForm,
    EndForm,
    OpeningForm,
    PeriodForm,
    QuickForm,
    VisibilityForm,
)
from maillage.availability.models import Absence, Opening, WeeklyPeriod
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission

EDIT = Permission.AVAILABILITY_EDIT
# What may be typed before the visibility was chosen, and where each comes back.
DRAFTS = {
    "period": (PeriodForm, "plage"),
    "opening": (OpeningForm, "ouverture"),
    "quick": (QuickForm, "aujourdhui"),
}


def _people(request):
    """Those whose availability this account keeps, and the one asked for (`pro`), else the first."""
    people = list(queries.editable_professionals(request.actor.user_id))
    asked = request.POST.get("pro") or request.GET.get("pro")
    if asked is None:
        return people, people[0] if people else None
    for each in people:
        if str(each.pk) == asked:
            return people, each
    raise Http404


def _professional(request):
    professional = _people(request)[1]
    if professional is None:
        raise Http404
    return professional


def _address(request, name, professional, *, anchor="", **query):
    url = reverse(f"availability:{name}", kwargs={"cpts": request.cpts.slug})
    return f"{url}?{urlencode({'pro': professional.pk} | query)}{anchor and '#' + anchor}"


def _back(request, professional):
    """To the page that asked (the phone's home), else to the week."""
    asked = request.POST.get("next", "")
    if asked.startswith("/") and url_has_allowed_host_and_scheme(asked, allowed_hosts=None):
        return redirect(asked)
    return redirect(_address(request, "week", professional))


def _forms(professional, sheet, draft):
    places = list(queries.open_places(professional))
    offer = {"professional": professional, "places": places}
    typed = {draft.get("form", ""): draft.dict()}
    return {
        "period": PeriodForm(**offer, auto_id="period-%s", initial=typed.get("period")),
        "opening": OpeningForm(**offer, auto_id="opening-%s", initial=typed.get("opening")),
        "absence": AbsenceForm(zone=sheet.zone, auto_id="absence-%s"),
    }


def _show(request, people, professional, *, bound=None, status=200):
    context = {"people": people, "professional": professional, "bound": bound}
    if professional is None:
        return render_page(request, "availability/nobody.html", context)
    now = timezone.now()
    sheet = queries.sheet_of(professional, now=now, days=HORIZON_DAYS)
    draft = request.GET if request.GET.get("form") in DRAFTS else QueryDict()
    context |= {
        "sheet": sheet,
        "today": timezone.localdate(now, sheet.zone),
        "quick": queries.quick_state(professional, now),
        "draft": draft.get("form", ""),
        "quick_draft": draft.get("answer", ""),
        "forms": _forms(professional, sheet, draft) | (bound or {}),
        "end_form": EndForm(auto_id=False),
    }
    with timezone.override(sheet.zone):
        return render_page(request, "availability/week.html", context, status=status)


def _ask_visibility(request, professional, name, error):
    """Ask who may see, and carry what was typed: it comes back in its form."""
    form, _ = DRAFTS[name]
    typed = {key: request.POST[key] for key in form.base_fields if key in request.POST}
    messages.info(request, f"{error} Ce que vous avez saisi n'est pas perdu.")
    return redirect(_address(request, "visibility", professional, form=name, **typed))


@page(EDIT)
def week(request):
    """The coming fortnight: slots and places, rules, absences. Never who a place is for."""
    return _show(request, *_people(request))


def _add(request, name, professional, form, action, done):
    """One call of a form of the week; what is refused is said in the form, typed values kept.

    `done`: the sentence of success, or a function that makes it of what the call returned.
    """
    if form.is_valid():
        try:
            made = action(by=request.actor, professional=professional, **form.values())
        except NotAllowed:
            raise
        except actions.VisibilityNotChosen as error:
            return _ask_visibility(request, professional, name, error)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, done(made) if callable(done) else done)
            return redirect(_address(request, "week", professional))
    people = queries.editable_professionals(request.actor.user_id)
    return _show(request, people, professional, bound={name: form}, status=422)


@page(EDIT, methods=("POST",))
def add_period(request):
    professional = _professional(request)
    form = PeriodForm(
        request.POST,
        professional=professional,
        places=queries.open_places(professional),
        auto_id="period-%s",
    )
    done = "Plage ajoutée. Vos créneaux sont à jour."
    return _add(request, "period", professional, form, actions.add_period, done)


@page(EDIT, methods=("POST",))
def open_once(request):
    professional = _professional(request)
    form = OpeningForm(
        request.POST,
        professional=professional,
        places=queries.open_places(professional),
        auto_id="opening-%s",
    )
    done = "Ouverture ajoutée. Vos créneaux sont à jour."
    return _add(request, "opening", professional, form, actions.open_once, done)


@page(EDIT, methods=("POST",))
def add_absence(request):
    professional = _professional(request)
    form = AbsenceForm(
        request.POST, zone=queries.zone_of_practice(professional), auto_id="absence-%s"
    )
    return _add(request, "absence", professional, form, actions.add_absence, _absence_told)


def _absence_told(absence):
    if queries.has_places_under(absence):
        return "Absence enregistrée. La régulation est prévenue pour les places déjà prises."
    return "Absence enregistrée : rien n'est proposé pour vous pendant ce temps."


@page(EDIT, of=WeeklyPeriod, methods=("POST",))
def end_period(request, period):
    """Stop a weekly period; a wrong date or an end already past is told, nothing is lost."""
    form = EndForm(request.POST)
    if form.is_valid():
        try:
            actions.end_period(
                by=request.actor, period=period, until_on=form.cleaned_data["until_on"]
            )
        except actions.BadOpening as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "Plage arrêtée. Les places déjà prises le restent.")
    else:
        messages.error(request, "Indiquez le dernier jour de la plage, par exemple 31/12/2026.")
    return _back(request, period.professional)


@page(EDIT, of=Opening, methods=("POST",))
def close_opening(request, opening):
    actions.close_opening(by=request.actor, opening=opening)
    messages.success(request, "Ouverture retirée. Les places déjà prises le restent.")
    return _back(request, opening.professional)


@page(EDIT, of=Absence, methods=("POST",))
def end_absence(request, absence):
    actions.end_absence(by=request.actor, absence=absence)
    messages.success(request, "Absence levée. Vos créneaux sont de nouveau proposés.")
    return _back(request, absence.professional)


@page(EDIT, methods=("POST",))
def quick(request):
    """« Je peux prendre un patient »: said, and back to where it was said."""
    professional = _professional(request)
    answer = request.POST.get("answer", "")
    was_off = queries.quick_state(professional, timezone.now()).absence
    try:
        said = actions.answer_quickly(by=request.actor, professional=professional, answer=answer)
    except NotAllowed:
        raise
    except actions.VisibilityNotChosen as error:
        return _ask_visibility(request, professional, "quick", error)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _quick_told(said, was_off))
    return _back(request, professional)


def _quick_told(said, was_off):
    if isinstance(said, Absence):
        return "C'est noté : rien n'est proposé pour vous aujourd'hui."
    told = f"C'est noté : « {said.get_quick_answer_display()} »."
    if was_off is not None:
        told += " « Pas aujourd'hui » est levé : vos autres créneaux du jour sont reproposés."
    return told


@page(EDIT, methods=("GET", "POST"))
def visibility(request):
    """Who sees what this professional opens. Withdrawing acts at once."""
    people, professional = _people(request)
    if professional is None:
        return _show(request, people, None)
    cptss = queries.cptss_of(professional)
    if request.method == "POST":
        form = VisibilityForm(request.POST, cptss=cptss)
        draft = QueryDict(request.POST.get("draft", ""))
        if form.is_valid():
            actions.choose_visibility(by=request.actor, professional=professional, **form.values())
            return _after_choice(request, professional, draft)
    else:
        form = VisibilityForm(cptss=cptss, initial=queries.visibility_of(professional))
        draft = request.GET
    context = {
        "people": people,
        "professional": professional,
        "form": form,
        "cptss": cptss,
        "is_chosen": queries.visibility_of(professional) is not None,
        "draft": draft.urlencode() if draft.get("form") in DRAFTS else "",
    }
    status = 422 if form.is_bound else 200
    return render_page(request, "availability/visibility.html", context, status=status)


def _after_choice(request, professional, draft):
    """Back to what was being opened, typed values in place; else to the choice, now in force."""
    name = draft.get("form")
    if name not in DRAFTS:
        messages.success(request, "C'est noté : votre choix vaut dès maintenant.")
        return redirect(_address(request, "visibility", professional))
    messages.success(request, "C'est noté. Vérifiez ce que vous aviez saisi, puis enregistrez.")
    form, anchor = DRAFTS[name]
    typed = {key: draft[key] for key in form.base_fields if key in draft}
    return redirect(_address(request, "week", professional, anchor=anchor, form=name, **typed))
